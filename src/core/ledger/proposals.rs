//! The plans that wait for a human's approval: put, and withdrawn once an approval would come to nothing.
//!
//! An approval names its plan by an id that is worked out anew, so what is withdrawn here makes no approval void: only nobody is asked
//! for it any more.

use std::collections::BTreeSet;

use super::model::{Ledger, Proposal};
use crate::core::selector::Selector;

/// The most plans that are remembered, the newest: the ConfigMap's room is for what limits rest on.
pub const MOST_PROPOSALS: usize = 50;

/// What a run asks for one pod now: of the pod's plans, only this stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandsFor {
    /// The pod.
    pub pod_uid: String,
    /// The content of the plan that it may be approved for; none where no approval is asked for.
    pub content: Option<String>,
}

impl Ledger {
    /// Takes note of what was put to a human; false if all of it was known. A plan that is known keeps its name, and counts for as long
    /// as it is now said to.
    pub fn propose(&mut self, proposals: &[Proposal]) -> bool {
        let mut changed = false;
        for one in proposals {
            match self.proposals.iter_mut().find(|known| known.plan == one.plan) {
                Some(known) if known.expires_at == one.expires_at => {}
                Some(known) => (*known, changed) = (one.clone(), true),
                None => {
                    self.proposals.push(one.clone());
                    changed = true;
                }
            }
        }
        changed
    }

    /// Withdraws the plans of pods that ask no more, by whatever selector: `standing` are those that a run has just listed. True if any
    /// were.
    pub fn withdraw_plans_of_nobody<'a>(&mut self, standing: impl IntoIterator<Item = &'a str>) -> bool {
        if self.proposals.is_empty() {
            return false;
        }
        let standing: BTreeSet<&str> = standing.into_iter().collect();
        let before = self.proposals.len();
        let (proposals, requests) = (&mut self.proposals, &self.requests);
        proposals.retain(|plan| {
            let uid = plan.pod.uid.as_str();
            standing.contains(uid) || requests.iter().any(|request| request.pod_uid == uid)
        });
        self.proposals.len() < before
    }

    /// Withdraws the plans that a run by this selector no longer asks for, of the pods that it has decided on. Where a pod asks by
    /// another selector too, its plans may be of that one, and stay. True if any were.
    pub fn withdraw_plans(&mut self, decided: &[StandsFor], selector: &Selector) -> bool {
        let before = self.proposals.len();
        let others: BTreeSet<String> = self.requested_by_others(selector).map(str::to_owned).collect();
        self.proposals.retain(|plan| {
            let uid = plan.pod.uid.as_str();
            let stands = |now: &StandsFor| now.content.as_ref() == Some(&plan.content);
            others.contains(uid) || decided.iter().find(|now| now.pod_uid == uid).is_none_or(stands)
        });
        self.proposals.len() < before
    }

    /// A plan of this pod waits.
    pub fn has_plan_of(&self, pod_uid: &str) -> bool {
        self.proposals.iter().any(|plan| plan.pod.uid == pod_uid)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::core::ledger::ObjectRef;
    use crate::core::words::default_request_selector;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    fn plan(pod: &str, content: &str) -> Proposal {
        Proposal {
            plan: format!("19700101T000000Z-{content}"),
            content: content.to_owned(),
            issued_at: at(0),
            expires_at: at(60),
            namespace: "shop".to_owned(),
            service: "web".to_owned(),
            pod: ObjectRef { kind: "Pod".to_owned(), name: pod.to_owned(), uid: pod.to_owned() },
            runbook: "book".to_owned(),
            message: String::new(),
            approve_with: String::new(),
        }
    }

    fn ledger(pods: &[&str]) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.remember(pods.iter().map(|pod| (*pod, Some(at(0)))), &default_request_selector(), at(0));
        ledger.propose(&pods.iter().map(|pod| plan(pod, pod)).collect::<Vec<_>>());
        ledger
    }

    fn left(ledger: &Ledger) -> Vec<&str> {
        ledger.proposals.iter().map(|plan| plan.content.as_str()).collect()
    }

    #[test]
    fn a_plan_keeps_its_name_and_counts_for_as_long_as_it_is_now_said_to() {
        let mut ledger = ledger(&["a"]);
        assert!(!ledger.propose(&[plan("a", "a")]), "nothing is written for what is known");
        assert!(ledger.propose(&[Proposal { expires_at: at(70), ..plan("a", "a") }]), "its request was renewed");
        assert_eq!((ledger.proposals.len(), ledger.proposals[0].expires_at), (1, at(70)));
    }

    #[test]
    fn the_plans_of_who_asks_no_more_are_withdrawn() {
        let mut ledger = ledger(&["a", "b", "c"]);
        assert!(!ledger.withdraw_plans_of_nobody(["a", "b", "c"]), "nothing is written where all of them ask");
        ledger.remember([("a", None)], &"team=blue".parse().unwrap(), at(1));
        ledger.remember([("b", None)], &default_request_selector(), at(1));
        assert!(ledger.withdraw_plans_of_nobody(["b"]));
        assert_eq!(left(&ledger), ["a", "b"], "another selector finds it still");
        assert!(!ledger.withdraw_plans_of_nobody(["b"]));
    }

    #[test]
    fn the_plans_that_a_run_asks_for_no_more_are_withdrawn() {
        let mut ledger = ledger(&["a", "b", "c", "d"]);
        let now = |pod: &str, content: Option<&str>| StandsFor { pod_uid: pod.to_owned(), content: content.map(str::to_owned) };
        let decided = [now("a", Some("a")), now("b", Some("other")), now("c", None)];
        ledger.remember([("c", None)], &"team=blue".parse().unwrap(), at(1));
        assert!(ledger.withdraw_plans(&decided, &default_request_selector()));
        assert_eq!(left(&ledger), ["a", "c", "d"], "c asks by another selector too, and nobody has decided on d");
        assert!(!ledger.withdraw_plans(&decided, &default_request_selector()));
        assert!(ledger.has_plan_of("d") && !ledger.has_plan_of("b"));
    }
}
