//! Observing is silent but for the trail, whatever blocks.

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, RESTART};
use crate::receiver::Receiver;
use crate::remediator::{Run, Runbook};
use crate::workloads::deployment;

/// What a run left for anybody but who reads the trail.
#[track_caller]
fn silent(lab: &Lab, receiver: &Receiver, run: &Run, pods: &[(&Pod, &str)]) {
    assert_eq!(run.exit, 0, "{run:?}");
    for (pod, reason) in pods {
        let decision = run.decision(pod);
        assert_eq!((&decision["event.reason"], &decision["escalation"]["level"]), (&json!(reason), &json!("none")), "{run:?}");
        lab.untouched(pod);
    }
    let events = lab.get(&["events.events.k8s.io", "--field-selector", "reportingController=pod-remediator"]);
    assert_eq!(events["items"], json!([]), "no Event");
    assert!(receiver.got().is_empty(), "nobody is told: {:?}", receiver.got());
    assert_eq!(lab.executions(), Vec::<Value>::new());
}

#[test]
fn whatever_blocks_only_the_trail_has_it() {
    let (lab, receiver) = (Lab::new("observing"), Receiver::new());
    ["single", "wrong", "odd"].iter().for_each(|name| lab.roll_out(&deployment(name, 1)));
    let [single, wrong, odd] = ["single", "wrong", "odd"].map(|name| lab.ask_for_one(name));
    lab.kubectl(&["annotate", "pod", &wrong.name, "remediator.kubedojo.io/confidence=much"]);
    lab.kubectl(&["annotate", "pod", &odd.name, "remediator.kubedojo.io/symptom=Odd", "remediator.kubedojo.io/confidence=0.9"]);
    let expected = [(&single, "blast_radius,own_workload_redundancy"), (&wrong, "malformed_request"), (&odd, "no_runbook")];
    let run = |runbook: &Runbook| lab.remediator_with(runbook).env("NOTIFY_URL", &receiver.url());
    let observe = lab.runbook().with_word("decisionMode", "observe");
    silent(&lab, &receiver, &run(&observe).run(), &expected);
    silent(&lab, &receiver, &run(&lab.runbook()).env("MODE_CEILING", "observe").run(), &expected);

    // Too many services at once, which would page where it may act.
    for name in ["one", "two", "three"] {
        lab.roll_out(&deployment(name, 2));
        lab.ask_for_one(name);
    }
    let many = [(&single, "blast_radius,own_workload_redundancy,matched_services")];
    silent(&lab, &receiver, &run(&observe).run(), &many);

    // The same in any other mode is for the owners.
    let aloud = run(&lab.runbook().with_word("decisionMode", "suggest")).run();
    assert_ne!(aloud.decision(&wrong)["escalation"]["level"], "none", "{aloud:?}");
    assert!(!receiver.got().is_empty());
    assert_ne!(lab.get(&["events.events.k8s.io"])["items"], json!([]));
    assert!(lab.get(&["pods", "--selector", RESTART])["items"].as_array().is_some_and(|pods| pods.len() == 6));
}
