//! Does the request still mean what it says?

use jiff::SignedDuration;

use super::{Case, Finding, LONGEST_LIST, Lack, Ruling};
use crate::core::decide::asked::{AHEAD, renewed_at, requested_at};
use crate::core::snapshot::{CLOCKS_DIFFER, Container, Ended, Request};
use crate::core::words::{MANUAL_RESTART, amount, annotation, inert};

/// The request still stands: the pod still asks, and since when is known. (One that is too old never comes this far.)
pub(super) fn stands(case: &Case<'_>) -> Ruling {
    let maximum = case.runbook.triggers.maximum_request_age_minutes;
    Ruling::new(format!("at most {} old", amount(maximum, "minute")), || {
        let selector = &case.snapshot.bounds.selector;
        if !selector.matches(&case.request.labels) {
            return Ok(Finding::blocked("the pod no longer does", format!("the pod must match {selector}")));
        }
        let requested_at = requested_at(case.request, case.ledger, selector, case.now);
        let requested_at = requested_at.known().map_err(|why| format!("when the request was made is unknown, {why}"))?;
        let stated =
            [(case.request.requested_at.known().ok().copied(), "requested_at"), (renewed_at(case.request), annotation::REQUESTED_AT)];
        for (at, what) in stated {
            if let Some(at) = at.filter(|at| case.now.duration_since(*at) < -AHEAD) {
                return Ok(Finding::blocked(format!("{what}={at:.0}"), "the request must not be of the future"));
            }
        }
        let age = case.now.duration_since(*requested_at);
        Ok(Finding::pass(format!("age_seconds={}", age.as_secs().max(0))))
    })
}

/// Where the runbook wants evidence, a label alone is not enough.
pub(super) fn bare(case: &Case<'_>) -> Ruling {
    if case.runbook.triggers.allow_bare_request {
        return Ruling::new("with or without evidence", || Ok(Finding::pass(stated(case.evidence.bare))));
    }
    Ruling::new("with evidence", || {
        if !case.evidence.bare {
            return Ok(Finding::pass(stated(false)));
        }
        Ok(Finding::blocked(stated(true), "the runbook needs evidence beside the label"))
    })
}

fn stated(bare: bool) -> String {
    (if bare { "a label and no evidence" } else { "evidence stated" }).to_owned()
}

/// How long ago a container may have ended for it to count as crashing: between two crashes of a loop the back-off grows to
/// five minutes, and the waiting reason itself shows for under a second in a minute.
const RECENTLY: SignedDuration = SignedDuration::from_mins(10);
const RECENTLY_IN_WORDS: &str = "within 10 minutes";
/// What the kubelet says while it cannot get an image.
pub(super) const IMAGE_ERRORS: [&str; 5] =
    ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"];

/// The symptoms that a pod's status can tell, apart from [`IMAGE_ERRORS`]: where a runbook names one, it is confirmed live.
const CONFIRMED: [&str; 3] = ["CrashLoopBackOff", "OOMKilled", "readiness_probe_failed"];

/// Every symptom that has a meaning of its own: those that are confirmed live, and that of a bare label.
pub(crate) fn known_symptoms() -> impl Iterator<Item = &'static str> {
    CONFIRMED.into_iter().chain(IMAGE_ERRORS).chain([MANUAL_RESTART])
}

/// What was detected still is: a pod that has recovered since is left alone. Symptoms that its status cannot tell are not looked for.
///
/// Containers' times are their kubelet's, whose clock may be wrong. They may refute a symptom, and never confirm one by themselves: the
/// server's own record of the last status update must agree.
pub(super) fn symptom_present(case: &Case<'_>) -> Ruling {
    let symptom = case.evidence.symptom.as_str();
    let look: fn(&Case<'_>) -> Result<Finding, Lack> = match symptom {
        "CrashLoopBackOff" => crash_loop,
        "OOMKilled" => out_of_memory,
        "readiness_probe_failed" => unready,
        _ if IMAGE_ERRORS.contains(&symptom) => image_error,
        _ => |_| Ok(Finding::not_applicable("a pod's status cannot tell")),
    };
    Ruling::new("the pod still shows its symptom", || look(case))
}

fn crash_loop(case: &Case<'_>) -> Result<Finding, Lack> {
    let containers = &case.request.containers;
    if waiting_for(case, &["CrashLoopBackOff"]).is_some() {
        return Ok(Finding::pass("waiting=CrashLoopBackOff"));
    }
    let crashed = containers.iter().filter(|container| container.restarts > 0 && ended_recently(case, container, |_| true)).count();
    let restarts = containers.iter().map(|container| container.restarts).fold(0, u32::saturating_add);
    let observed = format!("restarts={restarts} crashed_recently={crashed}");
    still(case, crashed > 0, observed, "a container must be crashing repeatedly")
}

fn out_of_memory(case: &Case<'_>) -> Result<Finding, Lack> {
    let killed = |container: &&Container| ended_recently(case, container, |ended| ended.reason == "OOMKilled");
    let killed = case.request.containers.iter().filter(killed).count();
    still(case, killed > 0, format!("oom_killed_recently={killed}"), "a container must have been killed for its memory")
}

/// Not Ready because a readiness probe fails, and for no other reason: a container that has it ran, and so it could.
fn unready(case: &Case<'_>) -> Result<Finding, Lack> {
    const REQUIREMENT: &str = "the pod must be unready because a readiness probe fails";
    let Request { pod, containers, .. } = case.request;
    if pod.ready {
        return Ok(Finding::blocked("ready=true", REQUIREMENT).found("it is Ready"));
    }
    let ran = |one: &&Container| !one.ready && ((one.running && one.started) || one.restarts > 0);
    let failing = || containers.iter().filter(ran);
    if let Some(container) = failing().find(|one| one.probed == Some(true)) {
        return Ok(Finding::pass(format!("ready=false container={}", inert(&container.name, 63))));
    }
    if failing().any(|one| one.probed.is_none()) {
        return Err("whether its containers have readiness probes is not recorded".into());
    }
    let why = pod.trouble.as_deref().unwrap_or("no container with such a probe has run");
    let why = inert(why, 2 * LONGEST_LIST);
    let found = format!("it is unready, and no container that ran has a failing one: {why}");
    Ok(Finding::blocked(format!("ready=false {why}"), REQUIREMENT).found(found))
}

fn image_error(case: &Case<'_>) -> Result<Finding, Lack> {
    if let Some(reason) = waiting_for(case, &IMAGE_ERRORS) {
        return Ok(Finding::pass(format!("waiting={reason}")));
    }
    Ok(Finding::blocked("no container waits for its image", "a container must be unable to get its image"))
}

/// It was seen, and the pod has not recovered since: recovered means Ready for as long as a replacement would have to be.
fn still(case: &Case<'_>, seen: bool, observed: String, requirement: &str) -> Result<Finding, Lack> {
    let pod = &case.request.pod;
    if pod.ready {
        let stable = case.stable();
        // The longer of the two: whoever says that it has recovered is believed.
        let since = [pod.status_written, pod.ready_changed].into_iter().flatten().min();
        let lasted = case.now.duration_since(since.ok_or("since when the pod is Ready is not in its status")?);
        if !lasted.is_negative() && lasted.unsigned_abs() >= stable {
            let seconds = lasted.unsigned_abs().as_secs();
            let found = format!("the pod has recovered: it is Ready for {}", amount(seconds, "second"));
            return Ok(Finding::blocked(format!("{observed} ready_for_seconds={seconds}"), requirement).found(found));
        }
    }
    if seen {
        return Ok(Finding::pass(observed));
    }
    let found = match case.request.containers.iter().any(|one| clock_is_ahead(case, one)) {
        true => "when a container ended is unknown: its node's clock is ahead of the API server's".to_owned(),
        false => format!("none was {RECENTLY_IN_WORDS}"),
    };
    Ok(Finding::blocked(observed, requirement).found(found))
}

/// By the node's clock and by the server's: a container that ended changed the pod's status, so that is no older.
fn ended_recently(case: &Case<'_>, container: &Container, which: impl Fn(&Ended) -> bool) -> bool {
    let recent = |at: jiff::Timestamp| case.now.duration_since(at) <= RECENTLY;
    let ended = container.ended.as_ref().filter(|ended| which(ended)).and_then(|ended| ended.at);
    ended.is_some_and(recent) && !clock_is_ahead(case, container) && case.request.pod.status_written.is_none_or(recent)
}

/// The container ended later than the server wrote it down, or than now.
fn clock_is_ahead(case: &Case<'_>, container: &Container) -> bool {
    let known = case.request.pod.status_written.map_or(case.now, |written| written.min(case.now));
    let ended = container.ended.as_ref().and_then(|ended| ended.at);
    ended.is_some_and(|at| at.duration_since(known) > CLOCKS_DIFFER)
}

fn waiting_for(case: &Case<'_>, reasons: &[&str]) -> Option<String> {
    let waiting = case.request.containers.iter().filter_map(|container| container.waiting.as_deref());
    waiting.filter(|reason| reasons.contains(reason)).min().map(|reason| inert(reason, 80))
}
