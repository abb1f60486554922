//! Who is notified of a decision or an outcome.

use super::{Decision, GuardrailId, Mode, Reason};
use crate::core::ledger::Outcome;
use crate::core::runbook::Escalate;

impl Decision<'_> {
    /// Who is notified. Nobody is for a pause that ends by itself, nor where the runbook only observes.
    pub fn escalation(&self) -> Escalate {
        match (self.mode, &self.reason) {
            _ if self.observing => Escalate::None,
            // Whoever deletes the pod, the workload or the namespace knows.
            (_, Reason::Closed(_)) => Escalate::None,
            (Mode::Abort, Reason::Blocked) if self.is_moot() => Escalate::None,
            (Mode::Abort, Reason::Blocked) if self.blocked().all(|check| check.is_a_pause()) => Escalate::None,
            (Mode::Abort, Reason::Blocked) => {
                self.runbook.map_or(Escalate::PageServiceOwner, |runbook| runbook.escalation.on_guardrail_failure)
            }
            // It is reported, and counts for nothing.
            (_, Reason::Expired { .. }) => Escalate::None,
            (Mode::Observe | Mode::AutoExecute, _) => Escalate::None,
            // Words for a human that no human hears would be for nothing.
            (Mode::Abort | Mode::Manual | Mode::Suggest | Mode::ApprovalRequired, _) => Escalate::PageServiceOwner,
        }
    }

    /// What the request is about goes away, whatever else blocks: nobody is to be bothered with it.
    pub fn is_moot(&self) -> bool {
        self.blocked().any(|check| check.id == GuardrailId::Terminating && !check.is_unknown())
    }

    /// What distinguishes it from other news of the same pod. It stays the same while a human need not be notified again: a pause
    /// that comes or goes beside other reasons changes nothing.
    pub fn distinction(&self) -> String {
        let reason = self.reason.as_str();
        match (&self.reason, &self.plan) {
            (Reason::Blocked, _) => {
                let blocked: Vec<&str> = self.blocked().filter(|check| !check.is_a_pause()).map(|check| check.id.as_str()).collect();
                if blocked.is_empty() { reason.to_owned() } else { blocked.join(",") }
            }
            // Another plan is another question.
            (_, Some(plan)) => format!("{reason} {}", plan.content.chars().rev().take(16).collect::<String>()),
            _ => reason.to_owned(),
        }
    }
}

impl Outcome {
    /// Who is notified, where a failure leads to `on_failure`.
    pub const fn escalation(self, on_failure: Escalate) -> Escalate {
        match self {
            Self::Failed | Self::Unknown => on_failure,
            Self::DegradedBefore if matches!(on_failure, Escalate::None) => Escalate::None,
            Self::DegradedBefore => Escalate::PageServiceOwner,
            Self::Verified | Self::Superseded | Self::NotExecuted => Escalate::None,
        }
    }
}
