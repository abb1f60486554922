//! From the API's objects to plain facts.

mod trouble;
mod workload;

use std::collections::BTreeMap;

use super::LookedAt;
use crate::cluster::api::{
    BudgetObject, ClaimObject, Condition, ContainerSpec, ContainerStatus, LabelSelector, Meta, NamespaceObject, OwnerReference, PodObject,
    PodStatus,
};
use crate::core::runbook::LONGEST_ANNOTATION;
use crate::core::selector::{Operator, Requirement, Selector};
use crate::core::snapshot::{
    Bounds, Budget, Claim, Container, Ended, Fact, Foreign, Namespace, Owner, OwnerKind, Pod, Request, service_of,
};
use crate::core::words::{annotation, inert};

use trouble::{shut_gates, unscheduled};
pub(super) use workload::workload_of;

/// The longest text that is taken from an annotation, in characters. More says nothing more, and everyone may write there.
const MAX_TEXT: usize = 256;
/// The longest message that is taken from a status: the scheduler's names every reason for which a node does not fit.
const MAX_MESSAGE: usize = 300;

/// The small facts of a pod.
pub(crate) fn pod_of(object: &PodObject) -> Pod {
    let PodObject { metadata, spec, status } = object;
    let owner = metadata.controller().map(owner_of);
    let of_daemon_set = owner.as_ref().is_some_and(|owner| owner.kind == OwnerKind::DaemonSet);
    let ready = condition(&status.conditions, "Ready");
    let written = metadata.managed_fields.iter().filter(|entry| entry.subresource == "status");
    let is_ready = ready.is_some_and(|condition| condition.status == "True");
    // An eviction leaves the condition as it was.
    let ended = matches!(status.phase.as_str(), "Succeeded" | "Failed");
    Pod {
        name: metadata.name.as_str().into(),
        uid: metadata.uid.as_str().into(),
        node: spec.node_name.as_deref().filter(|_| of_daemon_set).map(Into::into),
        owner,
        running: status.phase == "Running",
        ended,
        terminating: metadata.deletion_timestamp.is_some(),
        ready: is_ready,
        ready_changed: ready.and_then(|condition| condition.last_transition_time),
        status_written: written.filter_map(|entry| entry.time).max(),
        restarts: restarts(status),
        trouble: if is_ready && !ended { None } else { trouble::of(object).map(Into::into) },
    }
}

fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.r#type == kind)
}

/// What a status says of something: `Evicted: The node was low on resource: memory`. Bounded and inert.
fn said(reason: &str, message: &str) -> String {
    let both = if reason.is_empty() || message.is_empty() { "" } else { ": " };
    inert(&format!("{reason}{both}{}", message.trim()), MAX_MESSAGE)
}

/// Of all containers that run along: native sidecars are init containers that go on running. What has ended for good, as other init
/// containers have, says nothing of now.
fn restarts(status: &PodStatus) -> u32 {
    let sidecars = status.init_container_statuses.iter().filter(|container| container.state.running.is_some());
    status.container_statuses.iter().chain(sidecars).map(|container| container.restart_count).fold(0, u32::saturating_add)
}

fn owner_of(owner: &OwnerReference) -> Owner {
    let apps = owner.api_version.starts_with("apps/");
    let kind = match owner.kind.as_str() {
        "ReplicaSet" if apps => OwnerKind::ReplicaSet,
        "StatefulSet" if apps => OwnerKind::StatefulSet,
        "DaemonSet" if apps => OwnerKind::DaemonSet,
        _ => OwnerKind::Other(foreign(owner).kind.into()),
    };
    Owner { kind, uid: owner.uid.as_str().into(), name: owner.name.as_str().into() }
}

/// An owner of a kind that may not be understood.
pub(super) fn foreign(owner: &OwnerReference) -> Foreign {
    let kind = match owner.api_version.split_once('/') {
        Some((group, _)) => format!("{}.{group}", owner.kind),
        None => owner.kind.clone(),
    };
    Foreign { kind, name: owner.name.clone() }
}

/// Those annotations whose value a runbook could name.
fn short(mut annotations: BTreeMap<String, String>) -> BTreeMap<String, String> {
    annotations.retain(|_, value| value.chars().count() <= LONGEST_ANNOTATION);
    annotations
}

/// A pod that asks, with what is written on it; of the other annotations those `looked_at`.
pub(super) fn request_of(object: PodObject, bounds: &Bounds, looked_at: &LookedAt<'_>) -> Request {
    let pod = pod_of(&object);
    let asked = asked_by(&object.metadata, &bounds.selector);
    let (unscheduled, shut_gates) = (unscheduled(&object), shut_gates(&object));
    let PodObject { metadata, spec, status } = object;
    let text = |key: &str| metadata.annotations.get(key).map(|text| text.chars().take(MAX_TEXT).collect::<String>());
    Request {
        pod,
        resource_version: metadata.resource_version,
        service: service_of(&metadata.labels, &bounds.service_label),
        phase: status.phase.clone(),
        mirror: metadata.annotations.contains_key("kubernetes.io/config.mirror"),
        revision: metadata.labels.get("controller-revision-hash").cloned(),
        field_manager: asked.as_ref().map(|(_, manager)| manager.chars().take(MAX_TEXT).collect()),
        requested_at: asked.map_or_else(
            || Fact::Unknown("no entry in metadata.managedFields owns the request label".to_owned()),
            |(time, _)| Fact::Known(time),
        ),
        requested_by: text(annotation::REQUESTED_BY),
        incident: text(annotation::INCIDENT),
        symptom: text(annotation::SYMPTOM),
        probable_cause: text(annotation::PROBABLE_CAUSE),
        confidence: text(annotation::CONFIDENCE),
        detected_at: text(annotation::DETECTED_AT),
        renewed_at: text(annotation::REQUESTED_AT),
        runbook: text(annotation::RUNBOOK),
        approval: text(annotation::APPROVE),
        approved_by: text(annotation::APPROVED_BY),
        containers: (status.init_container_statuses.iter().map(|one| container_of(one, true, &spec.init_containers)))
            .chain(status.container_statuses.iter().map(|one| container_of(one, false, &spec.containers)))
            .collect(),
        unscheduled,
        shut_gates,
        claims: spec.volumes.into_iter().filter_map(|volume| Some(volume.persistent_volume_claim?.claim_name)).collect(),
        annotations: metadata
            .annotations
            .into_iter()
            .filter(|(key, value)| looked_at.annotations.contains(key.as_str()) && value.chars().count() <= LONGEST_ANNOTATION)
            .collect(),
        labels: metadata.labels,
    }
}

fn container_of(status: &ContainerStatus, init: bool, specs: &[ContainerSpec]) -> Container {
    let ended = status.state.terminated.as_ref().or(status.last_state.terminated.as_ref());
    let waiting = status.state.waiting.as_ref();
    let running = status.state.running.is_some();
    Container {
        name: status.name.clone(),
        init,
        restarts: status.restart_count,
        ready: status.ready,
        running,
        started: status.started.unwrap_or(running),
        probed: specs.iter().find(|spec| spec.name == status.name).map(|spec| spec.readiness_probe.is_some()),
        waiting: waiting.map(|waiting| waiting.reason.clone()),
        waiting_message: waiting.map(|waiting| inert(&waiting.message, MAX_MESSAGE)).filter(|message| !message.is_empty()),
        ended: ended.map(|ended| Ended { reason: ended.reason.clone(), at: ended.finished_at }),
    }
}

/// When the labels that make the request were last set, and by which field manager: the server's own record.
fn asked_by(metadata: &Meta, selector: &Selector) -> Option<(jiff::Timestamp, String)> {
    let keys: Vec<String> = selector.required_keys().map(|key| format!("f:{key}")).collect();
    let owners = metadata.managed_fields.iter().filter(|entry| {
        let labels = entry.fields_v1.as_ref().and_then(|fields| fields.metadata.as_ref()).map(|metadata| &metadata.labels);
        labels.is_some_and(|labels| keys.iter().any(|key| labels.contains_key(key)))
    });
    owners.filter_map(|entry| Some((entry.time?, entry.manager.clone()))).max()
}

/// It carries the request label since it was made: a template or a webhook put it there, and it will be on every replacement. A label
/// that somebody set later is an ordinary request.
pub(crate) fn was_born_asking(object: &PodObject, selector: &Selector) -> bool {
    let PodObject { metadata, .. } = object;
    selector.matches(&metadata.labels)
        && match (asked_by(metadata, selector), metadata.creation_timestamp) {
            (Some((asked, _)), Some(born)) => asked <= born,
            _ => true,
        }
}

/// The namespace of a run.
pub(super) fn namespace_of(object: NamespaceObject, looked_at: &LookedAt<'_>) -> Namespace {
    let mut metadata = object.metadata;
    metadata.labels.retain(|key, _| looked_at.labels.contains(key.as_str()));
    metadata.annotations.retain(|key, _| looked_at.annotations.contains(key.as_str()));
    Namespace { labels: metadata.labels, annotations: short(metadata.annotations), deleting: metadata.deletion_timestamp.is_some() }
}

/// A claim.
pub(super) fn claim_of(object: &ClaimObject) -> Claim {
    let shared = |mode: &String| matches!(mode.as_str(), "ReadWriteMany" | "ReadOnlyMany");
    Claim {
        deleting: object.metadata.deletion_timestamp.is_some(),
        lost: object.status.phase == "Lost",
        one_node: !object.spec.access_modes.is_empty() && !object.spec.access_modes.iter().any(shared),
    }
}

/// A budget, or why its selector makes no sense.
pub(super) fn budget_of(object: BudgetObject) -> Result<Budget, String> {
    let BudgetObject { metadata, spec, status } = object;
    let selector = spec.selector.map(label_selector).transpose();
    Ok(Budget {
        selector: selector.map_err(|why| format!("the selector of disruption budget {} makes no sense: {why}", metadata.name))?,
        name: metadata.name,
        generation: metadata.generation,
        observed_generation: status.observed_generation,
        disruptions_allowed: status.disruptions_allowed,
        current_healthy: status.current_healthy,
        desired_healthy: status.desired_healthy,
        unhealthy_always_allowed: spec.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow"),
    })
}

/// A `LabelSelector` as a selector, or why it makes no sense.
pub(crate) fn label_selector(selector: LabelSelector) -> Result<Selector, String> {
    let equal = selector.match_labels.into_iter().map(|(key, value)| Ok(Requirement { key, operator: Operator::In(vec![value]) }));
    let expressions = selector.match_expressions.into_iter().map(|expression| {
        let operator = match expression.operator.as_str() {
            "In" => Operator::In(expression.values),
            "NotIn" => Operator::NotIn(expression.values),
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => return Err(format!("operator {other:?}")),
        };
        Ok(Requirement { key: expression.key, operator })
    });
    equal.chain(expressions).collect::<Result<_, _>>().map(Selector)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::words::default_request_selector;

    fn pod(labelled_at: Option<&str>) -> PodObject {
        let label = "remediator.kubedojo.io/restart";
        let owned = json!({"f:metadata": {"f:labels": {format!("f:{label}"): {}, "f:app": {}}}, "f:spec": {"f:containers": {}}});
        let entry = labelled_at.map(|time| json!({"manager": "kubectl-label", "time": time, "fieldsV1": owned}));
        let status = json!({"time": "2026-11-23T12:00:00Z", "manager": "kubelet", "subresource": "status", "fieldsV1": {"f:status": {}}});
        serde_json::from_value(json!({
            "metadata": {
                "name": "web-1", "uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-11-23T10:00:00Z",
                "labels": {label: "true", "app": "web"}, "managedFields": entry.into_iter().chain([status]).collect::<Vec<_>>(),
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-23T10:00:05Z"}],
                "containerStatuses": [
                    {"name": "a", "restartCount": 2, "ready": true, "state": {"running": {"startedAt": "2026-11-23T10:00:05Z"}}},
                    {"name": "b", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}},
                ],
            },
        }))
        .unwrap()
    }

    fn bounds() -> Bounds {
        Bounds {
            namespace: "shop".to_owned(),
            selector: default_request_selector(),
            service_label: "app".to_owned(),
            ceiling: crate::core::runbook::DecisionMode::AutoExecute,
            deadline: std::time::Duration::ZERO,
            time_left: std::time::Duration::ZERO,
            approvals: crate::core::snapshot::Approvals::default(),
        }
    }

    #[test]
    fn a_request_is_as_old_as_the_servers_record_of_its_label() {
        let request = request_of(pod(Some("2026-11-23T11:00:00Z")), &bounds(), &LookedAt::default());
        assert_eq!(request.requested_at, Fact::Known("2026-11-23T11:00:00Z".parse().unwrap()));
        assert_eq!(request.field_manager.as_deref(), Some("kubectl-label"));
        assert!(matches!(request_of(pod(None), &bounds(), &LookedAt::default()).requested_at, Fact::Unknown(_)));
    }

    #[test]
    fn a_pod_is_all_its_containers_together() {
        let facts = pod_of(&pod(None));
        assert_eq!((facts.restarts, facts.ready), (5, false));
        assert_eq!(facts.trouble.as_deref(), Some("container b: CrashLoopBackOff: back-off"));
        assert_eq!(facts.status_written, Some("2026-11-23T12:00:00Z".parse().unwrap()));
    }

    #[test]
    fn only_a_label_as_old_as_the_pod_is_from_birth() {
        let born = |time| was_born_asking(&pod(time), &default_request_selector());
        assert!(born(Some("2026-11-23T10:00:00Z")));
        assert!(!born(Some("2026-11-23T10:00:01Z")));
        assert!(born(None), "an unknown time is taken for the worse");
        assert!(!was_born_asking(&pod(None), &"other=true".parse().unwrap()));
    }

    #[test]
    fn what_everyone_may_write_is_bounded() {
        let mut object = pod(None);
        object.metadata.annotations.insert(annotation::INCIDENT.to_owned(), "é".repeat(100_000));
        assert_eq!(request_of(object, &bounds(), &LookedAt::default()).incident.unwrap().chars().count(), MAX_TEXT);
    }
}
