//! The audit trail of one run: the records that say what it is about, and whether they could be written.

use std::io::Write;

use jiff::Timestamp;

use crate::cluster::api::Api;
use crate::core::decide::Mode;
use crate::core::judge::VerificationEnd;
use crate::core::ledger::{Execution, InFlight};
use crate::core::runbook::Command;
use crate::core::snapshot::Request;
use crate::core::workload_kind::WorkloadKind;
use crate::outside::clock::Clock;
use crate::run::config::Settings;
use crate::terminal::audit::{self, ActionRecord, Actor, Progress, Record, RecordKind, RunReason, SettingsRecord, Sink};

/// Writes the records of one run.
pub(super) struct Trail<W> {
    sink: Sink<W>,
    clock: Clock,
    namespace: String,
    run_id: String,
    dry_run: bool,
    settings: SettingsRecord,
    /// Why the first record that is not in the trail could not be written.
    lost: Option<String>,
}

impl<W: Write> Trail<W> {
    pub(super) fn new(sink: Sink<W>, api: &Api, clock: &Clock, settings: &Settings, dry_run: bool) -> Self {
        Self {
            sink,
            clock: clock.clone(),
            namespace: api.namespace().to_owned(),
            run_id: run_id(clock.now()),
            dry_run,
            settings: SettingsRecord {
                selector: settings.selector.to_string(),
                service_label: settings.service_label.clone(),
                mode_ceiling: settings.ceiling.as_str(),
                approvals: settings.approvals.as_str(),
            },
            lost: None,
        }
    }

    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where what the run waits for is shown.
    pub(super) fn progress(&self) -> &Progress {
        self.sink.progress()
    }

    /// Why the trail lacks a record of this run, if it does: a run that cannot say what it does does nothing more.
    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    pub(super) fn write(&mut self, record: &Record) {
        if let Err(error) = self.sink.write(record) {
            tracing::error!(record = audit::json(record), "{error}");
            self.lost.get_or_insert_with(|| error.to_string());
        }
    }

    pub(super) fn nothing_to_do(&mut self) {
        self.about_the_run(format!("no pod in {} asks to be replaced ({})", self.namespace, self.settings.selector));
    }

    pub(super) fn about_the_run(&mut self, message: String) {
        let record = self.record(RecordKind::Run, message);
        self.write(&record);
    }

    /// The facts are not what they were when the run began.
    pub(super) fn left_alone(&mut self, request: &Request, reason: RunReason, why: &str) {
        let record = self.of_request(RecordKind::Decision, format!("left {} alone: {why}", request.pod.name), request);
        self.write(&Record { mode: Some(Mode::Abort.as_str()), reason: reason.into(), ..record });
    }

    /// Another run is at it: nothing is done in the namespace until it has ended.
    pub(super) fn left_to_its_holder(&mut self, execution: &Execution, terms: &InFlight, why: &str) {
        let Execution { pod, service, .. } = execution;
        let until = terms.verify_deadline;
        let message = format!(
            "run {} is replacing {} of service {service}, and this namespace is left to it until {until:.0} at the latest: {why}",
            terms.holder.run_id, pod.name
        );
        let record = self.of_execution(RecordKind::Run, message, execution);
        self.write(&Record { reason: RunReason::InFlight.into(), ..record });
    }

    /// A run that cannot end what it began is dead, and this one goes on with it.
    pub(super) fn adopting(&mut self, execution: &Execution, why: &str) {
        let message =
            format!("going on with the replacement of {}, which run {} left in flight: {why}", execution.pod.name, run_of(execution));
        let record = self.of_execution(RecordKind::Run, message, execution);
        self.write(&Record { reason: RunReason::Adopted.into(), ..record });
    }

    pub(super) fn would_adopt(&mut self, execution: &Execution, why: &str) {
        let message = format!(
            "the replacement of {} was left in flight by run {}: {why}; a run would settle it first",
            execution.pod.name,
            run_of(execution)
        );
        let record = self.of_execution(RecordKind::Run, message, execution);
        self.write(&Record { reason: RunReason::InFlight.into(), ..record });
    }

    /// We were taken for dead. What we saw is written down, but the outcome is the other run's.
    pub(super) fn settled_by_another(&mut self, execution: &Execution, verdict: &VerificationEnd) {
        let (pod, seen) = (&execution.pod.name, verdict.result.as_str());
        let message = format!("another run settled the replacement of {pod}; this one saw: {seen}, {}", verdict.detail);
        let record = self.of_execution(RecordKind::Run, message, execution);
        self.write(&Record { reason: RunReason::SettledByAnother.into(), ..record });
    }

    pub(super) fn of_request(&self, kind: RecordKind, message: String, request: &Request) -> Record {
        Record {
            pod: Some(request.pod.name.to_string()),
            pod_uid: Some(request.pod.uid.to_string()),
            service: request.service.as_ref().map(|service| service.name.clone()),
            incident: request.incident.clone(),
            actor: Some(Actor { requested_by: request.requested_by.clone(), field_manager: request.field_manager.clone() }),
            ..self.record(kind, message)
        }
    }

    pub(super) fn of_execution(&self, kind: RecordKind, message: String, execution: &Execution) -> Record {
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

    pub(super) fn record(&self, kind: RecordKind, message: String) -> Record {
        Record {
            timestamp: self.now(),
            message: self.marked(message),
            dry_run: self.dry_run,
            ..Record::of_run(kind, &self.run_id, &self.namespace, self.settings.clone())
        }
    }

    pub(super) fn marked(&self, message: String) -> String {
        if self.dry_run { format!("dry run, nothing is touched: {message}") } else { message }
    }
}

fn run_of(execution: &Execution) -> &str {
    execution.in_flight.as_ref().map_or("", |terms| &terms.holder.run_id)
}

/// The run's time and some randomness: `20261123t100000z-3fa94c`.
fn run_id(now: Timestamp) -> String {
    let mut random = [0; 3];
    // Two runs of one second in one namespace differ by this; without it, the ledger's resourceVersion still keeps them apart.
    let _ = getrandom::getrandom(&mut random);
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{random}", now.strftime("%Y%m%dt%H%M%Sz"))
}
