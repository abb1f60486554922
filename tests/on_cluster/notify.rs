//! Who is told what, once, in which form; and that no receiver changes anything.

use std::time::Duration;

use serde_json::{Value, json};

use crate::approvals::{asks_it_whole, state_evidence};
use crate::fixture::{Lab, Pod, until};
use crate::proxy::serve_tls;
use crate::receiver::{Receiver, SECRET};
use crate::remediator::{Remediator, Run, Runbook};
use crate::web_server::{Reply, free_port};
use crate::workloads::{deployment, pod_spec};

/// A pod of one replica, which no runbook allows to be replaced.
fn single(lab: &Lab) -> Pod {
    lab.roll_out(&deployment("single", 1));
    lab.ask_for_one("single")
}

/// The program, with somebody to tell.
fn telling<'a>(lab: &'a Lab, runbook: &Runbook, url: &str) -> Remediator<'a> {
    lab.remediator_with(runbook).env("NOTIFY_URL", url).env("RUST_LOG", "trace")
}

/// What the ledger says that humans were told, as pod UID and reason.
fn remembered(lab: &Lab) -> Vec<(String, String)> {
    let Some(text) = lab.state()["data"]["ledger.json"].as_str().map(str::to_owned) else { return Vec::new() };
    let ledger: Value = serde_json::from_str(&text).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = ledger["ledger"]["notified"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| (text(&one["podUid"]), text(&one["reason"]))).collect()
}

/// Nothing that a run says or leaves behind has anything of the URL's secrets in it.
#[track_caller]
fn secret_is_kept(lab: &Lab, run: &Run) {
    let left = [run.errors.clone(), json!(run.records).to_string(), lab.get(&["events.events.k8s.io,configmaps"]).to_string()];
    for (place, text) in ["stderr", "stdout", "Events and ConfigMaps"].into_iter().zip(left) {
        for secret in [SECRET, "T0SECRET", "b0secret", "s3cr3t"] {
            assert!(!text.contains(secret), "{secret} in {place}: {text}");
        }
    }
}

/// What a human was told of by the program's diagnostics.
fn warned(run: &Run) -> Vec<String> {
    let lines = run.errors.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let cause = |line: Value| {
        line["message"].as_str()?.strip_prefix("cannot notify: ")?.strip_suffix("; the next run tries again").map(str::to_owned)
    };
    lines.filter_map(cause).collect()
}

/// A replacement that never gets Ready: its node is closed behind the pods that are there.
fn doomed(lab: &Lab) -> Pod {
    let gate = format!("cluster.test/{}", lab.namespace);
    lab.kubectl(&["label", "node", "simulated-1", &format!("{gate}=open")]);
    let mut web = deployment("web", 2);
    pod_spec(&mut web)["nodeSelector"][&gate] = json!("open");
    web["metadata"]["annotations"] = json!({"remediator.kubedojo.io/owner": "team-web"});
    lab.roll_out(&web);
    lab.kubectl(&["label", "node", "simulated-1", &format!("{gate}-")]);
    lab.ask_for_one("web")
}

#[test]
fn a_refusal_is_told_once_for_each_pod_and_reason_over_several_runs() {
    let (lab, receiver) = (Lab::new("told-once"), Receiver::new());
    let target = single(&lab);
    lab.kubectl(&["annotate", "deployment", "single", "remediator.kubedojo.io/owner=team-single"]);
    lab.kubectl(&["annotate", "pod", &target.name, "remediator.kubedojo.io/incident=INC-7"]);
    for run in 0..3 {
        let run_of = telling(&lab, &lab.runbook(), &receiver.url()).run();
        run_of.refused(&target, &["blast_radius"]);
        assert_eq!((run_of.exit, receiver.got().len()), (0, 1), "run {run}: {:?}", receiver.got());
        secret_is_kept(&lab, &run_of);
    }
    let got = &receiver.got()[0];
    assert_eq!(got.line, format!("POST {SECRET} HTTP/1.1"));
    let text = got.text();
    for part in [
        format!(
            "*Page the service owner*: `{}` asks to be replaced, and was not\n```skipped {}: blocked by blast_radius: ",
            target.name, target.name
        ),
        format!("\nService `single`, pod `{}`, namespace `{}`\n", target.name, lab.namespace),
        "\nRunbook `replace-redundant-pod`, its owner `platform-operations`, the workload's owner `team-single`\n".to_owned(),
        "\nIncident `INC-7`, run `20".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!(remembered(&lab), [(target.uid.clone(), "blast_radius,own_workload_redundancy".to_owned())]);
    let events = lab.get(&["events.events.k8s.io"]).to_string();
    assert!(events.contains(r#"(runbook owner \"platform-operations\", service owner \"team-single\")"#), "{events}");

    // Another reason is other news.
    lab.kubectl(&["annotate", "pod", &target.name, "remediator.kubedojo.io/confidence=much"]);
    telling(&lab, &lab.runbook(), &receiver.url()).run();
    assert_eq!(receiver.got().len(), 2, "{:?}", receiver.got());
    assert_eq!(remembered(&lab)[1], (target.uid, "malformed_request".to_owned()));
}

#[test]
fn as_json_it_is_the_line_of_the_trail() {
    let (lab, receiver) = (Lab::new("told-json"), Receiver::new());
    let target = single(&lab);
    let run = telling(&lab, &lab.runbook(), &receiver.url()).env("NOTIFY_FORMAT", "json").run();
    assert_eq!(receiver.got().len(), 1, "{run:?}");
    assert_eq!(&receiver.got()[0].json(), run.decision(&target));
    secret_is_kept(&lab, &run);
}

#[test]
fn an_approval_is_asked_for_with_the_command_that_gives_it() {
    let (lab, receiver) = (Lab::new("told-approval"), Receiver::new());
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    state_evidence(&lab, &target);
    let run_once = || lab.remediator().env("MODE_CEILING", "approval_required").env("NOTIFY_URL", &receiver.url()).run();
    let run = run_once();
    assert_eq!(run.decision(&target)["decision.mode"], "approval_required", "{run:?}");
    let writes: Vec<Value> = lab.writes().into_iter().filter(|line| line["verb"] == "update").collect();
    assert_eq!(writes.len(), 2, "what asks and what was told are written once each: {writes:?}");
    run_once();
    assert_eq!(receiver.got().len(), 1, "{:?}", receiver.got());
    let text = receiver.got()[0].text();
    let command = text.lines().find_map(|line| line.strip_prefix("```kubectl ")?.strip_suffix("```")).unwrap_or_else(|| panic!("{text}"));
    asks_it_whole("the notification", &text, &target, &format!("kubectl {command}"), &run.decision(&target)["approval"]);
    lab.kubectl(&command.split(' ').collect::<Vec<_>>());
    let run = run_once();
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(receiver.got().len(), 1, "success is nobody's business: {:?}", receiver.got());
}

#[test]
fn a_failure_and_an_open_breaker_are_told_with_the_command_that_closes_it() {
    for format in ["slack", "json"] {
        let (lab, receiver) = (Lab::new("told-failure"), Receiver::new());
        let target = doomed(&lab);
        let runbook = || lab.runbook().with("verification", "timeoutSeconds", 5);
        let run = telling(&lab, &runbook(), &receiver.url()).env("NOTIFY_FORMAT", format).run();
        assert_eq!((run.exit, receiver.got().len()), (3, 1), "{run:?}");
        secret_is_kept(&lab, &run);
        let got = &receiver.got()[0];
        let command = format!("pod-remediator reset-breaker replace-redundant-pod -n {} --reason '…'", lab.namespace);
        if format == "json" {
            assert_eq!(&got.json(), run.outcome(&target));
            let escalation = &got.json()["escalation"];
            let expected = json!({
                "level": "open_incident_and_disable_runbook", "runbook_owner": "platform-operations", "service_owner": "team-web",
                "reset_with": command,
            });
            assert_eq!(escalation, &expected);
        } else {
            let text = got.text();
            let title = format!("*Open an incident: the runbook is disabled*: replacing `{}` failed\n", target.name);
            assert!(text.starts_with(&title), "{text}");
            assert!(text.contains(&format!("\nIts circuit breaker is open. After you fix the cause:\n```{command}```\n")), "{text}");
            assert!(text.contains("its owner `platform-operations`, the workload's owner `team-web`"), "{text}");
        }
        let events = lab.get(&["events.events.k8s.io"]).to_string();
        assert!(events.contains("CircuitBreakerOpened") && events.contains("reset-breaker replace-redundant-pod"), "{events}");
        let run = telling(&lab, &runbook(), &receiver.url()).run();
        assert_eq!((run.exit, receiver.got().len()), (0, 1), "{run:?} {:?}", receiver.got());
    }
}

#[test]
fn an_escalation_of_none_is_silent() {
    let (lab, receiver) = (Lab::new("told-none"), Receiver::new());
    let (blocked, failing) = (single(&lab), doomed(&lab));
    let runbook = lab.runbook().with("verification", "timeoutSeconds", 5).with("escalation", "onVerificationFailure", "none");
    let runbook = runbook.with("escalation", "onGuardrailFailure", "none");
    let run = telling(&lab, &runbook, &receiver.url()).run();
    assert_eq!(run.exit, 3, "{run:?}");
    run.refused(&blocked, &["blast_radius"]);
    assert_eq!(run.outcome(&failing)["escalation"]["level"], "none");
    assert!(receiver.got().is_empty() && remembered(&lab).is_empty(), "{:?}", receiver.got());
}

#[test]
fn a_pause_pages_nobody() {
    let (lab, receiver) = (Lab::new("told-pause"), Receiver::new());
    lab.roll_out(&deployment("web", 3));
    let first = lab.ask_for_one("web");
    lab.remediator().env("NOTIFY_URL", &receiver.url()).replaces(&first);
    let second = lab.ask_for_one("web");
    let run = telling(&lab, &lab.runbook(), &receiver.url()).run();
    assert_eq!(run.blocks(&second), ["cooldown"]);
    assert!(receiver.got().is_empty(), "{:?}", receiver.got());
}

#[test]
fn twelve_services_at_once_are_one_message() {
    let (lab, receiver) = (Lab::new("told-twelve"), Receiver::new());
    let services: Vec<String> = (1..=12).map(|number| format!("service-{number:02}")).collect();
    services.iter().for_each(|name| lab.apply(&deployment(name, 2)));
    services.iter().for_each(|name| lab.rolled_out(&deployment(name, 2)));
    let pods: Vec<Pod> = services.iter().map(|name| lab.ask_for_one(name)).collect();
    for format in ["slack", "json", "slack"] {
        let run = telling(&lab, &lab.runbook(), &receiver.url()).env("NOTIFY_FORMAT", format).run();
        pods.iter().for_each(|pod| drop(run.refused(pod, &["matched_services"])));
        assert_eq!(receiver.got().len(), 1, "{run:?}");
    }
    let text = receiver.got()[0].text();
    assert!(text.contains("12 pods need a human: "), "{text}");
    services.iter().for_each(|name| assert!(text.contains(&format!(" of {name}: matched_services")), "{name}: {text}"));
    assert_eq!(remembered(&lab).len(), 12);
    assert_eq!(lab.writes().iter().filter(|line| line["verb"] == "update").count(), 2, "what asks, and what was told");
}

#[test]
fn a_receiver_that_fails_changes_nothing_and_is_tried_again() {
    let (lab, receiver, elsewhere) = (Lab::new("told-in-vain"), Receiver::new(), Receiver::new());
    let (blocked, _) = (single(&lab), lab.roll_out(&deployment("web", 2)));
    let nobody = free_port();
    let (untrusted, _) = serve_tls(&lab);
    let runbook = || lab.runbook().with("guardrails", "cooldownMinutes", 1).with("guardrails", "maxExecutionsPerHour", 99);
    let without = lab.remediator_with(&runbook()).run();
    let of = |run: &Run| (run.exit, run.decision(&blocked)["message"].clone(), run.records.len());
    let ok = receiver.url();
    for (reply, url, why) in [
        (Reply::status(500), ok.clone(), "the receiver answered with status 500"),
        (Reply::redirect(&elsewhere.url()), ok.clone(), "the receiver answered with status 302, and redirects are not followed"),
        (Reply::Silence, ok.clone(), "no whole answer within "),
        (Reply::Endless, ok.clone(), "the answer is longer than 65536 bytes"),
        (Reply::ok("ok"), format!("http://127.0.0.1:{nobody}{SECRET}"), "cannot connect: "),
        // Soon or not at all, as the resolver likes.
        (Reply::ok("ok"), format!("http://nowhere.invalid{SECRET}"), ""),
        (Reply::ok("ok"), format!("https://127.0.0.1:{untrusted}{SECRET}"), "cannot connect: "),
    ] {
        receiver.answers(reply);
        let run = telling(&lab, &runbook(), &url).run();
        assert_eq!(of(&run), of(&without), "{url}");
        let warned = warned(&run);
        assert!(warned.len() == 1 && warned[0].starts_with(why), "{why}: {warned:?} {run:?}");
        assert!(!warned[0].contains("nowhere") && !warned[0].contains("127.0.0.1"), "{warned:?}");
        secret_is_kept(&lab, &run);
        assert_eq!(remembered(&lab), []);
    }
    assert!(elsewhere.got().is_empty(), "a redirect is not followed: {:?}", elsewhere.got());

    // While it hangs, a pod is replaced all the same, and proved.
    receiver.answers(Reply::Silence);
    let target = lab.ask_for_one("web");
    let run = telling(&lab, &runbook(), &receiver.url()).run();
    assert_eq!((run.exit, &run.outcome(&target)["verification"]["result"]), (0, &json!("verified")), "{run:?}");
    assert_eq!(lab.deletions().len(), 1);

    receiver.answers(Reply::ok("ok"));
    let before = receiver.got().len();
    telling(&lab, &runbook(), &receiver.url()).run();
    assert_eq!((receiver.got().len(), remembered(&lab).len()), (before + 1, 1), "once it works again");
}

#[test]
fn a_receiver_with_a_certificate_is_told_where_that_is_trusted() {
    let lab = Lab::new("told-tls");
    let target = single(&lab);
    let (port, certificate) = serve_tls(&lab);
    let url = format!("https://127.0.0.1:{port}{SECRET}");
    let run = telling(&lab, &lab.runbook(), &url).env("SSL_CERT_FILE", certificate.to_str().unwrap()).run();
    assert_eq!((run.exit, warned(&run)), (0, Vec::new()), "{run:?}");
    assert_eq!(remembered(&lab)[0].0, target.uid);
    secret_is_kept(&lab, &run);
}

#[test]
fn a_failure_that_could_not_be_told_is_told_by_a_later_run() {
    let (lab, receiver) = (Lab::new("told-late"), Receiver::new());
    let target = doomed(&lab);
    let runbook = || lab.runbook().with("verification", "timeoutSeconds", 5);
    receiver.answers(Reply::status(503));
    let run = telling(&lab, &runbook(), &receiver.url()).run();
    assert_eq!((run.exit, receiver.got().len()), (3, 1), "{run:?}");
    receiver.answers(Reply::ok("ok"));
    // The run that it is of has a minute to tell it.
    until("a later run tells it", || {
        let run = telling(&lab, &runbook(), &receiver.url()).run();
        assert_eq!(run.exit, 0, "{run:?}");
        (receiver.got().len() > 1).then_some(()).or_else(|| {
            std::thread::sleep(Duration::from_secs(5));
            None
        })
    });
    let text = receiver.got()[1].text();
    assert!(text.starts_with("*Open an incident: the runbook is disabled*\n```not reported before, at 20"), "{text}");
    assert!(text.contains("reset-breaker replace-redundant-pod") && text.contains(&target.name), "{text}");
    assert!(text.contains("its owner `platform-operations`, the workload's owner `team-web`"), "{text}");
    telling(&lab, &runbook(), &receiver.url()).run();
    assert_eq!(receiver.got().len(), 2, "{:?}", receiver.got());
}

#[test]
fn hostile_annotations_are_shown_and_obeyed_by_nobody() {
    let (lab, receiver) = (Lab::new("told-hostile"), Receiver::new());
    let target = single(&lab);
    let hostile =
        "X` ``` <!channel> @here <@U012AB> <https://evil.example|click> http://evil.example \u{202e}\u{200b}\nsecond line *b* &lt;";
    for key in ["incident", "probable-cause", "requested-by"] {
        lab.kubectl(&["annotate", "pod", &target.name, &format!("remediator.kubedojo.io/{key}={hostile}")]);
    }
    lab.kubectl(&["annotate", "deployment", "single", &format!("remediator.kubedojo.io/owner={hostile}")]);
    let run = telling(&lab, &lab.runbook(), &receiver.url()).run();
    assert_eq!((run.exit, receiver.got().len()), (0, 1), "{run:?}");
    let text = receiver.got()[0].text();
    assert!(text.contains("channel&gt;") && text.contains("second line"), "it is shown: {text}");
    for forbidden in ["<", ">", "@", "://", "\u{202e}", "\u{200b}", "\nsecond", "X`"] {
        assert!(!text.contains(forbidden), "{forbidden:?} in {text}");
    }
    assert!(text.lines().all(|line| line.matches('`').count() % 2 == 0), "{text}");
}

#[test]
fn a_dry_run_tells_nobody_but_says_what_it_would() {
    let (lab, receiver) = (Lab::new("told-dry"), Receiver::new());
    let target = single(&lab);
    let run = telling(&lab, &lab.runbook(), &receiver.url()).with("--dry-run").run();
    assert_eq!(run.exit, 0, "{run:?}");
    let said = run.records.iter().find(|record| record["event.reason"] == "would_notify").unwrap_or_else(|| panic!("{run:?}"));
    let message = said["message"].as_str().unwrap();
    let expected =
        format!("dry run, nothing is touched: would notify by slack: Page the service owner: {} of single: blast_radius", target.name);
    assert!(message.starts_with(&expected), "{message}");
    assert!(receiver.got().is_empty());
    assert!(remembered(&lab).is_empty());
    secret_is_kept(&lab, &run);
}

#[test]
fn a_url_that_cannot_be_used_ends_the_run_before_anything_and_is_not_shown() {
    let lab = Lab::new("told-wrong");
    for url in ["ftp://T0SECRET/b0secret", "T0SECRET", "https://me:T0SECRET@example.com/b0secret"] {
        let run = telling(&lab, &lab.runbook(), url).run();
        assert_eq!(run.exit, 2, "{run:?}");
        assert!(run.errors.contains("NOTIFY_URL: its value, which is not shown, cannot be used: it must"), "{run:?}");
        secret_is_kept(&lab, &run);
    }
    assert!(lab.requests().is_empty());
}
