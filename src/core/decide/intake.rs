//! Before any guardrail: is the request well-formed, does it still count, and which runbook answers to it?

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::asked::{renew_with, requested_at};
use super::evidence::evidence;
use super::{Evidence, Reason};
use crate::core::ledger::Ledger;
use crate::core::runbook::Runbook;
use crate::core::snapshot::{Bounds, Fact, Request, Snapshot};
use crate::core::words::{inert, quoted};

/// Minutes after which a request that no runbook answers to has expired: nobody is to be paged for it for ever.
const DEFAULT_MAXIMUM_AGE_MINUTES: u32 = 60;

/// How far a request gets on its own.
pub(super) enum Intake<'a> {
    /// Its pod is none any more: why.
    Closed(String),
    /// Its own words are wrong.
    Malformed(String),
    /// It is too old to count.
    Expired { evidence: Evidence, runbook: Option<&'a Runbook>, reason: Reason },
    /// None or several runbooks answer to it.
    Unmatched { evidence: Evidence, reason: Reason },
    /// Exactly one does.
    Matched { evidence: Evidence, runbook: &'a Runbook },
}

/// Takes in one request. Where several runbooks answer to it, the one that allows the greatest age decides whether it has
/// expired; where none does, the default. A request whose age is unknown has not: a guardrail blocks it.
pub(super) fn intake<'a>(request: &Request, runbooks: &'a [Runbook], bounds: &Bounds, ledger: &Ledger, now: Timestamp) -> Intake<'a> {
    if let Some(why) = closed(request) {
        return Intake::Closed(why);
    }
    let evidence = match evidence(request, &bounds.selector) {
        Ok(evidence) => evidence,
        Err(why) => return Intake::Malformed(why),
    };
    let matching = matching(request, &evidence, runbooks, &bounds.namespace);
    let candidates = matching.as_deref().unwrap_or_default();
    let ages = candidates.iter().map(|runbook| runbook.triggers.maximum_request_age_minutes);
    let maximum_minutes = ages.max().unwrap_or(DEFAULT_MAXIMUM_AGE_MINUTES);
    if let Fact::Known(requested_at) = requested_at(request, ledger, &bounds.selector, now)
        && now.duration_since(requested_at) > SignedDuration::from_mins(i64::from(maximum_minutes))
    {
        let runbook = if let [runbook] = candidates { Some(*runbook) } else { None };
        let renew_with = renew_with(&request.pod.name, &bounds.namespace);
        return Intake::Expired { evidence, runbook, reason: Reason::Expired { requested_at, maximum_minutes, renew_with } };
    }
    match matching {
        Ok(matching) => match matching[..] {
            [runbook] => Intake::Matched { evidence, runbook },
            _ => {
                let mut names: Vec<String> = matching.iter().map(|runbook| runbook.name.clone()).collect();
                names.sort_unstable();
                Intake::Unmatched { evidence, reason: Reason::SeveralRunbooks(names) }
            }
        },
        Err(why) => Intake::Unmatched { evidence, reason: Reason::NoRunbook(why) },
    }
}

/// Why there is nothing left to ask for, if so: the object may stay for as long as nobody cleans up.
fn closed(request: &Request) -> Option<String> {
    let pod = &request.pod;
    if pod.ended {
        let how = pod.trouble.as_deref().unwrap_or(&request.phase);
        return Some(format!("the pod has ended ({}), and its controller replaces it by itself", inert(how, LONGEST_TROUBLE)));
    }
    pod.terminating.then(|| "the pod is being deleted already".to_owned())
}

/// The longest account of how a pod ended, in characters.
const LONGEST_TROUBLE: usize = 300;

/// The runbooks that answer to a request, at least one; or what was looked for in vain.
fn matching<'a>(request: &Request, evidence: &Evidence, runbooks: &'a [Runbook], namespace: &str) -> Result<Vec<&'a Runbook>, String> {
    let mut left: Vec<&Runbook> = runbooks.iter().collect();
    let (subject, lists) = match &request.runbook {
        Some(name) => (format!("runbook {}, which the request asks for,", quoted(name)), "does not list"),
        None => ("no runbook".to_owned(), "lists"),
    };
    if let Some(name) = &request.runbook {
        left.retain(|runbook| runbook.name == *name);
        if left.is_empty() {
            return Err(format!("{subject} does not exist"));
        }
    }
    left.retain(|runbook| runbook.triggers.symptoms.contains(&evidence.symptom));
    if left.is_empty() {
        return Err(format!("{subject} {lists} symptom {}", quoted(&evidence.symptom)));
    }
    if let Some(cause) = &evidence.cause {
        let takes = |causes: &[String]| causes.is_empty() || causes.contains(cause);
        left.retain(|runbook| takes(&runbook.triggers.probable_causes));
        if left.is_empty() {
            return Err(format!("{subject} {lists} probable cause {} for symptom {}", quoted(cause), quoted(&evidence.symptom)));
        }
    }
    if left.len() > 1 {
        left.retain(|runbook| runbook.scope.allowed_namespaces.iter().any(|allowed| allowed == namespace));
        if left.is_empty() {
            return Err(format!(
                "several runbooks list symptom {}, and none of them allows namespace {namespace}",
                quoted(&evidence.symptom)
            ));
        }
    }
    Ok(left)
}

/// How many services ask: those with a request that is well-formed, of a pod that is one still, and has not expired. A pod without a service label counts
/// by its controller, the next best thing that tells services apart, and a pod without that by itself.
pub(super) fn matched_services(runbooks: &[Runbook], snapshot: &Snapshot, ledger: &Ledger, now: Timestamp) -> usize {
    let mut seen = BTreeSet::new();
    for request in &snapshot.requests {
        let key = match (&request.service, &request.pod.owner) {
            (Some(service), _) => (Some(service), ""),
            (None, Some(owner)) => (None, &*owner.uid),
            (None, None) => (None, &*request.pod.uid),
        };
        if !seen.contains(&key)
            && matches!(intake(request, runbooks, &snapshot.bounds, ledger, now), Intake::Unmatched { .. } | Intake::Matched { .. })
        {
            seen.insert(key);
        }
    }
    seen.len()
}
