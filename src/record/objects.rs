//! From plain facts back to objects, as `kubectl get -o yaml` would print what is needed of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::matching::looks_at_namespace;
use crate::matching::recorded::{Kind, TEMPLATE_HASH};
use crate::runbook::{Reading, Runbook};
use crate::selector::{Operator, Requirement, Selector};
use crate::snapshot::{Bounds, Budget, Container, Fact, Owner, OwnerKind, Pod, Request, Service, Snapshot, Workload, WorkloadKind};
use crate::words::{annotation, inert};

/// More than any message says of why something is unknown, in characters.
const LONGEST_WHY: usize = 2000;

/// An object by kind and name.
pub(super) type Key = (Kind, String);

/// A snapshot, as objects.
pub(super) struct Recorded<'a> {
    pub objects: BTreeMap<Key, Value>,
    pub unreadable: BTreeMap<String, String>,
    /// What the probes answered, by pod and probe.
    pub probes: BTreeMap<String, BTreeMap<String, Value>>,
    /// Whether an object of before would be among these if it were still there.
    pub removable: Box<dyn Fn(&Value) -> bool + 'a>,
}

/// The objects that these facts come from. `decided` are the requests whose facts count most.
pub(super) fn of<'a>(snapshot: &'a Snapshot, decided: &[&Request], runbooks: &[Runbook]) -> Recorded<'a> {
    let (mut objects, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
    let mut put = |kind: Kind, name: &str, object: Value| drop(objects.insert((kind, name.to_owned()), object));
    let namespace = snapshot.bounds.namespace.as_str();
    for (service, pods) in &snapshot.services {
        match pods {
            Fact::Known(pods) => pods.iter().for_each(|pod| put(Kind::Pod, &pod.name, peer(pod, service, namespace))),
            Fact::Unknown(why) => drop(unreadable.insert(service.to_string(), line(why))),
        }
    }
    for request in &snapshot.requests {
        let listed = request.service.as_ref().and_then(|service| snapshot.services.get(service)?.known().ok());
        let same = listed.and_then(|pods| pods.iter().find(|pod| pod.uid == request.pod.uid));
        // Those of a service that was read later, and that are no longer there, are gone.
        let is_decided = decided.iter().any(|one| one.pod.uid == request.pod.uid);
        let pod = if is_decided || listed.is_none() { Some(&request.pod) } else { same };
        if let Some(pod) = pod {
            put(Kind::Pod, &request.pod.name, asking(request, pod, &snapshot.bounds));
        }
    }
    for owner in snapshot.requests.iter().filter_map(|request| request.pod.owner.as_ref()) {
        match (snapshot.workloads.get(&*owner.uid), &owner.kind) {
            (Some(Fact::Known(known)), _) => {
                let (kind, object) = workload(known, namespace);
                put(kind, &known.name, object);
                if known.kind == WorkloadKind::Deployment {
                    put(Kind::ReplicaSet, &owner.name, replica_set(owner, known, namespace));
                }
            }
            (Some(Fact::Unknown(why)), OwnerKind::ReplicaSet | OwnerKind::StatefulSet | OwnerKind::DaemonSet) => {
                unreadable.insert(format!("{}/{}", owner.kind.as_str(), owner.name), line(why));
            }
            // Of another kind of owner it is the kind that says why nothing is known.
            (Some(Fact::Unknown(_)), OwnerKind::Other(_)) | (None, _) => {}
        }
    }
    match &snapshot.budgets {
        Fact::Known(budgets) => budgets.iter().for_each(|one| put(Kind::PodDisruptionBudget, &one.name, budget(one, namespace))),
        Fact::Unknown(why) => drop(unreadable.insert(Kind::PodDisruptionBudget.as_str().to_owned(), line(why))),
    }
    match &snapshot.namespace_labels {
        Fact::Known(labels) => {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
            put(Kind::Namespace, namespace, object);
        }
        Fact::Unknown(why) if looks_at_namespace(runbooks) => {
            unreadable.insert(Kind::Namespace.as_str().to_owned(), line(why));
        }
        Fact::Unknown(_) => {}
    }
    let removable = Box::new(|object: &Value| match object["kind"].as_str() {
        Some("Pod") => {
            let of = |service: &Service| object["metadata"]["labels"][&service.label] == *service.name;
            snapshot.services.iter().any(|(service, pods)| pods.known().is_ok() && of(service))
        }
        Some("PodDisruptionBudget") => snapshot.budgets.known().is_ok(),
        _ => false,
    });
    Recorded { objects, unreadable, probes: probes(snapshot), removable }
}

fn probes(snapshot: &Snapshot) -> BTreeMap<String, BTreeMap<String, Value>> {
    let of_pod = |request: &Request| {
        let readings = snapshot.probes.get(&*request.pod.uid)?;
        let readings = readings.iter().map(|(probe, answer)| {
            let value = match answer {
                Fact::Known(Reading::Http { status, body_contains }) => json!({"status": status, "bodyContains": body_contains}),
                Fact::Known(Reading::Prometheus { samples }) => json!({"samples": samples}),
                Fact::Unknown(why) => json!(line(why)),
            };
            (probe.clone(), value)
        });
        Some((request.pod.name.to_string(), readings.collect()))
    };
    snapshot.requests.iter().filter_map(of_pod).collect()
}

/// The format has these on one line; in a message they would be, too.
fn line(why: &str) -> String {
    inert(why.trim(), LONGEST_WHY)
}

fn peer(pod: &Pod, service: &Service, namespace: &str) -> Value {
    let labels = json!({service.label.clone(): service.name});
    let phase = if pod.running { "Running" } else { "Pending" };
    let container = (pod.restarts > 0 || pod.waiting.is_some())
        .then(|| json!({"restartCount": pod.restarts, "state": waiting(pod.waiting.as_deref())}));
    object_of_pod(pod, namespace, &labels, json!({"phase": phase, "containerStatuses": container.into_iter().collect::<Vec<_>>()}))
}

fn asking(request: &Request, pod: &Pod, bounds: &Bounds) -> Value {
    let split = init_containers(request);
    let (init, main) = request.containers.split_at(split);
    let list = |containers: &[Container]| containers.iter().map(container).collect::<Vec<_>>();
    let status = json!({"phase": request.phase, "initContainerStatuses": list(init), "containerStatuses": list(main)});
    let mut object = object_of_pod(pod, &bounds.namespace, &json!(request.labels), status);
    object["metadata"]["resourceVersion"] = json!(request.resource_version);
    let stated = [
        (annotation::REQUESTED_BY, &request.requested_by),
        (annotation::INCIDENT, &request.incident),
        (annotation::SYMPTOM, &request.symptom),
        (annotation::PROBABLE_CAUSE, &request.probable_cause),
        (annotation::CONFIDENCE, &request.confidence),
        (annotation::DETECTED_AT, &request.detected_at),
        (annotation::REQUESTED_AT, &request.renewed_at),
        (annotation::RUNBOOK, &request.runbook),
        (annotation::APPROVE, &request.approval),
        (annotation::APPROVED_BY, &request.approved_by),
    ];
    let mut annotations: Map<String, Value> =
        stated.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value.as_ref()?)))).collect();
    if request.mirror {
        annotations.insert("kubernetes.io/config.mirror".to_owned(), json!("recorded"));
    }
    if !annotations.is_empty() {
        object["metadata"]["annotations"] = Value::Object(annotations);
    }
    if let Fact::Known(time) = request.requested_at {
        let owned: Map<String, Value> = bounds.selector.required_keys().map(|key| (format!("f:{key}"), json!({}))).collect();
        let manager = request.field_manager.clone().unwrap_or_default();
        object["metadata"]["managedFields"] = json!([{"manager": manager, "time": time, "fieldsV1": {"f:metadata": {"f:labels": owned}}}]);
    }
    object
}

/// How many of a request's containers are init containers: so many that the facts about the others come out as they were.
fn init_containers(request: &Request) -> usize {
    let fits = |split: &usize| {
        let (_, main) = request.containers.split_at(*split);
        let restarts = main.iter().map(|container| container.restarts).fold(0, u32::saturating_add);
        let waiting = main.iter().find_map(|container| container.waiting.as_deref());
        restarts == request.pod.restarts && waiting == request.pod.waiting.as_deref()
    };
    (0..=request.containers.len()).find(fits).unwrap_or(0)
}

fn container(container: &Container) -> Value {
    let mut object = json!({"restartCount": container.restarts, "state": waiting(container.waiting.as_deref())});
    if let Some(ended) = &container.ended {
        object["lastState"] = json!({"terminated": {"reason": ended.reason, "finishedAt": ended.at}});
    }
    object
}

fn waiting(reason: Option<&str>) -> Value {
    reason.map_or_else(|| json!({}), |reason| json!({"waiting": {"reason": reason}}))
}

fn object_of_pod(pod: &Pod, namespace: &str, labels: &Value, mut status: Value) -> Value {
    let mut metadata = json!({"name": pod.name, "namespace": namespace, "uid": pod.uid, "labels": labels});
    if let Some(Owner { kind, uid, name }) = &pod.owner {
        let version = match kind {
            OwnerKind::ReplicaSet | OwnerKind::StatefulSet | OwnerKind::DaemonSet => "apps/v1",
            OwnerKind::Other(kind) if **kind == *"Job" => "batch/v1",
            OwnerKind::Other(kind) if matches!(&**kind, "Node" | "ReplicationController") => "v1",
            OwnerKind::Other(_) => "not.recorded/v1",
        };
        metadata["ownerReferences"] = json!([{"apiVersion": version, "kind": kind.as_str(), "name": name, "uid": uid, "controller": true}]);
    }
    if pod.terminating {
        // When is nothing that a decision looks at.
        metadata["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
    }
    if pod.ready || pod.ready_changed.is_some() {
        let word = if pod.ready { "True" } else { "False" };
        status["conditions"] = json!([{"type": "Ready", "status": word, "lastTransitionTime": pod.ready_changed}]);
    }
    if let Value::Object(fields) = &mut status {
        fields.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})
}

/// What stands between a Deployment and its pods.
fn replica_set(owner: &Owner, above: &Workload, namespace: &str) -> Value {
    let of = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": above.name, "uid": above.uid, "controller": true}]);
    let metadata = json!({"name": owner.name, "namespace": namespace, "uid": owner.uid, "ownerReferences": of});
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": {}})
}

fn workload(workload: &Workload, namespace: &str) -> (Kind, Value) {
    let Workload { desired, replicas, updated, available, .. } = workload;
    let mut annotations = Map::from_iter([(TEMPLATE_HASH.to_owned(), json!(workload.template_hash))]);
    if let Some(owner) = &workload.owner {
        annotations.insert(annotation::OWNER.to_owned(), json!(owner));
    }
    let metadata = json!({
        "name": workload.name, "namespace": namespace, "uid": workload.uid, "generation": workload.generation, "labels": workload.labels,
        "annotations": annotations,
    });
    let words: BTreeMap<&str, &str> = workload.template_words.iter().map(|word| (word.as_str(), "")).collect();
    let template = json!({
        "metadata": {"labels": workload.template_labels, "annotations": words},
        "spec": {"terminationGracePeriodSeconds": workload.grace_seconds},
    });
    let mut spec = json!({"minReadySeconds": workload.min_ready_seconds, "template": template});
    let mut status = json!({"observedGeneration": workload.observed_generation});
    if workload.paused {
        spec["paused"] = json!(true);
    }
    if workload.on_delete {
        spec["updateStrategy"] = json!({"type": "OnDelete"});
    }
    if workload.kind == WorkloadKind::DaemonSet {
        status["desiredNumberScheduled"] = json!(desired);
        status["currentNumberScheduled"] = json!(replicas);
        status["updatedNumberScheduled"] = json!(updated);
        status["numberAvailable"] = json!(available);
    } else {
        spec["replicas"] = json!(desired);
        status["replicas"] = json!(replicas);
        status["updatedReplicas"] = json!(updated);
        status["availableReplicas"] = json!(available);
    }
    if let Some(stateful) = &workload.stateful {
        spec["podManagementPolicy"] = json!(if stateful.ordered { "OrderedReady" } else { "Parallel" });
        let kind = if workload.on_delete { "OnDelete" } else { "RollingUpdate" };
        spec["updateStrategy"] = json!({"type": kind, "rollingUpdate": {"partition": stateful.partition}});
        status["currentRevision"] = json!(stateful.current_revision);
        status["updateRevision"] = json!(stateful.update_revision);
    }
    let kind = match workload.kind {
        WorkloadKind::Deployment => Kind::Deployment,
        WorkloadKind::ReplicaSet => Kind::ReplicaSet,
        WorkloadKind::StatefulSet => Kind::StatefulSet,
        WorkloadKind::DaemonSet => Kind::DaemonSet,
    };
    (kind, json!({"apiVersion": "apps/v1", "kind": kind.as_str(), "metadata": metadata, "spec": spec, "status": status}))
}

fn budget(budget: &Budget, namespace: &str) -> Value {
    let mut spec = json!({});
    if let Some(selector) = &budget.selector {
        spec["selector"] = selector_of(selector);
    }
    if budget.unhealthy_always_allowed {
        spec["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
    }
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": budget.name, "namespace": namespace, "generation": budget.generation},
        "spec": spec,
        "status": {
            "observedGeneration": budget.observed_generation, "disruptionsAllowed": budget.disruptions_allowed,
            "currentHealthy": budget.current_healthy, "desiredHealthy": budget.desired_healthy,
        },
    })
}

fn selector_of(Selector(requirements): &Selector) -> Value {
    let expression = |Requirement { key, operator }: &Requirement| match operator {
        Operator::In(values) => json!({"key": key, "operator": "In", "values": values}),
        Operator::NotIn(values) => json!({"key": key, "operator": "NotIn", "values": values}),
        Operator::Exists => json!({"key": key, "operator": "Exists"}),
        Operator::DoesNotExist => json!({"key": key, "operator": "DoesNotExist"}),
    };
    json!({"matchExpressions": requirements.iter().map(expression).collect::<Vec<_>>()})
}
