//! What an answer of the API server means, and what no answer means: a proxy gives each where it matters.
//!
//! Above all: a deletion is never sent twice on doubt, and what was done is found out by looking.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::audit_log::code;
use crate::fixture::{Lab, Pod, STATE};
use crate::proxy::{Proxy, Request, Step};
use crate::remediator::{Run, Runbook};
use crate::workloads::deployment;

/// One service with a request, and a run through a proxy with this script.
pub(crate) struct Scene {
    pub(crate) lab: Lab,
    pub(crate) target: Pod,
    pub(crate) run: Run,
    pub(crate) took: Duration,
}

fn scene(name: &str, script: impl Fn(&Request) -> Step + Send + Sync + 'static) -> Scene {
    scene_of(name, |runbook| runbook, script)
}

/// With another runbook than one with ten seconds to verify.
pub(crate) fn scene_of(
    name: &str,
    change: impl Fn(Runbook) -> Runbook,
    script: impl Fn(&Request) -> Step + Send + Sync + 'static,
) -> Scene {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let proxy = Proxy::start(&lab, script);
    let runbook = change(lab.runbook().with("verification", "timeoutSeconds", 10));
    let start = Instant::now();
    let run = lab.remediator_with(&runbook).by(&proxy.kubeconfig).run();
    Scene { lab, target, run, took: start.elapsed() }
}

/// A script that does this once.
pub(crate) fn once(
    this: impl Fn(&Request) -> bool + Send + Sync + 'static,
    step: impl Fn() -> Step + Send + Sync + 'static,
) -> impl Fn(&Request) -> Step + Send + Sync {
    move |request| if this(request) { step() } else { Step::Forward }
}

pub(crate) fn status(code: u16, reason: &str, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}).to_string()
}

pub(crate) fn unavailable() -> Step {
    Step::Answer("503 Service Unavailable", "Content-Type: text/plain\r\n", "upstream connect error".to_owned())
}

impl Scene {
    #[track_caller]
    pub(crate) fn ends(&self, exit: i32, result: &str) -> &Value {
        assert_eq!(self.run.exit, exit, "{:?}", self.run);
        let verification = &self.run.outcome(&self.target)["verification"];
        assert_eq!(verification["result"], result, "{:?}", self.run);
        assert_eq!(self.lab.executions()[0]["outcome"]["result"], result, "the ledger says the same");
        verification
    }

    /// What the server heard.
    #[track_caller]
    pub(crate) fn deletions(&self, expected: &[u64]) {
        assert_eq!(self.lab.deletions().iter().map(code).collect::<Vec<_>>(), expected, "{:?}", self.run);
    }

    /// The intent could not be written, so nothing was done.
    pub(crate) fn wrote_no_intent_and_touched_nothing(&self) {
        assert_eq!(self.run.exit, 1, "{:?}", self.run);
        assert!(self.run.errors.contains("update configmaps"), "{:?}", self.run);
        self.deletions(&[]);
        self.lab.untouched(&self.target);
        assert_eq!(self.lab.executions(), Vec::<Value>::new());
    }
}

#[test]
fn a_deletion_whose_answer_is_lost_is_not_sent_again_and_is_proved_by_the_pods() {
    let scene = scene("delete-answer-lost", once(|request| request.deletes_a_pod(1), || Step::ForwardThenDrop));
    scene.ends(0, "verified");
    scene.deletions(&[200]);
}

#[test]
fn a_deletion_whose_answer_breaks_off_is_not_sent_again() {
    let scene = scene("delete-answer-cut", once(|request| request.deletes_a_pod(1), || Step::Truncate));
    scene.ends(0, "verified");
    scene.deletions(&[200]);
}

#[test]
fn a_deletion_that_may_have_been_lost_is_unproved_not_repeated() {
    let scene = scene("delete-lost", once(|request| request.deletes_a_pod(1), || Step::Drop));
    // Somewhere it may still be under way: that the pod stands proves nothing.
    let verification = scene.ends(3, "unknown");
    assert!(verification["detail"].as_str().unwrap().contains("still there"), "{verification}");
    scene.deletions(&[]);
    scene.lab.untouched(&scene.target);
}

#[test]
fn a_deletion_that_hangs_is_unproved_not_repeated() {
    let scene = scene("delete-hangs", once(|request| request.deletes_a_pod(1), || Step::Hang(Duration::from_secs(60))));
    scene.ends(3, "unknown");
    scene.deletions(&[]);
    assert!(scene.took < Duration::from_secs(50), "{:?}", scene.took);
}

#[test]
fn a_server_error_on_a_deletion_is_unproved_not_repeated() {
    let scene = scene("delete-500", once(|request| request.deletes_a_pod(1), unavailable));
    scene.ends(3, "unknown");
    scene.deletions(&[]);
}

#[test]
fn a_throttled_deletion_was_not_executed_so_it_waits_and_is_sent_again() {
    let throttled = || Step::Answer("429 Too Many Requests", "Retry-After: 2\r\n", "Too many requests, please try again later.".to_owned());
    let scene = scene("delete-429", once(|request| request.deletes_a_pod(1), throttled));
    scene.ends(0, "verified");
    scene.deletions(&[200]);
    assert!(scene.took >= Duration::from_secs(2), "{:?}", scene.took);
}

#[test]
fn a_deletion_refused_by_the_clusters_own_policy_is_no_failure_of_the_runbook() {
    let message = "pods \"web\" is forbidden: ValidatingAdmissionPolicy 'freeze' denied request: change freeze";
    let refused = move || Step::Answer("403 Forbidden", "Content-Type: application/json\r\n", status(403, "Forbidden", message));
    let scene = scene("delete-admission", once(|request| request.deletes_a_pod(1), refused));
    let verification = scene.ends(0, "not_executed");
    assert!(verification["detail"].as_str().unwrap().contains("change freeze"), "{verification}");
    scene.lab.untouched(&scene.target);
    assert_eq!(scene.lab.remediator().run().exit, 0, "neither cooldown nor breaker");
    scene.deletions(&[200]);
}

#[test]
fn a_deletion_that_the_server_finds_malformed_is_no_failure_of_the_runbook_either() {
    for (name, code, line, reason) in
        [("delete-400", 400, "400 Bad Request", "BadRequest"), ("delete-422", 422, "422 Unprocessable Entity", "Invalid")]
    {
        let refused = move || Step::Answer(line, "Content-Type: application/json\r\n", status(code, reason, "no such precondition"));
        let scene = scene(name, once(|request| request.deletes_a_pod(1), refused));
        let verification = scene.ends(0, "not_executed");
        assert!(verification["detail"].as_str().unwrap().contains("no such precondition"), "{verification}");
        scene.lab.untouched(&scene.target);
    }
}

#[test]
fn an_intent_that_may_not_be_written_touches_nothing_and_names_the_permission() {
    let message =
        "configmaps \"state\" is forbidden: User \"x\" cannot update resource \"configmaps\" in API group \"\" in the namespace \"y\"";
    let refused = move || Step::Answer("403 Forbidden", "Content-Type: application/json\r\n", status(403, "Forbidden", message));
    let scene = scene("intent-403", once(|request| request.writes_the_intent(), refused));
    assert_eq!(scene.run.exit, 2, "{:?}", scene.run);
    assert!(scene.run.errors.contains("update configmaps") && scene.run.errors.contains("not permitted"), "{:?}", scene.run);
    scene.deletions(&[]);
    scene.lab.untouched(&scene.target);
}

#[test]
fn a_permission_taken_away_meanwhile_is_named() {
    let message = "pods \"web\" is forbidden: User \"x\" cannot delete resource \"pods\" in API group \"\" in the namespace \"y\"";
    let refused = move || Step::Answer("403 Forbidden", "Content-Type: application/json\r\n", status(403, "Forbidden", message));
    let scene = scene("delete-rbac", once(|request| request.deletes_a_pod(1), refused));
    scene.ends(2, "not_executed");
    scene.lab.untouched(&scene.target);
}

#[test]
fn an_intent_whose_answer_is_lost_is_found_in_the_ledger_and_not_written_twice() {
    let scene = scene("intent-answer-lost", once(|request| request.writes_the_intent(), || Step::ForwardThenDrop));
    scene.ends(0, "verified");
    assert_eq!(scene.lab.executions().len(), 1);
    scene.deletions(&[200]);
}

#[test]
fn an_intent_that_was_lost_is_written_again() {
    let scene = scene("intent-lost", once(|request| request.writes_the_intent(), || Step::Drop));
    scene.ends(0, "verified");
    scene.deletions(&[200]);
}

#[test]
fn what_is_remembered_of_a_request_is_written_once_whatever_becomes_of_it() {
    for (name, step) in [("lost", (|| Step::Drop) as fn() -> Step), ("answer-lost", || Step::ForwardThenDrop)] {
        let scene = scene(&format!("request-{name}"), once(|request| request.writes_the_ledger(1), step));
        scene.ends(0, "verified");
        let written = |line: &&Value| line["objectRef"]["name"] == STATE && code(line) == 200;
        assert_eq!(scene.lab.writes().iter().filter(written).count(), 3, "{:?}", scene.run);
    }
    let scene = scene("request-503", once(|request| request.method == "PUT", unavailable));
    scene.wrote_no_intent_and_touched_nothing();
}

#[test]
fn without_an_intent_nothing_is_touched() {
    let scene = scene("no-intent", once(|request| request.method == "PUT" && request.count > 1, unavailable));
    scene.wrote_no_intent_and_touched_nothing();
}

#[test]
fn an_outcome_whose_answer_is_lost_is_there_once() {
    let scene = scene("outcome-answer-lost", once(|request| request.writes_the_outcome(), || Step::ForwardThenDrop));
    scene.ends(0, "verified");
    let puts = scene.lab.writes().iter().filter(|line| line["objectRef"]["name"] == STATE).count();
    assert_eq!((scene.lab.executions().len(), puts), (1, 3));
}

#[test]
fn reads_that_fail_are_sent_again() {
    for (name, step) in [
        ("list-503", unavailable as fn() -> Step),
        ("list-lost", || Step::Drop),
        ("list-cut", || Step::Truncate),
        ("list-429", || Step::Answer("429 Too Many Requests", "Retry-After: 1\r\n", String::new())),
    ] {
        let scene = scene(name, once(|request| request.lists_pods(1), step));
        scene.ends(0, "verified");
        scene.deletions(&[200]);
    }
}

#[test]
fn an_api_server_that_only_fails_ends_the_run_with_1() {
    let scene = scene("all-503", |_| unavailable());
    assert_eq!(scene.run.exit, 1, "{:?}", scene.run);
    assert!(scene.run.errors.contains("503"), "{:?}", scene.run);
    scene.deletions(&[]);
}

#[test]
fn a_watch_that_breaks_or_is_too_old_is_begun_anew() {
    let gone = || Step::Answer("410 Gone", "Content-Type: application/json\r\n", status(410, "Expired", "too old resource version"));
    for (name, step) in [("watch-410", gone as fn() -> Step), ("watch-lost", || Step::Drop), ("watch-503", unavailable)] {
        let scene = scene(name, once(|request| request.watches(1), step));
        scene.ends(0, "verified");
        scene.deletions(&[200]);
    }
}

#[test]
fn without_any_watch_the_pods_are_listed_until_it_is_proved() {
    let forbidden = || Step::Answer("503 Service Unavailable", "", String::new());
    let scene = scene("no-watch", once(|request| request.query.contains("watch="), forbidden));
    scene.ends(0, "verified");
    scene.deletions(&[200]);
}

#[test]
fn events_that_cannot_be_written_change_nothing_else() {
    let scene = scene("no-events", once(|request| request.path.ends_with("/events"), unavailable));
    scene.ends(0, "verified");
    scene.deletions(&[200]);
}
