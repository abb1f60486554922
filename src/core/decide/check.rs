//! What one guardrail says.

use jiff::Timestamp;

/// One guardrail's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The guardrail that was checked.
    pub id: GuardrailId,
    /// Its result.
    pub verdict: Verdict,
    /// What was observed, e.g. `app=web ready_count=1`.
    pub observed: String,
    /// The limit, e.g. `at least 2`.
    pub limit: String,
    /// Where it blocks: what a human reads after the guardrail's id, e.g. `at least 2 Ready pods are required (service web has 1)`; else
    /// empty.
    pub message: String,
    /// Where it blocks and ends by itself: when.
    pub until: Option<Timestamp>,
}

/// What a guardrail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold, or a fact that it needs is unknown.
    Blocked,
    /// It does not concern this pod.
    NotApplicable,
}

/// Every guardrail, in the order in which they are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuardrailId {
    /// The request still stands: its label is there, and when it was set is known.
    Request,
    /// A label without evidence beside it is enough for the runbook, or this is none.
    BareRequest,
    /// What was detected still is, as far as the pod's own status can tell.
    SymptomPresent,
    /// The runbook allows the namespace.
    Namespace,
    /// The workload carries the labels by which its owner opts in.
    OptIn,
    /// A controller that makes a new pod owns it, and nobody that the runbook does not name controls that one.
    Controller,
    /// Nothing belongs to the pod that would go with it.
    OwnsNothing,
    /// The runbook names this kind of workload.
    WorkloadKind,
    /// It belongs to a service, and so do the pods that its workload makes.
    ServiceLabel,
    /// The request label is not in the pod template, where it would match every replacement.
    RequestLabelInTemplate,
    /// Neither the workload nor the namespace is being deleted.
    Terminating,
    /// Nothing keeps the pod from running that would certainly keep its replacement, and its volumes stay.
    CanStart,
    /// Enough Ready pods with the same service label.
    BlastRadius,
    /// A Ready target leaves another Ready pod of its own workload.
    OwnRedundancy,
    /// Not too large a share of the workload is unready once the pod is away.
    UnavailablePercent,
    /// The workload is not rolling out.
    Rollout,
    /// For ordered StatefulSets: all other pods are Ready.
    OrderedPeers,
    /// The hour is one in which the runbook may act.
    MaintenanceWindow,
    /// Neither pod, workload nor namespace carries a label that stops the runbook.
    BlockingLabel,
    /// Nor an annotation.
    BlockingAnnotation,
    /// No execution on the service for so long.
    Cooldown,
    /// Not too many executions in an hour.
    HourlyRate,
    /// No other action is under way.
    ConcurrentActions,
    /// Automation has not failed here.
    CircuitBreaker,
    /// The workload's disruption budget has room.
    DisruptionBudget,
    /// Not too many services acted on in ten minutes.
    AffectedServices,
    /// Not too many services asking at once.
    MatchedServices,
    /// What the runbook's probes answered.
    Probes,
    /// What is left of the run is enough to verify.
    TimeToVerify,
}

/// How an observation begins that could not be made.
pub(super) const UNKNOWN: &str = "unknown: ";

/// How an observation begins of what no run has time for, however early it begins.
pub(super) const UNPROVABLE: &str = "needed_to_prove=";
/// The same, of an action that takes longer than a whole run may.
pub(super) const TOO_LONG: &str = "run_deadline=";

impl Check {
    /// It blocks, ends by itself, soon and as a rule: nobody is to be paged for it.
    pub fn is_a_pause(&self) -> bool {
        self.id.is_a_pause() && !self.observed.starts_with(UNPROVABLE) && !self.is_too_long()
    }

    /// It blocks because no run has the time for it, however early it begins.
    pub(super) fn is_too_long(&self) -> bool {
        self.observed.starts_with(TOO_LONG)
    }

    /// It blocks because a fact that it needs could not be read.
    pub fn is_unknown(&self) -> bool {
        self.verdict == Verdict::Blocked && self.observed.starts_with(UNKNOWN)
    }
}

impl GuardrailId {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 29] = [
        Self::Request,
        Self::BareRequest,
        Self::SymptomPresent,
        Self::Namespace,
        Self::OptIn,
        Self::Controller,
        Self::OwnsNothing,
        Self::WorkloadKind,
        Self::ServiceLabel,
        Self::RequestLabelInTemplate,
        Self::Terminating,
        Self::CanStart,
        Self::BlastRadius,
        Self::OwnRedundancy,
        Self::UnavailablePercent,
        Self::Rollout,
        Self::OrderedPeers,
        Self::MaintenanceWindow,
        Self::BlockingLabel,
        Self::BlockingAnnotation,
        Self::Cooldown,
        Self::HourlyRate,
        Self::ConcurrentActions,
        Self::CircuitBreaker,
        Self::DisruptionBudget,
        Self::AffectedServices,
        Self::MatchedServices,
        Self::Probes,
        Self::TimeToVerify,
    ];

    /// As logs, messages, Events and notifications write it; it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request_stands",
            Self::BareRequest => "bare_request_allowed",
            Self::SymptomPresent => "symptom_present",
            Self::Namespace => "namespace_allowed",
            Self::OptIn => "workload_opted_in",
            Self::Controller => "supported_controller",
            Self::OwnsNothing => "pod_owns_nothing",
            Self::WorkloadKind => "workload_kind_allowed",
            Self::ServiceLabel => "service_label",
            Self::RequestLabelInTemplate => "request_label_not_in_template",
            Self::Terminating => "not_terminating",
            Self::CanStart => "replacement_can_start",
            Self::BlastRadius => "blast_radius",
            Self::OwnRedundancy => "own_workload_redundancy",
            Self::UnavailablePercent => "unavailable_percent",
            Self::Rollout => "rollout_settled",
            Self::OrderedPeers => "ordered_peers_ready",
            Self::MaintenanceWindow => "maintenance_window",
            Self::BlockingLabel => "no_blocking_label",
            Self::BlockingAnnotation => "no_blocking_annotation",
            Self::Cooldown => "cooldown",
            Self::HourlyRate => "hourly_rate",
            Self::ConcurrentActions => "concurrent_actions",
            Self::CircuitBreaker => "circuit_breaker",
            Self::DisruptionBudget => "disruption_budget",
            Self::AffectedServices => "affected_services",
            Self::MatchedServices => "matched_services",
            Self::Probes => "probes",
            Self::TimeToVerify => "time_to_verify",
        }
    }

    /// It ends by itself, soon and as a rule: nobody is to be paged for it.
    pub const fn is_a_pause(self) -> bool {
        matches!(
            self,
            Self::MaintenanceWindow
                | Self::Cooldown
                | Self::HourlyRate
                | Self::ConcurrentActions
                | Self::AffectedServices
                | Self::TimeToVerify
        )
    }
}

impl Verdict {
    /// As logs and Events write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Blocked => "blocked",
            Self::NotApplicable => "not_applicable",
        }
    }
}
