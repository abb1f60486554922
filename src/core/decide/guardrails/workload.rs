//! Is the workload in a state in which a missing pod is made again, as it was?

use super::{Case, Finding, LONGEST_LIST, Lack, Ruling};
use crate::core::snapshot::{Stateful, Workload};
use crate::core::words::inert;
use crate::core::workload_kind::WorkloadKind;

/// No rollout, scaling or paused change is under way. A workload that merely lacks available pods is not rolling out: that is
/// when a pod is to be replaced.
pub(super) fn rollout(case: &Case<'_>) -> Ruling {
    Ruling::new("latest change observed, every pod updated, not paused", || {
        let workload = case.workload()?;
        let name = format!("{}/{}", workload.kind, workload.name);
        if let Some(why) = &workload.cannot_create {
            let found = format!("{name}: {}", inert(why, 2 * LONGEST_LIST));
            return Ok(Finding::blocked(name, "the workload's controller must be able to create pods").found(found));
        }
        let (generation, seen) = (workload.generation, workload.observed_generation);
        if seen < generation {
            let observed = format!("{name} generation={generation} observed_generation={seen}");
            let found = format!("{name} has generation {generation}, observed {seen}");
            return Ok(Finding::blocked(observed, "the workload's controller must have observed its latest change").found(found));
        }
        let found = match (workload.kind, &workload.stateful) {
            (WorkloadKind::Deployment, _) => Ok(deployment(workload, name)),
            (WorkloadKind::ReplicaSet, _) => Ok(replica_set(workload, name)),
            (WorkloadKind::DaemonSet, _) => Ok(daemon_set(workload, name)),
            (WorkloadKind::StatefulSet, Some(stateful)) => stateful_set(case, workload, stateful, name),
            (WorkloadKind::StatefulSet, None) => Err(format!("the strategy of {name} was not read").into()),
        };
        Ok(match (found?, &workload.stalled) {
            (refused @ Finding::Blocked { .. }, Some(why)) => {
                refused.and(format_args!("the rollout is stuck: {}", inert(why, 2 * LONGEST_LIST)))
            }
            (found, _) => found,
        })
    })
}

const SETTLED: &str = "the workload must not be rolling out or scaling";

fn replicas_in_words(name: &str, workload: &Workload) -> String {
    let Workload { desired, updated, replicas, .. } = workload;
    format!("{name} wants {desired} replicas, has {replicas}, {updated} of them updated")
}

/// Pods that terminate or have ended are in none of its status's counts, so these are all that run.
fn deployment(workload: &Workload, name: String) -> Finding {
    let Workload { desired, replicas, updated, paused, .. } = workload;
    if *paused {
        let refused = Finding::blocked(format!("{name} paused=true"), "the workload's rollout must not be paused");
        return refused.found(format!("{name} is paused"));
    }
    let observed = format!("{name} desired={desired} updated={updated} replicas={replicas}");
    if updated != desired || replicas != updated {
        return Finding::blocked(observed, SETTLED).found(replicas_in_words(&name, workload));
    }
    Finding::Pass(observed)
}

fn replica_set(workload: &Workload, name: String) -> Finding {
    let Workload { desired, replicas, .. } = workload;
    let observed = format!("{name} desired={desired} replicas={replicas}");
    if replicas != desired {
        return Finding::blocked(observed, "the workload must not be scaling")
            .found(format!("{name} has {replicas} of {desired} replicas"));
    }
    Finding::Pass(observed)
}

/// Which revision is its newest, and whether the pod has it, is not in a DaemonSet's status: where deleting is what updates, it is not done.
fn daemon_set(workload: &Workload, name: String) -> Finding {
    let Workload { desired, replicas, updated, .. } = workload;
    if workload.on_delete {
        let refused = Finding::blocked(format!("{name} strategy=OnDelete"), "deleting a pod must not update the DaemonSet");
        return refused.found(format!("the update strategy of {name} is OnDelete"));
    }
    let observed = format!("{name} desired={desired} updated={updated} replicas={replicas}");
    if updated != desired || replicas != updated {
        return Finding::blocked(observed, SETTLED).found(replicas_in_words(&name, workload));
    }
    Finding::Pass(observed)
}

/// With a partition some pods keep the old revision for good, and that is no rollout. Under `OnDelete` every deletion is a
/// step of one, unless the pod has the newest revision already.
fn stateful_set(case: &Case<'_>, workload: &Workload, stateful: &Stateful, name: String) -> Result<Finding, Lack> {
    let Stateful { partition, current_revision, update_revision, .. } = stateful;
    if update_revision.is_empty() {
        return Err(format!("the status of {name} states no revision").into());
    }
    let Workload { desired, replicas, updated, .. } = workload;
    if replicas > desired {
        let observed = format!("{name} desired={desired} replicas={replicas}");
        let found = format!("{name} has {replicas} replicas and wants {desired}");
        return Ok(Finding::blocked(observed, "the workload must not be scaling down").found(found));
    }
    if workload.on_delete {
        let revision = case.request.revision.as_deref().unwrap_or("none");
        let observed = format!("{name} strategy=OnDelete pod_revision={revision} update_revision={update_revision}");
        if revision != update_revision {
            let found = format!("{name} has update strategy OnDelete; the pod has revision {revision}, the newest is {update_revision}");
            return Ok(Finding::blocked(observed, "deleting the pod must not update it").found(found));
        }
        return Ok(Finding::Pass(observed));
    }
    let (needed, have) = if current_revision == update_revision {
        // Equal also while a rollout is being rolled back. Its status counts terminating pods as replicas, never as updated.
        let terminating = case.siblings()?.filter(|pod| pod.terminating).count() + usize::from(case.request.pod.terminating);
        (*replicas, updated.saturating_add(u32::try_from(terminating).unwrap_or(u32::MAX)))
    } else {
        (*desired, *updated)
    };
    let observed = format!("{name} desired={desired} updated={updated} replicas={replicas} partition={partition}");
    if have < needed.saturating_sub(*partition) {
        let refused = Finding::blocked(observed, "the workload must not be rolling out").found(replicas_in_words(&name, workload));
        return Ok(match case.request.revision.as_deref().filter(|_| case.rolled_back()) {
            Some(revision) => refused.and(format_args!("its rollback waits for this pod of revision {}", inert(revision, 80))),
            None => refused,
        });
    }
    Ok(Finding::Pass(observed))
}

/// An ordered `StatefulSet` makes a missing pod only once those before it are Ready: with another one down, the deleted pod
/// may never come back.
pub(super) fn ordered_peers(case: &Case<'_>) -> Ruling {
    Ruling::new("every other pod of an ordered StatefulSet Ready", || {
        let workload = case.workload()?;
        let name = format!("{}/{}", workload.kind, workload.name);
        let ordered = match (workload.kind, &workload.stateful) {
            (WorkloadKind::StatefulSet, Some(stateful)) => stateful.ordered,
            (WorkloadKind::StatefulSet, None) => return Err(format!("the pod management policy of {name} was not read").into()),
            _ => false,
        };
        if !ordered {
            return Ok(Finding::not_applicable(format!("{name} makes its pods in any order")));
        }
        let stable = case.stable();
        let (ready, unready): (Vec<_>, Vec<_>) = case.siblings()?.filter(|pod| !pod.ended).partition(|pod| pod.is_ready(stable, case.now));
        let others = workload.desired.saturating_sub(1);
        let observed = format!("{name} other_ready_count={} of {others}", ready.len());
        if unready.is_empty() && u32::try_from(ready.len()).is_ok_and(|ready| ready >= others) {
            return Ok(Finding::Pass(observed));
        }
        let mut names: Vec<&str> = unready.iter().map(|pod| &*pod.name).collect();
        names.sort_unstable();
        let waiting =
            if names.is_empty() { "a pod is missing".to_owned() } else { format!("not {}", inert(&names.join(", "), LONGEST_LIST)) };
        let requirement = "every other pod of an ordered StatefulSet must be Ready, or a deleted one may not come back";
        Ok(Finding::blocked(observed, requirement).found(format!("{name} has {} of {others}; {waiting}", ready.len())))
    })
}
