//! Plays an incident, moment by moment: decides as a run does, writes down what a run would, and compares.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::model::{End, Expected, Incident, Moment};
use crate::cluster::matching::recorded::{ObjectKind, Objects};
use crate::core::decide::turn;
use crate::core::decide::{Decider, Decision, Mode, decide, standing};
use crate::core::intent::Decided;
use crate::core::ledger::{Holder, Ledger, Outcome, SettleEffect, Settled, later};
use crate::core::runbook::Runbook;
use crate::core::snapshot::{Request, Snapshot};
use crate::core::words::annotation;

/// Every decision of every incident, and whether it is the one expected.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Simulation {
    /// How many incidents were played.
    pub incidents: usize,
    /// In the order of the files, and of time.
    pub decisions: Vec<PlayedDecision>,
}

/// One decision, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PlayedDecision {
    /// The incident's name.
    pub incident: String,
    /// Its file.
    pub file: String,
    /// The moment, as the file writes it.
    pub moment: String,
    /// The pod.
    pub pod: String,
    /// What is expected, in short; `None`: that it does not ask.
    pub expected: Option<String>,
    /// What was decided; `None`: nothing, for it does not ask.
    pub got: Option<Got>,
    /// They agree.
    pub ok: bool,
    /// Where they do not: what is expected (`-`) and what is there (`+`).
    pub differences: Vec<String>,
}

/// A decision in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Got {
    /// The mode.
    pub mode: &'static str,
    /// The guardrails that block.
    pub blocked_by: Vec<&'static str>,
    /// What led to it.
    pub reason: &'static str,
    /// The sentence for a human.
    pub message: String,
}

impl Simulation {
    pub(super) fn of<'a>(incidents: impl Iterator<Item = &'a Incident>) -> Self {
        let mut all = Self::default();
        for incident in incidents {
            all.incidents += 1;
            all.decisions.extend(play(incident));
        }
        all
    }

    /// Every decision is the one expected.
    pub(crate) fn passed(&self) -> bool {
        self.decisions.iter().all(|row| row.ok)
    }
}

fn play(incident: &Incident) -> Vec<PlayedDecision> {
    let mut ledger = incident.ledger.clone();
    let mut rows = Vec::new();
    let mut approvals: BTreeMap<&str, (String, &str)> = BTreeMap::new();
    for (number, moment) in incident.moments.iter().enumerate() {
        if let Some(instead) = &moment.ledger {
            ledger = instead.clone();
        }
        // Time never runs backwards across runs: an action of the moment before may have ended after this one began.
        let now = ledger.newest().map_or(moment.at, |newest| newest.max(moment.at));
        let row = |pod: &str| PlayedDecision {
            incident: incident.name.clone(),
            file: incident.file.clone(),
            moment: moment.label.clone(),
            pod: pod.to_owned(),
            expected: None,
            got: None,
            ok: true,
            differences: Vec::new(),
        };
        for reset in &moment.resets {
            if reset.apply(&mut ledger, now).is_empty() {
                let text = format!("- resetBreaker: {}", reset.in_vain(&ledger));
                rows.push(PlayedDecision { ok: false, differences: vec![text], ..row("") });
            }
        }
        for (pod, by) in &moment.approve {
            match ledger.proposals.iter().rfind(|proposal| proposal.pod.name == *pod) {
                Some(put) => drop(approvals.insert(pod, (put.plan.clone(), by))),
                None => {
                    let text = "- approve: no plan was put to a human for this pod".to_owned();
                    rows.push(PlayedDecision { ok: false, differences: vec![text], ..row(pod) });
                }
            }
        }
        let mut objects = moment.objects.clone();
        for (pod, (plan, by)) in &approvals {
            // By then it may be gone: then the approval is, too.
            let annotations = json!({annotation::APPROVE: plan, annotation::APPROVED_BY: by});
            let _ = objects.patch(ObjectKind::Pod, pod, &json!({"metadata": {"annotations": annotations}}));
        }
        let decided = Playing { runbooks: &incident.runbooks, moment, objects: &objects, number, now }.decide_all(&mut ledger);
        for (pod, decision) in &decided {
            rows.push(compared(row(pod), moment.expect.iter().find(|(name, _)| name == pod), decision));
        }
        for (pod, expected) in &moment.expect {
            if !decided.iter().any(|(name, _)| name == pod) {
                let differences = vec![format!("- {}", expected.short()), "+ it does not ask to be replaced at this moment".to_owned()];
                rows.push(PlayedDecision { expected: Some(expected.short()), ok: false, differences, ..row(pod) });
            }
        }
    }
    rows
}

/// One run, without its acts.
struct Playing<'a> {
    runbooks: &'a [Runbook],
    moment: &'a Moment,
    objects: &'a Objects,
    number: usize,
    now: Timestamp,
}

impl<'a> Playing<'a> {
    /// As `run` does: everyone once on the same facts; then, one at a time, oldest request first, those that may be replaced, with
    /// the ledger as those before left it.
    fn decide_all(&self, ledger: &mut Ledger) -> Vec<(String, Decision<'a>)> {
        let Moment { bounds, decide: only, .. } = self.moment;
        let mut snapshot = self.objects.snapshot(bounds.clone(), self.runbooks);
        ledger.remember(standing(&snapshot.requests), &bounds.selector, self.now);
        ledger.withdraw_plans_of_nobody(standing(&snapshot.requests).map(|(uid, _)| uid));
        snapshot.requests.sort_by_cached_key(|request| turn(request, ledger, &bounds.selector, self.now));
        let concerned = |request: &&Request| only.as_ref().is_none_or(|only| only.iter().any(|name| **name == *request.pod.name));
        let (mut decided, mut eligible) = (Vec::new(), Vec::new());
        let (mut proposals, mut stand) = (Vec::new(), Vec::new());
        let decider = Decider::new(self.runbooks, &snapshot, ledger, self.now);
        for request in snapshot.requests.iter().filter(concerned) {
            let decision = decider.decide(request);
            if decision.mode == Mode::AutoExecute {
                eligible.push(request.clone());
            } else {
                let one = Decided { request, decision: &decision, snapshot: &snapshot, ledger, now: self.now };
                proposals.extend(one.proposal());
                stand.extend(one.stands_for());
                decided.push((request.pod.name.to_string(), decision));
            }
        }
        ledger.withdraw_plans(&stand, &bounds.selector);
        ledger.propose(&proposals);
        let mut passed = Duration::ZERO;
        for request in eligible {
            snapshot.bounds.time_left = bounds.time_left.saturating_sub(passed);
            let decision = self.one(&request, &snapshot, ledger, &mut passed);
            decided.push((request.pod.name.to_string(), decision));
        }
        decided
    }

    fn one(&self, request: &Request, snapshot: &Snapshot, ledger: &mut Ledger, passed: &mut Duration) -> Decision<'a> {
        let now = self.after(*passed);
        let decision = decide(request, self.runbooks, snapshot, ledger, now);
        let run_id = format!("simulated-{}", self.number + 1);
        let id = format!("{run_id}-{}", request.pod.uid);
        let holder = Holder { run_id: run_id.clone(), pod: None, pod_uid: None };
        let decided = Decided { request, decision: &decision, snapshot, ledger, now };
        let Some(execution) = decided.execution(id.clone(), holder) else {
            let (stands_for, proposal) = (decided.stands_for(), decided.proposal());
            ledger.withdraw_plans(stands_for.as_slice(), &snapshot.bounds.selector);
            ledger.propose(proposal.as_slice());
            return decision;
        };
        ledger.executions.push(execution);
        let expected = self.moment.expect.iter().find(|(name, _)| **name == *request.pod.name);
        let End { outcome, detail, after } = expected.map(|(_, expected)| expected.end.clone()).unwrap_or_default();
        *passed = passed.saturating_add(after);
        let detail = detail.unwrap_or_else(|| format!("the incident says so: {}", outcome.as_str()));
        let end = Settled { at: self.after(*passed), result: outcome, detail, replacement: None };
        ledger.settle(&id, end, SettleEffect { charged: outcome != Outcome::NotExecuted, opens_breaker: false }, &run_id);
        ledger.prune(self.after(*passed));
        decision
    }

    fn after(&self, passed: Duration) -> Timestamp {
        later(self.now, SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX))
    }
}

fn compared(row: PlayedDecision, expected: Option<&(String, Expected)>, decision: &Decision<'_>) -> PlayedDecision {
    let got = Got {
        mode: decision.mode.as_str(),
        blocked_by: decision.blocked().map(|check| check.id.as_str()).collect(),
        reason: decision.reason.as_str(),
        message: decision.message(&row.pod),
    };
    let Some((_, expected)) = expected else {
        let differences = vec!["- nothing: the pod is not listed".to_owned(), format!("+ {}", got.short()), format!("  {}", got.message)];
        return PlayedDecision { got: Some(got), ok: false, differences, ..row };
    };
    let mut differences = Vec::new();
    let mut differ = |field: &str, wanted: &str, is: &str| differences.extend([format!("- {field}: {wanted}"), format!("+ {field}: {is}")]);
    if expected.mode.as_str() != got.mode {
        differ("mode", expected.mode.as_str(), got.mode);
    }
    if let Some(wanted) = &expected.blocked_by {
        let mut wanted: Vec<_> = wanted.clone();
        wanted.sort_unstable();
        let wanted: Vec<&str> = wanted.iter().map(|id| id.as_str()).collect();
        if wanted != got.blocked_by {
            differ("blockedBy", &wanted.join(", "), &got.blocked_by.join(", "));
        }
    }
    if let Some(wanted) = expected.reason.filter(|wanted| *wanted != got.reason) {
        differ("reason", wanted, got.reason);
    }
    if let Some(wanted) = expected.message.as_ref().filter(|wanted| **wanted != got.message) {
        differ("message", wanted, &got.message);
    }
    if let Some(part) = expected.contains.as_ref().filter(|part| !got.message.contains(part.as_str())) {
        differ("messageContains", part, &got.message);
    }
    if !differences.is_empty() && !differences.iter().any(|line| line.contains(&got.message)) {
        differences.push(format!("  {}", got.message));
    }
    PlayedDecision { expected: Some(expected.short()), ok: differences.is_empty(), got: Some(got), differences, ..row }
}

impl Expected {
    fn short(&self) -> String {
        let blocked: Vec<&str> = self.blocked_by.iter().flatten().map(|id| id.as_str()).collect();
        in_short(self.mode.as_str(), &blocked)
    }
}

impl Got {
    /// The mode, and what blocks.
    pub(crate) fn short(&self) -> String {
        in_short(self.mode, &self.blocked_by)
    }
}

fn in_short(mode: &str, blocked: &[&str]) -> String {
    if blocked.is_empty() { mode.to_owned() } else { format!("{mode}: {}", blocked.join(", ")) }
}
