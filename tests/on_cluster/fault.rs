//! What can go wrong at one call of a run, and the proxy's script that makes it so.

use std::sync::{Arc, Mutex, OnceLock};

use serde_json::json;

use crate::proxy::{Request, Step};
use crate::remediator::signal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// None: the run is only watched.
    Nothing,
    /// The program dies before the server hears of the call.
    KillBefore,
    /// The program dies when the server has answered, and before it hears the answer.
    KillAfter,
    /// The connection ends before the server hears of the call.
    ResetBefore,
    /// The connection ends when the server has answered.
    ResetAfter,
    /// Not executed.
    Error500,
    /// Executed, whatever the answer says.
    Error503After,
    /// Executed, whatever the answer says.
    Error504After,
    /// Not executed; when to come back is said.
    Throttled,
    /// Not executed; when to come back is not said.
    ThrottledBare,
    /// Executed; the answer breaks off. Of a watch: cut before its first event.
    Truncated,
    /// Not executed: the resourceVersion is too old.
    Gone,
}

/// A call, as a person would name it; names that change from run to run are left out.
fn named(request: &Request) -> String {
    let parts: Vec<&str> = request.path.split('/').collect();
    let after = parts.iter().position(|part| *part == "namespaces").map_or(parts.len() - 1, |at| at + 2);
    let (kind, one) = (parts.get(after).unwrap_or(&"?"), if parts.len() > after + 1 { "/NAME" } else { "" });
    let watch = if request.query.contains("watch=") { " watch" } else { "" };
    format!("{} {kind}{one}{watch}", request.method)
}

/// What a script has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Every call, in order.
    pub(crate) calls: Mutex<Vec<String>>,
    /// The program's process, once it has been started.
    pub(crate) process: OnceLock<u32>,
}

/// One call among those of a run: of its kind the nth, counted from 0. By its place among all of them it could not be found again:
/// how often a run looks at the workload while it verifies differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) call: String,
    pub(crate) nth: usize,
}

impl Site {
    /// The one at this place of a run's calls.
    pub(crate) fn at(calls: &[String], place: usize) -> Self {
        let call = calls[place].clone();
        let nth = calls[..place].iter().filter(|other| **other == call).count();
        Self { call, nth }
    }

    /// Whether these calls have it.
    pub(crate) fn is_in(&self, calls: &[String]) -> bool {
        calls.iter().filter(|call| **call == self.call).count() > self.nth
    }
}

impl Fault {
    /// The script: at this call, and only there.
    pub(crate) fn script(self, site: Option<Site>, seen: &Arc<Seen>) -> impl Fn(&Request) -> Step + Send + Sync + 'static {
        let seen = Arc::clone(seen);
        move |request| {
            let call = named(request);
            let mut calls = seen.calls.lock().unwrap();
            let nth = calls.iter().filter(|other| **other == call).count();
            let here = site.as_ref().is_some_and(|site| (&site.call, site.nth) == (&call, nth));
            calls.push(call);
            drop(calls);
            if here { self.step(&seen) } else { Step::Forward }
        }
    }

    fn step(self, seen: &Arc<Seen>) -> Step {
        let plain = |words: &str| format!("{words}\n");
        match self {
            Self::Nothing => Step::Forward,
            Self::KillBefore => {
                signal(*seen.process.wait(), "KILL");
                Step::Drop
            }
            Self::KillAfter => {
                let seen = Arc::clone(seen);
                Step::ForwardThen(Box::new(move || signal(*seen.process.wait(), "KILL")))
            }
            Self::ResetBefore => Step::Drop,
            Self::ResetAfter => Step::ForwardThenDrop,
            Self::Error500 => Step::Answer("500 Internal Server Error", "", plain("etcdserver: leader changed")),
            Self::Error503After => Step::ForwardThenAnswer("503 Service Unavailable", "", plain("upstream connect error")),
            Self::Error504After => Step::ForwardThenAnswer("504 Gateway Timeout", "", plain("the gateway gave up")),
            Self::Throttled => Step::Answer("429 Too Many Requests", "Retry-After: 1\r\n", plain("too many requests")),
            Self::ThrottledBare => Step::Answer("429 Too Many Requests", "", plain("too many requests")),
            Self::Truncated => Step::Truncate,
            Self::Gone => {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"});
                Step::Answer("410 Gone", "Content-Type: application/json\r\n", status.to_string())
            }
        }
    }
}
