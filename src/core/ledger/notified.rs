//! What humans were notified of, so that nobody is notified twice.

use jiff::Timestamp;

use super::model::{Execution, Ledger, Notified, Outcome};

/// The most that are remembered, the newest: as many as a run every ten minutes can report within the hour for which a request counts.
pub(super) const MOST_NOTIFIED: usize = 300;

impl Execution {
    /// What tells this end of it from other news of the same pod.
    pub fn news(&self, result: Outcome) -> String {
        format!("{} {}", result.as_str(), self.id)
    }
}

impl Ledger {
    /// When a human was notified of this pod for this reason.
    pub fn told(&self, pod_uid: &str, reason: &str) -> Option<Timestamp> {
        self.notified.iter().filter(|one| one.pod_uid == pod_uid && one.reason == reason).map(|one| one.at).max()
    }

    /// Remembers these notifications; false if there are none.
    pub fn note(&mut self, told: &[Notified]) -> bool {
        self.notified.extend_from_slice(told);
        !told.is_empty()
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
    fn a_ledger_of_before_has_told_nobody() {
        let text = r#"{"schemaVersion":1,"ledger":{"executions":[],"breaker":[]}}"#;
        assert_eq!(Ledger::decode(text, Timestamp::UNIX_EPOCH).unwrap(), Ledger::default());
        let written = r#"{"schemaVersion":2,"ledger":{"executions":[],"breaker":[]}}"#;
        assert_eq!(Ledger::default().encode().unwrap(), written, "nor does one without notifications");
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
