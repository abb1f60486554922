//! What a pod's own status says stands in the way of its being Ready, in the cluster's own words.

use super::{condition, said};
use crate::cluster::api::{ContainerStatus, PodObject};
use crate::core::words::inert;

/// Containers wait for these as a matter of course, and nothing more is said of it.
const BEGINNING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// The first thing that stands in the way, in the order in which a pod comes up; `None` where its status names nothing.
pub(super) fn of(object: &PodObject) -> Option<String> {
    let PodObject { spec, status, .. } = object;
    if matches!(status.phase.as_str(), "Succeeded" | "Failed") {
        let why = said(&status.reason, &status.message);
        return Some(if why.is_empty() { status.phase.clone() } else { format!("{}: {why}", status.phase) });
    }
    let has_probe = |container: &ContainerStatus| {
        let specs = spec.containers.iter().chain(&spec.init_containers);
        specs.filter(|spec| spec.name == container.name).any(|spec| spec.readiness_probe.is_some())
    };
    unscheduled(object)
        .map(|why| format!("not scheduled: {why}"))
        .or_else(|| status.init_container_statuses.iter().find_map(|one| init_container(one, has_probe(one))))
        .or_else(|| status.container_statuses.iter().filter(|one| !begins(one)).find_map(|one| container(one, has_probe(one))))
        .or_else(|| shut_gates(object).into_iter().next().map(|gate| format!("readiness gate {gate}")))
        .or_else(|| status.container_statuses.iter().find_map(|one| container(one, has_probe(one))))
}

/// What the scheduler says of a pod that has never had a node.
pub(super) fn unscheduled(object: &PodObject) -> Option<String> {
    let scheduled = condition(&object.status.conditions, "PodScheduled");
    match scheduled {
        _ if object.spec.node_name.as_ref().is_some_and(|node| !node.is_empty()) => None,
        Some(condition) if condition.status == "True" => None,
        Some(condition) => Some(said(&condition.reason, &condition.message)),
        None if object.status.phase == "Pending" => Some("it has no node yet, and the scheduler has not said why".to_owned()),
        None => None,
    }
}

/// The conditions of `readinessGates` that are not True, each with what is said of it.
pub(super) fn shut_gates(object: &PodObject) -> Vec<String> {
    let shut = object.spec.readiness_gates.iter().filter_map(|gate| {
        let kind = inert(&gate.condition_type, 100);
        match condition(&object.status.conditions, &gate.condition_type) {
            Some(condition) if condition.status == "True" => None,
            Some(condition) => {
                let why = said(&condition.reason, &condition.message);
                Some(format!("{kind} is {}{}", inert(&condition.status, 20), if why.is_empty() { why } else { format!(": {why}") }))
            }
            None => Some(format!("{kind} is not set by anybody")),
        }
    });
    shut.collect()
}

/// A container that is only about to start.
fn begins(container: &ContainerStatus) -> bool {
    container.state.waiting.as_ref().is_some_and(|waiting| BEGINNING.contains(&waiting.reason.as_str()))
}

/// An init container that is not through; a sidecar goes on running, and is a container like others then.
fn init_container(one: &ContainerStatus, has_probe: bool) -> Option<String> {
    let ended = one.state.terminated.as_ref();
    if ended.is_some_and(|ended| ended.exit_code == 0) || (one.state.running.is_some() && one.ready) || begins(one) {
        return None;
    }
    let restarts = match one.restart_count {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        many => format!(", restarted {many} times"),
    };
    container(one, has_probe).map(|why| format!("init {why}{restarts}"))
}

fn container(one: &ContainerStatus, has_probe: bool) -> Option<String> {
    let name = inert(&one.name, 100);
    let state = &one.state;
    let why = match (&state.waiting, &state.terminated) {
        (Some(waiting), _) if waiting.reason == "CrashLoopBackOff" => match &one.last_state.terminated {
            Some(ended) => format!("{}: last ended with {}, exit code {}", waiting.reason, inert(&ended.reason, 60), ended.exit_code),
            None => said(&waiting.reason, &waiting.message),
        },
        (Some(waiting), _) => said(&waiting.reason, &waiting.message),
        (None, Some(ended)) => format!("ended with {}, exit code {}", inert(&ended.reason, 60), ended.exit_code),
        (None, None) if state.running.is_none() || one.ready => return None,
        (None, None) if one.started == Some(false) => "its startup probe has not passed".to_owned(),
        (None, None) if has_probe => "its readiness probe fails".to_owned(),
        (None, None) => "running, and not through yet".to_owned(),
    };
    Some(format!("container {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(spec: &Value, status: &Value, expected: Option<&str>) {
        let metadata = json!({"name": "web-1", "uid": "u", "resourceVersion": "1"});
        let object: PodObject = serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap();
        assert_eq!(of(&object).as_deref(), expected);
    }

    #[test]
    fn the_scheduler_says_why_there_is_no_node() {
        let message = "0/3 nodes are available: 3 Insufficient cpu.";
        let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message});
        let status = json!({"phase": "Pending", "conditions": [condition]});
        check(&json!({}), &status, Some(&format!("not scheduled: Unschedulable: {message}")));
        check(&json!({"nodeName": "n"}), &status, None);
        let gated = json!({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "Scheduling is blocked"});
        check(
            &json!({}),
            &json!({"phase": "Pending", "conditions": [gated]}),
            Some("not scheduled: SchedulingGated: Scheduling is blocked"),
        );
        check(&json!({}), &json!({"phase": "Pending"}), Some("not scheduled: it has no node yet, and the scheduler has not said why"));
    }

    #[test]
    fn init_containers_come_before_what_waits_for_them() {
        let crashes = json!({
            "name": "migrate", "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
            "lastState": {"terminated": {"reason": "Error", "exitCode": 7}},
        });
        let waits = json!({"name": "main", "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}});
        let node = json!({"nodeName": "n"});
        let expected = "init container migrate: CrashLoopBackOff: last ended with Error, exit code 7, restarted 5 times";
        check(&node, &json!({"phase": "Pending", "initContainerStatuses": [crashes], "containerStatuses": [waits]}), Some(expected));
        let done =
            json!({"name": "migrate", "restartCount": 0, "ready": true, "state": {"terminated": {"reason": "Completed", "exitCode": 0}}});
        let image =
            json!({"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"web:2\""}}});
        let status = json!({"phase": "Pending", "initContainerStatuses": [done], "containerStatuses": [image]});
        check(&node, &status, Some("container main: ImagePullBackOff: Back-off pulling image \"web:2\""));
        check(&node, &json!({"phase": "Pending", "containerStatuses": [waits]}), Some("container main: PodInitializing"));
    }

    #[test]
    fn a_running_container_is_told_by_its_probes_and_a_gate_by_its_condition() {
        let spec = json!({"nodeName": "n", "containers": [{"name": "main", "readinessProbe": {}}], "readinessGates": [{"conditionType": "lb/ready"}]});
        let running = |ready, started| json!({"phase": "Running", "containerStatuses": [{"name": "main", "ready": ready, "started": started, "state": {"running": {}}}]});
        check(&spec, &running(false, false), Some("container main: its startup probe has not passed"));
        check(&spec, &running(false, true), Some("container main: its readiness probe fails"));
        check(&spec, &running(true, true), Some("readiness gate lb/ready is not set by anybody"));
        let mut status = running(true, true);
        status["conditions"] = json!([{"type": "lb/ready", "status": "False", "reason": "Unhealthy", "message": "target draining"}]);
        check(&spec, &status, Some("readiness gate lb/ready is False: Unhealthy: target draining"));
        status["conditions"] = json!([{"type": "lb/ready", "status": "True"}]);
        check(&spec, &status, None);
    }

    #[test]
    fn one_that_has_ended_says_why_and_hostile_text_is_bounded() {
        let status = json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory. "});
        check(&json!({}), &status, Some("Failed: Evicted: The node was low on resource: memory."));
        check(&json!({}), &json!({"phase": "Succeeded"}), Some("Succeeded"));
        let message = "\u{1b}[2J".repeat(10_000);
        let status = json!({"phase": "Failed", "reason": "Evicted", "message": message});
        let object = json!({"metadata": {"name": "a", "uid": "u", "resourceVersion": "1"}, "status": status});
        let said = of(&serde_json::from_value(object).unwrap()).unwrap();
        assert!(said.chars().count() < 400 && said.chars().all(crate::core::words::is_harmless), "{said}");
    }
}
