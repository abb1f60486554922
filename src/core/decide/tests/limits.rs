use super::GuardrailId::{AffectedServices, CircuitBreaker, ConcurrentActions, Cooldown, HourlyRate, MatchedServices, TimeToVerify};
use super::*;
use crate::core::snapshot::{Claim, Exclusive, Start};

/// These executions of runbook `replace`: the service and how many seconds ago.
fn after(executions: &[(&str, i64)]) -> impl FnOnce(&mut World) {
    move |world| world.ledger.executions = executions.iter().map(|(name, ago)| executed(name, "replace", seconds_ago(*ago))).collect()
}

#[track_caller]
fn ends(id: GuardrailId, change: impl FnOnce(&mut World), expected: Option<Timestamp>) {
    let mut world = World::new();
    change(&mut world);
    let check = world.check(id);
    assert_eq!((check.verdict, check.until), (Verdict::Blocked, expected), "{check:?}");
}

#[test]
fn a_service_rests_between_executions() {
    check(Cooldown, |_| {}, "pass: app=web no execution in that time");
    check(Cooldown, after(&[("web", 600), ("shop", 1)]), "pass: app=web no execution in that time");
    check(
        Cooldown,
        after(&[("web", 180), ("web", 500)]),
        "blocked: 10 minutes must pass between executions on service web (last 2025-06-01T11:57:00Z by replace, until 2025-06-01T12:07:00Z)",
    );
    ends(Cooldown, after(&[("web", 500), ("web", 180)]), Some(seconds_ago(-420)));
    let longer = |world: &mut World| {
        after(&[("web", 1199)])(world);
        world.runbook().guardrails.cooldown_minutes = 20;
    };
    ends(Cooldown, longer, Some(seconds_ago(-1)));
    let another_runbooks = |world: &mut World| world.ledger.executions = vec![executed("web", "other", seconds_ago(180))];
    ends(Cooldown, another_runbooks, Some(seconds_ago(-420)));
    check(
        Cooldown,
        another_runbooks,
        "blocked: 10 minutes must pass between executions on service web (last 2025-06-01T11:57:00Z by other, until 2025-06-01T12:07:00Z)",
    );
    let uncharged = |world: &mut World| {
        after(&[("web", 180)])(world);
        world.ledger.executions[0].charged = false;
    };
    check(Cooldown, uncharged, "pass: app=web no execution in that time");
    check(
        Cooldown,
        |world| world.request().service = None,
        "blocked: a fact could not be read (the pod has neither label app nor app.kubernetes.io/name)",
    );
}

#[test]
fn a_longer_cooldown_of_another_runbook_is_named_with_what_it_charged_and_when() {
    // The asking runbook wants ten minutes: what is told is never counted back by them, nor in the future.
    let charged = |world: &mut World| {
        world.ledger.executions = vec![executed("web", "slow", seconds_ago(180))];
        world.ledger.executions[0].cooldown_until = seconds_ago(-3420);
    };
    check(
        Cooldown,
        charged,
        "blocked: 60 minutes must pass after an execution of slow on service web (last 2025-06-01T11:57:00Z by slow, until 2025-06-01T12:57:00Z)",
    );
    let mut world = World::new();
    charged(&mut world);
    assert_eq!(world.check(Cooldown).limit, "60 minutes after an execution of slow, which charged that");
    let and_a_later_one = |world: &mut World| {
        charged(world);
        world.ledger.executions.push(executed("web", "replace", seconds_ago(60)));
    };
    check(
        Cooldown,
        and_a_later_one,
        "blocked: 60 minutes must pass after an execution of slow on service web (one 2025-06-01T11:57:00Z by slow, until 2025-06-01T12:57:00Z)",
    );
    let that_is_nearly_over = |world: &mut World| {
        and_a_later_one(world);
        world.ledger.executions[0].cooldown_until = seconds_ago(-1);
    };
    check(
        Cooldown,
        that_is_nearly_over,
        "blocked: 10 minutes must pass between executions on service web (last 2025-06-01T11:59:00Z by replace, until 2025-06-01T12:09:00Z)",
    );
}

#[test]
fn the_rate_is_a_sliding_hour() {
    check(HourlyRate, after(&[("web", 700), ("web", 3599)]), "pass: app=web executions_in_last_hour=2");
    check(HourlyRate, after(&[("web", 700), ("web", 800), ("web", 3600)]), "pass: app=web executions_in_last_hour=2");
    let full: &[(&str, i64)] = &[("web", 3500), ("web", 700), ("web", 2000)];
    check(
        HourlyRate,
        after(full),
        "blocked: at most 3 executions of replace in an hour on service web (3 in the last hour, until 2025-06-01T12:01:40Z)",
    );
    ends(HourlyRate, after(full), Some(seconds_ago(-100)));
    ends(HourlyRate, after(&[("web", 3500), ("web", 700), ("web", 2000), ("web", 100)]), Some(seconds_ago(-1600)));
    let never = |world: &mut World| world.runbook().guardrails.max_executions_per_hour = 0;
    ends(HourlyRate, never, None);
}

#[test]
fn one_action_at_a_time() {
    let under_way = |namespace: &'static str, deadline: i64| {
        move |world: &mut World| {
            let mut execution = executed("shop", "other", seconds_ago(1000));
            (execution.namespace, execution.in_flight) = (namespace.to_owned(), Some(in_flight(seconds_ago(deadline))));
            world.ledger.executions = vec![execution];
        }
    };
    check(ConcurrentActions, |_| {}, "pass: in_flight=0");
    check(ConcurrentActions, under_way("elsewhere", -60), "pass: in_flight=0");
    check(
        ConcurrentActions,
        under_way(NAMESPACE, -60),
        "blocked: at most 1 action at a time in a namespace (in flight: shop-x, until 2025-06-01T12:01:00Z)",
    );
    ends(ConcurrentActions, under_way(NAMESPACE, 60), Some(now()));
}

#[test]
fn an_open_breaker_stays_open_until_it_is_reset() {
    use BreakerChange::{Opened, Reset};
    let events = |events: &'static [(BreakerChange, &'static str, Option<&'static str>)]| {
        move |world: &mut World| {
            let at = |index: usize| seconds_ago(100_000 - i64::try_from(index).unwrap());
            world.ledger.breaker =
                events.iter().enumerate().map(|(index, (event, runbook, service))| breaker(*event, runbook, *service, at(index))).collect();
        }
    };
    check(CircuitBreaker, |_| {}, "pass: closed");
    check(CircuitBreaker, events(&[(Opened, "other", None), (Opened, "replace", Some("shop"))]), "pass: closed");
    check(CircuitBreaker, events(&[(Opened, "replace", Some("web")), (Reset, "replace", Some("web"))]), "pass: closed");
    let blocked = |reach| {
        format!(
            "blocked: the circuit breaker of replace must be closed (open for {reach} since 2025-05-31T08:13:20Z, \
             after: web-x not ready in 120 s)"
        )
    };
    check(CircuitBreaker, events(&[(Opened, "replace", Some("web"))]), &blocked("service web"));
    check(CircuitBreaker, events(&[(Opened, "replace", None)]), &blocked("every service in the namespace"));
    ends(CircuitBreaker, events(&[(Reset, "replace", None), (Opened, "replace", None)]), None);
    // However long the cause is, what to do about it stays whole: it is not in the same text.
    let mut world = World::new();
    world.ledger.breaker = vec![BreakerEvent { cause: "\u{1b}x".repeat(999), ..breaker(Opened, "replace", None, now()) }];
    assert!(world.message().contains("must be closed (open for every service in the namespace since"), "{}", world.message());
    assert!(!world.message().contains('\u{1b}'));
    let hint = world.hint().unwrap();
    assert!(hint.ends_with(": pod-remediator reset-breaker replace -n lab --reason '…'"), "{hint}");
}

#[test]
fn few_services_are_touched_in_ten_minutes() {
    check(AffectedServices, |_| {}, "pass: other_services=0");
    check(AffectedServices, after(&[("shop", 600)]), "pass: other_services=0");
    check(AffectedServices, after(&[("web", 10)]), "pass: other_services=0");
    let busy: &[(&str, i64)] = &[("shop", 590), ("mail", 300), ("shop", 400)];
    check(
        AffectedServices,
        after(busy),
        "blocked: actions on at most 1 service within 10 minutes (others: shop, mail, until 2025-06-01T12:05:00Z)",
    );
    ends(AffectedServices, after(busy), Some(seconds_ago(-300)));
    let two = |world: &mut World| {
        after(busy)(world);
        world.runbook().guardrails.max_affected_services = 2;
    };
    ends(AffectedServices, two, Some(seconds_ago(-200)));
}

#[test]
fn many_services_at_once_are_a_broad_trigger() {
    check(MatchedServices, |_| {}, "pass: services_asking=1");
    check(MatchedServices, |world| world.also_asks(&["a", "b", "web", "a"]), "pass: services_asking=3");
    let blocked = "blocked: at most 3 services may ask at once (4 ask)";
    check(MatchedServices, |world| world.also_asks(&["a", "b", "c"]), blocked);
    let more = |world: &mut World| {
        world.also_asks(&["a", "b", "c"]);
        world.runbook().guardrails.max_matched_services = 4;
    };
    check(MatchedServices, more, "pass: services_asking=4");
    // What is malformed or has expired does not count, what no runbook answers to does.
    let one_is = |change: fn(&mut Request)| {
        move |world: &mut World| {
            world.also_asks(&["a", "b", "c"]);
            change(&mut world.snapshot.requests[3]);
        }
    };
    check(MatchedServices, one_is(|it| it.confidence = Some("sure".to_owned())), "pass: services_asking=3");
    check(MatchedServices, one_is(|it| it.requested_at = Fact::Known(seconds_ago(3601))), "pass: services_asking=3");
    check(MatchedServices, one_is(|it| it.requested_at = Fact::Unknown("?".to_owned())), blocked);
    check(MatchedServices, one_is(|it| it.symptom = Some("Odd".to_owned())), blocked);
    // Without a service label the controller tells services apart, or the pod itself.
    check(MatchedServices, one_is(|it| it.service = None), blocked);
    let without_labels = |world: &mut World| {
        world.also_asks(&["a", "b", "c"]);
        for request in &mut world.snapshot.requests[1..] {
            (request.service, request.pod.owner.as_mut().unwrap().uid) = (None, "one".into());
        }
    };
    check(MatchedServices, without_labels, "pass: services_asking=2");
    let bare_pods = |world: &mut World| {
        world.also_asks(&["a", "b", "c"]);
        world.snapshot.requests[1..].iter_mut().for_each(|request| (request.service, request.pod.owner) = (None, None));
    };
    check(MatchedServices, bare_pods, blocked);
}

#[test]
fn nothing_begins_that_could_not_be_verified() {
    let left = |seconds| move |world: &mut World| world.snapshot.bounds.time_left = Duration::from_secs(seconds);
    check(TimeToVerify, left(135), "pass: time_left=135s");
    check(TimeToVerify, left(134), "blocked: a run needs 135 seconds to act and verify (this one has 134 seconds left)");
    let quicker = |world: &mut World| {
        left(134)(world);
        world.runbook().verification.timeout_seconds = 119;
    };
    check(TimeToVerify, quicker, "pass: time_left=134s");
}

#[test]
fn what_no_run_has_time_for_is_no_wait() {
    let long = |seconds| move |world: &mut World| world.runbook().verification.timeout_seconds = seconds;
    check(TimeToVerify, long(524), "pass: time_left=540s");
    let never = "blocked: a run needs 540 seconds to act and verify (no run has so much: its deadline is 540 seconds)";
    check(TimeToVerify, long(525), never);
    let mut world = World::new();
    long(1200)(&mut world);
    let decision = world.decide();
    assert!(!world.message().contains("next run"), "{}", world.message());
    assert_eq!((decision.escalation(), decision.distinction()), (Escalate::PageServiceOwner, "time_to_verify".to_owned()));
    let subject = crate::core::decide::Subject::new(&world.snapshot.requests[0], Some(&world.runbooks[0]), &world.snapshot, &world.ledger);
    let advice = decision.blocked().next().and_then(|check| check.remedy(&subject)).unwrap().advice;
    assert!(advice.contains("spec.verification.timeoutSeconds") && advice.contains("--deadline (RUN_DEADLINE)"), "{advice}");
    // A longer deadline makes it a wait again.
    world.snapshot.bounds.deadline = Duration::from_secs(3600);
    assert!(world.message().contains("(this one has 540 seconds left)"), "{}", world.message());
}

#[test]
fn what_could_never_be_proved_in_time_is_not_begun() {
    let requires = "blocked: a replacement must be provable within the runbook's 120 seconds";
    let slow = |world: &mut World| world.workload().min_ready_seconds = 120;
    check(GuardrailId::TimeToVerify, slow, &format!("{requires} (Deployment/web needs 120 seconds or more: minReadySeconds=120)"));
    let stated = |world: &mut World| {
        slow(world);
        world.runbook().verification.stable_seconds = Some(10);
        world.runbook().verification.available_equals_desired = false;
    };
    check(GuardrailId::TimeToVerify, stated, "pass: time_left=540s");
    // The new pod is made only once the old one is gone, and what hangs takes its whole grace.
    let lingering = |world: &mut World| {
        world.stateful(|_| {});
        world.workload().grace_seconds = 110;
    };
    check(
        GuardrailId::TimeToVerify,
        lingering,
        &format!(
            "{requires} (StatefulSet/web needs 120 seconds or more: minReadySeconds=0 terminationGracePeriodSeconds=110 \
             (the old pod goes first: one pod in its place at a time))"
        ),
    );
    // What the template's own probes take, and what gives a second pod no place.
    let start = |world: &mut World, delay| {
        let name = "main".to_owned();
        world.workload().starts = vec![Start { name, ready_delay: delay, ready_successes: 1, ready_period: 10, ..Start::default() }];
    };
    check(GuardrailId::TimeToVerify, |world| start(world, 109), "pass: time_left=540s");
    check(
        GuardrailId::TimeToVerify,
        |world| start(world, 110),
        &format!("{requires} (Deployment/web needs 120 seconds or more: minReadySeconds=0 ready_after=110s (container main))"),
    );
    let exclusive =
        |why: Exclusive, grace| move |world: &mut World| (world.workload().exclusive, world.workload().grace_seconds) = (Some(why), grace);
    check(GuardrailId::TimeToVerify, exclusive(Exclusive::AntiAffinity, 109), "pass: time_left=540s");
    let first = |why: &str| {
        format!(
            "{requires} (Deployment/web needs 120 seconds or more: minReadySeconds=0 terminationGracePeriodSeconds=110 \
             (the old pod goes first: {why}))"
        )
    };
    check(GuardrailId::TimeToVerify, exclusive(Exclusive::AntiAffinity, 110), &first("required anti-affinity to itself"));
    check(GuardrailId::TimeToVerify, exclusive(Exclusive::HostPort(8080), 110), &first("hostPort 8080"));
    let of_one_node = |world: &mut World| {
        world.workload().grace_seconds = 110;
        world.request().claims = vec!["data".to_owned()];
        let claim = Claim { deleting: false, lost: false, one_node: true };
        world.snapshot.claims.insert("data".to_owned(), Fact::Known(Some(claim)));
    };
    check(GuardrailId::TimeToVerify, of_one_node, &first("claim data is of one node"));
    let deployment = |world: &mut World| world.workload().grace_seconds = 600;
    check(GuardrailId::TimeToVerify, deployment, "pass: time_left=540s");
    // It never ends by itself, so somebody hears of it.
    let mut world = World::new();
    slow(&mut world);
    assert_eq!(world.decide().escalation(), Escalate::PageServiceOwner);
}
