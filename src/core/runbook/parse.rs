//! The format `remediations.kubedojo.io/v1`: which fields there are and what each may hold.
//!
//! The functions below read like its definition, one line a field, in the order of the published example.

mod probes;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;

use super::fields::{Fields, Read, Report, Value};
use super::node::{Position, documents};
use super::window::windows;
use super::{
    Action, BreakerLimits, Command, DEFAULT_STABLE_SECONDS, DecisionMode, Escalate, Escalation, Guardrails, Method, Problem, Risk,
    Rollback, Runbook, Scope, Triggers, Verification, digest,
};
use crate::core::names::{
    DNS_LABEL, DNS_SUBDOMAIN, KIND as NAMED_KIND, LABEL_KEY, LABEL_VALUE, is_dns_label, is_dns_subdomain, is_kind, is_label_key,
    is_label_value,
};
use crate::core::workload_kind::WorkloadKind;

pub(crate) const API_VERSION: &str = "remediations.kubedojo.io/v1";
pub(crate) const KIND: &str = "RemediationRunbook";
pub(crate) const ROLLBACK: &str = "controller_recreates_pod";

/// Far more than the cluster sizes that were measured; above it is a slip of the keyboard.
pub(crate) const COUNT: RangeInclusive<u32> = 1..=10_000;
/// Seven days, as long as the ledger surely remembers: a longer cooldown would end unnoticed when its cause is pruned.
pub(crate) const MINUTES: RangeInclusive<u32> = 1..=7 * 24 * 60;
/// A day: no run lasts longer.
pub(crate) const SECONDS: RangeInclusive<u32> = 1..=24 * 60 * 60;

/// The longest value of an annotation that a runbook can look for, in characters.
pub(crate) const LONGEST_ANNOTATION: usize = 256;

/// Reads the runbooks of one file: one or more YAML documents. `file` is its name, for the messages.
///
/// # Errors
///
/// Every mistake in it, in the order of the file. Of YAML that does not parse or repeats a key, only that is reported.
///
/// # Examples
///
/// ```
/// use pod_remediator::core::runbook::parse;
///
/// let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/runbook.yaml"));
/// let runbooks = parse("runbook.yaml", text).unwrap();
/// assert_eq!(runbooks[0].name, "replace-redundant-pod");
/// assert_eq!(runbooks[0].guardrails.cooldown_minutes, 10);
///
/// // All mistakes are reported at once.
/// let text = text.replace("cooldownMinutes: 10", "cooldownMinutes: 0").replace("risk:", "risks:");
/// let problems = parse("runbook.yaml", &text).unwrap_err();
/// let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
/// assert_eq!(paths, ["spec.risks", "spec.guardrails.cooldownMinutes"]);
/// ```
pub fn parse(file: &str, text: &str) -> Result<Vec<Runbook>, Vec<Problem>> {
    parse_all([(file, text)])
}

/// Reads the runbooks of several files, each with its name; no two may share a `metadata.name`.
///
/// # Errors
///
/// Every mistake in any of them, as [`parse`].
pub fn parse_all<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Runbook>, Vec<Problem>> {
    match parse_each(files) {
        (runbooks, problems) if problems.is_empty() => Ok(runbooks.into_iter().map(|(_, runbook)| runbook).collect()),
        (_, problems) => Err(problems),
    }
}

/// As [`parse_all`], but what is valid is there beside what is not: each runbook with its file.
pub fn parse_each<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Vec<(String, Runbook)>, Vec<Problem>) {
    let mut names = Names::default();
    let mut runbooks = Vec::new();
    let mut problems = Vec::new();
    for (file, text) in files {
        let report = Report::new(file);
        match documents(text) {
            Err((at, message)) => {
                report.add(at, "", message);
            }
            Ok(nodes) if nodes.is_empty() => {
                report.add(
                    Position::START,
                    "",
                    format!("has no runbook: it needs a document with apiVersion {API_VERSION} and kind {KIND}"),
                );
            }
            // What is an error here has been reported.
            Ok(nodes) => {
                let read = nodes.iter().flat_map(|node| Value::root(&report, node).fields(|fields| document(fields, &mut names)));
                runbooks.extend(read.map(|runbook| (file.to_owned(), runbook)));
            }
        }
        problems.extend(report.into_problems());
    }
    (runbooks, problems)
}

/// Reads one runbook that is written inside another document.
pub(crate) fn inline(value: &Value<'_>) -> Read<Runbook> {
    value.fields(|fields| document(fields, &mut Names::default()))
}

fn document(fields: &mut Fields<'_, '_>, names: &mut Names) -> Read<Runbook> {
    let api_version = fields.required("apiVersion", |value| value.one_of(&[API_VERSION], |name| name));
    let kind = fields.required("kind", |value| value.one_of(&[KIND], |name| name));
    // Only the name: labels or annotations would look as if they did something, and nothing reads them.
    let name = fields.required("metadata", |value| value.fields(|fields| fields.required("name", |value| names.claim(value))));
    let runbook = fields.required("spec", |value| value.fields(|fields| spec(fields, name)));
    api_version.and(kind).and(runbook)
}

fn spec(fields: &mut Fields<'_, '_>, name: Read<String>) -> Read<Runbook> {
    let intent = fields.required("intent", Value::prose);
    let owner = fields.required("owner", Value::line);
    let risk = fields.required("risk", |value| value.one_of(&Risk::ALL, Risk::as_str));
    let decision_mode = fields.required("decisionMode", |value| value.one_of(&DecisionMode::ALL, DecisionMode::as_str));
    let triggers = fields.required("triggers", |value| value.fields(triggers));
    let scope = fields.required("scope", |value| value.fields(scope));
    let guardrails = fields.required("guardrails", |value| value.fields(guardrails));
    let action = fields.required("action", |value| value.fields(action));
    let verification = fields.required("verification", |value| value.fields(verification));
    let rollback = fields.required("rollback", |value| value.fields(rollback));
    let escalation = fields.required("escalation", |value| value.fields(escalation));
    if (risk, decision_mode) == (Ok(Risk::High), Ok(DecisionMode::AutoExecute)) {
        return Err(fields.wrong("decisionMode", "must not be auto_execute where risk is high: use approval_required, or less"));
    }
    let mut runbook = Runbook {
        name: name?,
        digest: String::new(),
        intent: intent?,
        owner: owner?,
        risk: risk?,
        decision_mode: decision_mode?,
        triggers: triggers?,
        scope: scope?,
        guardrails: guardrails?,
        action: action?,
        verification: verification?,
        rollback: rollback?,
        escalation: escalation?,
    };
    runbook.digest = digest::of(&runbook);
    Ok(runbook)
}

fn triggers(fields: &mut Fields<'_, '_>) -> Read<Triggers> {
    let symptoms = fields.required("symptoms", |value| value.some(Value::line));
    // May be empty, for any cause, but not left out: who forgot it would have said "any".
    let probable_causes = fields.required("probableCauses", |value| value.list(Value::line));
    let minimum_confidence = fields.required("minimumConfidence", Value::fraction);
    let maximum_request_age_minutes = fields.optional("maximumRequestAgeMinutes", 60, |value| value.whole(MINUTES));
    let allow_bare_request = fields.optional("allowBareRequest", true, |value| value.boolean());
    Ok(Triggers {
        symptoms: symptoms?,
        probable_causes: probable_causes?,
        minimum_confidence: minimum_confidence?,
        maximum_request_age_minutes: maximum_request_age_minutes?,
        allow_bare_request: allow_bare_request?,
    })
}

fn scope(fields: &mut Fields<'_, '_>) -> Read<Scope> {
    let namespace = |value: &Value<'_>| value.text(&format!("a namespace's name, never a pattern: {DNS_LABEL}"), is_dns_label);
    let allowed_namespaces = fields.required("allowedNamespaces", |value| value.some(namespace));
    let required_labels = fields.required("requiredLabels", labels);
    let kind = |value: &Value<'_>| value.one_of(&WorkloadKind::ALL, WorkloadKind::as_str);
    let workload_kinds = fields.optional("workloadKinds", WorkloadKind::WITH_REDUNDANCY.to_vec(), |value| value.some(kind));
    let controller = |value: &Value<'_>| value.text(NAMED_KIND, is_kind);
    let allowed_controllers = fields.optional("allowedControllers", Vec::new(), |value| value.some(controller));
    Ok(Scope {
        allowed_namespaces: allowed_namespaces?,
        required_labels: required_labels?,
        workload_kinds: workload_kinds?,
        allowed_controllers: allowed_controllers?,
    })
}

fn annotations(value: &Value<'_>) -> Read<Vec<(String, String)>> {
    let key = |value: &Value<'_>| value.text(&format!("an annotation's key: {LABEL_KEY}"), is_label_key);
    let is_value = |text: &str| text.chars().count() <= LONGEST_ANNOTATION && !text.chars().any(char::is_control);
    let read = |value: &Value<'_>| value.text("an annotation's value: a text in quotes, at most 256 characters on one line", is_value);
    value.entries(key, read)
}

fn labels(value: &Value<'_>) -> Read<Vec<(String, String)>> {
    let label_key = |value: &Value<'_>| value.text(&format!("a label's key: {LABEL_KEY}"), is_label_key);
    let label_value = |value: &Value<'_>| value.text(&format!("a label's value: {LABEL_VALUE}"), is_label_value);
    value.entries(label_key, label_value)
}

fn guardrails(fields: &mut Fields<'_, '_>) -> Read<Guardrails> {
    let minimum_ready_replicas = fields.required("minimumReadyReplicasWithSameApp", |value| value.whole(COUNT));
    let max_executions_per_hour = fields.required("maxExecutionsPerHour", |value| value.whole(COUNT));
    let cooldown_minutes = fields.required("cooldownMinutes", |value| value.whole(MINUTES));
    let max_concurrent_actions = fields.required("maxConcurrentActions", |value| value.only(1, "a run acts on one pod at a time"));
    let max_affected_services = fields.optional("maxAffectedServices", 1, |value| value.whole(COUNT));
    let max_matched_services = fields.optional("maxMatchedServices", 3, |value| value.whole(COUNT));
    let max_unavailable_percent = fields.optional("maxUnavailablePercent", None, |value| value.whole(1..=100).map(Some));
    let maintenance_windows = fields.optional("maintenanceWindows", Vec::new(), windows);
    let blocked_by_labels = fields.optional("blockedByLabels", Vec::new(), labels);
    let blocked_by_annotations = fields.optional("blockedByAnnotations", Vec::new(), annotations);
    let circuit_breaker = fields.optional("circuitBreaker", BreakerLimits::default(), |value| value.fields(circuit_breaker));
    let probes = fields.optional("probes", Vec::new(), probes::probes);
    Ok(Guardrails {
        minimum_ready_replicas: minimum_ready_replicas?,
        max_executions_per_hour: max_executions_per_hour?,
        cooldown_minutes: cooldown_minutes?,
        max_concurrent_actions: max_concurrent_actions?,
        max_affected_services: max_affected_services?,
        max_matched_services: max_matched_services?,
        max_unavailable_percent: max_unavailable_percent?,
        maintenance_windows: maintenance_windows?,
        blocked_by_labels: blocked_by_labels?,
        blocked_by_annotations: blocked_by_annotations?,
        circuit_breaker: circuit_breaker?,
        probes: probes?,
    })
}

fn circuit_breaker(fields: &mut Fields<'_, '_>) -> Read<BreakerLimits> {
    let default = BreakerLimits::default();
    let failures = fields.optional("failures", default.failures, |value| value.whole(COUNT));
    let window_minutes = fields.optional("windowMinutes", default.window_minutes, |value| value.whole(MINUTES));
    Ok(BreakerLimits { failures: failures?, window_minutes: window_minutes? })
}

fn action(fields: &mut Fields<'_, '_>) -> Read<Action> {
    let command = fields.required("command", |value| value.one_of(&Command::ALL, Command::as_str));
    let method = fields.optional("method", Method::Delete, |value| value.one_of(&Method::ALL, Method::as_str));
    Ok(Action { command: command?, method: method? })
}

fn verification(fields: &mut Fields<'_, '_>) -> Read<Verification> {
    let checks = fields.required("checks", checks);
    let timeout_seconds = fields.required("timeoutSeconds", |value| value.whole(SECONDS));
    let stable_seconds = fields.optional("stableSeconds", None, |value| value.whole(SECONDS).map(Some));
    let probes = fields.optional("probes", Vec::new(), probes::probes);
    let mut wrong = Ok(());
    if let (Ok(timeout), Ok(stable)) = (timeout_seconds, stable_seconds)
        && timeout <= stable.unwrap_or(DEFAULT_STABLE_SECONDS)
    {
        let never = "or no replacement could ever be verified";
        let message = match stable {
            Some(stable) => format!("must be more than stableSeconds, {stable}, {never}: it is {timeout}"),
            None => format!(
                "must be more than {DEFAULT_STABLE_SECONDS} where stableSeconds is not stated, {never}: it is {timeout}; raise it, or state \
                 stableSeconds"
            ),
        };
        wrong = Err(fields.wrong("timeoutSeconds", message));
    }
    if let (Ok(timeout), Ok(probes)) = (timeout_seconds, &probes)
        && let Some(slow) = probes.iter().find(|probe| probe.shortest().as_secs() >= u64::from(timeout))
    {
        let needed = slow.shortest().as_secs();
        let message = format!(
            "must be more than {needed}, what probe {} takes between its samples, or it could never hold: it is {timeout}",
            slow.name
        );
        return Err(fields.wrong("timeoutSeconds", message));
    }
    wrong?;
    Ok(Verification {
        available_equals_desired: checks?.contains(&VerificationCheck::AvailableEqualsDesired),
        timeout_seconds: timeout_seconds?,
        stable_seconds: stable_seconds?,
        probes: probes?,
    })
}

fn rollback(fields: &mut Fields<'_, '_>) -> Read<Rollback> {
    let kind = fields.required("type", |value| value.one_of(&[ROLLBACK], |name| name));
    let notes = fields.optional("notes", String::new(), |value| value.optional_prose());
    Ok(Rollback { kind: kind?.to_owned(), notes: notes? })
}

fn escalation(fields: &mut Fields<'_, '_>) -> Read<Escalation> {
    let on_guardrail_failure = fields.required("onGuardrailFailure", |value| value.one_of(&Escalate::OF_A_GUARDRAIL, Escalate::as_str));
    let on_verification_failure = fields.required("onVerificationFailure", |value| value.one_of(&Escalate::ALL, Escalate::as_str));
    Ok(Escalation { on_guardrail_failure: on_guardrail_failure?, on_verification_failure: on_verification_failure? })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum VerificationCheck {
    AvailableEqualsDesired,
    ReplacementReady,
}

impl VerificationCheck {
    pub(crate) const ALL: [Self; 2] = [Self::AvailableEqualsDesired, Self::ReplacementReady];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AvailableEqualsDesired => "available_replicas_equal_desired_replicas",
            Self::ReplacementReady => "replacement_pod_ready_within_timeout",
        }
    }
}

fn checks(value: &Value<'_>) -> Read<Vec<VerificationCheck>> {
    let checks = value.some(|value| value.one_of(&VerificationCheck::ALL, VerificationCheck::as_str))?;
    if checks.contains(&VerificationCheck::ReplacementReady) {
        return Ok(checks);
    }
    let needed = VerificationCheck::ReplacementReady.as_str();
    Err(value.say(format!("must include {needed}: availability alone holds before the pod is even gone, a check that cannot fail")))
}

/// The names so far, and where each is.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn claim(&mut self, value: &Value<'_>) -> Read<String> {
        let name = value.text(&format!("a name: {DNS_SUBDOMAIN}"), is_dns_subdomain)?;
        match self.0.entry(name.clone()) {
            Entry::Occupied(first) => Err(value.say(format!("is the name of the runbook at {} as well: each needs its own", first.get()))),
            Entry::Vacant(free) => {
                free.insert(value.place());
                Ok(name)
            }
        }
    }
}

#[cfg(test)]
mod tests;
