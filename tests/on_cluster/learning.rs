//! It learns from failure, and a human is told, and decides when it may go on: the breaker's threshold, the rate, `status`, `reset-breaker`.
//!
//! Cooldowns last a minute at least, and the rate's window is an hour: instead of waiting, a test makes the ledger older, by a PUT as a
//! human would.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, STATE, is_ready, until};
use crate::remediator::{Run, Runbook};
use crate::workloads::{deployment, pod_spec};

const RUNBOOK: &str = "replace-redundant-pod";

/// What a command said.
struct Said {
    exit: i32,
    out: String,
    err: String,
}

/// A command of the program, as an operator types it, where there are columns enough for one line each.
fn command(lab: &Lab, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-remediator"));
    let output = command.env("COLUMNS", "250").args(arguments).args(["--namespace", &lab.namespace]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { exit: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// What is asked for by `arguments`, which must work.
#[track_caller]
fn told(lab: &Lab, arguments: &[&str]) -> String {
    let said = command(lab, arguments);
    assert_eq!((said.exit, said.err.as_str()), (0, ""), "{}", said.out);
    said.out
}

#[track_caller]
fn status(lab: &Lab) -> (String, Value) {
    let writes = lab.writes().len();
    let both = (told(lab, &["status"]), serde_json::from_str(&told(lab, &["status", "--output", "json"])).unwrap());
    assert_eq!(lab.writes().len(), writes, "it only reads");
    both
}

/// Makes everything in the ledger so much older, but for the requests that stand: they have just been made.
fn age(lab: &Lab, by: SignedDuration) {
    fn older(value: &mut Value, by: SignedDuration) {
        match value {
            Value::Object(fields) => {
                fields.iter_mut().filter(|(key, _)| *key != "requests").for_each(|(_, value)| older(value, by));
            }
            Value::Array(items) => items.iter_mut().for_each(|value| older(value, by)),
            Value::String(text) => {
                if let Ok(time) = text.parse::<Timestamp>() {
                    *text = (time - by).to_string();
                }
            }
            _ => {}
        }
    }
    let mut state = lab.state();
    let mut stored = stored(lab);
    older(&mut stored, by);
    state["data"]["ledger.json"] = json!(stored.to_string());
    lab.try_put(&format!("configmaps/{STATE}"), &state).unwrap();
}

fn stored(lab: &Lab) -> Value {
    serde_json::from_str(lab.state()["data"]["ledger.json"].as_str().unwrap()).unwrap()
}

fn breaker(lab: &Lab) -> Vec<Value> {
    stored(lab)["ledger"]["breaker"].as_array().unwrap().clone()
}

/// A Ready pod of the service that does not ask yet, and now does.
fn ask_for_a_ready_one(lab: &Lab, app: &str) -> Pod {
    let asks = |pod: &Value| !pod["metadata"]["labels"][crate::fixture::RESTART].is_null();
    let pod = Pod::of(lab.pods(app).iter().find(|pod| is_ready(pod) && !asks(pod)).unwrap());
    lab.ask(&pod);
    pod
}

const ELEVEN_MINUTES: SignedDuration = SignedDuration::from_mins(11);

fn paging(lab: &Lab) -> Runbook {
    let runbook = lab.runbook().with("verification", "timeoutSeconds", 6).with("guardrails", "maxExecutionsPerHour", 9);
    runbook.with("escalation", "onVerificationFailure", "page_service_owner")
}

/// Six pods of web, whose replacements stay Pending until the node has this label again.
fn six_that_cannot_come_back(name: &str) -> (Lab, String) {
    let lab = Lab::new(name);
    let gate = format!("cluster.test/{}", lab.namespace);
    let node = "simulated-1";
    lab.kubectl(&["label", "node", node, &format!("{gate}=open")]);
    let mut web = deployment("web", 6);
    pod_spec(&mut web)["nodeSelector"][&gate] = json!("open");
    lab.roll_out(&web);
    lab.kubectl(&["label", "node", node, &format!("{gate}-")]);
    (lab, gate)
}

/// Another of them is replaced, and fails.
#[track_caller]
fn fails(lab: &Lab, runbook: &Runbook) -> (Pod, Run) {
    let target = ask_for_a_ready_one(lab, "web");
    let run = lab.remediator_with(runbook).run();
    assert_eq!((run.exit, &run.outcome(&target)["verification"]["result"]), (3, &json!("failed")), "{run:?}");
    (target, run)
}

#[test]
fn a_runbook_says_how_many_failures_within_what_time_are_too_many() {
    let (lab, _) = six_that_cannot_come_back("two-of-fifteen");
    let runbook = paging(&lab).with("guardrails", "circuitBreaker", "{failures: 2, windowMinutes: 15}");
    let runbook = runbook.with("escalation", "onVerificationFailure", "open_incident");
    for (later, opened) in [(16, 0), (11, 0), (0, 1)] {
        let (target, run) = fails(&lab, &runbook);
        assert_eq!(run.outcome(&target)["escalation"]["level"], "open_incident", "{run:?}");
        assert_eq!(breaker(&lab).len(), opened, "{run:?}");
        age(&lab, SignedDuration::from_mins(later));
    }
    assert_eq!(breaker(&lab)[0]["service"], "web", "for this service only");
}

#[test]
fn three_failures_within_an_hour_stop_a_runbook_for_a_service_until_a_human_resets_it() {
    let (lab, gate) = six_that_cannot_come_back("threshold");
    lab.roll_out(&deployment("other", 2));

    for failure in 1..=3 {
        let (target, run) = fails(&lab, &paging(&lab));
        assert_eq!(breaker(&lab).len(), usize::from(failure == 3), "after failure {failure}: {run:?}");
        let stopped = run.outcome(&target)["message"].as_str().unwrap().contains("no longer acts on service web until a human resets");
        assert_eq!(stopped, failure == 3, "{run:?}");
        age(&lab, ELEVEN_MINUTES);
    }
    let opening = breaker(&lab).remove(0);
    assert_eq!((&opening["event"], &opening["runbook"], &opening["service"]), (&json!("opened"), &json!(RUNBOOK), &json!("web")));
    let cause = opening["cause"].as_str().unwrap();
    assert!(cause.contains("was not healthy within 6 s: not scheduled: Unschedulable: "), "what was seen is kept: {opening}");

    // Neither time, nor an edited runbook, nor the pruning of what was so long ago closes it; and it is for this service only.
    age(&lab, SignedDuration::from_hours(9 * 24));
    let (refused, other) = (ask_for_a_ready_one(&lab, "web"), ask_for_a_ready_one(&lab, "other"));
    let edited = paging(&lab).with("guardrails", "cooldownMinutes", 1).with("verification", "timeoutSeconds", 30);
    let run = lab.remediator_with(&edited).run();
    assert_eq!((run.exit, run.blocks(&refused)), (0, vec!["circuit_breaker".to_owned()]), "{run:?}");
    assert_eq!(run.outcome(&other)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(lab.executions().iter().filter(|execution| execution["service"] == "web").count(), 1, "pruned but for the last");
    assert_eq!(lab.deletions().len(), 4);
    lab.untouched(&refused);

    let (table, all) = status(&lab);
    assert!(table.contains(&format!("circuit breaker OPEN: {RUNBOOK} for service web since ")), "{table}");
    assert!(table.contains(&format!("pod-remediator reset-breaker {RUNBOOK} --service web -n {}", lab.namespace)), "{table}");
    let opening = breaker(&lab)[0].clone();
    let open = &all["open_breakers"][0];
    let same = |field: &str| assert_eq!(open[field], opening[field], "{field}: {all}");
    ["at", "runbook", "service", "cause", "actor"].iter().for_each(|field| same(field));
    let reset = format!("pod-remediator reset-breaker {RUNBOOK} --service web -n {} --reason '…'", lab.namespace);
    assert_eq!((open["reset_with"].as_str(), all["open_breakers"].as_array().unwrap().len()), (Some(reset.as_str()), 1), "{all}");

    resets(&lab, &refused, &gate);
}

/// What is no reset changes nothing; what is one is kept with its reason and the actor, and lets it act again.
fn resets(lab: &Lab, refused: &Pod, gate: &str) {
    let before = lab.state();
    let none = command(lab, &["reset-breaker", RUNBOOK, "--reason", "  "]);
    assert_eq!((none.exit, none.out.as_str()), (2, ""));
    assert!(none.err.contains("--reason is empty: say what was fixed"), "{}", none.err);
    assert_eq!(command(lab, &["reset-breaker", RUNBOOK]).exit, 2, "a reason is required");
    let in_vain = |arguments: &[&str], why: &str| {
        let said = command(lab, &[arguments, &["--reason", "mended"]].concat());
        assert_eq!((said.exit, said.out.as_str()), (2, ""), "a script must not take it for a reset");
        assert!(said.err.starts_with(&format!("error: reset nothing: no circuit breaker of runbook {why}\n")), "{}", said.err);
        let hint = format!("  hint: {RUNBOOK} is stopped for service web since ");
        let reset = format!("; to reset it: pod-remediator reset-breaker {RUNBOOK} --service web -n {} --reason '…'", lab.namespace);
        let line = said.err.lines().nth(1).unwrap();
        assert!(line.starts_with(&hint) && line.ends_with(&reset), "{}", said.err);
    };
    in_vain(&["reset-breaker", RUNBOOK, "--service", "other"], &format!("\"{RUNBOOK}\" is open for service \"other\""));
    in_vain(&["reset-breaker", RUNBOOK, "--service", "wbe"], &format!("\"{RUNBOOK}\" is open for service \"wbe\": did you mean web?"));
    in_vain(&["reset-breaker", "replace-redundant-pods"], &format!("\"replace-redundant-pods\" is open: did you mean {RUNBOOK}?"));
    in_vain(&["reset-breaker", "another"], "\"another\" is open");
    assert_eq!(lab.state(), before);

    let user = lab.kubectl(&["auth", "whoami", "--output", "jsonpath={.status.userInfo.username}"]);
    let said = told(lab, &["reset-breaker", RUNBOOK, "--service", "web", "--reason", "the node is back"]);
    assert!(said.starts_with(&format!("reset by {user}: {RUNBOOK} may act on service web again")), "{said}");
    let reset = breaker(lab).pop().unwrap();
    assert_eq!((&reset["event"], &reset["service"]), (&json!("reset"), &json!("web")));
    assert_eq!((&reset["cause"], &reset["actor"]), (&json!("the node is back"), &json!(user)));
    let (table, all) = status(lab);
    assert!(table.contains("every circuit breaker is closed"), "{table}");
    assert_eq!(all["open_breakers"], json!([]));
    let twice = command(lab, &["reset-breaker", RUNBOOK, "--service", "web", "--reason", "the node is back"]);
    let closed = "error: reset nothing: no circuit breaker of runbook \"replace-redundant-pod\" is open for service \"web\": every circuit breaker is closed\n";
    assert_eq!((twice.exit, twice.out.as_str(), twice.err.as_str()), (2, "", closed));

    lab.kubectl(&["label", "node", "simulated-1", &format!("{gate}=open")]);
    until("web has recovered", || (lab.pods("web").iter().filter(|pod| is_ready(pod)).count() == 6).then_some(()));
    let runbook = paging(lab).with("guardrails", "maxAffectedServices", 3).with("verification", "timeoutSeconds", 30);
    let run = lab.remediator_with(&runbook).run();
    assert_eq!((run.exit, &run.outcome(refused)["verification"]["result"]), (0, &json!("verified")), "{run:?}");
    lab.kubectl(&["label", "node", "simulated-1", &format!("{gate}-")]);
}

#[test]
fn the_hourly_rate_refuses_with_until_when_and_no_longer() {
    let lab = Lab::new("rate");
    lab.roll_out(&deployment("web", 3));
    let runbook = || lab.runbook().with("guardrails", "maxExecutionsPerHour", 2).with("guardrails", "cooldownMinutes", 1);
    for _ in 0..2 {
        let target = ask_for_a_ready_one(&lab, "web");
        let run = lab.remediator_with(&runbook()).run();
        assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
        age(&lab, ELEVEN_MINUTES);
    }
    let third = ask_for_a_ready_one(&lab, "web");
    let run = lab.remediator_with(&runbook()).run();
    assert_eq!((run.exit, run.blocks(&third)), (0, vec!["hourly_rate".to_owned()]), "{run:?}");
    let first: Timestamp = lab.executions()[0]["startedAt"].as_str().unwrap().parse().unwrap();
    let until = format!("until {:.0}", first + SignedDuration::from_hours(1));
    let message = run.refused(&third, &["hourly_rate"]);
    assert!(message.contains(&until), "{message}, not {until}");
    let (_, all) = status(&lab);
    assert_eq!(all["services"][0]["executions_in_the_last_hour"], json!({RUNBOOK: 2}));
    lab.untouched(&third);

    // The first is an hour old then.
    age(&lab, SignedDuration::from_mins(39));
    let run = lab.remediator_with(&runbook()).run();
    assert_eq!(run.outcome(&third)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(lab.deletions().len(), 3);
}

#[test]
fn status_says_what_is_in_flight_and_then_how_it_ended() {
    let lab = Lab::new("status");
    let (table, all) = status(&lab);
    assert!(table.contains("nothing is in flight\nevery circuit breaker is closed"), "{table}");
    assert_eq!((&all["namespace"], &all["services"], &all["in_flight"]), (&json!(lab.namespace), &json!([]), &json!([])));

    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    // Long enough for a look at it.
    let runbook = lab.runbook().with("verification", "stableSeconds", 20).with("verification", "timeoutSeconds", 90);
    let running = lab.remediator_with(&runbook).in_no_pod().start();
    until("the deletion", || (lab.deletions().len() == 1).then_some(()));
    let (table, all) = status(&lab);
    let execution = lab.executions().remove(0);
    let flight = &execution["inFlight"];
    let run_id = flight["holder"]["runId"].as_str().unwrap();
    let line = format!("in flight: {} of web by {RUNBOOK}, held by run {run_id} in pod a-job-of-the-past until 20", target.name);
    assert!(table.contains(&line), "{table}, not {line}");
    let expected = json!([{
        "execution_id": execution["id"], "service": "web", "pod": target.name, "runbook": RUNBOOK, "run_id": run_id,
        "holder": "a-job-of-the-past", "verify_deadline": flight["verifyDeadline"],
    }]);
    assert_eq!((&all["in_flight"], &all["services"][0]["last"]), (&expected, &Value::Null));
    assert_eq!(all["services"][0]["cooldown_until"], execution["cooldownUntil"], "charged from the intent on");

    let run = running.end();
    let (table, all) = status(&lab);
    let (outcome, service) = (&lab.executions()[0]["outcome"], &all["services"][0]);
    assert_eq!(all["in_flight"], json!([]));
    let last = json!({
        "at": outcome["at"], "result": "verified", "detail": outcome["detail"], "pod": target.name, "runbook": RUNBOOK,
        "replacement": run.outcome(&target)["verification"]["replacement"],
    });
    assert_eq!((&service["service"], &service["last"]), (&json!("web"), &last));
    let row = table.lines().find(|line| line.starts_with("web ")).unwrap();
    assert!(table.contains("nothing is in flight") && row.contains("verified") && row.contains(&format!("1 {RUNBOOK}")), "{table}");

    // A cooldown that is over is no cooldown.
    age(&lab, ELEVEN_MINUTES);
    assert_eq!(status(&lab).1["services"][0]["cooldown_until"], Value::Null);
}

#[test]
fn neither_reads_a_ledger_that_cannot_be_trusted() {
    let lab = Lab::new("told-garbage");
    lab.kubectl(&["patch", "configmap", STATE, "--type", "merge", "--patch", r#"{"data": {"ledger.json": "{}"}}"#]);
    let before = lab.state();
    for arguments in [&["status"][..], &["reset-breaker", RUNBOOK, "--reason", "mended"]] {
        let said = command(&lab, arguments);
        assert_eq!((said.exit, said.out.as_str()), (4, ""), "{}", said.err);
        assert!(said.err.contains("cannot be trusted"), "{}", said.err);
    }
    assert_eq!(lab.state(), before);
}
