//! What is behind a pod: the workload that a service owner deploys, or a controller that is not understood.

use crate::core::runbook::DEFAULT_STABLE_SECONDS;
use crate::core::workload_kind::WorkloadKind;
use std::collections::BTreeMap;
use std::time::Duration;

/// An object of a kind that is not understood here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Kind and API group, as `Kind.group`; of the core group the kind alone.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// What is behind a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum Behind {
    /// What a service owner deployed and can opt in.
    Workload(Box<Workload>),
    /// A controller whose ways are not understood: that is known, and nothing about it can be read wrongly.
    Unsupported(Foreign),
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
    /// `metadata.annotations`, the short ones.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.deletionTimestamp` is set: it makes no more pods.
    pub deleting: bool,
    /// What controls the workload itself, say an operator's own kind.
    pub controller: Option<Foreign>,
    /// Condition ReplicaFailure is True: why its pods cannot be created.
    pub cannot_create: Option<String>,
    /// Condition Progressing is False: why its rollout will not end.
    pub stalled: Option<String>,
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
    /// Annotations that make or shape a request, and that the template puts on every pod, by key.
    pub template_words: Vec<String>,
    /// What each container of the template takes to be Ready, in the order in which they start.
    pub starts: Vec<Start>,
    /// Why no other pod has a place beside an old one until that is gone.
    pub exclusive: Option<Exclusive>,
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

impl Workload {
    /// The least that a pod of its template takes to be Ready, in seconds, and the container that takes longest. Sidecars start one after
    /// the other, before all other containers.
    pub fn until_ready(&self) -> (u32, Option<&str>) {
        let (mut before, mut longest, mut slowest) = (0_u32, 0_u32, None);
        for start in &self.starts {
            let ready = before.saturating_add(start.seconds());
            if ready > longest {
                (longest, slowest) = (ready, Some(start.name.as_str()));
            }
            if start.sidecar {
                before = before.saturating_add(start.post_start_sleep.max(start.startup_delay));
            }
        }
        (longest, slowest)
    }

    /// A StatefulSet whose newest revision is its current one, while this pod is of another: its template was set back, and with
    /// ordered pods the controller waits for this one to get Ready, which it may never.
    ///
    /// Forced rollback: <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback>.
    pub fn was_rolled_back(&self, of_pod: Option<&str>) -> bool {
        let Some(stateful) = &self.stateful else { return false };
        !self.on_delete
            && stateful.current_revision == stateful.update_revision
            && of_pod.is_some_and(|revision| !revision.is_empty() && revision != stateful.update_revision)
    }
}

/// The least that a container of a template takes to be Ready, in seconds, by what its spec states.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    /// `name`.
    pub name: String,
    /// It is a sidecar (an init container that goes on running): what comes after it waits until it has started.
    pub sidecar: bool,
    /// `lifecycle.postStart.sleep.seconds`.
    pub post_start_sleep: u32,
    /// `startupProbe.initialDelaySeconds`.
    pub startup_delay: u32,
    /// `readinessProbe.initialDelaySeconds`.
    pub ready_delay: u32,
    /// `readinessProbe.successThreshold`.
    pub ready_successes: u32,
    /// `readinessProbe.periodSeconds`.
    pub ready_period: u32,
}

impl Start {
    /// The least that it takes, in seconds: delays and the sleep all count from the container's start, and successes are a period apart.
    pub fn seconds(&self) -> u32 {
        let successes = self.ready_successes.saturating_sub(1).saturating_mul(self.ready_period);
        self.post_start_sleep.max(self.startup_delay).max(self.ready_delay).saturating_add(successes)
    }
}

/// Why the pods of a template exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusive {
    /// A port of the node.
    HostPort(u16),
    /// A required anti-affinity that matches the template's own labels.
    AntiAffinity,
}

/// `terminationGracePeriodSeconds` where a template says nothing.
pub const DEFAULT_GRACE_SECONDS: u32 = 30;

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
