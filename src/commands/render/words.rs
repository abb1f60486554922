//! A runbook's closed lists, in words.

use crate::core::runbook::DEFAULT_STABLE_SECONDS;
use crate::core::runbook::{DecisionMode, Escalate, Risk, Verification};
use crate::core::words::amount;
use crate::core::workload_kind::WorkloadKind;

pub(super) const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low: routine",
        Risk::Medium => "medium: worth a look",
        Risk::High => "high: always needs an approval",
    }
}

pub(super) const fn mode(mode: DecisionMode, risk: Risk) -> &'static str {
    match (mode, risk) {
        (DecisionMode::Observe, _) => "observe: what would be done is written down, and nothing is done",
        (DecisionMode::Manual, _) => "manual: a human is paged, and nothing is done",
        (DecisionMode::Suggest, _) => "suggest: the action is proposed to a human, and nothing is done",
        (DecisionMode::ApprovalRequired, _) | (DecisionMode::AutoExecute, Risk::High) => {
            "approval required: it acts once a human has approved exactly this plan"
        }
        (DecisionMode::AutoExecute, Risk::Low | Risk::Medium) => "auto execute: it acts by itself where all of this holds",
    }
}

pub(super) const fn escalation(escalate: Escalate) -> &'static str {
    match escalate {
        Escalate::None => "nobody; it is in the audit trail",
        Escalate::PageServiceOwner => "page the service's owner",
        Escalate::OpenIncident => "open an incident",
        Escalate::OpenIncidentAndDisableRunbook => "open an incident; the runbook is disabled in the namespace until its breaker is reset",
    }
}

pub(super) fn kinds(kinds: &[WorkloadKind]) -> String {
    let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    super::prose::or(&kinds)
}

/// How long a pod must stay Ready.
pub(super) fn stable(seconds: Option<u32>) -> String {
    match seconds {
        Some(seconds) => format!("at least {}", amount(seconds, "second")),
        None => format!("at least {DEFAULT_STABLE_SECONDS} seconds (or the workload's minReadySeconds, if more)"),
    }
}

/// What proves it.
pub(super) fn success(verification: &Verification) -> String {
    let available = if verification.available_equals_desired { ", and as many pods are available as desired" } else { "" };
    format!("a new pod of the same workload is Ready and stays so for {}{available}", stable(verification.stable_seconds))
}
