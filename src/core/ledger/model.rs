//! What is remembered: the types, as they are stored, and nothing that is worked out of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::core::runbook::{BreakerLimits, Escalate, Method, Probe};
use crate::core::snapshot::Pod;

/// Everything remembered.
///
/// # Examples
///
/// A service rests after an execution, and no other service does:
///
/// ```
/// use jiff::Timestamp;
/// use pod_remediator::core::ledger::{Ledger, Untrusted};
///
/// let text = r#"{"schemaVersion": 2, "ledger": {"breaker": [], "executions": [{
///     "id": "run-1-1", "runbook": "replace", "runbookDigest": "sha256:0", "namespace": "shop", "service": "web",
///     "workload": {"kind": "Deployment", "name": "web", "uid": "1"}, "pod": {"kind": "Pod", "name": "web-5d9", "uid": "2"},
///     "startedAt": "2025-06-01T12:00:00Z", "cooldownUntil": "2025-06-01T12:10:00Z", "charged": true,
///     "outcome": {"at": "2025-06-01T12:00:42Z", "result": "verified", "detail": "the replacement is Ready"}
/// }]}}"#;
/// let now: Timestamp = "2025-06-01T12:04:00Z".parse().unwrap();
/// let ledger = Ledger::decode(text, now).unwrap();
/// let until = |service| ledger.cooldown("shop", service, 10, now).map(|cooldown| cooldown.until.to_string());
/// assert_eq!(until("web").as_deref(), Some("2025-06-01T12:10:00Z"));
/// assert_eq!(until("db"), None);
///
/// // A ledger from the future cannot be trusted: a clock is wrong, and no cooldown would hold.
/// let yesterday: Timestamp = "2025-05-31T12:00:00Z".parse().unwrap();
/// assert!(matches!(Ledger::decode(text, yesterday), Err(Untrusted::Future { .. })));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ledger {
    /// Oldest first.
    pub executions: Vec<Execution>,
    /// Oldest first.
    pub breaker: Vec<BreakerEvent>,
    /// Plans that wait for a human's approval, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub proposals: Vec<Proposal>,
    /// What humans were notified of by webhook, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notified: Vec<Notified>,
    /// The requests that stand, and since when.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub requests: Vec<SeenRequest>,
}

/// One action on one pod: an intent, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Execution {
    /// Unique: the run's id and a number.
    pub id: String,
    /// The runbook's name.
    pub runbook: String,
    /// The runbook's digest at the time.
    pub runbook_digest: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The service's name.
    pub service: String,
    /// What was deployed.
    pub workload: ObjectRef,
    /// The pod to replace.
    pub pod: ObjectRef,
    /// What detection called it, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub incident: Option<String>,
    /// When the intent was written.
    pub started_at: Timestamp,
    /// When the cooldown that its own runbook charged for it ends. Another runbook may ask for more, never for less.
    pub cooldown_until: Timestamp,
    /// It counts for cooldown, rate and caps. False only where the run itself knows that nothing was sent.
    pub charged: bool,
    /// By which call.
    #[serde(default)]
    pub method: Method,
    /// The approval that it was done by, if it needed one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval: Option<ApprovedPlan>,
    /// The team that answers for the workload, by its annotation: the run that settles it may have to notify that team.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_owner: Option<String>,
    /// What another run needs to settle it; dropped once it is settled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_flight: Option<InFlight>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Settled>,
}

/// An approval that was acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovedPlan {
    /// The plan's id.
    pub plan: String,
    /// Who approved it, by annotation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// The cluster's admission vouches for that.
    pub verified: bool,
}

/// A plan that was put to a human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proposal {
    /// The plan's id.
    pub plan: String,
    /// Digest of what the plan rests on.
    pub content: String,
    /// When it was first put.
    pub issued_at: Timestamp,
    /// Until when it can be approved: a renewed request makes it later.
    pub expires_at: Timestamp,
    /// The pod's namespace.
    pub namespace: String,
    /// The service's name.
    pub service: String,
    /// The pod to replace.
    pub pod: ObjectRef,
    /// The runbook's name.
    pub runbook: String,
    /// The whole question, in words.
    pub message: String,
    /// The one command that approves it.
    pub approve_with: String,
}

/// An object by kind, name and UID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRef {
    /// e.g. `Deployment`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
}

impl From<&Pod> for ObjectRef {
    fn from(pod: &Pod) -> Self {
        Self { kind: "Pod".to_owned(), name: pod.name.to_string(), uid: pod.uid.to_string() }
    }
}

/// What it takes to verify an action, whoever does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InFlight {
    /// The run that may send the action, and that verifies it while it lives.
    pub holder: Holder,
    /// The label that makes the service, to find its pods.
    pub service_label: String,
    /// The UID of the pod's own controller (for a Deployment: of its ReplicaSet); a replacement has the same.
    pub owner_uid: String,
    /// Digest of the workload's template.
    pub template_hash: String,
    /// `spec.replicas` then.
    pub desired: u32,
    /// UIDs of the workload's pods that were there before: none of them is a replacement.
    pub pods_before: Vec<String>,
    /// Pods of the workload, the target aside, that were not Ready before.
    pub unready_before: u32,
    /// The place that only its replacement can take, where the workload has such places.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seat: Option<Seat>,
    /// Whether available must equal desired.
    pub available_equals_desired: bool,
    /// How long the replacement must stay Ready, in seconds.
    pub stable_seconds: u64,
    /// Nothing is sent after this.
    pub send_before: Timestamp,
    /// Verified by then, or not at all.
    pub verify_deadline: Timestamp,
    /// What a failure leads to.
    pub on_failure: Escalate,
    /// How many failures open the breaker, where not the first does.
    #[serde(default)]
    pub breaker: BreakerLimits,
    /// Asked once the replacement is healthy, and what they must answer.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub probes: Vec<Probe>,
}

/// What tells a pod's replacement from another new pod of its workload, which a scale-up or a new node brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Seat {
    /// Of a StatefulSet: the pod's own name.
    Name(String),
    /// Of a DaemonSet: the pod's node.
    Node(String),
}

/// Who holds the lock that an intent in flight is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Holder {
    /// The run.
    pub run_id: String,
    /// The pod that it runs in; none on an operator's machine.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pod: Option<String>,
    /// That pod's UID.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pod_uid: Option<String>,
}

/// How an execution ended, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settled {
    /// When the execution ended, by the server's clock.
    pub at: Timestamp,
    /// How it ended.
    pub result: Outcome,
    /// What was seen, for a human.
    pub detail: String,
    /// The pod that took over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replacement: Option<ObjectRef>,
}

/// The ways in which an execution ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The replacement is healthy and every check held.
    Verified,
    /// It is not, by the deadline.
    Failed,
    /// It cannot be proved either way; the breaker counts it as failed.
    Unknown,
    /// Another rollout, or a scale-down, began meanwhile: not ours to judge.
    Superseded,
    /// Only pods that were unready before are missing: for a human, not for the breaker.
    DegradedBefore,
    /// Nothing was done to the pod.
    NotExecuted,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [Self::Verified, Self::Failed, Self::Unknown, Self::Superseded, Self::DegradedBefore, Self::NotExecuted];

    /// As logs, ledger and Events write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Superseded => "superseded",
            Self::DegradedBefore => "degraded_before",
            Self::NotExecuted => "not_executed",
        }
    }

    /// The breaker counts it.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Unknown)
    }
}

/// The breaker's own history. It is open from an opening until a reset, whatever the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BreakerEvent {
    /// When it happened, by the server's clock.
    pub at: Timestamp,
    /// For this runbook.
    pub runbook: String,
    /// For this service only; without it, for the whole namespace.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service: Option<String>,
    /// What happened.
    pub event: BreakerChange,
    /// Why: the failure that opened it, or the reason given for the reset.
    pub cause: String,
    /// Who: the run that opened it, or the person who reset it.
    pub actor: String,
}

/// What a [`BreakerEvent`] records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerChange {
    /// Automation stops.
    Opened,
    /// A human let it go on.
    Reset,
}

/// A human was notified of one pod, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notified {
    /// The pod; empty where it was about so many that not each of them is remembered.
    pub pod_uid: String,
    /// What distinguishes it from other news of that pod.
    pub reason: String,
    /// When the notification was sent, by the server's clock.
    pub at: Timestamp,
}

/// A request that a run has seen, and that no run with the same selector has seen gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeenRequest {
    /// The pod that asks.
    pub pod_uid: String,
    /// Since when: the server's record of the label when a run first saw it, that moment at the latest. It never changes.
    pub since: Timestamp,
    /// The selector that the pod matched, or a digest of a long one; absent for the default selector.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub selector: Option<String>,
}

/// What an end does to later executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleEffect {
    /// It counts for cooldown, rate and caps.
    pub charged: bool,
    /// It opens the breaker now, whatever its threshold.
    pub opens_breaker: bool,
}
