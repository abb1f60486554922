use super::GuardrailId::{BareRequest, SymptomPresent};
use super::*;
use crate::core::snapshot::Ended;

fn container(restarts: u32, waiting: Option<&str>, ended: Option<(&str, i64)>) -> Container {
    let ended = ended.map(|(reason, ago)| Ended { reason: reason.to_owned(), at: Some(seconds_ago(ago)) });
    let running = waiting.is_none();
    let (name, waiting) = ("main".to_owned(), waiting.map(str::to_owned));
    Container { name, restarts, waiting, ended, running, started: running, probed: Some(true), ..Container::default() }
}

/// The pod's containers, and since when it is Ready (or not, where that is negative).
fn shows(symptom: &'static str, containers: Vec<Container>, ready_for: Option<i64>) -> impl FnOnce(&mut World) {
    move |world| {
        (world.request().symptom, world.request().confidence) = (Some(symptom.to_owned()), Some("1".to_owned()));
        world.request().containers = containers;
        world.target(|pod| {
            pod.ready = ready_for.is_some();
            pod.ready_changed = Some(seconds_ago(ready_for.unwrap_or(60)));
        });
    }
}

const CRASHES: &str = "blocked: a container must be crashing repeatedly";
const RECOVERED: &str = "the pod has recovered: it is Ready for";

#[test]
fn a_crash_loop_is_seen_between_two_crashes_as_well() {
    let loops = |ago| vec![container(4, None, Some(("Error", ago)))];
    check(
        SymptomPresent,
        shows("CrashLoopBackOff", vec![container(4, Some("CrashLoopBackOff"), None)], None),
        "pass: waiting=CrashLoopBackOff",
    );
    check(SymptomPresent, shows("CrashLoopBackOff", loops(600), None), "pass: restarts=4 crashed_recently=1");
    // Ready at every start, and not for long.
    check(SymptomPresent, shows("CrashLoopBackOff", loops(5), Some(9)), "pass: restarts=4 crashed_recently=1");
    check(SymptomPresent, shows("CrashLoopBackOff", loops(601), None), &format!("{CRASHES} (none was within 10 minutes)"));
    check(SymptomPresent, shows("CrashLoopBackOff", loops(60), Some(10)), &format!("{CRASHES} ({RECOVERED} 10 seconds)"));
    check(
        SymptomPresent,
        shows("CrashLoopBackOff", vec![container(0, None, Some(("Completed", 5)))], None),
        &format!("{CRASHES} (none was within 10 minutes)"),
    );
    let unknown = |world: &mut World| {
        shows("CrashLoopBackOff", loops(60), Some(1))(world);
        world.target(|pod| pod.ready_changed = None);
    };
    check(SymptomPresent, unknown, "blocked: a fact could not be read (since when the pod is Ready is not in its status)");
}

#[test]
fn memory_readiness_and_images() {
    let killed = |reason, ago| vec![container(0, None, None), container(1, None, Some((reason, ago)))];
    check(SymptomPresent, shows("OOMKilled", killed("OOMKilled", 30), None), "pass: oom_killed_recently=1");
    check(
        SymptomPresent,
        shows("OOMKilled", killed("Error", 30), None),
        "blocked: a container must have been killed for its memory (none was within 10 minutes)",
    );
    let waits = |reason| vec![container(0, Some(reason), None)];
    check(SymptomPresent, shows("ErrImagePull", waits("ImagePullBackOff"), None), "pass: waiting=ImagePullBackOff");
    check(
        SymptomPresent,
        shows("ErrImagePull", waits("ContainerCreating"), None),
        "blocked: a container must be unable to get its image (no container waits for its image)",
    );
    check(SymptomPresent, shows("hung", Vec::new(), Some(3600)), "not_applicable: a pod's status cannot tell");
    check(SymptomPresent, |_| {}, "not_applicable: a pod's status cannot tell");
}

#[test]
fn readiness_is_a_matter_of_a_probe_that_could_fail() {
    const REQUIRES: &str = "blocked: the pod must be unready because a readiness probe fails";
    let failed = |container: Container| shows("readiness_probe_failed", vec![container], None);
    check(SymptomPresent, failed(container(0, None, None)), "pass: ready=false container=main");
    // A crash loop in between: it ran, and was asked.
    check(SymptomPresent, failed(container(3, Some("CrashLoopBackOff"), None)), "pass: ready=false container=main");
    let ready = |changed| shows("readiness_probe_failed", vec![container(0, None, None)], Some(changed));
    for changed in [11, 1, -60] {
        check(SymptomPresent, ready(changed), &format!("{REQUIRES} (it is Ready)"));
    }
    let never = "it is unready, and no container that ran has a failing one";
    let why = |why: &'static str, container: Container| {
        move |world: &mut World| {
            failed(container)(world);
            world.request().pod.trouble = Some(why.into());
        }
    };
    let none = "no container with such a probe has run";
    check(SymptomPresent, failed(container(0, Some("ContainerCreating"), None)), &format!("{REQUIRES} ({never}: {none})"));
    let without = Container { probed: Some(false), ..container(0, None, None) };
    check(SymptomPresent, failed(without), &format!("{REQUIRES} ({never}: {none})"));
    let starts = Container { started: false, ..container(0, None, None) };
    let starting = "container main: its startup probe has not passed";
    check(SymptomPresent, why(starting, starts), &format!("{REQUIRES} ({never}: {starting})"));
    let gate = "readiness gate lb/ready is False";
    check(SymptomPresent, why(gate, Container { ready: true, ..container(0, None, None) }), &format!("{REQUIRES} ({never}: {gate})"));
    let unrecorded = Container { probed: None, ..container(0, None, None) };
    check(
        SymptomPresent,
        failed(unrecorded),
        "blocked: a fact could not be read (whether its containers have readiness probes is not recorded)",
    );
}

#[test]
fn a_kubelets_clock_confirms_nothing() {
    const AHEAD: &str = "when a container ended is unknown: its node's clock is ahead of the API server's";
    let looped = |ended: i64, written: Option<i64>, ready_for: Option<i64>| {
        move |world: &mut World| {
            shows("CrashLoopBackOff", vec![container(4, None, Some(("Error", ended)))], ready_for)(world);
            world.target(|pod| pod.status_written = written.map(seconds_ago));
        }
    };
    check(SymptomPresent, looped(60, Some(60), None), "pass: restarts=4 crashed_recently=1");
    // It ended in the future.
    check(SymptomPresent, looped(-60, None, None), &format!("{CRASHES} ({AHEAD})"));
    // Or, by now, later than the server wrote it down: an hour ago.
    check(SymptomPresent, looped(60, Some(3600), None), &format!("{CRASHES} ({AHEAD})"));
    // A clock that is behind makes it look old, and then nobody says that it is not.
    check(SymptomPresent, looped(3600, Some(5), None), &format!("{CRASHES} (none was within 10 minutes)"));
    // Ready in the future by its own clock, and for a minute by the server's.
    check(SymptomPresent, looped(60, Some(60), Some(-3600)), &format!("{CRASHES} ({RECOVERED} 60 seconds)"));
}

#[test]
fn a_runbook_may_want_more_than_a_label() {
    let wants_evidence = |world: &mut World| world.runbook().triggers.allow_bare_request = false;
    check(BareRequest, |_| {}, "pass: a label and no evidence");
    check(BareRequest, wants_evidence, "blocked: the runbook needs evidence beside the label (a label and no evidence)");
    let with_evidence = |world: &mut World| {
        wants_evidence(world);
        shows("hung", Vec::new(), None)(world);
    };
    check(BareRequest, with_evidence, "pass: evidence stated");
}
