//! A ledger that cannot be trusted stops everything, and stays as it is.

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, RESTART, STATE};
use crate::receiver::Receiver;
use crate::remediator::Run;
use crate::web_server::Reply;
use crate::workloads::{bare_pod, deployment};

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

/// A pod of a run that ended well, as the Job's history limit keeps it.
fn earlier_run(lab: &Lab) -> String {
    let name = "labeled-pod-remediator-1-x";
    let mut pod = bare_pod(name, "pod-remediator");
    pod["metadata"]["labels"]["app.kubernetes.io/name"] = json!("pod-remediator");
    // It stays where it is: no kubelet has a say in how it ended.
    pod["spec"]["nodeSelector"] = json!({"cluster.test/no-such-node": "true"});
    lab.apply(&pod);
    let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": jiff::Timestamp::now().to_string()}});
    let container = json!({"name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": ended});
    lab.patch_status(name, &json!({"phase": "Succeeded", "containerStatuses": [container]}));
    name.to_owned()
}

/// Deleted and made again, as `kubectl apply` or a GitOps controller does.
fn made_anew(lab: &Lab) {
    std::thread::sleep(std::time::Duration::from_secs(2));
    lab.kubectl(&["delete", "configmap", STATE]);
    lab.kubectl(&["create", "configmap", STATE]);
}

fn said_anew(run: &Run) -> Vec<&Value> {
    run.records.iter().filter(|record| record["event.reason"] == "ledger_new").collect()
}

fn events_anew(lab: &Lab) -> Vec<Value> {
    let events = lab.get(&["events.events.k8s.io"])["items"].as_array().unwrap().clone();
    events.into_iter().filter(|event| event["reason"] == "LedgerStartsAnew").collect()
}

#[test]
fn one_that_was_made_anew_is_told_once_and_stops_nothing() {
    let (lab, receiver) = (Lab::new("state-anew"), Receiver::new());
    let run = || lab.remediator().env("NOTIFY_URL", &receiver.url()).run();
    assert_eq!(said_anew(&run()).len(), 0, "a first installation is none");
    let earlier = earlier_run(&lab);
    made_anew(&lab);
    let warned = lab.asks(&["check", "--output", "json"]).tells();
    assert!(warned.out.contains("the ledger starts anew: ") && warned.out.contains(&earlier), "{warned:?}");

    // A dry run says so, and leaves no trace.
    let dry = lab.remediator().with("--dry-run").run();
    assert_eq!((said_anew(&dry).len(), events_anew(&lab).len(), &lab.state()["data"]), (1, 0, &Value::Null), "{dry:?}");

    // Nothing asks, so nothing else would be written; and while nobody can be told, the next run tells it.
    receiver.answers(Reply::status(503));
    assert_eq!((said_anew(&run()).len(), &lab.state()["data"]), (1, &Value::Null));
    receiver.answers(Reply::ok("ok"));
    let told = run();
    let record = said_anew(&told)[0];
    let message = record["message"].as_str().unwrap();
    assert!(message.contains("cooldowns, open circuit breakers and the age of requests from before are forgotten"), "{message}");
    assert_eq!((told.exit, &record["event.action"], &record["escalation"]["level"]), (0, &json!("run"), &json!("open_incident")));
    assert!(receiver.got()[1].text().contains("the ledger starts anew: "), "{:?}", receiver.got());
    let events = events_anew(&lab);
    assert_eq!((events.len(), &events[0]["regarding"]["kind"], &events[0]["note"]), (1, &json!("ConfigMap"), &record["message"]));
    assert_eq!(events[0]["regarding"]["uid"], lab.state()["metadata"]["uid"]);
    assert_eq!(lab.state()["metadata"]["annotations"]["remediator.kubedojo.io/initialized"], "true");
    let again = run();
    assert_eq!((said_anew(&again).len(), receiver.got().len(), events_anew(&lab).len()), (0, 2, 1), "once: {again:?}");
    let checked = lab.asks(&["check", "--output", "json"]).tells();
    assert!(!checked.out.contains("starts anew"), "{checked:?}");

    // With something to do, and nobody to tell: it is done all the same.
    made_anew(&lab);
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let acting = lab.remediator().run();
    assert_eq!((said_anew(&acting).len(), &acting.outcome(&target)["verification"]["result"]), (1, &json!("verified")), "{acting:?}");
    assert_eq!(said_anew(&lab.remediator().run()).len(), 0);

    // What only observes has nothing to forget that matters: only the trail has it.
    made_anew(&lab);
    let before = events_anew(&lab).len();
    let observing = lab.remediator().env("MODE_CEILING", "observe").env("NOTIFY_URL", &receiver.url()).run();
    assert_eq!(said_anew(&observing)[0]["escalation"]["level"], "none", "{observing:?}");
    assert_eq!((receiver.got().len(), events_anew(&lab).len()), (2, before), "{:?}", receiver.got());
}
