//! It acts exactly where the rules, written again here over the raw numbers, allow it; whatever the order of its inputs; and
//! never where a fact is unknown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::circumstances::windows_of;
use super::*;
use crate::core::decide::Mode;
use crate::core::runbook::Window;

const CASES: u32 = 2000;
/// The runbook of a raw execution or breaker event is one of these, its service one of those.
const RUNBOOKS: [&str; 2] = ["replace", "other"];
const SERVICES: [&str; 4] = ["web", "shop", "mail", "db"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum OwnedBy {
    SameWorkload,
    AnotherWorkload,
    DaemonSet,
    Job,
    Nothing,
}

#[derive(Debug, Clone)]
struct RawPod {
    owner: OwnedBy,
    ready: bool,
    running: bool,
    terminating: bool,
    restarts: u32,
    ready_for: i64,
}

#[derive(Debug, Clone)]
struct RawExecution {
    runbook: usize,
    service: usize,
    ours: bool,
    age: i64,
    charged: bool,
    in_flight: bool,
}

#[derive(Debug, Clone)]
struct Raw {
    target: RawPod,
    peers: Vec<RawPod>,
    executions: Vec<RawExecution>,
    /// Opened or reset, of which runbook, for which service; oldest first.
    breaker: Vec<(bool, usize, Option<usize>)>,
    minimum: u32,
    cooldown_minutes: u32,
    an_hour: u32,
    affected: u32,
    matched: u32,
    /// Other services that ask, and whether that request still counts.
    asking: Vec<bool>,
    stable_seconds: u32,
    timeout_seconds: u32,
    time_left: u64,
    confidence: f64,
    /// What the runbook's probe answered, which must be below 0.5: nothing yet, or that; `None`: it has none.
    probe: Option<Option<f64>>,
    /// Allowed, healthy, desired, unhealthy always allowed.
    budgets: Vec<(i32, i32, i32, bool)>,
    updated: u32,
    request_age: i64,
    /// A run saw the request when it was made, and the server's record of it has been renewed since.
    slid: bool,
    /// Namespace allowed, opted in, template clean.
    scope: (bool, bool, bool),
    ceiling: DecisionMode,
    /// Symptom shown, kind named, hour open, no label that stops it.
    circumstances: (bool, bool, bool, bool),
    percent: Option<u32>,
    /// Owns nothing, nothing is being deleted, scheduled, no promise on it, controlled by nobody else.
    lifecycle: [bool; 5],
}

/// Mostly true, so that many cases get past every guardrail.
fn usually() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.96)
}

fn raw_pod(owner: impl Strategy<Value = OwnedBy>) -> impl Strategy<Value = RawPod> {
    let restarts = prop_oneof![3 => Just(0_u32), 1 => 1..9_u32];
    let flags = (prop::bool::weighted(0.8), prop::bool::weighted(0.9), prop::bool::weighted(0.04));
    (owner, flags, restarts, 1..60_i64).prop_map(|(owner, (ready, running, terminating), restarts, ready_for)| RawPod {
        owner,
        ready,
        running,
        terminating,
        restarts,
        ready_for,
    })
}

fn raw_execution() -> impl Strategy<Value = RawExecution> {
    let age = prop_oneof![1 => Just(599_i64), 1 => Just(600), 1 => Just(3599), 2 => Just(3600), 8 => 0..9000_i64];
    (0..2_usize, 0..4_usize, prop::bool::weighted(0.8), age, prop::bool::weighted(0.9), prop::bool::weighted(0.03))
        .prop_map(|(runbook, service, ours, age, charged, in_flight)| RawExecution { runbook, service, ours, age, charged, in_flight })
}

fn raw() -> impl Strategy<Value = Raw> {
    let target = raw_pod(prop_oneof![30 => Just(OwnedBy::SameWorkload), 1 => Just(OwnedBy::Nothing), 1 => Just(OwnedBy::Job)]);
    let peer = raw_pod(prop_oneof![
        6 => Just(OwnedBy::SameWorkload),
        1 => Just(OwnedBy::AnotherWorkload),
        1 => Just(OwnedBy::DaemonSet),
        1 => Just(OwnedBy::Job),
        1 => Just(OwnedBy::Nothing),
    ]);
    let allowed = || prop_oneof![1 => Just((-1_i32, 3_i32, 3_i32)), 1 => Just((0, 2, 3)), 1 => Just((0, 3, 3)), 9 => Just((1, 3, 2))];
    let budget = || (allowed(), any::<bool>()).prop_map(|((a, h, d), always)| (a, h, d, always));
    let budgets = prop_oneof![
        5 => Just(Vec::new()),
        5 => prop::collection::vec(budget(), 1),
        1 => prop::collection::vec(budget(), 2),
    ];
    let ledger = (
        prop::collection::vec(raw_execution(), 0..5),
        prop::collection::vec((prop::bool::weighted(0.3), 0..2_usize, prop::option::of(0..2_usize)), 0..3),
    );
    let limits = (prop_oneof![3 => Just(2_u32), 1 => 1..=5_u32], 1..=12_u32, 1..=3_u32, 1..=3_u32, 1..=4_u32);
    let run = (prop::collection::vec(usually(), 0..3), 1..=30_u32, 60..=200_u32, prop_oneof![9 => Just(600_u64), 1 => 70..=220_u64]);
    let odds = (
        prop_oneof![1 => Just(0.79), 6 => 0.8..=1.0],
        prop_oneof![1 => Just(2_u32), 15 => Just(3)],
        prop_oneof![1 => Just(3601_i64), 1 => Just(3600), 12 => -200..3600_i64],
        (usually(), usually(), usually()),
        prop_oneof![1 => Just(DecisionMode::Suggest), 12 => Just(DecisionMode::AutoExecute)],
        ((usually(), usually(), usually(), usually()), prop::array::uniform5(prop::bool::weighted(0.995))),
        prop_oneof![4 => Just(None), 1 => (1..=100_u32).prop_map(Some)],
        prop_oneof![9 => Just(None), 1 => Just(Some(None)), 1 => Just(Some(Some(0.5))), 9 => Just(Some(Some(0.4)))],
        any::<bool>(),
    );
    (target, prop::collection::vec(peer, 1..8), budgets, ledger, limits, run, odds).prop_map(
        |(target, peers, budgets, (executions, breaker), limits, (asking, stable_seconds, timeout_seconds, time_left), odds)| {
            let (minimum, cooldown_minutes, an_hour, affected, matched) = limits;
            let (confidence, updated, request_age, scope, ceiling, (circumstances, lifecycle), percent, probe, slid) = odds;
            Raw {
                target,
                peers,
                executions,
                breaker,
                minimum,
                cooldown_minutes,
                an_hour,
                affected,
                matched,
                asking,
                stable_seconds,
                timeout_seconds,
                time_left,
                confidence,
                budgets,
                updated,
                request_age,
                slid,
                scope,
                ceiling,
                circumstances,
                percent,
                probe,
                lifecycle,
            }
        },
    )
}

/// The rules again, over the raw numbers alone.
fn may_act(raw: &Raw) -> bool {
    let counts = |pod: &RawPod| {
        pod.ready
            && pod.running
            && !pod.terminating
            && !matches!(pod.owner, OwnedBy::Job | OwnedBy::Nothing)
            && (pod.restarts == 0 || pod.ready_for >= i64::from(raw.stable_seconds))
    };
    let ready = raw.peers.iter().chain([&raw.target]).filter(|pod| counts(pod)).count();
    let ready_siblings = raw.peers.iter().filter(|pod| counts(pod) && pod.owner == raw.target.owner).count();

    let (mut last, mut an_hour, mut others, mut under_way) = (i64::MAX, 0, BTreeSet::new(), 0);
    for execution in raw.executions.iter().filter(|execution| execution.ours) {
        under_way += u32::from(execution.in_flight);
        if !execution.charged {
            continue;
        }
        if execution.service == 0 {
            last = last.min(execution.age);
            an_hour += u32::from(execution.runbook == 0 && execution.age < 3600);
        } else if execution.age < 600 {
            others.insert(execution.service);
        }
    }
    let mut open = BTreeMap::new();
    for (opened, runbook, service) in &raw.breaker {
        open.insert((*runbook, *service), *opened);
    }
    let is_open = |scope| open.get(&(0, scope)).copied().unwrap_or(false);
    let budget_allows = match raw.budgets[..] {
        [] => true,
        [(allowed, healthy, desired, always)] => allowed > 0 || (!raw.target.ready && (always || (healthy >= desired && desired > 0))),
        _ => false,
    };
    let others_affected = u32::try_from(others.len()).unwrap();
    let asking = 1 + u32::try_from(raw.asking.iter().filter(|counts| **counts).count()).unwrap();

    ready >= raw.minimum as usize
        && (!counts(&raw.target) || ready_siblings >= 1)
        && last >= i64::from(raw.cooldown_minutes) * 60
        && an_hour < raw.an_hour
        && under_way < 1
        && others_affected < raw.affected
        && asking <= raw.matched
        && !is_open(None)
        && !is_open(Some(0))
        && budget_allows
        && raw.time_left >= u64::from(raw.timeout_seconds) + 15
        && raw.probe.is_none_or(|answer| answer.is_some_and(|value| value < 0.5))
        && raw.confidence >= 0.8
        && raw.updated == 3
        && raw.request_age <= 3600
        && raw.scope == (true, true, true)
        && raw.ceiling == DecisionMode::AutoExecute
        && raw.circumstances == (true, true, true, true)
        && raw.lifecycle == [true; 5]
        && raw.percent.is_none_or(|percent| u32::try_from(3_usize.saturating_sub(ready_siblings)).unwrap() * 100 <= percent * 3)
        && raw.target.owner == OwnedBy::SameWorkload
        && !raw.target.terminating
}

fn build_pod(name: &str, raw: &RawPod) -> Pod {
    let owner = |kind, uid: &str| Some(Owner { kind, uid: uid.into(), name: uid.into() });
    Pod {
        owner: match raw.owner {
            OwnedBy::SameWorkload => owner(OwnerKind::ReplicaSet, WEB),
            OwnedBy::AnotherWorkload => owner(OwnerKind::ReplicaSet, "rs-canary"),
            OwnedBy::DaemonSet => owner(OwnerKind::DaemonSet, "ds"),
            OwnedBy::Job => owner(OwnerKind::Other("Job.batch".into()), "job"),
            OwnedBy::Nothing => None,
        },
        running: raw.running,
        terminating: raw.terminating,
        ready: raw.ready,
        ready_changed: Some(seconds_ago(raw.ready_for)),
        restarts: raw.restarts,
        ..pod(name, WEB)
    }
}

fn build(raw: &Raw) -> World {
    let mut world = World::new();
    let target = build_pod("web-a", &raw.target);
    *world.request() = request(target.clone(), "web");
    world.request().requested_at = Fact::Known(seconds_ago(raw.request_age));
    if raw.slid {
        let made = seconds_ago(raw.request_age);
        world.ledger.remember([("uid-web-a", Some(made))], &default_request_selector(), made);
        world.request().requested_at = Fact::Known(seconds_ago(raw.request_age.min(30)));
    }
    world.request().confidence = Some(raw.confidence.to_string());
    *world.pods() = vec![target];
    for (index, peer) in raw.peers.iter().enumerate() {
        world.pods().push(build_pod(&format!("web-{index}"), peer));
    }
    for (index, counts) in raw.asking.iter().enumerate() {
        world.also_asks(&[&format!("asking-{index}")]);
        if !counts {
            world.snapshot.requests.last_mut().unwrap().confidence = Some("?".to_owned());
        }
    }
    world.workload().updated = raw.updated;
    if !raw.scope.1 {
        world.workload().labels.clear();
    }
    if !raw.scope.2 {
        world.workload().template_labels.insert(label::RESTART.to_owned(), "true".to_owned());
    }
    let budgets = raw.budgets.iter().enumerate().map(|(index, (allowed, healthy, desired, always))| Budget {
        current_healthy: *healthy,
        desired_healthy: *desired,
        unhealthy_always_allowed: *always,
        ..budget(&format!("b{index}"), *allowed)
    });
    world.snapshot.budgets = Fact::Known(budgets.collect());
    (world.snapshot.bounds.ceiling, world.snapshot.bounds.time_left) = (raw.ceiling, Duration::from_secs(raw.time_left));

    let (symptom_shown, kind_named, hour_open, label_free) = raw.circumstances;
    if !symptom_shown {
        world.request().symptom = Some("CrashLoopBackOff".to_owned());
    }
    if !label_free {
        world.namespace().labels = labels(&[("incident", "true")]);
    }
    let [owns_nothing, stays, scheduled, no_promise, nobody_above] = raw.lifecycle;
    if !owns_nothing {
        world.snapshot.dependents = Fact::Known(BTreeMap::from([("uid-web-a".to_owned(), vec!["Pod/worker".to_owned()])]));
    }
    world.workload().deleting = !stays;
    world.request().unscheduled = (!scheduled).then(|| "Unschedulable".to_owned());
    if !no_promise {
        world.request().annotations = labels(&[("keep", "true")]);
    }
    world.workload().controller = (!nobody_above).then(|| Foreign { kind: "Kafka.kafka.strimzi.io".to_owned(), name: "events".to_owned() });
    let runbook = world.runbook();
    runbook.guardrails.blocked_by_annotations = vec![("keep".to_owned(), "true".to_owned())];
    runbook.guardrails.blocked_by_labels = vec![("incident".to_owned(), "true".to_owned())];
    runbook.guardrails.max_unavailable_percent = raw.percent;
    runbook.guardrails.maintenance_windows = if hour_open { OPEN.clone() } else { CLOSED.clone() };
    if !kind_named {
        runbook.scope.workload_kinds = vec![WorkloadKind::StatefulSet];
    }
    runbook.guardrails.minimum_ready_replicas = raw.minimum;
    runbook.guardrails.cooldown_minutes = raw.cooldown_minutes;
    runbook.guardrails.max_executions_per_hour = raw.an_hour;
    runbook.guardrails.max_affected_services = raw.affected;
    runbook.guardrails.max_matched_services = raw.matched;
    (runbook.verification.stable_seconds, runbook.verification.timeout_seconds) = (Some(raw.stable_seconds), raw.timeout_seconds);
    if !raw.scope.0 {
        runbook.scope.allowed_namespaces = vec!["elsewhere".to_owned()];
    }
    if let Some(answer) = raw.probe {
        let (probe, reading) = probes::below("half", 0.5, answer.unwrap_or_default());
        runbook.guardrails.probes = vec![probe];
        if answer.is_some() {
            world.snapshot.probes.insert("uid-web-a".to_owned(), [("half".to_owned(), reading)].into());
        }
    }
    let mut other = super::runbook(RUNBOOKS[1]);
    other.triggers.symptoms = vec!["Odd".to_owned()];
    world.runbooks.push(other);

    for (index, raw) in raw.executions.iter().enumerate() {
        let mut execution = executed(SERVICES[raw.service], RUNBOOKS[raw.runbook], seconds_ago(raw.age));
        execution.id = index.to_string();
        execution.charged = raw.charged;
        execution.in_flight = raw.in_flight.then(|| in_flight(seconds_ago(raw.age - 100)));
        if !raw.ours {
            execution.namespace = "elsewhere".to_owned();
        }
        world.ledger.executions.push(execution);
    }
    for (index, (opened, runbook, service)) in raw.breaker.iter().enumerate() {
        let event = if *opened { BreakerChange::Opened } else { BreakerChange::Reset };
        let at = seconds_ago(1000 - i64::try_from(index).unwrap());
        world.ledger.breaker.push(breaker(event, RUNBOOKS[*runbook], service.map(|service| SERVICES[service]), at));
    }
    world
}

/// Read once: the cases are many.
static OPEN: LazyLock<Vec<Window>> = LazyLock::new(|| windows_of("[{start: \"11:00\", end: \"13:00\", timeZone: UTC, effect: allow}]"));
static CLOSED: LazyLock<Vec<Window>> = LazyLock::new(|| windows_of("[{start: \"12:00\", end: \"12:01\", timeZone: UTC, effect: deny}]"));

/// Every list in another order.
fn shuffle(world: &mut World, mut seed: u64) {
    let mut order = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 32
    };
    world.runbooks.sort_by_cached_key(|_| order());
    world.snapshot.requests.sort_by_cached_key(|_| order());
    world.pods().sort_by_cached_key(|_| order());
    world.ledger.executions.sort_by_cached_key(|_| order());
    world.ledger.breaker.sort_by_cached_key(|_| order());
    if let Fact::Known(budgets) = &mut world.snapshot.budgets {
        budgets.sort_by_cached_key(|_| order());
    }
}

/// All that a decision says.
fn said(decision: &Decision<'_>) -> (String, String) {
    (decision.message("web-a"), format!("{decision:?}"))
}

/// Facts that cannot be read, one at a time.
const UNKNOWN: [fn(&mut World); 9] = [
    World::unknown_workload,
    World::unknown_pods,
    |world| world.snapshot.budgets = Fact::Unknown("?".to_owned()),
    |world| world.request().requested_at = Fact::Unknown("?".to_owned()),
    |world| world.snapshot.workloads.clear(),
    |world| world.snapshot.namespace = Fact::Unknown("?".to_owned()),
    |world| world.snapshot.services.clear(),
    |world| world.snapshot.dependents = Fact::Unknown("?".to_owned()),
    |world| world.request().claims = vec!["data".to_owned()],
];

#[test]
fn it_acts_exactly_where_every_rule_allows_it() {
    let (acted, blocked_by) = (RefCell::new(0_u32), RefCell::new(BTreeSet::new()));
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(raw(), any::<u64>()), |(raw, seed)| {
        let mut world = build(&raw);
        let decision = world.decide();
        prop_assert_eq!(decision.mode == Mode::AutoExecute, may_act(&raw), "{:?}", &decision);
        blocked_by.borrow_mut().extend(decision.blocked().map(|check| check.id));
        if decision.mode == Mode::AutoExecute {
            *acted.borrow_mut() += 1;
            for unknown in UNKNOWN {
                let mut world = build(&raw);
                unknown(&mut world);
                prop_assert_eq!(world.decide().mode, Mode::Abort, "{}", world.message());
            }
        }

        let before = said(&decision);
        let target = world.request().clone();
        shuffle(&mut world, seed);
        let after = decide(&target, &world.runbooks, &world.snapshot, &world.ledger, now());
        prop_assert_eq!(before, said(&after));
        Ok(())
    });
    outcome.unwrap();

    // Lest it hold only because nothing ever happens, or never for this reason.
    let share = acted.into_inner() * 100 / CASES;
    assert!((10..=60).contains(&share), "it acted in {share} of 100 cases");
    let never: Vec<_> = GuardrailId::ALL.into_iter().filter(|id| !blocked_by.borrow().contains(id)).collect();
    // Neither a request withdrawn nor one without evidence is among the cases.
    assert_eq!(never, [GuardrailId::Request, GuardrailId::BareRequest], "guardrails that never blocked");
}
