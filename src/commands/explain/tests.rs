//! What people and programs are told, word for word.

use unicode_width::UnicodeWidthStr;

use super::*;
use crate::commands::desk::Obstacle;
use crate::commands::status::InFlightStatus;
use crate::core::decide::tests::{World, executed, in_flight, now, seconds_ago, snapshot};
use crate::core::runbook::DecisionMode;
use crate::terminal::table::Layout;

fn explanation(change: impl FnOnce(&mut World), hypothetical: bool) -> Explanation {
    let mut world = World::new();
    change(&mut world);
    let explainer = Explainer { runbooks: &world.runbooks, snapshot: &world.snapshot, ledger: &world.ledger, basis: None, now: now() };
    let in_flight: Vec<InFlightStatus> = status(&world.ledger, "lab", now()).in_flight;
    Explanation {
        namespace: "lab".to_owned(),
        now: now(),
        selector: world.snapshot.bounds.selector.to_string(),
        service_label: "app".to_owned(),
        mode_ceiling: "auto_execute",
        in_flight,
        basis: None,
        pods: vec![explainer.pod(&world.snapshot.requests[0], hypothetical)],
        near_misses: Vec::new(),
        more_near_misses: 0,
        not_looked_at: Vec::new(),
    }
}

/// When it becomes eligible, as a table says it.
#[track_caller]
fn eligible(change: impl FnOnce(&mut World), word: Eligible, expected: &str) {
    let explained = explanation(change, false);
    assert_eq!(explained.pods[0].eligibility.eligible, word);
    let text = explained.table(true, Layout::PLAIN);
    let said: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Eligible")).take_while(|line| !line.is_empty()).collect();
    let said = said.iter().map(|line| line.trim_start_matches("Eligible").trim()).collect::<Vec<_>>().join(" ");
    assert_eq!(said, expected);
}

/// The same where runs cannot act, or where that is not known.
#[track_caller]
fn eligible_with(basis: Basis, change: impl FnOnce(&mut World), word: Eligible, expected: &str) {
    let mut world = World::new();
    change(&mut world);
    let World { runbooks, snapshot, ledger, .. } = &world;
    let explainer = Explainer { runbooks, snapshot, ledger, basis: Some(&basis), now: now() };
    let pods = vec![explainer.pod(&snapshot.requests[0], false)];
    assert_eq!(pods[0].eligibility.eligible, word);
    let text = Explanation { pods, basis: Some(basis), ..explanation(|_| {}, false) }.table(true, crate::terminal::table::Layout::PLAIN);
    let said: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Eligible")).take_while(|line| !line.is_empty()).collect();
    let said = said.iter().map(|line| line.trim_start_matches("Eligible").trim()).collect::<Vec<_>>().join(" ");
    assert_eq!(said, expected);
}

#[test]
fn no_run_is_promised_that_would_not_begin_or_not_act() {
    let but = |details: &[&str]| Basis {
        obstacles: details.iter().map(|detail| Obstacle { kind: "suspended", detail: (*detail).to_owned() }).collect(),
        ..Basis::default()
    };
    let cooling = |world: &mut World| world.ledger.executions = vec![executed("web", "replace", seconds_ago(180))];
    let suspended = "the CronJob is suspended";
    eligible_with(but(&[]), |_| {}, Eligible::Now, "now: the next run replaces it");
    eligible_with(but(&[suspended]), |_| {}, Eligible::NotByItself, "not while the CronJob is suspended");
    eligible_with(but(&[suspended, "x"]), |_| {}, Eligible::NotByItself, "not while the CronJob is suspended; nor while x");
    let both = "not while the CronJob is suspended; and not before 2025-06-01T12:07:00Z, in 7m";
    eligible_with(but(&[suspended]), cooling, Eligible::NotByItself, both);
    eligible_with(but(&[suspended]), |world| world.pods().truncate(1), Eligible::NotByItself, "not by itself");
    let unread = || Basis { unread: vec!["CronJob: it does not exist".to_owned()], ..Basis::default() };
    let as_given = "with the settings and permissions given here";
    eligible_with(unread(), |_| {}, Eligible::Now, &format!("now: the next run replaces it, {as_given}"));
    let later = format!("at 2025-06-01T12:07:00Z, in 7m, if nothing else changes, {as_given}");
    eligible_with(unread(), cooling, Eligible::Later, &later);
}

#[test]
fn a_refusal_is_a_page_that_can_be_acted_on() {
    let text = explanation(|world| world.pods().truncate(1), false).table(true, Layout::PLAIN);
    snapshot("src/commands/explain/tests/refused.txt", &text);
}

#[test]
fn what_keeps_pod_and_workload_from_being_well_is_said_in_the_clusters_words() {
    let unwell = |world: &mut World| {
        world.request().pod.ready = false;
        world.request().pod.trouble = Some("readiness gate lb/ready is False: target is draining".into());
        let workload = world.workload();
        workload.cannot_create = Some("FailedCreate: exceeded quota: team".to_owned());
        workload.controller = Some(crate::core::snapshot::Foreign { kind: "Kafka.kafka.strimzi.io".to_owned(), name: "events".to_owned() });
    };
    let text = explanation(unwell, false).table(true, Layout::PLAIN);
    let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Deployment/web, controlled by Kafka.kafka.strimzi.io/events",
        "not Ready: readiness gate lb/ready is False: target is draining",
        "its pods cannot be created: FailedCreate: exceeded quota: team",
    ] {
        assert!(said.contains(part), "{part}: {text}");
    }
}

#[test]
fn every_guardrail_is_in_the_table_and_no_line_is_too_wide() {
    let long = |world: &mut World| {
        world.workload().labels.clear();
        world.request().incident = Some("i".repeat(256));
        world.request().requested_by = Some("a \u{1b}[31mred\u{202e} \n name".to_owned());
        world.request().symptom = Some("{\"a\": \"b\n\"}".to_owned());
    };
    for change in [Box::new(long) as Box<dyn FnOnce(&mut World)>, Box::new(|world| world.workload().labels.clear())] {
        let explained = explanation(change, false);
        let text = explained.table(true, Layout::PLAIN);
        for line in text.lines().filter(|line| !line.trim_start().starts_with("kubectl")) {
            assert!(line.width() <= Layout::PLAIN.columns, "{line}");
        }
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        for guardrail in &explained.pods[0].guardrails {
            assert_eq!(
                text.lines().filter(|line| line.starts_with(&format!("{} ", guardrail.id)) || **line == *guardrail.id).count(),
                1,
                "{} in {text}",
                guardrail.id
            );
        }
    }
}

#[test]
fn when_it_becomes_eligible_is_what_the_decision_itself_says_of_that_time() {
    let cooling = |world: &mut World| world.ledger.executions = vec![executed("web", "replace", seconds_ago(180))];
    eligible(|_| {}, Eligible::Now, "now: the next run replaces it");
    eligible(cooling, Eligible::Later, "at 2025-06-01T12:07:00Z, in 7m, if nothing else changes");
    let but_only_suggests = |world: &mut World| {
        cooling(world);
        world.runbook().decision_mode = DecisionMode::Suggest;
    };
    eligible(
        but_only_suggests,
        Eligible::NotByItself,
        "not by itself: what blocks ends at 2025-06-01T12:07:00Z, in 7m, and then it is suggest: would suggest replacing web-a: every \
         guardrail of replace passed, and the runbook allows no more",
    );
    let but_expires_before = |world: &mut World| {
        cooling(world);
        world.request().requested_at = crate::core::snapshot::Fact::Known(seconds_ago(58 * 60));
    };
    eligible(
        but_expires_before,
        Eligible::NotByItself,
        "not by itself: what blocks ends at 2025-06-01T12:07:00Z, in 7m, and then it is abort: skipped web-a: the request has expired: it was made \
        at 2025-06-01T11:02:00Z and counts for 60 minutes",
    );
    let and_never = |world: &mut World| {
        cooling(world);
        world.workload().labels.clear();
    };
    eligible(and_never, Eligible::NotByItself, "not by itself");
}

#[test]
fn an_action_in_flight_is_told_and_is_over_when_its_run_has_ended() {
    let busy = |world: &mut World| {
        let mut execution = executed("shop", "replace", seconds_ago(1000));
        execution.in_flight = Some(in_flight(seconds_ago(-90)));
        world.ledger.executions = vec![execution];
    };
    eligible(busy, Eligible::Later, "at 2025-06-01T12:01:30Z, in 1m 30s, if nothing else changes");
    let text = explanation(busy, false).table(true, Layout::PLAIN);
    let told = "In flight shop-x of shop by replace, held by run r until 2025-06-01T12:01:30Z at the latest";
    assert!(text.lines().any(|line| line == told), "{text}");
}

#[test]
fn what_is_only_assumed_is_said_to_be() {
    let explained = explanation(|_| {}, true);
    let pod = &explained.pods[0];
    assert_eq!((pod.hypothetical, pod.mode), (true, "auto_execute"));
    assert!(pod.message.starts_with("if it asked now: replacing web-a: every guardrail"), "{}", pod.message);
    let text = explained.table(true, Layout::PLAIN);
    let assumed = "Assumed   it does not ask (remediator.kubedojo.io/restart=true): below is what would be decided if\n          the label were set now\n";
    assert!(text.contains(assumed), "{text}");
    let to_do = "What to do\n        - to ask for its replacement\n            kubectl -n lab label pod web-a remediator.kubedojo.io/restart=true\n";
    assert!(text.ends_with(to_do), "{text}");
}

#[test]
fn json_and_yaml_say_the_same() {
    let explained = explanation(|world| world.pods().truncate(1), false);
    let json = serde_json::to_value(&explained).unwrap();
    let yaml: serde_json::Value = serde_saphyr::from_str(&serde_saphyr::to_string(&explained).unwrap()).unwrap();
    assert_eq!(yaml, json);
    crate::terminal::output::tests::only_snake_case(&json);
    assert_eq!(json["pods"][0]["eligibility"]["eligible"], "not_by_itself");
}

#[test]
fn near_misses_come_last_with_what_to_type_and_what_was_not_seen() {
    let miss = |index: u32| NearMiss {
        object: format!("pod/web-{index}"),
        seen: "label remediator.kubedojo.io/restart=\"True\"".to_owned(),
        advice: "only the exact value counts: a request is the label remediator.kubedojo.io/restart=true of one pod".to_owned(),
        command: Some(format!("kubectl -n lab label pod/web-{index} remediator.kubedojo.io/restart=true --overwrite")),
    };
    let (near_misses, more_near_misses) = near_misses::bounded((1..=23).map(miss).collect());
    assert_eq!((near_misses.len(), more_near_misses), (20, 3));
    let not_looked_at = vec!["deployments: no permission to list them".to_owned()];
    let pods = Vec::new();
    let explained = Explanation { near_misses, more_near_misses, not_looked_at, pods, ..explanation(|_| {}, false) };
    let text = explained.table(true, Layout::PLAIN);
    let first = "
Near misses: what does not count as it stands
        - pod/web-1: label remediator.kubedojo.io/restart=\"True\": only the exact value counts: a
          request is the label remediator.kubedojo.io/restart=true of one pod
            kubectl -n lab label pod/web-1 remediator.kubedojo.io/restart=true --overwrite
";
    assert!(text.contains(first), "{text}");
    let last = "\n          and 3 more\n\nNot seen  not checked for near misses: deployments: no permission to list them\n";
    assert!(text.ends_with(last), "{text}");
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!((&json["near_misses"][19]["object"], &json["more_near_misses"]), (&"pod/web-20".into(), &3.into()));
    assert_eq!(json["not_looked_at"][0], "deployments: no permission to list them");
}
