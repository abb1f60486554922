//! Told to stop, or out of time, at the moments that matter: it ends in time, and the ledger is true. And which exit code wins.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::answers::unavailable;
use crate::fixture::{Lab, Pod, until};
use crate::proxy::{Proxy, Request, Step};
use crate::remediator::{Run, signal};
use crate::workloads::{deployment, pod_spec};

fn lab_with_a_request(name: &str) -> (Lab, Pod) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    (lab, target)
}

/// A run that is sent a signal at one certain request, which is never answered. It ends within ten seconds, with the code for it.
fn stopped_at(lab: &Lab, name: &'static str, exit: i32, this: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Run {
    let (process, sent) = (Arc::new(OnceLock::new()), Arc::new(Mutex::new(None)));
    let (of_script, sent_at) = (Arc::clone(&process), Arc::clone(&sent));
    let proxy = Proxy::start(lab, move |request| {
        if !this(request) {
            return Step::Forward;
        }
        let process = *of_script.wait();
        sent_at.lock().unwrap().get_or_insert_with(Instant::now);
        signal(process, name);
        Step::Hang(Duration::from_secs(30))
    });
    let running = lab.remediator().in_no_pod().by(&proxy.kubeconfig).start();
    process.set(running.id()).unwrap();
    let run = running.end();
    let took = sent.lock().unwrap().expect("the signal was sent").elapsed();
    assert_eq!(run.exit, exit, "{run:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    run
}

#[track_caller]
fn only_execution(lab: &Lab) -> Value {
    let executions = lab.executions();
    assert_eq!(executions.len(), 1, "{executions:?}");
    executions[0].clone()
}

/// The next run takes up an intent whose deletion was never sent: nothing is refunded, and nothing is done in its place.
fn is_settled_as_not_executed(lab: &Lab, target: &Pod) {
    let next = lab.remediator().run();
    assert_eq!(next.outcome(target)["verification"]["result"], "not_executed", "{next:?}");
    let execution = only_execution(lab);
    assert_eq!((&execution["charged"], &execution["inFlight"]), (&json!(true), &Value::Null), "{execution}");
    assert_eq!(next.blocks(target), ["cooldown"], "{next:?}");
    assert_eq!(lab.deletions(), Vec::<Value>::new());
    lab.untouched(target);
}

#[test]
fn before_the_intent_is_written_nothing_has_begun() {
    for (name, exit) in [("TERM", 143), ("INT", 130)] {
        let (lab, target) = lab_with_a_request(&format!("before-intent-{}", name.to_lowercase()));
        stopped_at(&lab, name, exit, |request| request.writes_the_intent());
        assert_eq!(lab.executions(), Vec::<Value>::new());
        lab.untouched(&target);
        lab.remediator().replaces(&target);
    }
}

#[test]
fn between_intent_and_deletion_the_intent_is_in_the_ledger() {
    for (name, exit) in [("TERM", 143), ("INT", 130)] {
        let (lab, target) = lab_with_a_request(&format!("before-delete-{}", name.to_lowercase()));
        stopped_at(&lab, name, exit, |request| request.deletes_a_pod(1));
        let execution = only_execution(&lab);
        assert!(execution["inFlight"].is_object() && execution["charged"] == true, "{execution}");
        is_settled_as_not_executed(&lab, &target);
    }
}

#[test]
fn while_it_verifies_ctrl_c_ends_it_and_the_next_run_goes_on() {
    let (lab, target) = lab_with_a_request("verifying-int");
    stopped_at(&lab, "INT", 130, |request| request.watches(1));
    assert!(only_execution(&lab)["inFlight"].is_object());
    let next = lab.remediator().run();
    assert_eq!(next.outcome(&target)["verification"]["result"], "verified", "{next:?}");
    assert_eq!(lab.deletions().len(), 1);
}

#[test]
fn an_adoption_that_waits_for_a_late_deletion_is_stopped_like_any_run() {
    let (lab, target) = lab_with_a_request("adopting");
    stopped_at(&lab, "TERM", 143, |request| request.deletes_a_pod(1));
    let first = only_execution(&lab)["inFlight"]["holder"]["runId"].clone();
    let running = lab.remediator().in_no_pod().start();
    until("the second run has taken it over", || (only_execution(&lab)["inFlight"]["holder"]["runId"] != first).then_some(()));
    let start = Instant::now();
    running.signal("TERM");
    let run = running.end();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(run.exit, 143, "{run:?}");
    assert!(only_execution(&lab)["inFlight"].is_object(), "still to be settled");
    is_settled_as_not_executed(&lab, &target);
}

#[test]
fn a_run_whose_deadline_comes_in_mid_flight_ends_with_1_and_the_next_one_goes_on() {
    let (lab, target) = lab_with_a_request("deadline");
    let deleted = OnceLock::new();
    // The deletion is done, and from then on nothing is answered any more.
    let proxy = Proxy::start(&lab, move |request| {
        if request.deletes_a_pod(1) {
            let _ = deleted.set(());
            return Step::Forward;
        }
        if deleted.get().is_some() { Step::Hang(Duration::from_secs(120)) } else { Step::Forward }
    });
    let runbook = lab.runbook().with("verification", "timeoutSeconds", 20);
    let start = Instant::now();
    let run = lab.remediator_with(&runbook).in_no_pod().by(&proxy.kubeconfig).env("RUN_DEADLINE", "45s").run();
    assert!(start.elapsed() < Duration::from_secs(50), "{:?}", start.elapsed());
    assert_eq!(run.exit, 1, "the Job's retry takes it up: {run:?}");
    assert!(run.errors.contains("did not end within its deadline of 45s"), "{run:?}");
    assert!(only_execution(&lab)["inFlight"].is_object());
    let next = lab.remediator().run();
    assert_eq!(next.exit, 0, "{next:?}");
    assert_eq!(next.outcome(&target)["verification"]["result"], "verified", "{next:?}");
    assert_eq!((lab.deletions().len(), only_execution(&lab)["charged"].clone()), (1, json!(true)));
}

/// Two services, of which the first one's replacement can never run; and a run with this script once that outcome is written.
fn fails_and_then(name: &str, deadline: &str, then: fn() -> Step) -> (Lab, Run) {
    let lab = Lab::new(name);
    let gate = format!("cluster.test/{}", lab.namespace);
    lab.kubectl(&["label", "node", "simulated-1", &format!("{gate}=open")]);
    let mut failing = deployment("a", 3);
    pod_spec(&mut failing)["nodeSelector"][&gate] = json!("open");
    lab.roll_out(&failing);
    lab.roll_out(&deployment("b", 2));
    lab.kubectl(&["label", "node", "simulated-1", &format!("{gate}-")]);
    lab.ask_for_one("a");
    lab.ask_for_one("b");
    let written = OnceLock::new();
    let proxy = Proxy::start(&lab, move |request| {
        if written.get().is_some() {
            return then();
        }
        if request.path.ends_with("/events") && request.count >= 1 {
            // The first Event of this run tells of the outcome, which is in the ledger by then.
            let _ = written.set(());
        }
        Step::Forward
    });
    let runbook = lab.runbook().with("verification", "timeoutSeconds", 8).with("guardrails", "maxAffectedServices", 3);
    let runbook = runbook.with("escalation", "onVerificationFailure", "page_service_owner");
    let run = lab.remediator_with(&runbook).in_no_pod().by(&proxy.kubeconfig).env("RUN_DEADLINE", deadline).run();
    assert_eq!(only_execution(&lab)["outcome"]["result"], "failed", "{run:?}");
    assert_eq!(lab.deletions().len(), 1, "{run:?}");
    (lab, run)
}

#[test]
fn a_failed_verification_outranks_an_api_that_fails_later() {
    let (_lab, run) = fails_and_then("gravest-api", "150s", unavailable);
    assert_eq!(run.exit, 3, "{run:?}");
    assert!(run.errors.contains("503"), "and why it ended is said: {run:?}");
}

#[test]
fn a_failed_verification_outranks_the_deadline() {
    let (_lab, run) = fails_and_then("gravest-deadline", "35s", || Step::Hang(Duration::from_secs(120)));
    assert_eq!(run.exit, 3, "{run:?}");
    // The last call's own limit is that same moment.
    assert!(["did not end within its deadline of 35s", "did not answer in time"].iter().any(|why| run.errors.contains(why)), "{run:?}");
}
