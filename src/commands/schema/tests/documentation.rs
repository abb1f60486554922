//! The table of fields in docs/runbook.md cannot drift: the fields, their defaults, and where the log shows them. Each field also has
//! a named test that shows what it does: [`test`] lists them, and fails for a field without one.

use std::fmt::Write as _;

use super::*;
use crate::core::decide::GuardrailId;
use crate::core::decide::tests::documentation::field_of;

/// Begins the name of a test in `tests/on_cluster`.
const ON_CLUSTER: &str = "on the cluster: ";

/// Where a field shows in the log, besides its guardrail.
fn key(path: &str) -> Option<&'static str> {
    let key = match path {
        // They have one value only.
        "apiVersion" | "kind" => return None,
        "metadata.name" => "runbook.name",
        "spec.owner" => "escalation.runbook_owner",
        "spec.risk" | "spec.triggers.minimumConfidence" => "event.reason",
        "spec.decisionMode" => "decision.mode",
        "spec.triggers.probableCauses" => "incident.probable_cause",
        "spec.action.command" => "action.command",
        "spec.action.method" => "action.method",
        path if path.starts_with("spec.verification.") => "verification.detail",
        path if path.starts_with("spec.rollback.") => "message",
        path if path.starts_with("spec.escalation.") => "escalation.level",
        // Of a mapping, what is in it; and of the rest, that the runbook is another one.
        _ => "runbook.digest",
    };
    Some(key)
}

fn in_the_log(path: &str) -> Option<&'static str> {
    let within = |field: &str| path == field || path.strip_prefix(field).is_some_and(|rest| rest.starts_with(['.', '[']));
    match GuardrailId::ALL.into_iter().find(|id| field_of(*id).is_some_and(within)) {
        Some(id) => Some(id.as_str()),
        None => key(path),
    }
}

/// The test that shows what a field does, by the name that cargo prints, and the words in it that are the field.
fn test(path: &str) -> (&'static str, &'static str) {
    match path.trim_start_matches("spec.") {
        "apiVersion" => ("core::runbook::parse::tests::mistakes::closed_lists_of_words", "apiVersion"),
        "kind" => ("core::runbook::parse::tests::mistakes::closed_lists_of_words", "kind"),
        "metadata" => ("core::runbook::parse::tests::mistakes::fields_that_there_are_not", "metadata"),
        "metadata.name" => ("core::runbook::parse::tests::several_runbooks_need_names_of_their_own", "name"),
        "spec" | "triggers" | "scope" | "guardrails" | "action" | "verification" | "rollback" | "escalation" => {
            ("commands::schema::tests::the_parser_knows_the_same_fields", "mappings")
        }
        "intent" => ("commands::render::tests::what_the_author_wrote_is_shown_and_does_nothing", "intent"),
        "owner" => ("on the cluster: notify::a_refusal_is_told_once_for_each_pod_and_reason_over_several_runs", "its owner"),
        "risk" => ("core::decide::tests::modes::the_lowest_of_runbook_risk_and_ceiling", "risk"),
        "decisionMode" => ("core::decide::tests::modes::the_lowest_of_runbook_risk_and_ceiling", "decision_mode"),
        "triggers.symptoms" => ("core::decide::tests::modes::exactly_one_runbook_applies", "triggers.symptoms"),
        "triggers.probableCauses" => ("core::decide::tests::modes::exactly_one_runbook_applies", "triggers.probable_causes"),
        "triggers.minimumConfidence" => {
            ("core::decide::tests::modes::weak_evidence_is_a_suggestion_with_the_guardrails_results", "minimum_confidence")
        }
        "triggers.maximumRequestAgeMinutes" => ("core::decide::tests::modes::an_old_request_has_expired", "maximum_request_age_minutes"),
        "triggers.allowBareRequest" => ("core::decide::tests::symptoms::a_runbook_may_want_more_than_a_label", "allow_bare_request"),
        "scope.allowedNamespaces" => ("core::decide::tests::scope::the_runbook_allows_the_namespace", "allowed_namespaces"),
        "scope.requiredLabels" => ("core::decide::tests::scope::the_opt_in_is_read_on_the_workload", "required_labels"),
        "scope.workloadKinds" => ("core::decide::tests::scope::a_daemon_set_must_be_meant", "workload_kinds"),
        "scope.allowedControllers" => {
            ("core::decide::tests::scope::what_an_operator_manages_is_left_to_it_unless_the_runbook_names_it", "allowed_controllers")
        }
        "guardrails.minimumReadyReplicasWithSameApp" => {
            ("core::decide::tests::redundancy::the_target_counts_if_it_is_ready_and_that_is_said", "minimum_ready_replicas")
        }
        "guardrails.maxExecutionsPerHour" => ("core::decide::tests::limits::the_rate_is_a_sliding_hour", "max_executions_per_hour"),
        "guardrails.cooldownMinutes" => ("core::decide::tests::limits::a_service_rests_between_executions", "cooldown_minutes"),
        "guardrails.maxConcurrentActions" => ("core::runbook::parse::tests::mistakes::numbers", "maxConcurrentActions"),
        "guardrails.maxAffectedServices" => {
            ("core::decide::tests::limits::few_services_are_touched_in_ten_minutes", "max_affected_services")
        }
        "guardrails.maxMatchedServices" => {
            ("core::decide::tests::limits::many_services_at_once_are_a_broad_trigger", "max_matched_services")
        }
        "guardrails.maxUnavailablePercent" => ("core::decide::tests::circumstances::a_share_of_the_workload", "max_unavailable_percent"),
        "guardrails.maintenanceWindows" => ("core::decide::tests::circumstances::windows_deny_or_allow", "windows"),
        "guardrails.maintenanceWindows[].days" => {
            ("core::runbook::window::tests::over_midnight_it_belongs_to_the_day_on_which_it_begins", "&[4]")
        }
        "guardrails.maintenanceWindows[].start" => ("core::runbook::window::tests::by_the_clock_on_the_wall", "\"09:00\""),
        "guardrails.maintenanceWindows[].end" => ("core::runbook::window::tests::by_the_clock_on_the_wall", "\"24:00\""),
        "guardrails.maintenanceWindows[].timeZone" => {
            ("core::runbook::window::tests::where_the_clock_is_put_forward_or_back", "Europe/Berlin")
        }
        "guardrails.maintenanceWindows[].effect" => {
            ("core::runbook::window::tests::deny_wins_and_the_next_opening_is_said", "Effect::Deny")
        }
        "guardrails.blockedByLabels" => {
            ("core::decide::tests::circumstances::a_label_on_pod_workload_or_namespace_stops_it", "blocked_by_labels")
        }
        "guardrails.blockedByAnnotations" => {
            ("core::decide::tests::circumstances::a_promise_on_pod_workload_or_namespace_is_kept", "blocked_by_annotations")
        }
        "guardrails.circuitBreaker" => {
            ("on the cluster: learning::a_runbook_says_how_many_failures_within_what_time_are_too_many", "circuitBreaker")
        }
        "guardrails.circuitBreaker.failures" => {
            ("on the cluster: learning::a_runbook_says_how_many_failures_within_what_time_are_too_many", "failures: 2")
        }
        "guardrails.circuitBreaker.windowMinutes" => {
            ("on the cluster: learning::a_runbook_says_how_many_failures_within_what_time_are_too_many", "windowMinutes: 15")
        }
        "guardrails.probes" => ("core::decide::tests::probes::every_answer_must_be_within_its_limit", "probes"),
        "action.command" => ("core::runbook::parse::tests::mistakes::closed_lists_of_words", "command"),
        "action.method" => ("on the cluster: evict::the_role_of_the_component_is_enough_and_has_no_delete", "method"),
        "verification.checks" => ("core::judge::tests::the_workloads_own_numbers_decide", "available_equals_desired"),
        "verification.timeoutSeconds" => ("core::decide::tests::limits::nothing_begins_that_could_not_be_verified", "timeout_seconds"),
        "verification.stableSeconds" => ("core::decide::tests::redundancy::a_restarted_peer_counts_once_it_is_stable", "stable_seconds"),
        "verification.probes" => ("on the cluster: probes::an_outcome_probe_after_the_action", "after("),
        "rollback.type" => ("core::runbook::parse::tests::mistakes::closed_lists_of_words", "type"),
        "rollback.notes" => ("core::decide::tests::approvals::what_is_asked_has_all_that_a_human_needs_and_the_command", "rollback.notes"),
        "escalation.onGuardrailFailure" => ("core::decide::tests::escalation::a_block_is_escalated_as_the_runbook_says", "blocked_by"),
        "escalation.onVerificationFailure" => (
            "core::ledger::breaker::tests::the_breaker_opens_at_the_first_failure_where_the_escalation_says_so",
            "OpenIncidentAndDisableRunbook",
        ),
        probe => of_a_probe(probe),
    }
}

/// Of one before the action and of one after it: they have one type.
fn of_a_probe(path: &str) -> (&'static str, &'static str) {
    const HTTP: &str = "on the cluster: probes::an_http_probe_before_the_action";
    const PROMETHEUS: &str = "on the cluster: probes::a_prometheus_probe_before_the_action";
    let (_, field) = path.split_once(".probes[].").unwrap_or_else(|| panic!("{path} has no test"));
    match field {
        "name" => ("core::runbook::parse::tests::probes::lists", "name"),
        "http" => ("core::runbook::parse::tests::probes::exactly_one_question", "http"),
        "http.url" => (HTTP, "\"url\""),
        "http.status" => ("core::runbook::probe::tests::an_answer_must_have_the_status_and_the_text", "status"),
        "http.bodyContains" => (HTTP, "bodyContains"),
        "prometheus" => ("core::runbook::parse::tests::probes::exactly_one_question", "prometheus"),
        "prometheus.url" => (PROMETHEUS, "url"),
        "prometheus.query" => (PROMETHEUS, "the query failed"),
        "prometheus.below" => ("core::runbook::probe::tests::bounds", "Below"),
        "prometheus.above" => ("core::runbook::probe::tests::bounds", "Above"),
        "prometheus.atMost" => ("core::runbook::probe::tests::bounds", "AtMost"),
        "prometheus.atLeast" => ("core::runbook::probe::tests::bounds", "AtLeast"),
        "prometheus.samples" => ("core::runbook::probe::tests::samples_must_all_be_within_and_be_enough", "samples"),
        "prometheus.intervalSeconds" => (PROMETHEUS, "intervalSeconds"),
        "timeoutSeconds" => (HTTP, "no whole answer within 1 s"),
        field => panic!("{field} of a probe has no test"),
    }
}

#[test]
fn every_field_is_in_the_table() {
    let guide = std::fs::read_to_string(crate::documented::root().join("docs/audit.md")).unwrap();
    let mut table = "| field | type | default | meaning | in the log |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for Field { path, required, schema } in runbook().fields() {
        let default = match &schema.default {
            _ if required => "required".to_owned(),
            None => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let log = in_the_log(&path).map_or_else(
            || "none".to_owned(),
            |log| {
                let known = guide.contains(&format!("| `{log}` | ")) || GuardrailId::ALL.iter().any(|id| id.as_str() == log);
                assert!(known, "{path}: {log}");
                format!("`{log}`")
            },
        );
        let description = schema.description.unwrap_or_default();
        writeln!(table, "| `{path}` | {} | {default} | {description} | {log} |", schema.in_words()).unwrap();
    }
    crate::documented::part("docs/runbook.md", "fields", &table);
}

#[test]
fn every_field_has_a_test_that_shows_what_it_does() {
    let mut wrong = Vec::new();
    for Field { path, .. } in runbook().fields() {
        let (name, words) = test(&path);
        let source = match name.strip_prefix(ON_CLUSTER) {
            Some(name) => crate::documented::source_of_test("tests/on_cluster", name),
            None => crate::documented::source_of_unit_test(name),
        };
        if !source.contains(words) {
            wrong.push(format!("{name} is not about {path}: there is no {words} in it"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
