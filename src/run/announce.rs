//! Events of one run, for those who look at a workload and not at the trail.

use jiff::Timestamp;

use crate::cluster::api::Writer;
use crate::cluster::events::{self, Note};
use crate::core::runbook::Escalate;
use crate::core::words::quoted;
use crate::terminal::audit::EscalationRecord;

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

/// An Event's text names those who are to hear of it, if there is room for that.
pub(super) fn with_owners(text: String, escalation: Option<&EscalationRecord>) -> String {
    let Some(escalation) = escalation.filter(|one| one.level != Escalate::None.as_str()) else { return text };
    let owners = [("runbook", &escalation.runbook_owner), ("service", &escalation.service_owner)];
    let named: Vec<String> = owners.iter().filter_map(|(of, owner)| Some(format!("{of} owner {}", quoted(owner.as_ref()?)))).collect();
    let longer = format!("{text} ({})", named.join(", "));
    if named.is_empty() || longer.len() > events::MAX_NOTE { text } else { longer }
}
