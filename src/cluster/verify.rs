//! Verify: watch until the replacement is proved healthy, or until the deadline. Deleting is not success.
//!
//! The watch only wakes us; what it may have missed is listed again. Judging is `judge`'s, which does no I/O.

mod probes;

use std::time::Duration;

use futures_util::StreamExt;
use kube::api::WatchEvent;

use crate::cluster::api::{Api, ApiError, PODS, PodObject};
use crate::cluster::matching::{pod_of, selector_of, was_born_asking, workload_again};
use crate::core::ledger::{Execution, InFlight, Outcome};
use crate::core::selector::Selector;
use crate::core::snapshot::{Pod, Service, Workload};
use crate::core::workload_kind::WorkloadKind;
use crate::outside::clock::{Deadline, Stopwatch};
use crate::terminal::audit::{Progress, TICK};

use crate::core::judge::{Judge, Standing, VerificationEnd, without_probes};

/// How often the workload is read while nothing else happens: a rollout that begins meanwhile ends the verification early.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How often the workload's numbers are read once the replacement itself is proved.
const POLL: Duration = Duration::from_secs(1);

/// What a verification needs besides the intent.
pub(crate) struct Verifier<'a> {
    /// The API.
    pub api: &'a Api,
    /// The intent.
    pub execution: &'a Execution,
    /// Its part in flight.
    pub terms: &'a InFlight,
    /// Which pods ask, to see a replacement that does.
    pub request: &'a Selector,
    /// Since the intent.
    pub since: Stopwatch,
    /// For all of it.
    pub deadline: Deadline,
    /// Another run's intent: it was not ours to see from the beginning.
    pub adopted: bool,
    /// Where a person sees how it goes.
    pub progress: &'a Progress,
}

impl Verifier<'_> {
    /// Watches from `resource_version` on until there is a verdict; the deadline brings one in any case.
    pub(crate) async fn run(&self, mut resource_version: Option<String>) -> VerificationEnd {
        let since = self.since;
        let mut judge = Judge::new(self.terms, &self.execution.pod.uid, self.adopted.then_some(self.execution.started_at));
        let service = Service { label: self.terms.service_label.clone(), name: self.execution.service.clone() };
        let selector = selector_of([&service]);
        let mut failures = 0_u32;
        let late = self.deadline.is_over();
        while !self.deadline.is_over() {
            let version = match resource_version.take() {
                Some(version) => version,
                None => match self.list(&selector).await {
                    Ok((pods, version)) => {
                        judge.see_all(pods, since.elapsed());
                        version
                    }
                    Err(error) => {
                        tracing::warn!("cannot list the service's pods while verifying: {error}; trying again");
                        failures += 1;
                        tokio::time::sleep(Duration::from_secs(1).min(self.deadline.left())).await;
                        continue;
                    }
                },
            };
            if let Some(verdict) = self.watch(&mut judge, since, &selector, &version).await
                && let Some(verdict) = self.with_probes(&mut judge, verdict, &selector).await
            {
                return verdict;
            }
        }
        let verdict = self.end(&mut judge, &selector, failures, late).await;
        without_probes(&self.terms.probes, verdict, late)
    }

    /// Follows one watch until it ends, or until there is a verdict.
    async fn watch(&self, judge: &mut Judge<'_>, since: Stopwatch, selector: &str, version: &str) -> Option<VerificationEnd> {
        let seconds = u32::try_from(self.deadline.left().as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let stream = match self.api.watch::<PodObject>(PODS, selector, version, seconds).await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!("cannot watch the service's pods: {error}; listing them again");
                tokio::time::sleep(POLL.min(self.deadline.left())).await;
                return None;
            }
        };
        let mut stream = std::pin::pin!(stream);
        loop {
            let wait = match judge.standing(since.elapsed()) {
                Standing::Doomed(detail) => {
                    return Some(VerificationEnd { opens_breaker: true, ..VerificationEnd::new(Outcome::Failed, detail) });
                }
                Standing::Healthy(replacement) => {
                    if let Some(verdict) = self.workload().await.ok().and_then(|now| judge.workload(now.as_ref(), Some(&replacement))) {
                        return Some(verdict);
                    }
                    POLL
                }
                Standing::Waiting(due) => due.map_or(LOOK_AGAIN, |due| due.saturating_sub(since.elapsed())).min(LOOK_AGAIN),
            };
            let left = self.deadline.left();
            if left.is_zero() {
                return None;
            }
            match self.within(wait.min(left), stream.next(), || judge.seen(since.elapsed())).await {
                Some(Some(Ok(WatchEvent::Added(pod) | WatchEvent::Modified(pod)))) => {
                    judge.see(pod_of(&pod), was_born_asking(&pod, self.request), since.elapsed());
                }
                Some(Some(Ok(WatchEvent::Deleted(pod)))) => judge.see_gone(&pod.metadata.uid),
                Some(Some(Ok(WatchEvent::Bookmark(_)))) => {}
                // Ended, broken, or the version is too old: list, then watch again.
                Some(None | Some(Ok(WatchEvent::Error(_)) | Err(_))) => {
                    tokio::time::sleep(POLL.min(self.deadline.left())).await;
                    return None;
                }
                // Quiet. It may be a watch that nobody serves any more, so the pods are listed again now and then.
                None if matches!(judge.standing(since.elapsed()), Standing::Waiting(None)) => {
                    if let Some(verdict) = self.workload().await.ok().and_then(|now| judge.workload(now.as_ref(), None)) {
                        return Some(verdict);
                    }
                    return None;
                }
                None => {}
            }
        }
    }

    /// What comes within a span, or `None`; meanwhile, what has been seen so far is shown.
    async fn within<T>(&self, span: Duration, coming: impl Future<Output = T>, seen: impl Fn() -> String) -> Option<T> {
        let until = Deadline::after(span);
        let mut coming = std::pin::pin!(coming);
        loop {
            if !self.progress.is_none() {
                let (lasted, total) = (self.since.elapsed(), self.since.elapsed() + self.deadline.left());
                let pod = &self.execution.pod.name;
                // A narrow terminal cuts the end off: what changes comes first.
                let text = format!("verifying, {} s of {:.0} s: {}; it replaces {pod}", lasted.as_secs(), total.as_secs_f64(), seen());
                self.progress.show(&text);
            }
            let wait = if self.progress.is_none() { until.left() } else { until.left().min(TICK) };
            match tokio::time::timeout(wait, &mut coming).await {
                Ok(come) => return Some(come),
                Err(_) if until.is_over() => return None,
                Err(_) => {}
            }
        }
    }

    /// The deadline has come: judge by what can be read now.
    async fn end(&self, judge: &mut Judge<'_>, selector: &str, failures: u32, late: bool) -> VerificationEnd {
        let now = self.since.elapsed();
        match self.list(selector).await {
            Ok((pods, _)) => judge.see_all(pods, now),
            Err(error) => {
                let detail = format!(
                    "the API could not be read at the deadline ({error}; {failures} failures before); last seen: {}",
                    judge.seen(now)
                );
                return VerificationEnd::new(Outcome::Unknown, detail);
            }
        }
        // What became healthy after the deadline did not in time.
        let by = now.min(self.terms.verify_deadline.duration_since(self.execution.started_at).unsigned_abs());
        let workload = match self.workload().await {
            Ok(workload) => {
                let healthy = match judge.standing(by) {
                    Standing::Healthy(replacement) => Some(replacement),
                    _ => None,
                };
                if let Some(verdict) = judge.workload(workload.as_ref(), healthy.as_ref()) {
                    return verdict;
                }
                workload
            }
            Err(error) => {
                tracing::warn!("cannot read the workload at the deadline: {error}");
                None
            }
        };
        if judge.target_stands() {
            return VerificationEnd::new(Outcome::Unknown, "the deletion was sent, but the pod is still there and not terminating");
        }
        judge.at_the_deadline(workload.as_ref(), by, late)
    }

    async fn list(&self, selector: &str) -> Result<(Vec<(Pod, bool)>, String), ApiError> {
        self.api.list(PODS, Some(selector), |pod: PodObject| (pod_of(&pod), was_born_asking(&pod, self.request))).await
    }

    async fn workload(&self) -> Result<Option<Workload>, ApiError> {
        let workload = &self.execution.workload;
        match WorkloadKind::from_word(&workload.kind) {
            Some(kind) => workload_again(self.api, kind, &workload.name, &workload.uid).await,
            None => Ok(None),
        }
    }
}
