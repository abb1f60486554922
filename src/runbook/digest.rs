//! What makes two runbooks the same: their content, whatever the comments, the layout and the order of keys.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Escalation, Guardrails, Rollback, Runbook, Scope, Triggers, Verification};

/// `sha256:` and 64 hex digits over every field but the digest itself. An approval, which names it, is void once it changes.
pub(super) fn of(runbook: &Runbook) -> String {
    Sha256::digest(canonical(runbook)).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Every field is named in a pattern, so that a new one cannot be forgotten: it does not compile.
fn canonical(runbook: &Runbook) -> String {
    let Runbook {
        name,
        digest: _,
        intent,
        owner,
        risk,
        decision_mode,
        triggers: Triggers { symptoms, probable_causes, minimum_confidence, maximum_request_age_minutes },
        scope: Scope { allowed_namespaces, required_labels },
        guardrails:
            Guardrails {
                minimum_ready_replicas,
                max_executions_per_hour,
                cooldown_minutes,
                max_concurrent_actions,
                max_affected_services,
                max_matched_services,
            },
        action,
        verification: Verification { available_equals_desired, timeout_seconds, stable_seconds },
        rollback: Rollback { kind, notes },
        escalation: Escalation { on_guardrail_failure, on_verification_failure },
    } = runbook;
    let mut text = Canonical("remediations.kubedojo.io/v1\n".to_owned());
    text.one("name", name);
    text.one("intent", intent);
    text.one("owner", owner);
    text.one("risk", risk.as_str());
    text.one("decisionMode", decision_mode.as_str());
    text.set("symptoms", symptoms.iter().map(String::as_str));
    text.set("probableCauses", probable_causes.iter().map(String::as_str));
    text.one("minimumConfidence", &minimum_confidence.to_string());
    text.one("maximumRequestAgeMinutes", &maximum_request_age_minutes.to_string());
    text.set("allowedNamespaces", allowed_namespaces.iter().map(String::as_str));
    // No key contains '=': the pair is unambiguous.
    let labels: Vec<String> = required_labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    text.set("requiredLabels", labels.iter().map(String::as_str));
    text.one("minimumReadyReplicasWithSameApp", &minimum_ready_replicas.to_string());
    text.one("maxExecutionsPerHour", &max_executions_per_hour.to_string());
    text.one("cooldownMinutes", &cooldown_minutes.to_string());
    text.one("maxConcurrentActions", &max_concurrent_actions.to_string());
    text.one("maxAffectedServices", &max_affected_services.to_string());
    text.one("maxMatchedServices", &max_matched_services.to_string());
    text.one("command", action.command());
    text.one("availableEqualsDesired", &available_equals_desired.to_string());
    text.one("timeoutSeconds", &timeout_seconds.to_string());
    text.set("stableSeconds", stable_seconds.map(|seconds| seconds.to_string()).as_deref());
    text.one("rollback", kind);
    text.one("notes", notes);
    text.one("onGuardrailFailure", on_guardrail_failure.as_str());
    text.one("onVerificationFailure", on_verification_failure.as_str());
    text.0
}

struct Canonical(String);

impl Canonical {
    /// The length before each value keeps any text from passing for the fields after it.
    fn one(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "{name} {}:{value}", value.len());
    }

    /// Items whose order means nothing.
    fn set<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a str>) {
        let mut values: Vec<&str> = values.into_iter().collect();
        values.sort_unstable();
        let _ = writeln!(self.0, "{name} {}", values.len());
        for value in values {
            self.one("-", value);
        }
    }
}
