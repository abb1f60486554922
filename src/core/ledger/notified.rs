//! Which humans have been told what, so that nobody is told twice.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BreakerEvent, Execution, KEPT, Ledger, Outcome, Settled};
use crate::core::words::{PROGRAM, inert};

/// The most that are remembered, the newest: as many as a run a ten minutes can tell within the hour for which a request counts.
const MOST_NOTIFIED: usize = 300;

/// A human was told of one pod, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notified {
    /// The pod; empty where it was about so many that not each of them is remembered.
    pub pod_uid: String,
    /// What tells it from other news of that pod.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Execution {
    /// What tells this end of it from other news of the same pod.
    pub fn news(&self, result: Outcome) -> String {
        format!("{} {}", result.as_str(), self.id)
    }
}

impl BreakerEvent {
    /// The command by which a human resets what this opened, for a shell: a breaker of one service by its service, or every other of the
    /// runbook would be reset with it.
    pub fn reset_with(&self, namespace: &str) -> String {
        let service = self.service.as_ref().map_or_else(String::new, |service| format!(" --service {}", argument(service)));
        format!("{PROGRAM} reset-breaker {}{service} -n {namespace} --reason '…'", argument(&self.runbook))
    }
}

/// A name as one argument for a shell, inert. Names of Kubernetes need no quotes, but a ledger may have been edited by hand.
fn argument(name: &str) -> String {
    let name = inert(name, 253);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '…');
    if !name.is_empty() && name.chars().all(is_plain) { name } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

impl Ledger {
    /// When a human was told of this pod for this reason.
    pub fn told(&self, pod_uid: &str, reason: &str) -> Option<Timestamp> {
        self.notified.iter().filter(|one| one.pod_uid == pod_uid && one.reason == reason).map(|one| one.at).max()
    }

    /// Takes note of what humans were told; false if there is nothing to note.
    pub fn note(&mut self, told: &[Notified]) -> bool {
        self.notified.extend_from_slice(told);
        !told.is_empty()
    }

    /// Executions that have ended, each with its end.
    pub fn ended(&self) -> impl Iterator<Item = (&Execution, &Settled)> {
        self.executions.iter().filter_map(|execution| Some((execution, execution.outcome.as_ref()?)))
    }

    /// Forgets what is older than seven days, and the oldest of too many.
    pub(super) fn prune_notified(&mut self, now: Timestamp) {
        self.notified.retain(|one| now.duration_since(one.at) < KEPT);
        let surplus = self.notified.len().saturating_sub(MOST_NOTIFIED);
        self.notified.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn told(pod: &str, reason: &str, minute: i64) -> Notified {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        Notified { pod_uid: pod.to_owned(), reason: reason.to_owned(), at }
    }

    #[test]
    fn it_is_remembered_by_pod_and_reason_for_seven_days() {
        let mut ledger = Ledger::default();
        assert!(!ledger.note(&[]));
        assert!(ledger.note(&[told("a", "blast_radius", 0), told("a", "malformed_request", 1)]));
        assert_eq!(ledger.told("a", "blast_radius"), Some(Timestamp::UNIX_EPOCH));
        assert_eq!((ledger.told("b", "blast_radius"), ledger.told("a", "cooldown")), (None, None));
        assert_eq!(ledger.newest(), Some(told("", "", 1).at));
        let text = ledger.encode().unwrap();
        assert_eq!(Ledger::decode(&text, told("", "", 1).at).unwrap(), ledger);
        assert!(Ledger::decode(&text, Timestamp::UNIX_EPOCH - SignedDuration::from_mins(9)).is_err(), "it speaks of the future");

        ledger.prune(told("", "", 7 * 24 * 60).at);
        assert_eq!(ledger.notified, [told("a", "malformed_request", 1)]);
    }

    #[test]
    fn a_reset_is_of_one_breaker_and_can_be_pasted() {
        let reset = |runbook: &str, service: Option<&str>| {
            let (runbook, service) = (runbook.to_owned(), service.map(str::to_owned));
            let (cause, actor) = (String::new(), String::new());
            let event = super::super::BreakerChange::Opened;
            BreakerEvent { at: Timestamp::UNIX_EPOCH, runbook, service, event, cause, actor }.reset_with("shop")
        };
        assert_eq!(reset("book", None), "pod-remediator reset-breaker book -n shop --reason '…'");
        assert_eq!(reset("book", Some("web")), "pod-remediator reset-breaker book --service web -n shop --reason '…'");
        let hostile = reset("a; b", Some("it's $(x)\u{1b}"));
        assert_eq!(hostile, r"pod-remediator reset-breaker 'a; b' --service 'it'\''s $(x)\u{1b}' -n shop --reason '…'");
    }

    #[test]
    fn a_ledger_of_before_has_told_nobody() {
        let text = r#"{"schemaVersion":1,"ledger":{"executions":[],"breaker":[]}}"#;
        assert_eq!(Ledger::decode(text, Timestamp::UNIX_EPOCH).unwrap(), Ledger::default());
        let written = r#"{"schemaVersion":2,"ledger":{"executions":[],"breaker":[]}}"#;
        assert_eq!(Ledger::default().encode().unwrap(), written, "nor does one that told nobody say so");
    }

    #[test]
    fn the_newest_stay_and_take_little_room() {
        let uid = "00000000-0000-4000-8000-000000000000";
        let mut ledger = Ledger::default();
        for minute in 0..400 {
            ledger.note(&[told(uid, "blast_radius,own_workload_redundancy", minute)]);
        }
        ledger.prune(told("", "", 400).at);
        assert_eq!((ledger.notified.len(), ledger.notified[0].at), (MOST_NOTIFIED, told("", "", 100).at));
        assert!(ledger.encode().unwrap().len() < super::super::MAX_BYTES / 10);
    }
}
