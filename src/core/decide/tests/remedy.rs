//! Every block has something that a human can do about it.

use super::*;
use crate::core::decide::{Reason, Remedy, Subject};

fn written(Remedy { advice, command }: Remedy) -> String {
    command.map_or_else(|| advice.clone(), |command| format!("{advice} $ {command}"))
}

/// After this change, this guardrail blocks, and this is what to do.
#[track_caller]
fn remedy(id: GuardrailId, change: impl FnOnce(&mut World), expected: &str) {
    let mut world = World::new();
    change(&mut world);
    let check = world.check(id);
    assert_eq!(check.verdict, Verdict::Blocked, "{check:?}");
    let subject = Subject::new(&world.snapshot.requests[0], world.runbooks.first(), &world.snapshot, &world.ledger);
    assert_eq!(written(check.remedy(&subject).unwrap()), expected);
}

/// After this change, what led to the decision is for a human to act on like this.
#[track_caller]
fn after_all(change: impl FnOnce(&mut World), expected: Option<&str>) {
    let mut world = World::new();
    change(&mut world);
    let decision = world.decide();
    let subject = Subject::new(&world.snapshot.requests[0], decision.runbook, &world.snapshot, &world.ledger);
    assert_eq!(decision.remedy(&subject).map(written).as_deref(), expected, "{:?}", decision.reason);
}

#[test]
fn every_guardrail_has_one_and_no_two_have_the_same() {
    let world = World::new();
    let subject = Subject::new(&world.snapshot.requests[0], world.runbooks.first(), &world.snapshot, &world.ledger);
    let said = |verdict, observed: &str| {
        GuardrailId::ALL.map(|id| {
            let (observed, limit, message) = (observed.to_owned(), "l".to_owned(), "m".to_owned());
            Check { id, verdict, observed, limit, message, until: None }.remedy(&subject)
        })
    };
    let blocked = said(Verdict::Blocked, "o").map(|remedy| written(remedy.unwrap()));
    let distinct: std::collections::BTreeSet<&String> = blocked.iter().collect();
    assert_eq!(distinct.len(), GuardrailId::ALL.len(), "{blocked:#?}");
    assert!(blocked.iter().all(|remedy| !remedy.is_empty()));
    for remedy in said(Verdict::Blocked, "unknown: web-1 no longer exists") {
        assert!(remedy.unwrap().advice.starts_with("fix what keeps the fact from being read"));
    }
    assert!(said(Verdict::Pass, "o").iter().chain(&said(Verdict::NotApplicable, "o")).all(Option::is_none));
}

#[test]
fn a_remedy_is_about_this_pod_and_can_be_typed() {
    remedy(
        GuardrailId::OptIn,
        |world| world.workload().labels.clear(),
        "if automation may replace the pods of deployment/web, its owner opts in $ kubectl -n lab label deployment/web \
        remediator.kubedojo.io/enabled=true",
    );
    remedy(
        GuardrailId::Namespace,
        |world| world.runbook().scope.allowed_namespaces = vec!["staging".to_owned()],
        "if runbook replace is for this namespace too, ask its owner to add lab to spec.scope.allowedNamespaces",
    );
    remedy(
        GuardrailId::BlastRadius,
        |world| world.pods().truncate(1),
        "get 2 pods of the service Ready: scale deployment/web up or fix its unready pods, or replace the pod by hand $ kubectl -n lab get pods -l \
        app=web",
    );
    remedy(
        GuardrailId::Rollout,
        |world| world.workload().updated = 1,
        "let the rollout of deployment/web end, or roll it back $ kubectl -n lab rollout status deployment/web",
    );
    remedy(
        GuardrailId::Rollout,
        |world| world.workload().paused = true,
        "finish what deployment/web was paused for, then resume it $ kubectl -n lab rollout resume deployment/web",
    );
    remedy(
        GuardrailId::Cooldown,
        |world| world.ledger.executions = vec![executed("web", "replace", seconds_ago(180))],
        "wait until 2025-06-01T12:07:00Z: the service needs time to settle after each replacement",
    );
    remedy(
        GuardrailId::CircuitBreaker,
        |world| world.ledger.breaker = vec![breaker(BreakerChange::Opened, "replace", None, seconds_ago(60))],
        "find out why the last replacement failed, fix the cause, then close the circuit breaker $ pod-remediator reset-breaker replace -n lab \
        --reason '…'",
    );
    remedy(
        GuardrailId::CircuitBreaker,
        |world| world.ledger.breaker = vec![breaker(BreakerChange::Opened, "replace", Some("web"), seconds_ago(60))],
        "find out why the last replacement failed, fix the cause, then close the circuit breaker $ pod-remediator reset-breaker replace --service \
        web -n lab --reason '…'",
    );
    remedy(
        GuardrailId::Request,
        |world| world.request().renewed_at = Some(seconds_ago(-301).to_string()),
        "if the pod is still to be replaced, renew the request as of now $ kubectl annotate pod web-a -n lab --overwrite \
        remediator.kubedojo.io/requested-at=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"",
    );
    remedy(
        GuardrailId::MatchedServices,
        |world| world.also_asks(&["a", "b", "c"]),
        "find out what these services have in common, and remove the labels that were set by mistake $ kubectl -n lab get pods -l \
        'remediator.kubedojo.io/restart=true' --show-labels",
    );
}

#[test]
fn what_comes_before_the_guardrails_has_one_too() {
    after_all(|_| {}, None);
    after_all(|world| world.pods().truncate(1), None);
    after_all(
        |world| world.request().requested_at = Fact::Known(seconds_ago(3601)),
        Some(
            "if the pod is still to be replaced, renew the request $ \
             kubectl annotate pod web-a -n lab --overwrite remediator.kubedojo.io/requested-at=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"",
        ),
    );
    after_all(
        |world| world.request().confidence = Some("high".to_owned()),
        Some("correct the annotation, or remove it; the request stays $ kubectl -n lab annotate pod web-a KEY=VALUE --overwrite"),
    );
    after_all(
        |world| world.request().symptom = Some("CrashLoopBackOff".to_owned()),
        Some("if you agree, do it by hand $ kubectl delete pod web-a -n lab"),
    );
    after_all(
        |world| world.runbook().decision_mode = DecisionMode::Observe,
        Some("if you agree, do it by hand; runbook replace allows no more than observe $ kubectl delete pod web-a -n lab"),
    );
    let mut world = World::new();
    world.runbooks.clear();
    assert!(matches!(world.decide().reason, Reason::NoRunbook(_)));
    after_all(
        |world| world.runbooks.clear(),
        Some("handle the pod by hand; to automate this, list the symptom and the cause in a runbook"),
    );
}
