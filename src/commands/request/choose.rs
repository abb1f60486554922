//! Which pod of a workload a request is for: the one that is worst off, and of equals the oldest.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use crate::cluster::api::{
    ApiError, Cause, DAEMON_SETS, DEPLOYMENTS, LabelSelector, Meta, PODS, PodObject, REPLICA_SETS, Resource, STATEFUL_SETS, WorkloadObject,
};
use crate::cluster::matching::{label_selector, pod_of};
use crate::commands::explain::{means_pods, pod_name};
use crate::commands::marking::{AtDesk, MarkError};
use crate::core::names::is_dns_subdomain;
use crate::core::snapshot::{OwnerKind, Pod};
use crate::core::words::{amount, inert};
use crate::run::RunError;

/// A kind of workload, and what kubectl calls it besides.
struct Kind {
    resource: Resource,
    name: &'static str,
    short: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind { resource: DEPLOYMENTS, name: "Deployment", short: "deploy" },
    Kind { resource: STATEFUL_SETS, name: "StatefulSet", short: "sts" },
    Kind { resource: DAEMON_SETS, name: "DaemonSet", short: "ds" },
    Kind { resource: REPLICA_SETS, name: "ReplicaSet", short: "rs" },
];

impl Kind {
    /// The kind of this word: `deploy`, `Deployment`, `deployments`, `deployments.apps`.
    fn of_word(word: &str) -> Option<&'static Self> {
        let word = word.to_ascii_lowercase();
        let full = word.strip_suffix(".apps").unwrap_or(&word);
        KINDS.iter().find(|kind| word == kind.short || full == kind.resource.plural || full.eq_ignore_ascii_case(kind.name))
    }
}

#[derive(Deserialize)]
struct Selecting {
    metadata: Meta,
    spec: SelectingSpec,
}

#[derive(Deserialize)]
struct SelectingSpec {
    selector: LabelSelector,
}

/// The pod's name, and, where a workload was named, why it is this one.
///
/// # Errors
/// There is none, or what is named is neither a pod nor a workload.
pub(super) async fn pod(desk: &AtDesk, what: &str) -> Result<(String, Option<String>), MarkError> {
    let workload = what.split_once('/').filter(|(kind, _)| !means_pods(kind));
    let Some((kind, name)) = workload else {
        return pod_name(what).map(|name| (name.to_owned(), None)).map_err(MarkError::Explain);
    };
    let kind = Kind::of_word(kind).filter(|_| is_dns_subdomain(name)).ok_or_else(|| MarkError::NoKind(inert(what, 300)))?;
    let pods = pods_of(desk, kind, name).await?;
    let workload = format!("{}/{name}", kind.name);
    let worst = worst(&pods).ok_or_else(|| MarkError::NoPodOf(workload.clone()))?;
    Ok((worst.pod.name.to_string(), Some(why(worst, &pods, &workload))))
}

/// A pod, and when it was created.
struct PodOfWorkload {
    pod: Pod,
    created_at: Option<Timestamp>,
}

async fn pods_of(desk: &AtDesk, kind: &Kind, name: &str) -> Result<Vec<PodOfWorkload>, MarkError> {
    let (api, workload) = (&desk.api, format!("{}/{name}", kind.name));
    let object: Selecting = match api.get(kind.resource, name).await {
        Err(ApiError { cause: Cause::NotFound, .. }) => {
            return Err(MarkError::NoWorkload { kind: kind.name, name: name.to_owned(), namespace: api.namespace().to_owned() });
        }
        object => object.map_err(RunError::from)?,
    };
    let selector = label_selector(object.spec.selector).map_err(|why| MarkError::Selector { workload, why })?;
    let keep = |object: PodObject| PodOfWorkload { pod: pod_of(&object), created_at: object.metadata.creation_timestamp };
    let (mut pods, _) = api.list(PODS, Some(&selector.to_string()), keep).await.map_err(RunError::from)?;
    // Another workload may select the same labels: what owns the pod counts.
    let mut owners = vec![object.metadata.uid.clone()];
    if kind.resource == DEPLOYMENTS {
        let owned = pods.iter().filter_map(|one| one.pod.owner.as_ref()).filter(|owner| owner.kind == OwnerKind::ReplicaSet);
        for set in owned.map(|owner| &*owner.name).collect::<BTreeSet<_>>() {
            match api.get::<WorkloadObject>(REPLICA_SETS, set).await {
                Ok(set) if set.metadata.controller().is_some_and(|owner| owner.uid == object.metadata.uid) => owners.push(set.metadata.uid),
                Ok(_) | Err(ApiError { cause: Cause::NotFound, .. }) => {}
                Err(error) => return Err(RunError::from(error).into()),
            }
        }
    }
    pods.retain(|one| one.pod.owner.as_ref().is_some_and(|owner| owners.iter().any(|uid| **uid == *owner.uid)));
    Ok(pods)
}

/// Not Ready before Ready, then the most restarts, then the oldest. Not one that has ended or is going.
fn worst(pods: &[PodOfWorkload]) -> Option<&PodOfWorkload> {
    let there = pods.iter().filter(|one| !one.pod.ended && !one.pod.terminating);
    there.min_by_key(|one| (one.pod.ready, Reverse(one.pod.restarts), one.created_at.unwrap_or(Timestamp::MAX), one.pod.name.clone()))
}

fn why(worst: &PodOfWorkload, pods: &[PodOfWorkload], workload: &str) -> String {
    let unready = pods.iter().filter(|one| !one.pod.ready && !one.pod.ended && !one.pod.terminating).count();
    let state = match &worst.pod.trouble {
        Some(trouble) => format!("not Ready: {}", inert(trouble, 500)),
        None if worst.pod.ready => "Ready".to_owned(),
        None => "not Ready".to_owned(),
    };
    let created = worst.created_at.map_or_else(String::new, |at| format!(", created at {at:.0}"));
    let of = amount(pods.len() as u64, "pod");
    let restarts = amount(u64::from(worst.pod.restarts), "restart");
    format!("of {of} of {workload}, {unready} not Ready, the one that is worst off, and of equals the oldest: {state}, {restarts}{created}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decide::tests::{pod as a_pod, seconds_ago};

    #[test]
    fn a_kind_has_the_names_that_kubectl_takes() {
        let kind = |word: &str| Kind::of_word(word).map(|kind| kind.name);
        for word in ["deploy", "Deployment", "deployments", "deployments.apps", "deployment.apps"] {
            assert_eq!(kind(word), Some("Deployment"), "{word}");
        }
        assert_eq!(["sts", "DS", "replicasets"].map(kind), [Some("StatefulSet"), Some("DaemonSet"), Some("ReplicaSet")]);
        assert_eq!(["job", "sts.apps", "", "deploys"].map(kind), [None; 4]);
    }

    fn of_workload(name: &str, ready: bool, restarts: u32, age: i64) -> PodOfWorkload {
        PodOfWorkload { pod: Pod { ready, restarts, ..a_pod(name, "rs") }, created_at: Some(seconds_ago(age)) }
    }

    #[track_caller]
    fn check(pods: Vec<PodOfWorkload>, expected: Option<&str>) {
        assert_eq!(worst(&pods).map(|one| one.pod.name.to_string()).as_deref(), expected);
    }

    #[test]
    fn the_worst_off_and_then_the_oldest() {
        check(Vec::new(), None);
        check(vec![of_workload("new", true, 0, 1), of_workload("old", true, 0, 9)], Some("old"));
        check(vec![of_workload("old", true, 9, 9), of_workload("unready", false, 0, 1)], Some("unready"));
        check(vec![of_workload("old", false, 0, 9), of_workload("crashes", false, 3, 1)], Some("crashes"));
        let mut going = of_workload("going", false, 9, 9);
        going.pod.terminating = true;
        let mut ended = of_workload("ended", false, 9, 9);
        ended.pod.ended = true;
        check(vec![going, ended, of_workload("there", true, 0, 1)], Some("there"));
    }
}
