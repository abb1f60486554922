//! Audit: what the run decided and did, as records, Events and news.

use std::io::Write;
use std::time::Duration;

use super::announce::{Announcer, note_of, with_owners};
use super::outcome::{after_failure, sentence, stopped};
use super::trail::Trail;
use crate::cluster::api::Writer;
use crate::cluster::events::{EventReason, Note};
use crate::core::decide::{Decision, GuardrailId, Mode, Reason, Subject};
use crate::core::intent::Decided;
use crate::core::judge::VerificationEnd;
use crate::core::ledger::{BreakerEvent, Execution, ObjectRef, Outcome};
use crate::core::runbook::{Escalate, Method, Runbook};
use crate::core::snapshot::{Request, Workload};
use crate::outside::notify::Outbox;
use crate::run::config::Settings;
use crate::terminal::audit::{ActionRecord, ApprovalRecord, EscalationRecord, Record, RecordKind, RunReason, VerificationRecord};

/// Says what one run decides and does: in the trail, as Events, and to those who are notified.
pub(super) struct Reporter<W> {
    pub(super) trail: Trail<W>,
    events: Announcer,
    /// Notifications that are still to be sent.
    pub(super) outbox: Outbox,
}

/// How an execution ended, and what the trail has said of it so far.
pub(super) struct EndedExecution<'a> {
    pub(super) execution: &'a Execution,
    pub(super) verdict: VerificationEnd,
    /// It counts for cooldown, rate and caps. False only where this run knows that nothing was sent.
    pub(super) charged: bool,
    /// Since the intent.
    pub(super) took: Duration,
    /// The record of its intent, if this run made it.
    pub(super) said: Option<Record>,
}

impl<W: Write> Reporter<W> {
    pub(super) fn new(trail: Trail<W>, writer: Option<Writer>, settings: &Settings) -> Self {
        let instance = settings.pod_name.clone().unwrap_or_else(|| trail.run_id().to_owned());
        Self { trail, events: Announcer::new(writer, instance), outbox: Outbox::new(settings.notify.is_some()) }
    }

    /// Runs were here before this ledger was. `silent`: only the trail says so.
    pub(super) async fn ledger_starts_anew(&mut self, message: String, ledger: &ObjectRef, silent: bool) {
        let level = if silent { Escalate::None } else { Escalate::OpenIncident };
        let mut record = self.trail.record(RecordKind::Run, message.clone());
        record.reason = RunReason::LedgerNew.into();
        record.escalation = Some(EscalationRecord { level: level.as_str(), runbook_owner: None, service_owner: None, reset_with: None });
        self.trail.write(&record);
        self.outbox.add(level, "", format!("ledger_new {}", ledger.uid), &record);
        if !silent {
            let note = Note { reason: EventReason::LedgerStartsAnew, regarding: ledger, pod: ledger, distinction: "", text: &message };
            self.events.event(&note, self.trail.now()).await;
        }
    }

    /// One decision: the one record of it, which is returned, and an Event for the workload's owner.
    pub(super) async fn decision(&mut self, decided: &Decided<'_>) -> Record {
        let Decided { request, decision, snapshot, ledger, now } = *decided;
        let message = decision.message(&request.pod.name);
        let workload = snapshot.workload_of(request);
        let runbook = decision.runbook;
        let mut record = self.trail.of_request(RecordKind::Decision, message.clone(), request);
        record.timestamp = now;
        record.hint = decision.hint(&Subject::new(request, runbook, snapshot, ledger));
        record.mode = Some(decision.mode.as_str());
        let blocked: Vec<&str> = decision.blocked().map(|check| check.id.as_str()).collect();
        record.reason = Some(if blocked.is_empty() { decision.reason.as_str().to_owned() } else { blocked.join(",") });
        if let Some(evidence) = &decision.evidence {
            record.symptom = Some(evidence.symptom.clone());
            record.cause.clone_from(&evidence.cause);
            record.confidence = evidence.confidence;
        }
        if let Some(runbook) = runbook {
            record.runbook = Some(runbook.name.clone());
            record.runbook_digest = Some(runbook.digest.clone());
            record.action = Some(action(request, runbook, self.trail.namespace(), None));
        }
        if let Some(workload) = workload {
            record.set_workload(workload.kind, &workload.name);
        }
        record.guardrails = decision.guardrails.iter().map(Into::into).collect();
        record.approval = approval(decision);
        let level = decision.escalation();
        record.escalation = Some(EscalationRecord {
            level: level.as_str(),
            runbook_owner: runbook.map(|runbook| runbook.owner.clone()),
            service_owner: workload.and_then(|workload| workload.owner.clone()),
            reset_with: None,
        });
        self.trail.write(&record);
        self.outbox.add(level, &request.pod.uid, decision.distinction(), &record);
        let distinction = record.reason.clone().unwrap_or_default();
        let text = note_of(message, &record);
        if decision.is_moot() || decision.observing {
            return record;
        }
        let reason = match (decision.mode, &decision.reason) {
            (_, Reason::Closed(_)) => return record,
            (Mode::Abort, Reason::Blocked) => EventReason::PodReplacementRefused,
            (Mode::Abort | Mode::Manual, _) => EventReason::PodReplacementNotPossible,
            (Mode::Suggest, _) => EventReason::PodReplacementSuggested,
            (Mode::ApprovalRequired, _) => EventReason::PodReplacementNeedsApproval,
            // What is only observed stays in the trail; what is done has its own Events.
            (Mode::Observe | Mode::AutoExecute, _) => return record,
        };
        if blocked == [GuardrailId::ConcurrentActions.as_str()] {
            // Another run is at work, and will be through in a minute: nothing to tell a service owner.
            return record;
        }
        let pod = ObjectRef::from(&request.pod);
        let regarding = workload.map_or_else(|| pod.clone(), workload_ref);
        let note = Note { reason, regarding: &regarding, pod: &pod, distinction: &distinction, text: &text };
        self.events.event(&note, self.trail.now()).await;
        record
    }

    /// The action is about to be sent. `said`: the record of the decision. The record, which repeats it.
    pub(super) fn intent(&mut self, decided: &Decided<'_>, execution: &Execution, said: Record) -> Record {
        let Execution { pod, service, runbook, .. } = execution;
        let verb = match execution.method {
            Method::Delete => "deleting",
            Method::Evict => "evicting",
        };
        let message = format!("{verb} {} of service {service} now, by runbook {runbook}; its controller replaces it", pod.name);
        let action = decided.decision.runbook.map(|runbook| action(decided.request, runbook, self.trail.namespace(), Some(&execution.id)));
        let message = self.trail.marked(message);
        let record = Record { kind: RecordKind::Intent, message, hint: None, timestamp: decided.now, action, ..said };
        self.trail.write(&record);
        record
    }

    /// How it ended.
    pub(super) async fn outcome(&mut self, ended: EndedExecution<'_>, opening: Option<&BreakerEvent>, runbooks: &[Runbook]) {
        let EndedExecution { execution, verdict, took, said, .. } = ended;
        let Execution { pod, workload, .. } = execution;
        let stopped = opening.map(stopped);
        let consequence = stopped.as_ref().map_or_else(String::new, |stopped| format!("; {stopped}"));
        let message = format!("{}{consequence}", sentence(execution.method, &pod.name, verdict.result, &verdict.detail));
        let base = self.trail.of_execution(RecordKind::Outcome, message.clone(), execution);
        // What is only known of a request that this run decided on itself.
        let record = match said {
            Some(said) => Record { kind: base.kind, message: base.message, timestamp: base.timestamp, ..said },
            None => base,
        };
        let on_failure = execution.in_flight.as_ref().map_or(Escalate::None, |terms| terms.on_failure);
        let level = verdict.result.escalation(on_failure);
        let owners = record.escalation.clone().unwrap_or(EscalationRecord {
            level: "",
            runbook_owner: runbooks.iter().find(|runbook| runbook.name == execution.runbook).map(|runbook| runbook.owner.clone()),
            service_owner: execution.service_owner.clone(),
            reset_with: None,
        });
        let reset_with = opening.map(|opening| opening.reset_with(&execution.namespace));
        let record = Record {
            hint: reset_with.as_deref().map(after_failure),
            outcome: Some(match verdict.result {
                Outcome::Verified => "success",
                Outcome::Failed => "failure",
                _ => "unknown",
            }),
            reason: Some(verdict.result.as_str().to_owned()),
            escalation: Some(EscalationRecord { level: level.as_str(), reset_with, ..owners }),
            verification: Some(VerificationRecord {
                result: verdict.result.as_str(),
                detail: verdict.detail.clone(),
                replacement: verdict.replacement.as_ref().map(|replacement| replacement.name.clone()),
                replacement_uid: verdict.replacement.as_ref().map(|replacement| replacement.uid.clone()),
                seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
            }),
            ..record
        };
        self.trail.write(&record);
        self.outbox.add(level, &pod.uid, execution.news(verdict.result), &record);
        let message = with_owners(message, &record);
        let reason = match verdict.result {
            Outcome::Verified => EventReason::PodReplacementVerified,
            Outcome::Failed | Outcome::Unknown => EventReason::PodReplacementFailed,
            Outcome::Superseded | Outcome::DegradedBefore | Outcome::NotExecuted => EventReason::PodReplacementInconclusive,
        };
        let note = |reason, text| Note { reason, regarding: workload, pod, distinction: &execution.id, text };
        self.events.event(&note(reason, &message), self.trail.now()).await;
        if let Some(stopped) = stopped {
            let text = note_of(format!("{stopped}: {}", verdict.detail), &record);
            self.events.event(&note(EventReason::CircuitBreakerOpened, &text), self.trail.now()).await;
        }
    }
}

fn action(request: &Request, runbook: &Runbook, namespace: &str, execution_id: Option<&str>) -> ActionRecord {
    ActionRecord {
        command: runbook.action.command.on(&request.pod.name, namespace),
        method: runbook.action.method.as_str(),
        execution_id: execution_id.map(str::to_owned),
    }
}

fn approval(decision: &Decision<'_>) -> Option<ApprovalRecord> {
    let plan = decision.plan.as_ref()?;
    let (state, by, verified) = match &decision.reason {
        Reason::Approved { by, verified } => ("approved", by.clone(), Some(*verified)),
        Reason::ApprovalVoid(_) => ("void", None, None),
        _ => ("required", None, None),
    };
    let (plan, expires_at, approve_with) = (plan.id.clone(), plan.expires_at, plan.approve_with.clone());
    Some(ApprovalRecord { state, plan, expires_at, approve_with, by, verified })
}

fn workload_ref(workload: &Workload) -> ObjectRef {
    ObjectRef { kind: workload.kind.to_string(), name: workload.name.clone(), uid: workload.uid.clone() }
}
