//! Ledgers for the tests of this room's files, and the tests of what they have in common.

use super::*;
use crate::core::ledger::SettleEffect;
use crate::core::runbook::{BreakerLimits, Escalate, Method};

pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

pub(super) fn object(name: &str) -> ObjectRef {
    ObjectRef { kind: "Pod".to_owned(), name: name.to_owned(), uid: format!("uid-{name}") }
}

fn in_flight(on_failure: Escalate) -> InFlight {
    InFlight {
        holder: Holder { run_id: "run".to_owned(), pod: Some("job-x".to_owned()), pod_uid: None },
        service_label: "app".to_owned(),
        owner_uid: "rs".to_owned(),
        template_hash: "t".to_owned(),
        desired: 2,
        pods_before: vec!["a".to_owned(), "b".to_owned()],
        unready_before: 0,
        seat: None,
        available_equals_desired: true,
        stable_seconds: 10,
        send_before: at(1),
        verify_deadline: at(3),
        on_failure,
        breaker: BreakerLimits::default(),
        probes: Vec::new(),
    }
}

pub(super) fn begun(id: &str, service: &str, minute: i64, on_failure: Escalate) -> Execution {
    Execution {
        id: id.to_owned(),
        runbook: "book".to_owned(),
        runbook_digest: "sha256:0".to_owned(),
        namespace: "shop".to_owned(),
        service: service.to_owned(),
        workload: ObjectRef { kind: "Deployment".to_owned(), ..object(service) },
        pod: object(id),
        incident: None,
        started_at: at(minute),
        cooldown_until: at(minute + 10),
        charged: true,
        method: Method::Delete,
        approval: None,
        service_owner: None,
        in_flight: Some(in_flight(on_failure)),
        outcome: None,
    }
}

pub(super) fn end(result: Outcome, minute: i64) -> Settled {
    Settled { at: at(minute), result, detail: "restarted 3 times".to_owned(), replacement: None }
}

/// A ledger of executions on one service, each begun and ended at its minute.
pub(super) fn of(on_failure: Escalate, ends: &[(Outcome, i64)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (index, (result, minute)) in ends.iter().enumerate() {
        let id = format!("e{index}");
        ledger.executions.push(begun(&id, "web", *minute, on_failure));
        ledger.settle(&id, end(*result, *minute), SettleEffect { charged: true, opens_breaker: false }, "run");
    }
    ledger
}

pub(super) fn reset(service: Option<&str>, minute: i64) -> BreakerEvent {
    let (runbook, cause, actor) = ("book".to_owned(), "fixed".to_owned(), "ann".to_owned());
    BreakerEvent { at: at(minute), runbook, service: service.map(str::to_owned), event: BreakerChange::Reset, cause, actor }
}

#[test]
fn an_execution_ends_once() {
    let mut ledger = of(Escalate::OpenIncidentAndDisableRunbook, &[(Outcome::Verified, 0)]);
    let before = ledger.clone();
    assert_eq!(ledger.settle("e0", end(Outcome::Failed, 5), SettleEffect { charged: true, opens_breaker: true }, "run"), None);
    assert_eq!(ledger.settle("unheard of", end(Outcome::Failed, 5), SettleEffect { charged: true, opens_breaker: true }, "run"), None);
    assert_eq!(ledger, before);
}

#[test]
fn a_write_is_told_by_what_it_changed_whatever_others_wrote_since() {
    let before = of(Escalate::None, &[(Outcome::Verified, 0)]);
    let mut intended = before.clone();
    intended.executions.push(begun("new", "web", 1, Escalate::None));
    assert!(!before.has_what_changed(&before, &intended));
    let mut since = intended.clone();
    since.breaker.push(reset(None, 2));
    since.executions.remove(0);
    assert!(since.has_what_changed(&before, &intended));
    // Another run has taken it over: it is not what was written any more.
    let mut adopted = intended.clone();
    adopted.executions[1].in_flight.as_mut().unwrap().holder.run_id = "another".to_owned();
    assert!(!adopted.has_what_changed(&before, &intended));
    let mut opened = intended.clone();
    opened.settle("new", end(Outcome::Failed, 2), SettleEffect { charged: true, opens_breaker: true }, "run");
    assert!(!Ledger { breaker: vec![], ..opened.clone() }.has_what_changed(&intended, &opened));
}
