//! Of a Pod, what a decision needs.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Meta;

/// A Pod.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PodObject {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: PodSpec,
    #[serde(default)]
    pub status: PodStatus,
}

/// `PodSpec`, the little that we read of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSpec {
    /// Where it runs, once that is decided.
    pub node_name: Option<String>,
    #[serde(default)]
    pub containers: Vec<ContainerSpec>,
    /// Init containers.
    #[serde(default)]
    pub init_containers: Vec<ContainerSpec>,
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Conditions that must be True besides.
    #[serde(default)]
    pub readiness_gates: Vec<ReadinessGate>,
}

/// `Container` of a spec: whether it has a readiness probe.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// It has one.
    pub readiness_probe: Option<IgnoredAny>,
}

/// `Volume`: the claim, if it mounts one.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    /// Of a claim that outlives the pod. (A generic ephemeral volume's goes with it, as is meant.)
    pub persistent_volume_claim: Option<ClaimVolume>,
}

/// `PersistentVolumeClaimVolumeSource`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClaimVolume {
    /// The claim's name.
    pub claim_name: String,
}

/// `PodReadinessGate`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadinessGate {
    /// The condition's type.
    pub condition_type: String,
}

/// `PodStatus`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodStatus {
    /// Pending, Running, Succeeded, Failed, Unknown.
    #[serde(default)]
    pub phase: String,
    /// Why it is in this phase, e.g. Evicted.
    #[serde(default)]
    pub reason: String,
    /// The same in words.
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Containers, init containers aside.
    #[serde(default)]
    pub container_statuses: Vec<ContainerStatus>,
    /// Init containers.
    #[serde(default)]
    pub init_container_statuses: Vec<ContainerStatus>,
}

/// A condition of a pod or of a workload.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    /// e.g. Ready.
    pub r#type: String,
    /// True, False or Unknown.
    pub status: String,
    /// Of a pod by the kubelet's clock.
    pub last_transition_time: Option<Timestamp>,
    /// Why, in one word.
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub message: String,
}

/// `ContainerStatus`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerStatus {
    /// Its name.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub restart_count: u32,
    /// Its readiness probe passes, or it has none and runs.
    #[serde(default)]
    pub ready: bool,
    /// Its startup probe has passed, or it has none and runs.
    pub started: Option<bool>,
    #[serde(default)]
    pub state: ContainerState,
    /// Before its last restart.
    #[serde(default)]
    pub last_state: ContainerState,
}

/// `ContainerState`, the parts on waiting and on its end.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ContainerState {
    /// It waits.
    pub waiting: Option<Waiting>,
    /// It runs.
    pub running: Option<IgnoredAny>,
    /// It has ended.
    pub terminated: Option<Terminated>,
}

/// `ContainerStateTerminated`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Terminated {
    #[serde(default)]
    pub reason: String,
    /// 0 where it ended well.
    #[serde(default)]
    pub exit_code: i32,
    /// When, by the kubelet's clock.
    pub finished_at: Option<Timestamp>,
}

/// `ContainerStateWaiting`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Waiting {
    /// Why, in one word.
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub message: String,
}
