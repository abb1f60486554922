//! From the API's objects to plain facts.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::api::{BudgetObject, ContainerStatus, LabelSelector, Meta, OwnerReference, PodObject, PodStatus, WorkloadObject};
use crate::selector::{Operator, Requirement, Selector};
use crate::snapshot::{
    Bounds, Budget, Container, DEFAULT_GRACE_SECONDS, Ended, Fact, Owner, OwnerKind, Pod, Request, Stateful, Workload, WorkloadKind,
    service_of,
};
use crate::words::{PREFIX, annotation};

/// The longest text that is taken from an annotation, in characters. More says nothing more, and everyone may write there.
const MAX_TEXT: usize = 256;

/// The small facts of a pod.
pub fn pod_of(object: &PodObject) -> Pod {
    let PodObject { metadata, spec, status } = object;
    let owner = metadata.controller().map(owner_of);
    let of_daemon_set = owner.as_ref().is_some_and(|owner| owner.kind == OwnerKind::DaemonSet);
    let ready = status.conditions.iter().find(|condition| condition.r#type == "Ready");
    Pod {
        name: metadata.name.as_str().into(),
        uid: metadata.uid.as_str().into(),
        node: spec.node_name.as_deref().filter(|_| of_daemon_set).map(Into::into),
        owner,
        running: status.phase == "Running",
        terminating: metadata.deletion_timestamp.is_some(),
        ready: ready.is_some_and(|condition| condition.status == "True"),
        ready_changed: ready.and_then(|condition| condition.last_transition_time),
        restarts: restarts(status),
        waiting: status
            .container_statuses
            .iter()
            .find_map(|container| container.state.waiting.as_ref())
            .map(|waiting| waiting.reason.as_str().into()),
    }
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
        other => OwnerKind::Other(other.into()),
    };
    Owner { kind, uid: owner.uid.as_str().into(), name: owner.name.as_str().into() }
}

/// A pod that asks, with what is written on it.
pub fn request_of(object: PodObject, bounds: &Bounds) -> Request {
    let pod = pod_of(&object);
    let asked = asked_by(&object.metadata, &bounds.selector);
    let PodObject { metadata, status, .. } = object;
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
        containers: status.init_container_statuses.iter().chain(&status.container_statuses).map(container_of).collect(),
        labels: metadata.labels,
    }
}

fn container_of(status: &ContainerStatus) -> Container {
    let ended = status.state.terminated.as_ref().or(status.last_state.terminated.as_ref());
    Container {
        restarts: status.restart_count,
        waiting: status.state.waiting.as_ref().map(|waiting| waiting.reason.clone()),
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
pub fn was_born_asking(object: &PodObject, selector: &Selector) -> bool {
    let PodObject { metadata, .. } = object;
    selector.matches(&metadata.labels)
        && match (asked_by(metadata, selector), metadata.creation_timestamp) {
            (Some((asked, _)), Some(born)) => asked <= born,
            _ => true,
        }
}

/// The facts of a workload, or why they make no sense.
pub fn workload_of(kind: WorkloadKind, object: WorkloadObject) -> Fact<Workload> {
    let WorkloadObject { metadata, spec, status } = object;
    let template_labels: BTreeMap<String, String> =
        match serde_json::from_value(spec.template["metadata"].get("labels").cloned().unwrap_or_default()) {
            Ok(labels) => labels,
            Err(error) => return Fact::Unknown(format!("the labels in the template of {kind} {} make no sense: {error}", metadata.name)),
        };
    let annotations = spec.template["metadata"]["annotations"].as_object();
    let template_words = annotations.into_iter().flatten().map(|(key, _)| key.clone()).filter(|key| key.starts_with(PREFIX)).collect();
    let grace = spec.template["spec"]["terminationGracePeriodSeconds"].as_u64();
    let grace_seconds = grace.map_or(DEFAULT_GRACE_SECONDS, |seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    let on_delete = spec.update_strategy.r#type.as_deref() == Some("OnDelete");
    let owner = metadata.annotations.get(annotation::OWNER).map(|text| text.chars().take(MAX_TEXT).collect());
    let stateful = (kind == WorkloadKind::StatefulSet).then(|| Stateful {
        ordered: spec.pod_management_policy.as_deref() != Some("Parallel"),
        partition: spec.update_strategy.rolling_update.and_then(|update| update.partition).unwrap_or(0),
        current_revision: status.current_revision,
        update_revision: status.update_revision,
    });
    let (desired, replicas, updated, available) = match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => {
            (spec.replicas.unwrap_or(1), status.replicas, status.updated_replicas, status.available_replicas)
        }
        WorkloadKind::ReplicaSet => (spec.replicas.unwrap_or(1), status.replicas, status.replicas, status.available_replicas),
        WorkloadKind::DaemonSet => {
            (status.desired_number_scheduled, status.current_number_scheduled, status.updated_number_scheduled, status.number_available)
        }
    };
    Fact::Known(Workload {
        kind,
        template_hash: hash(&spec.template),
        name: metadata.name,
        uid: metadata.uid,
        labels: metadata.labels,
        template_labels,
        generation: metadata.generation,
        observed_generation: status.observed_generation,
        desired,
        replicas,
        updated,
        available,
        paused: spec.paused,
        min_ready_seconds: spec.min_ready_seconds,
        grace_seconds,
        template_words,
        on_delete,
        stateful,
        owner,
    })
}

/// A digest of a JSON value; its objects are sorted by key, so equal content gives equal digests.
fn hash(value: &serde_json::Value) -> String {
    Sha256::digest(value.to_string()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A budget, or why its selector makes no sense.
pub fn budget_of(object: BudgetObject) -> Result<Budget, String> {
    let BudgetObject { metadata, spec, status } = object;
    let selector = spec.selector.map(selector_of).transpose();
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

fn selector_of(selector: LabelSelector) -> Result<Selector, String> {
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
    use crate::words::default_request_selector;

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
                    {"restartCount": 2, "state": {"running": {"startedAt": "2026-11-23T10:00:05Z"}}},
                    {"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}},
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
            ceiling: crate::runbook::DecisionMode::AutoExecute,
            time_left: std::time::Duration::ZERO,
            approvals_admitted: false,
        }
    }

    #[test]
    fn a_request_is_as_old_as_the_servers_record_of_its_label() {
        let request = request_of(pod(Some("2026-11-23T11:00:00Z")), &bounds());
        assert_eq!(request.requested_at, Fact::Known("2026-11-23T11:00:00Z".parse().unwrap()));
        assert_eq!(request.field_manager.as_deref(), Some("kubectl-label"));
        assert!(matches!(request_of(pod(None), &bounds()).requested_at, Fact::Unknown(_)));
    }

    #[test]
    fn a_pod_is_all_its_containers_together() {
        let facts = pod_of(&pod(None));
        assert_eq!((facts.restarts, facts.waiting.as_deref(), facts.ready), (5, Some("CrashLoopBackOff"), false));
    }

    #[test]
    fn only_a_label_as_old_as_the_pod_is_from_birth() {
        let born = |time| was_born_asking(&pod(time), &default_request_selector());
        assert!(born(Some("2026-11-23T10:00:00Z")));
        assert!(!born(Some("2026-11-23T10:00:01Z")));
        assert!(born(None), "what cannot be told is taken for the worse");
        assert!(!was_born_asking(&pod(None), &"other=true".parse().unwrap()));
    }

    #[test]
    fn what_everyone_may_write_is_bounded() {
        let mut object = pod(None);
        object.metadata.annotations.insert(annotation::INCIDENT.to_owned(), "é".repeat(100_000));
        assert_eq!(request_of(object, &bounds()).incident.unwrap().chars().count(), MAX_TEXT);
    }
}
