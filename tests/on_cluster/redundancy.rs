//! Which pods count as Ready peers. In each test a Ready pod asks, and only what looks like a peer is left beside it.

use serde_json::json;

use crate::fixture::{Lab, Pod, is_ready, restarts, until};
use crate::remediator::Runbook;
use crate::workloads::{SERVE, deployment, of_service, on_real_node, pod_spec, simulated_pod, stateful_set};

/// The target is the only pod that counts.
const ALONE: [&str; 2] = ["blast_radius", "own_workload_redundancy"];

#[test]
fn a_pod_is_no_peer_while_its_second_container_is_not_ready() {
    let lab = Lab::new("second-container");
    let seats = lab.folder.join("seats");
    // Whoever takes the seat first is the healthy pod.
    let mut web = on_real_node(deployment("web", 2), SERVE);
    *pod_spec(&mut web) = json!({
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "seats", "hostPath": {"path": seats, "type": "DirectoryOrCreate"}}],
        "containers": [
            {"name": "first", "image": "nginx:1.27"},
            {
                "name": "second", "image": "nginx:1.27", "command": ["sh", "-c", "mkdir /seats/1 && touch /tmp/seated; trap exit TERM; sleep 600 & wait"],
                "volumeMounts": [{"name": "seats", "mountPath": "/seats"}],
                "readinessProbe": {"exec": {"command": ["test", "-f", "/tmp/seated"]}, "periodSeconds": 1},
            },
        ],
    });
    lab.apply(&web);
    let (ready, unready) = until("one is Ready, and of the other the first container", || {
        let pods = lab.pods("web");
        let (ready, unready): (Vec<_>, Vec<_>) = pods.into_iter().partition(is_ready);
        let half = |pod: &serde_json::Value| {
            let of = |name: &str| pod["status"]["containerStatuses"].as_array()?.iter().find(|one| one["name"] == name)?["ready"].as_bool();
            of("first") == Some(true) && of("second") == Some(false)
        };
        (ready.len() == 1 && unready.len() == 1 && half(&unready[0])).then(|| (Pod::of(&ready[0]), Pod::of(&unready[0])))
    });
    lab.ask(&ready);
    let message = lab.remediator().refuses(&ready, &ALONE);
    assert!(message.contains("at least 2 Ready pods are required (service web has 1, this pod included)"), "{message}");
    lab.untouched(&unready);
}

#[test]
fn a_terminating_pod_is_no_peer_though_it_is_still_ready() {
    let lab = Lab::new("terminating");
    // A finalizer keeps it, and until it is gone its name is taken: nothing makes up for it.
    lab.roll_out(&stateful_set("db", 2, "Parallel"));
    let (going, target) = ("db-0", Pod::of(&lab.get(&["pod", "db-1"])));
    lab.kubectl(&["patch", "pod", going, "--patch", r#"{"metadata": {"finalizers": ["cluster.test/keep"]}}"#]);
    lab.kubectl(&["delete", "pod", going, "--wait=false"]);
    lab.ask(&target);
    let message = lab.remediator().refuses(&target, &ALONE);
    assert!(message.contains("(service db has 1, this pod included)"), "{message}");
    let still = lab.get(&["pod", going]);
    assert!(is_ready(&still) && !still["metadata"]["deletionTimestamp"].is_null(), "what was to be shown: {still}");
    lab.kubectl(&["patch", "pod", going, "--patch", r#"{"metadata": {"finalizers": null}}"#]);
}

#[test]
fn a_shared_service_label_does_not_make_the_last_pod_of_a_workload_redundant() {
    let lab = Lab::new("shared-label");
    lab.apply(&of_service(deployment("workers", 3), "shop"));
    lab.roll_out(&of_service(deployment("leader", 1), "shop"));
    lab.rolled_out(&deployment("workers", 3));
    let leader = Pod::of(&lab.get(&["pods", "--selector", "workload=leader"])["items"][0]);
    lab.ask(&leader);
    let run = lab.remediator().run();
    assert_eq!((run.exit, run.blocks(&leader)), (0, vec!["own_workload_redundancy".to_owned()]), "{run:?}");
    assert_eq!(run.guardrail(&leader, "blast_radius")["observed"], "app=shop ready_count=4 (this pod included)");
    assert!(run.refused(&leader, &[]).contains("pods of other workloads do not count"), "{run:?}");
    assert!(lab.deletions().is_empty());
    lab.untouched(&leader);
}

#[test]
fn a_jobs_pod_is_no_peer_and_is_never_replaced_itself() {
    let lab = Lab::new("job");
    let mut pod = simulated_pod();
    pod["restartPolicy"] = json!("Never");
    // Slow, or it would succeed at once; and then slow for no time at all.
    lab.apply(&json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"},
        "spec": {"completions": 3, "parallelism": 3, "template": {
            "metadata": {"labels": {"app": "web", "simulate": "slow"}, "annotations": {"simulate/ready-after": "1ms"}}, "spec": pod,
        }},
    }));
    lab.roll_out(&deployment("web", 1));
    until("three Ready pods of the Job", || (lab.pods("web").iter().filter(|pod| is_ready(pod)).count() == 4).then_some(()));
    let one = |selector: &str| Pod::of(&lab.get(&["pods", "--selector", selector])["items"][0]);
    let (target, of_job) = (one("workload=web"), one("batch.kubernetes.io/job-name=migrate"));
    lab.ask(&target);
    lab.ask(&of_job);
    let run = lab.remediator().run();
    assert_eq!(run.exit, 0);
    assert!(run.refused(&target, &ALONE).contains(" has 1, this pod included"), "{run:?}");
    assert!(run.refused(&of_job, &["supported_controller"]).contains("(Job.batch is not supported: "), "{run:?}");
    assert!(lab.deletions().is_empty());
    lab.untouched(&of_job);
}

#[test]
fn a_crash_looping_pod_in_a_ready_moment_is_no_peer() {
    let lab = Lab::new("ready-moment");
    let seats = lab.folder.join("seats");
    // Of two pods one serves, the other exits after four seconds, again and again. Without a probe it is Ready at each start.
    let mut web = on_real_node(deployment("web", 2), "if mkdir /seats/1; then exec sh /serve; else sleep 4; exit 1; fi");
    pod_spec(&mut web)["volumes"] = json!([{"name": "seats", "hostPath": {"path": seats, "type": "DirectoryOrCreate"}}]);
    pod_spec(&mut web)["containers"][0]["volumeMounts"] = json!([{"name": "seats", "mountPath": "/seats"}]);
    lab.apply(&web);
    let crashed = |pod: &serde_json::Value| restarts(pod) > 0;
    let (target, crashing) = until("one has crashed", || {
        let pods = lab.pods("web");
        Some((Pod::of(pods.iter().find(|pod| !crashed(pod))?), Pod::of(pods.iter().find(|pod| crashed(pod))?)))
    });
    lab.ask(&target);
    // The run must lie within one Ready moment, or it shows nothing: else it waits for the next.
    until("a run within a Ready moment", || {
        let before = lab.get(&["pod", &crashing.name]);
        if !is_ready(&before) {
            return None;
        }
        // Ten seconds are what it takes to count again: the default.
        let runbook = Runbook::of(&lab.namespace).with("verification", "timeoutSeconds", 20);
        let run = lab.remediator_with(&runbook).run();
        assert!(!run.records.iter().any(|record| record["event.action"] == "intent"), "it acted: {run:?}");
        let after = lab.get(&["pod", &crashing.name]);
        if !is_ready(&after) || restarts(&before) != restarts(&after) {
            return None;
        }
        let message = run.refused(&target, &ALONE);
        assert!(message.contains(" has 1, this pod included"), "{message}");
        Some(())
    });
    assert!(lab.deletions().is_empty());
    lab.untouched(&target);
}
