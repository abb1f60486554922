//! How much, how fast, and one at a time.

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod};
use crate::workloads::deployment;

#[test]
fn one_service_in_ten_minutes_unless_the_runbook_allows_more() {
    let lab = Lab::new("affected");
    lab.roll_out(&deployment("cart", 2));
    lab.roll_out(&deployment("shop", 2));
    let (cart, shop) = (lab.ask_for_one("cart"), lab.ask_for_one("shop"));
    // Older requests first: cart's label may be of the same second as shop's, and is then first by name.
    let run = lab.remediator().run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&cart)["verification"]["result"], "verified");
    assert_eq!(run.blocks(&shop), ["affected_services"], "{run:?}");
    lab.untouched(&shop);
    assert_eq!(lab.remediator().run().blocks(&shop), ["affected_services"], "the cap is for all runs together");
    lab.untouched(&shop);

    lab.roll_out(&deployment("mail", 2));
    let mail = lab.ask_for_one("mail");
    let runbook = lab.runbook().with("guardrails", "maxAffectedServices", 3);
    let run = lab.remediator_with(&runbook).run();
    assert_eq!(run.exit, 0, "{run:?}");
    for pod in [&shop, &mail] {
        assert_eq!(run.outcome(pod)["verification"]["result"], "verified", "{run:?}");
    }
    // One after the other: the second's intent comes after the first's outcome.
    let acted: Vec<&Value> = run.records.iter().map(|record| &record["event.action"]).filter(|action| **action != "decision").collect();
    assert_eq!(acted, ["intent", "outcome", "intent", "outcome"]);
    let deleted: Vec<Value> = lab.deletions().iter().map(|line| line["requestObject"]["preconditions"]["uid"].clone()).collect();
    assert_eq!(deleted, [json!(cart.uid), json!(shop.uid), json!(mail.uid)]);
}

#[test]
fn a_faulty_metric_that_labels_a_pod_of_each_of_twelve_services_moves_nothing() {
    let lab = Lab::new("matched");
    let services = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    services.iter().for_each(|name| lab.apply(&deployment(name, 2)));
    services.iter().for_each(|name| lab.rolled_out(&deployment(name, 2)));
    let pods = services.map(|name| lab.ask_for_one(name));
    let run = lab.remediator().run();
    assert_eq!(run.exit, 0, "{run:?}");
    for pod in &pods {
        let message = run.refused(pod, &["matched_services"]);
        assert!(message.contains("blocked by matched_services"), "{message}");
        lab.untouched(pod);
    }
    assert_eq!(lab.deletions(), Vec::<Value>::new());
    assert_eq!(lab.executions(), Vec::<Value>::new(), "nothing to remember but since when they ask");
}

#[test]
fn the_next_pod_of_a_service_waits_for_the_cooldown() {
    let lab = Lab::new("cooldown");
    lab.roll_out(&deployment("web", 3));
    let first = lab.ask_for_one("web");
    lab.remediator().replaces(&first);
    let second = lab.ask_for_one("web");
    let run = lab.remediator().run();
    assert_eq!((run.exit, run.blocks(&second)), (0, vec!["cooldown".to_owned()]), "{run:?}");
    // To the second: ten minutes after the first was begun.
    let begun: jiff::Timestamp = lab.executions()[0]["startedAt"].as_str().unwrap().parse().unwrap();
    let until = format!("until {:.0}", begun + jiff::SignedDuration::from_mins(10));
    let message = run.refused(&second, &["cooldown"]);
    assert!(message.contains(&until), "{message}, not {until}");
    lab.untouched(&second);
    assert_eq!(lab.deletions().len(), 1);
}

#[test]
fn one_request_is_done_once_and_leaves_events_behind() {
    let lab = Lab::new("once");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    lab.remediator().replaces(&target);
    let run = lab.remediator().run();
    assert_eq!((run.exit, run.records.len()), (0, 1), "{run:?}");
    assert!(run.records[0]["message"].as_str().unwrap().starts_with("no pod in "), "{run:?}");
    assert_eq!(lab.deletions().len(), 1);
    let events = lab.get(&["events.events.k8s.io"]);
    let ours = |event: &&Value| event["reportingController"] == "pod-remediator";
    let verified: Vec<&Value> =
        events["items"].as_array().unwrap().iter().filter(ours).filter(|event| event["reason"] == "PodReplacementVerified").collect();
    assert_eq!(verified.len(), 1, "{events}");
    assert_eq!((&verified[0]["regarding"]["name"], &verified[0]["related"]["uid"]), (&json!("web"), &json!(target.uid)));
}

#[test]
fn two_runs_at_the_same_moment_delete_one_pod() {
    let lab = Lab::new("two-runs");
    lab.roll_out(&deployment("web", 3));
    let pods: Vec<Pod> = lab.pods("web").iter().map(Pod::of).collect();
    // Both pods ask, so the second run has something to do as well.
    lab.ask(&pods[0]);
    lab.ask(&pods[1]);
    let both = [lab.remediator().start(), lab.remediator().start()].map(|running| running.end());
    assert_eq!(both.each_ref().map(|run| run.exit), [0, 0], "{both:?}");
    let deleted = lab.deletions();
    assert_eq!(deleted.len(), 1, "{both:?}");
    let count = |kind: &str| both.iter().flat_map(|run| &run.records).filter(|record| record["event.action"] == kind).count();
    assert_eq!((count("intent"), count("outcome")), (1, 1), "{both:?}");
    assert_eq!(lab.executions().len(), 1);
    let refusals = both.iter().flat_map(|run| &run.records).filter(|record| record["decision.mode"] == "abort");
    for refusal in refusals {
        let reason = refusal["event.reason"].as_str().unwrap();
        // Or it comes just after the deletion.
        let is_late = ["gone", "request_closed"].contains(&reason);
        assert!(reason.contains("concurrent_actions") || reason.contains("cooldown") || is_late, "{refusal}");
    }
}
