//! Cooldown: the rest of a service after an execution, and the execution that it is for.

use jiff::{SignedDuration, Timestamp};

use super::{Execution, Ledger, later};

/// A cooldown that is still running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cooldown<'a> {
    /// When it ends.
    pub until: Timestamp,
    /// The execution after which it runs.
    pub execution: &'a Execution,
    /// That execution is the last one on the service.
    pub is_last: bool,
    /// The minutes that the execution's own runbook charged, where they end later than what is asked for.
    pub charged_minutes: Option<u32>,
}

impl Ledger {
    /// The cooldown of this service that ends last, if one is still running: after any execution on it, whatever the runbook, and for
    /// as long as either that runbook said then or the one that asks says now, in minutes.
    pub fn cooldown(&self, namespace: &str, service: &str, minutes: u32, now: Timestamp) -> Option<Cooldown<'_>> {
        let asked = |execution: &Execution| later(execution.started_at, SignedDuration::from_mins(i64::from(minutes)));
        let of_service = || self.executions.iter().filter(|one| one.charged && one.namespace == namespace && one.service == service);
        let until = |execution: &Execution| execution.cooldown_until.max(asked(execution));
        // Of two at the same moment by name: whatever the order of the list, the same is said.
        let order = |a: &Execution, b: &Execution| {
            until(a).cmp(&until(b)).then_with(|| (a.started_at, &a.runbook).cmp(&(b.started_at, &b.runbook)))
        };
        let execution = of_service().max_by(|a, b| order(a, b))?;
        let charged = execution.cooldown_until > asked(execution);
        let cooldown = Cooldown {
            until: until(execution),
            execution,
            is_last: of_service().all(|other| other.started_at <= execution.started_at),
            charged_minutes: charged.then(|| minutes_between(execution.started_at, execution.cooldown_until)),
        };
        Some(cooldown).filter(|cooldown| cooldown.until > now)
    }
}

/// Whole minutes, rounded up.
fn minutes_between(start: Timestamp, end: Timestamp) -> u32 {
    let seconds = end.duration_since(start).as_secs().max(0).unsigned_abs();
    u32::try_from(seconds.div_ceil(60)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decide::tests::{executed, now, seconds_ago};

    #[test]
    fn of_two_executions_at_the_same_moment_the_same_one_is_named_whatever_their_order() {
        let executions = ["replace", "other"].map(|runbook| executed("web", runbook, seconds_ago(60))).to_vec();
        let mut ledger = Ledger { executions, ..Ledger::default() };
        let named = |ledger: &Ledger| ledger.cooldown("lab", "web", 10, now()).unwrap().execution.runbook.clone();
        assert_eq!(named(&ledger), "replace");
        ledger.executions.reverse();
        assert_eq!(named(&ledger), "replace");
    }
}
