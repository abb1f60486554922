//! The notifications of one run: each thing once, many of them as one message, and no more than a run has time for.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::ledger::{Ledger, Notified};
use crate::core::runbook::Escalate;
use crate::outside::http::ExchangeLimits;
use crate::terminal::audit::Record;

/// Up to this number, each gets a message of its own.
const MOST_SINGLE: usize = 3;
/// This many are kept until they are sent; the rest are only counted: ten thousand pods may ask at once.
const MOST_WAITING: usize = 50;
/// Pods that a message about many names.
const MOST_LISTED: usize = 15;
/// Messages of one run.
const MOST_CALLS: u32 = 5;
/// What one message may take.
const CALL: Duration = Duration::from_secs(3);
/// What all messages of a run may take.
const ALL_CALLS: Duration = Duration::from_secs(10);
/// The answer is not read beyond this, in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// Where not each pod can be remembered, the next such message comes no sooner than this.
const MASS_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// How that is remembered.
const MASS: &str = "many at once";

/// One thing that a human has to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct News {
    /// How urgent it is.
    pub level: Escalate,
    /// The pod.
    pub pod_uid: String,
    /// What tells it from other news of that pod.
    pub reason: String,
    /// What the trail says of it.
    pub record: Record,
}

/// What is sent at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// What it is about; never empty.
    pub news: Vec<News>,
    /// How many more there are that are not listed.
    pub surplus: usize,
}

/// What waits, and what telling it may still cost.
#[derive(Debug)]
pub(crate) struct Outbox {
    open: bool,
    /// Pod UIDs and reasons: they take no room from what nobody has heard of.
    told: BTreeSet<(String, String)>,
    waiting: Vec<News>,
    surplus: usize,
    calls: u32,
    time: Duration,
}

impl Outbox {
    /// `open`: there is somebody to notify; else it stays empty.
    pub(crate) const fn new(open: bool) -> Self {
        Self { open, told: BTreeSet::new(), waiting: Vec::new(), surplus: 0, calls: MOST_CALLS, time: ALL_CALLS }
    }

    /// Leaves out what the ledger says was sent already.
    pub(crate) fn knows(&mut self, ledger: &Ledger) {
        self.told = ledger.notified.iter().map(|one| (one.pod_uid.clone(), one.reason.clone())).collect();
    }

    /// Nothing waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a notification, unless its level is none or it is in there already.
    pub(crate) fn add(&mut self, level: Escalate, pod_uid: &str, reason: String, record: &Record) {
        let known = |news: &News| news.pod_uid == pod_uid && news.reason == reason;
        if !self.open || level == Escalate::None || self.waiting.iter().any(known) {
            return;
        }
        let key = (pod_uid.to_owned(), reason);
        if self.told.contains(&key) {
            return;
        }
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push(News { level, pod_uid: key.0, reason: key.1, record: record.clone() });
        } else {
            self.surplus += 1;
        }
    }

    /// Takes all of it out, as messages, without what the ledger says was sent meanwhile.
    pub(crate) fn take(&mut self, ledger: &Ledger, now: Timestamp) -> Vec<Message> {
        let (mut news, surplus) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.surplus));
        news.retain(|news| ledger.told(&news.pod_uid, &news.reason).is_none());
        let held = surplus > 0 && ledger.told("", MASS).is_some_and(|at| now.duration_since(at) < MASS_PAUSE);
        if news.is_empty() || held {
            return Vec::new();
        }
        let room = MOST_SINGLE.min(usize::try_from(self.calls).unwrap_or(MOST_SINGLE));
        if news.len() > room || surplus > 0 {
            return vec![Message { news, surplus }];
        }
        news.into_iter().map(|news| Message { news: vec![news], surplus: 0 }).collect()
    }

    /// What the next message may take, of a run that has so much time left; `None`: this run notifies nobody any more.
    pub(crate) fn allowance(&mut self, left: Duration) -> Option<ExchangeLimits> {
        let timeout = CALL.min(self.time).min(left);
        if timeout.is_zero() {
            return None;
        }
        self.calls = self.calls.checked_sub(1)?;
        Some(ExchangeLimits { timeout, max_bytes: MAX_ANSWER })
    }

    /// A message has taken so long.
    pub(crate) fn spent(&mut self, time: Duration) {
        self.time = self.time.saturating_sub(time);
    }
}

impl Message {
    /// The most urgent of it.
    pub(crate) fn level(&self) -> Escalate {
        let rank = |level: Escalate| Escalate::ALL.iter().position(|one| *one == level);
        self.news.iter().map(|news| news.level).max_by_key(|level| rank(*level)).unwrap_or(Escalate::None)
    }

    /// One sentence on all of it.
    pub(crate) fn sentence(&self) -> String {
        let one = |news: &News| {
            let (pod, service) = (news.record.pod.as_deref().unwrap_or("the run"), news.record.service.as_deref());
            let service = service.map_or_else(String::new, |service| format!(" of {service}"));
            format!("{pod}{service}: {}", news.record.reason.as_deref().unwrap_or(&news.reason))
        };
        let count = self.news.len() + self.surplus;
        let mut listed: Vec<String> = self.news.iter().take(MOST_LISTED).map(one).collect();
        if count > listed.len() {
            listed.push(format!("and {} more, see the run's log", count - listed.len()));
        }
        let listed = listed.join("; ");
        let noun = if self.news.iter().all(|news| news.record.pod.is_some()) { "pods" } else { "things" };
        if count == 1 { listed } else { format!("{count} {noun} need a human: {listed}") }
    }

    /// What the ledger is to remember once it has been sent.
    pub(crate) fn told(&self, at: Timestamp) -> Vec<Notified> {
        let one = |news: &News| Notified { pod_uid: news.pod_uid.clone(), reason: news.reason.clone(), at };
        let mass = (self.surplus > 0).then(|| Notified { pod_uid: String::new(), reason: MASS.to_owned(), at });
        self.news.iter().map(one).chain(mass).collect()
    }
}

#[cfg(test)]
mod tests;
