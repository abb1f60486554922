//! What makes two runbooks the same: their content, whatever the comments, the layout and the order of keys.

use crate::core::canonical::Canonical;

use super::{
    Action, BreakerLimits, Escalation, Guardrails, HttpProbe, Probe, ProbeQuestion, PrometheusProbe, Rollback, Runbook, Scope, Triggers,
    Verification,
};

/// `sha256:` and 64 hex digits over every field but the digest itself. An approval, which names it, is void once it changes.
pub(super) fn of(runbook: &Runbook) -> String {
    format!("sha256:{}", canonical(runbook).digest())
}

/// Every field is named in a pattern, so that a new one cannot be forgotten: it does not compile.
fn canonical(runbook: &Runbook) -> Canonical {
    let Runbook {
        name,
        digest: _,
        intent,
        owner,
        risk,
        decision_mode,
        triggers: Triggers { symptoms, probable_causes, minimum_confidence, maximum_request_age_minutes, allow_bare_request },
        scope: Scope { allowed_namespaces, required_labels, workload_kinds, allowed_controllers },
        guardrails:
            Guardrails {
                minimum_ready_replicas,
                max_executions_per_hour,
                cooldown_minutes,
                max_concurrent_actions,
                max_affected_services,
                max_matched_services,
                max_unavailable_percent,
                maintenance_windows,
                blocked_by_labels,
                blocked_by_annotations,
                probes: probes_before,
                circuit_breaker: BreakerLimits { failures, window_minutes },
            },
        action: Action { command, method },
        verification: Verification { available_equals_desired, timeout_seconds, stable_seconds, probes: probes_after },
        rollback: Rollback { kind, notes },
        escalation: Escalation { on_guardrail_failure, on_verification_failure },
    } = runbook;
    let mut text = Canonical::new("remediations.kubedojo.io/v1");
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
    text.one("allowBareRequest", &allow_bare_request.to_string());
    text.labels("requiredLabels", required_labels);
    text.set("workloadKinds", workload_kinds.iter().map(|kind| kind.as_str()));
    text.one("minimumReadyReplicasWithSameApp", &minimum_ready_replicas.to_string());
    text.one("maxExecutionsPerHour", &max_executions_per_hour.to_string());
    text.one("cooldownMinutes", &cooldown_minutes.to_string());
    text.one("maxConcurrentActions", &max_concurrent_actions.to_string());
    text.one("maxAffectedServices", &max_affected_services.to_string());
    text.one("maxMatchedServices", &max_matched_services.to_string());
    text.set("maxUnavailablePercent", max_unavailable_percent.map(|percent| percent.to_string()).as_deref());
    let windows: Vec<String> = maintenance_windows.iter().map(ToString::to_string).collect();
    text.set("maintenanceWindows", windows.iter().map(String::as_str));
    text.labels("blockedByLabels", blocked_by_labels);
    // A runbook without these is what it was before there were any.
    if !blocked_by_annotations.is_empty() {
        text.labels("blockedByAnnotations", blocked_by_annotations);
    }
    if !allowed_controllers.is_empty() {
        text.set("allowedControllers", allowed_controllers.iter().map(String::as_str));
    }
    text.one("failures", &failures.to_string());
    text.one("windowMinutes", &window_minutes.to_string());
    probes(&mut text, "probesBefore", probes_before);
    text.one("command", command.as_str());
    text.one("method", method.as_str());
    text.one("availableEqualsDesired", &available_equals_desired.to_string());
    text.one("timeoutSeconds", &timeout_seconds.to_string());
    text.set("stableSeconds", stable_seconds.map(|seconds| seconds.to_string()).as_deref());
    probes(&mut text, "probesAfter", probes_after);
    text.one("rollback", kind);
    text.one("notes", notes);
    text.one("onGuardrailFailure", on_guardrail_failure.as_str());
    text.one("onVerificationFailure", on_verification_failure.as_str());
    text
}

/// All are asked at once: their order means nothing. A runbook without any is what it was before there were probes.
fn probes(text: &mut Canonical, name: &str, probes: &[Probe]) {
    if probes.is_empty() {
        return;
    }
    let mut probes: Vec<&Probe> = probes.iter().collect();
    probes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    text.count(name, probes.len());
    for Probe { name, question, timeout_seconds } in probes {
        text.one("-", name);
        match question {
            ProbeQuestion::Http(HttpProbe { url, status, body_contains }) => {
                text.one("http", url.as_str());
                text.one("status", &status.to_string());
                text.set("bodyContains", body_contains.as_deref());
            }
            ProbeQuestion::Prometheus(PrometheusProbe { url, query, bound, samples, interval_seconds }) => {
                text.one("prometheus", url.as_str());
                text.one("query", query.as_str());
                text.one("bound", &bound.to_string());
                text.one("samples", &samples.to_string());
                text.one("intervalSeconds", &interval_seconds.to_string());
            }
        }
        text.one("timeoutSeconds", &timeout_seconds.to_string());
    }
}
