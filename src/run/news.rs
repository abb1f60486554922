//! Notifications: about a run's own records, and about outcomes that no earlier run reported.

use std::io::Write;

use super::outcome::{after_failure, sentence, stopped};
use super::report::Reporter;
use crate::core::ledger::{BreakerEvent, Execution, Settled};
use crate::core::runbook::{Escalate, Runbook};
use crate::outside::notify::{Message, News, in_words};
use crate::terminal::audit::{EscalationRecord, Record, RecordKind, RunReason};

impl<W: Write> Reporter<W> {
    /// An outcome in the ledger that no human was notified of.
    pub(super) fn told_late(&mut self, execution: &Execution, end: &Settled, opening: Option<&BreakerEvent>, runbook: Option<&Runbook>) {
        let on_failure = runbook.map_or(Escalate::PageServiceOwner, |runbook| runbook.escalation.on_verification_failure);
        let level = match end.result.escalation(on_failure) {
            // It has been reset since.
            Escalate::OpenIncidentAndDisableRunbook if opening.is_none() => Escalate::OpenIncident,
            level => level,
        };
        let consequence = opening.map_or_else(String::new, |opening| format!("; {}", stopped(opening)));
        let sentence = sentence(execution.method, &execution.pod.name, end.result, &end.detail);
        let message = format!("not reported before, at {:.0}: {sentence}{consequence}", end.at);
        let escalation = EscalationRecord {
            level: level.as_str(),
            runbook_owner: runbook.map(|runbook| runbook.owner.clone()),
            service_owner: execution.service_owner.clone(),
            reset_with: opening.map(|opening| opening.reset_with(&execution.namespace)),
        };
        let record = self.trail.of_execution(RecordKind::Run, message, execution);
        let hint = escalation.reset_with.as_deref().map(after_failure);
        let record = Record { reason: RunReason::ToldLate.into(), hint, escalation: Some(escalation), ..record };
        self.outbox.add(level, &execution.pod.uid, execution.news(end.result), &record);
    }

    /// What a message is: the record that the trail has of it, one of its own if it is about many or about the past.
    pub(super) fn message(&mut self, message: &Message) -> Record {
        let ([News { record, .. }], 0) = (message.news.as_slice(), message.surplus) else { return self.summary(message) };
        // The rest has been written when it happened.
        if record.reason.as_deref() == Some(RunReason::ToldLate.as_str()) {
            self.trail.write(record);
        }
        record.clone()
    }

    fn summary(&mut self, message: &Message) -> Record {
        let mut record = self.trail.record(RecordKind::Run, message.sentence());
        record.reason = RunReason::ToldAtOnce.into();
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
        self.trail.write(&record);
        record
    }

    /// A dry run notifies nobody; it records in the trail what it would have sent.
    pub(super) fn would_notify(&mut self, format: &str, message: &Message) {
        let text = format!("would notify by {format}: {}: {}", in_words(message.level().as_str()), message.sentence());
        let mut record = self.trail.record(RecordKind::Run, text);
        record.reason = RunReason::WouldNotify.into();
        self.trail.write(&record);
    }
}
