//! No room: nothing is begun that could not be remembered, and it says what to do.

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, STATE};
use crate::remediator::Run;
use crate::workloads::deployment;

/// A service whose ledger has been used, and a further request, of another service.
fn used(name: &str) -> (Lab, Pod) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 2));
    lab.roll_out(&deployment("other", 2));
    let target = lab.ask_for_one("web");
    lab.remediator().replaces(&target);
    let next = lab.ask_for_one("other");
    (lab, next)
}

/// A day old, so that no limit rests on it; padded with executions to so many bytes, or a few less.
fn fill(lab: &Lab, bytes: usize) {
    let mut state = lab.state();
    let mut stored: Value = serde_json::from_str(state["data"]["ledger.json"].as_str().unwrap()).unwrap();
    let mut one = stored["ledger"]["executions"][0].clone();
    for at in ["/startedAt", "/cooldownUntil", "/outcome/at"] {
        let moment = one.pointer_mut(at).unwrap();
        let time: jiff::Timestamp = moment.as_str().unwrap().parse().unwrap();
        *moment = json!((time - jiff::SignedDuration::from_hours(24)).to_string());
    }
    let mut executions = Vec::new();
    let each = one.to_string().len() + 1;
    for number in 0..(bytes - 200) / each {
        // As long as the id that it had.
        one["id"] = json!(format!("{number:0>width$}", width = one["id"].as_str().unwrap().len()));
        executions.push(one.clone());
    }
    stored["ledger"]["executions"] = json!(executions);
    let text = stored.to_string();
    assert!(text.len() <= bytes && text.len() + 2 * each > bytes, "{}", text.len());
    state["data"]["ledger.json"] = json!(text);
    lab.try_put(&format!("configmaps/{STATE}"), &state).unwrap();
}

/// A run that touches nothing, begins nothing, and ends with 4.
#[track_caller]
fn stops(lab: &Lab, next: &Pod, says: &[&str]) -> Run {
    let (before, deleted) = (lab.executions(), lab.deletions().len());
    let run = lab.remediator_with(&lab.runbook().with("guardrails", "maxAffectedServices", 3)).run();
    assert_eq!(run.exit, 4, "{run:?}");
    for text in says.iter().chain(&["Nothing is touched while that is so"]) {
        assert!(run.errors.contains(text), "{text}: {run:?}");
    }
    assert_eq!((lab.executions(), lab.deletions().len()), (before, deleted));
    lab.untouched(next);
    run
}

#[test]
fn a_ledger_that_is_nearly_full_is_used_and_a_full_one_is_not() {
    let (lab, next) = used("nearly-full");
    fill(&lab, 766 * 1024);
    let writes = lab.writes().len();
    stops(&lab, &next, &["it would take", "more than the 786432 that are safe in a ConfigMap", "--state-configmap"]);
    assert_eq!(lab.writes().len(), writes + 1, "there is room for the requests, and an intent is not even tried");
    let state = lab.state();
    stops(&lab, &next, &["it would take"]);
    assert_eq!((lab.state(), lab.writes().len()), (state, writes + 1), "they are remembered once");

    fill(&lab, 666 * 1024);
    let run = lab.remediator_with(&lab.runbook().with("guardrails", "maxAffectedServices", 3)).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&next)["verification"]["result"], "verified", "{run:?}");
}

#[test]
fn a_config_map_filled_by_another_key_is_named_and_left_as_it_is() {
    let (lab, next) = used("filled");
    let mut state = lab.state();
    let ours: usize = state["data"].as_object().unwrap().iter().map(|(key, value)| key.len() + value.as_str().unwrap().len()).sum();
    // Less than an intent is left of the 1 MiB.
    state["data"]["notes"] = json!("x".repeat(1024 * 1024 - ours - "notes".len() - 300));
    lab.try_put(&format!("configmaps/{STATE}"), &state).unwrap();
    stops(&lab, &next, &["the cluster refuses to have it written", "Too long", "If another's key fills it, remove that key"]);

    // As the message says.
    lab.kubectl(&["patch", "configmap", STATE, "--type", "merge", "--patch", r#"{"data": {"notes": null}}"#]);
    let run = lab.remediator_with(&lab.runbook().with("guardrails", "maxAffectedServices", 3)).run();
    assert_eq!(run.outcome(&next)["verification"]["result"], "verified", "{run:?}");
}
