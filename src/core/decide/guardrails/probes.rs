//! What the runbook's probes answered. Asking takes time, so they are asked only where nothing else blocks: until then their
//! answers are missing, and a missing answer blocks.

use super::{Case, Finding, Ruling};
use crate::core::decide::{Check, Decision, GuardrailId, Verdict};
use crate::core::runbook::Probe;
use crate::core::snapshot::{Fact, Request, Snapshot};

/// Every probe before the action was asked, and answered within its limit.
pub(super) fn probes(case: &Case<'_>) -> Ruling {
    let probes = &case.runbook.guardrails.probes;
    if probes.is_empty() {
        return Ruling::new("none", || Ok(Finding::not_applicable("the runbook has no probes before the action")));
    }
    let limits: Vec<String> = probes.iter().map(|probe| format!("{}: {}", probe.name, probe.limit())).collect();
    Ruling::new(limits.join(", "), || {
        let readings = case.readings().ok_or("no probe has been asked yet")?;
        let (mut observed, mut required, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for probe in probes {
            let name = &probe.name;
            match readings.get(name) {
                Some(Fact::Known(reading)) => {
                    observed.push(format!("{name} {reading}"));
                    if !probe.holds(reading) {
                        required.push(format!("probe {name} must answer {}", probe.limit()));
                        found.push(reading.to_string());
                    }
                }
                Some(Fact::Unknown(why)) => {
                    observed.push(format!("{name} unknown: {why}"));
                    required.push(format!("probe {name} must answer"));
                    found.push(why.clone());
                }
                None => {
                    observed.push(format!("{name} unknown: not asked"));
                    required.push(format!("probe {name} must answer"));
                    found.push("not asked".to_owned());
                }
            }
        }
        let observed = observed.join(", ");
        if required.is_empty() {
            return Ok(Finding::pass(observed));
        }
        Ok(Finding::blocked(observed, required.join(", and ")).found(found.join("; ")))
    })
}

/// Where another guardrail blocks, probes that were not asked have nothing to say: neither a reason of the refusal, nor an
/// end of it, nor a reason to page somebody.
pub(super) fn only_where_nothing_else_blocks(case: &Case<'_>, checks: &mut [Check]) {
    let others = checks.iter().any(|check| check.id != GuardrailId::Probes && check.verdict == Verdict::Blocked);
    let unasked = !case.runbook.guardrails.probes.is_empty() && case.readings().is_none();
    for check in checks.iter_mut().filter(|check| check.id == GuardrailId::Probes && others && unasked) {
        check.verdict = Verdict::NotApplicable;
        check.observed = "not asked: another guardrail blocks already".to_owned();
        check.message.clear();
    }
}

/// The probes that a decision waits for: nothing but their missing answers blocks.
pub fn wanted<'a>(decision: &Decision<'a>, request: &Request, snapshot: &Snapshot) -> Option<&'a [Probe]> {
    let runbook = decision.runbook?;
    let only_probes = decision.blocked().map(|check| check.id).eq([GuardrailId::Probes]);
    let asked = snapshot.probes.contains_key(&*request.pod.uid);
    (only_probes && !asked).then_some(&runbook.guardrails.probes)
}
