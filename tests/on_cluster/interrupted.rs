//! Who holds an intent, one at a time; and what becomes of it when that run ends before its time.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::audit_log::requests_by_namespace;
use crate::fixture::{Lab, Pod, until};
use crate::judge::Deeds;
use crate::proxy::{Proxy, Step};
use crate::remediator::{Remediator, Run, Running, signal};
use crate::stage::{in_parallel, stages};
use crate::workloads::{bare_pod, deployment};

/// A service of which one pod has just been deleted by a run that has not ended yet.
struct Scene {
    lab: Lab,
    target: Pod,
    running: Running,
}

/// `holder`: the pod that the run says it is in.
fn in_flight(name: &str, timeout: u32, stable: u32, holder: impl Fn(&Lab, Remediator<'_>) -> Running) -> Scene {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    // Long enough for a test to come between, however busy the machine.
    let runbook = lab.runbook().with("verification", "timeoutSeconds", timeout).with("verification", "stableSeconds", stable);
    let running = holder(&lab, lab.remediator_with(&runbook));
    until("the deletion", || (lab.deletions().len() == 1).then_some(()));
    Scene { lab, target, running }
}

fn ledger_says(lab: &Lab) -> Value {
    let executions = lab.executions();
    assert_eq!(executions.len(), 1, "{executions:?}");
    executions[0].clone()
}

/// The record of a run about an intent of another.
fn about_the_other(run: &Run) -> (String, String) {
    let record = run.records.iter().find(|record| record["event.action"] == "run").unwrap_or_else(|| panic!("nothing said: {run:?}"));
    (record["event.reason"].as_str().unwrap().to_owned(), record["message"].as_str().unwrap().to_owned())
}

impl Scene {
    /// The next run settles it, and nothing is deleted for a second time.
    fn is_adopted(&self) {
        let next = self.lab.remediator().run();
        assert_eq!(next.exit, 0, "{next:?}");
        assert_eq!(about_the_other(&next).0, "adopted", "{next:?}");
        assert_eq!(next.outcome(&self.target)["verification"]["result"], "verified", "{next:?}");
        let execution = ledger_says(&self.lab);
        assert_eq!((&execution["outcome"]["result"], &execution["charged"]), (&json!("verified"), &json!(true)));
        assert_eq!(self.lab.deletions().len(), 1);
    }

    /// The next run leaves it to its holder, and does nothing else either, but forget the request of the pod that is gone.
    fn is_left_alone(&self) -> String {
        let before = self.lab.executions();
        let next = self.lab.remediator().run();
        assert_eq!(next.exit, 0, "{next:?}");
        let (reason, message) = about_the_other(&next);
        assert_eq!(reason, "in_flight", "{next:?}");
        assert!(message.contains("is left to it until 20"), "it says until when: {message}");
        assert_eq!(self.lab.executions(), before);
        let state = self.lab.state();
        assert!(!state["data"]["ledger.json"].as_str().unwrap().contains("\"requests\""), "{state}");
        assert_eq!(self.lab.deletions().len(), 1);
        message
    }
}

#[test]
fn sigterm_ends_a_run_within_ten_seconds_and_the_next_one_settles_what_it_began() {
    let mut scene = in_flight("sigterm", 90, 25, |_, remediator| remediator.in_no_pod().start());
    let start = Instant::now();
    scene.running.signal("TERM");
    let run = std::mem::replace(&mut scene.running, Running::none()).end();
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    assert_eq!(run.exit, 143, "{run:?}");
    assert!(ledger_says(&scene.lab)["inFlight"].is_object(), "what it began is in the ledger");
    scene.is_adopted();
}

#[test]
fn while_its_pod_runs_a_run_is_left_alone_and_once_that_has_failed_it_is_adopted() {
    let holder = |lab: &Lab, remediator: Remediator<'_>| {
        lab.apply(&bare_pod("job-1", "job"));
        let pod = until("the holder's pod", || Some(lab.get(&["pod", "job-1"])).filter(|pod| pod["status"]["phase"] == "Running"));
        remediator.in_pod("job-1", pod["metadata"]["uid"].as_str().unwrap()).start()
    };
    let mut scene = in_flight("holder", 90, 40, holder);
    // At the same moment, and it lives.
    assert!(scene.is_left_alone().contains("its pod job-1 is running"));
    scene.running.signal("KILL");
    assert_eq!(std::mem::replace(&mut scene.running, Running::none()).end().exit, -1);
    // Its pod is still there, as far as anybody can see.
    scene.is_left_alone();
    // A Job's failed pod stays as an object: that is no holder.
    scene.lab.patch_status("job-1", &json!({"phase": "Failed"}));
    scene.is_adopted();
}

#[test]
fn without_a_pod_a_run_holds_its_intent_until_its_deadline_and_no_longer() {
    let mut scene = in_flight("laptop", 25, 15, |_, remediator| remediator.start());
    scene.running.signal("KILL");
    std::mem::replace(&mut scene.running, Running::none()).end();
    let deadline: jiff::Timestamp = ledger_says(&scene.lab)["inFlight"]["verifyDeadline"].as_str().unwrap().parse().unwrap();
    assert!(scene.is_left_alone().contains("has no pod that could be read"));
    until("the deadline", || (jiff::Timestamp::now() > deadline + Duration::from_secs(17)).then_some(()));
    scene.is_adopted();
}

#[test]
fn ten_runs_at_once_twenty_times_over_delete_one_pod_each_time_and_two_are_never_in_flight() {
    let rounds = in_parallel(2, stages("ten", 20), |stage| {
        let running: Vec<Running> = (0..10).map(|_| stage.lab.remediator().start()).collect();
        let runs: Vec<Run> = running.into_iter().map(Running::end).collect();
        (stage, runs)
    });
    let mut requests = requests_by_namespace(&rounds[0].0.lab);
    for (stage, runs) in &rounds {
        let found = Deeds::of(requests.remove(&stage.lab.namespace).unwrap_or_default()).judge(&stage.target);
        let found = found.unwrap_or_else(|wrong| panic!("{wrong}\n{runs:?}"));
        assert_eq!(found.deleted, 1, "{runs:?}");
        assert!(runs.iter().all(|run| run.exit == 0), "{runs:?}");
        let outcomes = runs.iter().flat_map(|run| &run.records).filter(|record| record["event.action"] == "outcome").count();
        assert_eq!(outcomes, 1, "one acts, the others say why they do not: {runs:?}");
        assert!(runs.iter().all(|run| !run.records.is_empty()), "{runs:?}");
    }
}

/// For Debian's libfaketime: dates are wrong by so much, and spans of time are as they are.
fn with_a_wrong_clock<'a>(remediator: Remediator<'a>, by: &str) -> Remediator<'a> {
    let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    assert!(std::path::Path::new(&library).exists(), "{library} is missing: install Debian's faketime");
    remediator.env("LD_PRELOAD", &library).env("FAKETIME", by).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

#[test]
fn an_hour_of_difference_in_the_programs_own_clock_moves_no_cooldown() {
    for (name, by, then) in [("early", "-1h", "+1h"), ("late", "+1h", "-1h")] {
        let lab = Lab::new(&format!("clock-{name}"));
        lab.roll_out(&deployment("web", 3));
        let target = lab.ask_for_one("web");
        // The proxy's certificate is from the day before, and so valid by any of these clocks.
        let proxy = Proxy::start(&lab, |_| Step::Forward);
        let run = with_a_wrong_clock(lab.remediator().by(&proxy.kubeconfig), by).run();
        assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
        let started: jiff::Timestamp = ledger_says(&lab)["startedAt"].as_str().unwrap().parse().unwrap();
        assert!(started.duration_since(jiff::Timestamp::now()).abs() < jiff::SignedDuration::from_mins(5), "it began at {started}");
        let further = lab.ask_for_one("web");
        let again = with_a_wrong_clock(lab.remediator().by(&proxy.kubeconfig), then).run();
        assert_eq!(again.blocks(&further), ["cooldown"], "{again:?}");
    }
}

#[test]
fn a_deletion_that_lands_after_its_run_was_taken_for_dead_does_no_harm() {
    let lab = Lab::new("late-delete");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let (process, held, released) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
    let (of_script, is_held, is_released) = (Arc::clone(&process), Arc::clone(&held), Arc::clone(&released));
    let proxy = Proxy::start(&lab, move |request| {
        if request.deletes_a_pod(1) {
            signal(*of_script.wait(), "KILL");
            let _ = is_held.set(());
            let () = *is_released.wait();
        }
        Step::Forward
    });
    let running = lab.remediator().in_no_pod().by(&proxy.kubeconfig).start();
    process.set(running.id()).unwrap();
    assert_eq!(running.end().exit, -1);
    let () = *held.wait();

    let next = lab.remediator().run();
    assert_eq!(next.outcome(&target)["verification"]["result"], "not_executed", "{next:?}");
    assert_eq!(ledger_says(&lab)["charged"], true, "nobody can know that it was not sent, so the cooldown is kept");
    assert_eq!(lab.deletions(), Vec::<Value>::new());

    released.set(()).unwrap();
    until("the late deletion", || (lab.deletions().len() == 1).then_some(()));
    let conditions = lab.deletions()[0]["requestObject"]["preconditions"].clone();
    assert_eq!(conditions["uid"], *target.uid, "exactly the pod that was meant: {conditions}");
    let further = lab.pods("web").iter().map(Pod::of).find(|pod| pod.uid != target.uid).unwrap();
    lab.ask(&further);
    assert_eq!(lab.remediator().run().blocks(&further), ["cooldown"]);
    assert_eq!(lab.deletions().len(), 1, "no second pod");
}
