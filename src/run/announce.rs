//! Events of one run, for people who read a workload's Events and not the trail.

use jiff::Timestamp;

use crate::cluster::api::Writer;
use crate::cluster::events::{self, Note};
use crate::core::runbook::Escalate;
use crate::core::words::quoted;
use crate::terminal::audit::Record;

/// After so many that could not be written, a run writes no more Events.
const MOST_LOST_EVENTS: u32 = 2;

/// Writes the Events of one run; those of a dry run, never.
pub(super) struct Announcer {
    writer: Option<Writer>,
    /// Who writes: the run's pod, or the run.
    instance: String,
    /// Events that could not be written.
    lost: u32,
}

impl Announcer {
    pub(super) fn new(writer: Option<Writer>, instance: String) -> Self {
        Self { writer, instance, lost: 0 }
    }

    pub(super) async fn event(&mut self, note: &Note<'_>, now: Timestamp) {
        // They cost ten seconds each where nobody takes them, and decide nothing.
        let Some(writer) = self.writer.as_ref().filter(|_| self.lost < MOST_LOST_EVENTS) else { return };
        if !events::write(writer, note, &self.instance, now).await {
            self.lost += 1;
            if self.lost == MOST_LOST_EVENTS {
                tracing::warn!("no more Events are written in this run: the API server does not take them");
            }
        }
    }
}

/// An Event's text adds the hint if there is room, and then the owners to notify if there still is.
pub(super) fn note_of(message: String, record: &Record) -> String {
    let Some(hint) = &record.hint else { return with_owners(message, record) };
    // A command that is cut off would do something else.
    let longer = format!("{message}; hint: {hint}");
    with_owners(if longer.len() > events::MAX_NOTE { message } else { longer }, record)
}

/// An Event's text names the owners to notify if there is room.
pub(super) fn with_owners(text: String, record: &Record) -> String {
    let Some(escalation) = record.escalation.as_ref().filter(|one| one.level != Escalate::None.as_str()) else { return text };
    let owners = [("runbook", &escalation.runbook_owner), ("service", &escalation.service_owner)];
    let named: Vec<String> = owners.iter().filter_map(|(of, owner)| Some(format!("{of} owner {}", quoted(owner.as_ref()?)))).collect();
    let longer = format!("{text} ({})", named.join(", "));
    if named.is_empty() || longer.len() > events::MAX_NOTE { text } else { longer }
}
