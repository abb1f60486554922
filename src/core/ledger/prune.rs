//! What the list forgets, and when: it is in a ConfigMap, whose room is bounded.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::limits::RATE_WINDOW;
use super::model::{BreakerChange, BreakerEvent, Execution, Ledger, Outcome};
use super::notified::MOST_NOTIFIED;
use super::proposals::MOST_PROPOSALS;

/// How long executions are kept; the last one of each service, and every breaker opening not yet reset, stay.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Execution {
    /// Nothing was done, and the run that meant to knows it.
    fn counts_for_nothing(&self) -> bool {
        !self.charged && self.outcome.as_ref().is_some_and(|end| end.result == Outcome::NotExecuted)
    }
}

impl Ledger {
    /// Forgets executions older than seven days, but none in flight and not the last of a service; and a breaker's past
    /// once it has been reset for that long; plans that nobody can approve any more; and old notifications. Never what a limit still rests on.
    pub fn prune(&mut self, now: Timestamp) {
        let mut seen = BTreeSet::new();
        let mut kept: Vec<bool> = self
            .executions
            .iter()
            .rev()
            .map(|execution| {
                let last_of_service = seen.insert((execution.namespace.clone(), execution.service.clone()));
                // What was not done limits nothing, and would be tried again in each run where the cluster itself refuses it.
                let kept = if execution.counts_for_nothing() { RATE_WINDOW } else { KEPT };
                last_of_service || execution.in_flight.is_some() || now.duration_since(execution.started_at) < kept
            })
            .collect();
        self.executions.retain(|_| kept.pop().unwrap_or(true));

        let acted = self.executions.iter().filter(|execution| !execution.counts_for_nothing());
        let done: BTreeSet<&str> = acted.map(|execution| execution.pod.uid.as_str()).collect();
        self.proposals.retain(|proposal| proposal.expires_at > now && !done.contains(proposal.pod.uid.as_str()));
        let surplus = self.proposals.len().saturating_sub(MOST_PROPOSALS);
        self.proposals.drain(..surplus);

        self.notified.retain(|one| now.duration_since(one.at) < KEPT);
        let surplus = self.notified.len().saturating_sub(MOST_NOTIFIED);
        self.notified.drain(..surplus);

        let resets: Vec<BreakerEvent> = self
            .breaker
            .iter()
            .filter(|event| event.event == BreakerChange::Reset && now.duration_since(event.at) >= KEPT)
            .cloned()
            .collect();
        self.breaker.retain(|event| {
            !resets.iter().any(|reset| reset.runbook == event.runbook && reset.service == event.service && event.at <= reset.at)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ledger::SettleEffect;
    use crate::core::ledger::tests::{at, begun, end, of, reset};
    use crate::core::runbook::Escalate;

    #[test]
    fn seven_days_are_kept_and_the_last_of_each_service_and_what_is_in_flight() {
        let day = 24 * 60;
        let mut ledger = of(Escalate::None, &[(Outcome::Verified, 0), (Outcome::Verified, 1), (Outcome::Verified, 2 * day)]);
        ledger.executions.push(begun("other", "other", 0, Escalate::None));
        ledger.settle("other", end(Outcome::Verified, 1), SettleEffect { charged: true, opens_breaker: false }, "run");
        ledger.executions.push(begun("flying", "web", 0, Escalate::None));
        ledger.breaker = vec![reset(Some("web"), 0)];
        ledger.prune(at(8 * day));
        let ids: Vec<&str> = ledger.executions.iter().map(|execution| execution.id.as_str()).collect();
        assert_eq!(ids, ["e2", "other", "flying"]);
        assert!(ledger.breaker.is_empty());
    }

    #[test]
    fn what_was_not_done_is_kept_for_an_hour_and_the_last_of_a_service_for_good() {
        let mut ledger = Ledger::default();
        for minute in 0..100 {
            let id = format!("e{minute}");
            ledger.executions.push(begun(&id, "web", minute, Escalate::None));
            ledger.settle(&id, end(Outcome::NotExecuted, minute), SettleEffect { charged: false, opens_breaker: false }, "run");
        }
        ledger.prune(at(120));
        assert_eq!(ledger.executions.len(), 39);
        ledger.prune(at(10_000));
        assert_eq!(ledger.executions.iter().map(|execution| execution.id.as_str()).collect::<Vec<_>>(), ["e99"]);
    }
}
