//! A ledger that cannot be trusted stops everything, and stays as it is.

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, STATE};
use crate::workloads::deployment;

/// With this done to the ledger, a run ends with 4, says so, and changes nothing.
#[track_caller]
fn stops_everything(name: &str, spoil: impl FnOnce(&Lab, &Pod), says: &str) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    spoil(&lab, &target);
    let state = || lab.try_kubectl(&["get", "configmap", STATE, "--output", "yaml", "--show-managed-fields"]);
    let before = state();
    let writes = lab.writes().len();
    let run = lab.remediator().run();
    assert_eq!(run.exit, 4, "{run:?}");
    assert!(run.errors.contains(says), "{says}: {run:?}");
    assert!(run.errors.contains("Nothing is touched while that is so"), "{run:?}");
    assert_eq!(state(), before);
    assert_eq!(lab.writes().len(), writes, "{:?}", lab.writes());
    let create = format!("kubectl create configmap {STATE} -n {}", lab.namespace);
    assert!(run.errors.contains(&create), "it says how to repair it: {run:?}");
}

/// One replacement, so that the ledger has been used.
fn used(lab: &Lab, target: &Pod) {
    lab.remediator().replaces(target);
    lab.ask_for_one("web");
}

fn patch(lab: &Lab, patch: &Value) {
    lab.kubectl(&["patch", "configmap", STATE, "--type", "merge", "--patch", &patch.to_string()]);
}

#[test]
fn missing() {
    stops_everything("state-missing", |lab, _| drop(lab.kubectl(&["delete", "configmap", STATE])), "it does not exist");
}

#[test]
fn garbage() {
    stops_everything(
        "state-garbage",
        |lab, _| patch(lab, &json!({"data": {"ledger.json": "{\"schemaVersion\": 1, \"ledg"}})),
        "it cannot be parsed",
    );
}

#[test]
fn of_a_newer_program() {
    let newer = json!({"data": {"ledger.json": "{\"schemaVersion\": 99, \"what\": \"is this\"}"}});
    stops_everything("state-newer", |lab, _| patch(lab, &newer), "schema version 99");
}

#[test]
fn emptied_after_use() {
    let empty = |lab: &Lab, target: &Pod| {
        used(lab, target);
        patch(lab, &json!({"data": null}));
    };
    stops_everything("state-emptied", empty, "it has been used, but its key ledger.json is gone");
}

#[test]
fn immutable() {
    stops_everything("state-immutable", |lab, _| patch(lab, &json!({"immutable": true})), "it is immutable");
}

#[test]
fn of_the_future() {
    let an_hour_ahead = |lab: &Lab, target: &Pod| {
        used(lab, target);
        let text = lab.state()["data"]["ledger.json"].as_str().unwrap().to_owned();
        let mut ledger: Value = serde_json::from_str(&text).unwrap();
        let execution = &mut ledger["ledger"]["executions"][0];
        for at in ["/startedAt", "/outcome/at"] {
            let moment = execution.pointer_mut(at).unwrap();
            let time: jiff::Timestamp = moment.as_str().unwrap().parse().unwrap();
            *moment = json!((time + jiff::SignedDuration::from_hours(1)).to_string());
        }
        patch(lab, &json!({"data": {"ledger.json": ledger.to_string()}}));
    };
    stops_everything("state-future", an_hour_ahead, "it has an entry of ");
}

#[test]
fn the_first_run_finds_no_data_and_marks_the_ledger_as_used() {
    let lab = Lab::new("state-first");
    assert_eq!((&lab.state()["data"], &lab.state()["metadata"]["annotations"]), (&Value::Null, &Value::Null));
    let run = lab.remediator().run();
    assert_eq!((run.exit, run.records.len()), (0, 1), "{run:?}");
    assert_eq!(lab.state()["data"], Value::Null, "a run with nothing to do writes nothing");

    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    lab.remediator().replaces(&target);
    let state = lab.state();
    assert_eq!(state["metadata"]["annotations"]["remediator.kubedojo.io/initialized"], "true");
    let summary = state["data"]["summary"].as_str().unwrap();
    assert!(summary.contains("web: verified at "), "{summary}");
}
