//! What automation did, as a list: executions, breaker openings, resets.
//!
//! Cooldown, rate, caps and breaker are pure functions of that list and of now; nothing is counted on the side, so nothing
//! can disagree with it. [`crate::cluster::store`] keeps it in a ConfigMap.

mod codec;
mod cooldown;
mod notified;
mod proposals;
mod requests;
mod reset;
mod summary;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::core::runbook::{BreakerLimits, Escalate, Method, Probe};
use crate::core::snapshot::Pod;

pub use codec::{MAX_BYTES, Untrusted};
pub use cooldown::Cooldown;
pub use notified::Notified;
pub use proposals::{MOST_PROPOSALS, StandsFor};
pub use requests::{MOST_REQUESTS, SeenRequest};
pub use reset::{Reset, open_breakers};

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
    /// What humans were told by webhook, oldest first.
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
    /// Where.
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
    /// Who answers for the workload, by its annotation: whoever settles it may have to tell them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_owner: Option<String>,
    /// What another run needs to settle it; dropped once it is settled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_flight: Option<InFlight>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Settled>,
}

impl Execution {
    /// Nothing was done, and the run that meant to knows it.
    fn counts_for_nothing(&self) -> bool {
        !self.charged && self.outcome.as_ref().is_some_and(|end| end.result == Outcome::NotExecuted)
    }
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
    /// Where.
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
    /// When.
    pub at: Timestamp,
    /// How.
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
    /// When.
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

/// The window of the cap on affected services.
pub const AFFECTED_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// The window of the rate.
pub const RATE_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How long executions are kept; the last one of each service, and every breaker opening not yet reset, stay.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Ledger {
    /// Intents whose outcome is not known yet.
    pub fn in_flight(&self) -> impl Iterator<Item = (&Execution, &InFlight)> {
        self.executions.iter().filter_map(|execution| Some((execution, execution.in_flight.as_ref()?)))
    }

    /// The newest moment in it: time never runs backwards across runs.
    pub fn newest(&self) -> Option<Timestamp> {
        let newest =
            |execution: &Execution| execution.outcome.as_ref().map_or(execution.started_at, |end| end.at.max(execution.started_at));
        let executions = self.executions.iter().map(newest);
        let others = self.breaker.iter().map(|event| event.at).chain(self.proposals.iter().map(|proposal| proposal.issued_at));
        let seen = self.notified.iter().map(|one| one.at).chain(self.requests.iter().map(|one| one.since));
        executions.chain(others).chain(seen).max()
    }

    /// Everything that `after` has, and `before` had not or not so, is here, and no request that `after` forgot. It tells whether the
    /// write that led from the one to the other was done, whatever others have written since.
    pub fn has_what_changed(&self, before: &Self, after: &Self) -> bool {
        fn has<T: PartialEq>(now: &[T], before: &[T], after: &[T]) -> bool {
            after.iter().filter(|one| !before.contains(one)).all(|one| now.contains(one))
        }
        has(&self.executions, &before.executions, &after.executions)
            && has(&self.breaker, &before.breaker, &after.breaker)
            && has(&self.proposals, &before.proposals, &after.proposals)
            && has(&self.notified, &before.notified, &after.notified)
            && has(&self.requests, &before.requests, &after.requests)
            && before.requests.iter().filter(|one| !after.requests.contains(one)).all(|one| !self.requests.contains(one))
    }

    fn charged<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Execution> {
        self.executions.iter().filter(move |execution| execution.charged && execution.namespace == namespace)
    }

    /// The starts of this runbook's executions on this service in the last hour, oldest first.
    pub fn in_the_last_hour(&self, namespace: &str, service: &str, runbook: &str, now: Timestamp) -> Vec<Timestamp> {
        let mut starts: Vec<Timestamp> = self
            .charged(namespace)
            .filter(|execution| execution.service == service && execution.runbook == runbook)
            .map(|execution| execution.started_at)
            .filter(|start| now.duration_since(*start) < RATE_WINDOW)
            .collect();
        starts.sort_unstable();
        starts
    }

    /// The services acted on in the last ten minutes, each with its newest execution's start, by name.
    pub fn affected_services<'a>(&'a self, namespace: &'a str, now: Timestamp) -> Vec<(&'a str, Timestamp)> {
        let recent = self.charged(namespace).filter(|execution| now.duration_since(execution.started_at) < AFFECTED_WINDOW);
        let mut newest = std::collections::BTreeMap::new();
        for execution in recent {
            let start = newest.entry(execution.service.as_str()).or_insert(execution.started_at);
            *start = (*start).max(execution.started_at);
        }
        newest.into_iter().collect()
    }

    /// The opening that keeps this runbook from acting on this service, if there is one.
    pub fn open_breaker(&self, runbook: &str, service: &str) -> Option<&BreakerEvent> {
        self.opening(runbook, None).or_else(|| self.opening(runbook, Some(service)))
    }

    /// Every opening that no reset has cleared, by runbook and service; a whole namespace's comes first.
    pub fn open_breakers(&self) -> Vec<&BreakerEvent> {
        let scopes: BTreeSet<_> = self.breaker.iter().map(|event| (event.runbook.as_str(), event.service.as_deref())).collect();
        scopes.into_iter().filter_map(|(runbook, service)| self.opening(runbook, service)).collect()
    }

    /// The opening of one breaker, unless it has been reset since.
    fn opening(&self, runbook: &str, scope: Option<&str>) -> Option<&BreakerEvent> {
        let events = self.breaker.iter().filter(|event| event.runbook == runbook && event.service.as_deref() == scope);
        // Of events at the same moment the later in the list: it is written in the order in which things happened.
        events.max_by_key(|event| event.at).filter(|event| event.event == BreakerChange::Opened)
    }

    /// Writes how an execution ended, and opens the breaker if that is what it calls for, or if `open_now` says so whatever the
    /// threshold. The opening, if there is one.
    pub fn settle(&mut self, id: &str, end: Settled, charged: bool, open_now: bool, actor: &str) -> Option<BreakerEvent> {
        let execution = self.executions.iter_mut().find(|execution| execution.id == id)?;
        let in_flight = execution.in_flight.take()?;
        execution.charged = charged;
        let (at, failed, detail) = (end.at, end.result.is_failure(), end.detail.clone());
        execution.outcome = Some(end);
        let (runbook, service, namespace) = (execution.runbook.clone(), execution.service.clone(), execution.namespace.clone());
        if !failed || self.open_breaker(&runbook, &service).is_some() {
            return None;
        }
        let whole_namespace = in_flight.on_failure == Escalate::OpenIncidentAndDisableRunbook;
        let BreakerLimits { failures, window_minutes } = in_flight.breaker;
        let window = SignedDuration::from_mins(i64::from(window_minutes));
        let recent = self.recent_failures(&namespace, &runbook, &service, window, at);
        if !open_now && !whole_namespace && u32::try_from(recent).is_ok_and(|recent| recent < failures) {
            return None;
        }
        let opening = BreakerEvent {
            at,
            runbook,
            service: (!whole_namespace).then_some(service),
            event: BreakerChange::Opened,
            cause: detail,
            actor: actor.to_owned(),
        };
        self.breaker.push(opening.clone());
        Some(opening)
    }

    /// Failures of this runbook on this service within the window, since its breaker was last reset.
    fn recent_failures(&self, namespace: &str, runbook: &str, service: &str, window: SignedDuration, now: Timestamp) -> usize {
        let reset = self
            .breaker
            .iter()
            .filter(|event| event.event == BreakerChange::Reset && event.runbook == runbook)
            .filter(|event| event.service.as_deref().is_none_or(|of| of == service))
            .map(|event| event.at)
            .max();
        self.executions
            .iter()
            .filter(|execution| execution.namespace == namespace && execution.runbook == runbook && execution.service == service)
            .filter_map(|execution| execution.outcome.as_ref())
            .filter(|end| end.result.is_failure() && now.duration_since(end.at) < window && reset.is_none_or(|reset| end.at > reset))
            .count()
    }

    /// Forgets executions older than seven days, but none in flight and not the last of a service; and a breaker's past
    /// once it has been reset for that long; plans that nobody can approve any more; and whom it told what. Never what a limit still rests on.
    pub fn prune(&mut self, now: Timestamp) {
        let mut seen = BTreeSet::new();
        let mut kept: Vec<bool> = self
            .executions
            .iter()
            .rev()
            .map(|execution| {
                let last_of_service = seen.insert((execution.namespace.clone(), execution.service.clone()));
                // What was not done limits nothing, and would be tried again in each run where the cluster itself refuses it.
                let kept = if execution.counts_for_nothing() { RATE_WINDOW } else { KEPT };
                last_of_service || execution.in_flight.is_some() || now.duration_since(execution.started_at) < kept
            })
            .collect();
        self.executions.retain(|_| kept.pop().unwrap_or(true));

        let acted = self.executions.iter().filter(|execution| !execution.counts_for_nothing());
        let done: BTreeSet<&str> = acted.map(|execution| execution.pod.uid.as_str()).collect();
        self.proposals.retain(|proposal| proposal.expires_at > now && !done.contains(proposal.pod.uid.as_str()));
        let surplus = self.proposals.len().saturating_sub(MOST_PROPOSALS);
        self.proposals.drain(..surplus);
        self.prune_notified(now);

        let resets: Vec<BreakerEvent> = self
            .breaker
            .iter()
            .filter(|event| event.event == BreakerChange::Reset && now.duration_since(event.at) >= KEPT)
            .cloned()
            .collect();
        self.breaker.retain(|event| {
            !resets.iter().any(|reset| reset.runbook == event.runbook && reset.service == event.service && event.at <= reset.at)
        });
    }
}

/// `start + span`, at the end of time at most.
pub fn later(start: Timestamp, span: SignedDuration) -> Timestamp {
    start.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
