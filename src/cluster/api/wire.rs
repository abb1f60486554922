//! Just those fields of the API's objects that a decision needs. Kube's own types, with all of ObjectMeta, take ten times the memory.

mod pod;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

pub(crate) use pod::*;

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    /// Its own metadata.
    pub metadata: PageMeta,
    /// The objects; null where a list of metadata has none.
    pub items: Option<Vec<T>>,
}

/// `ListMeta`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageMeta {
    /// To watch from.
    #[serde(default)]
    pub resource_version: String,
    /// To read on with.
    #[serde(rename = "continue")]
    pub continue_token: Option<String>,
}

/// `ObjectMeta`, the little that we read of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    pub name: String,
    pub uid: String,
    /// Version, opaque.
    pub resource_version: String,
    /// Raised with each change of the spec.
    #[serde(default)]
    pub generation: i64,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Owners; the one with `controller` is its controller.
    #[serde(default)]
    pub owner_references: Vec<OwnerReference>,
    /// When it was made, by the server's clock.
    pub creation_timestamp: Option<Timestamp>,
    /// It is being deleted.
    pub deletion_timestamp: Option<Timestamp>,
    /// Who set which field, and when.
    #[serde(default)]
    pub managed_fields: Vec<ManagedFields>,
}

/// `OwnerReference`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnerReference {
    /// Group and version.
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: String,
    /// It is the controller.
    #[serde(default)]
    pub controller: bool,
}

impl Meta {
    /// The owner that controls it.
    pub(crate) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

/// `ManagedFieldsEntry`, down to the labels that it owns.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManagedFields {
    #[serde(default)]
    pub manager: String,
    /// When, by the server's clock.
    pub time: Option<Timestamp>,
    /// Through which subresource: empty, or `status`.
    #[serde(default)]
    pub subresource: String,
    pub fields_v1: Option<OwnedFields>,
}

/// `FieldsV1`, the part on labels.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OwnedFields {
    /// `f:metadata`.
    #[serde(rename = "f:metadata")]
    pub metadata: Option<OwnedMetadata>,
}

/// `f:metadata`, the part on labels.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OwnedMetadata {
    /// Keys are `f:` and the label's key.
    #[serde(rename = "f:labels", default)]
    pub labels: BTreeMap<String, IgnoredAny>,
}

/// A Deployment, ReplicaSet, StatefulSet or DaemonSet.
#[derive(Debug, Deserialize)]
pub(crate) struct WorkloadObject {
    pub metadata: Meta,
    pub spec: WorkloadSpec,
    #[serde(default)]
    pub status: WorkloadStatus,
}

/// The spec's common part.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkloadSpec {
    /// 1 where absent.
    pub replicas: Option<u32>,
    /// Whole, for its digest.
    #[serde(default)]
    pub template: serde_json::Value,
    #[serde(default)]
    pub paused: bool,
    /// 0 where absent.
    #[serde(default)]
    pub min_ready_seconds: u32,
    /// StatefulSets: OrderedReady where absent.
    pub pod_management_policy: Option<String>,
    /// StatefulSets and DaemonSets.
    #[serde(default)]
    pub update_strategy: UpdateStrategy,
}

/// `StatefulSetUpdateStrategy`, `DaemonSetUpdateStrategy`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateStrategy {
    /// RollingUpdate or OnDelete.
    pub r#type: Option<String>,
    /// With RollingUpdate.
    pub rolling_update: Option<RollingUpdate>,
}

/// `RollingUpdateStatefulSetStrategy`.
#[derive(Debug, Deserialize)]
pub(crate) struct RollingUpdate {
    /// Ordinals below it keep the old revision.
    pub partition: Option<u32>,
}

/// The status's common part.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkloadStatus {
    /// The generation that the rest speaks of.
    pub observed_generation: i64,
    pub conditions: Vec<Condition>,
    pub replicas: u32,
    /// Pods of the newest template.
    pub updated_replicas: u32,
    /// Ready for minReadySeconds.
    pub available_replicas: u32,
    pub current_revision: String,
    pub update_revision: String,
    /// DaemonSets: nodes that want a pod.
    pub desired_number_scheduled: u32,
    /// DaemonSets: nodes that have one.
    pub current_number_scheduled: u32,
    /// DaemonSets: nodes that have one of the newest template.
    pub updated_number_scheduled: u32,
    /// DaemonSets: Ready for minReadySeconds.
    pub number_available: u32,
}

/// A Namespace.
#[derive(Debug, Deserialize)]
pub(crate) struct NamespaceObject {
    pub metadata: NamespaceMeta,
}

/// `ObjectMeta` of a Namespace, the part that we read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamespaceMeta {
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// It is being deleted.
    pub deletion_timestamp: Option<Timestamp>,
}

/// A PersistentVolumeClaim.
#[derive(Debug, Deserialize)]
pub(crate) struct ClaimObject {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: ClaimSpec,
    #[serde(default)]
    pub status: ClaimStatus,
}

/// `PersistentVolumeClaimSpec`, the part that we read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClaimSpec {
    /// ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany, ReadWriteMany.
    #[serde(default)]
    pub access_modes: Vec<String>,
}

/// `PersistentVolumeClaimStatus`, the part that we read.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ClaimStatus {
    /// Pending, Bound, Lost.
    #[serde(default)]
    pub phase: String,
}

/// An object's name and owners: all that is read of what may belong to a requesting pod.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependent {
    pub metadata: DependentMeta,
}

/// `ObjectMeta`, the part on owners.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DependentMeta {
    pub name: String,
    #[serde(default)]
    pub owner_references: Vec<OwnerReference>,
}

/// A PodDisruptionBudget.
#[derive(Debug, Deserialize)]
pub(crate) struct BudgetObject {
    pub metadata: Meta,
    pub spec: BudgetSpec,
    #[serde(default)]
    pub status: BudgetStatus,
}

/// `PodDisruptionBudgetSpec`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BudgetSpec {
    /// Null selects nothing.
    pub selector: Option<LabelSelector>,
    /// IfHealthyBudget where absent.
    pub unhealthy_pod_eviction_policy: Option<String>,
}

/// `LabelSelector`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LabelSelector {
    /// Each must be equal.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
    /// Each must hold.
    #[serde(default)]
    pub match_expressions: Vec<LabelRequirement>,
}

/// `LabelSelectorRequirement`.
#[derive(Debug, Deserialize)]
pub(crate) struct LabelRequirement {
    pub key: String,
    /// In, NotIn, Exists, DoesNotExist.
    pub operator: String,
    /// For In and NotIn.
    #[serde(default)]
    pub values: Vec<String>,
}

/// `PodDisruptionBudgetStatus`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BudgetStatus {
    /// The generation that the rest speaks of.
    pub observed_generation: i64,
    pub disruptions_allowed: i32,
    /// Healthy now.
    pub current_healthy: i32,
    /// Healthy at least.
    pub desired_healthy: i32,
}
