//! For each guardrail three cases: it passes, it blocks, and a fact that it needs cannot be read.

use super::circumstances::windows_of;
use super::*;

type Change = fn(&mut World);

/// What makes it pass, what makes it block, and what makes a fact unknown; `None` where it needs no fact that could be.
pub(super) fn cases(id: GuardrailId) -> (Change, Change, Option<Change>) {
    const AS_IT_IS: Change = |_| {};
    const NO_WORKLOAD: Option<Change> = Some(World::unknown_workload);
    const NO_PODS: Option<Change> = Some(World::unknown_pods);
    const NO_SERVICE: Option<Change> = Some(|world| world.request().service = None);
    match id {
        GuardrailId::Request => (
            AS_IT_IS,
            |world| world.request().labels.clear(),
            Some(|world| world.request().requested_at = Fact::Unknown("no field manager owns the label".to_owned())),
        ),
        GuardrailId::BareRequest => (AS_IT_IS, |world| world.runbook().triggers.allow_bare_request = false, None),
        GuardrailId::SymptomPresent => (
            |world| not_ready_is_the_symptom(world, false, Some(60)),
            |world| not_ready_is_the_symptom(world, true, Some(60)),
            Some(|world| {
                not_ready_is_the_symptom(world, false, None);
                world.request().containers[0].probed = None;
            }),
        ),
        GuardrailId::Namespace => (AS_IT_IS, |world| world.runbook().scope.allowed_namespaces = vec!["staging".to_owned()], None),
        GuardrailId::OptIn => (AS_IT_IS, |world| world.workload().labels.clear(), NO_WORKLOAD),
        GuardrailId::Controller => (AS_IT_IS, |world| world.target(|pod| pod.owner = None), NO_WORKLOAD),
        GuardrailId::OwnsNothing => (
            AS_IT_IS,
            |world| {
                let owned = BTreeMap::from([("uid-web-a".to_owned(), vec!["Pod/worker".to_owned()])]);
                world.snapshot.dependents = Fact::Known(owned);
            },
            Some(|world| world.snapshot.dependents = Fact::Unknown("timed out".to_owned())),
        ),
        GuardrailId::WorkloadKind => (AS_IT_IS, |world| world.runbook().scope.workload_kinds = vec![WorkloadKind::DaemonSet], NO_WORKLOAD),
        GuardrailId::ServiceLabel => (AS_IT_IS, |world| world.workload().template_labels.clear(), NO_WORKLOAD),
        GuardrailId::RequestLabelInTemplate => (
            AS_IT_IS,
            |world| drop(world.workload().template_labels.insert(label::RESTART.to_owned(), label::TRUE.to_owned())),
            NO_WORKLOAD,
        ),
        GuardrailId::Terminating => (AS_IT_IS, |world| world.workload().deleting = true, NO_WORKLOAD),
        GuardrailId::CanStart => (
            AS_IT_IS,
            |world| world.request().unscheduled = Some("Unschedulable".to_owned()),
            Some(|world| world.request().claims = vec!["data".to_owned()]),
        ),
        GuardrailId::BlastRadius => (AS_IT_IS, |world| world.pods().truncate(1), NO_PODS),
        GuardrailId::OwnRedundancy => (AS_IT_IS, |world| world.pods().truncate(1), NO_PODS),
        GuardrailId::UnavailablePercent => (
            |world| world.runbook().guardrails.max_unavailable_percent = Some(34),
            |world| world.runbook().guardrails.max_unavailable_percent = Some(33),
            Some(|world| {
                world.runbook().guardrails.max_unavailable_percent = Some(34);
                world.unknown_pods();
            }),
        ),
        GuardrailId::Rollout => (AS_IT_IS, |world| world.workload().paused = true, NO_WORKLOAD),
        GuardrailId::OrderedPeers => (
            |world| world.stateful(|_| {}),
            |world| {
                world.stateful(|_| {});
                world.pods()[2].ready = false;
            },
            Some(|world| {
                world.stateful(|_| {});
                world.unknown_pods();
            }),
        ),
        GuardrailId::MaintenanceWindow => (|world| sunday_noon(world, "allow"), |world| sunday_noon(world, "deny"), None),
        GuardrailId::BlockingLabel => (
            incident_stops_it,
            |world| {
                incident_stops_it(world);
                world.workload().labels.insert("incident".to_owned(), "true".to_owned());
            },
            Some(|world| {
                incident_stops_it(world);
                world.snapshot.namespace = Fact::Unknown("timed out".to_owned());
            }),
        ),
        GuardrailId::BlockingAnnotation => (
            promises_count,
            |world| {
                promises_count(world);
                world.request().annotations.insert("karpenter.sh/do-not-disrupt".to_owned(), "true".to_owned());
            },
            Some(|world| {
                promises_count(world);
                world.snapshot.namespace = Fact::Unknown("timed out".to_owned());
            }),
        ),
        GuardrailId::Cooldown => (AS_IT_IS, |world| happened(world, "web", 1), NO_SERVICE),
        GuardrailId::HourlyRate => (AS_IT_IS, |world| happened(world, "web", 3), NO_SERVICE),
        GuardrailId::ConcurrentActions => (
            AS_IT_IS,
            |world| {
                happened(world, "shop", 1);
                world.ledger.executions[0].in_flight = Some(in_flight(seconds_ago(-60)));
            },
            None,
        ),
        GuardrailId::CircuitBreaker => {
            (AS_IT_IS, |world| world.ledger.breaker = vec![breaker(BreakerChange::Opened, "replace", None, now())], NO_SERVICE)
        }
        GuardrailId::DisruptionBudget => (
            |world| world.snapshot.budgets = Fact::Known(vec![budget("b", 1)]),
            |world| world.snapshot.budgets = Fact::Known(vec![budget("b", 0)]),
            Some(|world| world.snapshot.budgets = Fact::Unknown("timed out".to_owned())),
        ),
        GuardrailId::AffectedServices => (AS_IT_IS, |world| happened(world, "shop", 1), NO_SERVICE),
        GuardrailId::MatchedServices => (AS_IT_IS, |world| world.also_asks(&["a", "b", "c"]), None),
        GuardrailId::Probes => (|world| asked(world, Some(0.0)), |world| asked(world, Some(0.5)), Some(|world| asked(world, None))),
        GuardrailId::TimeToVerify => (AS_IT_IS, |world| world.snapshot.bounds.time_left = Duration::from_secs(134), None),
    }
}

fn not_ready_is_the_symptom(world: &mut World, ready: bool, since: Option<i64>) {
    (world.request().symptom, world.request().confidence) = (Some("readiness_probe_failed".to_owned()), Some("1".to_owned()));
    world.request().containers = vec![Container { running: true, started: true, probed: Some(true), ..Container::default() }];
    world.target(|pod| (pod.ready, pod.ready_changed) = (ready, since.map(seconds_ago)));
}

/// A window that is open now.
fn sunday_noon(world: &mut World, effect: &str) {
    let yaml = format!("[{{days: [sun], start: \"11:00\", end: \"13:00\", timeZone: UTC, effect: {effect}}}]");
    world.runbook().guardrails.maintenance_windows = windows_of(&yaml);
}

fn incident_stops_it(world: &mut World) {
    world.runbook().guardrails.blocked_by_labels = vec![("incident".to_owned(), "true".to_owned())];
}

fn promises_count(world: &mut World) {
    world.runbook().guardrails.blocked_by_annotations = vec![("karpenter.sh/do-not-disrupt".to_owned(), "true".to_owned())];
}

/// A probe wants less than 0.1, and this was the answer.
fn asked(world: &mut World, answer: Option<f64>) {
    let (probe, reading) = super::probes::below("errors", 0.1, answer.unwrap_or_default());
    world.runbook().guardrails.probes = vec![probe];
    let reading = if answer.is_some() { reading } else { Fact::Unknown("timed out".to_owned()) };
    world.snapshot.probes.insert("uid-web-a".to_owned(), BTreeMap::from([("errors".to_owned(), reading)]));
}

/// So many executions on a service in the last minutes.
fn happened(world: &mut World, service: &str, count: i64) {
    world.ledger.executions = (1..=count).map(|minutes| executed(service, "replace", seconds_ago(60 * minutes))).collect();
}

#[test]
fn each_passes_blocks_and_blocks_on_what_cannot_be_read() {
    let after = |id, change: Change| {
        let mut world = World::new();
        change(&mut world);
        world.check(id)
    };
    for id in GuardrailId::ALL {
        let (passes, blocks, unread) = cases(id);
        let check = after(id, passes);
        assert_eq!(check.verdict, Verdict::Pass, "{check:?}");
        let check = after(id, blocks);
        assert!(check.verdict == Verdict::Blocked && !check.observed.contains("unknown: "), "{check:?}");
        if let Some(unread) = unread {
            let check = after(id, unread);
            // A probe's name comes before what is unknown.
            assert!(check.verdict == Verdict::Blocked && check.observed.contains("unknown: "), "{check:?}");
        }
    }
}
