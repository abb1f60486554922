//! A ledger that cannot be trusted stops everything, and stays as it is.

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, RESTART, STATE};
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

/// Changes the ledger as somebody would by hand.
fn edit(lab: &Lab, change: impl FnOnce(&mut Value)) {
    let mut stored: Value = serde_json::from_str(lab.state()["data"]["ledger.json"].as_str().unwrap()).unwrap();
    change(&mut stored);
    patch(lab, &json!({"data": {"ledger.json": stored.to_string()}}));
}

/// Moves one time of an execution ahead.
fn moved(execution: &mut Value, at: &str, minutes: i64) {
    let moment = execution.pointer_mut(at).unwrap();
    let time: jiff::Timestamp = moment.as_str().unwrap().parse().unwrap();
    *moment = json!((time + jiff::SignedDuration::from_mins(minutes)).to_string());
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
    // Of either, and of both: an end in the past does not hide a beginning in the future.
    for (name, moments) in [("begun", &["/startedAt"][..]), ("ended", &["/outcome/at"]), ("both", &["/startedAt", "/outcome/at"])] {
        let ahead = |lab: &Lab, target: &Pod| {
            used(lab, target);
            edit(lab, |stored| moments.iter().for_each(|at| moved(&mut stored["ledger"]["executions"][0], at, 60)));
        };
        stops_everything(&format!("state-future-{name}"), ahead, "it has an entry of ");
    }
}

#[test]
fn a_few_minutes_ahead_are_tolerated_and_time_goes_on_from_there() {
    let lab = Lab::new("state-ahead");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    used(&lab, &target);
    edit(&lab, |stored| {
        ["/startedAt", "/outcome/at", "/cooldownUntil"].iter().for_each(|at| moved(&mut stored["ledger"]["executions"][0], at, 4));
    });
    let next = Pod::of(lab.get(&["pods", "--selector", RESTART])["items"].as_array().unwrap().first().unwrap());
    let run = lab.remediator().run();
    assert_eq!((run.exit, run.blocks(&next)), (0, vec!["cooldown".to_owned()]), "{run:?}");
    let told: jiff::Timestamp = run.decision(&next)["@timestamp"].as_str().unwrap().parse().unwrap();
    let newest: jiff::Timestamp = lab.executions()[0]["outcome"]["at"].as_str().unwrap().parse().unwrap();
    assert!(told >= newest, "never earlier than what has been written: {told}, {newest}");
}

#[test]
fn with_fields_that_nobody_knows_or_of_another_type() {
    let unknown = |lab: &Lab, target: &Pod| {
        used(lab, target);
        edit(lab, |stored| stored["note"] = json!("by hand"));
    };
    stops_everything("state-unknown", unknown, "unknown field `note`");
    let mistyped = |lab: &Lab, target: &Pod| {
        used(lab, target);
        edit(lab, |stored| stored["ledger"]["executions"][0]["charged"] = json!("false"));
    };
    stops_everything("state-mistyped", mistyped, "invalid type");
}

#[test]
fn with_an_execution_listed_twice_or_both_under_way_and_over() {
    let twice = |lab: &Lab, target: &Pod| {
        used(lab, target);
        edit(lab, |stored| {
            let all = stored["ledger"]["executions"].as_array_mut().unwrap();
            all.push(all[0].clone());
        });
    };
    stops_everything("state-twice", twice, "contradicts itself");
    let neither = |lab: &Lab, target: &Pod| {
        used(lab, target);
        edit(lab, |stored| drop(stored["ledger"]["executions"][0].as_object_mut().unwrap().remove("outcome")));
    };
    stops_everything("state-neither", neither, "contradicts itself");
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
