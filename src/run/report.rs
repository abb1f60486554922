//! Audit: what the run decided and did, as records and Events.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster::api::Api;
use crate::cluster::events::{self, Note, Reason};
use crate::core::decide::{Decision, GuardrailId, Mode, Reason as DecisionReason};
use crate::core::judge::Verdict;
use crate::core::ledger::{BreakerEvent, Execution, InFlight, ObjectRef, Outcome, Settled};
use crate::core::runbook::{Command, Escalate, Method, Runbook};
use crate::core::snapshot::{Request, Snapshot, Workload};
use crate::core::words::quoted;
use crate::core::workload_kind::WorkloadKind;
use crate::outside::notify::{Message, News, Outbox, in_words};
use crate::run::config::Settings;
use crate::terminal::audit::{
    self, ActionRecord, Actor, ApprovalRecord, EscalationRecord, Kind, Progress, Record, Settings as SettingsRecord, Sink,
    VerificationRecord,
};

use super::outcome::sentence;

/// After so many that could not be written, a run writes no more Events.
const MOST_LOST_EVENTS: u32 = 2;

/// About an outcome of an earlier run.
const TOLD_LATE: &str = "told_late";

/// Writes records and Events for one run.
pub(super) struct Reporter<W> {
    sink: Sink<W>,
    api: Api,
    run_id: String,
    /// Who writes Events: the run's pod, or the run.
    instance: String,
    dry_run: bool,
    settings: SettingsRecord,
    /// Events that could not be written.
    lost_events: u32,
    /// Why the first record that is not in the trail could not be written.
    lost: Option<String>,
    /// What a later record of the same pod repeats.
    last: Option<Record>,
    /// What humans are still to be told.
    pub(super) outbox: Outbox,
}

impl<W: Write> Reporter<W> {
    pub(super) fn new(sink: Sink<W>, api: &Api, settings: &Settings, dry_run: bool) -> Self {
        let run_id = run_id(api.clock().now().unwrap_or_default());
        Self {
            sink,
            instance: settings.pod_name.clone().unwrap_or_else(|| run_id.clone()),
            run_id,
            dry_run,
            settings: SettingsRecord {
                selector: settings.selector.to_string(),
                service_label: settings.service_label.clone(),
                mode_ceiling: settings.ceiling.as_str(),
                approvals: if settings.approvals_admitted { "admitted" } else { "unverified" },
            },
            api: api.clone(),
            lost_events: 0,
            lost: None,
            last: None,
            outbox: Outbox::new(settings.notify.is_some()),
        }
    }

    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Where what the run waits for is shown.
    pub(super) fn progress(&self) -> &Progress {
        self.sink.progress()
    }

    /// Why the trail lacks a record of this run, if it does: a run that cannot say what it does does nothing more.
    pub(super) fn trail_is_lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    fn write(&mut self, record: &Record) {
        if let Err(error) = self.sink.write(record) {
            tracing::error!(record = audit::json(record), "{error}");
            self.lost.get_or_insert_with(|| error.to_string());
        }
    }

    pub(super) fn nothing_to_do(&mut self) {
        self.about_the_run(format!("no pod in {} asks to be replaced ({})", self.api.namespace(), self.settings.selector));
    }

    pub(super) fn about_the_run(&mut self, message: String) {
        let record = self.record(Kind::Run, message);
        self.write(&record);
    }

    /// Runs were here before this ledger was. `silent`: only the trail says so.
    pub(super) async fn ledger_starts_anew(&mut self, message: String, ledger: &ObjectRef, silent: bool) {
        let level = if silent { Escalate::None } else { Escalate::OpenIncident };
        let mut record = self.record(Kind::Run, message.clone());
        record.reason = Some("ledger_new".to_owned());
        record.escalation = Some(EscalationRecord { level: level.as_str(), runbook_owner: None, service_owner: None, reset_with: None });
        self.write(&record);
        self.outbox.add(level, "", format!("ledger_new {}", ledger.uid), &record);
        if !silent {
            self.event(Reason::LedgerStartsAnew, ledger, ledger, "", &message).await;
        }
    }

    /// One decision: the one record of it, and an Event for the workload's owner.
    pub(super) async fn decision(
        &mut self,
        request: &Request,
        decision: &Decision,
        snapshot: &Snapshot,
        runbooks: &[Runbook],
        now: Timestamp,
    ) {
        let message = decision.message(&request.pod.name, runbooks);
        let workload = snapshot.workload_of(request);
        let runbook = decision.runbook.and_then(|index| runbooks.get(index));
        let mut record = self.of_request(Kind::Decision, message.clone(), request);
        record.timestamp = now;
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
            record.action = Some(action(request, runbook, self.api.namespace(), None));
        }
        if let Some(workload) = workload {
            record.set_workload(workload.kind, &workload.name);
        }
        record.guardrails = decision.guardrails.iter().map(Into::into).collect();
        record.approval = approval(decision);
        let level = decision.escalation(runbooks);
        record.escalation = Some(EscalationRecord {
            level: level.as_str(),
            runbook_owner: runbook.map(|runbook| runbook.owner.clone()),
            service_owner: workload.and_then(|workload| workload.owner.clone()),
            reset_with: None,
        });
        self.write(&record);
        self.outbox.add(level, &request.pod.uid, decision.distinction(), &record);
        let distinction = record.reason.clone().unwrap_or_default();
        let message = with_owners(message, record.escalation.as_ref());
        self.last = Some(record);

        if decision.is_moot() || decision.observing {
            return;
        }
        let reason = match (decision.mode, &decision.reason) {
            (_, DecisionReason::Closed(_)) => return,
            (Mode::Abort, DecisionReason::Blocked) => Reason::PodReplacementRefused,
            (Mode::Abort | Mode::Manual, _) => Reason::PodReplacementNotPossible,
            (Mode::Suggest, _) => Reason::PodReplacementSuggested,
            (Mode::ApprovalRequired, _) => Reason::PodReplacementNeedsApproval,
            // What is only observed stays in the trail; what is done has its own Events.
            (Mode::Observe | Mode::AutoExecute, _) => return,
        };
        if blocked == [GuardrailId::ConcurrentActions.as_str()] {
            // Another run is at work, and will be through in a minute: nothing to tell a service owner.
            return;
        }
        let pod = ObjectRef::from(&request.pod);
        let regarding = workload.map_or_else(|| pod.clone(), workload_ref);
        self.event(reason, &regarding, &pod, &distinction, &message).await;
    }

    /// The facts are not what they were when the run began.
    pub(super) fn left_alone(&mut self, request: &Request, reason: &str, why: &str) {
        let record = self.of_request(Kind::Decision, format!("left {} alone: {why}", request.pod.name), request);
        self.write(&Record { mode: Some(Mode::Abort.as_str()), reason: Some(reason.to_owned()), ..record });
    }

    /// The action is about to be sent.
    pub(super) async fn intent(
        &mut self,
        request: &Request,
        decision: &Decision,
        execution: &Execution,
        runbooks: &[Runbook],
        now: Timestamp,
    ) {
        let Execution { pod, service, runbook, .. } = execution;
        let verb = match execution.method {
            Method::Delete => "deleting",
            Method::Evict => "evicting",
        };
        let message = format!("{verb} {} of service {service} now, by runbook {runbook}; its controller replaces it", pod.name);
        let repeated = self.last.take().unwrap_or_else(|| self.of_request(Kind::Intent, String::new(), request));
        let known = decision.runbook.and_then(|index| runbooks.get(index));
        let action = known.map(|runbook| action(request, runbook, self.api.namespace(), Some(&execution.id)));
        let record = Record { kind: Kind::Intent, message: self.marked(message), timestamp: now, action, ..repeated };
        self.write(&record);
        self.last = Some(record);
    }

    /// Another run is at it: nothing is done in the namespace until it has ended.
    pub(super) fn left_to_its_holder(&mut self, execution: &Execution, terms: &InFlight, why: &str) {
        let Execution { pod, service, .. } = execution;
        let until = terms.verify_deadline;
        let message = format!(
            "run {} is replacing {} of service {service}, and this namespace is left to it until {until:.0} at the latest: {why}",
            terms.holder.run_id, pod.name
        );
        let record = self.of_execution(Kind::Run, message, execution);
        self.write(&Record { reason: Some("in_flight".to_owned()), ..record });
    }

    /// A run that cannot end what it began is dead, and this one goes on with it.
    pub(super) fn adopting(&mut self, execution: &Execution, why: &str) {
        let message =
            format!("going on with the replacement of {}, which run {} left in flight: {why}", execution.pod.name, run_of(execution));
        let record = self.of_execution(Kind::Run, message, execution);
        self.write(&Record { reason: Some("adopted".to_owned()), ..record });
    }

    pub(super) fn would_adopt(&mut self, execution: &Execution, why: &str) {
        let message = format!(
            "the replacement of {} was left in flight by run {}: {why}; a run would settle it first",
            execution.pod.name,
            run_of(execution)
        );
        let record = self.of_execution(Kind::Run, message, execution);
        self.write(&Record { reason: Some("in_flight".to_owned()), ..record });
    }

    /// We were taken for dead. What we saw is written down, but the outcome is the other run's.
    pub(super) fn settled_by_another(&mut self, execution: &Execution, verdict: &Verdict) {
        let (pod, seen) = (&execution.pod.name, verdict.result.as_str());
        let message = format!("another run settled the replacement of {pod}; this one saw: {seen}, {}", verdict.detail);
        let record = self.of_execution(Kind::Run, message, execution);
        self.write(&Record { reason: Some("settled_by_another".to_owned()), ..record });
    }

    /// How it ended.
    pub(super) async fn outcome(
        &mut self,
        execution: &Execution,
        verdict: &Verdict,
        opening: Option<&BreakerEvent>,
        took: Duration,
        runbooks: &[Runbook],
    ) {
        let Execution { pod, workload, .. } = execution;
        let stopped = opening.map(stopped);
        let consequence = stopped.as_ref().map_or_else(String::new, |stopped| format!("; {stopped}"));
        let message = format!("{}{consequence}", sentence(execution.method, &pod.name, verdict.result, &verdict.detail));
        let base = self.of_execution(Kind::Outcome, message.clone(), execution);
        // What is only known of a request that this run decided on itself.
        let record = match self.last.take().filter(|last| last.pod_uid == base.pod_uid) {
            Some(last) => Record { kind: base.kind, message: base.message, timestamp: base.timestamp, ..last },
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
        self.write(&record);
        self.outbox.add(level, &pod.uid, execution.news(verdict.result), &record);
        let message = with_owners(message, record.escalation.as_ref());
        let reason = match verdict.result {
            Outcome::Verified => Reason::PodReplacementVerified,
            Outcome::Failed | Outcome::Unknown => Reason::PodReplacementFailed,
            Outcome::Superseded | Outcome::DegradedBefore | Outcome::NotExecuted => Reason::PodReplacementInconclusive,
        };
        self.event(reason, workload, pod, &execution.id, &message).await;
        if let Some(stopped) = stopped {
            let command = opening.map_or_else(String::new, |opening| opening.reset_with(&execution.namespace));
            let text = with_owners(format!("{stopped}, with {command}: {}", verdict.detail), record.escalation.as_ref());
            self.event(Reason::CircuitBreakerOpened, workload, pod, &execution.id, &text).await;
        }
    }

    /// An outcome that the ledger has, and that no human was told of.
    pub(super) fn told_late(&mut self, execution: &Execution, end: &Settled, opening: Option<&BreakerEvent>, runbook: Option<&Runbook>) {
        let on_failure = runbook.map_or(Escalate::PageServiceOwner, |runbook| runbook.escalation.on_verification_failure);
        let level = match end.result.escalation(on_failure) {
            // It has been reset since.
            Escalate::OpenIncidentAndDisableRunbook if opening.is_none() => Escalate::OpenIncident,
            level => level,
        };
        let consequence = opening.map_or_else(String::new, |opening| format!("; {}", stopped(opening)));
        let sentence = sentence(execution.method, &execution.pod.name, end.result, &end.detail);
        let message = format!("not told before, at {:.0}: {sentence}{consequence}", end.at);
        let escalation = EscalationRecord {
            level: level.as_str(),
            runbook_owner: runbook.map(|runbook| runbook.owner.clone()),
            service_owner: execution.service_owner.clone(),
            reset_with: opening.map(|opening| opening.reset_with(&execution.namespace)),
        };
        let record = self.of_execution(Kind::Run, message, execution);
        let record = Record { reason: Some(TOLD_LATE.to_owned()), escalation: Some(escalation), ..record };
        self.outbox.add(level, &execution.pod.uid, execution.news(end.result), &record);
    }

    /// What a message is: the record that the trail has of it, one of its own if it is about many or about the past.
    pub(super) fn message(&mut self, message: &Message) -> Record {
        let ([News { record, .. }], 0) = (message.news.as_slice(), message.surplus) else { return self.summary(message) };
        // The rest has been written when it happened.
        if record.reason.as_deref() == Some(TOLD_LATE) {
            self.write(record);
        }
        record.clone()
    }

    fn summary(&mut self, message: &Message) -> Record {
        let mut record = self.record(Kind::Run, message.sentence());
        record.reason = Some("told_at_once".to_owned());
        // Where all of it has the same, that is said once.
        let same = |of: fn(&Record) -> Option<&String>| {
            let first = message.news.first().and_then(|news| of(&news.record));
            first.filter(|first| message.news.iter().all(|news| of(&news.record) == Some(*first))).cloned()
        };
        record.runbook = same(|record| record.runbook.as_ref());
        record.incident = same(|record| record.incident.as_ref());
        record.escalation = Some(EscalationRecord {
            level: message.level().as_str(),
            runbook_owner: same(|record| record.escalation.as_ref()?.runbook_owner.as_ref()),
            service_owner: same(|record| record.escalation.as_ref()?.service_owner.as_ref()),
            reset_with: same(|record| record.escalation.as_ref()?.reset_with.as_ref()),
        });
        self.write(&record);
        record
    }

    /// A dry run tells nobody, but the trail what it would have told.
    pub(super) fn would_notify(&mut self, format: &str, message: &Message) {
        let text = format!("would notify by {format}: {}: {}", in_words(message.level().as_str()), message.sentence());
        let mut record = self.record(Kind::Run, text);
        record.reason = Some("would_notify".to_owned());
        self.write(&record);
    }

    async fn event(&mut self, reason: Reason, regarding: &ObjectRef, pod: &ObjectRef, distinction: &str, text: &str) {
        // They cost ten seconds each where nobody takes them, and decide nothing.
        if self.dry_run || self.lost_events >= MOST_LOST_EVENTS {
            return;
        }
        let note = Note { reason, regarding, pod, distinction, text, instance: &self.instance };
        if !events::write(&self.api, &note, self.api.clock().now().unwrap_or_default()).await {
            self.lost_events += 1;
            if self.lost_events == MOST_LOST_EVENTS {
                tracing::warn!("no more Events are written in this run: the API server does not take them");
            }
        }
    }

    fn of_request(&self, kind: Kind, message: String, request: &Request) -> Record {
        Record {
            pod: Some(request.pod.name.to_string()),
            pod_uid: Some(request.pod.uid.to_string()),
            service: request.service.as_ref().map(|service| service.name.clone()),
            incident: request.incident.clone(),
            actor: Some(Actor { requested_by: request.requested_by.clone(), field_manager: request.field_manager.clone() }),
            ..self.record(kind, message)
        }
    }

    fn of_execution(&self, kind: Kind, message: String, execution: &Execution) -> Record {
        let mut record = Record {
            pod: Some(execution.pod.name.clone()),
            pod_uid: Some(execution.pod.uid.clone()),
            service: Some(execution.service.clone()),
            incident: execution.incident.clone(),
            runbook: Some(execution.runbook.clone()),
            runbook_digest: Some(execution.runbook_digest.clone()),
            ..self.record(kind, message)
        };
        record.action = Some(ActionRecord {
            command: Command::DeletePod.on(&execution.pod.name, &execution.namespace),
            method: execution.method.as_str(),
            execution_id: Some(execution.id.clone()),
        });
        if let Some(kind) = WorkloadKind::from_word(&execution.workload.kind) {
            record.set_workload(kind, &execution.workload.name);
        }
        record
    }

    fn record(&self, kind: Kind, message: String) -> Record {
        Record {
            timestamp: self.api.clock().now().unwrap_or_default(),
            message: self.marked(message),
            dry_run: self.dry_run,
            ..Record::of_run(kind, &self.run_id, self.api.namespace(), self.settings.clone())
        }
    }

    fn marked(&self, message: String) -> String {
        if self.dry_run { format!("dry run, nothing is touched: {message}") } else { message }
    }
}

/// What an opened breaker means.
fn stopped(opening: &BreakerEvent) -> String {
    let scope = opening.service.as_ref().map_or_else(|| "this namespace".to_owned(), |service| format!("service {service}"));
    format!("runbook {} no longer acts in {scope} until a human resets its circuit breaker", opening.runbook)
}

/// An Event's text names those who are to hear of it, if there is room for that.
fn with_owners(text: String, escalation: Option<&EscalationRecord>) -> String {
    let Some(escalation) = escalation.filter(|one| one.level != Escalate::None.as_str()) else { return text };
    let owners = [("runbook", &escalation.runbook_owner), ("service", &escalation.service_owner)];
    let named: Vec<String> = owners.iter().filter_map(|(of, owner)| Some(format!("{of} owner {}", quoted(owner.as_ref()?)))).collect();
    let longer = format!("{text} ({})", named.join(", "));
    if named.is_empty() || longer.len() > events::MAX_NOTE { text } else { longer }
}

fn action(request: &Request, runbook: &Runbook, namespace: &str, execution_id: Option<&str>) -> ActionRecord {
    ActionRecord {
        command: runbook.action.command.on(&request.pod.name, namespace),
        method: runbook.action.method.as_str(),
        execution_id: execution_id.map(str::to_owned),
    }
}

fn approval(decision: &Decision) -> Option<ApprovalRecord> {
    let plan = decision.plan.as_ref()?;
    let (state, by, verified) = match &decision.reason {
        DecisionReason::Approved { by, verified } => ("approved", by.clone(), Some(*verified)),
        DecisionReason::ApprovalVoid(_) => ("void", None, None),
        _ => ("required", None, None),
    };
    let (plan, expires_at, approve_with) = (plan.id.clone(), plan.expires_at, plan.approve_with.clone());
    Some(ApprovalRecord { state, plan, expires_at, approve_with, by, verified })
}

fn run_of(execution: &Execution) -> &str {
    execution.in_flight.as_ref().map_or("", |terms| &terms.holder.run_id)
}

fn workload_ref(workload: &Workload) -> ObjectRef {
    ObjectRef { kind: workload.kind.to_string(), name: workload.name.clone(), uid: workload.uid.clone() }
}

/// The run's time and some randomness: `20261123t100000z-3fa94c`.
fn run_id(now: Timestamp) -> String {
    let mut random = [0; 3];
    // Two runs of one second in one namespace differ by this; without it, the ledger's resourceVersion still keeps them apart.
    let _ = getrandom::getrandom(&mut random);
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{random}", now.strftime("%Y%m%dt%H%M%Sz"))
}
