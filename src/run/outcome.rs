//! How an action ended, in a sentence: what happened, to which pod, and what was seen.

use crate::core::ledger::{BreakerEvent, Outcome};
use crate::core::runbook::Method;

/// What was done to a pod by this method, in the past.
pub(super) const fn done(method: Method) -> &'static str {
    match method {
        Method::Delete => "deleted",
        Method::Evict => "evicted",
    }
}

/// The sentence of an end. It says `replaced` only where a replacement was seen.
pub(super) fn sentence(method: Method, pod: &str, result: Outcome, detail: &str) -> String {
    let done = done(method);
    match result {
        Outcome::Verified => format!("replaced and verified {pod}: {detail}"),
        Outcome::Failed => format!("{done} {pod}, but {detail}"),
        Outcome::Unknown => format!("cannot prove that {pod} was replaced: {detail}"),
        Outcome::Superseded => format!("stopped verifying the replacement of {pod}: {detail}"),
        Outcome::DegradedBefore => format!("replaced {pod} in a workload that was degraded before: {detail}"),
        Outcome::NotExecuted => format!("left {pod} as it is, not {done}: {detail}"),
    }
}

/// What an opened breaker means.
pub(super) fn stopped(opening: &BreakerEvent) -> String {
    format!("runbook {} no longer acts on {} until a human resets its circuit breaker", opening.runbook, opening.scope())
}

/// What a human does where a failure has opened a breaker.
pub(super) fn after_failure(reset_with: &str) -> String {
    format!("fix the cause of the failure, then close the circuit breaker: {reset_with}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, result: Outcome, detail: &str, expected: &str) {
        assert_eq!(sentence(method, "web-1", result, detail), expected);
    }

    #[test]
    fn it_says_what_happened_to_which_pod_and_why() {
        use Method::{Delete, Evict};
        let ready = "replacement web-2 Ready for 10 s, 3 of 3 available";
        check(Delete, Outcome::Verified, ready, &format!("replaced and verified web-1: {ready}"));
        let none = "no replacement appeared within 20 s: FailedCreate: exceeded quota";
        check(Delete, Outcome::Failed, none, &format!("deleted web-1, but {none}"));
        check(Evict, Outcome::Failed, none, &format!("evicted web-1, but {none}"));
        check(Delete, Outcome::Unknown, "nobody saw it", "cannot prove that web-1 was replaced: nobody saw it");
        let other = "Deployment web began another rollout meanwhile";
        check(Delete, Outcome::Superseded, other, &format!("stopped verifying the replacement of web-1: {other}"));
        check(Delete, Outcome::DegradedBefore, "1 of 2", "replaced web-1 in a workload that was degraded before: 1 of 2");
        check(Delete, Outcome::NotExecuted, "the pod changed", "left web-1 as it is, not deleted: the pod changed");
        check(Evict, Outcome::NotExecuted, "the budget", "left web-1 as it is, not evicted: the budget");
    }
}
