//! Since when a request stands, and how a human renews it.

use jiff::{SignedDuration, Timestamp};

use crate::core::ledger::{Ledger, MOST_REQUESTS, later};
use crate::core::selector::Selector;
use crate::core::snapshot::{Fact, Request};
use crate::core::words::{annotation, inert};

/// How far ahead of us a request's time may be. The API server's own may come from several of it, and whoever may update a pod may also
/// edit the record; that of the annotation is by the clock of whoever wrote it.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// When a request was made: when a run first saw it, or what the API server's record says of the label, whichever is older. (Where no run
/// has seen it yet, that record alone.) A later change by the same field manager renews the record, and does not renew the request:
/// only a newer annotation `requested-at` does, which may be five minutes ahead of now and counts as now at the most.
pub fn requested_at(request: &Request, ledger: &Ledger, selector: &Selector, now: Timestamp) -> Fact<Timestamp> {
    let Fact::Known(set_at) = request.requested_at else { return request.requested_at.clone() };
    let first = match ledger.requested_since(&request.pod.uid, selector) {
        Some(since) => since.min(set_at),
        None if ledger.is_full_of_requests() && request.pod.is_live() => {
            return Fact::Unknown(format!("more than {MOST_REQUESTS} requests stand at once, and this one is not remembered"));
        }
        None => set_at,
    };
    let renewed = renewed_at(request).filter(|at| *at > first && *at <= later(now, AHEAD));
    Fact::Known(renewed.map_or(first, |at| at.min(now)))
}

/// Annotation `requested-at`, where it is there and well-formed.
pub(super) fn renewed_at(request: &Request) -> Option<Timestamp> {
    request.renewed_at.as_deref()?.parse().ok()
}

/// The requests that the ledger is to remember, each with the pod's UID and the API server's record of the label: those of live pods, for
/// one that has ended or is being deleted asks for nothing any more.
pub fn standing(requests: &[Request]) -> impl Iterator<Item = (&str, Option<Timestamp>)> {
    requests.iter().filter(|request| request.pod.is_live()).map(|request| (&*request.pod.uid, request.requested_at.known().ok().copied()))
}

/// The command that renews the request of this pod, at once.
pub(super) fn renew_with(pod: &str, namespace: &str) -> String {
    let (pod, key) = (inert(pod, 253), annotation::REQUESTED_AT);
    format!("kubectl annotate pod {pod} -n {namespace} --overwrite {key}=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"")
}

/// Oldest request first, then by name.
pub fn turn(request: &Request, ledger: &Ledger, selector: &Selector, now: Timestamp) -> (Option<Timestamp>, Box<str>) {
    (requested_at(request, ledger, selector, now).known().ok().copied(), request.pod.name.clone())
}
