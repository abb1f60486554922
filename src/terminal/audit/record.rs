//! One audit record: flat OpenTelemetry `k8s.*` and `service.name` keys, ECS `event.*` keys, and ours.

use jiff::Timestamp;
use serde::Serialize;

use crate::core::decide::Check;
use crate::core::workload_kind::WorkloadKind;

/// One line of the trail. Every field is in every line; what does not apply is null.
///
/// A new field goes here and into [`Record::of_run`], then into `docs/audit.schema.json` and `docs/audit.md`, which tests hold to this.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Record {
    /// The API server's time.
    #[serde(rename = "@timestamp")]
    pub timestamp: Timestamp,
    /// In language that a service owner understands.
    pub message: String,
    /// What a human can do about it, with the command where there is one; null where there is nothing to do, or the message says it.
    pub hint: Option<String>,
    /// What kind of line this is.
    #[serde(rename = "event.action")]
    pub kind: RecordKind,
    /// `success` or `failure` of an action, `unknown` if it cannot be proved; null where nothing was done.
    #[serde(rename = "event.outcome")]
    pub outcome: Option<&'static str>,
    /// What led to it, in one word: the guardrails that block, or the verification's result.
    #[serde(rename = "event.reason")]
    pub reason: Option<String>,
    /// The run.
    #[serde(rename = "run.id")]
    pub run_id: String,
    /// Nothing was written or deleted, whatever the rest says.
    pub dry_run: bool,
    /// The namespace.
    #[serde(rename = "k8s.namespace.name")]
    pub namespace: String,
    /// The pod that asked.
    #[serde(rename = "k8s.pod.name")]
    pub pod: Option<String>,
    /// Its UID.
    #[serde(rename = "k8s.pod.uid")]
    pub pod_uid: Option<String>,
    /// Its workload, if that is a Deployment.
    #[serde(rename = "k8s.deployment.name")]
    pub deployment: Option<String>,
    /// Its workload, if that is a StatefulSet.
    #[serde(rename = "k8s.statefulset.name")]
    pub stateful_set: Option<String>,
    /// Its workload, if that is a ReplicaSet without a Deployment.
    #[serde(rename = "k8s.replicaset.name")]
    pub replica_set: Option<String>,
    /// Its workload, if that is a DaemonSet.
    #[serde(rename = "k8s.daemonset.name")]
    pub daemon_set: Option<String>,
    /// The service.
    #[serde(rename = "service.name")]
    pub service: Option<String>,
    /// The incident, as detection named it.
    #[serde(rename = "incident.id")]
    pub incident: Option<String>,
    /// The symptom that was acted on.
    #[serde(rename = "incident.symptom")]
    pub symptom: Option<String>,
    /// The probable cause.
    #[serde(rename = "incident.probable_cause")]
    pub cause: Option<String>,
    /// From 0 to 1.
    #[serde(rename = "incident.confidence")]
    pub confidence: Option<f64>,
    /// The runbook that applies.
    #[serde(rename = "runbook.name")]
    pub runbook: Option<String>,
    /// Its digest: which version of it.
    #[serde(rename = "runbook.digest")]
    pub runbook_digest: Option<String>,
    /// abort, manual, suggest, observe, approval_required or auto_execute.
    #[serde(rename = "decision.mode")]
    pub mode: Option<&'static str>,
    /// Every guardrail's result.
    pub guardrails: Vec<GuardrailRecord>,
    /// What was or would be done.
    pub action: Option<ActionRecord>,
    /// What a human has to approve, or has approved.
    pub approval: Option<ApprovalRecord>,
    /// Who is notified.
    pub escalation: Option<EscalationRecord>,
    /// What was seen afterwards.
    pub verification: Option<VerificationRecord>,
    /// Who asked.
    pub actor: Option<Actor>,
    /// The settings that change what a run may see.
    pub settings: SettingsRecord,
}

/// The kinds of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordKind {
    /// What may be done for one pod.
    Decision,
    /// The action is about to be sent; it is in the ledger.
    Intent,
    /// How the action ended.
    Outcome,
    /// About the run as a whole.
    Run,
}

/// Why a run says something that is no decision and no outcome, as a word of `event.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunReason {
    /// Another run holds the namespace, or left an execution in flight.
    InFlight,
    /// An execution of a dead run is settled by this one.
    Adopted,
    /// Another run settled what this one had begun.
    SettledByAnother,
    /// The pod no longer asks.
    Withdrawn,
    /// The pod no longer exists.
    Gone,
    /// The ledger changed each time that an intent was to be written.
    LedgerConflict,
    /// An earlier record of the run could not be written.
    TrailUnwritable,
    /// The ledger was made anew.
    LedgerNew,
    /// An outcome that no run has reported before.
    ToldLate,
    /// Several things are reported in one message.
    ToldAtOnce,
    /// A dry run would notify.
    WouldNotify,
}

impl RunReason {
    /// Every reason.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 11] = [
        Self::InFlight,
        Self::Adopted,
        Self::SettledByAnother,
        Self::Withdrawn,
        Self::Gone,
        Self::LedgerConflict,
        Self::TrailUnwritable,
        Self::LedgerNew,
        Self::ToldLate,
        Self::ToldAtOnce,
        Self::WouldNotify,
    ];

    /// The word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::Adopted => "adopted",
            Self::SettledByAnother => "settled_by_another",
            Self::Withdrawn => "withdrawn",
            Self::Gone => "gone",
            Self::LedgerConflict => "ledger_conflict",
            Self::TrailUnwritable => "trail_unwritable",
            Self::LedgerNew => "ledger_new",
            Self::ToldLate => "told_late",
            Self::ToldAtOnce => "told_at_once",
            Self::WouldNotify => "would_notify",
        }
    }
}

impl From<RunReason> for Option<String> {
    fn from(reason: RunReason) -> Self {
        Some(reason.as_str().to_owned())
    }
}

/// One guardrail's result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GuardrailRecord {
    pub id: &'static str,
    /// pass, blocked or not_applicable.
    pub result: &'static str,
    /// What was observed.
    pub observed: String,
    /// Against which limit.
    pub limit: String,
}

impl From<&Check> for GuardrailRecord {
    fn from(check: &Check) -> Self {
        Self { id: check.id.as_str(), result: check.verdict.as_str(), observed: check.observed.clone(), limit: check.limit.clone() }
    }
}

/// What was or would be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ActionRecord {
    /// What a human would type for it.
    pub command: String,
    /// delete or evict.
    pub method: &'static str,
    /// The execution's id in the ledger; null before there is one.
    pub execution_id: Option<String>,
}

/// What a human has to approve, or has approved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ApprovalRecord {
    /// required, approved or void.
    pub state: &'static str,
    /// The plan's id.
    pub plan: String,
    /// Until when an approval of it counts.
    pub expires_at: Timestamp,
    /// The command that approves it.
    pub approve_with: String,
    /// Who approved it, as the annotation says; null unless approved.
    pub by: Option<String>,
    /// The cluster's admission vouches for that; null unless approved.
    pub verified: Option<bool>,
}

/// Who is notified of a refusal or a failure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EscalationRecord {
    /// none, page_service_owner, open_incident or open_incident_and_disable_runbook, as the runbook says.
    pub level: &'static str,
    /// The runbook's owner.
    pub runbook_owner: Option<String>,
    /// The workload's own owner: its annotation.
    pub service_owner: Option<String>,
    /// Where a circuit breaker has opened: the command that closes it.
    pub reset_with: Option<String>,
}

/// What was seen after the action.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct VerificationRecord {
    /// verified, failed, unknown, superseded, degraded_before or not_executed.
    pub result: &'static str,
    /// In words.
    pub detail: String,
    /// The pod that took over.
    pub replacement: Option<String>,
    /// Its UID.
    pub replacement_uid: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Who asked: the first as it says of itself, the second as the API server knows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Actor {
    /// Annotation `requested-by`, unverified.
    pub requested_by: Option<String>,
    /// The field manager that set the request label.
    pub field_manager: Option<String>,
}

/// The settings that change what a run may see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SettingsRecord {
    /// Which pods ask.
    pub selector: String,
    /// What makes a service.
    pub service_label: String,
    /// The most that any runbook may do.
    pub mode_ceiling: &'static str,
    /// unverified or admitted.
    pub approvals: &'static str,
}

impl Record {
    /// A record about a run, with nothing that concerns one pod.
    pub(crate) fn of_run(kind: RecordKind, run_id: &str, namespace: &str, settings: SettingsRecord) -> Self {
        Self {
            timestamp: Timestamp::UNIX_EPOCH,
            message: String::new(),
            hint: None,
            kind,
            outcome: None,
            reason: None,
            run_id: run_id.to_owned(),
            dry_run: false,
            namespace: namespace.to_owned(),
            pod: None,
            pod_uid: None,
            deployment: None,
            stateful_set: None,
            replica_set: None,
            daemon_set: None,
            service: None,
            incident: None,
            symptom: None,
            cause: None,
            confidence: None,
            runbook: None,
            runbook_digest: None,
            mode: None,
            guardrails: Vec::new(),
            action: None,
            approval: None,
            escalation: None,
            verification: None,
            actor: None,
            settings,
        }
    }

    /// Names the workload, under the key of its kind.
    pub(crate) fn set_workload(&mut self, kind: WorkloadKind, name: &str) {
        let slot = match kind {
            WorkloadKind::Deployment => &mut self.deployment,
            WorkloadKind::ReplicaSet => &mut self.replica_set,
            WorkloadKind::StatefulSet => &mut self.stateful_set,
            WorkloadKind::DaemonSet => &mut self.daemon_set,
        };
        *slot = Some(name.to_owned());
    }
}
