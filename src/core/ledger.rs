//! What automation did, as a list: executions, breaker openings, resets.
//!
//! Cooldown, rate, caps and breaker are pure functions of that list and of now; nothing is counted on the side, so nothing
//! can disagree with it. `cluster::store` keeps it in a ConfigMap.
//!
//! | file | what |
//! | --- | --- |
//! | `model` | the list: its types, as they are stored |
//! | `limits` | concurrency, cooldown, rate and caps: what limits the next execution |
//! | `breaker` | the circuit breaker: what opens it, and whether it is open |
//! | `reset` | a human's reset of it |
//! | `requests` | since when each request stands |
//! | `proposals` | plans that wait for an approval |
//! | `notified` | what humans were notified of |
//! | `prune` | what is forgotten, and when |
//! | `codec` | the list as text, and whether that text can be trusted |
//! | `summary` | the list for a human who reads the ConfigMap |

mod breaker;
mod codec;
mod limits;
mod model;
mod notified;
mod proposals;
mod prune;
mod requests;
mod reset;
mod summary;

use jiff::Timestamp;

pub use codec::{MAX_BYTES, Untrusted};
pub use limits::{AFFECTED_WINDOW, Cooldown, RATE_WINDOW, later};
pub use model::{
    ApprovedPlan, BreakerChange, BreakerEvent, Execution, Holder, InFlight, Ledger, Notified, ObjectRef, Outcome, Proposal, Seat,
    SeenRequest, SettleEffect, Settled,
};
pub use proposals::{MOST_PROPOSALS, StandsFor};
pub use requests::MOST_REQUESTS;
pub use reset::{Reset, breaker_scope, open_breakers};

impl Ledger {
    /// Writes how an execution ended, and opens the breaker if that is what it calls for. The opening, if there is one.
    pub fn settle(&mut self, id: &str, end: Settled, effect: SettleEffect, actor: &str) -> Option<BreakerEvent> {
        let execution = self.executions.iter_mut().find(|execution| execution.id == id)?;
        let intent = execution.in_flight.take()?;
        execution.charged = effect.charged;
        execution.outcome = Some(end.clone());
        let ended = execution.clone();
        let opening = self.opening_after(&ended, &end, &intent, effect.opens_breaker, actor)?;
        self.breaker.push(opening.clone());
        Some(opening)
    }

    /// Executions that have ended, each with its end.
    pub fn ended(&self) -> impl Iterator<Item = (&Execution, &Settled)> {
        self.executions.iter().filter_map(|execution| Some((execution, execution.outcome.as_ref()?)))
    }

    /// The newest moment in it: time never runs backwards across runs.
    pub fn newest(&self) -> Option<Timestamp> {
        let newest =
            |execution: &Execution| execution.outcome.as_ref().map_or(execution.started_at, |end| end.at.max(execution.started_at));
        let executions = self.executions.iter().map(newest);
        let others = self.breaker.iter().map(|event| event.at).chain(self.proposals.iter().map(|proposal| proposal.issued_at));
        let seen = self.notified.iter().map(|one| one.at).chain(self.requests.iter().map(|one| one.since));
        executions.chain(others).chain(seen).max()
    }

    /// Everything that `after` has, and `before` had not or not so, is here, and no request that `after` forgot. It tells whether the
    /// write that led from the one to the other was done, whatever others have written since.
    pub fn has_what_changed(&self, before: &Self, after: &Self) -> bool {
        fn has<T: PartialEq>(now: &[T], before: &[T], after: &[T]) -> bool {
            after.iter().filter(|one| !before.contains(one)).all(|one| now.contains(one))
        }
        has(&self.executions, &before.executions, &after.executions)
            && has(&self.breaker, &before.breaker, &after.breaker)
            && has(&self.proposals, &before.proposals, &after.proposals)
            && has(&self.notified, &before.notified, &after.notified)
            && has(&self.requests, &before.requests, &after.requests)
            && before.requests.iter().filter(|one| !after.requests.contains(one)).all(|one| !self.requests.contains(one))
    }
}

#[cfg(test)]
mod tests;
