//! `explain`: what a run would decide at this moment, why, until when, and what to do about it. It reads what a run reads,
//! decides with the same function, and writes nothing.

mod error;
mod look;
mod model;
mod near_misses;
mod table;

use std::path::Path;

use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::SubjectRulesReviewStatus;

use crate::cluster::api::Api;
use crate::cluster::matching::{self, hypothetical};
use crate::cluster::permissions::{missing, needs};
use crate::cluster::store::Store;
use crate::commands::desk::{Basis, Source, View, trial};
use crate::commands::status::status;
use crate::core::decide::{Decider, Decision, Mode, decide, standing};
use crate::core::ledger::Ledger;
use crate::core::marks::Marks;
use crate::core::names::is_dns_subdomain;
use crate::core::runbook::Runbook;
use crate::core::snapshot::{Bounds, Request, Snapshot};
use crate::incident::record::record;
use crate::outside::clock::Deadline;
use crate::outside::probe;
use crate::run::RunError;
use crate::run::config::Settings;

use look::{Looked, look};
use near_misses::Words;

pub(crate) use error::ExplainError;
pub(crate) use model::{Eligibility, Eligible, Explanation, IF_IT_ASKED, PlanExplanation, PodExplanation, Then, ToDo};
pub(crate) use near_misses::NearMiss;

/// The name of the pod that is meant: `web-1`, or as kubectl takes it, `pod/web-1`, `pods/web-1` and `po/web-1`.
///
/// # Errors
/// It is of another kind, or no pod can have that name.
pub(crate) fn pod_name(given: &str) -> Result<&str, Box<ExplainError>> {
    let name = match given.split_once('/') {
        Some((kind, name)) if means_pods(kind) => name,
        Some((kind, _)) if kind.chars().any(char::is_alphabetic) => return Err(Box::new(ExplainError::NoPodKind(given.to_owned()))),
        _ => given,
    };
    if is_dns_subdomain(name) { Ok(name) } else { Err(Box::new(ExplainError::NoName(given.to_owned()))) }
}

/// kubectl takes this word for pods.
pub(crate) fn means_pods(kind: &str) -> bool {
    ["pod", "pods", "po"].iter().any(|pod| pod.eq_ignore_ascii_case(kind))
}

/// One pod.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnePod<'a> {
    pub name: &'a str,
    /// What would be written on it first; `None`: what is there counts, and a pod that does not ask is taken to ask.
    pub assumed: Option<&'a Marks>,
}

impl OnePod<'_> {
    /// There is no such pod.
    fn missing(self, namespace: &str) -> ExplainError {
        ExplainError::NoPod { pod: self.name.to_owned(), namespace: namespace.to_owned() }
    }
}

/// What would be decided on the pod of this name, or else on every pod that asks. `record_in`: a directory to record it in.
/// `view`: the settings that count, and the CronJob whose runs are explained.
///
/// # Errors
/// See [`ExplainError`].
pub(crate) async fn explain(
    api: Api,
    view: &View,
    source: Source,
    pod: Option<&str>,
    record_in: Option<&Path>,
    deadline: Deadline,
) -> Result<Explanation, ExplainError> {
    let settings = view.settings();
    let Source { from, files, runbooks } = source;
    let one = pod.map(|name| OnePod { name, assumed: None });
    let Grounds { store, snapshot, hypothetical, granted, now } = grounds(&api, settings, &runbooks, one, deadline).await?;
    if let Some(folder) = record_in {
        record(folder, &files, &Decider::new(&runbooks, &snapshot, store.ledger(), now), pod).map_err(RunError::from)?;
    }
    let basis = match view.inside {
        true => None,
        false => {
            let needs = needs(&settings.state_configmap, &runbooks);
            Some(view.desk.basis(now, &view.configured, from, &trial(&api, &view.desk, &needs).await))
        }
    };
    let explainer = Explainer { runbooks: &runbooks, snapshot: &snapshot, ledger: store.ledger(), basis: basis.as_ref(), now };
    let concerned = snapshot.requests.iter().filter(|request| pod.is_none_or(|name| *request.pod.name == *name));
    let mut pods: Vec<PodExplanation> = concerned.map(|request| explainer.pod(request, hypothetical)).collect();
    pods.sort_by(|a, b| (a.requested_at, &a.pod).cmp(&(b.requested_at, &b.pod)));
    let words = Words {
        namespace: api.namespace(),
        selector: &settings.selector,
        service_label: &settings.service_label,
        opt_in: runbooks.iter().map(|runbook| runbook.scope.required_labels.iter().cloned().collect()).collect(),
        others: runbooks.iter().flat_map(|runbook| &runbook.guardrails.blocked_by_labels).map(|(key, _)| key.clone()).collect(),
        pod,
    };
    let Looked { near_misses, more, not_looked_at } = look(&api, &granted, &words).await;
    Ok(Explanation {
        namespace: api.namespace().to_owned(),
        now,
        selector: settings.selector.to_string(),
        service_label: settings.service_label.clone(),
        mode_ceiling: settings.ceiling.as_str(),
        in_flight: status(store.ledger(), api.namespace(), now).in_flight,
        pods,
        basis,
        near_misses,
        more_near_misses: more,
        not_looked_at,
    })
}

/// What would be decided on one pod. Whether runs happen is not asked, nor what may have been meant otherwise.
///
/// # Errors
/// See [`ExplainError`].
pub(crate) async fn explain_pod(
    api: &Api,
    settings: &Settings,
    runbooks: &[Runbook],
    pod: OnePod<'_>,
    deadline: Deadline,
) -> Result<PodExplanation, ExplainError> {
    let Grounds { store, snapshot, hypothetical, now, .. } = grounds(api, settings, runbooks, Some(pod), deadline).await?;
    let explainer = Explainer { runbooks, snapshot: &snapshot, ledger: store.ledger(), basis: None, now };
    let request = snapshot.requests.iter().find(|request| *request.pod.name == *pod.name).ok_or_else(|| pod.missing(api.namespace()))?;
    Ok(explainer.pod(request, hypothetical))
}

/// What a run would decide by at this moment.
struct Grounds {
    /// With the requests remembered, as a run does, but for the write.
    store: Store,
    snapshot: Snapshot,
    /// The pod is only assumed to ask.
    hypothetical: bool,
    /// What the caller may do.
    granted: SubjectRulesReviewStatus,
    now: Timestamp,
}

/// Reads what a run reads, about one pod or about every pod that asks.
async fn grounds(
    api: &Api,
    settings: &Settings,
    runbooks: &[Runbook],
    pod: Option<OnePod<'_>>,
    deadline: Deadline,
) -> Result<Grounds, ExplainError> {
    let name = pod.map(|pod| pod.name);
    let mut store = Store::open(api.clone(), &settings.state_configmap).await.map_err(RunError::from)?;
    // Of what a run needs, only the reads: whoever wants to know why need not be allowed to delete.
    let reads = needs(&settings.state_configmap, runbooks).into_iter().filter(|need| matches!(need.verb, "get" | "list")).collect();
    let granted = api.permissions().await.map_err(RunError::from)?;
    let missing = missing(reads, &granted);
    if !missing.is_empty() {
        return Err(RunError::Permissions { namespace: api.namespace().to_owned(), needs: missing }.into());
    }
    let bounds = settings.bounds(api.namespace(), deadline.left());
    let asking = matching::requests(api, &bounds, runbooks).await.map_err(RunError::from)?;
    let (mut snapshot, hypothetical) = match pod {
        None => (matching::snapshot(api, bounds, asking, runbooks).await.map_err(RunError::from)?, false),
        Some(pod) => one(api, bounds, asking, pod, runbooks).await?,
    };
    let now = store.clock().now();
    // As a run does, but for the write.
    let mut ledger = store.ledger().clone();
    ledger.remember(standing(&snapshot.requests), &settings.selector, now);
    store.assume(ledger);
    // As a run does: where nothing else blocks, the probes are asked.
    for request in snapshot.requests.clone().iter().filter(|request| name.is_none_or(|name| *request.pod.name == *name)) {
        let decision = decide(request, runbooks, &snapshot, store.ledger(), now);
        probe::ask_if_wanted(&decision, request, &mut snapshot).await;
    }
    Ok(Grounds { store, snapshot, hypothetical, granted, now })
}

/// The facts around one pod, and whether it is only assumed to ask.
async fn one(
    api: &Api,
    bounds: Bounds,
    mut asking: Vec<Request>,
    pod: OnePod<'_>,
    runbooks: &[Runbook],
) -> Result<(Snapshot, bool), ExplainError> {
    let OnePod { name, assumed } = pod;
    let found = asking.iter().position(|request| *request.pod.name == *name);
    let found = found.map(|index| asking.swap_remove(index)).filter(|_| assumed.is_none());
    let (request, hypothetical) = match found {
        Some(request) => (request, false),
        None => {
            let assumed = hypothetical(api, &bounds, name, assumed, runbooks).await.map_err(RunError::from)?;
            (assumed.ok_or_else(|| pod.missing(&bounds.namespace))?, true)
        }
    };
    // The peers and the workload of this one only; but how many services ask is a fact about all.
    let mut snapshot = matching::snapshot(api, bounds, vec![request], runbooks).await.map_err(RunError::from)?;
    snapshot.requests.extend(asking);
    Ok((snapshot, hypothetical))
}

/// All that decisions rest on.
struct Explainer<'a> {
    runbooks: &'a [Runbook],
    snapshot: &'a Snapshot,
    ledger: &'a Ledger,
    /// What keeps runs from acting, where that was checked.
    basis: Option<&'a Basis>,
    now: Timestamp,
}

impl Explainer<'_> {
    fn pod(&self, request: &Request, hypothetical: bool) -> PodExplanation {
        let decision = Decider::new(self.runbooks, self.snapshot, self.ledger, self.now).decide(request);
        let eligibility = self.eligibility(request, &decision);
        PodExplanation::new(request, &decision, eligibility, self, hypothetical)
    }

    /// Whether, and when, a run acts on it. The blocks end together at some time, or never; what is decided then, if nothing else
    /// changes, says the very function that decides now. Where no run would begin or act, that comes before it.
    fn eligibility(&self, request: &Request, decision: &Decision<'_>) -> Eligibility {
        let Eligibility { eligible, at, then, .. } = self.by_itself(request, decision);
        let obstacles = self.basis.map(|basis| basis.obstacles.as_slice()).unwrap_or_default();
        let acts = matches!(eligible, Eligible::Now | Eligible::Later);
        let prevented_by: Vec<String> = obstacles.iter().filter(|_| acts).map(|obstacle| obstacle.detail.clone()).collect();
        let eligible = if prevented_by.is_empty() { eligible } else { Eligible::NotByItself };
        Eligibility { eligible, at, then, prevented_by }
    }

    fn by_itself(&self, request: &Request, decision: &Decision<'_>) -> Eligibility {
        let without = |eligible| Eligibility { eligible, at: None, then: None, prevented_by: Vec::new() };
        if decision.mode == Mode::AutoExecute {
            return without(Eligible::Now);
        }
        let Some(at) = decision.eligible_at() else {
            return without(Eligible::NotByItself);
        };
        let mut ledger = self.ledger.clone();
        for execution in &mut ledger.executions {
            // By then its run has ended, or another settles it before it decides anything.
            execution.in_flight.take_if(|terms| terms.verify_deadline <= at);
        }
        let then = Decider::new(self.runbooks, self.snapshot, &ledger, at).decide(request);
        let eligible = if then.mode == Mode::AutoExecute { Eligible::Later } else { Eligible::NotByItself };
        let then = Then { mode: then.mode.as_str(), message: then.message(&request.pod.name) };
        Eligibility { at: Some(at), then: Some(then), ..without(eligible) }
    }
}

#[cfg(test)]
mod tests;
