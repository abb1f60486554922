//! What counts as recovered: a pure function of what has been seen, and when.
//!
//! Moments are spans since the intent.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::core::ledger::{InFlight, ObjectRef, Outcome, Seat};
use crate::core::runbook::Probe;
use crate::core::snapshot::{Pod, Workload};

/// What has been seen of the target and of the pods that may replace it.
pub(crate) struct Judge<'a> {
    terms: &'a InFlight,
    target_uid: &'a str,
    /// For who was not there from the beginning: a pod that has not restarted has been Ready at least since the server's record of its
    /// last status update, counted from this, the moment of the intent. Its kubelet's clock proves nothing.
    adopted_from: Option<Timestamp>,
    target: TargetSeen,
    replacements: BTreeMap<Box<str>, Candidate>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TargetSeen {
    StillThere,
    Going,
    Gone,
}

struct Candidate {
    pod: Pod,
    /// It carries the request label itself, since it was made.
    born_asking: bool,
    /// Ready without a restart since then.
    ready_since: Option<Duration>,
}

/// How a verification stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// Not proved yet; look again by then at the latest, if nothing is seen before.
    Waiting(Option<Duration>),
    /// This pod has been Ready for long enough: the workload's own numbers are next.
    Healthy(ObjectRef),
    /// It can only fail: a replacement that asks to be replaced would be replaced for ever.
    Doomed(String),
}

/// The end of a verification.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VerificationEnd {
    /// How it ended.
    pub result: Outcome,
    /// What was seen.
    pub detail: String,
    /// The pod that took over.
    pub replacement: Option<ObjectRef>,
    /// Open the breaker now, whatever its threshold.
    pub opens_breaker: bool,
}

impl VerificationEnd {
    /// An end with what was seen, and nothing more.
    pub(crate) fn new(result: Outcome, detail: impl Into<String>) -> Self {
        Self { result, detail: detail.into(), replacement: None, opens_breaker: false }
    }
}

impl<'a> Judge<'a> {
    /// Nothing seen yet.
    pub(crate) fn new(terms: &'a InFlight, target_uid: &'a str, adopted_from: Option<Timestamp>) -> Self {
        Self { terms, target_uid, adopted_from, target: TargetSeen::StillThere, replacements: BTreeMap::new() }
    }

    /// Takes note of a pod as it is now. Pods that were there before, of another controller, or in another place are no replacement.
    pub(crate) fn see(&mut self, pod: Pod, born_asking: bool, at: Duration) {
        if *pod.uid == *self.target_uid {
            if pod.terminating {
                self.target = TargetSeen::Going;
            }
            return;
        }
        let was_there = self.terms.pods_before.iter().any(|uid| **uid == *pod.uid);
        if !pod.is_owned_by(&self.terms.owner_uid) || was_there || !self.takes_the_seat(&pod) {
            return;
        }
        let healthy = pod.looks_ready();
        let before = self.replacements.get(&pod.uid);
        let unbroken = match before {
            Some(before) => before.ready_since.filter(|_| before.pod.restarts == pod.restarts),
            None => self.ready_before_we_came(&pod).map(|since| since.min(at)),
        };
        let ready_since = healthy.then(|| unbroken.unwrap_or(at));
        let born_asking = born_asking || before.is_some_and(|before| before.born_asking);
        self.replacements.insert(pod.uid.clone(), Candidate { pod, born_asking, ready_since });
    }

    /// Whether it stands in for the target, and not for a further replica or another node.
    fn takes_the_seat(&self, pod: &Pod) -> bool {
        match &self.terms.seat {
            Some(Seat::Name(name)) => **name == *pod.name,
            Some(Seat::Node(node)) => pod.node.as_deref() == Some(node),
            None => true,
        }
    }

    fn ready_before_we_came(&self, pod: &Pod) -> Option<Duration> {
        let since = pod.status_written.filter(|_| pod.restarts == 0)?.duration_since(self.adopted_from?);
        Duration::try_from(since.max(jiff::SignedDuration::ZERO)).ok()
    }

    /// Takes note of a pod that is no more.
    pub(crate) fn see_gone(&mut self, uid: &str) {
        if uid == self.target_uid {
            self.target = TargetSeen::Gone;
        }
        self.replacements.remove(uid);
    }

    /// Takes note of all pods there are: what is not among them is gone.
    pub(crate) fn see_all(&mut self, pods: Vec<(Pod, bool)>, at: Duration) {
        let target_there = pods.iter().any(|(pod, _)| *pod.uid == *self.target_uid);
        self.replacements.retain(|uid, _| pods.iter().any(|(pod, _)| pod.uid == *uid));
        for (pod, born_asking) in pods {
            self.see(pod, born_asking, at);
        }
        if !target_there {
            self.target = TargetSeen::Gone;
        }
    }

    /// The target still stands as if nothing had been sent.
    pub(crate) fn target_stands(&self) -> bool {
        self.target == TargetSeen::StillThere
    }

    /// How it stands.
    pub(crate) fn standing(&self, at: Duration) -> Standing {
        if let Some(asking) = self.replacements.values().find(|candidate| candidate.born_asking) {
            let name = &asking.pod.name;
            return Standing::Doomed(format!("replacement {name} carries the request label from birth, so it would be replaced in turn"));
        }
        if self.target == TargetSeen::StillThere {
            return Standing::Waiting(None);
        }
        let stable = Duration::from_secs(self.terms.stable_seconds);
        let due = |candidate: &Candidate| candidate.ready_since.map(|since| since + stable);
        match self.replacements.values().filter_map(|candidate| Some((due(candidate)?, candidate))).min_by_key(|(due, _)| *due) {
            Some((due, candidate)) if due <= at => Standing::Healthy(ObjectRef::from(&candidate.pod)),
            Some((due, _)) => Standing::Waiting(Some(due)),
            None => Standing::Waiting(None),
        }
    }

    /// Judges the workload's own numbers. `None`: not yet, and not hopeless either.
    pub(crate) fn workload(&self, now: Option<&Workload>, healthy: Option<&ObjectRef>) -> Option<VerificationEnd> {
        let Some(now) = now else {
            return Some(VerificationEnd::new(Outcome::Superseded, "the workload was deleted meanwhile"));
        };
        if now.deleting {
            return Some(VerificationEnd::new(Outcome::Superseded, format!("{} {} is being deleted", now.kind, now.name)));
        }
        if now.template_hash != self.terms.template_hash {
            return Some(VerificationEnd::new(Outcome::Superseded, format!("{} {} began another rollout meanwhile", now.kind, now.name)));
        }
        let wanted = now.desired.min(self.terms.desired);
        let enough = now.available >= wanted && now.observed_generation >= now.generation;
        match healthy {
            Some(replacement) if enough || !self.terms.available_equals_desired => Some(VerificationEnd {
                replacement: Some(replacement.clone()),
                ..VerificationEnd::new(
                    Outcome::Verified,
                    format!(
                        "replacement {} Ready for {} s, {} of {} available",
                        replacement.name, self.terms.stable_seconds, now.available, wanted
                    ),
                )
            }),
            None if now.desired < self.terms.desired && enough && self.target == TargetSeen::Gone && self.replacements.is_empty() => {
                let (then, desired) = (self.terms.desired, now.desired);
                Some(VerificationEnd::new(
                    Outcome::Superseded,
                    format!("scaled from {then} to {desired} meanwhile, so no replacement was needed"),
                ))
            }
            _ => None,
        }
    }

    /// The end at the deadline. `workload`: its numbers, unless they cannot be read. `late`: nobody was there at the deadline, so
    /// what is broken now may have been fine then.
    pub(crate) fn at_the_deadline(&self, workload: Option<&Workload>, at: Duration, late: bool) -> VerificationEnd {
        let failed = if late { Outcome::Unknown } else { Outcome::Failed };
        let healthy = match self.standing(at) {
            Standing::Healthy(replacement) => Some(replacement),
            _ => None,
        };
        let Some(now) = workload else {
            return VerificationEnd::new(Outcome::Unknown, format!("the workload could not be read at the deadline; {}", self.seen(at)));
        };
        let missing = now.desired.min(self.terms.desired).saturating_sub(now.available);
        match healthy {
            Some(replacement) if missing <= self.terms.unready_before => VerificationEnd {
                replacement: Some(replacement.clone()),
                ..VerificationEnd::new(
                    Outcome::DegradedBefore,
                    format!(
                        "replacement {} is Ready, but {missing} of {} are still not available, as before the action",
                        replacement.name, now.desired
                    ),
                )
            },
            Some(replacement) => VerificationEnd {
                replacement: Some(replacement),
                ..VerificationEnd::new(
                    Outcome::Failed,
                    format!("only {} of {} were available after {} s; {}", now.available, now.desired, self.timeout(), self.seen(at)),
                )
            },
            None if late => {
                VerificationEnd::new(failed, format!("nobody was there to see the replacement healthy in time; {}", self.missed(now, at)))
            }
            None => VerificationEnd::new(failed, self.missed(now, at)),
        }
    }

    /// What an action has to be proved, in whole seconds.
    fn timeout(&self) -> i64 {
        self.terms.verify_deadline.duration_since(self.terms.send_before).as_secs()
    }

    /// What was not there in time, and why as far as the replacement tells, or the workload where no pod came.
    fn missed(&self, workload: &Workload, at: Duration) -> String {
        let within = format!("within {} s", self.timeout());
        if let Some(candidate) = self.newest() {
            let Candidate { pod, .. } = candidate;
            return format!("replacement {} was not healthy {within}: {}", pod.name, condition(candidate, self.terms.stable_seconds, at));
        }
        let missing = match self.target {
            TargetSeen::StillThere => "the pod is still there, not even terminating".to_owned(),
            TargetSeen::Going => format!("it is still terminating, and no replacement appeared {within}"),
            TargetSeen::Gone => format!("no replacement appeared {within}"),
        };
        let why = workload.cannot_create.as_ref().or(workload.stalled.as_ref());
        why.map_or_else(|| missing.clone(), |why| format!("{missing}: {why}"))
    }

    fn newest(&self) -> Option<&Candidate> {
        self.replacements.values().max_by_key(|candidate| (candidate.ready_since.is_some(), candidate.pod.ready_changed))
    }

    /// What was seen, for a human: "replacement web-x: CrashLoopBackOff, restarted 3 times".
    pub(crate) fn seen(&self, at: Duration) -> String {
        match (self.newest(), self.target) {
            (Some(candidate), _) => {
                format!("replacement {}: {}", candidate.pod.name, condition(candidate, self.terms.stable_seconds, at))
            }
            (None, TargetSeen::StillThere) => "the pod is still there, not even terminating".to_owned(),
            (None, TargetSeen::Going) => "no replacement yet, and the pod is still terminating".to_owned(),
            (None, TargetSeen::Gone) => "the pod is gone, and no replacement has appeared".to_owned(),
        }
    }
}

fn condition(Candidate { pod, ready_since, .. }: &Candidate, stable_seconds: u64, at: Duration) -> String {
    let state = match (&pod.trouble, ready_since) {
        (Some(trouble), None) => trouble.to_string(),
        (_, Some(since)) if at.saturating_sub(*since).as_secs() >= stable_seconds => format!("Ready for {stable_seconds} s"),
        (_, Some(_)) => format!("Ready, but not for {stable_seconds} s without a restart"),
        (None, None) if pod.terminating => "terminating".to_owned(),
        (None, None) if pod.running => "running but not Ready".to_owned(),
        (None, None) => "not running yet".to_owned(),
    };
    let restarts = match pod.restarts {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        many => format!(", restarted {many} times"),
    };
    format!("{state}{restarts}")
}

/// What remains of a verdict at the deadline, where these probes have no time left. `late`: nobody was there to ask them in time.
pub(crate) fn without_probes(probes: &[Probe], verdict: VerificationEnd, late: bool) -> VerificationEnd {
    if verdict.result != Outcome::Verified || probes.is_empty() {
        return verdict;
    }
    let names: Vec<&str> = probes.iter().map(|probe| probe.name.as_str()).collect();
    let (result, why) = match late {
        true => (Outcome::Unknown, "nobody was there in time to ask"),
        false => (Outcome::Failed, "no time was left to ask"),
    };
    let detail = format!("{why} probe {}; {}", names.join(", "), verdict.detail);
    VerificationEnd { result, detail, ..verdict }
}

#[cfg(test)]
mod tests;
