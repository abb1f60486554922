//! When a replacement is healthy, and whose it is.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, is_ready, until};
use crate::remediator::Runbook;
use crate::workloads::{bare_pod, deployment, of_service, on_real_node, pod_spec, stateful_set};

#[test]
fn a_replacement_that_crashes_four_seconds_after_each_ready_start_fails_verification() {
    let lab = Lab::new("crashing-replacement");
    let seats = lab.folder.join("seats");
    // The first two pods serve; whoever comes later exits after four seconds. No probe: it is Ready at each start.
    let script = "if mkdir /seats/1 || mkdir /seats/2; then exec sh /serve; else sleep 4; exit 1; fi";
    let mut web = on_real_node(deployment("web", 2), script);
    pod_spec(&mut web)["volumes"] = json!([{"name": "seats", "hostPath": {"path": seats, "type": "DirectoryOrCreate"}}]);
    pod_spec(&mut web)["containers"][0]["volumeMounts"] = json!([{"name": "seats", "mountPath": "/seats"}]);
    lab.roll_out(&web);
    let target = lab.ask_for_one("web");
    let runbook = Runbook::of(&lab.namespace).with("verification", "timeoutSeconds", 25);
    let run = lab.remediator_with(&runbook).run();

    assert_eq!(run.exit, 3, "{run:?}");
    let verification = &run.outcome(&target)["verification"];
    assert_eq!(verification["result"], "failed");
    let detail = verification["detail"].as_str().unwrap();
    assert!(detail.contains("restarted"), "what was seen, not just a timeout: {detail}");
    assert_eq!(lab.executions()[0]["outcome"]["result"], "failed");
    assert_eq!(lab.deletions().len(), 1);

    // onVerificationFailure: open_incident_and_disable_runbook.
    lab.roll_out(&deployment("other", 2));
    let other = lab.ask_for_one("other");
    let run = lab.remediator_with(&runbook.with("guardrails", "maxAffectedServices", 9)).run();
    assert_eq!((run.exit, run.blocks(&other)), (0, vec!["circuit_breaker".to_owned()]), "{run:?}");
    assert_eq!(lab.deletions().len(), 1);
}

#[test]
fn neither_an_unrelated_new_pod_nor_one_of_the_old_replica_set_is_a_replacement() {
    let lab = Lab::new("whose-replacement");
    let gate = format!("cluster.test/{}", lab.namespace);
    let node = "simulated-1";
    lab.roll_out(&deployment("web", 2));
    // A second revision, whose pods only run where the gate is open; once it is closed, a replacement stays Pending.
    lab.kubectl(&["label", "node", node, &format!("{gate}=open")]);
    let mut web = deployment("web", 2);
    pod_spec(&mut web)["nodeSelector"][&gate] = json!("open");
    lab.roll_out(&web);
    lab.kubectl(&["label", "node", node, &format!("{gate}-")]);
    let target = lab.ask_for_one("web");
    let runbook = lab.runbook().with("verification", "timeoutSeconds", 15);
    let running = lab.remediator_with(&runbook).start();

    until("the target is gone", || lab.try_kubectl(&["get", "pod", &target.name]).err());
    let new_revision = |set: &Value| !set["spec"]["template"]["spec"]["nodeSelector"][&gate].is_null();
    let sets = lab.get(&["replicasets"]);
    let old = sets["items"].as_array().unwrap().iter().find(|set| !new_revision(set)).unwrap()["metadata"]["name"].as_str().unwrap();
    // Paused, the Deployment leaves its ReplicaSets as they are.
    lab.kubectl(&["rollout", "pause", "deployment/web"]);
    lab.kubectl(&["scale", "replicaset", old, "--replicas=1"]);
    lab.apply(&bare_pod("stranger", "web"));
    lab.apply(&of_service(deployment("unrelated", 1), "web"));
    until("three other new pods are Ready, and the workload's numbers look fine", || {
        let ready = lab.pods("web").iter().filter(|pod| is_ready(pod)).count();
        (ready == 4 && lab.get(&["deployment/web"])["status"]["availableReplicas"] == 2).then_some(())
    });

    let run = running.end();
    assert_eq!(run.exit, 3, "{run:?}");
    let verification = &run.outcome(&target)["verification"];
    assert_eq!((&verification["result"], &verification["replacement"]), (&json!("failed"), &Value::Null), "{run:?}");
    assert_eq!(lab.pods("web").iter().filter(|pod| is_ready(pod)).count(), 4, "what was to be shown");
    assert_eq!(lab.deletions().len(), 1);
}

#[test]
fn a_pod_of_a_deployment_is_replaced_and_proved_for_ten_seconds() {
    let lab = Lab::new("deployment");
    lab.roll_out(&deployment("web", 3));
    let before: Vec<Pod> = lab.pods("web").iter().map(Pod::of).collect();
    let target = lab.ask_for_one("web");
    // The default runbook as it is.
    let replacement = lab.remediator_with(&Runbook::of(&lab.namespace)).replaces(&target);
    assert!(!before.iter().any(|pod| pod.name == replacement));
    let execution = &lab.executions()[0];
    assert_eq!((&execution["outcome"]["result"], &execution["inFlight"]), (&json!("verified"), &Value::Null), "{execution}");
    let (proved, born) = (execution["outcome"]["at"].as_str().unwrap(), lab.get(&["pod", &replacement]));
    let ready_since = born["metadata"]["creationTimestamp"].as_str().unwrap();
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    assert!(time(proved).duration_since(time(ready_since)).unsigned_abs() >= Duration::from_secs(10), "{ready_since} to {proved}");
    before.iter().filter(|pod| **pod != target).for_each(|pod| lab.untouched(pod));
}

#[test]
fn a_pod_of_a_stateful_set_is_replaced_by_one_of_the_same_name() {
    for policy in ["OrderedReady", "Parallel"] {
        let lab = Lab::new("stateful");
        lab.roll_out(&stateful_set("db", 3, policy));
        let middle = Pod::of(&lab.get(&["pod", "db-1"]));
        lab.ask(&middle);
        assert_eq!(lab.remediator().replaces(&middle), "db-1");
        assert_ne!(Pod::of(&lab.get(&["pod", "db-1"])).uid, middle.uid);
    }
}

#[test]
fn an_ordered_stateful_set_with_another_pod_down_is_left_alone() {
    let lab = Lab::new("ordered");
    lab.roll_out(&stateful_set("db", 3, "OrderedReady"));
    lab.patch_status("db-0", &json!({"conditions": [{"type": "Ready", "status": "False"}]}));
    let last = Pod::of(&lab.get(&["pod", "db-2"]));
    lab.ask(&last);
    let message = lab.remediator().refuses(&last, &["ordered_peers_ready"]);
    assert!(message.contains("(StatefulSet/db has 1 of 2; not db-0)"), "{message}");
}

#[test]
fn a_pod_of_a_bare_replica_set_is_replaced() {
    let lab = Lab::new("replica-set");
    let mut set = deployment("web", 2);
    set["kind"] = json!("ReplicaSet");
    lab.roll_out(&set);
    let target = lab.ask_for_one("web");
    lab.remediator().replaces(&target);
}
