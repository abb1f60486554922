//! The guardrails, one function each: what is observed, the limit, and whether it holds.
//!
//! Every one is evaluated, also where another blocks already. One that needs a fact that could not be read blocks.

mod budget;
mod circumstances;
mod limits;
mod probes;
mod redundancy;
mod request;
mod scope;
mod start;
mod workload;

pub use limits::{TIME_MARGIN, time_needed};
pub use probes::wanted as probes_wanted;
pub(crate) use request::known_symptoms;

use std::time::Duration;

use jiff::Timestamp;

use super::check::UNKNOWN;
use super::{Check, Evidence, GuardrailId, Verdict};
use crate::core::ledger::Ledger;
use crate::core::runbook::DEFAULT_STABLE_SECONDS;
use crate::core::runbook::Runbook;
use crate::core::snapshot::{Behind, FALLBACK_SERVICE_LABEL, Fact, Pod, Readings, Request, Service, Snapshot, Workload};
use crate::core::words::inert;

/// One request, its runbook, and all that the guardrails check.
pub(super) struct Case<'a> {
    pub request: &'a Request,
    pub evidence: &'a Evidence,
    pub runbook: &'a Runbook,
    pub snapshot: &'a Snapshot,
    pub ledger: &'a Ledger,
    pub now: Timestamp,
    pub matched_services: usize,
}

/// Every guardrail, in the order of [`GuardrailId::ALL`].
pub(super) fn check_all(case: &Case<'_>) -> Vec<Check> {
    let mut checks: Vec<Check> = GuardrailId::ALL.iter().map(|id| check(*id, case)).collect();
    probes::only_where_nothing_else_blocks(case, &mut checks);
    checks
}

fn check(id: GuardrailId, case: &Case<'_>) -> Check {
    let guardrail = match id {
        GuardrailId::Request => request::stands,
        GuardrailId::BareRequest => request::bare,
        GuardrailId::SymptomPresent => request::symptom_present,
        GuardrailId::Namespace => scope::namespace,
        GuardrailId::OptIn => scope::opt_in,
        GuardrailId::Controller => scope::controller,
        GuardrailId::OwnsNothing => scope::owns_nothing,
        GuardrailId::WorkloadKind => scope::workload_kind,
        GuardrailId::ServiceLabel => scope::service_label,
        GuardrailId::RequestLabelInTemplate => scope::request_label_in_template,
        GuardrailId::Terminating => scope::terminating,
        GuardrailId::CanStart => start::can_start,
        GuardrailId::BlastRadius => redundancy::blast_radius,
        GuardrailId::OwnRedundancy => redundancy::own_redundancy,
        GuardrailId::UnavailablePercent => redundancy::unavailable_percent,
        GuardrailId::Rollout => workload::rollout,
        GuardrailId::OrderedPeers => workload::ordered_peers,
        GuardrailId::MaintenanceWindow => circumstances::maintenance_window,
        GuardrailId::BlockingLabel => circumstances::blocking_label,
        GuardrailId::BlockingAnnotation => circumstances::blocking_annotation,
        GuardrailId::Cooldown => limits::cooldown,
        GuardrailId::HourlyRate => limits::hourly_rate,
        GuardrailId::ConcurrentActions => limits::concurrent_actions,
        GuardrailId::CircuitBreaker => limits::circuit_breaker,
        GuardrailId::DisruptionBudget => budget::disruption_budget,
        GuardrailId::AffectedServices => limits::affected_services,
        GuardrailId::MatchedServices => limits::matched_services,
        GuardrailId::Probes => probes::probes,
        GuardrailId::TimeToVerify => limits::time_to_verify,
    };
    let Ruling { limit, finding } = guardrail(case);
    let (verdict, observed, message, until) = match finding {
        Ok(Finding::Pass(observed)) => (Verdict::Pass, observed, String::new(), None),
        Ok(Finding::NotApplicable(observed)) => (Verdict::NotApplicable, observed, String::new(), None),
        Ok(Finding::Blocked { observed, requirement, found, until }) => {
            let until_then = until.map_or_else(String::new, |until| format!(", until {until:.0}"));
            (Verdict::Blocked, observed, format!("{requirement} ({found}{until_then})"), until)
        }
        Err(Lack::Unknown(why)) => (Verdict::Blocked, format!("{UNKNOWN}{why}"), format!("a fact could not be read ({why})"), None),
        Err(Lack::Unsupported(what)) => (Verdict::NotApplicable, format!("not asked: {what} is not supported"), String::new(), None),
    };
    // The cluster's texts are foreign, whatever the API server validates today.
    let text = |text: String| inert(&text, LONGEST_TEXT);
    Check { id, verdict, observed: text(observed), limit: text(limit), message: text(message), until }
}

/// The longest that a guardrail says of one thing, in characters.
const LONGEST_TEXT: usize = 500;
/// The longest list of names, or cause, within it: what follows it must not be cut off.
const LONGEST_LIST: usize = 150;

/// What one guardrail found, against which limit.
struct Ruling {
    limit: String,
    finding: Result<Finding, Lack>,
}

/// Why nothing was found.
enum Lack {
    /// A fact could not be read: that blocks.
    Unknown(String),
    /// What makes the pod is not understood, which `supported_controller` says: the question means nothing.
    Unsupported(String),
}

impl From<String> for Lack {
    fn from(why: String) -> Self {
        Self::Unknown(why)
    }
}

impl From<&str> for Lack {
    fn from(why: &str) -> Self {
        Self::Unknown(why.to_owned())
    }
}

impl Ruling {
    fn new(limit: impl Into<String>, finding: impl FnOnce() -> Result<Finding, Lack>) -> Self {
        Self { limit: limit.into(), finding: finding() }
    }
}

/// What was found where every fact was known.
enum Finding {
    /// It holds: what was observed.
    Pass(String),
    /// It does not concern this pod: what was observed.
    NotApplicable(String),
    /// It does not hold.
    Blocked {
        /// As the log has it.
        observed: String,
        /// What has to hold, as a sentence: `at least 2 Ready pods are required`.
        requirement: String,
        /// What was observed, in words.
        found: String,
        until: Option<Timestamp>,
    },
}

impl Finding {
    fn pass(observed: impl Into<String>) -> Self {
        Self::Pass(observed.into())
    }

    fn not_applicable(observed: impl Into<String>) -> Self {
        Self::NotApplicable(observed.into())
    }

    /// What was observed is plain enough to be repeated to a human; else see [`Self::found`].
    fn blocked(observed: impl Into<String>, requirement: impl Into<String>) -> Self {
        let observed = observed.into();
        Self::Blocked { requirement: requirement.into(), found: observed.clone(), observed, until: None }
    }

    /// What was observed, in words.
    fn found(mut self, words: impl Into<String>) -> Self {
        if let Self::Blocked { found, .. } = &mut self {
            *found = words.into();
        }
        self
    }

    /// More about it, in words.
    fn and(mut self, more: impl std::fmt::Display) -> Self {
        if let Self::Blocked { found, .. } = &mut self {
            *found = format!("{found}; {more}");
        }
        self
    }

    fn until(mut self, end: Option<Timestamp>) -> Self {
        if let Self::Blocked { until, .. } = &mut self {
            *until = end;
        }
        self
    }
}

impl<'a> Case<'a> {
    pub(super) fn namespace(&self) -> &'a str {
        &self.snapshot.bounds.namespace
    }

    fn service(&self) -> Result<&'a Service, String> {
        self.request.service.as_ref().ok_or_else(|| match self.snapshot.bounds.service_label.as_str() {
            FALLBACK_SERVICE_LABEL => format!("the pod has no label {FALLBACK_SERVICE_LABEL}"),
            label => format!("the pod has neither label {label} nor {FALLBACK_SERVICE_LABEL}"),
        })
    }

    /// What is behind the pod; `None`: no controller at all.
    fn behind(&self) -> Result<Option<&'a Behind>, String> {
        let Some(owner) = &self.request.pod.owner else { return Ok(None) };
        match self.snapshot.workloads.get(&*owner.uid) {
            Some(fact) => fact.known().map(Some).map_err(str::to_owned),
            None => Err(format!("the workload behind {} was not read", owner.name)),
        }
    }

    fn workload(&self) -> Result<&'a Workload, Lack> {
        match self.behind()? {
            Some(Behind::Workload(workload)) => Ok(workload),
            Some(Behind::Unsupported(controller)) => Err(Lack::Unsupported(controller.kind.clone())),
            None => Err(Lack::Unsupported("a pod without a controller".to_owned())),
        }
    }

    /// The StatefulSet is back at its one revision, and the pod is of another: such a rollback waits for ever where the pod is broken.
    fn rolled_back(&self) -> bool {
        self.workload().is_ok_and(|workload| workload.was_rolled_back(self.request.revision.as_deref()))
    }

    /// What the runbook's probes answered for this pod; `None`: they have not been asked.
    fn readings(&self) -> Option<&'a Readings> {
        self.snapshot.probes.get(&*self.request.pod.uid)
    }

    /// The pods of the same service, the target most likely among them. Those of what is not understood are for nobody to count.
    fn peers(&self) -> Result<&'a [Pod], Lack> {
        if let Err(unsupported @ Lack::Unsupported(_)) = self.workload() {
            return Err(unsupported);
        }
        let service = self.service()?;
        match self.snapshot.services.get(service) {
            Some(Fact::Known(pods)) => Ok(pods),
            Some(Fact::Unknown(why)) => Err(why.as_str().into()),
            None => Err(format!("the pods of {service} were not read").into()),
        }
    }

    /// The pods of the same service that have the same controller, the target aside.
    fn siblings(&self) -> Result<impl Iterator<Item = &'a Pod>, Lack> {
        let owner = &*self.request.pod.owner.as_ref().ok_or("no controller owns the pod")?.uid;
        let target = &*self.request.pod.uid;
        Ok(self.peers()?.iter().filter(move |pod| pod.is_owned_by(owner) && *pod.uid != *target))
    }

    /// How long a pod that has restarted must have been Ready to count.
    fn stable(&self) -> Duration {
        let stated = self.runbook.verification.stable_seconds;
        match self.workload() {
            Ok(workload) => workload.stable(stated),
            Err(_) => Duration::from_secs(u64::from(stated.unwrap_or(DEFAULT_STABLE_SECONDS))),
        }
    }
}
