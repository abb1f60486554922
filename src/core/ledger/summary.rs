//! The ledger for a human who reads it with `kubectl get configmap -o yaml`.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::limits::Cooldown;
use super::model::Ledger;
use crate::core::words::{amount, inert};

impl Ledger {
    /// A few lines about this namespace: what is under way, which breakers are open, how each service's last execution ended.
    pub fn summary(&self, namespace: &str, now: Timestamp) -> String {
        let mut text = format!("as of {now:.0}\n");
        for (execution, in_flight) in self.in_flight() {
            let (service, pod, runbook) = (&execution.service, &execution.pod.name, &execution.runbook);
            let until = in_flight.verify_deadline;
            line(&mut text, &format!("in flight: {service} pod {pod} by {runbook}, verified by {until:.0} at the latest"));
        }
        for event in self.open_breakers() {
            let (runbook, scope, at, cause, reset) =
                (&event.runbook, event.scope(), event.at, inert(&event.cause, MAX_DETAIL), event.reset_with(namespace));
            line(&mut text, &format!("breaker open: {runbook} for {scope} since {at:.0}: {cause}; once the cause is fixed: {reset}"));
        }
        for proposal in self.proposals.iter().filter(|proposal| proposal.expires_at > now) {
            let (pod, service, until) = (&proposal.pod.name, &proposal.service, proposal.expires_at);
            let what = format!("{service} pod {pod} by {}: {}", proposal.runbook, proposal.approve_with);
            line(&mut text, &format!("waits for an approval until {until:.0}: {what}"));
        }
        let mut seen = BTreeSet::new();
        for execution in self.executions.iter().rev().filter(|execution| seen.insert(&execution.service)) {
            if let Some(end) = &execution.outcome {
                let cooldown = self.cooldown(&execution.namespace, &execution.service, 0, now).map_or_else(String::new, |cooldown| {
                    let Cooldown { until, execution, charged_minutes, .. } = cooldown;
                    let (minutes, runbook) = (charged_minutes.unwrap_or(0), &execution.runbook);
                    let minutes = amount(minutes, "minute");
                    format!("; cooldown until {until:.0}: {minutes} by {runbook} from {:.0}", execution.started_at)
                });
                let (service, result, runbook) = (&execution.service, end.result.as_str(), &execution.runbook);
                line(
                    &mut text,
                    &format!("{service}: {result} at {:.0} by {runbook}: {}{cooldown}", end.at, inert(&end.detail, MAX_DETAIL)),
                );
            }
        }
        bounded(text)
    }
}

/// One inert line; the ledger itself has the full text.
fn line(text: &mut String, line: &str) {
    text.push_str(&inert(line, MAX_LINE));
    text.push('\n');
}

/// The longest detail, in characters: what stands after it is seen too.
const MAX_DETAIL: usize = 500;
/// The longest line, in characters.
const MAX_LINE: usize = 1000;
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

#[cfg(test)]
mod tests {
    use crate::core::ledger::Outcome;
    use crate::core::ledger::tests::{at, begun, of};
    use crate::core::runbook::Escalate;

    #[test]
    fn the_summary_says_what_a_human_asks() {
        let mut ledger = of(Escalate::OpenIncidentAndDisableRunbook, &[(Outcome::Failed, 0)]);
        ledger.executions.push(begun("flying", "api", 1, Escalate::None));
        let expected = "as of 2027-01-15T08:02:00Z
in flight: api pod flying by book, verified by 2027-01-15T08:03:00Z at the latest
breaker open: book for every service in the namespace since 2027-01-15T08:00:00Z: restarted 3 times; once the cause is fixed: pod-remediator reset-breaker book -n shop --reason '…'
web: failed at 2027-01-15T08:00:00Z by book: restarted 3 times; cooldown until 2027-01-15T08:10:00Z: 10 minutes by book from 2027-01-15T08:00:00Z
";
        assert_eq!(ledger.summary("shop", at(2)), expected);
    }
}
