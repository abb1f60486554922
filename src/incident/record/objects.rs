//! From plain facts back to objects, as `kubectl get -o yaml` would print what is needed of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cluster::matching::recorded::{DEPENDENTS, ObjectKind, TEMPLATE_HASH, TROUBLE};
use crate::core::runbook::Reading;
use crate::core::selector::{Operator, Requirement, Selector};
use crate::core::snapshot::{
    Behind, Bounds, Budget, Claim, Container, Exclusive, Fact, Foreign, Namespace, Owner, OwnerKind, Pod, Request, Service, Snapshot,
    Start, Workload,
};
use crate::core::words::{annotation, inert};
use crate::core::workload_kind::WorkloadKind;

/// More than any message says of why something is unknown, in characters.
const LONGEST_WHY: usize = 2000;

/// An object by kind and name.
pub(super) type Key = (ObjectKind, String);

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
pub(super) fn of<'a>(snapshot: &'a Snapshot, decided: &[&Request]) -> Recorded<'a> {
    let (mut objects, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
    let mut put = |kind: ObjectKind, name: &str, object: Value| drop(objects.insert((kind, name.to_owned()), object));
    let namespace = snapshot.bounds.namespace.as_str();
    for (service, pods) in &snapshot.services {
        match pods {
            Fact::Known(pods) => pods.iter().for_each(|pod| put(ObjectKind::Pod, &pod.name, peer(pod, service, namespace))),
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
            put(ObjectKind::Pod, &request.pod.name, asking(request, pod, &snapshot.bounds));
        }
    }
    for owner in snapshot.requests.iter().filter_map(|request| request.pod.owner.as_ref()) {
        match (snapshot.workloads.get(&*owner.uid), &owner.kind) {
            (Some(Fact::Known(Behind::Workload(known))), _) => {
                let (kind, object) = workload(known, namespace);
                put(kind, &known.name, object);
                if known.kind == WorkloadKind::Deployment {
                    let above = json!([{
                        "apiVersion": "apps/v1", "kind": "Deployment", "name": known.name, "uid": known.uid, "controller": true,
                    }]);
                    put(ObjectKind::ReplicaSet, &owner.name, replica_set(owner, &above, namespace));
                }
            }
            // Of another kind of owner it is the kind that says what it is.
            (Some(Fact::Known(Behind::Unsupported(above))), OwnerKind::ReplicaSet) => {
                put(ObjectKind::ReplicaSet, &owner.name, replica_set(owner, &json!([foreign(above)]), namespace));
            }
            (Some(Fact::Known(Behind::Unsupported(_))), _) => {}
            (Some(Fact::Unknown(why)), OwnerKind::ReplicaSet | OwnerKind::StatefulSet | OwnerKind::DaemonSet) => {
                unreadable.insert(format!("{}/{}", owner.kind.as_str(), owner.name), line(why));
            }
            (Some(Fact::Unknown(_)), OwnerKind::Other(_)) | (None, _) => {}
        }
    }
    match &snapshot.budgets {
        Fact::Known(budgets) => budgets.iter().for_each(|one| put(ObjectKind::PodDisruptionBudget, &one.name, budget(one, namespace))),
        Fact::Unknown(why) => drop(unreadable.insert(ObjectKind::PodDisruptionBudget.as_str().to_owned(), line(why))),
    }
    match &snapshot.namespace {
        Fact::Known(facts) => put(ObjectKind::Namespace, namespace, of_namespace(facts, namespace)),
        Fact::Unknown(why) => drop(unreadable.insert(ObjectKind::Namespace.as_str().to_owned(), line(why))),
    }
    for (name, fact) in &snapshot.claims {
        match fact {
            Fact::Known(Some(known)) => put(ObjectKind::PersistentVolumeClaim, name, claim(*known, name, namespace)),
            Fact::Known(None) => {}
            Fact::Unknown(why) => drop(unreadable.insert(format!("{}/{name}", ObjectKind::PersistentVolumeClaim.as_str()), line(why))),
        }
    }
    match &snapshot.dependents {
        Fact::Known(owned) => {
            for (owner, names) in owned {
                for (kind, name) in names.iter().filter_map(|one| one.split_once('/')) {
                    if let Some(kind) = ObjectKind::from_word(kind) {
                        let request = snapshot.requests.iter().find(|request| *request.pod.uid == **owner);
                        let of = json!({"apiVersion": "v1", "kind": "Pod", "name": request.map(|one| &one.pod.name), "uid": owner});
                        owned_by(&mut objects, kind, name, namespace, of);
                    }
                }
            }
        }
        Fact::Unknown(why) => drop(unreadable.insert(DEPENDENTS.to_owned(), line(why))),
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
    let phase = match pod {
        Pod { ended: true, .. } => "Failed",
        Pod { running: true, .. } => "Running",
        _ => "Pending",
    };
    let container = (pod.restarts > 0).then(|| json!({"restartCount": pod.restarts}));
    object_of_pod(pod, namespace, &labels, json!({"phase": phase, "containerStatuses": container.into_iter().collect::<Vec<_>>()}))
}

fn asking(request: &Request, pod: &Pod, bounds: &Bounds) -> Value {
    let list = |init: bool| request.containers.iter().filter(|one| one.init == init).map(container).collect::<Vec<_>>();
    let status = json!({"phase": request.phase, "initContainerStatuses": list(true), "containerStatuses": list(false)});
    let mut object = object_of_pod(pod, &bounds.namespace, &json!(request.labels), status);
    object["spec"] = spec(request);
    append(&mut object["status"], "conditions", further_conditions(request));
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
    annotations.extend(request.annotations.iter().map(|(key, value)| (key.clone(), json!(value))));
    if request.mirror {
        annotations.insert("kubernetes.io/config.mirror".to_owned(), json!("recorded"));
    }
    if !pod.ready || pod.ended {
        annotations.insert(TROUBLE.to_owned(), json!(pod.trouble.as_deref().unwrap_or_default()));
    }
    if !annotations.is_empty() {
        object["metadata"]["annotations"] = Value::Object(annotations);
    }
    if let Fact::Known(time) = request.requested_at {
        let owned: Map<String, Value> = bounds.selector.required_keys().map(|key| (format!("f:{key}"), json!({}))).collect();
        let manager = request.field_manager.clone().unwrap_or_default();
        let entry = json!({"manager": manager, "time": time, "fieldsV1": {"f:metadata": {"f:labels": owned}}});
        append(&mut object["metadata"], "managedFields", vec![entry]);
    }
    object
}

/// Adds to a list that may not be there yet.
fn append(object: &mut Value, field: &str, more: Vec<Value>) {
    match object.get_mut(field) {
        Some(Value::Array(list)) => list.extend(more),
        _ if !more.is_empty() => object[field] = Value::Array(more),
        _ => {}
    }
}

/// Of a requesting pod's spec, what its facts come from.
fn spec(request: &Request) -> Value {
    let containers = |init: bool| {
        let known = request.containers.iter().filter(|one| one.init == init);
        let container = |one: &Container| {
            let probe = one.probed?.then(|| json!({}));
            Some(json!({"name": one.name, "readinessProbe": probe}))
        };
        known.filter_map(container).collect::<Vec<_>>()
    };
    let volume = |name: &String| json!({"persistentVolumeClaim": {"claimName": name}});
    let gate = |gate: &String| json!({"conditionType": gate.split(' ').next()});
    let mut spec = json!({
        "containers": containers(false), "initContainers": containers(true),
        "volumes": request.claims.iter().map(volume).collect::<Vec<_>>(),
        "readinessGates": request.shut_gates.iter().map(gate).collect::<Vec<_>>(),
    });
    if request.unscheduled.is_none() && request.phase == "Pending" {
        spec["nodeName"] = json!("not recorded");
    }
    if let Value::Object(fields) = &mut spec {
        fields.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    }
    spec
}

/// The conditions that its facts come from, Ready aside.
fn further_conditions(request: &Request) -> Vec<Value> {
    // What was said of it is one text by now, reason and message.
    let unscheduled = request.unscheduled.iter().map(|why| json!({"type": "PodScheduled", "status": "False", "message": why}));
    let gates = request.shut_gates.iter().filter_map(|gate| {
        let (kind, rest) = gate.split_once(" is ")?;
        let (state, why) = rest.split_once(": ").unwrap_or((rest, ""));
        (rest != "not set by anybody").then(|| json!({"type": kind, "status": state, "message": why}))
    });
    unscheduled.chain(gates).collect()
}

fn container(container: &Container) -> Value {
    let mut object =
        json!({"name": container.name, "restartCount": container.restarts, "ready": container.ready, "started": container.started});
    if let Some(reason) = &container.waiting {
        object["state"] = json!({"waiting": {"reason": reason, "message": container.waiting_message.clone().unwrap_or_default()}});
    } else if container.running {
        object["state"] = json!({"running": {}});
    }
    if let Some(ended) = &container.ended {
        object["lastState"] = json!({"terminated": {"reason": ended.reason, "finishedAt": ended.at}});
    }
    object
}

/// Of an object of a kind that is not understood, as an owner's reference.
fn foreign(Foreign { kind, name }: &Foreign) -> Value {
    let (kind, version) = match kind.split_once('.') {
        // Which version is nothing that a decision looks at.
        Some((kind, group)) => (kind, format!("{group}/v1")),
        None => (kind.as_str(), "v1".to_owned()),
    };
    json!({"apiVersion": version, "kind": kind, "name": name, "controller": true})
}

/// What belongs to a requesting pod: its owner is added to what is recorded of it otherwise.
fn owned_by(objects: &mut BTreeMap<Key, Value>, kind: ObjectKind, name: &str, namespace: &str, of: Value) {
    let version = if kind == ObjectKind::Pod { "v1" } else { "apps/v1" };
    let metadata = json!({"name": name, "namespace": namespace});
    let bare = json!({"apiVersion": version, "kind": kind.as_str(), "metadata": metadata, "spec": {}});
    let object = objects.entry((kind, name.to_owned())).or_insert(bare);
    append(&mut object["metadata"], "ownerReferences", vec![of]);
}

fn of_namespace(facts: &Namespace, name: &str) -> Value {
    let mut metadata = json!({"name": name});
    for (field, found) in [("labels", &facts.labels), ("annotations", &facts.annotations)] {
        if !found.is_empty() {
            metadata[field] = json!(found);
        }
    }
    if facts.deleting {
        metadata["deletionTimestamp"] = json!(SOME_TIME);
    }
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

fn claim(claim: Claim, name: &str, namespace: &str) -> Value {
    let mut metadata = json!({"name": name, "namespace": namespace});
    if claim.deleting {
        metadata["deletionTimestamp"] = json!(SOME_TIME);
    }
    let mode = if claim.one_node { "ReadWriteOnce" } else { "ReadWriteMany" };
    let phase = if claim.lost { "Lost" } else { "Bound" };
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": {"accessModes": [mode]}, "status": {"phase": phase},
    })
}

/// When something is deleted is nothing that a decision looks at.
const SOME_TIME: &str = "1970-01-01T00:00:00Z";

fn object_of_pod(pod: &Pod, namespace: &str, labels: &Value, mut status: Value) -> Value {
    let mut metadata = json!({"name": pod.name, "namespace": namespace, "uid": pod.uid, "labels": labels});
    if let Some(Owner { kind, uid, name }) = &pod.owner {
        let mut owner = match kind {
            OwnerKind::ReplicaSet | OwnerKind::StatefulSet | OwnerKind::DaemonSet => {
                json!({"apiVersion": "apps/v1", "kind": kind.as_str(), "name": name, "controller": true})
            }
            OwnerKind::Other(kind) => foreign(&Foreign { kind: kind.to_string(), name: name.to_string() }),
        };
        owner["uid"] = json!(uid);
        metadata["ownerReferences"] = json!([owner]);
    }
    if pod.terminating {
        metadata["deletionTimestamp"] = json!(SOME_TIME);
    }
    if !pod.ready || pod.ended {
        metadata["annotations"] = json!({TROUBLE: pod.trouble.as_deref().unwrap_or_default()});
    }
    if let Some(written) = pod.status_written {
        metadata["managedFields"] = json!([{"manager": "kubelet", "subresource": "status", "time": written}]);
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

/// What stands between a controller above it and its pods.
fn replica_set(owner: &Owner, above: &Value, namespace: &str) -> Value {
    let metadata = json!({"name": owner.name, "namespace": namespace, "uid": owner.uid, "ownerReferences": above});
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": {}})
}

/// The containers of a template, as far as they take time, and what keeps its pods apart.
fn pod_template(workload: &Workload) -> Value {
    let container = |start: &Start| {
        let Start { name, sidecar, post_start_sleep, startup_delay, ready_delay, ready_successes, ready_period } = start;
        let mut object = json!({
            "name": name,
            "lifecycle": {"postStart": {"sleep": {"seconds": post_start_sleep}}},
            "startupProbe": {"initialDelaySeconds": startup_delay},
            "readinessProbe": {"initialDelaySeconds": ready_delay, "successThreshold": ready_successes, "periodSeconds": ready_period},
        });
        if *sidecar {
            object["restartPolicy"] = json!("Always");
        }
        object
    };
    let some = |sidecar: bool| workload.starts.iter().filter(|start| start.sidecar == sidecar).map(container).collect::<Vec<_>>();
    let (sidecars, mut containers) = (some(true), some(false));
    let mut spec = json!({"terminationGracePeriodSeconds": workload.grace_seconds});
    match workload.exclusive {
        Some(Exclusive::HostPort(port)) => containers.push(json!({"name": "not-recorded", "ports": [{"hostPort": port}]})),
        Some(Exclusive::AntiAffinity) => {
            let itself = json!([{"labelSelector": {"matchLabels": workload.template_labels}}]);
            spec["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": itself}});
        }
        None => {}
    }
    for (field, list) in [("initContainers", sidecars), ("containers", containers)] {
        if !list.is_empty() {
            spec[field] = json!(list);
        }
    }
    let words: BTreeMap<&str, &str> = workload.template_words.iter().map(|word| (word.as_str(), "")).collect();
    json!({"metadata": {"labels": workload.template_labels, "annotations": words}, "spec": spec})
}

fn workload(workload: &Workload, namespace: &str) -> (ObjectKind, Value) {
    let Workload { desired, replicas, updated, available, .. } = workload;
    let mut annotations = Map::from_iter([(TEMPLATE_HASH.to_owned(), json!(workload.template_hash))]);
    annotations.extend(workload.annotations.iter().map(|(key, value)| (key.clone(), json!(value))));
    if let Some(owner) = &workload.owner {
        annotations.insert(annotation::OWNER.to_owned(), json!(owner));
    }
    let mut metadata = json!({
        "name": workload.name, "namespace": namespace, "uid": workload.uid, "generation": workload.generation, "labels": workload.labels,
        "annotations": annotations,
    });
    if workload.deleting {
        metadata["deletionTimestamp"] = json!(SOME_TIME);
    }
    if let Some(controller) = &workload.controller {
        metadata["ownerReferences"] = json!([foreign(controller)]);
    }
    let template = pod_template(workload);
    let mut spec = json!({"minReadySeconds": workload.min_ready_seconds, "template": template});
    let mut status = json!({"observedGeneration": workload.observed_generation});
    let conditions = [("ReplicaFailure", "True", &workload.cannot_create), ("Progressing", "False", &workload.stalled)];
    let conditions: Vec<Value> = conditions
        .into_iter()
        .filter_map(|(kind, state, why)| Some(json!({"type": kind, "status": state, "message": why.as_ref()?})))
        .collect();
    if !conditions.is_empty() {
        status["conditions"] = json!(conditions);
    }
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
        WorkloadKind::Deployment => ObjectKind::Deployment,
        WorkloadKind::ReplicaSet => ObjectKind::ReplicaSet,
        WorkloadKind::StatefulSet => ObjectKind::StatefulSet,
        WorkloadKind::DaemonSet => ObjectKind::DaemonSet,
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
