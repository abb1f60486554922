//! What limits the next execution: concurrency, cooldown, rate and caps, as pure functions of the list and of now.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::model::{Execution, InFlight, Ledger};

/// The window of the cap on affected services.
pub const AFFECTED_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// The window of the rate.
pub const RATE_WINDOW: SignedDuration = SignedDuration::from_hours(1);

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
    /// Intents whose outcome is not known yet.
    pub fn in_flight(&self) -> impl Iterator<Item = (&Execution, &InFlight)> {
        self.executions.iter().filter_map(|execution| Some((execution, execution.in_flight.as_ref()?)))
    }

    fn charged<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Execution> {
        self.executions.iter().filter(move |execution| execution.charged && execution.namespace == namespace)
    }

    /// The starts of this runbook's executions on this service in the last hour, oldest first.
    pub fn in_the_last_hour(&self, namespace: &str, service: &str, runbook: &str, now: Timestamp) -> Vec<Timestamp> {
        let mut starts: Vec<Timestamp> = self
            .charged(namespace)
            .filter(|execution| execution.service == service && execution.runbook == runbook)
            .map(|execution| execution.started_at)
            .filter(|start| now.duration_since(*start) < RATE_WINDOW)
            .collect();
        starts.sort_unstable();
        starts
    }

    /// The services acted on in the last ten minutes, each with its newest execution's start, by name.
    pub fn affected_services<'a>(&'a self, namespace: &'a str, now: Timestamp) -> Vec<(&'a str, Timestamp)> {
        let recent = self.charged(namespace).filter(|execution| now.duration_since(execution.started_at) < AFFECTED_WINDOW);
        let mut newest = BTreeMap::new();
        for execution in recent {
            let start = newest.entry(execution.service.as_str()).or_insert(execution.started_at);
            *start = (*start).max(execution.started_at);
        }
        newest.into_iter().collect()
    }

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

/// `start + span`, at the end of time at most.
pub fn later(start: Timestamp, span: SignedDuration) -> Timestamp {
    start.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decide::tests::{executed, now, seconds_ago};
    use crate::core::ledger::Outcome;
    use crate::core::ledger::SettleEffect;
    use crate::core::ledger::tests::{at, begun, end, of};
    use crate::core::runbook::Escalate;

    #[test]
    fn of_two_executions_at_the_same_moment_the_same_one_is_named_whatever_their_order() {
        let executions = ["replace", "other"].map(|runbook| executed("web", runbook, seconds_ago(60))).to_vec();
        let mut ledger = Ledger { executions, ..Ledger::default() };
        let named = |ledger: &Ledger| ledger.cooldown("lab", "web", 10, now()).unwrap().execution.runbook.clone();
        assert_eq!(named(&ledger), "replace");
        ledger.executions.reverse();
        assert_eq!(named(&ledger), "replace");
    }

    #[test]
    fn a_cooldown_lasts_as_long_as_either_runbook_says() {
        let ledger = of(Escalate::None, &[(Outcome::Verified, 0)]);
        let until = |minutes, now| ledger.cooldown("shop", "web", minutes, at(now)).map(|cooldown| cooldown.until);
        assert_eq!(until(5, 1), Some(at(10)));
        assert_eq!(until(30, 1), Some(at(30)));
        assert_eq!(until(5, 10), None);
        assert_eq!(ledger.cooldown("shop", "other", 30, at(1)), None);
        assert_eq!(ledger.cooldown("elsewhere", "web", 30, at(1)), None);
    }

    #[test]
    fn a_cooldown_is_of_one_execution_and_says_who_charged_it() {
        let mut ledger = of(Escalate::None, &[(Outcome::Verified, 0), (Outcome::Verified, 20)]);
        ledger.executions[0].cooldown_until = at(60);
        let binding = |minutes| {
            let cooldown = ledger.cooldown("shop", "web", minutes, at(21)).unwrap();
            (cooldown.execution.id.as_str(), cooldown.until, cooldown.is_last, cooldown.charged_minutes)
        };
        assert_eq!(binding(10), ("e0", at(60), false, Some(60)), "the older one's is longer");
        assert_eq!(binding(40), ("e1", at(60), true, None), "both end at once: the later one is what is asked about");
        assert_eq!(binding(50), ("e1", at(70), true, None));
    }

    #[test]
    fn what_was_certainly_not_done_costs_nothing() {
        let mut ledger = Ledger::default();
        ledger.executions.push(begun("e", "web", 0, Escalate::OpenIncidentAndDisableRunbook));
        assert!(ledger.cooldown("shop", "web", 10, at(1)).is_some(), "an intent charges the cooldown");
        ledger.settle("e", end(Outcome::NotExecuted, 1), SettleEffect { charged: false, opens_breaker: false }, "run");
        assert_eq!(ledger.cooldown("shop", "web", 10, at(1)), None);
        assert!(ledger.in_the_last_hour("shop", "web", "book", at(1)).is_empty());
        assert!(ledger.affected_services("shop", at(1)).is_empty());
        assert_eq!(ledger.open_breaker("book", "web"), None);
    }
}
