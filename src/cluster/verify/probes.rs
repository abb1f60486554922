//! The runbook's outcome probes: the last thing that must hold, once the replacement is healthy.

use super::Verifier;
use crate::core::judge::{Judge, Standing, VerificationEnd};
use crate::core::ledger::Outcome;
use crate::core::runbook::Values;
use crate::outside::probe::until_all_hold;

impl Verifier<'_> {
    /// What remains of a verdict once the probes have been asked, until they hold or until the deadline. Any verdict but
    /// `verified` is one already. `None`: they hold, but meanwhile the replacement is no longer what it was, so look again.
    pub(super) async fn with_probes(&self, judge: &mut Judge<'_>, verdict: VerificationEnd, selector: &str) -> Option<VerificationEnd> {
        if verdict.result != Outcome::Verified || self.terms.probes.is_empty() {
            return Some(verdict);
        }
        let replacement = verdict.replacement.as_ref();
        let values = Values {
            service: &self.execution.service,
            namespace: &self.execution.namespace,
            workload: &self.execution.workload.name,
            pod_name: replacement.map_or("", |replacement| &replacement.name),
        };
        let probed = until_all_hold(&self.terms.probes, &values, self.deadline).await;
        // Probes take their time. What holds must hold now, and a rollout that began meanwhile is not ours to judge.
        let (pods, workload) = (self.list(selector).await, self.workload().await);
        if let Ok((pods, _)) = pods {
            judge.see_all(pods, self.since.elapsed());
        } else if probed.is_ok() {
            return None;
        }
        let healthy = match judge.standing(self.since.elapsed()) {
            Standing::Healthy(replacement) => Some(replacement),
            _ => None,
        };
        let now = workload.ok().and_then(|workload| judge.workload(workload.as_ref(), healthy.as_ref()));
        match (now, probed) {
            (Some(now), _) if now.result != Outcome::Verified => Some(now),
            (Some(now), Ok(seen)) if now.replacement.as_ref() == replacement => {
                let detail = format!("{}, {seen}", now.detail);
                Some(VerificationEnd { detail, ..now })
            }
            (_, Ok(_)) => None,
            (_, Err(wrong)) => {
                // `deleted web-1, but …`: what went wrong comes first.
                let detail = format!("{wrong}; {}", verdict.detail);
                Some(VerificationEnd { result: Outcome::Failed, detail, ..verdict })
            }
        }
    }
}
