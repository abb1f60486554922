//! A human approves exactly one plan; and with the admission policy it is certain who did.

use std::path::Path;

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod};
use crate::remediator::{Run, Runbook};
use crate::workloads::deployment;

const APPROVE: &str = "remediator.kubedojo.io/approve";
const APPROVED_BY: &str = "remediator.kubedojo.io/approved-by";

fn lab(name: &str) -> (Lab, Pod, Runbook) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let runbook = lab.runbook().with_word("decisionMode", "approval_required");
    (lab, target, runbook)
}

/// What a run asks a human: the record's approval.
#[track_caller]
fn asked(lab: &Lab, run: &Run, target: &Pod) -> Value {
    assert_eq!(run.exit, 0, "{run:?}");
    let decision = run.decision(target);
    assert_eq!(decision["decision.mode"], "approval_required", "{run:?}");
    lab.untouched(target);
    decision["approval"].clone()
}

/// Approves as the command says that a run printed.
fn approve(lab: &Lab, command: &str, name: &str) {
    let words: Vec<&str> = command.strip_prefix("kubectl ").unwrap().split(' ').collect();
    let words: Vec<String> = words.iter().map(|word| word.replace("YOUR-NAME", name)).collect();
    lab.kubectl(&words.iter().map(String::as_str).collect::<Vec<_>>());
}

/// What detection knows of a pod of `lab`.
pub(crate) fn state_evidence(lab: &Lab, target: &Pod) {
    let evidence = ["symptom=manual_restart_recommended", "probable-cause=pod_process_hung", "confidence=0.93"];
    let evidence = evidence.map(|one| format!("remediator.kubedojo.io/{one}"));
    lab.kubectl(&["annotate", "pod", &target.name, &evidence[0], &evidence[1], &evidence[2]]);
}

/// Evidence, risk, resources, plan, verification, rollback, what the guardrails say, the command, and until when it counts by the
/// record's approval: wherever a human is asked.
#[track_caller]
pub(crate) fn asks_it_whole(place: &str, text: &str, target: &Pod, command: &str, approval: &Value) {
    let until = format!("until {:.0}", approval["expires_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
    let plan = format!("the plan: delete {} of Deployment/web, service app=web, then a replacement must be Ready and all", target.name);
    for part in [
        "symptom \"manual_restart_recommended\"",
        "probable cause \"pod_process_hung\"",
        "confidence 0.93",
        "risk low",
        &plan,
        "replicas available within 40 s",
        "every guardrail of replace-redundant-pod passed",
        "rollback: controller_recreates_pod (The pod's controller makes the replacement. ",
        "roll the workload back with kubectl rollout undo.)",
        command,
        &until,
    ] {
        assert!(text.contains(part), "{place} does not say {part:?}: {text}");
    }
}

#[test]
fn a_plan_is_asked_for_once_by_name_and_done_once_it_is_approved() {
    let (lab, target, runbook) = lab("approved");
    state_evidence(&lab, &target);
    let first = lab.remediator_with(&runbook).run();
    let approval = asked(&lab, &first, &target);
    assert_eq!(approval["state"], "required");
    let command = approval["approve_with"].as_str().unwrap().to_owned();
    asks_it_whole("the record", first.decision(&target)["message"].as_str().unwrap(), &target, &command, &approval);
    let passed = |check: &Value| check["result"] != "blocked";
    assert!(first.decision(&target)["guardrails"].as_array().unwrap().iter().all(passed), "{first:?}");

    // The next run asks for the same plan by the same name, and `status` has it.
    let second = lab.remediator_with(&runbook).run();
    assert_eq!(asked(&lab, &second, &target)["plan"], approval["plan"]);
    let status = lab.asks_without_runbook(&["status", "--output", "json"]).tells().json();
    assert_eq!(status["proposals"][0]["plan"], approval["plan"], "{status}");
    assert_eq!(status["proposals"][0]["approve_with"], *command, "{status}");
    asks_it_whole("status -o json", status["proposals"][0]["message"].as_str().unwrap(), &target, &command, &approval);
    let table = lab.asks_without_runbook(&["status"]).tells().out;
    let said = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        format!(
            "plan {} action delete {} of Deployment/web, service app=web why replacing ",
            approval["plan"].as_str().unwrap(),
            target.name
        ),
        "evidence symptom \"manual_restart_recommended\", probable cause \"pod_process_hung\", confidence 0.93, risk low verify a"
            .to_owned(),
        "verify a replacement must be Ready and all replicas available within 40 s rollback controller_recreates_pod (The".to_owned(),
    ] {
        assert!(said.contains(&part), "status does not say {part:?}: {table}");
    }
    assert!(table.contains(&format!("\n  approve\n    {command}\n")) && table.matches(&command).count() == 1, "{table}");
    assert!(lab.state()["data"]["summary"].as_str().unwrap().contains(&command), "the summary has the command");
    let events = lab.get(&["events.events.k8s.io"]);
    let notes: Vec<&Value> =
        events["items"].as_array().unwrap().iter().filter(|event| event["reason"] == "PodReplacementNeedsApproval").collect();
    assert_eq!(notes.len(), 1, "{events}");
    asks_it_whole("the Event", notes[0]["note"].as_str().unwrap(), &target, &command, &approval);

    approve(&lab, &command, "ann");
    let third = lab.remediator_with(&runbook).run();
    assert_eq!(third.exit, 0, "{third:?}");
    assert_eq!(third.outcome(&target)["verification"]["result"], "verified", "{third:?}");
    let decision = third.decision(&target);
    assert_eq!(decision["event.reason"], "approved");
    assert!(decision["message"].as_str().unwrap().contains("\"ann\" approved plan"), "{third:?}");
    assert!(decision["message"].as_str().unwrap().contains("unverified"), "{third:?}");
    let execution = &lab.executions()[0];
    assert_eq!(execution["approval"], json!({"plan": approval["plan"], "by": "ann", "verified": false}));
    assert_eq!(lab.deletions().len(), 1);
}

#[test]
fn an_approval_counts_for_its_own_plan_only_and_guardrails_are_checked_again() {
    let (lab, target, runbook) = lab("approval-void");
    let asked_for = asked(&lab, &lab.remediator_with(&runbook).run(), &target);
    let plan = asked_for["plan"].as_str().unwrap();
    // Copied to another pod.
    let other = lab.pods("web").iter().map(Pod::of).find(|pod| pod.uid != target.uid).unwrap();
    lab.kubectl(&["annotate", "pod", &other.name, &format!("{APPROVE}={plan}"), &format!("{APPROVED_BY}=ann")]);
    lab.ask(&other);
    let run = lab.remediator_with(&runbook).run();
    assert_eq!(asked(&lab, &run, &other)["state"], "void", "{run:?}");
    lab.kubectl(&["label", "pod", &other.name, &format!("{}-", crate::fixture::RESTART)]);

    lab.kubectl(&["annotate", "pod", &target.name, &format!("{APPROVE}={plan}"), &format!("{APPROVED_BY}=ann")]);
    // Another runbook than the one that asked, if only by a number.
    let edited = lab.runbook().with_word("decisionMode", "approval_required").with("guardrails", "cooldownMinutes", 11);
    let run = lab.remediator_with(&edited).run();
    assert_eq!(asked(&lab, &run, &target)["state"], "void", "{run:?}");
    // Other evidence.
    lab.kubectl(&["annotate", "pod", &target.name, "remediator.kubedojo.io/incident=INC-7"]);
    let run = lab.remediator_with(&runbook).run();
    assert_eq!(asked(&lab, &run, &target)["state"], "void", "{run:?}");
    lab.kubectl(&["annotate", "pod", &target.name, "remediator.kubedojo.io/incident-"]);
    // As it was approved, but the guardrails no longer let it pass.
    lab.kubectl(&["label", "deployment", "web", "remediator.kubedojo.io/enabled-"]);
    assert_eq!(lab.remediator_with(&runbook).run().blocks(&target), ["workload_opted_in"]);
    assert_eq!(lab.deletions(), Vec::<Value>::new());
}

/// The plans that wait, as `status` and the summary have them.
fn waiting(lab: &Lab) -> Vec<Value> {
    let status = lab.asks_without_runbook(&["status", "--output", "json"]).tells().json();
    let plans = status["proposals"].as_array().unwrap().clone();
    let state = lab.state();
    let summary = state["data"]["summary"].as_str().unwrap_or_default();
    assert_eq!(summary.matches("waits for an approval until ").count(), plans.len(), "{summary}");
    plans
}

#[test]
fn an_approval_is_told_until_the_request_expires_wherever_it_is_told() {
    let (lab, target, runbook) = lab("approval-until");
    lab.kubectl(&["annotate", "pod", &target.name, "remediator.kubedojo.io/requested-at-"]);
    let first = lab.remediator_with(&runbook).run();
    let asked_first = asked(&lab, &first, &target);
    // Twenty minutes older, by the ledger, than when it was asked.
    let mut state = lab.state();
    let mut stored: Value = serde_json::from_str(state["data"]["ledger.json"].as_str().unwrap()).unwrap();
    let since: jiff::Timestamp = stored["ledger"]["requests"][0]["since"].as_str().unwrap().parse().unwrap();
    let since = since - jiff::SignedDuration::from_mins(20);
    stored["ledger"]["requests"][0]["since"] = json!(since.to_string());
    stored["ledger"]["proposals"] = json!([]);
    state["data"]["ledger.json"] = json!(stored.to_string());
    lab.try_put(&format!("configmaps/{}", crate::fixture::STATE), &state).unwrap();

    let until = since + jiff::SignedDuration::from_mins(60);
    let run = lab.remediator_with(&runbook).run();
    let approval = asked(&lab, &run, &target);
    let told = |at: &Value| at.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(told(&approval["expires_at"]), until, "{asked_first} {approval}");
    assert_eq!(told(&waiting(&lab)[0]["expires_at"]), until);
    let words = format!("until {until:.0}");
    assert!(run.decision(&target)["message"].as_str().unwrap().contains(&words), "{run:?}");
    assert!(lab.state()["data"]["summary"].as_str().unwrap().contains(&words));
    assert!(lab.asks_without_runbook(&["status"]).tells().out.contains(&words));

    // Renewed, it counts for longer, by the same name.
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    lab.kubectl(&["annotate", "pod", &target.name, &format!("remediator.kubedojo.io/requested-at={now}")]);
    let renewed = asked(&lab, &lab.remediator_with(&runbook).run(), &target);
    assert_eq!(renewed["plan"], approval["plan"]);
    assert!(told(&renewed["expires_at"]) > until, "{renewed}");
    assert_eq!(waiting(&lab)[0]["expires_at"], renewed["expires_at"]);
}

#[test]
fn a_plan_that_nobody_could_approve_any_more_is_withdrawn_and_one_that_is_good_stays() {
    let (lab, target, runbook) = lab("approval-dead");
    let asks = |runbook: &Runbook| asked(&lab, &lab.remediator_with(runbook).run(), &target);
    let plan = asks(&runbook)["plan"].clone();
    let writes = || lab.writes().iter().filter(|line| line["verb"] == "update").count();
    let before = writes();
    assert_eq!((&asks(&runbook)["plan"], writes()), (&plan, before), "what stands is not written again");
    assert_eq!(waiting(&lab).len(), 1);

    // A guardrail blocks now.
    lab.kubectl(&["label", "deployment", "web", "remediator.kubedojo.io/enabled-"]);
    let dry = lab.remediator_with(&runbook).with("--dry-run").run();
    assert_eq!((dry.blocks(&target), waiting(&lab).len()), (vec!["workload_opted_in".to_owned()], 1), "a dry run writes nothing");
    lab.remediator_with(&runbook).run();
    assert_eq!(waiting(&lab), Vec::<Value>::new());
    // What was read before can still be approved once that is over: a plan's id stays valid.
    lab.kubectl(&["label", "deployment", "web", "remediator.kubedojo.io/enabled=true"]);
    lab.kubectl(&["annotate", "pod", &target.name, &format!("{APPROVE}={}", plan.as_str().unwrap()), &format!("{APPROVED_BY}=ann")]);
    let approved = lab.remediator_with(&runbook).with("--dry-run").run();
    assert_eq!(approved.decision(&target)["event.reason"], "approved", "{approved:?}");
    lab.kubectl(&["annotate", "pod", &target.name, &format!("{APPROVE}-"), &format!("{APPROVED_BY}-")]);

    // No approval is asked for.
    asks(&runbook);
    assert_eq!(waiting(&lab).len(), 1);
    lab.remediator_with(&runbook).env("MODE_CEILING", "suggest").run();
    assert_eq!(waiting(&lab), Vec::<Value>::new());

    // The request is taken back: nothing asks any more.
    asks(&runbook);
    assert_eq!(waiting(&lab).len(), 1);
    lab.kubectl(&["label", "pod", &target.name, &format!("{}-", crate::fixture::RESTART)]);
    let run = lab.remediator_with(&runbook).run();
    assert_eq!((run.exit, waiting(&lab)), (0, Vec::new()), "{run:?}");

    // The pod goes.
    lab.ask(&target);
    asks(&runbook);
    assert_eq!(waiting(&lab).len(), 1);
    lab.kubectl(&["delete", "pod", &target.name, "--wait"]);
    lab.remediator_with(&runbook).run();
    assert_eq!(waiting(&lab), Vec::<Value>::new());
}

#[test]
fn with_the_admission_policy_only_who_may_asks_and_only_who_may_approves_under_their_own_name() {
    let lab = Lab::new("admission");
    lab.roll_out(&deployment("web", 3));
    install_policy(&lab);
    let [detector, approver, impostor] = ["detector", "approver", "impostor"].map(|who| format!("--as={who}-of-{}", lab.namespace));
    let name_of = |flag: &str| flag.strip_prefix("--as=").unwrap().to_owned();
    lab.kubectl(&["create", "role", "label-pods", "--verb=get,list,patch", "--resource=pods,pods/status"]);
    for who in [&detector, &approver, &impostor] {
        lab.kubectl(&[
            "create",
            "rolebinding",
            &format!("{}-labels", name_of(who)),
            "--role=label-pods",
            &format!("--user={}", name_of(who)),
        ]);
    }
    for (who, role) in [(&detector, "pod-remediator-requester"), (&approver, "pod-remediator-approver")] {
        lab.kubectl(&[
            "create",
            "rolebinding",
            &format!("{}-may", name_of(who)),
            &format!("--clusterrole={role}"),
            &format!("--user={}", name_of(who)),
        ]);
    }
    let target = Pod::of(&lab.pods("web")[0]);
    let label = format!("{}=true", crate::fixture::RESTART);
    // A policy takes a moment to be in force.
    crate::fixture::until("the policy is in force", || {
        lab.try_kubectl(&["label", "pod", &target.name, &label, "--dry-run=server", &impostor]).err()
    });
    let denied = |arguments: &[&str], why: &str| {
        let error = lab.try_kubectl(arguments).expect_err(why);
        assert!(error.contains(why), "{error}");
    };
    let may_ask = "only who may create requests.remediator.kubedojo.io";
    denied(&["label", "pod", &target.name, &label, &impostor], may_ask);
    denied(&["label", "pod", &target.name, &label, &approver], may_ask);
    // Nor through the back door of a subresource.
    let patch = json!({"metadata": {"labels": {crate::fixture::RESTART: "true"}}}).to_string();
    denied(&["patch", "pod", &target.name, "--subresource=status", "--type=merge", "--patch", &patch, &impostor], may_ask);
    lab.kubectl(&["label", "pod", &target.name, &label, &detector]);
    denied(&["annotate", "pod", &target.name, "remediator.kubedojo.io/confidence=1", &impostor], may_ask);
    // Nor renews a request; whoever may ask does.
    let renewal = |at: &str| format!("remediator.kubedojo.io/requested-at={at}");
    let renew = ["annotate", "pod", &target.name, "--overwrite"];
    for who in [&impostor, &approver] {
        denied(&[&renew[..], &[&renewal("2026-01-01T00:00:00Z"), who]].concat(), may_ask);
    }
    lab.kubectl(&[&renew[..], &[&renewal("2026-01-01T00:00:00Z"), &detector]].concat());
    denied(&[&renew[..], &[&renewal("2026-01-01T00:00:01Z"), &impostor]].concat(), may_ask);
    // What is not ours is nobody's business here.
    lab.kubectl(&["annotate", "pod", &target.name, "example.com/note=hello", &impostor]);

    let runbook = lab.runbook().with_word("decisionMode", "approval_required");
    let run = || lab.remediator_with(&runbook).env("APPROVALS", "admitted").run();
    let plan = asked(&lab, &run(), &target)["plan"].as_str().unwrap().to_owned();
    let approval = format!("{APPROVE}={plan}");
    let by = |who: &str| format!("{APPROVED_BY}={}", name_of(who));
    let may_approve = "only who may create approvals.remediator.kubedojo.io";
    denied(&["annotate", "pod", &target.name, &approval, &by(&impostor), &impostor], may_approve);
    denied(&["annotate", "pod", &target.name, &approval, &by(&approver), &impostor], may_approve);
    denied(&["annotate", "pod", &target.name, &approval, &by(&detector), &detector], may_approve);
    denied(&["annotate", "pod", &target.name, &approval, &by(&detector), &approver], "must be your own name");
    denied(&["annotate", "pod", &target.name, &approval, &approver], "must be your own name");
    assert_eq!(asked(&lab, &run(), &target)["state"], "required");

    lab.kubectl(&["annotate", "pod", &target.name, &approval, &by(&approver), &approver]);
    denied(&["annotate", "pod", &target.name, "--overwrite", &by(&impostor), &impostor], may_approve);
    let done = run();
    assert_eq!(done.outcome(&target)["verification"]["result"], "verified", "{done:?}");
    let message = done.decision(&target)["message"].as_str().unwrap();
    assert!(message.contains(&format!("\"{}\" approved plan {plan}", name_of(&approver))) && !message.contains("unverified"), "{message}");
    assert_eq!(lab.executions()[0]["approval"]["verified"], true);
    lab.kubectl(&["delete", "validatingadmissionpolicybinding", &format!("of-{}", lab.namespace)]);
}

/// The policy of manifests/components/approvals and its roles; bound to this namespace only, for other tests do other things.
fn install_policy(lab: &Lab) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/components/approvals");
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    lab.apply_text(&text("roles.yaml"));
    let policy = text("policy.yaml");
    let (policy, binding) = policy.split_once("\n---\n").unwrap();
    lab.apply_text(policy);
    let narrowed = binding.replacen("name: pod-remediator-requests-and-approvals", &format!("name: of-{}", lab.namespace), 1).replace(
        "spec:\n",
        &format!("spec:\n  matchResources:\n    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {}}}}}\n", lab.namespace),
    );
    lab.apply_text(&narrowed);
}
