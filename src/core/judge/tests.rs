use std::time::Duration;

use super::{Judge, Standing, VerificationEnd, without_probes};
use crate::core::decide::tests::deployment;
use crate::core::ledger::{Holder, InFlight, Outcome, Seat};
use crate::core::runbook::{BreakerLimits, Escalate, Probe};
use crate::core::snapshot::{Owner, OwnerKind, Pod, Workload};

fn terms() -> InFlight {
    InFlight {
        holder: Holder { run_id: "run".to_owned(), pod: None, pod_uid: None },
        service_label: "app".to_owned(),
        owner_uid: "rs".to_owned(),
        template_hash: "t".to_owned(),
        desired: 2,
        pods_before: vec!["old".to_owned(), "peer".to_owned()],
        unready_before: 0,
        seat: None,
        available_equals_desired: true,
        stable_seconds: 10,
        send_before: jiff::Timestamp::UNIX_EPOCH,
        verify_deadline: jiff::Timestamp::UNIX_EPOCH + s(60),
        on_failure: Escalate::None,
        breaker: BreakerLimits::default(),
        probes: Vec::new(),
    }
}

fn pod(uid: &str, owner: &str, ready: bool) -> Pod {
    Pod {
        name: format!("web-{uid}").into(),
        uid: uid.into(),
        owner: Some(Owner { kind: OwnerKind::ReplicaSet, uid: owner.into(), name: "web".into() }),
        running: true,
        terminating: false,
        ready,
        ready_changed: None,
        restarts: 0,
        ended: false,
        status_written: None,
        trouble: None,
        node: None,
    }
}

fn workload(available: u32) -> Workload {
    Workload { uid: "w".to_owned(), template_hash: "t".to_owned(), available, ..deployment("web", 2) }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The target is gone, and these pods have been seen, each at its second.
fn seen<'a>(terms: &'a InFlight, pods: &[(u64, Pod)]) -> Judge<'a> {
    let mut judge = Judge::new(terms, "old", None);
    judge.see_gone("old");
    for (at, pod) in pods {
        judge.see(pod.clone(), false, s(*at));
    }
    judge
}

#[track_caller]
fn healthy_at(pods: &[(u64, Pod)], at: u64, expected: bool) {
    let terms = terms();
    let standing = seen(&terms, pods).standing(s(at));
    assert_eq!(matches!(standing, Standing::Healthy(_)), expected, "{standing:?}");
}

#[test]
fn a_replacement_counts_once_it_has_been_ready_for_long_enough() {
    healthy_at(&[(1, pod("new", "rs", true))], 10, false);
    healthy_at(&[(1, pod("new", "rs", true))], 11, true);
    healthy_at(&[(1, pod("new", "rs", true)), (5, pod("new", "rs", false)), (6, pod("new", "rs", true))], 11, false);
    healthy_at(&[(1, pod("new", "rs", true)), (5, pod("new", "rs", false)), (6, pod("new", "rs", true))], 16, true);
}

#[test]
fn a_restart_begins_the_count_anew_even_where_it_is_ready_at_once() {
    let restarted = Pod { restarts: 1, ..pod("new", "rs", true) };
    healthy_at(&[(1, pod("new", "rs", true)), (6, restarted.clone())], 11, false);
    healthy_at(&[(1, pod("new", "rs", true)), (6, restarted)], 16, true);
}

#[test]
fn pods_of_others_and_pods_that_were_there_are_no_replacement() {
    healthy_at(&[(1, pod("new", "another-rs", true))], 99, false);
    healthy_at(&[(1, pod("peer", "rs", true))], 99, false);
    healthy_at(&[(1, Pod { owner: None, ..pod("new", "rs", true) })], 99, false);
    healthy_at(&[(1, Pod { terminating: true, ..pod("new", "rs", true) })], 99, false);
    healthy_at(&[(1, Pod { running: false, ..pod("new", "rs", true) })], 99, false);
}

#[test]
fn nothing_is_proved_while_the_target_stands() {
    let terms = terms();
    let mut judge = Judge::new(&terms, "old", None);
    judge.see(pod("new", "rs", true), false, s(0));
    judge.see(pod("old", "rs", true), false, s(0));
    assert_eq!(judge.standing(s(99)), Standing::Waiting(None));
    assert!(judge.target_stands());
    judge.see(Pod { terminating: true, ..pod("old", "rs", true) }, false, s(0));
    assert!(matches!(judge.standing(s(99)), Standing::Healthy(_)), "terminating is as good as gone");
}

#[test]
fn what_a_list_does_not_have_is_gone() {
    let terms = terms();
    let mut judge = Judge::new(&terms, "old", None);
    judge.see(pod("new", "rs", true), false, s(0));
    judge.see_all(vec![(pod("newer", "rs", false), false)], s(1));
    assert_eq!(judge.standing(s(99)), Standing::Waiting(None));
    assert_eq!(judge.seen(s(1)), "replacement web-newer: running but not Ready");
}

#[test]
fn a_replacement_that_asks_to_be_replaced_can_only_fail() {
    let terms = terms();
    let mut judge = seen(&terms, &[]);
    judge.see(pod("new", "rs", false), true, s(1));
    judge.see(pod("new", "rs", true), false, s(2));
    assert!(matches!(judge.standing(s(2)), Standing::Doomed(why) if why.contains("from birth")));
}

#[test]
fn who_comes_later_goes_by_the_servers_record_of_the_status() {
    let intent: jiff::Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    let ready_at = |second: u64| Pod { status_written: Some(intent + s(second)), ..pod("new", "rs", true) };
    let standing = |seen: Pod, at| {
        let terms = terms();
        let mut judge = Judge::new(&terms, "old", Some(intent));
        judge.see_all(vec![(seen, false)], s(60));
        matches!(judge.standing(s(at)), Standing::Healthy(_))
    };
    assert!(standing(ready_at(5), 60), "long Ready when first seen");
    assert!(!standing(ready_at(55), 60));
    assert!(standing(ready_at(55), 65));
    assert!(!standing(Pod { restarts: 1, ..ready_at(5) }, 60), "after a restart only what we see counts");
    let behind = Pod { ready_changed: Some(intent), status_written: None, ..ready_at(5) };
    assert!(!standing(behind, 60), "the kubelet's clock proves nothing: what it says began before we came may have begun just now");
    let ahead = Pod { ready_changed: Some(intent + s(3600)), ..ready_at(5) };
    assert!(standing(ahead, 60), "nor does it disprove anything");
}

#[test]
fn after_the_deadline_what_was_not_seen_is_unknown() {
    let terms = terms();
    let verdict = seen(&terms, &[(50, pod("new", "rs", false))]).at_the_deadline(Some(&workload(1)), s(60), true);
    assert_eq!(verdict.result, Outcome::Unknown);
    assert!(verdict.detail.contains("nobody was there") && verdict.detail.contains("not Ready"), "{}", verdict.detail);
}

fn verdict(change: impl Fn(&mut InFlight, &mut Workload), replaced: bool) -> Option<VerificationEnd> {
    let (mut terms, mut workload) = (terms(), workload(2));
    change(&mut terms, &mut workload);
    let pods = if replaced { vec![(0, pod("new", "rs", true))] } else { vec![] };
    let judge = seen(&terms, &pods);
    let healthy = match judge.standing(s(10)) {
        Standing::Healthy(replacement) => Some(replacement),
        _ => None,
    };
    judge.workload(Some(&workload), healthy.as_ref())
}

#[test]
fn the_workloads_own_numbers_decide() {
    let result = |change: fn(&mut InFlight, &mut Workload), replaced| verdict(change, replaced).map(|verdict| verdict.result);
    assert_eq!(result(|_, _| {}, true), Some(Outcome::Verified));
    assert_eq!(result(|_, _| {}, false), None, "available alone, before the pod is even missed, proves nothing");
    assert_eq!(result(|_, workload| workload.available = 1, true), None);
    assert_eq!(result(|_, workload| workload.observed_generation = 0, true), None);
    let not_asked = |terms: &mut InFlight, workload: &mut Workload| {
        terms.available_equals_desired = false;
        workload.available = 1;
    };
    assert_eq!(result(not_asked, true), Some(Outcome::Verified));
    assert_eq!(result(|terms, _| terms.desired = 5, true), Some(Outcome::Verified), "the smaller of desired then and now");
    assert_eq!(result(|_, workload| workload.template_hash = "another".to_owned(), true), Some(Outcome::Superseded));
    assert_eq!(result(|terms, _| terms.desired = 3, false), Some(Outcome::Superseded), "scaled down: no replacement needed");
    let terms = terms();
    assert_eq!(seen(&terms, &[]).workload(None, None).map(|verdict| verdict.result), Some(Outcome::Superseded));
}

#[track_caller]
fn ends(pods: &[(u64, Pod)], now: Option<Workload>, unready_before: u32, result: Outcome, detail: &str) {
    let terms = InFlight { unready_before, ..terms() };
    let verdict = seen(&terms, pods).at_the_deadline(now.as_ref(), s(60), false);
    assert_eq!((verdict.result, verdict.detail.as_str()), (result, detail));
}

#[test]
fn at_the_deadline_it_says_what_was_seen() {
    let crashing = Pod { restarts: 3, trouble: Some("CrashLoopBackOff".into()), ..pod("new", "rs", false) };
    ends(
        &[(1, crashing)],
        Some(workload(1)),
        0,
        Outcome::Failed,
        "replacement web-new was not healthy within 60 s: CrashLoopBackOff, restarted 3 times",
    );
    let pending = Pod { running: false, ..pod("new", "rs", false) };
    ends(&[(1, pending)], Some(workload(1)), 0, Outcome::Failed, "replacement web-new was not healthy within 60 s: not running yet");
    let moment = Pod { restarts: 1, ..pod("new", "rs", true) };
    let detail = "replacement web-new was not healthy within 60 s: Ready, but not for 10 s without a restart, restarted once";
    ends(&[(55, moment)], Some(workload(1)), 0, Outcome::Failed, detail);
    ends(&[], Some(workload(1)), 0, Outcome::Failed, "no replacement appeared within 60 s");
    let quota = "FailedCreate: pods \"web-\" is forbidden: exceeded quota: team";
    let full = Workload { cannot_create: Some(quota.to_owned()), ..workload(1) };
    ends(&[], Some(full), 0, Outcome::Failed, &format!("no replacement appeared within 60 s: {quota}"));
    let gate = Pod { trouble: Some("readiness gate lb/ready is False: draining".into()), ..pod("new", "rs", false) };
    ends(
        &[(1, gate)],
        Some(workload(1)),
        0,
        Outcome::Failed,
        "replacement web-new was not healthy within 60 s: readiness gate lb/ready is False: draining",
    );
    let detail = "replacement web-new is Ready, but 1 of 2 are still not available, as before the action";
    ends(&[(1, pod("new", "rs", true))], Some(workload(1)), 1, Outcome::DegradedBefore, detail);
    let detail = "only 1 of 2 were available after 60 s; replacement web-new: Ready for 10 s";
    ends(&[(1, pod("new", "rs", true))], Some(workload(1)), 0, Outcome::Failed, detail);
    let detail = "the workload could not be read at the deadline; replacement web-new: Ready for 10 s";
    ends(&[(1, pod("new", "rs", true))], None, 0, Outcome::Unknown, detail);
}

#[test]
fn healthy_at_the_deadline_is_not_verified_where_probes_were_not_asked() {
    let probe: Probe =
        serde_json::from_str(r#"{"name":"a","question":{"http":{"url":"http://h","status":200}},"timeoutSeconds":5}"#).unwrap();
    let check = |probes: &[Probe], result: Outcome, late: bool, expected: (Outcome, &str)| {
        let verdict = without_probes(probes, VerificationEnd::new(result, "seen"), late);
        assert_eq!((verdict.result, verdict.detail.as_str()), expected);
    };
    let one = [probe];
    check(&[], Outcome::Verified, false, (Outcome::Verified, "seen"));
    check(&one, Outcome::Verified, false, (Outcome::Failed, "no time was left to ask probe a; seen"));
    check(&one, Outcome::Verified, true, (Outcome::Unknown, "nobody was there in time to ask probe a; seen"));
    check(&one, Outcome::Superseded, false, (Outcome::Superseded, "seen"));
    check(&one, Outcome::Failed, true, (Outcome::Failed, "seen"));
}

#[test]
fn where_a_pod_has_a_place_of_its_own_only_who_takes_that_place_replaces_it() {
    // A StatefulSet scaled up meanwhile: db-3 is as new, and Ready.
    let named = InFlight { seat: Some(Seat::Name("web-new".to_owned())), ..terms() };
    let further = seen(&named, &[(1, pod("further", "rs", true))]);
    assert_eq!(further.standing(s(60)), Standing::Waiting(None));
    let both = seen(&named, &[(1, pod("further", "rs", true)), (2, pod("new", "rs", true))]);
    assert!(matches!(both.standing(s(60)), Standing::Healthy(replacement) if replacement.name == "web-new"));
    // A node that joined meanwhile.
    let on_node = InFlight { seat: Some(Seat::Node("a".to_owned())), ..terms() };
    let on = |node: &str| Pod { node: Some(node.into()), ..pod(node, "rs", true) };
    assert_eq!(seen(&on_node, &[(1, on("b"))]).standing(s(60)), Standing::Waiting(None));
    assert!(
        matches!(seen(&on_node, &[(1, on("b")), (2, on("a"))]).standing(s(60)), Standing::Healthy(replacement) if replacement.name == "web-a")
    );
}
