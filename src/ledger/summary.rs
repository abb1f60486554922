//! The ledger for a human who reads it with `kubectl get configmap -o yaml`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::Ledger;

impl Ledger {
    /// A few lines: what is under way, which breakers are open, how each service's last execution ended.
    pub fn summary(&self, now: Timestamp) -> String {
        let mut text = format!("as of {now:.0}\n");
        for (execution, in_flight) in self.in_flight() {
            let _ = writeln!(
                text,
                "in flight: {} pod {} by {}, verified by {:.0} at the latest",
                execution.service, execution.pod.name, execution.runbook, in_flight.verify_deadline
            );
        }
        for event in self.open_breakers() {
            let scope = event.service.as_ref().map_or_else(|| "every service".to_owned(), |service| format!("service {service}"));
            let _ = writeln!(text, "breaker open: {} for {scope} since {:.0}: {}", event.runbook, event.at, event.cause);
        }
        for proposal in self.proposals.iter().filter(|proposal| proposal.expires_at > now) {
            let (pod, service, until) = (&proposal.pod.name, &proposal.service, proposal.expires_at);
            let _ = writeln!(
                text,
                "waits for an approval until {until:.0}: {service} pod {pod} by {}: {}",
                proposal.runbook, proposal.approve_with
            );
        }
        let mut seen = BTreeSet::new();
        for execution in self.executions.iter().rev().filter(|execution| seen.insert(&execution.service)) {
            if let Some(end) = &execution.outcome {
                let cooldown = match self.cooldown_until(&execution.namespace, &execution.service, 0, now) {
                    Some(until) => format!("; cooldown until {until:.0}"),
                    None => String::new(),
                };
                let (service, result, runbook) = (&execution.service, end.result.as_str(), &execution.runbook);
                let _ = writeln!(text, "{service}: {result} at {:.0} by {runbook}: {}{cooldown}", end.at, end.detail);
            }
        }
        bounded(text)
    }
}

/// The longest summary: the ConfigMap's room is for the ledger itself.
const MAX_SUMMARY: usize = 64 * 1024;

fn bounded(mut text: String) -> String {
    if text.len() > MAX_SUMMARY {
        let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_SUMMARY).last().unwrap_or(0);
        text.truncate(end);
        text.push_str("…\nmore is in ledger.json\n");
    }
    text
}
