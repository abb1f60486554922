use super::*;
use crate::core::decide::{Evidence, Mode, Reason};

fn evidence(symptom: &str, cause: Option<&str>, confidence: Option<f64>, bare: bool) -> Evidence {
    Evidence { symptom: symptom.to_owned(), cause: cause.map(str::to_owned), confidence, bare }
}

#[track_caller]
fn known(change: impl FnOnce(&mut World), expected: Evidence) {
    let mut world = World::new();
    change(&mut world);
    assert_eq!(world.decide().evidence, Some(expected));
}

#[track_caller]
fn malformed(change: impl FnOnce(&mut Request), expected: &str) {
    let mut world = World::new();
    change(world.request());
    let decision = world.decide();
    assert_eq!((decision.mode, &decision.reason), (Mode::Abort, &Reason::Malformed(expected.to_owned())));
    assert!(decision.guardrails.is_empty() && decision.evidence.is_none());
    assert_eq!(world.message(), format!("skipped web-a: malformed request: {expected}"));
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_bare_label_of_ours_is_a_humans_own_request() {
    known(|_| {}, evidence("manual_restart_recommended", None, Some(1.0), true));
    known(
        |world| world.request().probable_cause = some("pod_process_hung"),
        evidence("manual_restart_recommended", Some("pod_process_hung"), Some(1.0), true),
    );
    known(|world| world.request().confidence = some("0.9"), evidence("manual_restart_recommended", None, Some(0.9), false));
    known(|world| world.request().symptom = some("CrashLoopBackOff"), evidence("CrashLoopBackOff", None, None, false));
}

#[test]
fn a_bare_label_of_anyone_elses_is_weak() {
    let other = |world: &mut World| world.snapshot.bounds.selector = "incident=hung".parse().unwrap();
    known(other, evidence("manual_restart_recommended", None, None, false));
    let with_words = |world: &mut World| {
        other(world);
        (world.request().symptom, world.request().confidence) = (some("CrashLoopBackOff"), some("0.95"));
    };
    known(with_words, evidence("CrashLoopBackOff", None, Some(0.95), false));
}

#[test]
fn a_confidence_is_a_number_from_0_to_1() {
    for text in ["0", "1", "1.0", ".5", "8e-1"] {
        let stated = text.parse().ok();
        known(|world| world.request().confidence = some(text), evidence("manual_restart_recommended", None, stated, false));
    }
    for text in ["", " ", "high", "80%", "1.01", "-0.1", "NaN", "inf", "0,9", " 0.9"] {
        let expected = format!("annotation remediator.kubedojo.io/confidence is {text:?}: it must be a number from 0 to 1, such as 0.85");
        malformed(|request| request.confidence = some(text), &expected);
    }
}

#[test]
fn every_mistake_is_told_and_none_obeyed() {
    malformed(
        |request| {
            (request.symptom, request.probable_cause, request.runbook) = (some(""), some(" "), some("\t"));
            (request.confidence, request.detected_at) = (some("very\n\u{1b}[2J"), some("yesterday"));
            request.renewed_at = some("now");
        },
        "annotation remediator.kubedojo.io/symptom is \"\": it must be the name of a symptom, or not be there, \
         annotation remediator.kubedojo.io/probable-cause is \" \": it must be the name of a cause, or not be there, \
         annotation remediator.kubedojo.io/runbook is \"\\t\": it must be the name of a runbook, or not be there, \
         annotation remediator.kubedojo.io/confidence is \"very\\n\\u{1b}[2J\": it must be a number from 0 to 1, such as 0.85, \
         annotation remediator.kubedojo.io/detected-at is \"yesterday\": it must be a time in RFC 3339, such as 2025-01-31T08:15:00Z, \
         annotation remediator.kubedojo.io/requested-at is \"now\": it must be a time in RFC 3339, such as 2025-01-31T08:15:00Z",
    );
    known(
        |world| world.request().detected_at = some("2025-06-01T13:00:00.5+02:00"),
        evidence("manual_restart_recommended", None, Some(1.0), true),
    );
}
