//! The circuit breaker: what opens it, and whether it is open. Only a human's [`reset`](super::reset) closes it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::model::{BreakerChange, BreakerEvent, Execution, InFlight, Ledger, Settled};
use crate::core::runbook::{BreakerLimits, Escalate};

impl Ledger {
    /// The opening that keeps this runbook from acting on this service, if there is one.
    pub fn open_breaker(&self, runbook: &str, service: &str) -> Option<&BreakerEvent> {
        self.opening(runbook, None).or_else(|| self.opening(runbook, Some(service)))
    }

    /// Every opening that no reset has cleared, by runbook and service; a whole namespace's comes first.
    pub fn open_breakers(&self) -> Vec<&BreakerEvent> {
        let scopes: BTreeSet<_> = self.breaker.iter().map(|event| (event.runbook.as_str(), event.service.as_deref())).collect();
        scopes.into_iter().filter_map(|(runbook, service)| self.opening(runbook, service)).collect()
    }

    /// The opening of one breaker, unless it has been reset since.
    fn opening(&self, runbook: &str, scope: Option<&str>) -> Option<&BreakerEvent> {
        let events = self.breaker.iter().filter(|event| event.runbook == runbook && event.service.as_deref() == scope);
        // Of events at the same moment the later in the list: it is written in the order in which things happened.
        events.max_by_key(|event| event.at).filter(|event| event.event == BreakerChange::Opened)
    }

    /// The opening that the end of this execution, which is in the list by now, calls for: at the threshold of failures, or whatever
    /// the threshold where `open_now` says so.
    pub(super) fn opening_after(
        &self,
        ended: &Execution,
        end: &Settled,
        intent: &InFlight,
        open_now: bool,
        actor: &str,
    ) -> Option<BreakerEvent> {
        let Execution { namespace, runbook, service, .. } = ended;
        if !end.result.is_failure() || self.open_breaker(runbook, service).is_some() {
            return None;
        }
        let whole_namespace = intent.on_failure == Escalate::OpenIncidentAndDisableRunbook;
        let BreakerLimits { failures, window_minutes } = intent.breaker;
        let window = SignedDuration::from_mins(i64::from(window_minutes));
        let recent = self.recent_failures(namespace, runbook, service, window, end.at);
        if !open_now && !whole_namespace && u32::try_from(recent).is_ok_and(|recent| recent < failures) {
            return None;
        }
        Some(BreakerEvent {
            at: end.at,
            runbook: runbook.clone(),
            service: (!whole_namespace).then(|| service.clone()),
            event: BreakerChange::Opened,
            cause: end.detail.clone(),
            actor: actor.to_owned(),
        })
    }

    /// Failures of this runbook on this service within the window, since its breaker was last reset.
    fn recent_failures(&self, namespace: &str, runbook: &str, service: &str, window: SignedDuration, now: Timestamp) -> usize {
        let reset = self
            .breaker
            .iter()
            .filter(|event| event.event == BreakerChange::Reset && event.runbook == runbook)
            .filter(|event| event.service.as_deref().is_none_or(|of| of == service))
            .map(|event| event.at)
            .max();
        self.executions
            .iter()
            .filter(|execution| execution.namespace == namespace && execution.runbook == runbook && execution.service == service)
            .filter_map(|execution| execution.outcome.as_ref())
            .filter(|end| end.result.is_failure() && now.duration_since(end.at) < window && reset.is_none_or(|reset| end.at > reset))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ledger::Outcome;
    use crate::core::ledger::SettleEffect;
    use crate::core::ledger::tests::{at, begun, end, of, reset};

    #[test]
    fn the_breaker_opens_at_the_first_failure_where_the_escalation_says_so() {
        let ledger = of(Escalate::OpenIncidentAndDisableRunbook, &[(Outcome::Failed, 0)]);
        let opening = ledger.open_breaker("book", "any other service").unwrap();
        assert_eq!((opening.service.as_deref(), opening.cause.as_str()), (None, "restarted 3 times"));
        assert_eq!(ledger.open_breaker("another book", "web"), None);
    }

    #[test]
    fn otherwise_it_opens_at_the_third_failure_within_an_hour() {
        use Outcome::{DegradedBefore, Failed, Superseded, Unknown, Verified};
        let open = |ends: &[(Outcome, i64)]| of(Escalate::OpenIncident, ends).open_breaker("book", "web").is_some();
        assert!(open(&[(Failed, 0), (Unknown, 20), (Failed, 40)]));
        assert!(!open(&[(Failed, 0), (Failed, 20), (Failed, 60)]), "the first is an hour old");
        assert!(!open(&[(Failed, 0), (Failed, 20), (Verified, 30), (Superseded, 31), (DegradedBefore, 32)]));
        assert!(open(&[(Failed, 0), (Verified, 10), (Failed, 20), (Failed, 30)]), "success between does not close it");
        let ledger = of(Escalate::OpenIncident, &[(Failed, 0), (Failed, 1), (Failed, 2)]);
        assert_eq!(ledger.open_breaker("book", "another service"), None);
    }

    #[test]
    fn it_stays_open_until_a_reset_of_its_own_scope_and_then_counts_anew() {
        let mut ledger = of(Escalate::OpenIncident, &[(Outcome::Failed, 0), (Outcome::Failed, 1), (Outcome::Failed, 2)]);
        ledger.prune(at(60 * 24 * 365));
        assert!(ledger.open_breaker("book", "web").is_some(), "neither time nor pruning closes it");
        ledger.breaker.push(reset(Some("other"), 3));
        assert!(ledger.open_breaker("book", "web").is_some());
        ledger.breaker.push(reset(Some("web"), 3));
        assert_eq!(ledger.open_breaker("book", "web"), None);
        ledger.executions.push(begun("again", "web", 4, Escalate::OpenIncident));
        assert_eq!(
            ledger.settle("again", end(Outcome::Failed, 4), SettleEffect { charged: true, opens_breaker: false }, "run"),
            None,
            "failures before the reset are forgiven"
        );
    }

    #[test]
    fn some_failures_open_it_whatever_the_threshold() {
        let mut ledger = Ledger::default();
        ledger.executions.push(begun("e", "web", 0, Escalate::None));
        let opening = ledger.settle("e", end(Outcome::Failed, 1), SettleEffect { charged: true, opens_breaker: true }, "run").unwrap();
        assert_eq!((opening.service.as_deref(), opening.actor.as_str()), (Some("web"), "run"));
    }
}
