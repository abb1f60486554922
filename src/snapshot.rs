//! What the cluster said at one moment, as plain facts: the input of the decision.
//!
//! Nothing here knows an API type. A fact that could not be read is [`Fact::Unknown`] with the reason, never a default.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::runbook::{DecisionMode, Reading};
use crate::selector::Selector;

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
    /// What is left of the run's own deadline.
    pub time_left: Duration,
    /// The cluster's admission lets nobody approve but who may, and under no name but their own.
    pub approvals_admitted: bool,
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
    /// The workloads, by the UID of the pod's own controller (for a Deployment: of its ReplicaSet).
    pub workloads: BTreeMap<String, Fact<Workload>>,
    /// Every disruption budget of the namespace.
    pub budgets: Fact<Vec<Budget>>,
    /// The namespace's own labels; read where a runbook looks at them.
    pub namespace_labels: Fact<BTreeMap<String, String>>,
    /// What the probes of a request's runbook answered, by the pod's UID. Nothing there for a pod: they have not been asked.
    pub probes: BTreeMap<String, Readings>,
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
    /// `metadata.deletionTimestamp` is set.
    pub terminating: bool,
    /// Condition Ready is True.
    pub ready: bool,
    /// When condition Ready last changed (the kubelet's clock).
    pub ready_changed: Option<Timestamp>,
    /// Restarts of all containers together (init containers aside).
    pub restarts: u32,
    /// Why the first waiting container waits, e.g. `CrashLoopBackOff`.
    pub waiting: Option<Box<str>>,
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
    /// apps/ReplicaSet, a Deployment's or its own master.
    ReplicaSet,
    /// apps/StatefulSet.
    StatefulSet,
    /// apps/DaemonSet.
    DaemonSet,
    /// Anything else (a Job, a Node for mirror pods, another operator's kind), as `Kind`.
    Other(Box<str>),
}

impl OwnerKind {
    /// As manifests write it.
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
        replicated
            && self.ready
            && self.running
            && !self.terminating
            && (self.restarts == 0 || self.ready_for(now).is_some_and(|lasted| lasted.unsigned_abs() >= stable && lasted.is_positive()))
    }

    /// How long condition Ready has had its present status.
    pub fn ready_for(&self, now: Timestamp) -> Option<SignedDuration> {
        self.ready_changed.map(|since| now.duration_since(since))
    }

    /// The pod's controller has this UID.
    pub fn is_owned_by(&self, uid: &str) -> bool {
        self.owner.as_ref().is_some_and(|owner| &*owner.uid == uid)
    }
}

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
    /// renews. How old the request is says [`crate::decide::requested_at`].
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
    /// Its containers, init containers among them.
    pub containers: Vec<Container>,
    /// Annotation `approve`: the plan that a human approves.
    pub approval: Option<String>,
    /// Annotation `approved-by`: who that human says to be.
    pub approved_by: Option<String>,
}

/// How one container of a requesting pod fares: what may confirm a symptom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// `restartCount`.
    pub restarts: u32,
    /// `state.waiting.reason`.
    pub waiting: Option<String>,
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

/// The workload behind a pod: what a service owner deploys and opts in.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `spec.template.metadata.labels`.
    pub template_labels: BTreeMap<String, String>,
    /// A digest of `spec.template`: if it changes, another rollout has begun.
    pub template_hash: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `status.observedGeneration`.
    pub observed_generation: i64,
    /// `spec.replicas` (1 where absent); for a DaemonSet `status.desiredNumberScheduled`.
    pub desired: u32,
    /// `status.replicas`; for a DaemonSet `status.currentNumberScheduled`.
    pub replicas: u32,
    /// `status.updatedReplicas`; for a bare ReplicaSet `status.replicas`; for a DaemonSet `status.updatedNumberScheduled`.
    pub updated: u32,
    /// `status.availableReplicas`; for a DaemonSet `status.numberAvailable`.
    pub available: u32,
    /// `spec.paused`.
    pub paused: bool,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: u32,
    /// The template's `terminationGracePeriodSeconds`: as long a pod that does not heed SIGTERM takes to go.
    pub grace_seconds: u32,
    /// Annotations of ours that the template puts on every pod, by key.
    pub template_words: Vec<String>,
    /// `updateStrategy.type` is OnDelete (StatefulSets and DaemonSets).
    pub on_delete: bool,
    /// StatefulSets only.
    pub stateful: Option<Stateful>,
    /// Annotation `owner`: who answers for it.
    pub owner: Option<String>,
}

impl Workload {
    /// How long a replacement must stay Ready: what the runbook says, else the larger of minReadySeconds and 10 s.
    pub fn stable(&self, stated: Option<u32>) -> Duration {
        Duration::from_secs(u64::from(stated.unwrap_or_else(|| self.min_ready_seconds.max(DEFAULT_STABLE_SECONDS))))
    }
}

/// `terminationGracePeriodSeconds` where a template says nothing.
pub const DEFAULT_GRACE_SECONDS: u32 = 30;
/// The least that a pod must stay Ready before it counts, where nothing else is said.
pub const DEFAULT_STABLE_SECONDS: u32 = 10;

/// What a StatefulSet adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Stateful {
    /// `podManagementPolicy` is OrderedReady: a missing pod is made only when all before it are Ready.
    pub ordered: bool,
    /// `updateStrategy.rollingUpdate.partition`.
    pub partition: u32,
    /// `status.currentRevision`.
    pub current_revision: String,
    /// `status.updateRevision`.
    pub update_revision: String,
}

/// The kinds that can be opted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// apps/v1 Deployment.
    Deployment,
    /// apps/v1 ReplicaSet without owner.
    ReplicaSet,
    /// apps/v1 StatefulSet.
    StatefulSet,
    /// apps/v1 DaemonSet: only where a runbook names it.
    DaemonSet,
}

impl WorkloadKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Deployment, Self::ReplicaSet, Self::StatefulSet, Self::DaemonSet];
    /// Those whose pods stand in for each other.
    pub const WITH_REDUNDANCY: [Self; 3] = [Self::Deployment, Self::ReplicaSet, Self::StatefulSet];

    /// The kind that manifests write like this.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind as manifests write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }
}

impl std::fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
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
