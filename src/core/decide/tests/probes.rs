//! Probes: what they answered decides, and only where nothing else blocks.

use super::*;
use crate::core::decide::{Mode, Reason, probes_wanted};
use crate::core::runbook::{Bound, HttpProbe, Number, Probe, ProbeQuestion, PrometheusProbe, Reading, Template};

fn template(text: &str) -> Template {
    Template::new(text).unwrap()
}

/// One of each.
fn probes() -> Vec<Probe> {
    let http = HttpProbe { url: template("http://h"), status: 200, body_contains: Some("ok".to_owned()) };
    let prometheus = PrometheusProbe {
        url: template("http://p"),
        query: template("up"),
        bound: Bound::Below(Number::new(0.1).unwrap()),
        samples: 2,
        interval_seconds: 10,
    };
    vec![
        Probe { name: "payments".to_owned(), question: ProbeQuestion::Http(http), timeout_seconds: 5 },
        Probe { name: "errors".to_owned(), question: ProbeQuestion::Prometheus(prometheus), timeout_seconds: 5 },
    ]
}

/// A probe of one sample, below this; and an answer to it.
pub(super) fn below(name: &str, limit: f64, answer: f64) -> (Probe, Fact<Reading>) {
    let question = PrometheusProbe {
        url: template("http://p"),
        query: template("up"),
        bound: Bound::Below(Number::new(limit).unwrap()),
        samples: 1,
        interval_seconds: 10,
    };
    (Probe { name: name.to_owned(), question: ProbeQuestion::Prometheus(question), timeout_seconds: 5 }, samples(&[answer]))
}

fn http(status: u16, body_contains: bool) -> Fact<Reading> {
    Fact::Known(Reading::Http { status, body_contains })
}

fn samples(samples: &[f64]) -> Fact<Reading> {
    Fact::Known(Reading::Prometheus { samples: samples.to_vec() })
}

fn answered(payments: Fact<Reading>, errors: Fact<Reading>) -> impl FnOnce(&mut World) {
    move |world| {
        world.runbook().guardrails.probes = probes();
        let readings = BTreeMap::from([("payments".to_owned(), payments), ("errors".to_owned(), errors)]);
        world.snapshot.probes.insert("uid-web-a".to_owned(), readings);
    }
}

/// One does not hold.
pub(super) fn answered_badly(world: &mut World) {
    answered(http(503, false), samples(&[0.0, 0.05]))(world);
}

const ID: GuardrailId = GuardrailId::Probes;

#[test]
fn every_answer_must_be_within_its_limit() {
    check(ID, |_| {}, "not_applicable: the runbook has no probes before the action");
    check(ID, answered(http(200, true), samples(&[0.0, 0.05])), "pass: payments status=200, errors samples=0,0.05");
    check(
        ID,
        answered(http(503, true), samples(&[0.0, 0.05])),
        "blocked: probe payments must answer status 200 and a body with \"ok\" (status=503)",
    );
    check(
        ID,
        answered(http(200, false), samples(&[0.0, 0.5])),
        "blocked: probe payments must answer status 200 and a body with \"ok\", and probe errors must answer below 0.1 in 2 samples in a row \
        (status=200 body=without_the_text; samples=0,0.5)",
    );
    check(ID, answered(http(200, true), samples(&[0.0])), "blocked: probe errors must answer below 0.1 in 2 samples in a row (samples=0)");
    check(
        ID,
        answered(samples(&[0.0, 0.0]), samples(&[0.0, 0.0])),
        "blocked: probe payments must answer status 200 and a body with \"ok\" (samples=0,0)",
    );
}

#[test]
fn what_could_not_be_asked_blocks() {
    let down = Fact::Unknown("http://h: cannot connect: Connection refused".to_owned());
    check(ID, answered(down, samples(&[0.0, 0.0])), "blocked: probe payments must answer (http://h: cannot connect: Connection refused)");
    let partly = |world: &mut World| {
        answered(http(200, true), samples(&[0.0, 0.0]))(world);
        world.snapshot.probes.get_mut("uid-web-a").unwrap().remove("errors");
    };
    check(ID, partly, "blocked: probe errors must answer (not asked)");
    let of_another_pod = |world: &mut World| {
        answered(http(200, true), samples(&[0.0, 0.0]))(world);
        let readings = world.snapshot.probes.remove("uid-web-a").unwrap();
        world.snapshot.probes.insert("uid-web-b".to_owned(), readings);
    };
    check(ID, of_another_pod, "blocked: a fact could not be read (no probe has been asked yet)");
}

fn unasked() -> World {
    let mut world = World::new();
    world.runbook().guardrails.probes = probes();
    world
}

#[test]
fn the_decision_waits_for_them_and_for_nothing_else() {
    let wanted = |world: &World| {
        let decision = world.decide();
        probes_wanted(&decision, &world.snapshot.requests[0], &world.snapshot).map(<[_]>::len)
    };
    let world = unasked();
    assert_eq!((world.decide().mode, world.decide().reason), (Mode::Abort, Reason::Blocked));
    assert_eq!(wanted(&world), Some(2));
    let mut asked = unasked();
    asked.snapshot.probes.insert("uid-web-a".to_owned(), BTreeMap::new());
    assert_eq!(asked.decide().mode, Mode::Abort);
    assert_eq!(wanted(&asked), None, "not twice");
    assert_eq!(wanted(&World::new()), None, "there are none");
    let mut blocked = unasked();
    blocked.workload().paused = true;
    assert_eq!(wanted(&blocked), None, "another guardrail blocks");
    let check = blocked.check(ID);
    assert_eq!((check.verdict, check.observed.as_str()), (Verdict::NotApplicable, "not asked: another guardrail blocks already"));
    assert_eq!(blocked.decide().blocked().map(|check| check.id).collect::<Vec<_>>(), [GuardrailId::Rollout]);
    let mut malformed = unasked();
    malformed.request().confidence = Some("high".to_owned());
    assert_eq!(wanted(&malformed), None);
    // A suggestion has the guardrails' results in it.
    let mut weak = unasked();
    weak.request().confidence = Some("0.1".to_owned());
    assert_eq!((weak.decide().mode, wanted(&weak)), (Mode::Suggest, Some(2)));
}

#[test]
fn good_answers_authorise() {
    let mut world = World::new();
    answered(http(200, true), samples(&[0.0, 0.05]))(&mut world);
    assert_eq!(world.decide().mode, Mode::AutoExecute);
}

#[test]
fn they_take_their_time_of_the_run() {
    // Verification 120 s, 15 s of margin, and for two samples 10 s apart at most 5 s each.
    let mut world = unasked();
    world.snapshot.bounds.time_left = Duration::from_secs(154);
    assert_eq!(world.check(GuardrailId::TimeToVerify).verdict, Verdict::Blocked);
    world.snapshot.bounds.time_left = Duration::from_secs(155);
    assert_eq!(world.check(GuardrailId::TimeToVerify).verdict, Verdict::Pass);
    answered(http(200, true), samples(&[0.0, 0.0]))(&mut world);
    world.snapshot.bounds.time_left = Duration::from_secs(135);
    assert_eq!(world.check(GuardrailId::TimeToVerify).verdict, Verdict::Pass, "they have been asked");
}
