//! What the cluster said at one moment, as plain facts: the input of the decision.
//!
//! Nothing here knows an API type. A fact that could not be read is [`Fact::Unknown`] with the reason, never a default.

mod workload;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::runbook::{DecisionMode, Reading};
use crate::core::selector::Selector;

pub use workload::{Behind, DEFAULT_GRACE_SECONDS, Exclusive, Foreign, Start, Stateful, Workload};

/// A fact, or why it could not be read. An unknown fact blocks.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact<T> {
    /// What was read.
    Known(T),
    /// Why it could not be read, as a fragment for a human: "the ReplicaSet web-6d4 no longer exists".
    Unknown(String),
}

impl<T> Fact<T> {
    /// The fact, or its reason, as a `Result` for `?`.
    pub fn known(&self) -> Result<&T, &str> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unknown(why) => Err(why),
        }
    }
}

/// A run ends within it, unless a setting says otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(9 * 60);

/// What a run may see and do: settings, not facts of the cluster, but what the decision rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// The one namespace of the run.
    pub namespace: String,
    /// Which pods ask.
    pub selector: Selector,
    /// The label that makes a service.
    pub service_label: String,
    /// Can only lower what a runbook allows.
    pub ceiling: DecisionMode,
    /// The whole of it: no run has more time.
    pub deadline: Duration,
    /// What is left of the run's own deadline.
    pub time_left: Duration,
    /// Whether the cluster vouches for the name of whoever approves.
    pub approvals: Approvals,
}

/// Whether the cluster vouches for approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Approvals {
    /// Whoever may annotate a pod may approve, under any name.
    #[default]
    Unverified,
    /// An admission policy lets only approvers approve, and only under their own name.
    Admitted,
}

impl Approvals {
    /// Both, as settings and files name them.
    pub const ALL: [Self; 2] = [Self::Unverified, Self::Admitted];

    /// The word of settings, files and the audit record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Admitted => "admitted",
        }
    }

    /// What this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// Everything that one decision rests on, read at about the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The run's settings.
    pub bounds: Bounds,
    /// Every pod that asks, in any order.
    pub requests: Vec<Request>,
    /// The pods of each service that a requesting pod belongs to, those that ask included.
    pub services: BTreeMap<Service, Fact<Vec<Pod>>>,
    /// What is behind the pods, by the UID of the pod's own controller (for a Deployment: of its ReplicaSet).
    pub workloads: BTreeMap<String, Fact<Behind>>,
    /// Every disruption budget of the namespace.
    pub budgets: Fact<Vec<Budget>>,
    /// The namespace itself.
    pub namespace: Fact<Namespace>,
    /// The claims that requesting pods mount, by name; `None`: there is no such claim.
    pub claims: BTreeMap<String, Fact<Option<Claim>>>,
    /// The pods and workloads that requesting pods own, as `Kind/name` by the UID of the owner.
    pub dependents: Fact<BTreeMap<String, Vec<String>>>,
    /// What the probes of a request's runbook answered, by the pod's UID. Nothing there for a pod: they have not been asked.
    pub probes: BTreeMap<String, Readings>,
}

impl Snapshot {
    /// The workload behind a request's pod, if there is one that is understood.
    pub fn workload_of(&self, request: &Request) -> Option<&Workload> {
        match self.workloads.get(&*request.pod.owner.as_ref()?.uid)?.known().ok()? {
            Behind::Workload(workload) => Some(workload),
            Behind::Unsupported(_) => None,
        }
    }
}

/// What each probe answered, by its name.
pub type Readings = BTreeMap<String, Fact<Reading>>;

/// A service: the label that names it, and its value. The ledger knows it by the value alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// `app`, or `app.kubernetes.io/name` where that is absent.
    pub label: String,
    /// The service's name.
    pub name: String,
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.label, self.name)
    }
}

/// What makes a service where the run's service label is absent from a pod.
pub const FALLBACK_SERVICE_LABEL: &str = "app.kubernetes.io/name";

/// The service that a pod with these labels belongs to.
pub fn service_of(labels: &BTreeMap<String, String>, service_label: &str) -> Option<Service> {
    [service_label, FALLBACK_SERVICE_LABEL].iter().find_map(|label| {
        let name = labels.get(*label).filter(|name| !name.is_empty())?;
        Some(Service { label: (*label).to_owned(), name: name.clone() })
    })
}

/// One pod, small: ten thousand of these must fit in a few MiB.
#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// `metadata.name`.
    pub name: Box<str>,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// The ownerReference with `controller: true`.
    pub owner: Option<Owner>,
    /// `status.phase` is Running.
    pub running: bool,
    /// `status.phase` is Succeeded or Failed: it was evicted, shut down with its node, or is done. Only the object is left.
    pub ended: bool,
    /// `metadata.deletionTimestamp` is set.
    pub terminating: bool,
    /// Condition Ready is True.
    pub ready: bool,
    /// When condition Ready last changed, by the kubelet's clock. It may be wrong: see [`Pod::as_it_is_since`].
    pub ready_changed: Option<Timestamp>,
    /// When its status was last written, by the server's clock: the newest entry of managedFields on the subresource.
    pub status_written: Option<Timestamp>,
    /// Restarts of all containers together (init containers aside).
    pub restarts: u32,
    /// Of a pod that is not Ready, or has ended: what its own status says stands in the way, e.g. `container main: CrashLoopBackOff`.
    pub trouble: Option<Box<str>>,
    /// `spec.nodeName`, of a DaemonSet's pod: its replacement is the one on the same node.
    pub node: Option<Box<str>>,
}

/// A pod's controller.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    /// What it is.
    pub kind: OwnerKind,
    /// `uid` of the reference.
    pub uid: Box<str>,
    /// `name` of the reference.
    pub name: Box<str>,
}

/// The kinds of controller that the decision tells apart, by API group and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerKind {
    /// apps/ReplicaSet, a Deployment's or a standalone one.
    ReplicaSet,
    /// apps/StatefulSet.
    StatefulSet,
    /// apps/DaemonSet.
    DaemonSet,
    /// Anything else, as [`Foreign`] writes it: `Job.batch`, `Node` for mirror pods, `Rollout.argoproj.io`.
    Other(Box<str>),
}

impl OwnerKind {
    /// As manifests write it, with the API group of those that are not ours to know.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Other(kind) => kind,
        }
    }
}

impl Pod {
    /// Ready as the guardrails mean it: condition Ready, Running, not terminating, owned by a replicating controller, and, if
    /// it has restarted, Ready for `stable` already: a crash-looping pod without a readiness probe is Ready at every start.
    pub fn is_ready(&self, stable: Duration, now: Timestamp) -> bool {
        let replicated =
            matches!(self.owner, Some(Owner { kind: OwnerKind::ReplicaSet | OwnerKind::StatefulSet | OwnerKind::DaemonSet, .. }));
        replicated && self.looks_ready() && (self.restarts == 0 || self.has_been_as_it_is_for(stable, now))
    }

    /// Ready by its own word: condition Ready, Running, and neither ended nor terminating.
    pub fn looks_ready(&self) -> bool {
        self.ready && self.running && self.is_live()
    }

    /// It is a pod of its workload and of its service. One that has ended or is terminating is neither, whatever labels it keeps.
    pub fn is_live(&self) -> bool {
        !self.ended && !self.terminating
    }

    /// Since when it has certainly been as it is: the server's record of its last status update. Only where there is no such record,
    /// the kubelet's own word for when condition Ready changed.
    pub fn as_it_is_since(&self) -> Option<Timestamp> {
        self.status_written.or(self.ready_changed)
    }

    /// It has been as it is for so long at least.
    pub fn has_been_as_it_is_for(&self, span: Duration, now: Timestamp) -> bool {
        let lasted = self.as_it_is_since().map(|since| now.duration_since(since));
        lasted.is_some_and(|lasted| lasted.is_positive() && lasted.unsigned_abs() >= span)
    }

    /// Its node's clock is provably ahead of the server's: condition Ready changed later than the server wrote it down, or later than now.
    pub fn clock_is_ahead(&self, now: Timestamp) -> bool {
        let known = self.status_written.map_or(now, |written| written.min(now));
        self.ready_changed.is_some_and(|changed| changed.duration_since(known) > CLOCKS_DIFFER)
    }

    /// The pod's controller has this UID.
    pub fn is_owned_by(&self, uid: &str) -> bool {
        self.owner.as_ref().is_some_and(|owner| &*owner.uid == uid)
    }
}

/// Two clocks that agree may differ by this much: the server writes its times down in whole seconds.
pub const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(2);

/// A pod that asks to be replaced, with what detection wrote on it. Texts are bounded when they are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The pod.
    pub pod: Pod,
    /// `metadata.resourceVersion`, the delete's precondition.
    pub resource_version: String,
    /// All its labels: budgets select by them.
    pub labels: BTreeMap<String, String>,
    /// The service that it belongs to.
    pub service: Option<Service>,
    /// `status.phase`, for the budget's rule: Pending, Succeeded and Failed pods need none.
    pub phase: String,
    /// It mirrors a static pod (annotation `kubernetes.io/config.mirror`).
    pub mirror: bool,
    /// Label `controller-revision-hash`, of StatefulSets and DaemonSets.
    pub revision: Option<String>,
    /// When the request label was set, by the server's clock: from managedFields, which any later change by the same field manager
    /// renews. How old the request is says [`crate::core::decide::requested_at`].
    pub requested_at: Fact<Timestamp>,
    /// The field manager that set it, e.g. `kubectl-label`.
    pub field_manager: Option<String>,
    /// Annotation `requested-by`: what the requester says of itself, unverified.
    pub requested_by: Option<String>,
    /// Annotation `incident`.
    pub incident: Option<String>,
    /// Annotation `symptom`.
    pub symptom: Option<String>,
    /// Annotation `probable-cause`.
    pub probable_cause: Option<String>,
    /// Annotation `confidence`, as written.
    pub confidence: Option<String>,
    /// Annotation `detected-at`, as written.
    pub detected_at: Option<String>,
    /// Annotation `requested-at`, as written: when the request was renewed.
    pub renewed_at: Option<String>,
    /// Annotation `runbook`: the one runbook to use.
    pub runbook: Option<String>,
    /// Its containers, init containers first.
    pub containers: Vec<Container>,
    /// It has never had a node: what the scheduler says of it.
    pub unscheduled: Option<String>,
    /// Conditions that its spec wants beside its containers (`readinessGates`) and that are not True, with what is said of them.
    pub shut_gates: Vec<String>,
    /// The claims that its volumes mount, by name.
    pub claims: Vec<String>,
    /// Those of its annotations that a runbook looks at.
    pub annotations: BTreeMap<String, String>,
    /// Annotation `approve`: the plan that a human approves.
    pub approval: Option<String>,
    /// Annotation `approved-by`: who that human says to be.
    pub approved_by: Option<String>,
}

/// How one container of a requesting pod fares: what may confirm a symptom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// `name`.
    pub name: String,
    /// It is an init container; a sidecar is one too.
    pub init: bool,
    /// `restartCount`.
    pub restarts: u32,
    /// `ready`.
    pub ready: bool,
    /// `state.running`.
    pub running: bool,
    /// `started`: its startup probe has passed, or it has none and runs.
    pub started: bool,
    /// Its spec has a readiness probe; unknown where the spec is not at hand.
    pub probed: Option<bool>,
    /// `state.waiting.reason`.
    pub waiting: Option<String>,
    /// `state.waiting.message`.
    pub waiting_message: Option<String>,
    /// How it last ended: `state.terminated`, else `lastState.terminated`.
    pub ended: Option<Ended>,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// `reason`, e.g. `OOMKilled`.
    pub reason: String,
    /// `finishedAt`, by the kubelet's clock.
    pub at: Option<Timestamp>,
}

/// The namespace of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`, the short ones.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.deletionTimestamp` is set: nothing new can be created in it.
    pub deleting: bool,
}

/// A PersistentVolumeClaim that a requesting pod mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// `metadata.deletionTimestamp` is set: the volume is there for as long as a pod uses it.
    pub deleting: bool,
    /// `status.phase` is Lost: the volume behind it is gone.
    pub lost: bool,
    /// None of its access modes lets pods on two nodes mount it.
    pub one_node: bool,
}

/// A policy/v1 PodDisruptionBudget.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// `metadata.name`.
    pub name: String,
    /// `spec.selector`; `None` (null) selects nothing, an empty one everything.
    pub selector: Option<Selector>,
    /// `metadata.generation`.
    pub generation: i64,
    /// `status.observedGeneration`.
    pub observed_generation: i64,
    /// `status.disruptionsAllowed`.
    pub disruptions_allowed: i32,
    /// `status.currentHealthy`.
    pub current_healthy: i32,
    /// `status.desiredHealthy`.
    pub desired_healthy: i32,
    /// `spec.unhealthyPodEvictionPolicy` is AlwaysAllow.
    pub unhealthy_always_allowed: bool,
}
