//! What is explained, for people and for programs alike. Every untrusted text in it is bounded and inert.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::near_misses::NearMiss;
use crate::commands::desk::Basis;
use crate::commands::status::InFlightStatus;
use crate::core::decide::{Decision, Evidence, Plan, Remedy, Subject, requested_at};
use crate::core::ledger::later;
use crate::core::runbook::Runbook;
use crate::core::snapshot::Request;
use crate::core::words::inert;

use super::Explainer;

/// The longest name that Kubernetes allows, and the longest annotation that is read.
const LONGEST: usize = 256;

/// What a decision begins with that is of no request.
pub(crate) const IF_IT_ASKED: &str = "if it asked now: ";

/// What would be decided now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Explanation {
    /// The namespace.
    pub namespace: String,
    /// The API server's time.
    pub now: Timestamp,
    /// Which pods ask.
    pub selector: String,
    /// What makes a service.
    pub service_label: String,
    /// The most that any runbook may do.
    pub mode_ceiling: &'static str,
    /// Actions of other runs whose outcome is not known yet: a run settles those first.
    pub in_flight: Vec<InFlightStatus>,
    /// What this rests on, and whether runs happen; null in a pod, whose own settings are a run's.
    pub basis: Option<Basis>,
    /// Each pod that was asked about, oldest request first.
    pub pods: Vec<PodExplanation>,
    /// What does not count as it stands, and was probably meant otherwise; so many at the most.
    pub near_misses: Vec<NearMiss>,
    /// How many more there are.
    pub more_near_misses: usize,
    /// What could not be checked for near misses, each with why.
    pub not_looked_at: Vec<String>,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PodExplanation {
    /// Its name.
    pub pod: String,
    /// Its UID.
    pub uid: String,
    /// The service, as `label=name`.
    pub service: Option<String>,
    /// The workload behind it, as `Kind/name`.
    pub workload: Option<String>,
    /// What controls the workload itself, as `Kind.group/name`, if anything does.
    pub controlled_by: Option<String>,
    /// What keeps the pod from being Ready, by its own status.
    pub pod_state: Option<String>,
    /// What keeps the workload from its pods, by its own conditions.
    pub workload_state: Option<String>,
    /// It does not ask: this is what would be decided if the request label were set on it now.
    pub hypothetical: bool,
    /// When it asked, if that is known.
    pub requested_at: Option<Timestamp>,
    /// When the request no longer counts, if a runbook answers to it.
    pub expires_at: Option<Timestamp>,
    /// The field manager that set the request label.
    pub field_manager: Option<String>,
    /// Who asks, by their own account.
    pub requested_by: Option<String>,
    /// What detection calls the incident.
    pub incident: Option<String>,
    /// What may be done: abort, manual, suggest, observe, approval_required or auto_execute.
    pub mode: &'static str,
    /// What led to it.
    pub reason: &'static str,
    /// The decision in one sentence.
    pub message: String,
    /// What detection knows; null where the request is malformed.
    pub evidence: Option<EvidenceExplanation>,
    /// The runbook that answers to it.
    pub runbook: Option<RunbookExplanation>,
    /// The plan that a human has to approve, or has approved.
    pub plan: Option<PlanExplanation>,
    /// What a human would type for the action.
    pub command: Option<String>,
    /// Whether and when a run replaces it.
    pub eligibility: Eligibility,
    /// Every guardrail.
    pub guardrails: Vec<GuardrailExplanation>,
    /// What a human can do about it.
    pub to_do: Vec<ToDo>,
}

/// What detection knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EvidenceExplanation {
    /// What was seen.
    pub symptom: String,
    /// Why it probably happens.
    pub probable_cause: Option<String>,
    /// From 0 to 1.
    pub confidence: Option<f64>,
    /// A bare label: a human's own request.
    pub bare: bool,
}

/// The runbook that answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunbookExplanation {
    /// Its name.
    pub name: String,
    /// Which version of it.
    pub digest: String,
    /// Who answers for it.
    pub owner: String,
    /// low, medium or high.
    pub risk: &'static str,
    /// The most that it may do.
    pub decision_mode: &'static str,
}

/// A plan that a human approves by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PlanExplanation {
    pub id: String,
    pub issued_at: Timestamp,
    /// Until when an approval of it counts.
    pub expires_at: Timestamp,
    /// The command that approves it.
    pub approve_with: String,
}

/// Whether, and when, a run replaces the pod.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Eligibility {
    /// In one word.
    pub eligible: Eligible,
    /// When the last of the blocks ends by itself, if all of them do.
    pub at: Option<Timestamp>,
    /// What is decided then, if nothing else changes.
    pub then: Option<Then>,
    /// What keeps every run from acting on it, each as it stands behind "not while".
    pub prevented_by: Vec<String>,
}

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Eligible {
    /// The next run replaces it.
    Now,
    /// A run after that time does.
    Later,
    /// Not before somebody does something.
    NotByItself,
}

/// A decision to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Then {
    /// What may be done.
    pub mode: &'static str,
    /// In one sentence.
    pub message: String,
}

/// One guardrail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GuardrailExplanation {
    pub id: &'static str,
    /// pass, blocked or not_applicable.
    pub result: &'static str,
    /// What was observed.
    pub observed: String,
    /// The limit.
    pub limit: String,
    /// When its block ends by itself, if it does.
    pub until: Option<Timestamp>,
}

/// What a human can do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ToDo {
    /// The guardrails that it is about; none: the request or the runbook itself.
    pub guardrails: Vec<&'static str>,
    /// In words.
    pub advice: String,
    /// What to type for it, where that is one command.
    pub command: Option<String>,
}

impl PodExplanation {
    pub(super) fn new(
        request: &Request,
        decision: &Decision<'_>,
        eligibility: Eligibility,
        explainer: &Explainer<'_>,
        hypothetical: bool,
    ) -> Self {
        let Explainer { snapshot, ledger, now, .. } = *explainer;
        let text = |text: &Option<String>| text.as_ref().map(|text| inert(text, LONGEST));
        let runbook = decision.runbook;
        let subject = Subject::new(request, runbook, snapshot, ledger);
        let requested_at = requested_at(request, ledger, &snapshot.bounds.selector, now).known().ok().copied();
        let counts = runbook.map(|runbook| SignedDuration::from_mins(i64::from(runbook.triggers.maximum_request_age_minutes)));
        let message = decision.message(&request.pod.name);
        Self {
            pod: inert(&request.pod.name, LONGEST),
            uid: inert(&request.pod.uid, LONGEST),
            service: request.service.as_ref().map(|service| inert(&service.to_string(), 2 * LONGEST)),
            workload: subject.workload().map(|workload| inert(&format!("{}/{}", workload.kind, workload.name), 2 * LONGEST)),
            controlled_by: subject.workload().and_then(|workload| Some(inert(&workload.controller.as_ref()?.to_string(), 2 * LONGEST))),
            pod_state: request.pod.trouble.as_deref().map(|trouble| inert(trouble, 2 * LONGEST)),
            workload_state: subject.workload().and_then(|workload| {
                let conditions =
                    [("its pods cannot be created", &workload.cannot_create), ("its rollout does not go on", &workload.stalled)];
                let (what, why) = conditions.into_iter().find_map(|(what, why)| Some((what, why.as_ref()?)))?;
                Some(inert(&format!("{what}: {why}"), 2 * LONGEST))
            }),
            hypothetical,
            requested_at,
            expires_at: requested_at.zip(counts).map(|(at, counts)| later(at, counts)),
            field_manager: text(&request.field_manager),
            requested_by: text(&request.requested_by),
            incident: text(&request.incident),
            mode: decision.mode.as_str(),
            reason: decision.reason.as_str(),
            message: if hypothetical { format!("{IF_IT_ASKED}{message}") } else { message },
            evidence: decision.evidence.as_ref().map(Into::into),
            runbook: runbook.map(Into::into),
            plan: decision.plan.as_ref().map(Into::into),
            command: runbook.map(|runbook| runbook.action.command.on(&inert(&request.pod.name, LONGEST), &snapshot.bounds.namespace)),
            eligibility,
            guardrails: decision.guardrails.iter().map(Into::into).collect(),
            to_do: to_do(decision, &subject, hypothetical),
        }
    }
}

/// What to do, the same thing once: first about the request itself, then about the guardrails in their order.
fn to_do(decision: &Decision<'_>, subject: &Subject<'_>, hypothetical: bool) -> Vec<ToDo> {
    let mut all: Vec<ToDo> = Vec::new();
    let mut add = |guardrail: Option<&'static str>, Remedy { advice, command }: Remedy| match all
        .iter_mut()
        .find(|one| one.advice == advice && one.command == command)
    {
        Some(one) => one.guardrails.extend(guardrail),
        None => all.push(ToDo { guardrails: guardrail.into_iter().collect(), advice, command }),
    };
    if hypothetical {
        add(None, subject.ask());
    }
    if let Some(remedy) = decision.remedy(subject) {
        add(None, remedy);
    }
    for check in &decision.guardrails {
        if let Some(remedy) = check.remedy(subject) {
            add(Some(check.id.as_str()), remedy);
        }
    }
    all
}

impl From<&Evidence> for EvidenceExplanation {
    fn from(evidence: &Evidence) -> Self {
        Self {
            symptom: inert(&evidence.symptom, LONGEST),
            probable_cause: evidence.cause.as_ref().map(|cause| inert(cause, LONGEST)),
            confidence: evidence.confidence,
            bare: evidence.bare,
        }
    }
}

impl From<&Runbook> for RunbookExplanation {
    fn from(runbook: &Runbook) -> Self {
        Self {
            name: inert(&runbook.name, LONGEST),
            digest: runbook.digest.clone(),
            owner: inert(&runbook.owner, LONGEST),
            risk: runbook.risk.as_str(),
            decision_mode: runbook.decision_mode.as_str(),
        }
    }
}

impl From<&Plan> for PlanExplanation {
    fn from(plan: &Plan) -> Self {
        let Plan { id, issued_at, expires_at, approve_with, .. } = plan.clone();
        Self { id, issued_at, expires_at, approve_with }
    }
}

impl From<&crate::core::decide::Check> for GuardrailExplanation {
    fn from(check: &crate::core::decide::Check) -> Self {
        Self {
            id: check.id.as_str(),
            result: check.verdict.as_str(),
            observed: check.observed.clone(),
            limit: check.limit.clone(),
            until: check.until,
        }
    }
}
