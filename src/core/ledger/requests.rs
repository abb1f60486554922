//! Since when each request stands. The API server's own record of a label is renewed by any later change of the same field manager, so
//! the age of a request counts from when a run first saw it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::model::{Ledger, SeenRequest};
use super::prune::KEPT;
use crate::core::canonical::Canonical;
use crate::core::selector::Selector;
use crate::core::words::default_request_selector;

/// The most requests that are remembered, those of all selectors together.
pub const MOST_REQUESTS: usize = 500;
/// A longer selector is remembered by its digest, in bytes: memory is bounded.
const LONGEST_SELECTOR: usize = 64;

impl Ledger {
    /// Remembers the requests that stand by this selector, each pod's UID with the time of its label if that is known, and forgets those
    /// that no longer do. The entries of other selectors stay; where there is no room for a new one, those older than seven days go.
    /// What is remembered already keeps its place before what is new. True if anything changed.
    pub fn remember<'a>(
        &mut self,
        standing: impl IntoIterator<Item = (&'a str, Option<Timestamp>)>,
        selector: &Selector,
        now: Timestamp,
    ) -> bool {
        let selector = stored(selector);
        let standing: BTreeMap<&str, Option<Timestamp>> = standing.into_iter().collect();
        let before = self.requests.clone();
        self.requests.retain(|one| one.selector != selector || standing.contains_key(one.pod_uid.as_str()));
        let own = self.requests.iter().filter(|one| one.selector == selector);
        let known: BTreeSet<&str> = own.map(|one| one.pod_uid.as_str()).collect();
        let new = standing.iter().filter(|(pod_uid, _)| !known.contains(*pod_uid));
        let mut new: Vec<SeenRequest> = new
            .map(|(pod_uid, set_at)| SeenRequest {
                pod_uid: (*pod_uid).to_owned(),
                since: set_at.map_or(now, |set_at| set_at.min(now)),
                selector: selector.clone(),
            })
            .collect();
        new.sort_by(|a, b| (a.since, &a.pod_uid).cmp(&(b.since, &b.pod_uid)));
        let mut surplus = (self.requests.len() + new.len()).saturating_sub(MOST_REQUESTS);
        self.requests.retain(|one| {
            let goes = surplus > 0 && one.selector != selector && now.duration_since(one.since) >= KEPT;
            surplus -= usize::from(goes);
            !goes
        });
        new.truncate(MOST_REQUESTS.saturating_sub(self.requests.len()));
        self.requests.extend(new);
        self.requests != before
    }

    /// Since when the request of this pod by this selector stands, if it is remembered.
    pub fn requested_since(&self, pod_uid: &str, selector: &Selector) -> Option<Timestamp> {
        let selector = stored(selector);
        self.requests.iter().find(|one| one.pod_uid == pod_uid && one.selector == selector).map(|one| one.since)
    }

    /// The pods whose requests by other selectors stand, by UID.
    pub(super) fn requested_by_others<'a>(&'a self, selector: &Selector) -> impl Iterator<Item = &'a str> + use<'a> {
        let selector = stored(selector);
        self.requests.iter().filter(move |one| one.selector != selector).map(|one| one.pod_uid.as_str())
    }

    /// No further request can be remembered.
    pub fn is_full_of_requests(&self) -> bool {
        self.requests.len() >= MOST_REQUESTS
    }
}

/// A selector as it is remembered: the default one not at all, so that most entries are short.
fn stored(selector: &Selector) -> Option<String> {
    if *selector == default_request_selector() {
        return None;
    }
    let text = selector.to_string();
    if text.len() <= LONGEST_SELECTOR {
        return Some(text);
    }
    let mut canonical = Canonical::new("request selector");
    canonical.one("selector", &text);
    Some(format!("sha256:{}", canonical.digest().chars().take(32).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::core::ledger::Untrusted;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    fn default() -> Selector {
        default_request_selector()
    }

    fn uid(number: usize) -> String {
        format!("00000000-0000-4000-8000-{number:012}")
    }

    #[test]
    fn the_first_sight_of_a_request_is_what_counts() {
        let mut ledger = Ledger::default();
        assert!(ledger.remember([("a", Some(at(3))), ("b", None), ("c", Some(at(99)))], &default(), at(10)));
        let since = |ledger: &Ledger, pod| ledger.requested_since(pod, &default());
        assert_eq!(since(&ledger, "a"), Some(at(3)), "the server's record may be older");
        assert_eq!(since(&ledger, "b"), Some(at(10)), "where there is none, from now on");
        assert_eq!(since(&ledger, "c"), Some(at(10)), "nobody asked in the future");
        let renewed = [("a", Some(at(20))), ("b", Some(at(20))), ("c", Some(at(20)))];
        assert!(!ledger.remember(renewed, &default(), at(20)), "nothing came or went, so nothing is written");
        assert_eq!((since(&ledger, "a"), since(&ledger, "b")), (Some(at(3)), Some(at(10))));
        assert!(ledger.remember([("b", None), ("c", None)], &default(), at(21)), "one went");
        assert_eq!(since(&ledger, "a"), None);
        assert!(ledger.remember([("a", Some(at(22))), ("b", None), ("c", None)], &default(), at(23)));
        assert_eq!(since(&ledger, "a"), Some(at(22)), "seen gone and seen again, it is a new request");
        assert_eq!(ledger.newest(), Some(at(22)));
        assert!(ledger.remember([], &default(), at(24)) && ledger.requests.is_empty());
    }

    #[test]
    fn a_run_forgets_what_its_own_selector_no_longer_finds_and_nothing_else() {
        let by_hand: Selector = "team=blue".parse().unwrap();
        let long: Selector = format!("team in ({})", "x".repeat(63)).parse().unwrap();
        let mut ledger = Ledger::default();
        for selector in [&default(), &by_hand, &long] {
            assert!(ledger.remember([("a", Some(at(0)))], selector, at(1)));
        }
        assert!(ledger.remember([], &by_hand, at(2)));
        assert_eq!(ledger.requested_since("a", &by_hand), None);
        assert_eq!((ledger.requested_since("a", &default()), ledger.requested_since("a", &long)), (Some(at(0)), Some(at(0))));
        let text = ledger.encode().unwrap();
        assert!(text.contains("\"selector\":\"sha256:") && !text.contains("xxx"), "{text}");
        assert_eq!(Ledger::decode(&text, at(2)).unwrap(), ledger);
        ledger.prune(at(60 * 24 * 365));
        assert_eq!(ledger.requests.len(), 2, "what stands for long is no new request for it");
    }

    #[test]
    fn memory_is_bounded_and_what_is_remembered_keeps_its_place() {
        let uids: Vec<String> = (0..MOST_REQUESTS + 50).map(uid).collect();
        let standing = |from: usize| uids.iter().skip(from).map(|uid| (uid.as_str(), Some(at(5))));
        let mut ledger = Ledger::default();
        ledger.remember(standing(50), &default(), at(5));
        assert!(ledger.is_full_of_requests());
        assert!(!ledger.remember(standing(0), &default(), at(6)), "a newcomer drives nobody out");
        assert_eq!(ledger.requested_since(&uids[0], &default()), None);
        assert!(ledger.remember(standing(0).skip(1).take(MOST_REQUESTS), &default(), at(6)), "room that there is is used");
        assert_eq!((ledger.requests.len(), ledger.requested_since(&uids[1], &default())), (MOST_REQUESTS, Some(at(5))));

        let by_hand: Selector = "team=blue".parse().unwrap();
        let mut others = Ledger::default();
        others.remember(standing(50), &by_hand, at(5));
        let week = 7 * 24 * 60;
        assert!(!others.remember([("mine", Some(at(6)))], &default(), at(4 + week)));
        assert!(others.remember([("mine", Some(at(6)))], &default(), at(5 + week)), "another selector's of a week ago make room");
        assert_eq!((others.requests.len(), others.requested_since("mine", &default())), (MOST_REQUESTS, Some(at(6))));
    }

    #[test]
    fn it_speaks_of_no_future_and_a_write_of_it_is_told_by_what_came_and_what_went() {
        let mut ledger = Ledger::default();
        ledger.remember([("a", None)], &default(), at(9));
        assert!(matches!(Ledger::decode(&ledger.encode().unwrap(), at(0)), Err(Untrusted::Future { .. })));
        let (empty, before) = (Ledger::default(), ledger.clone());
        assert!(ledger.has_what_changed(&empty, &ledger) && !empty.has_what_changed(&empty, &ledger));
        ledger.remember([("b", None)], &default(), at(10));
        let mut beside = ledger.clone();
        beside.remember([("b", None), ("c", None)], &default(), at(11));
        assert!(beside.has_what_changed(&before, &ledger));
        let kept = Ledger { requests: [before.requests.clone(), ledger.requests.clone()].concat(), ..Ledger::default() };
        assert!(!kept.has_what_changed(&before, &ledger), "what was to be forgotten is still there");
    }
}
