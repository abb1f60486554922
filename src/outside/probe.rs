//! Probes, asked: before the action for the decision, after it until they hold or the time is up.
//!
//! All probes of a list are asked at once, each within its own limits. An answer is a plain fact; what could not be asked is
//! an unknown one. Nothing is decided here.

mod http;
mod prometheus;

use std::time::Duration;

use futures_util::future::join_all;

use crate::core::decide::{Decision, probes_wanted};
use crate::core::runbook::{Probe, ProbeQuestion, Reading, Values};
use crate::core::snapshot::{Fact, Request, Snapshot};
use crate::outside::clock::Deadline;

/// How much of an answer is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// How long to wait before a server that has not answered as it should is asked again after the action.
const AGAIN: Duration = Duration::from_secs(2);

/// Asks the probes that a decision waits for, if it does, and puts their answers into the snapshot. True: decide again; where
/// the decision is to authorise an action, on facts read after this.
pub(crate) async fn ask_if_wanted(decision: &Decision<'_>, request: &Request, snapshot: &mut Snapshot) -> bool {
    let Some(probes) = probes_wanted(decision, request, snapshot) else { return false };
    let workload = snapshot.workload_of(request);
    // What is missing is empty, and refused where a probe needs it.
    let values = Values {
        service: request.service.as_ref().map_or("", |service| &service.name),
        namespace: &snapshot.bounds.namespace,
        workload: workload.map_or("", |workload| &workload.name),
        pod_name: &request.pod.name,
    };
    let asked = probes.iter().map(|probe| async move { (probe.name.clone(), ask(probe, &values).await) });
    let readings = join_all(asked).await.into_iter().collect();
    snapshot.probes.insert(request.pod.uid.to_string(), readings);
    true
}

/// Asks one probe, as often as its samples say; the first bad answer is the last.
async fn ask(probe: &Probe, values: &Values<'_>) -> Fact<Reading> {
    let mut so_far = None;
    loop {
        let reading = match once(probe, values, probe.timeout()).await {
            Ok(answer) => joined(so_far, answer),
            Err(why) => {
                tracing::warn!("probe {} could not be asked: {why}", probe.name);
                return Fact::Unknown(why);
            }
        };
        if !probe.is_good(&reading) || probe.holds(&reading) {
            return Fact::Known(reading);
        }
        so_far = Some(reading);
        tokio::time::sleep(probe.interval()).await;
    }
}

/// Asks probes again and again until all hold, each for itself, or until the deadline.
///
/// # Errors
/// What was last seen of those that do not.
pub(crate) async fn until_all_hold(probes: &[Probe], values: &Values<'_>, deadline: Deadline) -> Result<String, String> {
    let ends = join_all(probes.iter().map(|probe| until_it_holds(probe, values, deadline))).await;
    let (held, not): (Vec<_>, Vec<_>) = ends.into_iter().partition(Result::is_ok);
    let said = |ends: Vec<Result<String, String>>| ends.into_iter().map(|end| end.unwrap_or_else(|wrong| wrong)).collect::<Vec<_>>();
    if not.is_empty() { Ok(said(held).join(", ")) } else { Err(said(not).join(", and ")) }
}

async fn until_it_holds(probe: &Probe, values: &Values<'_>, deadline: Deadline) -> Result<String, String> {
    let (mut so_far, mut seen) = (None, None);
    while !deadline.is_over() {
        let timeout = probe.timeout().min(deadline.left());
        let wait = match once(probe, values, timeout).await {
            Ok(answer) => {
                let reading = joined(so_far.take(), answer);
                if probe.holds(&reading) {
                    return Ok(format!("probe {} {reading}", probe.name));
                }
                seen = Some(format!("last answer {reading}"));
                let good = probe.is_good(&reading);
                so_far = Some(reading).filter(|_| good);
                probe.interval().max(if good { Duration::ZERO } else { AGAIN })
            }
            Err(why) => {
                so_far = None;
                // Cut off by our own deadline: what was seen before says more.
                if seen.is_none() || timeout == probe.timeout() {
                    seen = Some(format!("it could not be asked: {why}"));
                }
                probe.interval().max(AGAIN)
            }
        };
        tokio::time::sleep(wait.min(deadline.left())).await;
    }
    let seen = seen.unwrap_or_else(|| "there was no time to ask it".to_owned());
    Err(format!("probe {} requires {}, {seen}", probe.name, probe.limit()))
}

/// One answer.
async fn once(probe: &Probe, values: &Values<'_>, timeout: Duration) -> Result<Reading, String> {
    match &probe.question {
        ProbeQuestion::Http(question) => http::once(question, values, timeout).await,
        ProbeQuestion::Prometheus(question) => prometheus::once(question, values, timeout).await,
    }
}

/// One more sample to those before it.
fn joined(so_far: Option<Reading>, answer: Reading) -> Reading {
    match (so_far, answer) {
        (Some(Reading::Prometheus { mut samples }), Reading::Prometheus { samples: more }) => {
            samples.extend(more);
            Reading::Prometheus { samples }
        }
        (_, answer) => answer,
    }
}
