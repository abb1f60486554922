//! The runbook: the one place for policy, reviewed like code.
//!
//! [`parse`] turns YAML into [`Runbook`]s or into every [`Problem`] at once; what it lets through is valid,
//! so that nothing after it needs to check a limit again.

mod digest;
pub(crate) mod fields;
pub(crate) mod node;
mod parse;
mod place;
mod probe;
mod problem;
mod template;
mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use parse::LONGEST_ANNOTATION;
pub(crate) use parse::inline;
// For the schema, which tests generate.
#[cfg(test)]
pub(crate) use parse::VerificationCheck;
#[cfg(test)]
pub(crate) use parse::{API_VERSION, COUNT, KIND, MINUTES, ROLLBACK, SECONDS};
pub use parse::{parse, parse_all, parse_each};
pub use probe::{Bound, HttpProbe, Number, Probe, ProbeQuestion, PrometheusProbe, Reading, longest};
pub use problem::Problem;
pub use template::{Template, Values};
#[cfg(test)]
pub(crate) use window::{DAYS, MOST_WINDOWS};
pub use window::{Effect, Open, Window, open, opens_at};

/// The least that a pod must stay Ready before it counts, in seconds, where nothing else is said.
pub const DEFAULT_STABLE_SECONDS: u32 = 10;

use crate::core::workload_kind::WorkloadKind;

/// One `RemediationRunbook` document, valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Runbook {
    /// `metadata.name`, unique among the runbooks of a run.
    pub name: String,
    /// SHA-256 over the document's canonical content, as `sha256:` and 64 hex digits. Comments and layout do not change it.
    pub digest: String,
    /// Which situations are in scope, in words.
    pub intent: String,
    /// The team that answers for this runbook.
    pub owner: String,
    /// How bad the action can be; never derived from confidence.
    pub risk: Risk,
    /// The most that this runbook may do.
    pub decision_mode: DecisionMode,
    /// When it applies.
    pub triggers: Triggers,
    /// Where it applies.
    pub scope: Scope,
    /// What must hold before it acts.
    pub guardrails: Guardrails,
    /// What it does.
    pub action: Action,
    /// How success is proved.
    pub verification: Verification,
    /// What undoes the action.
    pub rollback: Rollback,
    /// Who is notified of a refusal or a failure.
    pub escalation: Escalation,
}

/// How bad the action can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nothing to add to the runbook's own mode.
    Low,
    /// Treated as low; it tells a reader of the runbook to be careful.
    Medium,
    /// Always needs an approval; never together with `auto_execute`.
    High,
}

impl Risk {
    /// From least to most.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word for it in a runbook.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The most that a runbook, or the run's ceiling, allows; ordered from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionMode {
    /// Write down what is seen.
    Observe,
    /// Page a human.
    Manual,
    /// Propose the action.
    Suggest,
    /// Act once a human has approved exactly this plan.
    ApprovalRequired,
    /// Act without asking.
    AutoExecute,
}

impl DecisionMode {
    /// From least to most.
    pub const ALL: [Self; 5] = [Self::Observe, Self::Manual, Self::Suggest, Self::ApprovalRequired, Self::AutoExecute];

    /// The word for it in a runbook.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Manual => "manual",
            Self::Suggest => "suggest",
            Self::ApprovalRequired => "approval_required",
            Self::AutoExecute => "auto_execute",
        }
    }

    /// The mode that this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

impl fmt::Display for DecisionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `spec.triggers`.
#[derive(Debug, Clone, PartialEq)]
pub struct Triggers {
    /// Symptoms it answers to; at least one.
    pub symptoms: Vec<String>,
    /// Causes it answers to; empty means any.
    pub probable_causes: Vec<String>,
    /// From 0 to 1.
    pub minimum_confidence: f64,
    /// Minutes after which a request has expired, and an approval too; default 60.
    pub maximum_request_age_minutes: u32,
    /// A label without any evidence beside it is enough; default true.
    pub allow_bare_request: bool,
}

/// `spec.scope`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// At least one; a name, never a pattern.
    pub allowed_namespaces: Vec<String>,
    /// Labels that the workload must carry; at least one: this is the service owner's opt-in.
    pub required_labels: Vec<(String, String)>,
    /// Default: all but DaemonSets, for peers on other nodes are no redundancy.
    pub workload_kinds: Vec<WorkloadKind>,
    /// Kinds that may control the workload itself, as `Kind.group`; by default none.
    pub allowed_controllers: Vec<String>,
}

/// `spec.guardrails`. Every number is above zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Guardrails {
    /// Ready pods with the same service label before the action, the target counted if it is Ready.
    pub minimum_ready_replicas: u32,
    /// Executions in a sliding hour for this runbook, namespace and service.
    pub max_executions_per_hour: u32,
    /// Minutes after any execution on the same namespace and service.
    pub cooldown_minutes: u32,
    /// Always 1: a run acts one at a time.
    pub max_concurrent_actions: u32,
    /// Distinct services acted on in the namespace in a sliding ten minutes; default 1.
    pub max_affected_services: u32,
    /// Services asking at once beyond which nothing is done; default 3.
    pub max_matched_services: u32,
    /// Share of the workload's pods, in percent, that may be unready once the pod is away; `None`: no limit of this kind.
    pub max_unavailable_percent: Option<u32>,
    /// When it may act, and when not; deny wins. Empty: always.
    pub maintenance_windows: Vec<Window>,
    /// Labels that stop it where the pod, the workload or the namespace carries any of them.
    pub blocked_by_labels: Vec<(String, String)>,
    /// Annotations that stop it in the same way: a platform's promises, such as not to disrupt a pod.
    pub blocked_by_annotations: Vec<(String, String)>,
    /// When failures stop it.
    pub circuit_breaker: BreakerLimits,
    /// Asked before the action, where nothing else blocks.
    pub probes: Vec<Probe>,
}

/// `spec.guardrails.circuitBreaker`: so many failures in so long open it. (The first one does where the escalation disables the runbook.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BreakerLimits {
    /// Default 3.
    pub failures: u32,
    /// Minutes; default 60.
    pub window_minutes: u32,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self { failures: 3, window_minutes: 60 }
    }
}

/// `spec.action`. Never a shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// What is done.
    pub command: Command,
    /// By which call; default delete.
    pub method: Method,
}

/// `action.command`: the exact text that a human would type, mapped to a typed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `kubectl delete pod ${POD_NAME} -n ${NAMESPACE}`.
    DeletePod,
}

impl Command {
    /// Every command that there is.
    pub const ALL: [Self; 1] = [Self::DeletePod];

    /// The command for one pod.
    pub fn on(self, pod: &str, namespace: &str) -> String {
        self.as_str().replace("${POD_NAME}", pod).replace("${NAMESPACE}", namespace)
    }

    /// As a runbook writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeletePod => "kubectl delete pod ${POD_NAME} -n ${NAMESPACE}",
        }
    }
}

/// `action.method`: the API call that removes the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// DELETE of the pod; disruption budgets are checked before it.
    #[default]
    Delete,
    /// The eviction subresource: the server itself enforces disruption budgets.
    Evict,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Delete, Self::Evict];

    /// The word for it in a runbook.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Evict => "evict",
        }
    }
}

/// `spec.verification`.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// `available_replicas_equal_desired_replicas` is listed. (`replacement_pod_ready_within_timeout` always is:
    /// availability alone holds before the pod is even gone, so it would be a check that cannot fail.)
    pub available_equals_desired: bool,
    /// One deadline for all of it.
    pub timeout_seconds: u32,
    /// How long the replacement must stay Ready; `None` means the larger of the workload's minReadySeconds and 10.
    pub stable_seconds: Option<u32>,
    /// Asked once the replacement is healthy.
    pub probes: Vec<Probe>,
}

/// `spec.rollback`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// Always `controller_recreates_pod`, the only one there is for a replaced pod.
    pub kind: String,
    /// For humans; may be empty.
    pub notes: String,
}

/// `spec.escalation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escalation {
    /// After a guardrail's block.
    pub on_guardrail_failure: Escalate,
    /// After a failed verification.
    pub on_verification_failure: Escalate,
}

/// Who is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escalate {
    /// Nobody beyond the audit trail.
    None,
    /// The service's owner.
    PageServiceOwner,
    /// An incident is opened.
    OpenIncident,
    /// An incident is opened and this runbook acts no more in the namespace until its breaker is reset.
    OpenIncidentAndDisableRunbook,
}

impl Escalate {
    /// From least to most.
    pub const ALL: [Self; 4] = [Self::None, Self::PageServiceOwner, Self::OpenIncident, Self::OpenIncidentAndDisableRunbook];
    /// A guardrail's block is a normal outcome: it must not disable the runbook.
    pub const OF_A_GUARDRAIL: [Self; 3] = [Self::None, Self::PageServiceOwner, Self::OpenIncident];

    /// The word for it in a runbook.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PageServiceOwner => "page_service_owner",
            Self::OpenIncident => "open_incident",
            Self::OpenIncidentAndDisableRunbook => "open_incident_and_disable_runbook",
        }
    }
}

impl fmt::Display for Escalate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
