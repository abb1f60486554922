//! The refusal matrix: what a service owner reads for each guardrail that blocks, alone, where its facts are unknown, and together;
//! and for each reason that comes before them. `refusals.txt` has been read by a person: after a change, read it again.

use super::*;
use crate::core::decide::Reason;
use crate::core::snapshot::{Claim, Ended};

/// Makes this guardrail block, and no other.
fn alone(id: GuardrailId, world: &mut World) {
    match id {
        GuardrailId::Request => world.request().labels = labels(&[("app", "web")]),
        GuardrailId::BareRequest => world.runbook().triggers.allow_bare_request = false,
        GuardrailId::SymptomPresent => {
            (world.request().symptom, world.request().confidence) = (Some("OOMKilled".to_owned()), Some("0.9".to_owned()));
            let ended = Some(Ended { reason: "OOMKilled".to_owned(), at: Some(seconds_ago(4000)) });
            world.request().containers = vec![Container { restarts: 1, ended, ..Container::default() }];
        }
        GuardrailId::Namespace => world.runbook().scope.allowed_namespaces = vec!["payments".to_owned()],
        GuardrailId::OptIn => world.workload().labels.clear(),
        GuardrailId::Controller => {
            world.workload().controller = Some(Foreign { kind: "Kafka.kafka.strimzi.io".to_owned(), name: "events".to_owned() });
        }
        GuardrailId::OwnsNothing => {
            let owned = vec!["StatefulSet/web-a".to_owned(), "Pod/web-a-1".to_owned()];
            world.snapshot.dependents = Fact::Known(BTreeMap::from([("uid-web-a".to_owned(), owned)]));
        }
        GuardrailId::WorkloadKind => world.runbook().scope.workload_kinds = vec![WorkloadKind::StatefulSet],
        GuardrailId::ServiceLabel => world.workload().template_labels = labels(&[("app", "shop")]),
        GuardrailId::RequestLabelInTemplate => {
            world.workload().template_labels.insert(label::RESTART.to_owned(), label::TRUE.to_owned());
        }
        GuardrailId::Terminating => world.workload().deleting = true,
        GuardrailId::CanStart => {
            let why = "Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.";
            world.request().unscheduled = Some(why.to_owned());
        }
        GuardrailId::BlastRadius => world.runbook().guardrails.minimum_ready_replicas = 4,
        GuardrailId::OwnRedundancy => {
            world.pods().iter_mut().skip(1).for_each(|pod| pod.owner.as_mut().unwrap().uid = "rs-canary".into());
        }
        GuardrailId::UnavailablePercent => world.runbook().guardrails.max_unavailable_percent = Some(25),
        GuardrailId::Rollout => world.workload().updated = 1,
        GuardrailId::OrderedPeers => {
            world.stateful(|_| {});
            world.pods()[2].ready = false;
        }
        GuardrailId::MaintenanceWindow => {
            let window = "[{days: [sun], start: \"08:00\", end: \"18:00\", timeZone: Europe/Berlin, effect: deny}]";
            world.runbook().guardrails.maintenance_windows = circumstances::windows_of(window);
        }
        GuardrailId::BlockingLabel => {
            world.runbook().guardrails.blocked_by_labels = vec![("payments-provider-down".to_owned(), "true".to_owned())];
            world.namespace().labels = labels(&[("payments-provider-down", "true")]);
        }
        GuardrailId::BlockingAnnotation => {
            world.runbook().guardrails.blocked_by_annotations = vec![("karpenter.sh/do-not-disrupt".to_owned(), "true".to_owned())];
            world.request().annotations = labels(&[("karpenter.sh/do-not-disrupt", "true")]);
        }
        GuardrailId::Cooldown => world.ledger.executions.push(executed("web", "other", seconds_ago(120))),
        GuardrailId::HourlyRate => {
            world.ledger.executions.extend([3000, 2000, 1000].map(|ago| executed("web", "replace", seconds_ago(ago))));
        }
        GuardrailId::ConcurrentActions => {
            let mut execution = executed("web", "replace", seconds_ago(700));
            execution.in_flight = Some(in_flight(seconds_ago(-60)));
            world.ledger.executions.push(execution);
        }
        GuardrailId::CircuitBreaker => {
            world.ledger.breaker.push(breaker(BreakerChange::Opened, "replace", None, seconds_ago(900)));
        }
        GuardrailId::DisruptionBudget => world.snapshot.budgets = Fact::Known(vec![budget("web", 0)]),
        GuardrailId::AffectedServices => world.ledger.executions.push(executed("shop", "replace", seconds_ago(60))),
        GuardrailId::MatchedServices => world.also_asks(&["cart", "mail", "shop"]),
        GuardrailId::Probes => probes::answered_badly(world),
        GuardrailId::TimeToVerify => world.snapshot.bounds.time_left = Duration::from_secs(20),
    }
}

/// What it is called, and what it does.
type Change = (&'static str, fn(&mut World));

fn entry(text: &mut String, heading: &str, world: &World) {
    text.push_str(&format!("{heading}\n    {}\n", world.message()));
}

#[test]
fn every_refusal_has_its_own_sentence() {
    let mut text = String::from("# Each guardrail alone\n");
    let mut said = std::collections::BTreeSet::new();
    for id in GuardrailId::ALL {
        let mut world = World::new();
        alone(id, &mut world);
        let decision = world.decide();
        assert_eq!(decision.blocked().map(|check| check.id).collect::<Vec<_>>(), [id], "{}", world.message());
        assert!(said.insert(world.message()), "said of another too: {}", world.message());
        entry(&mut text, id.as_str(), &world);
    }

    text.push_str("\n# Facts that cannot be read\n");
    let unknown: [Change; 7] = [
        ("the workload", World::unknown_workload),
        ("the service's pods", World::unknown_pods),
        ("the disruption budgets", |world| world.snapshot.budgets = Fact::Unknown("list poddisruptionbudgets: no clear answer".to_owned())),
        ("when the request was made", |world| world.request().requested_at = Fact::Unknown("no entry owns the label".to_owned())),
        ("the namespace's labels", |world| {
            alone(GuardrailId::BlockingLabel, world);
            world.snapshot.namespace = Fact::Unknown("get namespaces lab: no clear answer".to_owned());
        }),
        ("what the pod owns", |world| world.snapshot.dependents = Fact::Unknown("list statefulsets: no clear answer".to_owned())),
        ("a claim", |world| {
            world.request().claims = vec!["data-web-0".to_owned()];
            let unknown = Fact::Unknown("get persistentvolumeclaims data-web-0: no clear answer".to_owned());
            world.snapshot.claims.insert("data-web-0".to_owned(), unknown);
        }),
    ];
    for (what, change) in unknown {
        let mut world = World::new();
        change(&mut world);
        assert_eq!(world.decide().reason, Reason::Blocked);
        entry(&mut text, what, &world);
    }

    text.push_str("\n# What is not supported, and what its own cluster keeps from working\n");
    let named: [Change; 10] = [
        ("a Rollout", |world| {
            let foreign = Foreign { kind: "Rollout.argoproj.io".to_owned(), name: "web".to_owned() };
            world.snapshot.workloads.insert(WEB.to_owned(), Fact::Known(Behind::Unsupported(foreign)));
        }),
        ("a CloneSet", |world| world.unsupported("CloneSet.apps.kruise.io")),
        ("a StatefulSet of another API group", |world| world.unsupported("StatefulSet.apps.kruise.io")),
        ("a Job", |world| world.unsupported("Job.batch")),
        ("a bare pod", |world| world.target(|pod| pod.owner = None)),
        ("a quota", |world| {
            world.workload().replicas = 2;
            world.workload().cannot_create = Some(
                "FailedCreate: pods \"web-6d4-\" is forbidden: exceeded quota: team, requested: cpu=1, used: cpu=8, limited: cpu=8"
                    .to_owned(),
            );
        }),
        ("a rollout past its deadline", |world| {
            world.workload().updated = 1;
            let why = "ProgressDeadlineExceeded: ReplicaSet \"web-7f8\" has timed out progressing.";
            world.workload().stalled = Some(why.to_owned());
        }),
        ("a rollback that waits for its broken pod", |world| {
            world.stateful(|_| {});
            world.workload().updated = 2;
            world.request().revision = Some("web-2".to_owned());
        }),
        ("a volume that goes with the pod", |world| {
            world.request().claims = vec!["data-web-0".to_owned()];
            let claim = Claim { deleting: true, lost: false, one_node: true };
            world.snapshot.claims.insert("data-web-0".to_owned(), Fact::Known(Some(claim)));
        }),
        ("a namespace that goes", |world| world.namespace().deleting = true),
    ];
    for (what, change) in named {
        let mut world = World::new();
        change(&mut world);
        assert_eq!(world.decide().reason, Reason::Blocked);
        assert_eq!(world.decide().blocked().count(), 1, "{}", world.message());
        entry(&mut text, what, &world);
    }

    text.push_str("\n# Together\n");
    let together: [&[GuardrailId]; 7] = [
        &[GuardrailId::BlastRadius, GuardrailId::Cooldown],
        &[GuardrailId::MaintenanceWindow, GuardrailId::Cooldown, GuardrailId::HourlyRate],
        &[GuardrailId::CircuitBreaker, GuardrailId::DisruptionBudget, GuardrailId::MatchedServices],
        &[GuardrailId::OptIn, GuardrailId::Rollout, GuardrailId::BlockingLabel, GuardrailId::TimeToVerify],
        &[GuardrailId::BareRequest, GuardrailId::OwnRedundancy, GuardrailId::UnavailablePercent],
        &[GuardrailId::OrderedPeers, GuardrailId::Cooldown],
        &[GuardrailId::OwnsNothing, GuardrailId::Terminating, GuardrailId::CanStart, GuardrailId::BlockingAnnotation],
    ];
    for ids in together {
        let mut world = World::new();
        ids.iter().for_each(|id| alone(*id, &mut world));
        assert_eq!(world.decide().blocked().map(|check| check.id).collect::<Vec<_>>(), ids, "{}", world.message());
        entry(&mut text, &ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", "), &world);
    }
    let mut all = World::new();
    // Those that another makes impossible come last, and win.
    GuardrailId::ALL.into_iter().filter(|id| *id != GuardrailId::OrderedPeers).for_each(|id| alone(id, &mut all));
    entry(&mut text, "nearly all of them", &all);
    let blocked = all.decide().guardrails.into_iter().filter(|check| check.verdict == Verdict::Blocked).map(|check| check.id);
    let with_others: std::collections::BTreeSet<GuardrailId> = blocked.chain(together.into_iter().flatten().copied()).collect();
    let never: Vec<GuardrailId> = GuardrailId::ALL.into_iter().filter(|id| !with_others.contains(id)).collect();
    // A probe is asked only where nothing else blocks.
    assert_eq!(never, [], "alone only");

    text.push_str("\n# Before any guardrail\n");
    let before: [Change; 8] = [
        ("ended", |world| world.target(|pod| (pod.running, pod.ended, pod.trouble) = (false, true, Some("Failed: Evicted".into())))),
        ("terminating", |world| world.target(|pod| pod.terminating = true)),
        ("malformed", |world| world.request().confidence = Some("very".to_owned())),
        ("expired", |world| world.request().requested_at = Fact::Known(seconds_ago(7200))),
        ("no runbook", |world| world.request().symptom = Some("DiskPressure".to_owned())),
        ("another runbook than there is", |world| world.request().runbook = Some("restart-everything".to_owned())),
        ("several runbooks", |world| world.runbooks.push(runbook("restart"))),
        ("low confidence", |world| {
            (world.request().symptom, world.request().confidence) = (Some("hung".to_owned()), Some("0.5".to_owned()));
        }),
    ];
    for (what, change) in before {
        let mut world = World::new();
        change(&mut world);
        entry(&mut text, what, &world);
    }
    snapshot("src/core/decide/tests/refusals.txt", &text);
}
