//! A snapshot of recorded objects, as `kubectl get -o yaml` prints them, instead of from the API: what `simulate` decides on.
//!
//! The very types and functions of a run read them, so that a simulation sees a pod exactly as a run does. Objects that are not there
//! do not exist; what a run could not read is listed as unreadable, with the reason.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{LookedAt, behind, by_service, facts, looks_at_namespace, pod_of, services_by_label};
use crate::cluster::api::{
    BudgetObject, ClaimObject, DAEMON_SETS, DEPLOYMENTS, NamespaceObject, PodObject, REPLICA_SETS, Resource, STATEFUL_SETS, WorkloadObject,
};
use crate::core::runbook::Runbook;
use crate::core::snapshot::{Behind, Bounds, Budget, Claim, Fact, Namespace, Owner, Pod, Readings, Request, Snapshot, service_of};

/// On a recorded workload: the digest of its pod template as it was, for the template itself is not recorded.
pub(crate) const TEMPLATE_HASH: &str = "remediator.kubedojo.io/recorded-template-hash";

/// On a recorded pod that is not Ready: what its own status said stands in the way, for not all of that is recorded. Empty: nothing.
pub(crate) const TROUBLE: &str = "remediator.kubedojo.io/recorded-trouble";

/// Among what could not be read: which objects the requesting pods own.
pub(crate) const DEPENDENTS: &str = "ownerReferences";

/// The kinds of object that a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ObjectKind {
    Namespace,
    /// apps/v1.
    Deployment,
    /// apps/v1.
    ReplicaSet,
    /// apps/v1.
    StatefulSet,
    /// apps/v1.
    DaemonSet,
    /// policy/v1.
    PodDisruptionBudget,
    PersistentVolumeClaim,
    Pod,
}

impl ObjectKind {
    /// Every kind, in the order in which a recording lists them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Namespace,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::PodDisruptionBudget,
        Self::PersistentVolumeClaim,
        Self::Pod,
    ];

    /// As manifests write it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::Pod => "Pod",
        }
    }

    /// The kind that manifests write like this.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    fn of(resource: Resource) -> Option<Self> {
        let known = [
            (DEPLOYMENTS, Self::Deployment),
            (REPLICA_SETS, Self::ReplicaSet),
            (STATEFUL_SETS, Self::StatefulSet),
            (DAEMON_SETS, Self::DaemonSet),
        ];
        known.into_iter().find(|(one, _)| *one == resource).map(|(_, kind)| kind)
    }

    /// Whether it is such an object, down to the fields that a run reads.
    fn accepts(self, object: &Value) -> Result<(), serde_json::Error> {
        match self {
            Self::Namespace => typed::<NamespaceObject>(object).map(drop),
            Self::PodDisruptionBudget => typed::<BudgetObject>(object).map(drop),
            Self::PersistentVolumeClaim => typed::<ClaimObject>(object).map(drop),
            Self::Pod => typed::<PodObject>(object).map(drop),
            Self::Deployment | Self::ReplicaSet | Self::StatefulSet | Self::DaemonSet => typed::<WorkloadObject>(object).map(drop),
        }
    }
}

fn typed<T: DeserializeOwned>(object: &Value) -> Result<T, serde_json::Error> {
    T::deserialize(object)
}

/// The objects of one namespace at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Objects {
    all: BTreeMap<(ObjectKind, String), Value>,
    /// What could not be read, and why: `PodDisruptionBudget` and `Namespace` for all of them, `Kind/name` for what makes pods and for
    /// claims, `label=value` for the pods of a service, [`DEPENDENTS`] for what pods own.
    pub unreadable: BTreeMap<String, String>,
    /// What the probes of a pod's runbook answered, by the pod's name. Nothing there for a pod: they were not asked.
    pub probes: BTreeMap<String, Readings>,
}

impl Objects {
    /// Adds an object, in place of the one of its kind and name.
    ///
    /// # Errors
    /// It is no such object: what is wrong with it.
    pub(crate) fn put(&mut self, kind: ObjectKind, name: &str, mut object: Value) -> Result<(), String> {
        complete(kind, name, &mut object);
        kind.accepts(&object).map_err(|error| format!("{}/{name} cannot be read as a run would: {error}", kind.as_str()))?;
        self.all.insert((kind, name.to_owned()), object);
        Ok(())
    }

    /// Changes fields of an object, by the rules of a JSON merge patch (RFC 7386): null removes, lists are replaced.
    ///
    /// # Errors
    /// There is no such object, or it no longer is one then.
    pub(crate) fn patch(&mut self, kind: ObjectKind, name: &str, patch: &Value) -> Result<(), String> {
        let Some(object) = self.all.get(&(kind, name.to_owned())) else { return Err(self.missing(kind, name)) };
        let mut changed = object.clone();
        merge(&mut changed, patch);
        self.put(kind, name, changed)
    }

    /// Lets a pod ask with these labels, set at that time; what it asked before is replaced.
    ///
    /// # Errors
    /// There is no such pod, or it no longer is one then.
    pub(crate) fn ask(&mut self, name: &str, labels: &BTreeMap<String, String>, at: jiff::Timestamp) -> Result<(), String> {
        let Some(object) = self.all.get(&(ObjectKind::Pod, name.to_owned())) else { return Err(self.missing(ObjectKind::Pod, name)) };
        let asks = |entry: &Value| labels.keys().any(|key| !entry["fieldsV1"]["f:metadata"]["f:labels"][format!("f:{key}")].is_null());
        let kept = object["metadata"]["managedFields"].as_array().into_iter().flatten().filter(|entry| !asks(entry)).cloned();
        let owned: serde_json::Map<String, Value> = labels.keys().map(|key| (format!("f:{key}"), serde_json::json!({}))).collect();
        let entry = serde_json::json!({
            "manager": "kubectl-label", "operation": "Update", "time": at, "fieldsV1": {"f:metadata": {"f:labels": owned}},
        });
        let managed: Vec<Value> = kept.chain([entry]).collect();
        self.patch(ObjectKind::Pod, name, &serde_json::json!({"metadata": {"labels": labels, "managedFields": managed}}))
    }

    /// Takes an object away.
    ///
    /// # Errors
    /// There is no such object.
    pub(crate) fn remove(&mut self, kind: ObjectKind, name: &str) -> Result<(), String> {
        self.all.remove(&(kind, name.to_owned())).map(drop).ok_or_else(|| self.missing(kind, name))
    }

    fn missing(&self, kind: ObjectKind, name: &str) -> String {
        let names: Vec<&str> = self.all.keys().filter(|(other, _)| *other == kind).map(|(_, name)| name.as_str()).collect();
        let known = if names.is_empty() { "none is".to_owned() } else { format!("there are {}", names.join(", ")) };
        format!("{}/{name} is not among the objects at this moment ({known})", kind.as_str())
    }

    /// What a run would have read.
    pub(crate) fn snapshot(&self, bounds: Bounds, runbooks: &[Runbook]) -> Snapshot {
        let pods: Vec<PodObject> = self.of(ObjectKind::Pod).filter_map(|object| typed(object).ok()).collect();
        let asking = pods.iter().filter(|pod| bounds.selector.matches(&pod.metadata.labels));
        let looked_at = LookedAt::by(runbooks);
        let request = |pod: &PodObject| {
            let small = recorded_pod(pod);
            Request { pod: small, ..facts::request_of(pod.clone(), &bounds, &looked_at) }
        };
        let requests: Vec<Request> = asking.map(request).collect();
        let mut services = BTreeMap::new();
        for of_label in services_by_label(&requests).values() {
            let listed = pods.iter().map(|pod| (service_of(&pod.metadata.labels, &bounds.service_label), recorded_pod(pod))).collect();
            services.extend(by_service(of_label, Fact::Known(listed)));
        }
        for (service, pods) in &mut services {
            if let Some(why) = self.unreadable.get(&service.to_string()) {
                *pods = Fact::<Vec<Pod>>::Unknown(why.clone());
            }
        }
        let owners = requests.iter().filter_map(|request| request.pod.owner.as_ref());
        let workloads = owners.map(|owner| (owner.uid.to_string(), self.workload_behind(owner, &looked_at))).collect();
        let (namespace, claims, dependents) =
            (self.namespace(&bounds.namespace, runbooks, &looked_at), self.claims(&requests), self.dependents(&requests));
        let answered = |request: &Request| Some((request.pod.uid.to_string(), self.probes.get(&*request.pod.name)?.clone()));
        let probes = requests.iter().filter_map(answered).collect();
        Snapshot { budgets: self.budgets(), services, workloads, namespace, claims, dependents, probes, requests, bounds }
    }

    fn of(&self, kind: ObjectKind) -> impl Iterator<Item = &Value> {
        self.all.iter().filter(move |((other, _), _)| *other == kind).map(|(_, object)| object)
    }

    fn workload_behind(&self, owner: &Owner, looked_at: &LookedAt<'_>) -> Fact<Behind> {
        let get = async |resource: Resource, name: &str| Ok::<_, std::convert::Infallible>(self.get(resource, name));
        let Some(Ok(mut found)) = behind(owner, get).now_or_never() else {
            return Fact::Unknown(format!("the workload behind {} was not read", owner.name));
        };
        if let Fact::Known(Behind::Workload(workload)) = &mut found
            && let Some(kind) = ObjectKind::from_word(workload.kind.as_str())
            && let Some(object) = self.all.get(&(kind, workload.name.clone()))
            && let Some(recorded) = object["metadata"]["annotations"][TEMPLATE_HASH].as_str()
        {
            recorded.clone_into(&mut workload.template_hash);
        }
        found.keep(looked_at);
        found
    }

    fn get(&self, resource: Resource, name: &str) -> Fact<WorkloadObject> {
        let Some(kind) = ObjectKind::of(resource) else { return Fact::Unknown(format!("{} are not recorded", resource.plural)) };
        let key = format!("{}/{name}", kind.as_str());
        match (self.unreadable.get(&key), self.all.get(&(kind, name.to_owned()))) {
            (Some(why), _) => Fact::Unknown(why.clone()),
            (None, None) => Fact::Unknown(format!("{key} is not among the recorded objects")),
            (None, Some(object)) => typed(object).map_or_else(|error| Fact::Unknown(format!("{key}: {error}")), Fact::Known),
        }
    }

    fn budgets(&self) -> Fact<Vec<Budget>> {
        if let Some(why) = self.unreadable.get(ObjectKind::PodDisruptionBudget.as_str()) {
            return Fact::Unknown(why.clone());
        }
        let read = |object: &Value| typed(object).map_err(|error| error.to_string()).and_then(facts::budget_of);
        self.of(ObjectKind::PodDisruptionBudget).map(read).collect::<Result<_, _>>().map_or_else(Fact::Unknown, Fact::Known)
    }

    /// One that is not recorded is there, and nothing is known of its labels.
    fn namespace(&self, name: &str, runbooks: &[Runbook], looked_at: &LookedAt<'_>) -> Fact<Namespace> {
        if let Some(why) = self.unreadable.get(ObjectKind::Namespace.as_str()) {
            return Fact::Unknown(why.clone());
        }
        match self.all.get(&(ObjectKind::Namespace, name.to_owned())).and_then(|object| typed::<NamespaceObject>(object).ok()) {
            Some(object) => Fact::Known(facts::namespace_of(object, looked_at)),
            None if looks_at_namespace(runbooks) => Fact::Unknown(format!("Namespace/{name} is not among the recorded objects")),
            None => Fact::Known(Namespace::default()),
        }
    }

    fn claims(&self, requests: &[Request]) -> BTreeMap<String, Fact<Option<Claim>>> {
        let kind = ObjectKind::PersistentVolumeClaim;
        let claim = |name: &String| match self.unreadable.get(&format!("{}/{name}", kind.as_str())) {
            Some(why) => Fact::Unknown(why.clone()),
            None => {
                let object = self.all.get(&(kind, name.clone())).and_then(|object| typed::<ClaimObject>(object).ok());
                Fact::Known(object.map(|object| facts::claim_of(&object)))
            }
        };
        requests.iter().flat_map(|request| &request.claims).map(|name| (name.clone(), claim(name))).collect()
    }

    /// What is recorded with a requesting pod as its owner.
    fn dependents(&self, requests: &[Request]) -> Fact<BTreeMap<String, Vec<String>>> {
        if let Some(why) = self.unreadable.get(DEPENDENTS) {
            return Fact::Unknown(why.clone());
        }
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for ((kind, name), object) in &self.all {
            let owners = object["metadata"]["ownerReferences"].as_array();
            let owner = owners.into_iter().flatten().filter_map(|owner| owner["uid"].as_str());
            for uid in owner.filter(|uid| requests.iter().any(|request| *request.pod.uid == **uid)) {
                found.entry(uid.to_owned()).or_default().push(format!("{}/{name}", kind.as_str()));
            }
        }
        Fact::Known(found)
    }
}

fn recorded_pod(object: &PodObject) -> Pod {
    let mut pod = pod_of(object);
    if let Some(trouble) = object.metadata.annotations.get(TROUBLE) {
        pod.trouble = (!trouble.is_empty()).then(|| trouble.as_str().into());
    }
    pod
}

/// Fills in what every object of a cluster has, where a hand-written one leaves it out: UIDs, by kind and name, and a version.
fn complete(kind: ObjectKind, name: &str, object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.entry("uid").or_insert_with(|| json!(format!("{}/{name}", kind.as_str())));
    metadata.entry("resourceVersion").or_insert_with(|| json!("not recorded"));
    let owners = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let (Some(kind), Some(name)) = (owner.get("kind").and_then(Value::as_str), owner.get("name").and_then(Value::as_str)) {
            let uid = format!("{kind}/{name}");
            owner.entry("uid").or_insert_with(|| json!(uid));
        }
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(object) = target.as_object_mut() else { return };
    for (key, value) in fields {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let mut object = json!({"a": {"b": 1, "c": 2}, "list": [1, 2], "gone": 1});
        merge(&mut object, &json!({"a": {"b": {"d": 3}}, "list": [3], "gone": null}));
        assert_eq!(object, json!({"a": {"b": {"d": 3}, "c": 2}, "list": [3]}));
    }

    #[test]
    fn what_is_no_such_object_is_refused_and_changes_nothing() {
        let mut objects = Objects::default();
        let pod = json!({"metadata": {"name": "a"}, "status": {"phase": "Running"}});
        objects.put(ObjectKind::Pod, "a", pod).unwrap();
        let before = objects.clone();
        let refused = objects.patch(ObjectKind::Pod, "a", &json!({"status": {"containerStatuses": [{"restartCount": -1}]}}));
        assert!(refused.unwrap_err().starts_with("Pod/a cannot be read as a run would: invalid value: integer `-1`"));
        assert_eq!(
            objects.patch(ObjectKind::Pod, "b", &json!({})).unwrap_err(),
            "Pod/b is not among the objects at this moment (there are a)"
        );
        assert!(objects.remove(ObjectKind::Deployment, "a").unwrap_err().ends_with("(none is)"));
        assert_eq!(objects, before);
    }
}
