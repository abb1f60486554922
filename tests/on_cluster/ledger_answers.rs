//! A write of the ledger whose answer says nothing: whether it was done is found out by reading, never guessed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::answers::{Scene, once, scene_of};
use crate::fixture::{Lab, STATE};
use crate::proxy::{Proxy, Request, Step};
use crate::workloads::deployment;

fn scene(name: &str, script: impl Fn(&Request) -> Step + Send + Sync + 'static) -> Scene {
    scene_of(name, |runbook| runbook.with("verification", "timeoutSeconds", 40), script)
}

/// A success, by its status line; and no ConfigMap with a version.
const NONSENSE: [(&str, &str); 3] =
    [("html", "<html>It works!</html>"), ("cut", r#"{"kind": "ConfigMap", "metadata": {"#), ("empty", "{}")];

fn says(body: &str) -> Step {
    Step::Answer("200 OK", "Content-Type: application/json\r\n", body.to_owned())
}

fn done_but_says(body: &str) -> Step {
    Step::ForwardThenAnswer("200 OK", "Content-Type: application/json\r\n", body.to_owned())
}

impl Scene {
    /// One deletion and one execution, verified, by three writes that the server did.
    fn is_as_if_nothing_had_been(&self) {
        self.ends(0, "verified");
        self.deletions(&[200]);
        assert_eq!(self.lab.executions().len(), 1);
        let written = |line: &&Value| line["verb"] == "update" && line["objectRef"]["name"] == STATE;
        assert_eq!(self.lab.writes().iter().filter(written).count(), 3, "request, intent and outcome: {:?}", self.run);
    }
}

#[test]
fn a_write_that_was_done_is_found_whatever_its_answer() {
    for (name, body) in NONSENSE {
        for nth in [1, 2, 3] {
            let script = once(move |request| request.writes_the_ledger(nth), move || done_but_says(body));
            scene(&format!("done-{name}-{nth}"), script).is_as_if_nothing_had_been();
        }
    }
}

#[test]
fn a_write_that_was_not_done_is_sent_again_whatever_its_answer() {
    for (name, body) in NONSENSE {
        for nth in [1, 2, 3] {
            let script = once(move |request| request.writes_the_ledger(nth), move || says(body));
            scene(&format!("not-done-{name}-{nth}"), script).is_as_if_nothing_had_been();
        }
    }
}

#[test]
fn the_last_try_of_a_write_may_have_been_done_as_well() {
    // Of the request, the intent, the outcome.
    for before in 0..3 {
        let tries = AtomicUsize::new(0);
        let script = move |request: &Request| match request.method.as_str() {
            "PUT" => match tries.fetch_add(1, Ordering::SeqCst).checked_sub(before) {
                Some(0..=2) => Step::Drop,
                Some(3) => Step::ForwardThenDrop,
                _ => Step::Forward,
            },
            _ => Step::Forward,
        };
        scene(&format!("last-try-{before}"), script).is_as_if_nothing_had_been();
    }
}

#[test]
fn what_is_never_written_is_never_done() {
    for first in [1, 2] {
        let never = once(move |request| request.method == "PUT" && request.count >= first, || says("<html>It works!</html>"));
        scene(&format!("never-written-{first}"), never).wrote_no_intent_and_touched_nothing();
    }
}

#[test]
fn a_ledger_without_a_version_is_no_ledger() {
    let reads = |request: &Request| request.method == "GET" && request.path.ends_with(STATE);
    let scene = scene("no-version", once(reads, || says("{}")));
    assert_eq!(scene.run.exit, 1, "{:?}", scene.run);
    assert!(scene.run.errors.contains("it has no resourceVersion"), "{:?}", scene.run);
    assert_eq!(scene.lab.writes(), Vec::<Value>::new(), "a PUT without one would overwrite whatever is there");
}

#[test]
fn without_the_servers_time_nothing_is_decided() {
    let lab = Arc::new(Lab::new("no-date"));
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let state = lab.state().to_string();
    // The proxy's own answers have no Date.
    let proxy = Proxy::start(&lab, move |request| if request.path.ends_with(STATE) { says(&state) } else { Step::Forward });
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 1, "{run:?}");
    assert!(run.errors.contains("it has no Date header"), "{run:?}");
    assert_eq!(lab.writes(), Vec::<Value>::new());
    lab.untouched(&target);
}

/// The intent lands, its answer is lost, and before it can be looked for a human writes as well.
#[test]
fn an_intent_is_found_though_somebody_else_wrote_on_top_of_it() {
    let lab = Arc::new(Lab::new("on-top"));
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let other = Arc::clone(&lab);
    let proxy = Proxy::start(&lab, move |request| {
        let lab = Arc::clone(&other);
        if request.writes_the_intent() { Step::ForwardThen(Box::new(move || write_a_reset(&lab))) } else { Step::Forward }
    });
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!((lab.executions().len(), lab.deletions().len()), (1, 1));
    let stored: Value = serde_json::from_str(lab.state()["data"]["ledger.json"].as_str().unwrap()).unwrap();
    assert_eq!(stored["ledger"]["breaker"][0]["actor"], "ann", "what others wrote stays: {stored}");
}

fn write_a_reset(lab: &Lab) {
    let mut state = lab.state();
    let mut stored: Value = serde_json::from_str(state["data"]["ledger.json"].as_str().unwrap()).unwrap();
    let at = stored["ledger"]["executions"][0]["startedAt"].clone();
    stored["ledger"]["breaker"] = json!([{"at": at, "runbook": "another", "event": "reset", "cause": "mended", "actor": "ann"}]);
    state["data"]["ledger.json"] = json!(stored.to_string());
    lab.try_put(&format!("configmaps/{STATE}"), &state).unwrap();
}
