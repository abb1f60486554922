//! How old a request is: the API server's record of its label slides, and the ledger's memory does not.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, RESTART, STATE, until};
use crate::proxy::{Proxy, Step};
use crate::remediator::{Run, Runbook};
use crate::workloads::deployment;

const REQUESTED_AT: &str = "remediator.kubedojo.io/requested-at";
/// The field manager of whoever asks.
const DETECTOR: &str = "--field-manager=detector";

fn lab_with_a_request(name: &str) -> (Lab, Pod) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 3));
    let target = Pod::of(&lab.pods("web")[0]);
    ask(&lab, &target);
    (lab, target)
}

fn ask(lab: &Lab, pod: &Pod) {
    lab.kubectl(&["label", "pod", &pod.name, &format!("{RESTART}=true"), DETECTOR]);
}

fn take_back(lab: &Lab, pod: &Pod) {
    lab.kubectl(&["label", "pod", &pod.name, &format!("{RESTART}-"), DETECTOR]);
}

/// A request counts for a minute.
fn shortly(lab: &Lab) -> Runbook {
    lab.runbook().with("triggers", "maximumRequestAgeMinutes", 1)
}

fn run(lab: &Lab) -> Run {
    let run = lab.remediator_with(&shortly(lab)).run();
    assert_eq!(run.exit, 0, "{run:?}");
    run
}

fn observe(lab: &Lab) -> Run {
    let run = lab.remediator_with(&shortly(lab)).env("MODE_CEILING", "observe").run();
    assert_eq!(run.exit, 0, "{run:?}");
    run
}

/// What is remembered.
fn remembered(lab: &Lab) -> Vec<Value> {
    let Some(text) = lab.state()["data"]["ledger.json"].as_str().map(str::to_owned) else { return Vec::new() };
    let stored: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stored["schemaVersion"], 2);
    stored["ledger"]["requests"].as_array().cloned().unwrap_or_default()
}

fn since(lab: &Lab) -> Timestamp {
    let all = remembered(lab);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0]["since"].as_str().unwrap().parse().unwrap()
}

/// Nobody waits: what is remembered is made so many minutes older, by a PUT as a human would.
fn age(lab: &Lab, minutes: i64) {
    let mut state = lab.state();
    let mut stored: Value = serde_json::from_str(state["data"]["ledger.json"].as_str().unwrap()).unwrap();
    for one in stored["ledger"]["requests"].as_array_mut().unwrap() {
        let since: Timestamp = one["since"].as_str().unwrap().parse().unwrap();
        one["since"] = json!((since - SignedDuration::from_mins(minutes)).to_string());
    }
    state["data"]["ledger.json"] = json!(stored.to_string());
    lab.try_put(&format!("configmaps/{STATE}"), &state).unwrap();
}

/// When the API server last recorded the request label.
fn recorded(lab: &Lab, pod: &Pod) -> Timestamp {
    let pod = lab.get(&["pod", &pod.name, "--show-managed-fields"]);
    let label = format!("f:{RESTART}");
    let entries = pod["metadata"]["managedFields"].as_array().unwrap();
    let own = entries.iter().filter(|entry| !entry["fieldsV1"]["f:metadata"]["f:labels"][&label].is_null());
    own.map(|entry| entry["time"].as_str().unwrap().parse().unwrap()).max().unwrap()
}

fn renew(lab: &Lab, pod: &Pod, at: Timestamp) {
    lab.kubectl(&["annotate", "pod", &pod.name, "--overwrite", &format!("{REQUESTED_AT}={at:.0}")]);
}

#[track_caller]
fn has_expired(lab: &Lab, run: &Run, pod: &Pod) -> String {
    let decision = run.decision(pod);
    assert_eq!(decision["event.reason"], "request_expired", "{run:?}");
    assert_eq!(lab.deletions(), Vec::<Value>::new());
    lab.untouched(pod);
    decision["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_later_change_by_the_same_manager_does_not_renew_a_request_and_requested_at_does_at_once() {
    let (lab, target) = lab_with_a_request("slides");
    let first = recorded(&lab, &target);
    assert_eq!(observe(&lab).decision(&target)["decision.mode"], "observe");
    assert_eq!((since(&lab), remembered(&lab)[0]["podUid"].as_str()), (first, Some(target.uid.as_str())));
    age(&lab, 2);
    // The label that somebody sets beside it, and a detector's heartbeat: the server's record of the request is new each time.
    until("the record slides", || {
        let beat = format!("heartbeat={:?}", std::time::Instant::now()).replace(|c: char| !c.is_ascii_alphanumeric() && c != '=', "-");
        lab.kubectl(&["label", "pod", &target.name, "--overwrite", "team=blue", DETECTOR]);
        lab.kubectl(&["annotate", "pod", &target.name, "--overwrite", &beat, DETECTOR]);
        (recorded(&lab, &target) > first).then_some(())
    });
    let writes = lab.writes().len();
    let late = run(&lab);
    let message = has_expired(&lab, &late, &target);
    let was: Timestamp = first - SignedDuration::from_mins(2);
    assert!(message.contains(&format!("the request has expired: it was made at {was:.0} and counts for 1 minute")), "{message}");
    assert_eq!(lab.writes().iter().skip(writes).filter(|line| line["verb"] == "update").count(), 0, "nothing came or went");
    // What a dry run and explain say of it is the same.
    let dry = lab.remediator_with(&shortly(&lab)).with("--dry-run").run();
    has_expired(&lab, &dry, &target);

    // Older than what is remembered, or far in the future: no renewal.
    renew(&lab, &target, was - SignedDuration::from_mins(1));
    has_expired(&lab, &run(&lab), &target);
    let now = recorded(&lab, &target);
    renew(&lab, &target, now + SignedDuration::from_hours(1));
    has_expired(&lab, &run(&lab), &target);
    lab.kubectl(&["annotate", "pod", &target.name, "--overwrite", &format!("{REQUESTED_AT}=soon")]);
    assert_eq!(run(&lab).decision(&target)["event.reason"], "malformed_request");
    // As the hint says.
    let (_, command) = late.decision(&target)["hint"].as_str().unwrap().split_once("renew the request: ").unwrap();
    let renewed = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(renewed.status.success(), "{renewed:?}");
    lab.remediator_with(&shortly(&lab)).replaces(&target);
}

#[test]
fn a_request_that_a_run_saw_taken_back_is_a_new_one_when_it_is_made_again() {
    let (lab, target) = lab_with_a_request("taken-back");
    observe(&lab);
    age(&lab, 2);
    // Taken back and made again while no run looked: the same request.
    take_back(&lab, &target);
    ask(&lab, &target);
    has_expired(&lab, &run(&lab), &target);
    // And a dry run sees nothing gone for anybody.
    take_back(&lab, &target);
    lab.remediator_with(&shortly(&lab)).with("--dry-run").run();
    assert_eq!(remembered(&lab).len(), 1);
    // Nor does a run that looks for other requests.
    let other = lab.remediator_with(&shortly(&lab)).with("--selector=team=blue").run();
    assert_eq!((other.exit, remembered(&lab).len()), (0, 1), "{other:?}");
    let nothing = run(&lab);
    assert!(nothing.records[0]["message"].as_str().unwrap().contains("asks to be replaced"), "{nothing:?}");
    assert_eq!(remembered(&lab), Vec::<Value>::new());
    ask(&lab, &target);
    lab.remediator_with(&shortly(&lab)).replaces(&target);
}

#[test]
fn a_run_that_leaves_the_namespace_to_another_remembers_what_it_saw() {
    let (lab, first) = lab_with_a_request("beside-another");
    let lab = std::sync::Arc::new(lab);
    let second = Pod::of(lab.pods("web").iter().find(|pod| pod["metadata"]["uid"] != *first.uid).unwrap());
    // While the first run is about to send its deletion, another pod asks and a second run comes by.
    let (beside, asks) = (std::sync::Arc::clone(&lab), second.clone());
    let proxy = Proxy::start(&lab, move |request| {
        if request.deletes_a_pod(1) {
            ask(&beside, &asks);
            let run = run(&beside);
            assert_eq!(run.blocks(&asks).first().map(String::as_str), Some("cooldown"), "{run:?}");
        }
        Step::Forward
    });
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.outcome(&first)["verification"]["result"], "verified", "{run:?}");
    let remembered = remembered(&lab);
    assert!(remembered.iter().any(|one| one["podUid"] == *second.uid), "the outcome was written on top of it: {remembered:?}");
}

#[test]
fn where_the_ledger_changes_meanwhile_what_is_remembered_is_of_a_newer_list() {
    let (lab, target) = lab_with_a_request("newer-list");
    let lab = std::sync::Arc::new(lab);
    let (other, asks) = (std::sync::Arc::clone(&lab), target.clone());
    let proxy = Proxy::start(&lab, move |request| {
        if request.writes_the_ledger(1) {
            take_back(&other, &asks);
            other.kubectl(&["annotate", "configmap", STATE, "somebody=else"]);
        }
        Step::Forward
    });
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert!(run.records[0]["message"].as_str().unwrap().contains("asks to be replaced"), "{run:?}");
    assert_eq!((remembered(&lab), lab.deletions()), (Vec::new(), Vec::new()));
    lab.untouched(&target);
}

#[test]
fn a_ledger_of_version_1_is_read_and_written_as_version_2() {
    let (lab, target) = lab_with_a_request("version-1");
    let old = json!({"schemaVersion": 1, "ledger": {"executions": [], "breaker": [
        {"at": "2026-01-01T00:00:00Z", "runbook": "replace-redundant-pod", "service": "web", "event": "opened", "cause": "it failed", "actor": "a"},
    ]}});
    let patch = json!({"data": {"ledger.json": old.to_string()}}).to_string();
    lab.kubectl(&["patch", "configmap", STATE, "--type", "merge", "--patch", &patch]);
    let run = run(&lab);
    run.refused(&target, &["circuit_breaker"]);
    let hint = run.decision(&target)["hint"].as_str().unwrap();
    let reset = format!("pod-remediator reset-breaker replace-redundant-pod --service web -n {} --reason", lab.namespace);
    assert!(hint.contains(&reset), "{hint}");
    assert_eq!(since(&lab), recorded(&lab, &target));
    let summary = lab.state()["data"]["summary"].as_str().unwrap().to_owned();
    assert!(summary.contains(&reset), "{summary}");
}
