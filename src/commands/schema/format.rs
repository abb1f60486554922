//! The format, field by field, in the order of the published example and of the parser.

use serde_json::json;

use super::probes::probes;
use super::text::{
    annotations, boolean, default, dns_label, dns_subdomain, each, end, fields, fraction, labels, line, list, named_kind, one_of, only,
    optional, optional_prose, prose, required, some, start, whole, zone,
};
use super::{DIALECT, Schema};
use crate::core::runbook::{
    API_VERSION, BreakerLimits, COUNT, Command, DAYS, DecisionMode, Effect, Escalate, KIND, MINUTES, MOST_WINDOWS, Method, ROLLBACK, Risk,
    SECONDS, VerificationCheck,
};
use crate::core::workload_kind::WorkloadKind;

/// One `RemediationRunbook` document.
pub(crate) fn runbook() -> Schema {
    let word = |word: &'static str| one_of(&[word], |word| word);
    let whole = fields([
        required("apiVersion", "Format version", "The version of this format.", word(API_VERSION)),
        required("kind", "Kind", "The kind of this document.", word(KIND)),
        required(
            "metadata",
            "Metadata",
            "Holds the runbook's name only. Labels and annotations are not allowed, because they would seem to have an effect.",
            fields([required(
                "name",
                "Name",
                "Unique among the runbooks of a run. The audit trail and the circuit breaker use this name.",
                dns_subdomain(),
            )]),
        ),
        required("spec", "Policy", "The policy: the action, when a run may take it, and how a run proves its success.", spec()),
    ]);
    Schema {
        dialect: Some(DIALECT),
        id: Some("https://remediator.kubedojo.io/runbook.schema.json"),
        title: Some("pod-remediator runbook"),
        description: Some("One document of a runbook file. `pod-remediator validate` checks what a schema cannot."),
        ..whole
    }
}

fn spec() -> Schema {
    let whole = fields([
        required(
            "intent",
            "Intent",
            "The situations in scope, in words, for people who read the runbook or the page that `pod-remediator render` prints.",
            prose(),
        ),
        required("owner", "Owner", "The team that answers for this runbook.", line()),
        required(
            "risk",
            "Risk",
            "How much harm the action can do, whatever the confidence. `high` always needs an approval.",
            one_of(&Risk::ALL, Risk::as_str),
        ),
        required(
            "decisionMode",
            "Decision mode",
            "The most that the runbook may do, from least to most. If `risk` is `high`: `approval_required`, or less.",
            one_of(&DecisionMode::ALL, DecisionMode::as_str),
        ),
        required("triggers", "Triggers", "The requests that the runbook applies to.", triggers()),
        required("scope", "Scope", "The namespaces and workloads that the runbook applies to.", scope()),
        required("guardrails", "Guardrails", "The conditions that must hold before a run acts.", guardrails()),
        required("action", "Action", "The action on the pod.", action()),
        required("verification", "Verification", "The proof of success.", verification()),
        required("rollback", "Rollback", "The way to undo the action.", rollback()),
        required("escalation", "Escalation", "The notifications of a refusal and of a failure.", escalation()),
    ]);
    let high_risk = json!({"properties": {"risk": {"const": Risk::High.as_str()}}, "required": ["risk"]});
    let no_more_than_approval = json!({"properties": {"decisionMode": {"not": {"const": DecisionMode::AutoExecute.as_str()}}}});
    Schema { when: Some(high_risk), then: Some(no_more_than_approval), ..whole }
}

fn triggers() -> Schema {
    fields([
        required(
            "symptoms",
            "Symptoms",
            "The runbook applies to a request with one of these symptoms. A label without annotations has the symptom \
             `manual_restart_recommended`.",
            some(line()),
        ),
        required(
            "probableCauses",
            "Probable causes",
            "The runbook applies to a request that states one of these causes, or none. An empty list means any cause.",
            list(line()),
        ),
        required("minimumConfidence", "Minimum confidence", "Below this confidence, a run only suggests the action.", fraction()),
        default(
            "maximumRequestAgeMinutes",
            60,
            "Maximum age of a request",
            "Minutes after which a request expires, counted from when a run first saw it or the annotation `requested-at` renewed it. A \
             plan to approve expires after as many minutes.",
            whole(MINUTES),
        ),
        default(
            "allowBareRequest",
            true,
            "Allow a bare request",
            "If true, a label without symptom and confidence is enough: a human's own request.",
            boolean(),
        ),
    ])
}

fn scope() -> Schema {
    let with_redundancy: Vec<&str> = WorkloadKind::WITH_REDUNDANCY.iter().map(|kind| kind.as_str()).collect();
    fields([
        required("allowedNamespaces", "Namespaces", "Names of namespaces, never patterns.", some(dns_label())),
        required(
            "requiredLabels",
            "Opt-in",
            "Labels that the workload itself must carry, never the pod: its owner's opt-in. Values need quotes, because labels are text.",
            labels(),
        ),
        default(
            "workloadKinds",
            with_redundancy,
            "Kinds of workload",
            "Kinds of workload that the runbook may touch. You must list `DaemonSet` yourself: its pods on other nodes are no redundancy.",
            some(one_of(&WorkloadKind::ALL, WorkloadKind::as_str)),
        ),
        optional(
            "allowedControllers",
            "Controllers of the workload",
            "Kinds that may control the workload itself, as `Kind.group`, such as `Kafka.kafka.strimzi.io`. If left out: none. A run then \
             leaves a workload that an operator creates and manages to that operator.",
            some(named_kind()),
        ),
    ])
}

fn guardrails() -> Schema {
    let breaker = BreakerLimits::default();
    fields([
        required(
            "minimumReadyReplicasWithSameApp",
            "Minimum of Ready pods",
            "Minimum number of Ready pods with the same service label before the action. The requesting pod counts if it is Ready.",
            whole(COUNT),
        ),
        required(
            "maxExecutionsPerHour",
            "Rate",
            "Maximum number of executions of this runbook in a sliding hour, for each namespace and service.",
            whole(COUNT),
        ),
        required(
            "cooldownMinutes",
            "Cooldown",
            "Minutes that must pass after any execution on the service, by whichever runbook.",
            whole(MINUTES),
        ),
        required("maxConcurrentActions", "Concurrent actions", "Must be 1: a run acts on one pod at a time.", only(1)),
        default(
            "maxAffectedServices",
            1,
            "Affected services",
            "Maximum number of services that all runs together may act on in the namespace in a sliding ten minutes.",
            whole(COUNT),
        ),
        default(
            "maxMatchedServices",
            3,
            "Matched services",
            "Maximum number of services that ask at once. If more do, the trigger is too broad, and a run does nothing.",
            whole(COUNT),
        ),
        optional(
            "maxUnavailablePercent",
            "Unavailable share",
            "Largest share of the workload's pods, in percent, that may be unready while the pod is replaced. If left out: no such limit.",
            whole(1..=100),
        ),
        optional(
            "maintenanceWindows",
            "Maintenance windows",
            "Times at which the runbook may act, or may not. `deny` wins. If any window allows, the runbook acts only within one that \
             allows. If left out: at any time.",
            Schema { max_items: u32::try_from(MOST_WINDOWS).ok(), ..each(window()) },
        ),
        optional(
            "blockedByLabels",
            "Blocking labels",
            "Labels that stop the runbook while the pod, the workload or the namespace carries any of them, such as the label of an active \
             incident. If left out: none.",
            labels(),
        ),
        optional(
            "blockedByAnnotations",
            "Blocking annotations",
            "Annotations that stop the runbook while the pod, the workload or the namespace carries any of them, such as a platform's \
             promise not to disrupt a pod. If left out: none, and a run ignores such promises.",
            annotations(),
        ),
        optional(
            "probes",
            "Probes before",
            "Questions that a run asks before the action, if nothing else blocks. All must hold. If left out: none.",
            probes(),
        ),
        default(
            "circuitBreaker",
            json!({"failures": breaker.failures, "windowMinutes": breaker.window_minutes}),
            "Circuit breaker",
            "Failures that stop the runbook for a service until a human resets the breaker. If `onVerificationFailure` disables the \
             runbook, the first failure does.",
            fields([
                default("failures", breaker.failures, "Failures", "Failures that open the breaker.", whole(COUNT)),
                default("windowMinutes", breaker.window_minutes, "Window", "Minutes in which the failures must happen.", whole(MINUTES)),
            ]),
        ),
    ])
}

fn window() -> Schema {
    fields([
        default("days", DAYS.to_vec(), "Days", "The days on which the window begins.", some(one_of(&DAYS, |day| day))),
        required("start", "Start", "Wall-clock time in the window's time zone, from `00:00` to `23:59`.", start()),
        required(
            "end",
            "End",
            "Wall-clock time, up to `24:00`. A time before `start` is on the next day. It must not equal `start`, which a schema cannot \
             say.",
            end(),
        ),
        required(
            "timeZone",
            "Time zone",
            "An IANA name, such as `Europe/Berlin` or `UTC`. A schema does not know which names exist.",
            zone(),
        ),
        required(
            "effect",
            "Effect",
            "`deny`: the runbook does not act in the window. `allow`: it acts only in such windows.",
            one_of(&Effect::ALL, Effect::as_str),
        ),
    ])
}

fn action() -> Schema {
    fields([
        required(
            "command",
            "Command",
            "The command that a human would type. A run maps it to an API call and never gives it to a shell. No other text is allowed.",
            one_of(&Command::ALL, Command::as_str),
        ),
        default(
            "method",
            Method::Delete.as_str(),
            "Method",
            "The API call that removes the pod. With `evict`, the API server itself enforces PodDisruptionBudgets.",
            one_of(&Method::ALL, Method::as_str),
        ),
    ])
}

fn verification() -> Schema {
    let needed = VerificationCheck::ReplacementReady.as_str();
    fields([
        required(
            "checks",
            "Checks",
            "Conditions that must hold after the action. The list must include `replacement_pod_ready_within_timeout`, because \
             availability alone holds before the pod is gone.",
            Schema { contains: Some(json!({"const": needed})), ..some(one_of(&VerificationCheck::ALL, VerificationCheck::as_str)) },
        ),
        required(
            "timeoutSeconds",
            "Timeout",
            "One deadline for the whole proof, from pulling the image to the last second of `stableSeconds`. It must be more than \
             `stableSeconds` (if left out: 10), and fit into a run's deadline, which a schema cannot say.",
            whole(SECONDS),
        ),
        optional(
            "stableSeconds",
            "Stable for",
            "Seconds that the replacement must stay Ready. If left out: the larger of the workload's `minReadySeconds` and 10.",
            whole(SECONDS),
        ),
        optional(
            "probes",
            "Probes after",
            "Questions that a run asks after the replacement is healthy. All must hold before `timeoutSeconds` have passed. If left out: \
             none.",
            probes(),
        ),
    ])
}

fn rollback() -> Schema {
    fields([
        required("type", "Type", "The only type for a replaced pod.", one_of(&[ROLLBACK], |word| word)),
        default("notes", "", "Notes", "Instructions for a human, if a replacement does not help.", optional_prose()),
    ])
}

fn escalation() -> Schema {
    fields([
        required(
            "onGuardrailFailure",
            "After a guardrail's block",
            "The notification of a refusal. A pause that ends by itself, such as a cooldown, notifies nobody.",
            one_of(&Escalate::OF_A_GUARDRAIL, Escalate::as_str),
        ),
        required(
            "onVerificationFailure",
            "After a failed verification",
            "The notification of a failure. `open_incident_and_disable_runbook` also stops the runbook in the whole namespace, until \
             somebody runs `pod-remediator reset-breaker`.",
            one_of(&Escalate::ALL, Escalate::as_str),
        ),
    ])
}
