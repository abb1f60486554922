//! Match: which pods ask, and what the cluster says around them.
//!
//! Reads grow with the services and workloads concerned, never with pods squared.

mod facts;
mod hypothetical;
pub mod recorded;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{
    Api, ApiError, BUDGETS, Cause, DAEMON_SETS, DEPLOYMENTS, PODS, PodObject, REPLICA_SETS, Resource, STATEFUL_SETS, WorkloadObject,
};
use crate::runbook::Runbook;
use crate::selector::{Operator, Requirement, Selector};
use crate::snapshot::{Bounds, Budget, Fact, Owner, OwnerKind, Pod, Request, Service, Snapshot, Workload, WorkloadKind};

pub use facts::{pod_of, was_born_asking};
pub use hypothetical::hypothetical;

/// The pods that ask. Usually none, and then nothing else is read.
///
/// # Errors
/// They cannot be listed.
pub async fn requests(api: &Api, bounds: &Bounds) -> Result<Vec<Request>, ApiError> {
    let keep = |object: PodObject| facts::request_of(object, bounds);
    let (requests, _) = api.list(PODS, Some(&bounds.selector.to_string()), keep).await?;
    Ok(requests)
}

/// What the decision on these requests rests on. What cannot be read is an unknown fact; a missing permission is an error.
///
/// # Errors
/// A permission is missing.
pub async fn snapshot(api: &Api, bounds: Bounds, requests: Vec<Request>, runbooks: &[Runbook]) -> Result<Snapshot, ApiError> {
    let mut services = BTreeMap::new();
    for (label, names) in services_by_label(&requests) {
        services.extend(pods_of_services(api, &bounds, &label, names).await?);
    }
    let mut workloads = BTreeMap::new();
    for owner in requests.iter().filter_map(|request| request.pod.owner.as_ref()) {
        if !workloads.contains_key(&*owner.uid) {
            workloads.insert(owner.uid.to_string(), workload_behind(api, owner).await?);
        }
    }
    let (budgets, namespace_labels) = (budgets(api).await?, namespace_labels(api, runbooks).await?);
    Ok(Snapshot { bounds, requests, services, workloads, budgets, namespace_labels, probes: BTreeMap::new() })
}

/// What one request's pod is by now.
#[derive(Debug)]
pub enum Again {
    /// It still asks.
    Asks(Box<Fresh>),
    /// It is there, and no longer asks, or for another service.
    Withdrawn,
    /// It is gone, or another has its name.
    Gone,
}

/// One request and its facts, read just now.
#[derive(Debug)]
pub struct Fresh {
    /// What the decision rests on; of services, the request's own only.
    pub snapshot: Snapshot,
    /// The request.
    pub request: Request,
    /// Of the list of its service's pods: to watch from.
    pub resource_version: String,
}

/// Reads one request's facts again, immediately before its action. What its probes answered is taken over.
///
/// # Errors
/// A fact cannot be read.
pub async fn again(api: &Api, bounds: Bounds, before: &Snapshot, request: &Request, runbooks: &[Runbook]) -> Result<Again, ApiError> {
    let Some(service) = &request.service else { return Ok(Again::Withdrawn) };
    let selector = pods_of(&service.label, vec![service.name.clone()], &bounds.service_label).to_string();
    // Nothing is kept on the side: a list may begin anew, and what its first pages said is then void.
    let keep = |object: PodObject| {
        let asks = *object.metadata.uid == *request.pod.uid && bounds.selector.matches(&object.metadata.labels);
        (pod_of(&object), asks.then(|| Box::new(facts::request_of(object, &bounds))))
    };
    let (listed, version) = api.list(PODS, Some(&selector), keep).await?;
    let (pods, found): (Vec<Pod>, Vec<Option<Box<Request>>>) = listed.into_iter().unzip();
    let Some(fresh) = found.into_iter().flatten().next().map(|fresh| *fresh) else {
        return match api.get::<PodObject>(PODS, &request.pod.name).await {
            Ok(pod) if *pod.metadata.uid == *request.pod.uid => Ok(Again::Withdrawn),
            Ok(_) | Err(ApiError { cause: Cause::NotFound, .. }) => Ok(Again::Gone),
            Err(error) => Err(error),
        };
    };
    let mut workloads = BTreeMap::new();
    if let Some(owner) = &fresh.pod.owner {
        workloads.insert(owner.uid.to_string(), workload_behind(api, owner).await?);
    }
    let (budgets, namespace_labels) = (budgets(api).await?, namespace_labels(api, runbooks).await?);
    let mut requests: Vec<Request> = before.requests.iter().filter(|other| other.pod.uid != request.pod.uid).cloned().collect();
    requests.push(fresh.clone());
    let services = BTreeMap::from([(service.clone(), Fact::Known(pods))]);
    let snapshot = Snapshot { bounds, requests, services, workloads, budgets, namespace_labels, probes: before.probes.clone() };
    Ok(Again::Asks(Box::new(Fresh { snapshot, request: fresh, resource_version: version })))
}

/// The workload that makes a pod, by the pod's own controller.
///
/// # Errors
/// A permission is missing.
pub async fn workload_behind(api: &Api, owner: &Owner) -> Result<Fact<Workload>, ApiError> {
    behind(owner, async |resource, name| fact(api.get(resource, name).await)).await
}

/// The same, wherever the objects come from.
async fn behind<E>(owner: &Owner, get: impl AsyncFn(Resource, &str) -> Result<Fact<WorkloadObject>, E>) -> Result<Fact<Workload>, E> {
    match &owner.kind {
        OwnerKind::StatefulSet => workload(get, STATEFUL_SETS, WorkloadKind::StatefulSet, &owner.name, &owner.uid).await,
        OwnerKind::ReplicaSet => {
            let object = match get(REPLICA_SETS, &owner.name).await? {
                Fact::Known(object) if *object.metadata.uid == *owner.uid => object,
                Fact::Known(_) => return Ok(Fact::Unknown(format!("ReplicaSet {} is another one by now", owner.name))),
                Fact::Unknown(why) => return Ok(Fact::Unknown(why)),
            };
            let Some(above) = object.metadata.controller().cloned() else {
                return Ok(facts::workload_of(WorkloadKind::ReplicaSet, object));
            };
            if above.kind == "Deployment" && above.api_version.starts_with("apps/") {
                workload(get, DEPLOYMENTS, WorkloadKind::Deployment, &above.name, &above.uid).await
            } else {
                let kind = above.kind;
                Ok(Fact::Unknown(format!("its ReplicaSet belongs to a {kind}, {}, whose rollouts are not understood here", above.name)))
            }
        }
        OwnerKind::DaemonSet => workload(get, DAEMON_SETS, WorkloadKind::DaemonSet, &owner.name, &owner.uid).await,
        OwnerKind::Other(kind) => Ok(Fact::Unknown(format!("a {kind} owns it, which is not supported"))),
    }
}

async fn workload<E>(
    get: impl AsyncFn(Resource, &str) -> Result<Fact<WorkloadObject>, E>,
    resource: Resource,
    kind: WorkloadKind,
    name: &str,
    uid: &str,
) -> Result<Fact<Workload>, E> {
    Ok(match get(resource, name).await? {
        Fact::Known(object) if object.metadata.uid == uid => facts::workload_of(kind, object),
        Fact::Known(_) => Fact::Unknown(format!("{kind} {name} is another one by now")),
        Fact::Unknown(why) => Fact::Unknown(why),
    })
}

/// The workload of an action under way, by name and UID. `None`: it is gone.
///
/// # Errors
/// It cannot be read.
pub async fn workload_again(api: &Api, kind: WorkloadKind, name: &str, uid: &str) -> Result<Option<Workload>, ApiError> {
    let resource = match kind {
        WorkloadKind::Deployment => DEPLOYMENTS,
        WorkloadKind::ReplicaSet => REPLICA_SETS,
        WorkloadKind::StatefulSet => STATEFUL_SETS,
        WorkloadKind::DaemonSet => DAEMON_SETS,
    };
    match api.get::<WorkloadObject>(resource, name).await {
        Ok(object) if object.metadata.uid == uid => Ok(facts::workload_of(kind, object).known().ok().cloned()),
        Ok(_) | Err(ApiError { cause: Cause::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn services_by_label(requests: &[Request]) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_label: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for service in requests.iter().filter_map(|request| request.service.as_ref()) {
        by_label.entry(service.label.clone()).or_default().insert(service.name.clone());
    }
    by_label
}

async fn pods_of_services(
    api: &Api,
    bounds: &Bounds,
    label: &str,
    names: BTreeSet<String>,
) -> Result<Vec<(Service, Fact<Vec<Pod>>)>, ApiError> {
    let selector = pods_of(label, names.iter().cloned().collect(), &bounds.service_label).to_string();
    let keep = |object: PodObject| (object.metadata.labels.get(label).cloned().unwrap_or_default(), pod_of(&object));
    let listed = match fact(api.list(PODS, Some(&selector), keep).await)? {
        Fact::Known((pods, _)) => Fact::Known(pods),
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    Ok(by_service(label, &names, listed))
}

/// Pods, each with the value of its service label, as services.
fn by_service(label: &str, names: &BTreeSet<String>, listed: Fact<Vec<(String, Pod)>>) -> Vec<(Service, Fact<Vec<Pod>>)> {
    let service = |name: &String| Service { label: label.to_owned(), name: name.clone() };
    match listed {
        Fact::Unknown(why) => names.iter().map(|name| (service(name), Fact::Unknown(why.clone()))).collect(),
        Fact::Known(pods) => {
            let mut by_name: BTreeMap<&String, Vec<Pod>> = names.iter().map(|name| (name, Vec::new())).collect();
            for (name, pod) in pods {
                if let Some(of_service) = by_name.get_mut(&name) {
                    of_service.push(pod);
                }
            }
            by_name.into_iter().map(|(name, pods)| (service(name), Fact::Known(pods))).collect()
        }
    }
}

/// The selector for the pods of these services: those that carry the label, and not the run's own service label where this is
/// the fallback for it.
pub fn pods_of(label: &str, names: Vec<String>, service_label: &str) -> Selector {
    let mut requirements = vec![Requirement { key: label.to_owned(), operator: Operator::In(names) }];
    if label != service_label {
        requirements.push(Requirement { key: service_label.to_owned(), operator: Operator::DoesNotExist });
    }
    Selector(requirements)
}

async fn budgets(api: &Api) -> Result<Fact<Vec<Budget>>, ApiError> {
    Ok(match fact(api.list(BUDGETS, None, facts::budget_of).await)? {
        Fact::Known((budgets, _)) => budgets.into_iter().collect::<Result<_, _>>().map_or_else(Fact::Unknown, Fact::Known),
        Fact::Unknown(why) => Fact::Unknown(why),
    })
}

/// The namespace's own labels, where a runbook looks at them.
async fn namespace_labels(api: &Api, runbooks: &[Runbook]) -> Result<Fact<BTreeMap<String, String>>, ApiError> {
    if !looks_at_namespace(runbooks) {
        return Ok(Fact::Unknown(NOT_LOOKED_AT.to_owned()));
    }
    fact(api.namespace_labels().await)
}

const NOT_LOOKED_AT: &str = "no runbook looks at the namespace's labels, so they were not read";

/// Some runbook looks at the labels of the namespace.
pub(crate) fn looks_at_namespace(runbooks: &[Runbook]) -> bool {
    runbooks.iter().any(|runbook| !runbook.guardrails.blocked_by_labels.is_empty())
}

/// A failed read is an unknown fact, which blocks; a missing permission is the installer's to mend, so it ends the run.
fn fact<T>(read: Result<T, ApiError>) -> Result<Fact<T>, ApiError> {
    match read {
        Ok(value) => Ok(Fact::Known(value)),
        Err(error) if matches!(error.cause, Cause::Forbidden(_)) => Err(error),
        Err(error) => Ok(Fact::Unknown(error.to_string())),
    }
}
