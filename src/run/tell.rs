//! Telling humans: what is put to them for approval, and what they are notified of. One write remembers both.
//!
//! No action is between its intent and its sending while this goes on, and nothing that comes of a notification decides anything.

use std::io::Write;
use std::time::Duration;

use jiff::SignedDuration;

use crate::cluster::store::StoreError;
use crate::core::intent::Decided;
use crate::core::ledger::{BreakerEvent, Execution, Notified, Proposal, Settled, StandsFor};
use crate::outside::clock::Stopwatch;

use super::{Run, RunError, SETTLE_ATTEMPTS};

/// An outcome older than this is no longer notified.
const NEWS: SignedDuration = SignedDuration::from_hours(24);
/// The run that an outcome is of may still be telling it.
const TELLING: SignedDuration = SignedDuration::from_mins(1);

/// With less time than this before its deadline, a run sends no more notifications: they must not make it miss the deadline.
const RESERVE: Duration = Duration::from_secs(1);

/// What a run asks humans to approve, and what of it stands.
#[derive(Default)]
pub(super) struct Put {
    /// What is put to a human.
    proposals: Vec<Proposal>,
    /// Of pods that a plan waits for: which.
    stand: Vec<StandsFor>,
}

impl Put {
    /// Takes note of a decision that is not to act.
    pub(super) fn add(&mut self, decided: &Decided<'_>) {
        self.proposals.extend(decided.proposal());
        if decided.ledger.has_plan_of(&decided.request.pod.uid) {
            self.stand.extend(decided.stands_for());
        }
    }
}

impl<W: Write> Run<'_, W> {
    /// Notifies of what waits for that, and remembers it, and what was put to a human: `status` shows that, and a later run repeats
    /// it by the same name. What is asked for no more is withdrawn.
    pub(super) async fn tell(&mut self, Put { proposals, stand }: Put) -> Result<(), RunError> {
        let told = self.notify().await;
        let Some(writer) = self.writer.clone() else { return Ok(()) };
        for _ in 0..SETTLE_ATTEMPTS {
            let mut ledger = self.store.ledger().clone();
            let withdrawn = ledger.withdraw_plans(&stand, &self.settings.selector);
            let proposed = ledger.propose(&proposals);
            if !ledger.note(&told) && !proposed && !withdrawn {
                return Ok(());
            }
            match self.store.write(&writer, ledger).await {
                Err(StoreError::Conflict) => {}
                // Without it a human may be notified again, and that is all.
                Err(error) if !proposed => {
                    tracing::warn!("cannot remember who was notified: {error}");
                    return Ok(());
                }
                written => return Ok(written?),
            }
        }
        tracing::warn!("cannot remember who was notified: the ledger changed at each attempt; the next run tries again");
        Ok(())
    }

    /// Notifies of what waits for that. It never makes a run end otherwise, nor beyond its deadline.
    pub(super) async fn tell_news(&mut self) {
        let left = self.deadline.left().saturating_sub(RESERVE);
        match tokio::time::timeout(left, self.tell(Put::default())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("cannot remember who was notified: {error}"),
            Err(_) => tracing::warn!("the run had no time left to notify; the next one tries again"),
        }
    }

    /// At the end of a run, however it ended: sends what is waiting, and failures that no earlier run reported.
    pub(super) async fn tell_the_rest(&mut self) {
        self.find_untold();
        self.tell_news().await;
    }

    /// A run may end, or its receiver fail, after an outcome is in the ledger and before a human has heard of it.
    fn find_untold(&mut self) {
        if self.settings.notify.is_none() {
            return;
        }
        let (now, ledger) = (self.now(), self.store.ledger());
        let untold = |(execution, end): &(&Execution, &Settled)| {
            let age = now.duration_since(end.at);
            age < NEWS && age > TELLING && ledger.told(&execution.pod.uid, &execution.news(end.result)).is_none()
        };
        let untold: Vec<(Execution, Settled, Option<BreakerEvent>)> = ledger
            .ended()
            .filter(untold)
            .map(|(execution, end)| {
                let opening = ledger.open_breaker(&execution.runbook, &execution.service).filter(|_| end.result.is_failure());
                (execution.clone(), end.clone(), opening.cloned())
            })
            .collect();
        for (execution, end, opening) in untold {
            let runbook = self.runbooks.iter().find(|runbook| runbook.name == execution.runbook);
            self.reporter.told_late(&execution, &end, opening.as_ref(), runbook);
        }
    }

    /// Sends what waits. Returns what was sent, to be remembered; the next run sends what could not be.
    async fn notify(&mut self) -> Vec<Notified> {
        let Some(webhook) = self.settings.notify.as_ref().filter(|_| !self.reporter.outbox.is_empty()) else { return Vec::new() };
        // A run beside this one may have sent it a moment ago.
        if let Err(error) = self.store.reload().await {
            tracing::warn!("cannot see what other runs have notified of: {error}");
        }
        let now = self.now();
        let mut told = Vec::new();
        for message in self.reporter.outbox.take(self.store.ledger(), now) {
            if self.writer.is_none() {
                self.reporter.would_notify(webhook.format.as_str(), &message);
                continue;
            }
            let Some(limits) = self.reporter.outbox.allowance(self.deadline.left().saturating_sub(RESERVE)) else {
                tracing::warn!("there is no time left to notify in this run; the next one tries again");
                break;
            };
            let record = self.reporter.message(&message);
            let clock = Stopwatch::start();
            let sent = webhook.send(&record, limits).await;
            self.reporter.outbox.spent(clock.elapsed());
            match sent {
                Ok(()) => told.extend(message.told(now)),
                Err(error) => {
                    tracing::warn!("cannot notify: {error}; the next run tries again");
                    break;
                }
            }
        }
        told
    }
}
