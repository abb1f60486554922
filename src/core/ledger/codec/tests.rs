use proptest::prelude::*;

use super::*;
use crate::core::ledger::SettleEffect;
use crate::core::ledger::tests::{at, begun, end, object, of, reset};
use crate::core::ledger::{BreakerEvent, MOST_REQUESTS, Outcome, Settled};
use crate::core::runbook::{Escalate, Probe};

#[test]
fn a_ledger_that_is_not_certainly_ours_and_whole_is_refused() {
    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Ledger::decode(text, at(0)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let good = of(Escalate::None, &[(Outcome::Verified, 0)]).encode().unwrap();
    assert!(Ledger::decode(&good, at(0)).is_ok());
    refused("", "cannot be parsed");
    refused("{}", "missing field `schemaVersion`");
    refused(&good[..good.len() / 2], "cannot be parsed");
    refused(&good.replace("\"schemaVersion\":2", "\"schemaVersion\":3"), "schema version 3");
    refused(&good.replace("\"charged\"", "\"cleared\""), "unknown field `cleared`");
    refused(&good.replace("\"schemaVersion\":2", "\"schemaVersion\":0"), "there is no schema version 0");
    refused(&good.replace("\"schemaVersion\":2", "\"schemaVersion\":\"1\""), "invalid type");
    refused(&good.replace("\"charged\":true", "\"charged\":\"true\""), "invalid type");
    refused(&good.replace("\"executions\":[", "\"executions\":[], \"executions\":["), "duplicate field");
    refused(&good.replace("\"schemaVersion\":2", "\"schemaVersion\":1,\"note\":\"\""), "unknown field `note`");
    refused(&of(Escalate::None, &[(Outcome::Verified, 6)]).encode().unwrap(), "time is");
    assert!(Ledger::decode(&of(Escalate::None, &[(Outcome::Verified, 5)]).encode().unwrap(), at(0)).is_ok(), "five minutes are tolerated");
    let mut begun_later = of(Escalate::None, &[(Outcome::Verified, 0)]);
    begun_later.executions[0].started_at = at(6);
    refused(&begun_later.encode().unwrap(), "time is");
    refused(&Ledger { breaker: vec![reset(None, 6)], ..Ledger::default() }.encode().unwrap(), "time is");
    let twice =
        Ledger { executions: vec![begun("e", "web", 0, Escalate::None), begun("e", "web", 0, Escalate::None)], ..Ledger::default() };
    refused(&twice.encode().unwrap(), "execution e contradicts itself");
    let mut both = begun("e", "web", 0, Escalate::None);
    both.outcome = Some(end(Outcome::Verified, 0));
    refused(&Ledger { executions: vec![both], ..Ledger::default() }.encode().unwrap(), "contradicts itself");
}

/// Written by the program of before version 2.
const VERSION_1: &str = include_str!("tests/version-1.json");

#[test]
fn a_ledger_of_version_1_is_carried_over_whole() {
    let ledger = Ledger::decode(VERSION_1, at(64)).unwrap();
    assert_eq!((ledger.executions.len(), ledger.in_flight().count(), ledger.breaker.len()), (6, 1, 2));
    assert!(ledger.open_breaker("book", "web").is_some(), "an open breaker stays open");
    assert_eq!(ledger.cooldown("shop", "api", 10, at(64)).map(|cooldown| cooldown.until), Some(at(71)), "a cooldown goes on");
    assert_eq!((ledger.proposals.len(), ledger.told("uid-e1", "failed e1")), (1, Some(at(21))));
    assert!(ledger.requests.is_empty(), "it remembers no request");
    let written = ledger.encode().unwrap();
    assert_eq!(written, VERSION_1.replace("\"schemaVersion\":1", "\"schemaVersion\":2"), "nothing of it is lost or changed");
    assert_eq!(Ledger::decode(&written, at(64)).unwrap(), ledger);
}

#[test]
fn an_older_program_refuses_what_it_would_lose() {
    let written = Ledger::default().encode().unwrap();
    let refused = Ledger::decode_up_to(1, &written, at(0)).unwrap_err().to_string();
    assert_eq!(refused, "it has schema version 2, and this program knows versions up to 1; use a newer pod-remediator");
    assert!(Ledger::decode_up_to(1, VERSION_1, at(64)).is_ok());
}

#[test]
fn the_probes_of_an_intent_are_kept_and_a_ledger_from_before_there_were_any_is_read() {
    let mut ledger = Ledger { executions: vec![begun("web", "web", 0, Escalate::None)], ..Ledger::default() };
    let before = ledger.encode().unwrap();
    assert!(!before.contains("probes"), "{before}");
    assert_eq!(Ledger::decode(&before, at(0)).unwrap(), ledger);
    let probe: Probe =
        serde_json::from_str(r#"{"name":"a","question":{"http":{"url":"http://h/${SERVICE}","status":200}},"timeoutSeconds":5}"#).unwrap();
    ledger.executions[0].in_flight.as_mut().unwrap().probes.push(probe);
    let after = ledger.encode().unwrap();
    assert_eq!(Ledger::decode(&after, at(0)).unwrap(), ledger);
    let of_another_program = after.replace("${SERVICE}", "${HOME}");
    assert!(Ledger::decode(&of_another_program, at(0)).is_err(), "what cannot be asked is not passed over");
}

#[test]
fn it_stays_far_below_a_configmaps_limit() {
    let mut ledger = Ledger::default();
    for index in 0..1008 {
        let id = format!("20261123t235736z-47aa61-{index}");
        ledger.executions.push(begun(&id, "a-service-of-some-length", 0, Escalate::None));
        ledger.settle(&id, end(Outcome::Verified, 0), SettleEffect { charged: true, opens_breaker: false }, "run");
    }
    assert!(ledger.has_room().is_ok(), "seven days at the default cap of six services an hour fit");
    for index in 0..2000 {
        ledger.executions.push(begun(&format!("more-{index}"), &"x".repeat(63), 0, Escalate::None));
    }
    assert!(matches!(ledger.encode(), Err(Untrusted::TooLarge(_))));
    assert!(ledger.summary("shop", at(1)).len() < 70 * 1024);
}

#[test]
fn what_could_be_begun_can_be_ended() {
    let mut ledger = Ledger::default();
    let one = |ledger: &Ledger| {
        let id = format!("e{:04}", ledger.executions.len());
        begun(&id, &"x".repeat(63), 0, Escalate::OpenIncidentAndDisableRunbook)
    };
    let size = serde_json::to_string(&one(&ledger)).unwrap().len();
    while ledger.executions.len() < (MAX_BYTES - 104 * 1024) / size || ledger.has_room().is_ok() {
        let next = one(&ledger);
        ledger.executions.push(next);
    }
    assert!(ledger.encode().is_ok(), "the last of them was within bounds but for the room that ends need");
    // As many requests as are ever remembered fit beside it.
    let uids: Vec<String> = (0..MOST_REQUESTS).map(|number| format!("00000000-0000-4000-8000-{number:012}")).collect();
    let nanos = Timestamp::from_nanosecond(at(0).as_nanosecond() + 123_456_789).unwrap();
    ledger.remember(uids.iter().map(|uid| (uid.as_str(), None)), &crate::core::words::default_request_selector(), nanos);
    assert!(serde_json::to_string(&ledger.requests).unwrap().len() < FOR_REQUESTS);
    let last = ledger.executions.last().unwrap().id.clone();
    let wordy = Settled { detail: "x".repeat(2000), replacement: Some(object("new")), ..end(Outcome::Failed, 1) };
    ledger.settle(&last, wordy, SettleEffect { charged: true, opens_breaker: false }, "run");
    ledger.breaker.push(BreakerEvent { cause: "x".repeat(2000), ..reset(None, 2) });
    assert!(ledger.has_room().is_err() && ledger.encode().is_ok());
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(
        executions in prop::collection::vec(("[ -~é\u{202e}\n]{0,20}", 0_i64..9_000, any::<bool>(), 0_usize..6, any::<bool>()), 0..8),
    ) {
        let outcomes = [Outcome::Verified, Outcome::Failed, Outcome::Unknown, Outcome::Superseded, Outcome::DegradedBefore, Outcome::NotExecuted];
        let mut ledger = Ledger::default();
        for (index, (text, minute, charged, outcome, ended)) in executions.into_iter().enumerate() {
            let id = index.to_string();
            let mut execution = begun(&id, &text, minute, Escalate::OpenIncident);
            execution.incident = charged.then_some(text);
            ledger.executions.push(execution);
            if ended {
                ledger.settle(&id, end(outcomes[outcome], minute), SettleEffect { charged, opens_breaker: false }, "run");
            }
        }
        prop_assert_eq!(Ledger::decode(&ledger.encode().unwrap(), at(9_000)).unwrap(), ledger);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = Ledger::decode(&text, at(0));
    }
}
