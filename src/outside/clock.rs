//! Time, and the only place that reads a clock.
//!
//! Dates are the API server's: its `Date` header, carried on by the monotonic clock. So neither skew between nodes nor a wrong
//! clock in this container moves a cooldown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

/// The API server's time by the `Date` headers of its answers, if any had one. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Option<Base>>>);

/// A date of the server's, and when we heard it.
type Base = (Timestamp, Instant);

impl Heard {
    /// Takes note of a response's `Date` header. Time never runs backwards.
    pub(crate) fn date(&self, date: Option<&http::HeaderValue>) {
        let stated = date.and_then(|value| value.to_str().ok()).and_then(|text| rfc2822::DateTimeParser::new().parse_timestamp(text).ok());
        if let Some(stated) = stated {
            self.at_least(stated);
        }
    }

    fn at_least(&self, moment: Timestamp) {
        let mut base = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if base.is_none_or(|base| carried_on(base) < moment) {
            *base = Some((moment, monotonic()));
        }
    }

    fn base(&self) -> Option<Base> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's clock, once an answer had a `Date` header.
    pub(crate) fn clock(&self) -> Option<Clock> {
        Some(Clock { first: self.base()?, heard: self.clone() })
    }
}

/// The API server's clock, set by an answer's `Date` header. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    /// The first such time.
    first: Base,
    heard: Heard,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        carried_on(self.heard.base().unwrap_or(self.first))
    }

    /// Time is at least this: the newest moment in the ledger.
    pub(crate) fn at_least(&self, moment: Timestamp) {
        self.heard.at_least(moment);
    }

    /// How far this machine's own clock is ahead of the server's, to the second that a `Date` header has; below zero: behind.
    /// For people only: nothing is decided by it.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    pub(crate) fn skew(&self) -> SignedDuration {
        Timestamp::now().duration_since(self.now())
    }
}

fn carried_on((base, heard): Base) -> Timestamp {
    base.checked_add(heard.elapsed()).unwrap_or(Timestamp::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
fn monotonic() -> Instant {
    Instant::now()
}

/// A span of time that runs out, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Runs out after `span`.
    pub(crate) fn after(span: Duration) -> Self {
        Self(monotonic() + span)
    }

    /// What is left of it.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(monotonic())
    }

    /// Nothing is left of it.
    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

/// How long something has lasted, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    before: Duration,
    started: Instant,
}

impl Stopwatch {
    /// From now.
    pub(crate) fn start() -> Self {
        Self::running_for(Duration::ZERO)
    }

    /// As if started so long ago, by somebody else.
    pub(crate) fn running_for(before: Duration) -> Self {
        Self { before, started: monotonic() }
    }

    /// Since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.before + self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_the_servers_and_never_runs_backwards() {
        let heard = Heard::default();
        heard.date(Some(&http::HeaderValue::from_static("yesterday")));
        heard.date(None);
        assert!(heard.clock().is_none());
        heard.date(Some(&http::HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT")));
        let clock = heard.clock().unwrap();
        let first = clock.now();
        assert_eq!(first.as_second(), 784_111_777);
        heard.date(Some(&http::HeaderValue::from_static("Sun, 06 Nov 1994 08:00:00 GMT")));
        assert!(clock.now() >= first);
        clock.at_least("2026-01-01T00:00:00Z".parse().unwrap());
        assert!(clock.now() >= "2026-01-01T00:00:00Z".parse().unwrap());
    }
}
