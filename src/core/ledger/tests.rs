use proptest::prelude::*;

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn object(name: &str) -> ObjectRef {
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

fn begun(id: &str, service: &str, minute: i64, on_failure: Escalate) -> Execution {
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

fn end(result: Outcome, minute: i64) -> Settled {
    Settled { at: at(minute), result, detail: "restarted 3 times".to_owned(), replacement: None }
}

/// A ledger of executions on one service, each begun and ended at its minute.
fn of(on_failure: Escalate, ends: &[(Outcome, i64)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (index, (result, minute)) in ends.iter().enumerate() {
        let id = format!("e{index}");
        ledger.executions.push(begun(&id, "web", *minute, on_failure));
        ledger.settle(&id, end(*result, *minute), true, false, "run");
    }
    ledger
}

fn reset(service: Option<&str>, minute: i64) -> BreakerEvent {
    let (runbook, cause, actor) = ("book".to_owned(), "fixed".to_owned(), "ann".to_owned());
    BreakerEvent { at: at(minute), runbook, service: service.map(str::to_owned), event: BreakerChange::Reset, cause, actor }
}

#[test]
fn a_cooldown_lasts_as_long_as_either_runbook_says() {
    let ledger = of(Escalate::None, &[(Outcome::Verified, 0)]);
    let until = |minutes, now| ledger.cooldown("shop", "web", minutes, at(now)).map(|cooldown| cooldown.until);
    assert_eq!(until(5, 1), Some(at(10)));
    assert_eq!(until(30, 1), Some(at(30)));
    assert_eq!(until(5, 10), None);
    assert_eq!(ledger.cooldown("shop", "other", 30, at(1)), None);
    assert_eq!(ledger.cooldown("elsewhere", "web", 30, at(1)), None);
}

#[test]
fn a_cooldown_is_of_one_execution_and_says_who_charged_it() {
    let mut ledger = of(Escalate::None, &[(Outcome::Verified, 0), (Outcome::Verified, 20)]);
    ledger.executions[0].cooldown_until = at(60);
    let binding = |minutes| {
        let cooldown = ledger.cooldown("shop", "web", minutes, at(21)).unwrap();
        (cooldown.execution.id.as_str(), cooldown.until, cooldown.is_last, cooldown.charged_minutes)
    };
    assert_eq!(binding(10), ("e0", at(60), false, Some(60)), "the older one's is longer");
    assert_eq!(binding(40), ("e1", at(60), true, None), "both end at once: the later one is what is asked about");
    assert_eq!(binding(50), ("e1", at(70), true, None));
}

#[test]
fn what_was_certainly_not_done_costs_nothing() {
    let mut ledger = Ledger::default();
    ledger.executions.push(begun("e", "web", 0, Escalate::OpenIncidentAndDisableRunbook));
    assert!(ledger.cooldown("shop", "web", 10, at(1)).is_some(), "an intent charges the cooldown");
    ledger.settle("e", end(Outcome::NotExecuted, 1), false, false, "run");
    assert_eq!(ledger.cooldown("shop", "web", 10, at(1)), None);
    assert!(ledger.in_the_last_hour("shop", "web", "book", at(1)).is_empty());
    assert!(ledger.affected_services("shop", at(1)).is_empty());
    assert_eq!(ledger.open_breaker("book", "web"), None);
}

#[test]
fn the_breaker_opens_at_the_first_failure_where_the_escalation_says_so() {
    let ledger = of(Escalate::OpenIncidentAndDisableRunbook, &[(Outcome::Failed, 0)]);
    let opening = ledger.open_breaker("book", "any other service").unwrap();
    assert_eq!((opening.service.as_deref(), opening.cause.as_str()), (None, "restarted 3 times"));
    assert_eq!(ledger.open_breaker("another book", "web"), None);
}

#[test]
fn otherwise_it_opens_at_the_third_failure_within_an_hour() {
    use Outcome::{DegradedBefore, Failed, Superseded, Unknown, Verified};
    let open = |ends: &[(Outcome, i64)]| of(Escalate::OpenIncident, ends).open_breaker("book", "web").is_some();
    assert!(open(&[(Failed, 0), (Unknown, 20), (Failed, 40)]));
    assert!(!open(&[(Failed, 0), (Failed, 20), (Failed, 60)]), "the first is an hour old");
    assert!(!open(&[(Failed, 0), (Failed, 20), (Verified, 30), (Superseded, 31), (DegradedBefore, 32)]));
    assert!(open(&[(Failed, 0), (Verified, 10), (Failed, 20), (Failed, 30)]), "success between does not close it");
    let ledger = of(Escalate::OpenIncident, &[(Failed, 0), (Failed, 1), (Failed, 2)]);
    assert_eq!(ledger.open_breaker("book", "another service"), None);
}

#[test]
fn it_stays_open_until_a_reset_of_its_own_scope_and_then_counts_anew() {
    let mut ledger = of(Escalate::OpenIncident, &[(Outcome::Failed, 0), (Outcome::Failed, 1), (Outcome::Failed, 2)]);
    ledger.prune(at(60 * 24 * 365));
    assert!(ledger.open_breaker("book", "web").is_some(), "neither time nor pruning closes it");
    ledger.breaker.push(reset(Some("other"), 3));
    assert!(ledger.open_breaker("book", "web").is_some());
    ledger.breaker.push(reset(Some("web"), 3));
    assert_eq!(ledger.open_breaker("book", "web"), None);
    ledger.executions.push(begun("again", "web", 4, Escalate::OpenIncident));
    assert_eq!(ledger.settle("again", end(Outcome::Failed, 4), true, false, "run"), None, "failures before the reset are forgiven");
}

#[test]
fn some_failures_open_it_whatever_the_threshold() {
    let mut ledger = Ledger::default();
    ledger.executions.push(begun("e", "web", 0, Escalate::None));
    let opening = ledger.settle("e", end(Outcome::Failed, 1), true, true, "run").unwrap();
    assert_eq!((opening.service.as_deref(), opening.actor.as_str()), (Some("web"), "run"));
}

#[test]
fn an_execution_ends_once() {
    let mut ledger = of(Escalate::OpenIncidentAndDisableRunbook, &[(Outcome::Verified, 0)]);
    let before = ledger.clone();
    assert_eq!(ledger.settle("e0", end(Outcome::Failed, 5), true, true, "run"), None);
    assert_eq!(ledger.settle("unheard of", end(Outcome::Failed, 5), true, true, "run"), None);
    assert_eq!(ledger, before);
}

#[test]
fn seven_days_are_kept_and_the_last_of_each_service_and_what_is_in_flight() {
    let day = 24 * 60;
    let mut ledger = of(Escalate::None, &[(Outcome::Verified, 0), (Outcome::Verified, 1), (Outcome::Verified, 2 * day)]);
    ledger.executions.push(begun("other", "other", 0, Escalate::None));
    ledger.settle("other", end(Outcome::Verified, 1), true, false, "run");
    ledger.executions.push(begun("flying", "web", 0, Escalate::None));
    ledger.breaker = vec![reset(Some("web"), 0)];
    ledger.prune(at(8 * day));
    let ids: Vec<&str> = ledger.executions.iter().map(|execution| execution.id.as_str()).collect();
    assert_eq!(ids, ["e2", "other", "flying"]);
    assert!(ledger.breaker.is_empty());
}

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
        ledger.settle(&id, end(Outcome::Verified, 0), true, false, "run");
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
    assert!(serde_json::to_string(&ledger.requests).unwrap().len() < super::codec::FOR_REQUESTS);
    let last = ledger.executions.last().unwrap().id.clone();
    let wordy = Settled { detail: "x".repeat(2000), replacement: Some(object("new")), ..end(Outcome::Failed, 1) };
    ledger.settle(&last, wordy, true, false, "run");
    ledger.breaker.push(BreakerEvent { cause: "x".repeat(2000), ..reset(None, 2) });
    assert!(ledger.has_room().is_err() && ledger.encode().is_ok());
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
    opened.settle("new", end(Outcome::Failed, 2), true, true, "run");
    assert!(!Ledger { breaker: vec![], ..opened.clone() }.has_what_changed(&intended, &opened));
}

#[test]
fn the_summary_says_what_a_human_asks() {
    let mut ledger = of(Escalate::OpenIncidentAndDisableRunbook, &[(Outcome::Failed, 0)]);
    ledger.executions.push(begun("flying", "api", 1, Escalate::None));
    let expected = "as of 2027-01-15T08:02:00Z
in flight: api pod flying by book, verified by 2027-01-15T08:03:00Z at the latest
breaker open: book for every service since 2027-01-15T08:00:00Z: restarted 3 times; once the cause is fixed: pod-remediator reset-breaker book -n shop --reason '…'
web: failed at 2027-01-15T08:00:00Z by book: restarted 3 times; cooldown until 2027-01-15T08:10:00Z: 10 minutes by book from 2027-01-15T08:00:00Z
";
    assert_eq!(ledger.summary("shop", at(2)), expected);
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
                ledger.settle(&id, end(outcomes[outcome], minute), charged, false, "run");
            }
        }
        prop_assert_eq!(Ledger::decode(&ledger.encode().unwrap(), at(9_000)).unwrap(), ledger);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = Ledger::decode(&text, at(0));
    }
}

#[test]
fn what_was_not_done_is_kept_for_an_hour_and_the_last_of_a_service_for_good() {
    let mut ledger = Ledger::default();
    for minute in 0..100 {
        let id = format!("e{minute}");
        ledger.executions.push(begun(&id, "web", minute, Escalate::None));
        ledger.settle(&id, end(Outcome::NotExecuted, minute), false, false, "run");
    }
    ledger.prune(at(120));
    assert_eq!(ledger.executions.len(), 39);
    ledger.prune(at(10_000));
    assert_eq!(ledger.executions.iter().map(|execution| execution.id.as_str()).collect::<Vec<_>>(), ["e99"]);
}
