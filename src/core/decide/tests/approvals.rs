//! An approval is of exactly one plan, and counts for as long as a request does.

use super::*;
use crate::core::decide::{Mode, Plan, Reason};

fn world() -> World {
    let mut world = World::new();
    world.runbook().decision_mode = DecisionMode::ApprovalRequired;
    world
}

#[track_caller]
fn asked(world: &World) -> Plan {
    let decision = world.decide();
    assert_eq!(decision.mode, Mode::ApprovalRequired, "{}", world.message());
    decision.plan.unwrap()
}

/// The world in which its own plan, as of now, is approved.
fn approved() -> World {
    let mut world = world();
    (world.request().approval, world.request().approved_by) = (Some(asked(&world).id), Some("ann".to_owned()));
    world
}

#[test]
fn what_is_asked_has_all_that_a_human_needs_and_the_command() {
    let mut world = world();
    (world.request().symptom, world.request().probable_cause) = (Some("hung".to_owned()), Some("pod_process_hung".to_owned()));
    world.request().confidence = Some("0.9".to_owned());
    world.runbook().rollback.notes = "nothing to undo".to_owned();
    let Plan { id, approve_with, expires_at, .. } = asked(&world);
    assert_eq!(expires_at, now() + SignedDuration::from_mins(55), "when its request does, which was made five minutes ago");
    assert_eq!(
        approve_with,
        format!(
            "kubectl annotate pod web-a -n lab --overwrite remediator.kubedojo.io/approve={id} remediator.kubedojo.io/approved-by=YOUR-NAME"
        )
    );
    assert_eq!(
        world.message(),
        format!(
            "replacing web-a needs an approval: every guardrail of replace passed, and the runbook allows no more; to approve plan {id} until \
             2025-06-01T12:55:00Z: {approve_with}; symptom \"hung\", probable cause \"pod_process_hung\", confidence 0.9, risk low; \
             the plan: delete web-a of Deployment/web, service app=web, then a replacement must be Ready and all replicas available within 120 s; \
             rollback: controller_recreates_pod (nothing to undo)"
        )
    );
}

#[test]
fn it_is_told_until_the_earlier_of_the_plans_end_and_the_requests() {
    let until = |requested_at: Timestamp, minutes: u32| {
        let mut world = world();
        world.request().requested_at = Fact::Known(requested_at);
        world.runbook().triggers.maximum_request_age_minutes = minutes;
        let plan = asked(&world);
        assert!(world.message().contains(&format!(" until {:.0}: ", plan.expires_at)), "{}", world.message());
        plan.expires_at
    };
    assert_eq!(until(seconds_ago(50 * 60), 60), seconds_ago(-10 * 60));
    assert_eq!(until(seconds_ago(0), 60), seconds_ago(-60 * 60));
    assert_eq!(until(seconds_ago(50 * 60), 90), seconds_ago(-40 * 60));
    // The ledger remembers an older request than the server's record has.
    let mut remembered = world();
    let uid = remembered.request().pod.uid.to_string();
    remembered.ledger.remember([(&*uid, Some(seconds_ago(55 * 60)))], &default_request_selector(), now());
    assert_eq!(asked(&remembered).expires_at, seconds_ago(-5 * 60));
    remembered.request().renewed_at = Some(seconds_ago(60).to_string());
    assert_eq!(asked(&remembered).expires_at, seconds_ago(-59 * 60), "renewed, it counts anew");
}

#[test]
fn approved_it_is_to_act_and_says_what_the_approval_is_worth() {
    let mut world = approved();
    let decision = world.decide();
    assert_eq!((decision.mode, decision.reason.as_str()), (Mode::AutoExecute, "approved"));
    let plan = world.request().approval.clone().unwrap();
    assert_eq!(
        world.message(),
        format!(
            "replacing web-a: every guardrail of replace passed, and \"ann\" approved plan {plan} (unverified: whoever may annotate the pod may say so)"
        )
    );
    world.snapshot.bounds.approvals = crate::core::snapshot::Approvals::Admitted;
    assert_eq!(world.message(), format!("replacing web-a: every guardrail of replace passed, and \"ann\" approved plan {plan}"));
}

#[test]
fn the_guardrails_are_checked_again() {
    let mut world = approved();
    world.pods().truncate(1);
    assert_eq!((world.decide().mode, world.decide().reason), (Mode::Abort, Reason::Blocked));
}

#[test]
fn it_never_raises_what_the_ceiling_allows() {
    let mut world = approved();
    world.snapshot.bounds.ceiling = DecisionMode::Suggest;
    assert_eq!(world.decide().mode, Mode::Suggest);
}

#[track_caller]
fn void(change: impl FnOnce(&mut World), why: &str) {
    let mut world = approved();
    change(&mut world);
    let decision = world.decide();
    assert_eq!((decision.mode, decision.reason.as_str()), (Mode::ApprovalRequired, "approval_void"), "{}", world.message());
    assert!(world.message().contains(&format!("the approval given is void: {why}")), "{}", world.message());
}

#[test]
fn it_is_void_once_anything_changed_that_it_rests_on() {
    const ANOTHER: &str = "it is of another plan";
    void(|world| world.workload().template_hash = "1".to_owned(), ANOTHER);
    void(|world| world.workload().uid = "another".to_owned(), ANOTHER);
    void(|world| world.runbook().digest = "sha256:1".to_owned(), ANOTHER);
    void(|world| world.runbook().action.method = Method::Evict, ANOTHER);
    void(|world| world.request().incident = Some("INC-2".to_owned()), ANOTHER);
    void(|world| world.request().probable_cause = Some("pod_process_hung".to_owned()), ANOTHER);
    void(|world| world.request().confidence = Some("0.99".to_owned()), ANOTHER);
    void(|world| world.snapshot.bounds.ceiling = DecisionMode::ApprovalRequired, ANOTHER);
    // Copied to another pod, even one of the same name.
    void(|world| world.target(|pod| pod.uid = "uid-another".into()), ANOTHER);
    void(|world| world.request().approval = Some("yes please\u{1b}[31m".to_owned()), "\"yes please\\u{1b}[31m\" names no plan");
    void(|world| world.request().approval = Some("20250601T120000Z-0123".to_owned()), ANOTHER);
}

#[test]
fn it_is_void_once_it_is_too_old_and_never_from_the_future() {
    let world = approved();
    let at = |moment: Timestamp| decide(&world.snapshot.requests[0], &world.runbooks, &world.snapshot, &world.ledger, moment);
    let minutes = |minutes| now() + SignedDuration::from_mins(minutes);
    assert_eq!(at(now() - SignedDuration::from_secs(1)).reason.as_str(), "approval_void");
    let mut world = world;
    world.request().requested_at = Fact::Known(minutes(50));
    let at = |moment: Timestamp| decide(&world.snapshot.requests[0], &world.runbooks, &world.snapshot, &world.ledger, moment);
    assert_eq!(at(minutes(60)).mode, Mode::AutoExecute);
    assert_eq!(at(minutes(60) + SignedDuration::from_secs(1)).reason.as_str(), "approval_void");
}

#[test]
fn a_plan_keeps_its_name_while_it_counts() {
    let mut world = world();
    let plan = asked(&world);
    let proposal = crate::core::ledger::Proposal {
        plan: plan.id.clone(),
        content: plan.content.clone(),
        issued_at: plan.issued_at,
        expires_at: plan.expires_at,
        namespace: NAMESPACE.to_owned(),
        service: "web".to_owned(),
        pod: ObjectRef { kind: "Pod".to_owned(), name: "web-a".to_owned(), uid: "uid-web-a".to_owned() },
        runbook: "replace".to_owned(),
        message: String::new(),
        approve_with: String::new(),
    };
    assert!(world.ledger.propose(std::slice::from_ref(&proposal)));
    assert!(!world.ledger.propose(&[proposal]), "it is known");
    let later = |world: &World, minutes| {
        let moment = now() + SignedDuration::from_mins(minutes);
        decide(&world.snapshot.requests[0], &world.runbooks, &world.snapshot, &world.ledger, moment).plan.unwrap().id
    };
    world.request().requested_at = Fact::Known(now() + SignedDuration::from_mins(60));
    assert_eq!(later(&world, 59), plan.id);
    assert_ne!(later(&world, 61), plan.id);
    world.ledger.prune(now() + SignedDuration::from_mins(61));
    assert!(world.ledger.proposals.is_empty());
}
