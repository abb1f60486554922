//! The decision: what may be done for one request, and every reason for it.
//!
//! [`decide`] is a pure function of its arguments: no I/O, no clock, no logging; the same for any order of its inputs.
//! Of these rows the first that applies:
//!
//! | mode | when |
//! | --- | --- |
//! | abort | the pod has ended or is being deleted; the request is malformed or has expired |
//! | manual | no runbook answers to it, or several do |
//! | suggest | the evidence is weaker than the runbook asks for (where at least a suggestion is allowed, see the last row) |
//! | abort | a guardrail blocks |
//! | what is allowed | the lowest of the runbook's mode, its risk (high: approval) and the run's ceiling |
//!
//! Where that is an approval, and the pod carries one of exactly this plan, it is to act.

mod asked;
mod check;
mod escalation;
mod evidence;
mod guardrails;
mod intake;
mod message;
mod plan;
mod remedy;
#[cfg(test)]
pub(crate) mod tests;

use jiff::Timestamp;

use crate::core::ledger::Ledger;
use crate::core::runbook::{DecisionMode, Risk, Runbook};
use crate::core::snapshot::{Approvals, Bounds, Request, Snapshot};

pub use asked::{requested_at, standing, turn};
pub use check::{Check, GuardrailId, Verdict};
pub(crate) use guardrails::known_symptoms;
pub use guardrails::{TIME_MARGIN, probes_wanted, time_needed};
pub(crate) use message::Question;
pub use plan::Plan;
pub use remedy::{Remedy, Subject};

use guardrails::Case;
use intake::{Intake, intake};
use plan::{Approval, approval, plan};

/// What may be done for one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<'a> {
    /// What may be done.
    pub mode: Mode,
    /// What led to it.
    pub reason: Reason,
    /// What detection knows, once it is well-formed.
    pub evidence: Option<Evidence>,
    /// The one runbook that matches.
    pub runbook: Option<&'a Runbook>,
    /// Every guardrail's result, in the order of [`GuardrailId`]; empty where no runbook applies.
    pub guardrails: Vec<Check>,
    /// Where a human has to approve, or has approved: the plan.
    pub plan: Option<Plan>,
    /// No more than observing is allowed, whatever was decided: only the trail records it, and nobody is notified.
    pub observing: bool,
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: malformed, expired, or a guardrail blocks.
    Abort,
    /// Page a human.
    Manual,
    /// Propose the action.
    Suggest,
    /// Write down what is seen.
    Observe,
    /// Ask for an approval.
    ApprovalRequired,
    /// Act without asking.
    AutoExecute,
}

/// What led to a [`Mode`].
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Its pod has ended, or is being deleted already: there is nothing left to ask for.
    Closed(String),
    /// The request's own words are wrong: which, and what is allowed.
    Malformed(String),
    /// Older than the runbook allows.
    Expired {
        /// When it was made.
        requested_at: Timestamp,
        /// What the runbook allows.
        maximum_minutes: u32,
        /// The command that renews it.
        renew_with: String,
    },
    /// No runbook answers to this symptom and cause.
    NoRunbook(String),
    /// More than one does: their names.
    SeveralRunbooks(Vec<String>),
    /// The evidence is too weak.
    LowConfidence {
        /// What the request states; `None` if it states nothing.
        confidence: Option<f64>,
        /// What the runbook asks for.
        minimum: f64,
    },
    /// At least one guardrail blocks; see [`Decision::guardrails`].
    Blocked,
    /// The runbook's own `decisionMode` allows this much.
    RunbookMode,
    /// A high risk needs an approval.
    HighRisk,
    /// The run's ceiling allows no more.
    Ceiling,
    /// A human has approved exactly this plan.
    Approved {
        /// Who, by annotation.
        by: Option<String>,
        /// The cluster's admission vouches for who it was.
        verified: bool,
    },
    /// There is an approval, and it counts for nothing: why.
    ApprovalVoid(String),
}

impl Reason {
    /// Every stable word that [`Reason::as_str`] knows.
    pub const WORDS: [&str; 12] = [
        "request_closed",
        "malformed_request",
        "request_expired",
        "no_runbook",
        "several_runbooks",
        "low_confidence",
        "guardrail",
        "decision_mode",
        "high_risk",
        "mode_ceiling",
        "approved",
        "approval_void",
    ];

    /// The stable word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed(_) => "request_closed",
            Self::Malformed(_) => "malformed_request",
            Self::Expired { .. } => "request_expired",
            Self::NoRunbook(_) => "no_runbook",
            Self::SeveralRunbooks(_) => "several_runbooks",
            Self::LowConfidence { .. } => "low_confidence",
            Self::Blocked => "guardrail",
            Self::RunbookMode => "decision_mode",
            Self::HighRisk => "high_risk",
            Self::Ceiling => "mode_ceiling",
            Self::Approved { .. } => "approved",
            Self::ApprovalVoid(_) => "approval_void",
        }
    }
}

/// What detection knows of one request, well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// e.g. `CrashLoopBackOff`; a bare label's is `manual_restart_recommended`.
    pub symptom: String,
    /// The probable cause, if stated.
    pub cause: Option<String>,
    /// From 0 to 1; `None` if none was stated.
    pub confidence: Option<f64>,
    /// A bare label: a human's own request.
    pub bare: bool,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 6] = [Self::Abort, Self::Manual, Self::Suggest, Self::Observe, Self::ApprovalRequired, Self::AutoExecute];

    /// As logs and Events write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Manual => "manual",
            Self::Suggest => "suggest",
            Self::Observe => "observe",
            Self::ApprovalRequired => "approval_required",
            Self::AutoExecute => "auto_execute",
        }
    }
}

impl From<DecisionMode> for Mode {
    fn from(allowed: DecisionMode) -> Self {
        match allowed {
            DecisionMode::Observe => Self::Observe,
            DecisionMode::Manual => Self::Manual,
            DecisionMode::Suggest => Self::Suggest,
            DecisionMode::ApprovalRequired => Self::ApprovalRequired,
            DecisionMode::AutoExecute => Self::AutoExecute,
        }
    }
}

impl<'a> Decision<'a> {
    /// The guardrails that block.
    pub fn blocked(&self) -> impl Iterator<Item = &Check> {
        self.guardrails.iter().filter(|check| check.verdict == Verdict::Blocked)
    }

    /// When every block has ended by itself; `None` where nothing blocks, or something does that time alone does not end.
    pub fn eligible_at(&self) -> Option<Timestamp> {
        let ends: Option<Vec<Timestamp>> = self.blocked().map(|check| check.until).collect();
        ends?.into_iter().max()
    }

    /// Nothing may be done, before any guardrail is checked.
    fn early(mode: Mode, reason: Reason, evidence: Option<Evidence>, runbook: Option<&'a Runbook>) -> Self {
        Self { mode, reason, evidence, runbook, guardrails: Vec::new(), plan: None, observing: false }
    }
}

/// Decides for one of the snapshot's requests. For many, see [`Decider`].
///
/// # Examples
///
/// The only pod of its service asks to be replaced:
///
/// ```
/// # use std::{collections::BTreeMap, time::Duration};
/// use pod_remediator::core::decide::{GuardrailId, Mode, decide};
/// use pod_remediator::core::ledger::Ledger;
/// use pod_remediator::core::runbook::parse;
/// use pod_remediator::core::snapshot::{Fact, Service, Snapshot};
/// # use pod_remediator::core::runbook::DecisionMode;
/// # use pod_remediator::core::snapshot::{Approvals, Bounds, Namespace, Owner, OwnerKind, Pod, Request};
///
/// let runbooks = parse("runbook.yaml", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/runbook.yaml"))).unwrap();
/// let now = "2025-06-01T12:00:00Z".parse().unwrap();
/// let app = Service { label: "app".to_owned(), name: "db".to_owned() };
/// # let pod = Pod {
/// #     name: "db-5d9".into(), uid: "1".into(),
/// #     owner: Some(Owner { kind: OwnerKind::ReplicaSet, uid: "2".into(), name: "db".into() }),
/// #     running: true, ended: false, terminating: false, ready: true, ready_changed: None, status_written: None,
/// #     restarts: 0, trouble: None, node: None,
/// # };
/// # let request = Request {
/// #     pod: pod.clone(), resource_version: "7".to_owned(), service: Some(app.clone()), phase: "Running".to_owned(),
/// #     labels: BTreeMap::from([("app", "db"), ("remediator.kubedojo.io/restart", "true")].map(|(key, value)| (key.into(), value.into()))),
/// #     mirror: false, revision: None, requested_at: Fact::Known(now), field_manager: None, requested_by: None, incident: None,
/// #     symptom: None, probable_cause: None, confidence: None, detected_at: None, renewed_at: None, runbook: None,
/// #     containers: Vec::new(), unscheduled: None, shut_gates: Vec::new(), claims: Vec::new(), annotations: BTreeMap::new(),
/// #     approval: None, approved_by: None,
/// # };
/// # let bounds = Bounds {
/// #     namespace: "shop".to_owned(), selector: "remediator.kubedojo.io/restart=true".parse().unwrap(), service_label: "app".to_owned(),
/// #     ceiling: DecisionMode::AutoExecute, deadline: Duration::from_secs(540), time_left: Duration::from_secs(540),
/// #     approvals: Approvals::Unverified,
/// # };
/// let snapshot = Snapshot {
///     services: BTreeMap::from([(app, Fact::Known(vec![pod]))]),
///     // A fact that could not be read blocks, too.
///     budgets: Fact::Unknown("listing budgets took longer than 10 s".to_owned()),
///     requests: vec![request],
///     // ...
/// #   bounds, workloads: BTreeMap::new(), namespace: Fact::Known(Namespace::default()), claims: BTreeMap::new(),
/// #   dependents: Fact::Known(BTreeMap::new()), probes: BTreeMap::new(),
/// };
/// let decision = decide(&snapshot.requests[0], &runbooks, &snapshot, &Ledger::default(), now);
/// assert_eq!(decision.mode, Mode::Abort);
/// let blocked: Vec<GuardrailId> = decision.blocked().map(|check| check.id).collect();
/// assert!(blocked.contains(&GuardrailId::BlastRadius));
/// assert!(blocked.contains(&GuardrailId::DisruptionBudget));
/// // At least one of them does not end by itself.
/// assert_eq!(decision.eligible_at(), None);
/// ```
pub fn decide<'a>(request: &Request, runbooks: &'a [Runbook], snapshot: &Snapshot, ledger: &Ledger, now: Timestamp) -> Decision<'a> {
    Decider::new(runbooks, snapshot, ledger, now).decide(request)
}

/// Decides for many requests of one snapshot: what all of them have in common is worked out once.
#[derive(Debug)]
pub struct Decider<'a, 'r> {
    pub(crate) runbooks: &'r [Runbook],
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) ledger: &'a Ledger,
    pub(crate) now: Timestamp,
    matched_services: usize,
}

impl<'a, 'r> Decider<'a, 'r> {
    /// Everything that the decisions rest on.
    pub fn new(runbooks: &'r [Runbook], snapshot: &'a Snapshot, ledger: &'a Ledger, now: Timestamp) -> Self {
        let matched_services = intake::matched_services(runbooks, snapshot, ledger, now);
        Self { runbooks, snapshot, ledger, now, matched_services }
    }

    /// What may be done for one of the snapshot's requests.
    pub fn decide(&self, request: &Request) -> Decision<'r> {
        let decision = self.decide_aloud(request);
        let observing = self.only_observes(request, &decision);
        Decision { observing, ..decision }
    }

    /// Whether nothing that may answer to the request is allowed more than to observe. Where no single runbook does, those may that the
    /// request names or that match, else any of the run.
    fn only_observes(&self, request: &Request, decision: &Decision<'_>) -> bool {
        if self.snapshot.bounds.ceiling == DecisionMode::Observe {
            return true;
        }
        let named = |name: &String| self.runbooks.iter().filter(|runbook| runbook.name == *name).collect::<Vec<_>>();
        let mut candidates: Vec<&Runbook> = match (decision.runbook, &decision.reason) {
            (Some(runbook), _) => vec![runbook],
            (None, Reason::SeveralRunbooks(names)) => names.iter().flat_map(named).collect(),
            (None, _) => request.runbook.iter().flat_map(named).collect(),
        };
        if candidates.is_empty() {
            candidates = self.runbooks.iter().collect();
        }
        only_observe(&candidates)
    }

    fn decide_aloud(&self, request: &Request) -> Decision<'r> {
        let bounds = &self.snapshot.bounds;
        let (evidence, runbook) = match intake(request, self.runbooks, bounds, self.ledger, self.now) {
            Intake::Closed(why) => return Decision::early(Mode::Abort, Reason::Closed(why), None, None),
            Intake::Malformed(why) => return Decision::early(Mode::Abort, Reason::Malformed(why), None, None),
            Intake::Expired { evidence, runbook, reason } => return Decision::early(Mode::Abort, reason, Some(evidence), runbook),
            Intake::Unmatched { evidence, reason } => return Decision::early(Mode::Manual, reason, Some(evidence), None),
            Intake::Matched { evidence, runbook } => (evidence, runbook),
        };
        let (ledger, now, matched_services) = (self.ledger, self.now, self.matched_services);
        let case = Case { request, evidence: &evidence, runbook, snapshot: self.snapshot, ledger, now, matched_services };
        let guardrails = guardrails::check_all(&case);

        let (most, why) = most_allowed(runbook, bounds);
        let minimum = runbook.triggers.minimum_confidence;
        let weak = !evidence.confidence.is_some_and(|stated| stated >= minimum);
        // Weak evidence never makes a run do more than strong evidence would: what may not even be suggested is not.
        let (mode, reason) = if weak && most >= DecisionMode::Suggest {
            (Mode::Suggest, Reason::LowConfidence { confidence: evidence.confidence, minimum })
        } else if guardrails.iter().any(|check| check.verdict == Verdict::Blocked) {
            (Mode::Abort, Reason::Blocked)
        } else if most == DecisionMode::ApprovalRequired
            && let Some(plan) = plan(&case)
        {
            let (mode, reason) = with_approval(&case, &plan, why);
            return Decision {
                mode,
                reason,
                evidence: Some(evidence),
                runbook: Some(runbook),
                guardrails,
                plan: Some(plan),
                observing: false,
            };
        } else {
            (most.into(), why)
        };
        Decision { mode, reason, evidence: Some(evidence), runbook: Some(runbook), guardrails, plan: None, observing: false }
    }
}

/// There are some, and none of them may do more than observe.
fn only_observe(runbooks: &[&Runbook]) -> bool {
    !runbooks.is_empty() && runbooks.iter().all(|runbook| runbook.decision_mode == DecisionMode::Observe)
}

/// Whether a run by these runbooks and this ceiling only observes: then nobody is notified.
pub fn observes_only(runbooks: &[Runbook], ceiling: DecisionMode) -> bool {
    ceiling == DecisionMode::Observe || only_observe(&runbooks.iter().collect::<Vec<_>>())
}

/// Every guardrail lets it pass: has a human, too?
fn with_approval(case: &Case<'_>, plan: &Plan, why: Reason) -> (Mode, Reason) {
    match approval(case, &plan.content) {
        Approval::Given => {
            let (by, verified) = (case.request.approved_by.clone(), case.snapshot.bounds.approvals == Approvals::Admitted);
            (Mode::AutoExecute, Reason::Approved { by, verified })
        }
        Approval::None => (Mode::ApprovalRequired, why),
        Approval::Void(void) => (Mode::ApprovalRequired, Reason::ApprovalVoid(void)),
    }
}

/// The lowest of what the runbook, its risk and the run's ceiling allow, and which of them it is; of equals the first.
fn most_allowed(runbook: &Runbook, bounds: &Bounds) -> (DecisionMode, Reason) {
    let by_risk = match runbook.risk {
        Risk::High => DecisionMode::ApprovalRequired,
        Risk::Low | Risk::Medium => DecisionMode::AutoExecute,
    };
    let mut lowest = (runbook.decision_mode, Reason::RunbookMode);
    for (mode, reason) in [(by_risk, Reason::HighRisk), (bounds.ceiling, Reason::Ceiling)] {
        if mode < lowest.0 {
            lowest = (mode, reason);
        }
    }
    lowest
}
