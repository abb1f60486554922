//! Something changes at exactly the wrong moment: a proxy in front of the API server makes it happen there.
//!
//! Hooks use kubectl without the proxy, as another client would.

use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use crate::audit_log::code;
use crate::fixture::{Lab, Pod, STATE, until};
use crate::proxy::{Proxy, Request, Step};
use crate::workloads::{deployment, stateful_set};

/// A proxy with a hook that is run before one certain request is let through.
fn before(lab: &Arc<Lab>, this: impl Fn(&Request) -> bool + Send + Sync + 'static, hook: impl Fn(&Lab) + Send + Sync + 'static) -> Proxy {
    let hooked = Arc::clone(lab);
    Proxy::start(lab, move |request| {
        if this(request) {
            hook(&hooked);
        }
        Step::Forward
    })
}

fn lab_with_a_request(name: &str) -> (Arc<Lab>, Pod) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    (Arc::new(lab), target)
}

fn codes(deletions: &[Value]) -> Vec<u64> {
    deletions.iter().map(code).collect()
}

/// As a kubelet does with a crash-looping pod, ten times a minute.
fn touch_status(lab: &Lab, pod: &str) {
    let message = format!("{:?}", std::time::Instant::now());
    lab.patch_status(pod, &json!({"message": message}));
}

#[test]
fn a_pod_whose_status_changed_after_the_decision_is_decided_again() {
    let (lab, target) = lab_with_a_request("changed-once");
    let name = target.name.clone();
    let proxy = before(&lab, |request| request.deletes_a_pod(1), move |lab| touch_status(lab, &name));
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    let deletions = lab.deletions();
    assert_eq!(codes(&deletions), [409, 200]);
    let conditions = |line: &Value| line["requestObject"]["preconditions"].clone();
    let (first, second) = (conditions(&deletions[0]), conditions(&deletions[1]));
    assert_eq!((&first["uid"], &second["uid"]), (&json!(target.uid), &json!(target.uid)));
    assert_ne!(first["resourceVersion"], second["resourceVersion"], "never without the version that was decided on");
    assert_eq!(lab.executions().len(), 1);
}

#[test]
fn a_pod_that_changes_each_time_is_left_alone_and_that_counts_for_nothing() {
    let (lab, target) = lab_with_a_request("changed-always");
    let name = target.name.clone();
    let proxy = before(&lab, |request| request.method == "DELETE", move |lab| touch_status(lab, &name));
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&target)["verification"]["result"], "not_executed", "{run:?}");
    assert_eq!(codes(&lab.deletions()), [409, 409, 409]);
    lab.untouched(&target);
    // Neither cooldown nor cap: the next run acts.
    let run = lab.remediator().run();
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
}

#[test]
fn a_request_withdrawn_after_the_decision_is_honoured() {
    let (lab, target) = lab_with_a_request("withdrawn");
    let name = target.name.clone();
    let withdraw = move |lab: &Lab| drop(lab.kubectl(&["label", "pod", &name, &format!("{}-", crate::fixture::RESTART)]));
    let proxy = before(&lab, |request| request.deletes_a_pod(1), withdraw);
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(codes(&lab.deletions()), [409], "{run:?}");
    lab.untouched(&target);
    assert_eq!((run.exit, &run.outcome(&target)["verification"]["result"]), (0, &json!("not_executed")), "{run:?}");
}

#[test]
fn peers_that_fail_after_the_decision_stop_it() {
    let (lab, target) = lab_with_a_request("peers-fail");
    let peers: Vec<String> = lab.pods("web").iter().map(|pod| Pod::of(pod).name).filter(|name| *name != target.name).collect();
    let name = target.name.clone();
    let proxy = before(
        &lab,
        |request| request.deletes_a_pod(1),
        move |lab| {
            let unready = json!({"conditions": [{"type": "Ready", "status": "False"}]});
            peers.iter().for_each(|peer| lab.patch_status(peer, &unready));
            touch_status(lab, &name);
        },
    );
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    let verification = &run.outcome(&target)["verification"];
    assert_eq!(verification["result"], "not_executed", "{run:?}");
    assert!(verification["detail"].as_str().unwrap().contains("blocked by blast_radius: at least 2 Ready pods are required"), "{run:?}");
    assert_eq!(codes(&lab.deletions()), [409]);
    lab.untouched(&target);
}

#[test]
fn a_pod_that_is_gone_already_is_fine_and_no_other_is_deleted_for_it() {
    let (lab, target) = lab_with_a_request("gone");
    let name = target.name.clone();
    let delete = move |lab: &Lab| drop(lab.kubectl(&["delete", "pod", &name, "--grace-period=0", "--force"]));
    let proxy = before(&lab, |request| request.deletes_a_pod(1), delete);
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(codes(&lab.deletions()), [404]);
    assert_eq!(lab.pods("web").len(), 3);
}

#[test]
fn a_new_pod_with_the_old_ones_name_is_not_deleted() {
    let lab = Arc::new(Lab::new("same-name"));
    lab.roll_out(&stateful_set("db", 2, "Parallel"));
    let target = Pod::of(&lab.get(&["pod", "db-1"]));
    lab.ask(&target);
    let old = target.uid.clone();
    let proxy = before(
        &lab,
        |request| request.deletes_a_pod(1),
        move |lab| {
            lab.kubectl(&["delete", "pod", "db-1", "--grace-period=0", "--force"]);
            until("another db-1", || {
                lab.try_kubectl(&["get", "pod", "db-1", "--output", "jsonpath={.metadata.uid}"]).ok().filter(|uid| *uid != old)
            });
        },
    );
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    let deletions = lab.deletions();
    assert_eq!(codes(&deletions), [409], "{run:?}");
    assert_eq!(deletions[0]["requestObject"]["preconditions"]["uid"], *target.uid);
    let outcome = run.outcome(&target);
    assert_eq!(outcome["verification"]["result"], "verified", "{run:?}");
    assert_eq!(outcome["verification"]["replacement_uid"], lab.get(&["pod", "db-1"])["metadata"]["uid"]);
}

#[test]
fn two_runs_that_both_decided_to_act_are_told_apart_by_the_ledger() {
    let lab = Arc::new(Lab::new("both-decided"));
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    // Neither writes before the other is about to: first what it remembers of the request, then its intent.
    let barrier = Arc::new(Barrier::new(2));
    let proxy = before(
        &lab,
        |request| request.method == "PUT" && request.count <= 4,
        move |_| {
            barrier.wait();
        },
    );
    let both = [(); 2].map(|()| lab.remediator().by(&proxy.kubeconfig).start()).map(|running| running.end());
    assert_eq!(both.each_ref().map(|run| run.exit), [0, 0], "{both:?}");
    assert_eq!(codes(&lab.deletions()), [200], "{both:?}");
    let puts: Vec<u64> = lab.writes().iter().filter(|line| line["objectRef"]["name"] == STATE).map(code).collect();
    assert_eq!(puts.iter().filter(|code| **code == 409).count(), 2, "one memory and one intent lost: {puts:?}");
    assert_eq!(lab.executions().len(), 1);
    let loser = both.iter().find(|run| !run.records.iter().any(|record| record["event.action"] == "intent")).unwrap();
    let decision = loser.decision(&target);
    let reason = decision["event.reason"].as_str().unwrap();
    assert!(reason.contains("concurrent_actions") || ["gone", "request_closed"].contains(&reason), "{both:?}");
}

#[test]
fn a_ledger_that_changed_meanwhile_is_read_again_before_the_pod_is_touched() {
    let (lab, target) = lab_with_a_request("ledger-changed");
    let touch = |lab: &Lab| drop(lab.kubectl(&["annotate", "configmap", STATE, "somebody=else"]));
    let proxy = before(&lab, |request| request.writes_the_intent(), touch);
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    let state = lab.state();
    assert_eq!(state["metadata"]["annotations"]["somebody"], "else", "what others wrote stays");
    let puts: Vec<u64> = lab.writes().iter().filter(|line| line["objectRef"]["name"] == STATE).map(code).collect();
    assert_eq!(puts, [200, 409, 200, 200]);
    assert_eq!(codes(&lab.deletions()), [200]);
}

#[test]
fn the_outcome_is_written_though_others_write_meanwhile() {
    let (lab, target) = lab_with_a_request("outcome-conflict");
    let touch = |lab: &Lab| drop(lab.kubectl(&["annotate", "configmap", STATE, "somebody=else"]));
    let proxy = before(&lab, |request| request.writes_the_outcome(), touch);
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(lab.executions()[0]["outcome"]["result"], "verified");
}
