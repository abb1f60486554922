use super::*;
use crate::core::decide::{Mode, Reason};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[track_caller]
fn mode(change: impl FnOnce(&mut World), expected: Mode, message: &str) {
    let mut world = World::new();
    change(&mut world);
    assert_eq!((world.decide().mode, world.message().as_str()), (expected, message));
}

/// A symptom that a detector is this sure of.
fn sure(confidence: &str) -> impl Fn(&mut World) {
    move |world| {
        let request = world.request();
        (request.symptom, request.confidence) = (some("hung"), some(confidence));
    }
}

#[test]
fn everything_passed() {
    mode(|_| {}, Mode::AutoExecute, "replacing web-a: every guardrail of replace passed");
    mode(sure("0.8"), Mode::AutoExecute, "replacing web-a: every guardrail of replace passed");
}

#[test]
fn an_old_request_has_expired() {
    let aged = |seconds| move |world: &mut World| world.request().requested_at = Fact::Known(seconds_ago(seconds));
    mode(aged(3600), Mode::AutoExecute, "replacing web-a: every guardrail of replace passed");
    let expired = |minutes, at| format!("skipped web-a: the request has expired: it was made at {at} and counts for {minutes} minutes");
    mode(aged(3601), Mode::Abort, &expired(60, "2025-06-01T10:59:59Z"));
    let with_limits = |limits: &'static [u32], symptom: &'static str| {
        move |world: &mut World| {
            aged(3601)(world);
            world.request().symptom = some(symptom);
            world.runbooks = limits.iter().map(|minutes| runbook(&minutes.to_string())).collect();
            world.runbooks.iter_mut().zip(limits).for_each(|(it, minutes)| it.triggers.maximum_request_age_minutes = *minutes);
        }
    };
    mode(with_limits(&[5], "CrashLoopBackOff"), Mode::Abort, &expired(5, "2025-06-01T10:59:59Z"));
    // Of several the longest decides, of none the default.
    mode(with_limits(&[5, 50], "CrashLoopBackOff"), Mode::Abort, &expired(50, "2025-06-01T10:59:59Z"));
    mode(with_limits(&[90], "Odd"), Mode::Abort, &expired(60, "2025-06-01T10:59:59Z"));
    mode(with_limits(&[5, 90], "CrashLoopBackOff"), Mode::Manual, "left web-a to a human: several runbooks match this request (5, 90)");
    let mut world = World::new();
    with_limits(&[5], "CrashLoopBackOff")(&mut world);
    let decision = world.decide();
    assert!(decision.guardrails.is_empty() && decision.runbook == world.runbooks.first() && decision.evidence.is_some());
}

#[test]
fn no_runbook_says_what_was_looked_for() {
    #[track_caller]
    fn none(change: impl FnOnce(&mut World), expected: &str) {
        mode(change, Mode::Manual, &format!("left web-a to a human: {expected}"));
    }
    none(|world| world.runbooks.clear(), "no runbook lists symptom \"manual_restart_recommended\"");
    none(|world| world.request().symptom = some("Odd\n\u{1b}[2J"), "no runbook lists symptom \"Odd\\n\\u{1b}[2J\"");
    none(
        |world| (world.request().symptom, world.request().probable_cause) = (some("CrashLoopBackOff"), some("gremlins")),
        "no runbook lists probable cause \"gremlins\" for symptom \"CrashLoopBackOff\"",
    );
    none(|world| world.request().runbook = some("nosuch"), "runbook \"nosuch\", which the request asks for, does not exist");
    none(
        |world| (world.request().runbook, world.request().symptom) = (some("replace"), some("Odd")),
        "runbook \"replace\", which the request asks for, does not list symptom \"Odd\"",
    );
    none(
        |world| {
            world.runbooks.push(runbook("second"));
            world.runbooks.iter_mut().for_each(|it| it.scope.allowed_namespaces = vec!["elsewhere".to_owned()]);
        },
        "several runbooks list symptom \"manual_restart_recommended\", and none of them allows namespace lab",
    );
}

#[test]
fn exactly_one_runbook_applies() {
    #[track_caller]
    fn applies(change: impl FnOnce(&mut World), expected: Option<&str>) {
        let mut world = World::new();
        world.runbooks.push(runbook("second"));
        change(&mut world);
        let decision = world.decide();
        assert_eq!(decision.runbook.map(|runbook| runbook.name.as_str()), expected, "{decision:?}");
        assert_eq!(decision.runbook.is_none(), decision.guardrails.is_empty());
    }
    applies(|_| {}, None);
    applies(|world| world.request().runbook = some("second"), Some("second"));
    applies(|world| world.runbooks[0].scope.allowed_namespaces = vec!["elsewhere".to_owned()], Some("second"));
    applies(|world| world.runbooks[1].triggers.symptoms = vec!["Odd".to_owned()], Some("replace"));
    let cause = |world: &mut World| world.request().probable_cause = some("network");
    let takes = |causes: &'static [&'static str]| {
        move |world: &mut World| {
            cause(world);
            world.runbooks[1].triggers.probable_causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
        }
    };
    applies(takes(&["disk", "network"]), Some("second"));
    applies(takes(&[]), Some("second"));
    applies(takes(&["disk"]), None);
    // The only one applies, and then the namespace guardrail blocks.
    let elsewhere = |world: &mut World| {
        world.runbooks.truncate(1);
        world.runbook().scope.allowed_namespaces = vec!["elsewhere".to_owned()];
    };
    applies(elsewhere, Some("replace"));
}

#[test]
fn weak_evidence_is_a_suggestion_with_the_guardrails_results() {
    mode(
        sure("0.6"),
        Mode::Suggest,
        "would suggest replacing web-a: confidence 0.6 is below the runbook's minimum 0.8; every guardrail of replace passed",
    );
    mode(
        |world| world.request().symptom = some("hung"),
        Mode::Suggest,
        "would suggest replacing web-a: no confidence is stated, and the runbook's minimum is 0.8; every guardrail of replace passed",
    );
    mode(
        |world| {
            sure("0.6")(world);
            world.pods().truncate(1);
            world.target(|pod| pod.ready = false);
        },
        Mode::Suggest,
        "would suggest replacing web-a: confidence 0.6 is below the runbook's minimum 0.8; \
         and blocked by blast_radius: at least 2 Ready pods are required (service web has 0)",
    );
    // How sure one must be is the runbook's to say.
    let wants = |minimum| {
        move |world: &mut World| {
            sure("0.6")(world);
            world.runbook().triggers.minimum_confidence = minimum;
        }
    };
    mode(wants(0.6), Mode::AutoExecute, "replacing web-a: every guardrail of replace passed");
    mode(
        wants(0.61),
        Mode::Suggest,
        "would suggest replacing web-a: confidence 0.6 is below the runbook's minimum 0.61; every guardrail of replace passed",
    );
    // No more than a strong one: who may only observe does not suggest.
    mode(
        |world| {
            sure("0.6")(world);
            world.snapshot.bounds.ceiling = DecisionMode::Observe;
        },
        Mode::Observe,
        "only observing web-a: every guardrail of replace passed, and the run's mode ceiling allows no more",
    );
}

#[test]
fn the_lowest_of_runbook_risk_and_ceiling() {
    #[track_caller]
    fn lowest(runbook: DecisionMode, risk: Risk, ceiling: DecisionMode, expected: Mode, why: Reason, message: &str) {
        let mut world = World::new();
        (world.runbook().decision_mode, world.runbook().risk, world.snapshot.bounds.ceiling) = (runbook, risk, ceiling);
        let decision = world.decide();
        assert_eq!((decision.mode, &decision.reason), (expected, &why));
        let said = world.message();
        assert_eq!(said.split("; to approve plan ").next(), Some(message));
        assert_eq!(said != message, expected == Mode::ApprovalRequired, "what there is to approve is said: {said}");
        world.workload().paused = true;
        assert_eq!((world.decide().mode, world.decide().reason), (Mode::Abort, Reason::Blocked), "a block comes first");
    }
    use DecisionMode::{ApprovalRequired, AutoExecute, Manual, Observe, Suggest};
    use Risk::{High, Low, Medium};
    lowest(AutoExecute, Low, AutoExecute, Mode::AutoExecute, Reason::RunbookMode, "replacing web-a: every guardrail of replace passed");
    lowest(AutoExecute, Medium, AutoExecute, Mode::AutoExecute, Reason::RunbookMode, "replacing web-a: every guardrail of replace passed");
    lowest(
        AutoExecute,
        High,
        AutoExecute,
        Mode::ApprovalRequired,
        Reason::HighRisk,
        "replacing web-a needs an approval: every guardrail of replace passed, and its risk is high",
    );
    lowest(
        ApprovalRequired,
        High,
        ApprovalRequired,
        Mode::ApprovalRequired,
        Reason::RunbookMode,
        "replacing web-a needs an approval: every guardrail of replace passed, and the runbook allows no more",
    );
    lowest(
        AutoExecute,
        High,
        Suggest,
        Mode::Suggest,
        Reason::Ceiling,
        "would suggest replacing web-a: every guardrail of replace passed, and the run's mode ceiling allows no more",
    );
    lowest(
        Manual,
        Low,
        Suggest,
        Mode::Manual,
        Reason::RunbookMode,
        "left web-a to a human: every guardrail of replace passed, and the runbook allows no more",
    );
    lowest(
        Observe,
        High,
        AutoExecute,
        Mode::Observe,
        Reason::RunbookMode,
        "only observing web-a: every guardrail of replace passed, and the runbook allows no more",
    );
}

#[test]
fn a_singleton_is_refused_in_these_words() {
    let mut world = World::new();
    let name = "singleton-8h829";
    world.snapshot.requests = vec![request(pod(name, WEB), "singleton")];
    world.snapshot.workloads = BTreeMap::from([(WEB.to_owned(), Fact::Known(Behind::Workload(Box::new(deployment("singleton", 1)))))]);
    let mut with_pods = |pods: Vec<Pod>| {
        world.snapshot.services = BTreeMap::from([(service("singleton"), Fact::Known(pods))]);
        world.decide().message(name)
    };
    let sentence = "skipped singleton-8h829: blocked by blast_radius: at least 2 Ready pods are required (service singleton has 1";
    assert_eq!(
        with_pods(vec![pod(name, WEB)]),
        format!(
            "{sentence}, this pod included); own_workload_redundancy: another Ready pod of the same workload is required \
             (rs-web has no other; pods of other workloads do not count)"
        )
    );
    world.snapshot.requests[0].pod.ready = false;
    let mut with_pods = |pods: Vec<Pod>| {
        world.snapshot.services = BTreeMap::from([(service("singleton"), Fact::Known(pods))]);
        world.decide().message(name)
    };
    assert_eq!(with_pods(vec![Pod { ready: false, ..pod(name, WEB) }, pod("singleton-new", WEB)]), format!("{sentence})"));
}

#[test]
fn several_blocks_are_one_sentence_and_one_missing_fact_is_said_once() {
    mode(
        |world| {
            world.unknown_workload();
            world.pods().truncate(1);
        },
        Mode::Abort,
        "skipped web-a: blocked by workload_opted_in, supported_controller, workload_kind_allowed, service_label, \
         request_label_not_in_template, not_terminating, replacement_can_start, rollout_settled, ordered_peers_ready: \
         a fact could not be read (the ReplicaSet web-6d4 no longer exists); blast_radius: at least 2 Ready pods are required \
         (service web has 1, this pod included); own_workload_redundancy: another Ready pod of the same workload is required \
         (rs-web has no other; pods of other workloads do not count)",
    );
}

#[test]
fn it_is_eligible_once_the_last_block_has_ended_by_itself() {
    let mut world = World::new();
    assert_eq!(world.decide().eligible_at(), None);
    world.ledger.executions = vec![executed("web", "replace", seconds_ago(60)), executed("shop", "replace", seconds_ago(10))];
    assert_eq!(world.decide().blocked().map(|check| check.id.as_str()).collect::<Vec<_>>(), ["cooldown", "affected_services"]);
    assert_eq!(world.decide().eligible_at(), Some(seconds_ago(-590)));
    world.pods().truncate(1);
    assert_eq!(world.decide().eligible_at(), None, "time alone adds no pod");
}

#[test]
fn hostile_text_stays_on_one_bounded_line() {
    let hostile = "x\r\n\u{1b}]0;pwned\u{7}\u{202e}".repeat(200);
    let mut world = World::new();
    world.request().symptom = Some(hostile.clone());
    let mut messages = vec![world.message(), world.decide().message(&hostile)];
    world.request().symptom = None;
    (world.request().confidence, world.request().detected_at) = (Some(hostile.clone()), Some(hostile.clone()));
    messages.push(world.message());
    (world.request().confidence, world.request().detected_at) = (None, None);
    world.request().requested_at = Fact::Unknown(hostile.clone());
    world.workload().name = hostile.clone();
    world.workload().labels.clear();
    world.snapshot.budgets = Fact::Unknown(hostile);
    messages.push(world.message());
    for message in messages {
        assert!(!message.contains(|c: char| c.is_control() || c == '\u{202e}'), "{message}");
        assert!(message.chars().count() < 10_000, "{}", message.chars().count());
    }
}
