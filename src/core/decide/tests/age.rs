//! How old a request is: what is remembered, what the server's record says, and what renews it.

use super::GuardrailId::Request as Stands;
use super::*;
use crate::core::decide::{Mode, Reason, requested_at, standing};
use crate::core::ledger::MOST_REQUESTS;

/// A run has seen every request of this world so long ago, by their records of then.
fn seen(world: &mut World, seconds: i64) {
    let selector = world.snapshot.bounds.selector.clone();
    world.ledger.remember(standing(&world.snapshot.requests), &selector, seconds_ago(seconds));
}

/// The server's record of the label is of so long ago.
fn set(world: &mut World, seconds: i64) {
    world.request().requested_at = Fact::Known(seconds_ago(seconds));
}

fn renew(world: &mut World, seconds: i64) {
    world.request().renewed_at = Some(seconds_ago(seconds).to_string());
}

/// So many seconds ago it was made, after this change to a request of 5000 seconds ago that a run saw 4000 seconds ago.
#[track_caller]
fn made(change: impl FnOnce(&mut World), expected: i64) {
    let mut world = World::new();
    set(&mut world, 5000);
    seen(&mut world, 4000);
    change(&mut world);
    let at = requested_at(&world.snapshot.requests[0], &world.ledger, &world.snapshot.bounds.selector, now());
    assert_eq!(at, Fact::Known(seconds_ago(expected)));
    let expired = matches!(world.decide().reason, Reason::Expired { requested_at, .. } if requested_at == seconds_ago(expected));
    assert_eq!(expired, expected > 3600, "{:?}", world.decide().reason);
}

#[test]
fn age_does_not_slide_with_the_servers_record() {
    made(|_| {}, 5000);
    made(|world| set(world, 10), 5000);
    made(|world| set(world, 6000), 6000);
    // What no run has seen is as old as the record says.
    made(
        |world| {
            world.ledger = Ledger::default();
            set(world, 10);
        },
        10,
    );
    // Another selector's memory is of another request.
    made(
        |world| {
            world.snapshot.bounds.selector = "app=web".parse().unwrap();
            set(world, 10);
            world.request().confidence = Some("1".to_owned());
        },
        10,
    );
}

#[test]
fn only_a_newer_annotation_renews_it_and_at_once() {
    made(|world| renew(world, 60), 60);
    made(|world| renew(world, 5001), 5000);
    made(|world| renew(world, 3601), 3601);
    // A clock that is ahead of the server's renews it no longer than now.
    made(|world| renew(world, -300), 0);
    made(|world| renew(world, -301), 5000);
    check(
        Stands,
        |world| renew(world, -301),
        "blocked: the request must not be of the future (remediator.kubedojo.io/requested-at=2025-06-01T12:05:01Z)",
    );
    // What lies in the future renews nothing, whoever saw it.
    check(
        Stands,
        |world| {
            seen(world, 200);
            set(world, -301);
        },
        "blocked: the request must not be of the future (requested_at=2025-06-01T12:05:01Z)",
    );
}

#[test]
fn what_is_not_known_is_not_made_known_by_memory_or_annotation() {
    check(
        Stands,
        |world| {
            seen(world, 200);
            renew(world, 1);
            world.request().requested_at = Fact::Unknown("no entry owns the label".to_owned());
        },
        "blocked: a fact could not be read (when the request was made is unknown, no entry owns the label)",
    );
}

#[test]
fn a_request_beyond_what_is_remembered_has_an_unknown_time() {
    let crowd = |world: &mut World| {
        let names: Vec<String> = (0..MOST_REQUESTS).map(|number| format!("other-{number}")).collect();
        let selector = world.snapshot.bounds.selector.clone();
        let known = world.ledger.requests.clone();
        let known = known.iter().map(|one| (one.pod_uid.as_str(), Some(one.since)));
        world.ledger.remember(names.iter().map(|name| (name.as_str(), None)).chain(known), &selector, seconds_ago(900));
    };
    let unknown = "blocked: a fact could not be read (when the request was made is unknown, more than 500 requests stand at once, and this one is \
    not remembered)";
    check(Stands, crowd, unknown);
    check(
        Stands,
        |world| {
            crowd(world);
            renew(world, 1);
        },
        unknown,
    );
    check(
        Stands,
        |world| {
            seen(world, 200);
            crowd(world);
        },
        "pass: age_seconds=300",
    );
}

#[test]
fn what_has_ended_or_is_on_its_way_out_is_not_remembered() {
    #[track_caller]
    fn stands(change: impl FnOnce(&mut World), expected: usize) {
        let mut world = World::new();
        change(&mut world);
        assert_eq!(standing(&world.snapshot.requests).count(), expected);
    }
    stands(|_| {}, 1);
    stands(|world| world.target(|pod| pod.terminating = true), 0);
    stands(|world| world.target(|pod| pod.ended = true), 0);
    stands(|world| world.target(|pod| pod.running = false), 1);
}

#[test]
fn who_asked_first_by_memory_comes_first_and_what_has_expired_by_it_counts_for_no_service() {
    let mut world = World::new();
    world.also_asks(&["a", "b", "c"]);
    world.runbook().guardrails.max_affected_services = 9;
    assert_eq!(world.decide().mode, Mode::Abort, "four services ask");
    let selector = world.snapshot.bounds.selector.clone();
    world.ledger.remember([("uid-a", Some(seconds_ago(3601)))], &selector, now());
    assert_eq!(world.decide().mode, Mode::AutoExecute, "one of the four has expired");
    let turn = |index: usize| crate::core::decide::turn(&world.snapshot.requests[index], &world.ledger, &selector, now());
    assert!(turn(1) < turn(0), "its record says that it is as old as the others");
}
