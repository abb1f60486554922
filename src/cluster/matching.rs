//! Match: which pods ask, and what the cluster says around them.
//!
//! Reads grow with the services and workloads concerned, never with pods squared.

mod facts;
mod hypothetical;
pub(crate) mod recorded;

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::api::{
    Api, ApiError, BUDGETS, CLAIMS, Cause, ClaimObject, DAEMON_SETS, DEPLOYMENTS, Dependent, PODS, PodObject, REPLICA_SETS, Resource,
    STATEFUL_SETS, WorkloadObject,
};
use crate::core::runbook::Runbook;
use crate::core::selector::{Operator, Requirement, Selector};
use crate::core::snapshot::{
    Behind, Bounds, Budget, Claim, Fact, Foreign, Namespace, Owner, OwnerKind, Pod, Request, Service, Snapshot, Workload, service_of,
};
use crate::core::workload_kind::WorkloadKind;

pub(crate) use facts::{label_selector, pod_of, was_born_asking};
pub(crate) use hypothetical::hypothetical;

/// Lists the requesting pods. There are usually none, and then the run reads nothing else.
///
/// # Errors
/// They cannot be listed.
pub(crate) async fn requests(api: &Api, bounds: &Bounds, runbooks: &[Runbook]) -> Result<Vec<Request>, ApiError> {
    let looked_at = LookedAt::by(runbooks);
    let keep = |object: PodObject| facts::request_of(object, bounds, &looked_at);
    let (requests, _) = api.list(PODS, Some(&bounds.selector.to_string()), keep).await?;
    Ok(requests)
}

/// Reads what the decision on these requests rests on. What cannot be read is an unknown fact; a missing permission is an error.
///
/// # Errors
/// A permission is missing.
pub(crate) async fn snapshot(api: &Api, bounds: Bounds, requests: Vec<Request>, runbooks: &[Runbook]) -> Result<Snapshot, ApiError> {
    let looked_at = LookedAt::by(runbooks);
    let mut services = BTreeMap::new();
    for of_label in services_by_label(&requests).values() {
        services.extend(pods_of_services(api, &bounds, of_label).await?);
    }
    let mut workloads = BTreeMap::new();
    for owner in requests.iter().filter_map(|request| request.pod.owner.as_ref()) {
        if !workloads.contains_key(&*owner.uid) {
            workloads.insert(owner.uid.to_string(), workload_behind(api, owner, &looked_at).await?);
        }
    }
    let around = Around::read(api, &requests, &looked_at).await?;
    Ok(around.with(bounds, requests, services, workloads, BTreeMap::new()))
}

/// What a decision rests on besides requests, pods and workloads.
struct Around {
    budgets: Fact<Vec<Budget>>,
    namespace: Fact<Namespace>,
    claims: BTreeMap<String, Fact<Option<Claim>>>,
    dependents: Fact<BTreeMap<String, Vec<String>>>,
}

impl Around {
    async fn read(api: &Api, requests: &[Request], looked_at: &LookedAt<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            budgets: budgets(api).await?,
            namespace: fact(api.own_namespace().await.map(|object| facts::namespace_of(object, looked_at)))?,
            claims: claims(api, requests).await?,
            dependents: dependents(api, requests).await?,
        })
    }

    fn with(
        self,
        bounds: Bounds,
        requests: Vec<Request>,
        services: BTreeMap<Service, Fact<Vec<Pod>>>,
        workloads: BTreeMap<String, Fact<Behind>>,
        probes: BTreeMap<String, crate::core::snapshot::Readings>,
    ) -> Snapshot {
        let Self { budgets, namespace, claims, dependents } = self;
        Snapshot { bounds, requests, services, workloads, budgets, namespace, claims, dependents, probes }
    }
}

/// The claims that these pods mount.
async fn claims(api: &Api, requests: &[Request]) -> Result<BTreeMap<String, Fact<Option<Claim>>>, ApiError> {
    let names: BTreeSet<&String> = requests.iter().flat_map(|request| &request.claims).collect();
    let mut claims = BTreeMap::new();
    for name in names {
        let read = match api.get::<ClaimObject>(CLAIMS, name).await {
            Err(ApiError { cause: Cause::NotFound, .. }) => Ok(None),
            read => read.map(|object| Some(facts::claim_of(&object))),
        };
        claims.insert(name.clone(), fact(read)?);
    }
    Ok(claims)
}

/// The kinds of object that are looked through for those that a requesting pod owns: what runs pods, and pods.
const MAY_BE_OWNED: [(Resource, &str); 5] =
    [(PODS, "Pod"), (DEPLOYMENTS, "Deployment"), (REPLICA_SETS, "ReplicaSet"), (STATEFUL_SETS, "StatefulSet"), (DAEMON_SETS, "DaemonSet")];
/// Of what one pod owns, so many are named.
const MOST_DEPENDENTS: usize = 5;

/// What these pods own. It goes with its owner: the garbage collector deletes it.
async fn dependents(api: &Api, requests: &[Request]) -> Result<Fact<BTreeMap<String, Vec<String>>>, ApiError> {
    let asking: BTreeSet<&str> = requests.iter().map(|request| &*request.pod.uid).collect();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (resource, kind) in MAY_BE_OWNED.into_iter().filter(|_| !asking.is_empty()) {
        let owned = |object: Dependent| {
            let owner = object.metadata.owner_references.into_iter().find(|owner| asking.contains(owner.uid.as_str()))?;
            Some((owner.uid, object.metadata.name))
        };
        match fact(api.list_metadata(resource, owned).await)? {
            Fact::Unknown(why) => return Ok(Fact::Unknown(why)),
            Fact::Known(owned) => {
                for (owner, name) in owned.into_iter().flatten() {
                    let names = found.entry(owner).or_default();
                    if names.len() < MOST_DEPENDENTS {
                        names.push(format!("{kind}/{name}"));
                    }
                }
            }
        }
    }
    Ok(Fact::Known(found))
}

/// Which of other people's labels and annotations some runbook looks at: nothing else of them is kept.
#[derive(Debug, Default)]
pub(crate) struct LookedAt<'a> {
    labels: BTreeSet<&'a str>,
    annotations: BTreeSet<&'a str>,
}

impl<'a> LookedAt<'a> {
    /// By these runbooks.
    pub(crate) fn by(runbooks: &'a [Runbook]) -> Self {
        let keys = |of: fn(&Runbook) -> &Vec<(String, String)>| runbooks.iter().flat_map(of).map(|(key, _)| key.as_str()).collect();
        Self {
            labels: keys(|runbook| &runbook.guardrails.blocked_by_labels),
            annotations: keys(|runbook| &runbook.guardrails.blocked_by_annotations),
        }
    }
}

/// What one request's pod is by now.
#[derive(Debug)]
pub(crate) enum Again {
    /// It still asks.
    Asks(Box<Fresh>),
    /// It is there, and no longer asks, or for another service.
    Withdrawn,
    /// It is gone, or another has its name.
    Gone,
}

/// One request and its facts, read just now.
#[derive(Debug)]
pub(crate) struct Fresh {
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
pub(crate) async fn again(
    api: &Api,
    bounds: Bounds,
    before: &Snapshot,
    request: &Request,
    runbooks: &[Runbook],
) -> Result<Again, ApiError> {
    let Some(service) = &request.service else { return Ok(Again::Withdrawn) };
    let looked_at = LookedAt::by(runbooks);
    // Nothing is kept on the side: a list may begin anew, and what its first pages said is then void.
    let keep = |object: PodObject| {
        if service_of(&object.metadata.labels, &bounds.service_label).as_ref() != Some(service) {
            return None;
        }
        let asks = *object.metadata.uid == *request.pod.uid && bounds.selector.matches(&object.metadata.labels);
        Some((pod_of(&object), asks.then(|| Box::new(facts::request_of(object, &bounds, &looked_at)))))
    };
    let (listed, version) = api.list(PODS, Some(&selector_of([service])), keep).await?;
    let (pods, found): (Vec<Pod>, Vec<Option<Box<Request>>>) = listed.into_iter().flatten().unzip();
    let Some(fresh) = found.into_iter().flatten().next().map(|fresh| *fresh) else {
        return match api.get::<PodObject>(PODS, &request.pod.name).await {
            Ok(pod) if *pod.metadata.uid == *request.pod.uid => Ok(Again::Withdrawn),
            Ok(_) | Err(ApiError { cause: Cause::NotFound, .. }) => Ok(Again::Gone),
            Err(error) => Err(error),
        };
    };
    let mut workloads = BTreeMap::new();
    if let Some(owner) = &fresh.pod.owner {
        workloads.insert(owner.uid.to_string(), workload_behind(api, owner, &looked_at).await?);
    }
    let around = Around::read(api, std::slice::from_ref(&fresh), &looked_at).await?;
    let mut requests: Vec<Request> = before.requests.iter().filter(|other| other.pod.uid != request.pod.uid).cloned().collect();
    requests.push(fresh.clone());
    let services = BTreeMap::from([(service.clone(), Fact::Known(pods))]);
    let snapshot = around.with(bounds, requests, services, workloads, before.probes.clone());
    Ok(Again::Asks(Box::new(Fresh { snapshot, request: fresh, resource_version: version })))
}

/// What is behind a pod, by its own controller.
///
/// # Errors
/// A permission is missing.
async fn workload_behind(api: &Api, owner: &Owner, looked_at: &LookedAt<'_>) -> Result<Fact<Behind>, ApiError> {
    let mut found = behind(owner, async |resource, name| fact(api.get(resource, name).await)).await?;
    found.keep(looked_at);
    Ok(found)
}

impl Fact<Behind> {
    /// Forgets the annotations that nobody looks at.
    fn keep(&mut self, looked_at: &LookedAt<'_>) {
        if let Self::Known(Behind::Workload(workload)) = self {
            workload.annotations.retain(|key, _| looked_at.annotations.contains(key.as_str()));
        }
    }
}

/// The same, wherever the objects come from.
async fn behind<E>(owner: &Owner, get: impl AsyncFn(Resource, &str) -> Result<Fact<WorkloadObject>, E>) -> Result<Fact<Behind>, E> {
    match &owner.kind {
        OwnerKind::StatefulSet => workload(get, STATEFUL_SETS, WorkloadKind::StatefulSet, &owner.name, &owner.uid).await,
        OwnerKind::ReplicaSet => {
            let object = match get(REPLICA_SETS, &owner.name).await? {
                Fact::Known(object) if *object.metadata.uid == *owner.uid => object,
                Fact::Known(_) => return Ok(Fact::Unknown(format!("ReplicaSet {} is another one by now", owner.name))),
                Fact::Unknown(why) => return Ok(Fact::Unknown(why)),
            };
            let Some(above) = object.metadata.controller().cloned() else {
                return Ok(understood(facts::workload_of(WorkloadKind::ReplicaSet, object)));
            };
            if object.metadata.deletion_timestamp.is_some() {
                // Its Deployment makes another one, of other pods: none of them would be this one's.
                return Ok(Fact::Unknown(format!("ReplicaSet {} is being deleted", owner.name)));
            }
            if above.kind == "Deployment" && above.api_version.starts_with("apps/") {
                workload(get, DEPLOYMENTS, WorkloadKind::Deployment, &above.name, &above.uid).await
            } else {
                Ok(Fact::Known(Behind::Unsupported(facts::foreign(&above))))
            }
        }
        OwnerKind::DaemonSet => workload(get, DAEMON_SETS, WorkloadKind::DaemonSet, &owner.name, &owner.uid).await,
        OwnerKind::Other(kind) => Ok(Fact::Known(Behind::Unsupported(Foreign { kind: kind.to_string(), name: owner.name.to_string() }))),
    }
}

fn understood(workload: Fact<Workload>) -> Fact<Behind> {
    match workload {
        Fact::Known(workload) => Fact::Known(Behind::Workload(Box::new(workload))),
        Fact::Unknown(why) => Fact::Unknown(why),
    }
}

async fn workload<E>(
    get: impl AsyncFn(Resource, &str) -> Result<Fact<WorkloadObject>, E>,
    resource: Resource,
    kind: WorkloadKind,
    name: &str,
    uid: &str,
) -> Result<Fact<Behind>, E> {
    Ok(match get(resource, name).await? {
        Fact::Known(object) if object.metadata.uid == uid => understood(facts::workload_of(kind, object)),
        Fact::Known(_) => Fact::Unknown(format!("{kind} {name} is another one by now")),
        Fact::Unknown(why) => Fact::Unknown(why),
    })
}

/// The workload of an action under way, by name and UID. `None`: it is gone.
///
/// # Errors
/// It cannot be read.
pub(crate) async fn workload_again(api: &Api, kind: WorkloadKind, name: &str, uid: &str) -> Result<Option<Workload>, ApiError> {
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

/// The services of these requests, together where one label makes them: each group is one list.
fn services_by_label(requests: &[Request]) -> BTreeMap<&str, BTreeSet<&Service>> {
    let mut by_label: BTreeMap<&str, BTreeSet<&Service>> = BTreeMap::new();
    for service in requests.iter().filter_map(|request| request.service.as_ref()) {
        by_label.entry(&service.label).or_default().insert(service);
    }
    by_label
}

async fn pods_of_services(api: &Api, bounds: &Bounds, services: &BTreeSet<&Service>) -> Result<Vec<(Service, Fact<Vec<Pod>>)>, ApiError> {
    let keep = |object: PodObject| (service_of(&object.metadata.labels, &bounds.service_label), pod_of(&object));
    let listed = match fact(api.list(PODS, Some(&selector_of(services.iter().copied())), keep).await)? {
        Fact::Known((pods, _)) => Fact::Known(pods),
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    Ok(by_service(services, listed))
}

/// Pods, each with its service, as services. One that has another than these is left out: its fallback label was what was listed.
fn by_service(services: &BTreeSet<&Service>, listed: Fact<Vec<(Option<Service>, Pod)>>) -> Vec<(Service, Fact<Vec<Pod>>)> {
    match listed {
        Fact::Unknown(why) => services.iter().map(|service| ((*service).clone(), Fact::Unknown(why.clone()))).collect(),
        Fact::Known(pods) => {
            let mut grouped: BTreeMap<&Service, Vec<Pod>> = services.iter().map(|service| (*service, Vec::new())).collect();
            for (service, pod) in pods {
                if let Some(of_service) = service.and_then(|service| grouped.get_mut(&service)) {
                    of_service.push(pod);
                }
            }
            grouped.into_iter().map(|(service, pods)| (service.clone(), Fact::Known(pods))).collect()
        }
    }
}

/// Selects the pods of these services, which one label makes, and perhaps others: which service a pod is of says [`service_of`] alone.
pub(crate) fn selector_of<'a>(services: impl IntoIterator<Item = &'a Service>) -> String {
    let mut by_label: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for service in services {
        by_label.entry(&service.label).or_default().push(service.name.clone());
    }
    let requirement = |(label, names): (&str, Vec<String>)| Requirement { key: label.to_owned(), operator: Operator::In(names) };
    Selector(by_label.into_iter().map(requirement).collect()).to_string()
}

async fn budgets(api: &Api) -> Result<Fact<Vec<Budget>>, ApiError> {
    Ok(match fact(api.list(BUDGETS, None, facts::budget_of).await)? {
        Fact::Known((budgets, _)) => budgets.into_iter().collect::<Result<_, _>>().map_or_else(Fact::Unknown, Fact::Known),
        Fact::Unknown(why) => Fact::Unknown(why),
    })
}

/// Some runbook looks at the labels or annotations of the namespace.
pub(crate) fn looks_at_namespace(runbooks: &[Runbook]) -> bool {
    let looks =
        |runbook: &Runbook| !runbook.guardrails.blocked_by_labels.is_empty() || !runbook.guardrails.blocked_by_annotations.is_empty();
    runbooks.iter().any(looks)
}

/// A failed read is an unknown fact, which blocks; a missing permission is the installer's to fix, so it ends the run.
fn fact<T>(read: Result<T, ApiError>) -> Result<Fact<T>, ApiError> {
    match read {
        Ok(value) => Ok(Fact::Known(value)),
        Err(error) if matches!(error.cause, Cause::Forbidden(_)) => Err(error),
        Err(error) => Ok(Fact::Unknown(error.to_string())),
    }
}
