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
        required("kind", "Kind", "What this document is.", word(KIND)),
        required(
            "metadata",
            "Metadata",
            "The runbook's name, and nothing else: labels or annotations would look as if they did something.",
            fields([required(
                "name",
                "Name",
                "Unique among the runbooks of a run; the audit trail and the breaker know it by this name.",
                dns_subdomain(),
            )]),
        ),
        required("spec", "Policy", "What may be done, when, and how it is proved.", spec()),
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
            "Which situations are in scope, in words, for who reads the runbook or the page that render makes of it.",
            prose(),
        ),
        required("owner", "Owner", "The team that answers for this runbook.", line()),
        required(
            "risk",
            "Risk",
            "How bad the action can be, whatever the confidence. High always needs an approval.",
            one_of(&Risk::ALL, Risk::as_str),
        ),
        required(
            "decisionMode",
            "Decision mode",
            "The most that it may do, from least to most. Where risk is high: approval_required, or less.",
            one_of(&DecisionMode::ALL, DecisionMode::as_str),
        ),
        required("triggers", "Triggers", "When it applies.", triggers()),
        required("scope", "Scope", "Where it applies.", scope()),
        required("guardrails", "Guardrails", "What must hold before it acts.", guardrails()),
        required("action", "Action", "What it does.", action()),
        required("verification", "Verification", "How success is proved.", verification()),
        required("rollback", "Rollback", "What undoes the action.", rollback()),
        required("escalation", "Escalation", "Who is notified of a refusal or a failure.", escalation()),
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
            "It answers to a request with one of these. A label without annotations has the symptom manual_restart_recommended.",
            some(line()),
        ),
        required(
            "probableCauses",
            "Probable causes",
            "It answers to a request that states one of these, or none. An empty list: any.",
            list(line()),
        ),
        required("minimumConfidence", "Minimum confidence", "Below it, the action is only suggested.", fraction()),
        default(
            "maximumRequestAgeMinutes",
            60,
            "Maximum age of a request",
            "Minutes after which a request has expired, counted from when a run first saw it or annotation requested-at renewed it; an approval too.",
            whole(MINUTES),
        ),
        default(
            "allowBareRequest",
            true,
            "Allow a bare request",
            "A label without symptom and confidence beside it is enough: a human's own request.",
            boolean(),
        ),
    ])
}

fn scope() -> Schema {
    let with_redundancy: Vec<&str> = WorkloadKind::WITH_REDUNDANCY.iter().map(|kind| kind.as_str()).collect();
    fields([
        required("allowedNamespaces", "Namespaces", "Names, never patterns.", some(dns_label())),
        required(
            "requiredLabels",
            "Opt-in",
            "Labels that the workload itself, never the pod, must carry: its owner's opt-in. Values need quotes: labels are text.",
            labels(),
        ),
        default(
            "workloadKinds",
            with_redundancy,
            "Kinds of workload",
            "Which kinds it may touch. A DaemonSet must be named: its peers on other nodes are no redundancy.",
            some(one_of(&WorkloadKind::ALL, WorkloadKind::as_str)),
        ),
        optional(
            "allowedControllers",
            "Controllers of the workload",
            "Kinds that may control the workload itself, as Kind.group, such as Kafka.kafka.strimzi.io. Left out: none, so a workload that \
             an operator makes and manages is left to that operator.",
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
            "Ready pods with the same service label before the action; the target counts if it is Ready.",
            whole(COUNT),
        ),
        required(
            "maxExecutionsPerHour",
            "Rate",
            "Executions of this runbook in a sliding hour, for each namespace and service.",
            whole(COUNT),
        ),
        required("cooldownMinutes", "Cooldown", "Minutes after any execution on the service, by whichever runbook.", whole(MINUTES)),
        required("maxConcurrentActions", "Concurrent actions", "Nothing but 1: a run acts on one pod at a time.", only(1)),
        default(
            "maxAffectedServices",
            1,
            "Affected services",
            "Services acted on in the namespace in a sliding ten minutes, by all runs together.",
            whole(COUNT),
        ),
        default(
            "maxMatchedServices",
            3,
            "Matched services",
            "Where more services than this ask at once, the trigger is too broad: nothing is done.",
            whole(COUNT),
        ),
        optional(
            "maxUnavailablePercent",
            "Unavailable share",
            "The share of the workload's pods, in percent, that may be unready once the pod is away. Left out: no such limit.",
            whole(1..=100),
        ),
        optional(
            "maintenanceWindows",
            "Maintenance windows",
            "When it may act, and when not; deny wins, and where one allows, only within those that allow. Left out: at any time.",
            Schema { max_items: u32::try_from(MOST_WINDOWS).ok(), ..each(window()) },
        ),
        optional(
            "blockedByLabels",
            "Blocking labels",
            "Labels that stop it while the pod, the workload or the namespace carries any of them, such as that of an active incident. \
             Left out: none.",
            labels(),
        ),
        optional(
            "blockedByAnnotations",
            "Blocking annotations",
            "Annotations that stop it while the pod, the workload or the namespace carries any of them, such as a platform's promise not to \
             disrupt a pod. Left out: none, and such promises are not heeded.",
            annotations(),
        ),
        optional("probes", "Probes before", "Asked before the action, where nothing else blocks; all must hold. Left out: none.", probes()),
        default(
            "circuitBreaker",
            json!({"failures": breaker.failures, "windowMinutes": breaker.window_minutes}),
            "Circuit breaker",
            "When failures stop it for a service until a human resets it. Where onVerificationFailure disables the runbook, the first one does.",
            fields([
                default("failures", breaker.failures, "Failures", "So many failures …", whole(COUNT)),
                default("windowMinutes", breaker.window_minutes, "Window", "… in so many minutes open it.", whole(MINUTES)),
            ]),
        ),
    ])
}

fn window() -> Schema {
    fields([
        default("days", DAYS.to_vec(), "Days", "The days on which it begins.", some(one_of(&DAYS, |day| day))),
        required("start", "Start", "From 00:00 to 23:59, by the clock on the wall of its time zone.", start()),
        required(
            "end",
            "End",
            "Up to 24:00; before start, it is of the next day. It must not be the same as start, which a schema cannot say.",
            end(),
        ),
        required(
            "timeZone",
            "Time zone",
            "By its IANA name, such as Europe/Berlin or UTC; a schema does not know which there are.",
            zone(),
        ),
        required("effect", "Effect", "Nothing is done in it, or something is done only in it.", one_of(&Effect::ALL, Effect::as_str)),
    ])
}

fn action() -> Schema {
    fields([
        required(
            "command",
            "Command",
            "What a human would type. It is mapped to an API call and never given to a shell; no other text is accepted.",
            one_of(&Command::ALL, Command::as_str),
        ),
        default(
            "method",
            Method::Delete.as_str(),
            "Method",
            "The API call that removes the pod. With evict, the server itself enforces disruption budgets.",
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
            "What must hold after the action. It must include replacement_pod_ready_within_timeout: availability alone holds before the pod is gone.",
            Schema { contains: Some(json!({"const": needed})), ..some(one_of(&VerificationCheck::ALL, VerificationCheck::as_str)) },
        ),
        required(
            "timeoutSeconds",
            "Timeout",
            "One deadline for all of it, from pulling the image to the last second of stableSeconds. It must be more than stableSeconds \
             (where that is left out: 10), and fit into a run's deadline, which a schema cannot say.",
            whole(SECONDS),
        ),
        optional(
            "stableSeconds",
            "Stable for",
            "How long the replacement must stay Ready. Left out: the larger of the workload's minReadySeconds and 10.",
            whole(SECONDS),
        ),
        optional(
            "probes",
            "Probes after",
            "Asked once the replacement is healthy; all must hold before timeoutSeconds have passed. Left out: none.",
            probes(),
        ),
    ])
}

fn rollback() -> Schema {
    fields([
        required("type", "Type", "The only one there is for a replaced pod.", one_of(&[ROLLBACK], |word| word)),
        default("notes", "", "Notes", "What a human does where a replacement does not help.", optional_prose()),
    ])
}

fn escalation() -> Schema {
    fields([
        required(
            "onGuardrailFailure",
            "After a guardrail's block",
            "Who is notified. Nobody is for a pause that ends by itself, such as a cooldown.",
            one_of(&Escalate::OF_A_GUARDRAIL, Escalate::as_str),
        ),
        required(
            "onVerificationFailure",
            "After a failed verification",
            "Who is notified. open_incident_and_disable_runbook stops the runbook in the whole namespace until pod-remediator reset-breaker.",
            one_of(&Escalate::ALL, Escalate::as_str),
        ),
    ])
}
