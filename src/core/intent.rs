//! What is written down before an action, and what is put to a human instead: the same in a run and in a simulation.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::decide::{Check, Decision, Mode, Reason};
use crate::core::ledger::{ApprovedPlan, Execution, Holder, InFlight, Ledger, ObjectRef, Proposal, Seat, StandsFor, later};
use crate::core::snapshot::{Pod, Request, Snapshot, Workload};
use crate::core::workload_kind::WorkloadKind;

/// Nothing is sent later than this after the intent was written.
pub(crate) const SEND_WITHIN: Duration = Duration::from_secs(10);

/// A request, what was decided for it, on which facts and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decided<'a> {
    /// One of the snapshot's.
    pub request: &'a Request,
    /// What may be done for it.
    pub decision: &'a Decision<'a>,
    /// The facts.
    pub snapshot: &'a Snapshot,
    /// What had been done before.
    pub ledger: &'a Ledger,
    /// When it was decided.
    pub now: Timestamp,
}

impl Decided<'_> {
    /// The intent of the action, if the decision is to act: what is written down before it, by a run and by a simulation.
    pub(crate) fn execution(&self, id: String, holder: Holder) -> Option<Execution> {
        let Self { request, decision, snapshot, now, .. } = *self;
        if decision.mode != Mode::AutoExecute {
            return None;
        }
        let runbook = decision.runbook?;
        let service = request.service.as_ref()?;
        let owner = request.pod.owner.as_ref()?;
        let workload: &Workload = snapshot.workload_of(request)?;
        let pods = snapshot.services.get(service)?.known().ok()?;
        let stable = workload.stable(runbook.verification.stable_seconds);
        let own = || pods.iter().filter(|pod| pod.is_owned_by(&owner.uid));
        // One that has ended is no pod of the workload, and not missing from it either.
        let unready = own().filter(|pod| pod.uid != request.pod.uid && pod.is_live() && !pod.is_ready(stable, now)).count();
        let timeout = Duration::from_secs(u64::from(runbook.verification.timeout_seconds));
        let execution = Execution {
            id,
            runbook: runbook.name.clone(),
            runbook_digest: runbook.digest.clone(),
            namespace: snapshot.bounds.namespace.clone(),
            service: service.name.clone(),
            workload: ObjectRef { kind: workload.kind.to_string(), name: workload.name.clone(), uid: workload.uid.clone() },
            pod: ObjectRef::from(&request.pod),
            incident: request.incident.clone(),
            started_at: now,
            cooldown_until: later(now, SignedDuration::from_mins(i64::from(runbook.guardrails.cooldown_minutes))),
            charged: true,
            method: runbook.action.method,
            approval: approved(decision),
            service_owner: workload.owner.clone(),
            in_flight: Some(InFlight {
                holder,
                service_label: service.label.clone(),
                owner_uid: owner.uid.to_string(),
                template_hash: workload.template_hash.clone(),
                desired: workload.desired,
                pods_before: own().map(|pod| pod.uid.to_string()).collect(),
                unready_before: u32::try_from(unready).unwrap_or(u32::MAX),
                seat: seat(workload.kind, &request.pod),
                available_equals_desired: runbook.verification.available_equals_desired,
                stable_seconds: stable.as_secs(),
                send_before: now + SEND_WITHIN,
                verify_deadline: now + SEND_WITHIN + timeout,
                on_failure: runbook.escalation.on_verification_failure,
                breaker: runbook.guardrails.circuit_breaker,
                probes: runbook.verification.probes.clone(),
            }),
            outcome: None,
        };
        Some(execution)
    }

    /// What is put to a human, if something is.
    pub(crate) fn proposal(&self) -> Option<Proposal> {
        let Self { request, decision, snapshot, .. } = *self;
        let plan = decision.plan.as_ref().filter(|_| decision.mode == Mode::ApprovalRequired)?;
        Some(Proposal {
            plan: plan.id.clone(),
            content: plan.content.clone(),
            issued_at: plan.issued_at,
            expires_at: plan.expires_at,
            namespace: snapshot.bounds.namespace.clone(),
            service: request.service.as_ref()?.name.clone(),
            pod: ObjectRef::from(&request.pod),
            runbook: decision.runbook?.name.clone(),
            message: decision.message(&request.pod.name),
            approve_with: plan.approve_with.clone(),
        })
    }

    /// Which of this pod's plans stands now, if that is for this decision to say: a pause ends by itself, and what is approved meanwhile is
    /// carried out then.
    pub(crate) fn stands_for(&self) -> Option<StandsFor> {
        let Self { request, decision, .. } = *self;
        let waits = decision.reason == Reason::Blocked && decision.blocked().all(Check::is_a_pause);
        let content = decision.plan.as_ref().map(|plan| plan.content.clone());
        (!waits).then(|| StandsFor { pod_uid: request.pod.uid.to_string(), content })
    }
}

/// The place that only the pod's replacement can take.
fn seat(kind: WorkloadKind, pod: &Pod) -> Option<Seat> {
    match kind {
        WorkloadKind::StatefulSet => Some(Seat::Name(pod.name.to_string())),
        WorkloadKind::DaemonSet => pod.node.as_ref().map(|node| Seat::Node(node.to_string())),
        WorkloadKind::Deployment | WorkloadKind::ReplicaSet => None,
    }
}

/// The approval that a decision to act rests on.
fn approved(decision: &Decision<'_>) -> Option<ApprovedPlan> {
    let (plan, Reason::Approved { by, verified }) = (decision.plan.as_ref()?, &decision.reason) else { return None };
    Some(ApprovedPlan { plan: plan.id.clone(), by: by.clone(), verified: *verified })
}
