//! The disruption budget, by the API server's own rule.

use super::{Case, Finding, LONGEST_LIST, Ruling};
use crate::core::snapshot::Budget;
use crate::core::words::inert;

/// What the server would say to an eviction, said of a deletion too (in its sources: `registry/core/pod/storage/eviction.go`).
/// "Ready" is here what it is there: the pod's condition and nothing else.
pub(super) fn disruption_budget(case: &Case<'_>) -> Ruling {
    Ruling::new("what the server allows an eviction", || {
        let request = case.request;
        // A request on a pod that has ended or is terminating is closed, and never comes this far.
        if request.phase == "Pending" {
            return Ok(Finding::not_applicable(format!("phase={} is not available", request.phase)));
        }
        let budgets = case.snapshot.budgets.known()?;
        let mut selecting: Vec<&Budget> =
            (budgets.iter()).filter(|budget| budget.selector.as_ref().is_some_and(|selector| selector.matches(&request.labels))).collect();
        selecting.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        match selecting[..] {
            [] => Ok(Finding::not_applicable("no budget selects the pod")),
            [budget] => Ok(one(budget, request.pod.ready)),
            _ => {
                let names: Vec<&str> = selecting.iter().map(|budget| budget.name.as_str()).collect();
                let observed = format!("budgets={}", inert(&names.join(","), LONGEST_LIST));
                let found = format!("{} do", inert(&names.join(" and "), LONGEST_LIST));
                Ok(Finding::blocked(observed, "at most one PodDisruptionBudget may select the pod").found(found))
            }
        }
    })
}

fn one(budget: &Budget, ready: bool) -> Finding {
    let Budget { name, disruptions_allowed: allowed, current_healthy: healthy, desired_healthy: desired, .. } = budget;
    let observed = format!("budget={name} disruptions_allowed={allowed} current_healthy={healthy} desired_healthy={desired}");
    if !ready && budget.unhealthy_always_allowed {
        return Finding::Pass(format!("{observed} (the pod is not Ready, and unhealthyPodEvictionPolicy is AlwaysAllow)"));
    }
    if !ready && healthy >= desired && *desired > 0 {
        return Finding::Pass(format!("{observed} (the pod is not Ready, and enough others are)"));
    }
    if budget.observed_generation < budget.generation {
        let requirement = format!("the disruption controller must have observed the latest change of PodDisruptionBudget {name}");
        let found = format!("generation {}, observed {}", budget.generation, budget.observed_generation);
        return Finding::blocked(format!("budget={name}"), requirement).found(found);
    }
    if *allowed <= 0 {
        let requirement = format!("PodDisruptionBudget {name} must allow a disruption");
        let found = format!("it allows {allowed}: healthy pods {healthy}, desired {desired}");
        return Finding::blocked(observed, requirement).found(found);
    }
    Finding::Pass(observed)
}
