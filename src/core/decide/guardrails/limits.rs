//! How much automation does, how fast, and whether it has been any good: what the ledger and the run's own bounds allow.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Case, Finding, LONGEST_LIST, Ruling};
use crate::core::decide::check::{TOO_LONG, UNPROVABLE};
use crate::core::ledger::{AFFECTED_WINDOW, Cooldown, Execution, RATE_WINDOW, later};
use crate::core::runbook::{Runbook, longest};
use crate::core::snapshot::{Bounds, Exclusive, Fact, Workload};
use crate::core::words::{amount, inert};
use crate::core::workload_kind::WorkloadKind;

/// What an action takes of a run's time besides its verification: the fresh reads, the intent, the send, the outcome.
pub const TIME_MARGIN: Duration = Duration::from_secs(15);

/// The service has had its rest since the last execution, whatever the runbook.
pub(super) fn cooldown(case: &Case<'_>) -> Ruling {
    let minutes = case.runbook.guardrails.cooldown_minutes;
    let cooldown = case.service().ok().and_then(|service| case.ledger.cooldown(case.namespace(), &service.name, minutes, case.now));
    let limit = match cooldown.as_ref().and_then(|cooldown| Some((cooldown.charged_minutes?, &cooldown.execution.runbook))) {
        Some((charged, runbook)) => format!("{} after an execution of {runbook}, which charged that", amount(charged, "minute")),
        None => format!("{} between executions", amount(minutes, "minute")),
    };
    Ruling::new(limit, || {
        let service = case.service()?;
        match cooldown {
            None => Ok(Finding::pass(format!("{service} no execution in that time"))),
            Some(_) if cfg!(feature = "sabotage-cooldown") => Ok(Finding::pass("sabotaged")),
            Some(Cooldown { until, execution, is_last, charged_minutes }) => {
                let Execution { runbook, started_at, .. } = execution;
                let name = &service.name;
                let requirement = match charged_minutes {
                    Some(charged) => {
                        format!("{} must pass after an execution of {runbook} on service {name}", amount(charged, "minute"))
                    }
                    None => format!("{} must pass between executions on service {name}", amount(minutes, "minute")),
                };
                let (which, word) = if is_last { ("last_execution", "last") } else { ("execution", "one") };
                let found = format!("{word} {started_at:.0} by {runbook}");
                let observed = format!("{service} {which}={started_at:.0} by {runbook}");
                Ok(Finding::blocked(observed, requirement).found(found).until(Some(until)))
            }
        }
    })
}

/// Not too many executions of this runbook on this service in an hour.
pub(super) fn hourly_rate(case: &Case<'_>) -> Ruling {
    let most = case.runbook.guardrails.max_executions_per_hour;
    Ruling::new(format!("at most {most} an hour"), || {
        let service = case.service()?;
        let starts = case.ledger.in_the_last_hour(case.namespace(), &service.name, &case.runbook.name, case.now);
        let observed = format!("{service} executions_in_last_hour={}", starts.len());
        match room_after(&starts, most, RATE_WINDOW) {
            Room::Now => Ok(Finding::pass(observed)),
            Room::At(until) => {
                let (executions, runbook, name) = (amount(most, "execution"), &case.runbook.name, &service.name);
                let requirement = format!("at most {executions} of {runbook} in an hour on service {name}");
                Ok(Finding::blocked(observed, requirement).found(format!("{} in the last hour", starts.len())).until(until))
            }
        }
    })
}

/// Nothing else is under way in the namespace.
pub(super) fn concurrent_actions(case: &Case<'_>) -> Ruling {
    let most = case.runbook.guardrails.max_concurrent_actions;
    Ruling::new(format!("at most {most} at a time"), || {
        let mut under_way: Vec<(Timestamp, &str)> = (case.ledger.in_flight())
            .filter(|(execution, _)| execution.namespace == case.namespace())
            .map(|(execution, in_flight)| (in_flight.verify_deadline, execution.pod.name.as_str()))
            .collect();
        under_way.sort_unstable();
        let observed = format!("in_flight={}", under_way.len());
        let ends: Vec<Timestamp> = under_way.iter().map(|(deadline, _)| *deadline).collect();
        match room_after(&ends, most, SignedDuration::ZERO) {
            Room::Now => Ok(Finding::pass(observed)),
            Room::At(until) => {
                let pods: Vec<&str> = under_way.iter().map(|(_, pod)| *pod).collect();
                let pods = inert(&pods.join(", "), LONGEST_LIST);
                let refused = Finding::blocked(
                    format!("{observed} ({pods})"),
                    format!("at most {} at a time in a namespace", amount(most, "action")),
                );
                // One past its deadline waits for a run to settle it, which every run does before anything new.
                Ok(refused.found(format!("in flight: {pods}")).until(until.map(|until| until.max(case.now))))
            }
        }
    })
}

/// Automation has not been stopped here for failing.
pub(super) fn circuit_breaker(case: &Case<'_>) -> Ruling {
    Ruling::new("closed", || {
        let service = case.service()?;
        let Some(opening) = case.ledger.open_breaker(&case.runbook.name, &service.name) else {
            return Ok(Finding::pass("closed"));
        };
        let (scope, at) = (opening.scope(), opening.at);
        let observed = format!("{} is stopped for {scope} since {at:.0}", case.runbook.name);
        let found = format!("open for {scope} since {at:.0}, after: {}", inert(&opening.cause, LONGEST_LIST));
        Ok(Finding::blocked(observed, format!("the circuit breaker of {} must be closed", case.runbook.name)).found(found))
    })
}

/// A cap for all runs together on the services acted on in ten minutes; one of them already adds nothing.
pub(super) fn affected_services(case: &Case<'_>) -> Ruling {
    let most = case.runbook.guardrails.max_affected_services;
    Ruling::new(format!("at most {most} in 10 minutes, this one included"), || {
        let service = case.service()?;
        let mut others: Vec<(Timestamp, &str)> = (case.ledger.affected_services(case.namespace(), case.now).into_iter())
            .filter(|(name, _)| *name != service.name)
            .map(|(name, newest)| (newest, name))
            .collect();
        others.sort_unstable();
        let observed = format!("other_services={}", others.len());
        let starts: Vec<Timestamp> = others.iter().map(|(newest, _)| *newest).collect();
        match room_after(&starts, most, AFFECTED_WINDOW) {
            Room::Now => Ok(Finding::pass(observed)),
            Room::At(until) => {
                let names: Vec<&str> = others.iter().map(|(_, name)| *name).collect();
                let names = inert(&names.join(", "), LONGEST_LIST);
                let requirement = format!("actions on at most {} within 10 minutes", amount(most, "service"));
                Ok(Finding::blocked(format!("{observed} ({names})"), requirement).found(format!("others: {names}")).until(until))
            }
        }
    })
}

/// Not so many services ask that whatever sets the label is broken, or something larger is.
pub(super) fn matched_services(case: &Case<'_>) -> Ruling {
    let most = case.runbook.guardrails.max_matched_services;
    Ruling::new(format!("at most {most} at once"), || {
        let observed = format!("services_asking={}", case.matched_services);
        if u32::try_from(case.matched_services).is_ok_and(|asking| asking <= most) {
            return Ok(Finding::pass(observed));
        }
        let requirement = format!("at most {} may ask at once", amount(most, "service"));
        Ok(Finding::blocked(observed, requirement).found(format!("{} ask", case.matched_services)))
    })
}

/// The most that an action by this runbook takes of a run's time: its probes, unless they have been asked, and its verification.
pub fn time_needed(runbook: &Runbook, probes_asked: bool) -> Duration {
    let probes = if probes_asked { Duration::ZERO } else { longest(&runbook.guardrails.probes) };
    let verification = Duration::from_secs(u64::from(runbook.verification.timeout_seconds));
    verification.saturating_add(probes).saturating_add(TIME_MARGIN)
}

/// The least that it takes to prove a replacement of this workload, in seconds, and what of it is worth a word: what its containers take
/// to be Ready, to stay so for so long, and, where the new pod has no place until the old one is gone, that one's whole grace: what hangs
/// does not heed SIGTERM.
fn least_to_prove(case: &Case<'_>, workload: &Workload) -> (u64, String) {
    let available = if case.runbook.verification.available_equals_desired { workload.min_ready_seconds } else { 0 };
    let mut why = format!("minReadySeconds={}", workload.min_ready_seconds);
    let (starts, slowest) = workload.until_ready();
    if let Some(slowest) = slowest {
        let _ = write!(why, " ready_after={starts}s (container {})", inert(slowest, 63));
    }
    let claim = |name: &&String| matches!(case.snapshot.claims.get(*name), Some(Fact::Known(Some(claim))) if claim.one_node);
    let waits = match (workload.kind, workload.exclusive) {
        (WorkloadKind::StatefulSet | WorkloadKind::DaemonSet, _) => Some("one pod in its place at a time".to_owned()),
        (_, Some(Exclusive::HostPort(port))) => Some(format!("hostPort {port}")),
        (_, Some(Exclusive::AntiAffinity)) => Some("required anti-affinity to itself".to_owned()),
        (_, None) => case.request.claims.iter().find(claim).map(|name| format!("claim {} is of one node", inert(name, 253))),
    };
    let gone = match waits {
        Some(waits) => {
            let _ = write!(why, " terminationGracePeriodSeconds={} (the old pod goes first: {waits})", workload.grace_seconds);
            workload.grace_seconds
        }
        None => 0,
    };
    let ready = case.stable().as_secs().max(u64::from(available));
    (ready.saturating_add(u64::from(starts)).saturating_add(u64::from(gone)), why)
}

/// What is left of the run is enough to act and to see it through, and the runbook's own timeout is.
pub(super) fn time_to_verify(case: &Case<'_>) -> Ruling {
    let needed = time_needed(case.runbook, case.readings().is_some());
    Ruling::new(format!("at least {} s", needed.as_secs()), || {
        if let Ok(workload) = case.workload() {
            let ((least, why), timeout) = (least_to_prove(case, workload), case.runbook.verification.timeout_seconds);
            if least >= u64::from(timeout) {
                let Workload { kind, name, .. } = workload;
                let observed = format!("{UNPROVABLE}{least}s {kind}/{name} {why}");
                let requirement = format!("a replacement must be provable within the runbook's {}", amount(timeout, "second"));
                let found = format!("{kind}/{name} needs {} or more: {why}", amount(least, "second"));
                return Ok(Finding::blocked(observed, requirement).found(found));
            }
        }
        let Bounds { deadline, time_left: left, .. } = case.snapshot.bounds;
        if needed >= deadline {
            let requirement = format!("a run needs {} to act and verify", amount(needed.as_secs(), "second"));
            let found = format!("no run has so much: its deadline is {}", amount(deadline.as_secs(), "second"));
            return Ok(Finding::blocked(format!("{TOO_LONG}{}s", deadline.as_secs()), requirement).found(found));
        }
        let observed = format!("time_left={}s", left.as_secs());
        if left >= needed {
            return Ok(Finding::pass(observed));
        }
        let requirement = format!("a run needs {} to act and verify", amount(needed.as_secs(), "second"));
        Ok(Finding::blocked(observed, requirement).found(format!("this one has {} left", amount(left.as_secs(), "second"))))
    })
}

/// Whether one more fits.
enum Room {
    Now,
    /// Then; `None` where it never does.
    At(Option<Timestamp>),
}

/// Each of these, oldest first, takes a place for this long: when is one of `most` places free?
fn room_after(starts: &[Timestamp], most: u32, window: SignedDuration) -> Room {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match starts.len().checked_sub(most) {
        None => Room::Now,
        Some(leading) => Room::At(starts.get(leading).map(|start| later(*start, window))),
    }
}
