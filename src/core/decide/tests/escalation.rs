//! Who hears of a decision and of an outcome, and what makes one piece of news another.

use super::*;
use crate::core::decide::{Mode, Reason};
use crate::core::ledger::Outcome;

fn blocked_by(ids: &[GuardrailId], escalate: Escalate) -> (Escalate, String) {
    let mut runbook = runbook("book");
    runbook.escalation.on_guardrail_failure = escalate;
    let text = String::new;
    let check = |id: &GuardrailId| {
        let (observed, limit, message) = (text(), text(), text());
        Check { id: *id, verdict: Verdict::Blocked, observed, limit, message, until: None }
    };
    let guardrails = ids.iter().map(check).collect();
    let decision = Decision {
        mode: Mode::Abort,
        reason: Reason::Blocked,
        evidence: None,
        runbook: Some(&runbook),
        guardrails,
        plan: None,
        observing: false,
    };
    (decision.escalation(), decision.distinction())
}

#[test]
fn a_pause_is_nobodys_business_and_does_not_make_news_of_old_news() {
    use GuardrailId::*;
    let page = Escalate::PageServiceOwner;
    for pause in GuardrailId::ALL.into_iter().filter(|id| id.is_a_pause()) {
        assert_eq!(blocked_by(&[pause], page).0, Escalate::None, "{pause:?}");
        assert_eq!(blocked_by(&[BlastRadius, pause], page), (page, "blast_radius".to_owned()), "{pause:?}");
    }
    assert_eq!(blocked_by(&[BlastRadius, DisruptionBudget], page), (page, "blast_radius,disruption_budget".to_owned()));
}

#[test]
fn a_block_is_escalated_as_the_runbook_says() {
    for level in Escalate::ALL {
        assert_eq!(blocked_by(&[GuardrailId::BlastRadius], level).0, level);
    }
}

/// What only observes says nothing, whatever comes of it; what may do more does.
#[track_caller]
fn silent(change: impl Fn(&mut World), word: &str) {
    let level = |set: fn(&mut World)| {
        let mut world = World::new();
        change(&mut world);
        set(&mut world);
        let decision = world.decide();
        (decision.reason.as_str().to_owned(), decision.observing, decision.escalation())
    };
    let none = (word.to_owned(), true, Escalate::None);
    assert_eq!(level(|world| world.runbooks.iter_mut().for_each(|it| it.decision_mode = DecisionMode::Observe)), none);
    let one_acts = |world: &mut World| {
        let mut other = runbook("other");
        (other.decision_mode, other.triggers.symptoms) = (DecisionMode::AutoExecute, vec!["Other".to_owned()]);
        world.runbooks.push(other);
    };
    let mut world = World::new();
    change(&mut world);
    world.runbooks.iter_mut().for_each(|it| it.decision_mode = DecisionMode::Observe);
    one_acts(&mut world);
    let decision = world.decide();
    let known = decision.runbook.is_some() || matches!(decision.reason, Reason::SeveralRunbooks(_));
    assert_eq!(decision.observing, known, "where no runbook is known, another might have been meant");
    assert_eq!(level(|world| world.snapshot.bounds.ceiling = DecisionMode::Observe), none);
    assert!(!level(|_| {}).1);
}

#[test]
fn what_only_observes_is_silent_whatever_blocks() {
    silent(|world| world.pods().truncate(1), "guardrail");
    silent(|world| world.request().confidence = Some("much".to_owned()), "malformed_request");
    silent(|world| world.request().requested_at = Fact::Known(seconds_ago(3601)), "request_expired");
    silent(|world| world.request().symptom = Some("Odd".to_owned()), "no_runbook");
    silent(|world| world.runbooks.push(runbook("second")), "several_runbooks");
    // Named by the request, it is known even where the rest is malformed.
    let mut world = World::new();
    world.runbook().decision_mode = DecisionMode::Observe;
    world.runbooks.push(runbook("second"));
    (world.request().runbook, world.request().confidence) = (Some("replace".to_owned()), Some("much".to_owned()));
    assert_eq!((world.decide().reason.as_str(), world.decide().observing), ("malformed_request", true));
    world.request().runbook = Some("second".to_owned());
    assert!(!world.decide().observing);
}

#[test]
fn an_outcome_is_escalated_as_the_runbook_says() {
    use Outcome::*;
    for level in Escalate::ALL {
        assert_eq!([Failed, Unknown].map(|outcome| outcome.escalation(level)), [level, level]);
        assert_eq!([Verified, Superseded, NotExecuted].map(|outcome| outcome.escalation(level)), [Escalate::None; 3]);
        let degraded = if level == Escalate::None { Escalate::None } else { Escalate::PageServiceOwner };
        assert_eq!(DegradedBefore.escalation(level), degraded, "it is never an incident of ours");
    }
}

#[test]
fn another_plan_is_another_question() {
    let ask = |change: fn(&mut World)| {
        let mut world = World::new();
        world.runbook().decision_mode = DecisionMode::ApprovalRequired;
        change(&mut world);
        world.decide().distinction()
    };
    let first = ask(|_| {});
    assert!(first.starts_with("decision_mode "), "{first}");
    assert_eq!(ask(|_| {}), first);
    assert_ne!(ask(|world| world.request().incident = Some("INC-2".to_owned())), first);
}
