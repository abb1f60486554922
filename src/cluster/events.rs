//! Kubernetes Events: what a service owner sees with `kubectl describe`. Never decisive: a failed write is logged, no more.
//!
//! An Event's name is a digest of what it says of which pod, so that the server itself refuses to hear it twice.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use sha2::{Digest, Sha256};

use crate::cluster::api::{Cause, EVENTS, Writer};
use crate::core::ledger::ObjectRef;
use crate::core::words::{PROGRAM, inert};

/// The longest note that the API takes, in bytes.
pub(crate) const MAX_NOTE: usize = 1024;

/// The closed list of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventReason {
    /// A guardrail blocks.
    PodReplacementRefused,
    /// The request is malformed, has expired, or no single runbook answers to it.
    PodReplacementNotPossible,
    /// The evidence or a setting allows a suggestion only.
    PodReplacementSuggested,
    /// A human has to approve.
    PodReplacementNeedsApproval,
    /// The replacement is healthy.
    PodReplacementVerified,
    /// The replacement is not healthy, or it cannot be proved.
    PodReplacementFailed,
    /// It ended without success or failure: see the note.
    PodReplacementInconclusive,
    /// Automation stops until a human resets it.
    CircuitBreakerOpened,
    /// The ledger was made anew: what it remembered is forgotten.
    LedgerStartsAnew,
}

impl EventReason {
    fn is_warning(self) -> bool {
        !matches!(self, Self::PodReplacementVerified | Self::PodReplacementSuggested)
    }

    /// What the program was at.
    fn action(self) -> &'static str {
        if self == Self::LedgerStartsAnew { "ReadLedger" } else { "ReplacePod" }
    }
}

/// What an Event says.
pub(crate) struct Note<'a> {
    pub reason: EventReason,
    /// What it is about: the workload, where it is known; or the ledger.
    pub regarding: &'a ObjectRef,
    /// The pod; or the ledger, too.
    pub pod: &'a ObjectRef,
    /// What tells it from another Event of this reason on this pod, e.g. the guardrails that block.
    pub distinction: &'a str,
    /// For a human.
    pub text: &'a str,
}

/// Writes an Event, once for each pod, reason and distinction. `instance`: who writes it, the run's own pod or its id. False: it could
/// not be written, which is logged.
pub(crate) async fn write(writer: &Writer, note: &Note<'_>, instance: &str, now: Timestamp) -> bool {
    match writer.create(EVENTS, &event(writer.namespace(), note, instance, now)).await {
        Ok(()) => true,
        Err(error) if matches!(error.cause, Cause::Conflict(_)) => true,
        Err(error) => {
            tracing::warn!("cannot write Event {:?} on pod {}: {error}", note.reason, note.pod.name);
            false
        }
    }
}

fn event(namespace: &str, note: &Note<'_>, instance: &str, now: Timestamp) -> Event {
    let reason = format!("{:?}", note.reason);
    let mut hash = Sha256::new();
    for part in [note.pod.uid.as_str(), &reason, note.distinction] {
        hash.update(part);
        hash.update([0]);
    }
    let digest: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // A pod's name has 253 characters at the most, and so has an Event's.
    let pod_name: String = note.pod.name.chars().take(230).collect();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{digest}", pod_name.trim_end_matches(['.', '-']))),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(PROGRAM.to_owned()),
        reporting_instance: Some(instance.chars().take(128).collect()),
        action: Some(note.reason.action().to_owned()),
        reason: Some(reason),
        type_: Some(if note.reason.is_warning() { "Warning" } else { "Normal" }.to_owned()),
        regarding: Some(reference(namespace, note.regarding)),
        related: (note.pod.kind == "Pod").then(|| reference(namespace, note.pod)),
        note: Some(bounded(note.text)),
        ..Event::default()
    }
}

fn reference(namespace: &str, object: &ObjectRef) -> ObjectReference {
    ObjectReference {
        api_version: Some(if matches!(&*object.kind, "Pod" | "ConfigMap") { "v1" } else { "apps/v1" }.to_owned()),
        kind: Some(object.kind.clone()),
        name: Some(object.name.clone()),
        namespace: Some(namespace.to_owned()),
        uid: Some(object.uid.clone()),
        ..ObjectReference::default()
    }
}

/// Inert, and at most as many bytes as the API takes, cut between characters.
fn bounded(text: &str) -> String {
    let text = inert(text, MAX_NOTE);
    if text.len() <= MAX_NOTE {
        return text;
    }
    let mut end = MAX_NOTE - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, name: &str) -> ObjectRef {
        ObjectRef { kind: kind.to_owned(), name: name.to_owned(), uid: format!("uid-of-{name}") }
    }

    fn named(reason: EventReason, distinction: &str, text: &str) -> Event {
        let (regarding, pod) = (object("Deployment", "web"), object("Pod", "web-1"));
        let note = Note { reason, regarding: &regarding, pod: &pod, distinction, text };
        event("shop", &note, "run-1", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_same_news_of_the_same_pod_has_the_same_name() {
        let name = |reason, distinction, text| named(reason, distinction, text).metadata.name;
        let refused = EventReason::PodReplacementRefused;
        assert_eq!(name(refused, "cooldown", "until noon"), name(refused, "cooldown", "until one"));
        assert_ne!(name(refused, "cooldown", ""), name(refused, "blast_radius", ""));
        assert_ne!(name(refused, "cooldown", ""), name(EventReason::PodReplacementFailed, "cooldown", ""));
    }

    /// Every reason: from the first to the one after it, so that a new one does not compile until it is here.
    fn after(reason: Option<EventReason>) -> Option<EventReason> {
        match reason {
            None => Some(EventReason::PodReplacementRefused),
            Some(EventReason::PodReplacementRefused) => Some(EventReason::PodReplacementNotPossible),
            Some(EventReason::PodReplacementNotPossible) => Some(EventReason::PodReplacementSuggested),
            Some(EventReason::PodReplacementSuggested) => Some(EventReason::PodReplacementNeedsApproval),
            Some(EventReason::PodReplacementNeedsApproval) => Some(EventReason::PodReplacementVerified),
            Some(EventReason::PodReplacementVerified) => Some(EventReason::PodReplacementFailed),
            Some(EventReason::PodReplacementFailed) => Some(EventReason::PodReplacementInconclusive),
            Some(EventReason::PodReplacementInconclusive) => Some(EventReason::CircuitBreakerOpened),
            Some(EventReason::CircuitBreakerOpened) => Some(EventReason::LedgerStartsAnew),
            Some(EventReason::LedgerStartsAnew) => None,
        }
    }

    #[test]
    fn operators_are_told_what_each_reason_asks_of_them() {
        let guide = include_str!("../../docs/operations.md");
        let (_, section) = guide.split_once("\n## Events\n").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        let all: Vec<EventReason> = std::iter::successors(after(None), |reason| after(Some(*reason))).collect();
        let expected = all.iter().map(|reason| {
            let warning = if reason.is_warning() { "Warning" } else { "Normal" };
            format!("| `{reason:?}` | {warning} | ")
        });
        let expected: Vec<String> = expected.collect();
        assert_eq!(rows.len(), expected.len(), "{rows:#?}");
        for (row, begins) in rows.iter().zip(&expected) {
            assert!(row.starts_with(begins) && row.len() > begins.len() + 10, "{begins}: {row}");
        }
    }

    #[test]
    fn a_note_is_cut_between_characters() {
        let note = named(EventReason::PodReplacementFailed, "", &"ü".repeat(2000)).note.unwrap();
        assert!(note.len() <= MAX_NOTE && note.len() > MAX_NOTE - 4 && note.ends_with('…'), "{} bytes", note.len());
    }

    #[test]
    fn a_note_is_inert() {
        assert_eq!(named(EventReason::PodReplacementFailed, "", "a\u{1b}\n\u{202e}b").note.unwrap(), "a\\u{1b}\\n\\u{202e}b");
    }

    #[test]
    fn it_regards_the_workload_by_uid() {
        let event = named(EventReason::PodReplacementVerified, "", "fine");
        let regarding = event.regarding.unwrap();
        assert_eq!((regarding.kind.as_deref(), regarding.uid.as_deref()), (Some("Deployment"), Some("uid-of-web")));
        assert_eq!(event.type_.as_deref(), Some("Normal"));
    }
}
