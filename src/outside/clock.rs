//! Time, and the only place that reads a clock.
//!
//! Dates are the API server's: its `Date` header, carried on by the monotonic clock. So neither skew between nodes nor a wrong
//! clock in this container moves a cooldown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

/// The API server's time, as far as its answers have told it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl Clock {
    /// Takes note of a response's `Date` header. Time never runs backwards.
    pub fn heard(&self, date: Option<&http::HeaderValue>) {
        let stated = date.and_then(|value| value.to_str().ok()).and_then(|text| rfc2822::DateTimeParser::new().parse_timestamp(text).ok());
        if let Some(stated) = stated {
            self.at_least(stated);
        }
    }

    /// Time is at least this: the newest moment in the ledger.
    pub fn at_least(&self, moment: Timestamp) {
        let mut base = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if base.is_none_or(|base| carried_on(base) < moment) {
            *base = Some((moment, monotonic()));
        }
    }

    /// Now, once the server has answered anything at all.
    pub fn now(&self) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(carried_on)
    }

    /// How far this machine's own clock is ahead of the server's, to the second that a `Date` header has; below zero: behind.
    /// For people only: nothing is decided by it.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    pub fn skew(&self) -> Option<SignedDuration> {
        self.now().map(|server| Timestamp::now().duration_since(server))
    }
}

fn carried_on((base, heard): (Timestamp, Instant)) -> Timestamp {
    base.checked_add(heard.elapsed()).unwrap_or(Timestamp::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
fn monotonic() -> Instant {
    Instant::now()
}

/// A span of time that runs out, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// Runs out after `span`.
    pub fn after(span: Duration) -> Self {
        Self(monotonic() + span)
    }

    /// What is left of it.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(monotonic())
    }

    /// Nothing is left of it.
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

/// How long something has lasted, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    before: Duration,
    started: Instant,
}

impl Stopwatch {
    /// From now.
    pub fn start() -> Self {
        Self::running_for(Duration::ZERO)
    }

    /// As if started so long ago, by somebody else.
    pub fn running_for(before: Duration) -> Self {
        Self { before, started: monotonic() }
    }

    /// Since the start.
    pub fn elapsed(self) -> Duration {
        self.before + self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_the_servers_and_never_runs_backwards() {
        let clock = Clock::default();
        assert_eq!(clock.now(), None);
        clock.heard(Some(&http::HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT")));
        let first = clock.now().unwrap();
        assert_eq!(first.as_second(), 784_111_777);
        clock.heard(Some(&http::HeaderValue::from_static("Sun, 06 Nov 1994 08:00:00 GMT")));
        clock.heard(Some(&http::HeaderValue::from_static("yesterday")));
        clock.heard(None);
        assert!(clock.now().unwrap() >= first);
        clock.at_least("2026-01-01T00:00:00Z".parse().unwrap());
        assert!(clock.now().unwrap() >= "2026-01-01T00:00:00Z".parse().unwrap());
    }
}
