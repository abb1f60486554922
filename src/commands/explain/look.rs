//! Reads what near misses are looked for in: what is no near miss is dropped page by page. Nothing that cannot be read is an error
//! here; it is named.

use k8s_openapi::api::authorization::v1::SubjectRulesReviewStatus;
use serde::Deserialize;

use super::near_misses::{NearKind, NearMiss, NearWorkload, Object, Services, TextPairs, Words, Workloads, bounded};
use crate::cluster::api::{Api, ApiError, Cause, DAEMON_SETS, DEPLOYMENTS, OwnerReference, PODS, REPLICA_SETS, Resource, STATEFUL_SETS};
use crate::cluster::matching::selector_of;
use crate::cluster::permissions::{Need, missing};
use crate::core::snapshot::service_of;
use crate::core::words::inert;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) near_misses: Vec<NearMiss>,
    /// Those that are not among them.
    pub(super) more: usize,
    /// What could not be read, and why.
    pub(super) not_looked_at: Vec<String>,
}

/// Any object: the few fields that are checked.
#[derive(Deserialize)]
struct Thing {
    metadata: NamedMeta,
    #[serde(default)]
    spec: TemplatedSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedMeta {
    name: String,
    #[serde(default)]
    labels: TextPairs,
    #[serde(default)]
    annotations: TextPairs,
    #[serde(default)]
    owner_references: Vec<OwnerReference>,
}

#[derive(Default, Deserialize)]
struct TemplatedSpec {
    template: Option<PodTemplate>,
}

#[derive(Deserialize)]
struct PodTemplate {
    metadata: Option<TemplateMeta>,
}

#[derive(Default, Deserialize)]
struct TemplateMeta {
    #[serde(default)]
    labels: TextPairs,
    #[serde(default)]
    annotations: TextPairs,
}

fn object(kind: NearKind, thing: Thing) -> Object {
    let Thing { metadata, spec } = thing;
    let template = spec.template.and_then(|template| template.metadata).unwrap_or_default();
    let controller = metadata.owner_references.into_iter().find(|owner| owner.controller && owner.api_version.starts_with("apps/"));
    let controller = controller.and_then(|owner| {
        let kind = match owner.kind.as_str() {
            "Deployment" => NearKind::Deployment,
            "ReplicaSet" => NearKind::ReplicaSet,
            "StatefulSet" => NearKind::StatefulSet,
            "DaemonSet" => NearKind::DaemonSet,
            _ => return None,
        };
        Some((kind, owner.name))
    });
    Object {
        kind,
        name: metadata.name,
        labels: metadata.labels,
        annotations: metadata.annotations,
        template_labels: template.labels,
        template_annotations: template.annotations,
        controller,
    }
}

/// Deployments before ReplicaSets, which stand for theirs.
const WORKLOADS: [(Resource, NearKind); 4] = [
    (DEPLOYMENTS, NearKind::Deployment),
    (REPLICA_SETS, NearKind::ReplicaSet),
    (STATEFUL_SETS, NearKind::StatefulSet),
    (DAEMON_SETS, NearKind::DaemonSet),
];

/// Looks at the one pod that is asked about and at its workload, or at all of the namespace.
pub(super) async fn look(api: &Api, granted: &SubjectRulesReviewStatus, words: &Words<'_>) -> Looked {
    let mut look = Look { api, granted, words, workloads: Workloads::new(), services: Services::default(), looked: Looked::default() };
    let on_pods = match words.pod {
        Some(name) => look.at_one(name).await,
        None => look.at_all().await,
    };
    let Look { services, mut looked, .. } = look;
    looked.near_misses.extend(words.of_services(services));
    looked.near_misses.extend(on_pods);
    let (near_misses, more) = bounded(looked.near_misses);
    Looked { near_misses, more, ..looked }
}

struct Look<'a> {
    api: &'a Api,
    granted: &'a SubjectRulesReviewStatus,
    words: &'a Words<'a>,
    workloads: Workloads,
    services: Services,
    looked: Looked,
}

impl Look<'_> {
    async fn at_all(&mut self) -> Vec<NearMiss> {
        for (resource, kind) in WORKLOADS {
            if !self.may_list(resource) {
                continue;
            }
            let (words, workloads) = (self.words, &mut self.workloads);
            // A list may begin anew: whoever is added twice is the same twice.
            let keep = |thing: Thing| of_workload(words, workloads, &object(kind, thing));
            let listed = self.api.list(resource, None, keep).await;
            let found = self.or_name(resource, listed.map(|(found, _)| found));
            self.looked.near_misses.extend(found.into_iter().flatten().flatten());
        }
        let (words, workloads, services) = (self.words, &self.workloads, &mut self.services);
        let keep = |thing: Thing| {
            let pod = object(NearKind::Pod, thing);
            services.add(&pod, words.service_label);
            words.of_pod(&pod, workloads)
        };
        let listed = self.api.list(PODS, None, keep).await;
        self.or_name(PODS, listed.map(|(found, _)| found)).into_iter().flatten().flatten().collect()
    }

    async fn at_one(&mut self, name: &str) -> Vec<NearMiss> {
        let read = self.api.get::<Thing>(PODS, name).await;
        let Some(pod) = self.or_name(PODS, read).map(|thing| object(NearKind::Pod, thing)) else { return Vec::new() };
        if let Some((kind, name)) = &pod.controller {
            self.at_workload(*kind, name).await;
        }
        self.services.add(&pod, self.words.service_label);
        if let Some(service) = service_of(&pod.labels, self.words.service_label) {
            let (words, services) = (self.words, &mut self.services);
            let keep = |thing: Thing| services.add(&object(NearKind::Pod, thing), words.service_label);
            let selector = selector_of([&service]);
            let listed = self.api.list(PODS, Some(&selector), keep).await;
            self.or_name(PODS, listed);
        }
        self.words.of_pod(&pod, &self.workloads)
    }

    /// The workload behind a pod: a Deployment first, as in a list.
    async fn at_workload(&mut self, kind: NearKind, name: &str) {
        let Some((resource, _)) = WORKLOADS.into_iter().find(|(_, other)| *other == kind) else { return };
        let read = self.api.get::<Thing>(resource, name).await;
        let Some(workload) = self.or_name(resource, read).map(|thing| object(kind, thing)) else { return };
        if let Some((NearKind::Deployment, above)) = &workload.controller {
            let read = self.api.get::<Thing>(DEPLOYMENTS, above).await;
            if let Some(deployment) = self.or_name(DEPLOYMENTS, read).map(|thing| object(NearKind::Deployment, thing)) {
                let found = of_workload(self.words, &mut self.workloads, &deployment);
                self.looked.near_misses.extend(found);
            }
        }
        let found = of_workload(self.words, &mut self.workloads, &workload);
        self.looked.near_misses.extend(found);
    }

    fn may_list(&mut self, resource: Resource) -> bool {
        let need = Need { verb: "list", resource, name: None, purpose: "to look for near misses" };
        let may = missing(vec![need], self.granted).is_empty();
        if !may {
            self.looked.not_looked_at.push(format!("{}: no permission to list them", resource.plural));
        }
        may
    }

    fn or_name<T>(&mut self, resource: Resource, read: Result<T, ApiError>) -> Option<T> {
        let error = match read {
            Ok(read) => return Some(read),
            Err(ApiError { cause: Cause::Forbidden(_), .. }) => "no permission to read them".to_owned(),
            Err(error) => inert(&error.to_string(), 500),
        };
        let line = format!("{}: {error}", resource.plural);
        if !self.looked.not_looked_at.contains(&line) {
            self.looked.not_looked_at.push(line);
        }
        None
    }
}

/// Its near misses, and what its pods have to know of it.
fn of_workload(words: &Words<'_>, workloads: &mut Workloads, workload: &Object) -> Vec<NearMiss> {
    let above = workload.controller.as_ref();
    let behind: Option<NearWorkload> = match above {
        Some(above) => workloads.get(above).cloned(),
        None => Some(words.behind(workload)),
    };
    if let Some(behind) = behind {
        workloads.insert((workload.kind, workload.name.clone()), behind);
    }
    // A ReplicaSet of a Deployment has copies of its words.
    if above.is_some() { Vec::new() } else { words.of_workload(workload) }
}
