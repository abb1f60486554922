//! The plan that a human approves: one action on one pod, for what is known of it now.
//!
//! Its id is the time of its issue and a digest over that and everything that must not change until it is carried out. Whoever may
//! label a pod may annotate it, so that an approval is by itself no proof of who gave it: see [`crate::core::snapshot::Bounds`].

use jiff::{SignedDuration, Timestamp};

use super::asked::requested_at;
use super::guardrails::Case;
use crate::core::canonical::Canonical;
use crate::core::ledger::later;
use crate::core::words::{annotation, quoted};

/// What would be done, nameable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `20260131T081500Z-` and 32 hex digits: what an approval names.
    pub id: String,
    /// When it was first put to a human.
    pub issued_at: Timestamp,
    /// Until when it can be approved: its request counts until then, and so does an approval of it.
    pub expires_at: Timestamp,
    /// Digest of what it rests on, whenever it was issued.
    pub content: String,
    /// The one command that approves it.
    pub approve_with: String,
    /// What it is about: `Deployment/web, service app=web`.
    pub concerns: String,
}

/// What a request's approval is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Approval {
    /// There is none.
    None,
    /// It is of this very plan, and of late.
    Given,
    /// Why it counts for nothing.
    Void(String),
}

/// The plan for a case that every guardrail lets pass; `None` where a fact that it rests on is unknown.
pub(super) fn plan(case: &Case<'_>) -> Option<Plan> {
    let content = content(case)?;
    let known = case.ledger.proposals.iter().find(|proposal| proposal.content == content);
    // Put to a human once, it keeps its name, or there would be another command in every run.
    let issued_at = known.map(|proposal| proposal.issued_at).filter(|issued_at| counts(case, *issued_at).is_ok());
    let issued_at = issued_at.unwrap_or_else(|| whole_second(case.now));
    let id = id(issued_at, &content);
    let approve_with = format!(
        "kubectl annotate pod {} -n {} --overwrite {}={id} {}=YOUR-NAME",
        case.request.pod.name,
        case.namespace(),
        annotation::APPROVE,
        annotation::APPROVED_BY
    );
    let concerns = {
        let (workload, service) = (case.snapshot.workload_of(case.request)?, case.request.service.as_ref()?);
        format!("{}/{}, service {service}", workload.kind, workload.name)
    };
    let expires_at = expires_at(case, issued_at).min(request_expires_at(case).unwrap_or(Timestamp::MAX));
    Some(Plan { id, issued_at, expires_at, content, approve_with, concerns })
}

/// Whether the request carries an approval of the plan with this content.
pub(super) fn approval(case: &Case<'_>, content: &str) -> Approval {
    let Some(given) = case.request.approval.as_deref() else { return Approval::None };
    let Some(issued_at) = given.split_once('-').and_then(|(issued_at, _)| issued_at.parse::<Timestamp>().ok()) else {
        return Approval::Void(format!("{} names no plan", quoted(given)));
    };
    if given != id(issued_at, content) {
        let why = "it is of another plan: the pod, its workload, the evidence, the runbook, the action or the settings have changed since";
        return Approval::Void(why.to_owned());
    }
    match counts(case, issued_at) {
        Ok(()) => Approval::Given,
        Err(why) => Approval::Void(why),
    }
}

fn counts(case: &Case<'_>, issued_at: Timestamp) -> Result<(), String> {
    if issued_at > case.now {
        return Err(format!("its plan was issued at {issued_at}, in the future"));
    }
    let until = expires_at(case, issued_at);
    if case.now > until { Err(format!("its plan was issued at {issued_at} and counted until {until}")) } else { Ok(()) }
}

/// As long as a request counts, so does what was approved of it.
fn expires_at(case: &Case<'_>, issued_at: Timestamp) -> Timestamp {
    later(issued_at, SignedDuration::from_mins(i64::from(case.runbook.triggers.maximum_request_age_minutes)))
}

/// When the request itself expires, unless it is renewed: nobody can approve anything for it then.
fn request_expires_at(case: &Case<'_>) -> Option<Timestamp> {
    let requested_at = requested_at(case.request, case.ledger, &case.snapshot.bounds.selector, case.now);
    requested_at.known().ok().map(|at| expires_at(case, *at))
}

fn id(issued_at: Timestamp, content: &str) -> String {
    let mut text = Canonical::new("plan");
    text.one("issuedAt", &issued_at.to_string());
    text.one("content", content);
    let digest: String = text.digest().chars().take(32).collect();
    format!("{}-{digest}", issued_at.strftime("%Y%m%dT%H%M%SZ"))
}

fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// Everything that must not change between the question and the action.
fn content(case: &Case<'_>) -> Option<String> {
    let workload = case.snapshot.workload_of(case.request)?;
    let (request, evidence, bounds) = (case.request, case.evidence, &case.snapshot.bounds);
    let mut text = Canonical::new("plan content");
    text.one("namespace", &bounds.namespace);
    text.one("pod", &request.pod.uid);
    text.one("workload", &workload.uid);
    text.one("template", &workload.template_hash);
    text.one("runbook", &case.runbook.digest);
    text.one("symptom", &evidence.symptom);
    text.set("cause", evidence.cause.as_deref());
    text.set("confidence", evidence.confidence.map(|confidence| confidence.to_string()).as_deref());
    text.set("incident", request.incident.as_deref());
    text.set("detectedAt", request.detected_at.as_deref());
    text.one("command", &case.runbook.action.command.on(&request.pod.name, &bounds.namespace));
    text.one("method", case.runbook.action.method.as_str());
    text.one("selector", &bounds.selector.to_string());
    text.one("serviceLabel", &bounds.service_label);
    text.one("ceiling", bounds.ceiling.as_str());
    Some(text.digest())
}
