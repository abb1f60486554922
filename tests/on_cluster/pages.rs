//! Lists of several pages, of which the server forgets the rest: 410 on a continue token. They begin anew, and what the voided pages
//! said counts for nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::answers::status;
use crate::fixture::{Lab, Pod, RESTART};
use crate::proxy::{Proxy, Request, Step};
use crate::workloads::deployment;

/// More than the hundred of one page.
const PODS: u32 = 104;

/// As a server does whose history ends after the token: the nth time that anything is continued, something may be done first.
fn expired(lab: &Arc<Lab>, nth: usize, first: impl Fn(&Lab) + Send + Sync + 'static) -> Proxy {
    let (hooked, count) = (Arc::clone(lab), AtomicUsize::new(0));
    Proxy::start(lab, move |request: &Request| {
        if !request.query.contains("continue=") || count.fetch_add(1, Ordering::SeqCst) + 1 != nth {
            return Step::Forward;
        }
        first(&hooked);
        let message = "The provided continue parameter is too old to display a consistent list result.";
        Step::Answer("410 Gone", "Content-Type: application/json\r\n", status(410, "Expired", message))
    })
}

/// How many lists of pods began, and how many were continued, by the server's record: what the proxy answered is not in it.
fn lists(lab: &Lab) -> (usize, usize) {
    let of_pods = |line: &&Value| line["verb"] == "list" && line["objectRef"]["resource"] == "pods";
    let requests = lab.requests();
    let (continued, begun): (Vec<_>, Vec<_>) =
        requests.iter().filter(of_pods).partition(|line| line["requestURI"].as_str().unwrap().contains("continue="));
    (begun.len(), continued.len())
}

#[test]
fn a_list_that_begins_anew_misses_nothing_counts_nothing_twice_and_forgets_the_pages_that_were_voided() {
    // One service for all of it: so many pods take their time.
    let lab = Lab::new("pages");
    lab.roll_out(&deployment("web", PODS));
    let lab = Arc::new(lab);
    a_request_on_a_page_that_was_voided_is_no_request(&lab);
    every_requesting_pod_is_decided_once(&lab);
    peers_are_counted_once(&lab);
}

fn a_request_on_a_page_that_was_voided_is_no_request(lab: &Arc<Lab>) {
    // The first by name: it is on the first page.
    let target = lab.ask_for_one("web");
    let name = target.name.clone();
    // Once on the peers, the second time on the fresh list, immediately before the intent.
    let withdraw = move |lab: &Lab| drop(lab.kubectl(&["label", "pod", &name, &format!("{RESTART}-")]));
    let proxy = expired(lab, 2, withdraw);
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.decision(&target)["event.reason"], "withdrawn", "{run:?}");
    assert_eq!(lab.writes().iter().filter(|line| line["verb"] == "update").count(), 1, "that it asked is remembered");
    assert_eq!(lab.executions(), Vec::<Value>::new(), "no intent");
    assert_eq!(lab.deletions(), Vec::<Value>::new());
    lab.untouched(&target);
}

fn every_requesting_pod_is_decided_once(lab: &Arc<Lab>) {
    lab.kubectl(&["label", "pods", "--selector", "app=web", &format!("{RESTART}=true")]);
    let (begun, continued) = lists(lab);
    let proxy = expired(lab, 1, |_| {});
    let run = lab.remediator().env("MODE_CEILING", "observe").by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    let mut decided: BTreeMap<&str, usize> = BTreeMap::new();
    for record in run.records.iter().filter(|record| record["event.action"] == "decision") {
        *decided.entry(record["k8s.pod.uid"].as_str().unwrap()).or_default() += 1;
    }
    let pods: Vec<Pod> = lab.pods("web").iter().map(Pod::of).collect();
    assert_eq!((pods.len(), decided.len()), (PODS as usize, PODS as usize));
    assert!(pods.iter().all(|pod| decided.get(&*pod.uid) == Some(&1)), "not each once: {decided:?}");
    let all = (begun + 4, continued + 2);
    assert_eq!(lists(lab), all, "the requests twice, the peers once, and once the pods of earlier runs: the ledger is a new one");
    lab.kubectl(&["label", "pods", "--selector", "app=web", &format!("{RESTART}-")]);
}

fn peers_are_counted_once(lab: &Arc<Lab>) {
    let target = lab.ask_for_one("web");
    let proxy = expired(lab, 1, |_| {});
    let run = lab.remediator().by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.guardrail(&target, "blast_radius")["observed"], json!(format!("app=web ready_count={PODS} (this pod included)")));
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(lab.deletions().len(), 1);
}
