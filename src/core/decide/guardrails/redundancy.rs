//! Does anyone else serve while this pod is away?

use std::time::Duration;

use super::{Case, Finding, Lack, Ruling};
use crate::core::snapshot::Pod;
use crate::core::words::{amount, inert};

/// Enough Ready pods of the same service before the action, the target counted if it is Ready itself.
pub(super) fn blast_radius(case: &Case<'_>) -> Ruling {
    let minimum = case.runbook.guardrails.minimum_ready_replicas;
    Ruling::new(format!("at least {minimum}"), || {
        let service = case.service()?;
        let stable = case.stable();
        let ready: Vec<&str> = case.peers()?.iter().filter(|pod| pod.is_ready(stable, case.now)).map(|pod| &*pod.uid).collect();
        let included = ready.contains(&&*case.request.pod.uid);
        let not_counted = not_counted(case, stable)?;
        let observed = format!(
            "{service} ready_count={}{}{}",
            ready.len(),
            if included { " (this pod included)" } else { "" },
            not_counted.as_ref().map_or_else(String::new, |pods| format!(" ({pods})"))
        );
        if u32::try_from(ready.len()).is_ok_and(|count| count < minimum) {
            let requirement = format!("at least {} {} required", amount(minimum, "Ready pod"), if minimum == 1 { "is" } else { "are" });
            let found = format!(
                "service {} has {}{}{}",
                service.name,
                ready.len(),
                if included { ", this pod included" } else { "" },
                not_counted.map_or_else(String::new, |pods| format!("; {pods}"))
            );
            return Ok(Finding::blocked(observed, requirement).found(found));
        }
        Ok(Finding::pass(observed))
    })
}

/// Pods that are Ready and do not count yet, because they restarted a short while ago by some clock.
fn not_counted(case: &Case<'_>, stable: Duration) -> Result<Option<String>, Lack> {
    let waiting: Vec<&Pod> =
        case.peers()?.iter().filter(|pod| pod.looks_ready() && pod.restarts > 0 && !pod.is_ready(stable, case.now)).collect();
    let Some(first) = waiting.iter().min_by_key(|pod| &pod.name) else { return Ok(None) };
    let ahead = waiting.iter().any(|pod| pod.clock_is_ahead(case.now));
    let clock = if ahead { ", by the server's clock: a node's is ahead of it" } else { "" };
    let (name, seconds) = (inert(&first.name, 253), stable.as_secs());
    let others = if waiting.len() > 1 { format!(" and {} more", waiting.len() - 1) } else { String::new() };
    Ok(Some(format!("not counted: {name}{others}, restarted and as it is for less than {seconds} s{clock}")))
}

/// A Ready target leaves another Ready pod of its own workload: pods that merely share the service label may do another job.
pub(super) fn own_redundancy(case: &Case<'_>) -> Ruling {
    Ruling::new("at least 1 other, if the pod is Ready", || {
        let target = &case.request.pod;
        let stable = case.stable();
        let listed = case.peers()?.iter().find(|pod| pod.uid == target.uid);
        // The two were read at slightly different times: Ready in either, it may be serving.
        if !target.is_ready(stable, case.now) && !listed.is_some_and(|pod| pod.is_ready(stable, case.now)) {
            return Ok(Finding::not_applicable("the pod is not Ready"));
        }
        let owner = target.owner.as_ref().map_or("none", |owner| &owner.name);
        let others = case.siblings()?.filter(|pod| pod.is_ready(stable, case.now)).count();
        let observed = format!("owner={owner} other_ready_count={others}");
        if others == 0 {
            let found = format!("{owner} has no other; pods of other workloads do not count");
            return Ok(Finding::blocked(observed, "another Ready pod of the same workload is required").found(found));
        }
        Ok(Finding::pass(observed))
    })
}

/// Not too large a share of the workload is unready once the pod is away: those that are already, and the target.
pub(super) fn unavailable_percent(case: &Case<'_>) -> Ruling {
    let Some(most) = case.runbook.guardrails.max_unavailable_percent else {
        return Ruling::new("no such limit", || Ok(Finding::not_applicable("the runbook sets no maxUnavailablePercent")));
    };
    Ruling::new(format!("at most {most} percent"), || {
        let desired = u64::from(case.workload()?.desired);
        if desired == 0 {
            return Err("the workload wants no pods".into());
        }
        let stable = case.stable();
        let others = case.siblings()?.filter(|pod| pod.is_ready(stable, case.now)).count();
        let unready = desired.saturating_sub(u64::try_from(others).unwrap_or(u64::MAX));
        let percent = (unready * 100).div_ceil(desired);
        let observed = format!("would_be_unready={unready} of {desired} ({percent} percent)");
        if percent > u64::from(most) {
            let requirement = format!("at most {most} percent of the workload may be unready while the pod is replaced");
            let found = format!("{unready} of {desired} would be, {percent} percent");
            return Ok(Finding::blocked(observed, requirement).found(found));
        }
        Ok(Finding::pass(observed))
    })
}
