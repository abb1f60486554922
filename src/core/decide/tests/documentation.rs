//! The table of guardrails in docs/runbook.md cannot drift: the ids, and the fields with their defaults. Each guardrail also has named
//! tests that show what it does, here and on the cluster: [`row`] lists them.

use std::fmt::Write as _;

use super::three_cases::cases;
use super::*;

/// The row of one guardrail.
struct Row {
    /// The field that sets its limit, if one does.
    field: Option<&'static str>,
    checks: &'static str,
    /// The fact that may be unknown, so that the guardrail blocks; or why none can be.
    unread: &'static str,
    /// A test in `src/core/decide/tests`, beside [`super::three_cases`].
    test: &'static str,
    /// A test in `tests/on_cluster`.
    on_cluster: Option<&'static str>,
}

const WORKLOAD: &str = "the workload behind the pod cannot be read";
const PODS: &str = "the service's pods cannot be listed, or the pod has no service label";
const SERVICE: &str = "the pod has no service label. (A ledger that cannot be trusted stops the whole run)";

fn row(id: GuardrailId) -> Row {
    let (field, checks, unread, test, on_cluster) = match id {
        GuardrailId::Request => (
            Some("spec.triggers.maximumRequestAgeMinutes"),
            "the pod still carries the label, and the request's age is known. (An older request has expired)",
            "no record says when the label was set, or more than 500 requests stand at once and the ledger does not remember this one",
            "scope::the_request_still_stands",
            Some("requests::a_later_change_by_the_same_manager_does_not_renew_a_request_and_requested_at_does_at_once"),
        ),
        GuardrailId::BareRequest => (
            Some("spec.triggers.allowBareRequest"),
            "a label without evidence is enough, or the request states evidence",
            "never: it is written on the pod itself",
            "symptoms::a_runbook_may_want_more_than_a_label",
            Some("contract::a_share_of_the_workload_and_a_label_without_evidence"),
        ),
        GuardrailId::SymptomPresent => (
            Some("spec.triggers.symptoms"),
            "`CrashLoopBackOff`, `OOMKilled`, `readiness_probe_failed` (a readiness probe that could fail, and nothing else, keeps the pod from being Ready) and image errors still show in the pod's status, and the pod has not recovered since. A kubelet's time alone never confirms a symptom",
            "what was read does not say since when the pod is Ready, or whether it has a readiness probe",
            "symptoms::a_crash_loop_is_seen_between_two_crashes_as_well",
            Some("contract::a_crash_loop_is_confirmed_by_the_pods_own_status_and_a_recovered_pod_is_left_alone"),
        ),
        GuardrailId::Namespace => (
            Some("spec.scope.allowedNamespaces"),
            "the runbook names the namespace",
            "never: it is a setting of the run",
            "scope::the_runbook_allows_the_namespace",
            Some("guardrails::a_namespace_that_the_runbook_does_not_list_is_left_alone"),
        ),
        GuardrailId::OptIn => (
            Some("spec.scope.requiredLabels"),
            "the workload, not the pod, carries these labels",
            WORKLOAD,
            "scope::the_opt_in_is_read_on_the_workload",
            Some("guardrails::without_its_owners_opt_in_a_workload_is_left_alone"),
        ),
        GuardrailId::Controller => (
            Some("spec.scope.allowedControllers"),
            "a Deployment, ReplicaSet, StatefulSet or DaemonSet creates the pod's replacement, and only a kind that the runbook names controls that workload, if any does. A bare pod, a mirror pod, a Job's pod and a pod of another kind of controller never pass",
            WORKLOAD,
            "scope::only_supported_controllers_replace_pods",
            Some("guardrails::a_bare_pod_is_refused_because_nothing_would_replace_it"),
        ),
        GuardrailId::OwnsNothing => (
            None,
            "no pod and no Deployment, ReplicaSet, StatefulSet or DaemonSet has the pod as its owner: it would be deleted with the pod",
            "the namespace's pods or workloads cannot be listed",
            "scope::a_pod_that_others_belong_to_is_left_alone",
            Some("lifecycle::the_leader_of_a_group_and_what_an_operator_manages_are_left_alone"),
        ),
        GuardrailId::WorkloadKind => (
            Some("spec.scope.workloadKinds"),
            "the runbook names this kind of workload",
            WORKLOAD,
            "scope::a_daemon_set_must_be_meant",
            Some("contract::a_daemon_set_is_replaced_where_the_runbook_names_it_and_nowhere_else"),
        ),
        GuardrailId::ServiceLabel => (
            None,
            "the pod has a service label, and its pod template has the same. (The setting `SERVICE_LABEL` names the label)",
            WORKLOAD,
            "scope::the_service_label_is_the_templates_own",
            Some("contract::a_pod_of_another_service_than_its_template_says_one_on_its_way_out_and_a_run_without_time"),
        ),
        GuardrailId::RequestLabelInTemplate => (
            None,
            "the pod template carries neither the request label, which would match every replacement, nor an annotation that creates or shapes a request",
            WORKLOAD,
            "scope::a_template_that_asks_for_restarts_is_refused",
            Some("guardrails::a_request_label_in_the_pod_template_is_refused"),
        ),
        GuardrailId::Terminating => (
            None,
            "neither the workload nor the namespace is being deleted. (A request on a pod that is itself being deleted, or has ended, is closed)",
            "the workload or the namespace cannot be read",
            "scope::what_goes_makes_no_more_pods",
            Some("lifecycle::a_workload_that_is_being_deleted_makes_no_more_pods"),
        ),
        GuardrailId::CanStart => (
            None,
            "the pod was scheduled, no container waits for an image or a configuration that its replacement would lack too, and its claims exist and stay",
            "a claim that the pod mounts cannot be read",
            "scope::what_a_replacement_would_share_is_nothing_that_it_cures",
            Some("lifecycle::a_pod_that_was_never_scheduled_is_left_alone_in_the_schedulers_words"),
        ),
        GuardrailId::BlastRadius => (
            Some("spec.guardrails.minimumReadyReplicasWithSameApp"),
            "enough Ready pods have the same service label",
            PODS,
            "redundancy::the_target_counts_if_it_is_ready_and_that_is_said",
            Some("redundancy::a_pod_is_no_peer_while_its_second_container_is_not_ready"),
        ),
        GuardrailId::OwnRedundancy => (
            None,
            "a Ready pod leaves another Ready pod of its own workload",
            PODS,
            "redundancy::a_shared_label_is_no_redundancy",
            Some("redundancy::a_shared_service_label_does_not_make_the_last_pod_of_a_workload_redundant"),
        ),
        GuardrailId::UnavailablePercent => (
            Some("spec.guardrails.maxUnavailablePercent"),
            "no larger share of the workload than this is unready while the pod is replaced",
            PODS,
            "circumstances::a_share_of_the_workload",
            Some("contract::a_share_of_the_workload_and_a_label_without_evidence"),
        ),
        GuardrailId::Rollout => (
            None,
            "the controller has observed the workload's latest change and updated every pod, and the rollout is not paused",
            WORKLOAD,
            "workload::a_deployment_that_rolls_out_is_left_alone",
            Some("guardrails::a_deployment_that_is_rolling_out_is_left_alone"),
        ),
        GuardrailId::OrderedPeers => (
            None,
            "every other pod of an ordered StatefulSet is Ready",
            PODS,
            "workload::an_ordered_stateful_set_needs_all_its_other_pods",
            Some("verification::an_ordered_stateful_set_with_another_pod_down_is_left_alone"),
        ),
        GuardrailId::MaintenanceWindow => (
            Some("spec.guardrails.maintenanceWindows"),
            "the runbook may act at this time",
            "never: the time is the API server's own, and without it there is no run",
            "circumstances::windows_deny_or_allow",
            Some("contract::a_window_that_denies_says_until_when_and_one_that_allows_lets_it_act"),
        ),
        GuardrailId::BlockingLabel => (
            Some("spec.guardrails.blockedByLabels"),
            "neither pod, workload nor namespace carries one of these labels",
            "the workload or the namespace cannot be read",
            "circumstances::a_label_on_pod_workload_or_namespace_stops_it",
            Some("contract::a_label_on_the_workload_or_the_namespace_stops_it"),
        ),
        GuardrailId::BlockingAnnotation => (
            Some("spec.guardrails.blockedByAnnotations"),
            "neither pod, workload nor namespace carries one of these annotations",
            "the workload or the namespace cannot be read",
            "circumstances::a_promise_on_pod_workload_or_namespace_is_kept",
            Some("lifecycle::a_promise_on_the_pod_is_kept"),
        ),
        GuardrailId::Cooldown => (
            Some("spec.guardrails.cooldownMinutes"),
            "the last execution on the service, by whichever runbook, is long enough ago",
            SERVICE,
            "limits::a_service_rests_between_executions",
            Some("limits::the_next_pod_of_a_service_waits_for_the_cooldown"),
        ),
        GuardrailId::HourlyRate => (
            Some("spec.guardrails.maxExecutionsPerHour"),
            "the service has not had too many executions of this runbook in a sliding hour",
            SERVICE,
            "limits::the_rate_is_a_sliding_hour",
            Some("learning::the_hourly_rate_refuses_with_until_when_and_no_longer"),
        ),
        GuardrailId::ConcurrentActions => (
            Some("spec.guardrails.maxConcurrentActions"),
            "no other action is under way in the namespace",
            "never: it is in the ledger, and one that cannot be trusted stops the whole run",
            "limits::one_action_at_a_time",
            Some("limits::two_runs_at_the_same_moment_delete_one_pod"),
        ),
        GuardrailId::CircuitBreaker => (
            Some("spec.guardrails.circuitBreaker"),
            "the circuit breaker is closed: no failure has stopped automation here, or a human has reset the breaker",
            SERVICE,
            "limits::an_open_breaker_stays_open_until_it_is_reset",
            Some("learning::three_failures_within_an_hour_stop_a_runbook_for_a_service_until_a_human_resets_it"),
        ),
        GuardrailId::DisruptionBudget => (
            None,
            "the API server would allow an eviction. Before a deletion, a run applies the server's rule. If `action.method` is `evict`, the server itself decides",
            "PodDisruptionBudgets cannot be listed",
            "redundancy::a_disruption_budget_says_what_the_server_would_say",
            Some("guardrails::a_disruption_budget_without_room_is_respected_and_one_with_room_is_used"),
        ),
        GuardrailId::AffectedServices => (
            Some("spec.guardrails.maxAffectedServices"),
            "all runs together do not act on too many services within ten minutes",
            SERVICE,
            "limits::few_services_are_touched_in_ten_minutes",
            Some("limits::one_service_in_ten_minutes_unless_the_runbook_allows_more"),
        ),
        GuardrailId::MatchedServices => (
            Some("spec.guardrails.maxMatchedServices"),
            "not too many services ask at once",
            "never: without the list of requests there is no run",
            "limits::many_services_at_once_are_a_broad_trigger",
            Some("limits::a_faulty_metric_that_labels_a_pod_of_each_of_twelve_services_moves_nothing"),
        ),
        GuardrailId::Probes => (
            Some("spec.guardrails.probes"),
            "other servers answer as the runbook requires. A run asks them right before the action, if nothing else blocks",
            "no answer came, or no usable one",
            "probes::every_answer_must_be_within_its_limit",
            Some("probes::an_http_probe_before_the_action"),
        ),
        GuardrailId::TimeToVerify => (
            Some("spec.verification.timeoutSeconds"),
            "the rest of the run is long enough to act and to verify, and the runbook's timeout is long enough for the least time that the workload's template takes (see below)",
            "never: it is the run's own clock",
            "limits::nothing_begins_that_could_not_be_verified",
            Some("contract::a_pod_of_another_service_than_its_template_says_one_on_its_way_out_and_a_run_without_time"),
        ),
    };
    Row { field, checks, unread, test, on_cluster }
}

/// The field that sets its limit, if one does.
pub(crate) fn field_of(id: GuardrailId) -> Option<&'static str> {
    row(id).field
}

#[test]
fn every_guardrail_is_in_the_table() {
    let format = crate::commands::schema::runbook();
    let fields = format.fields();
    let mut table = "| id | field | default | checks that | unknown, and so blocked, if |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for id in GuardrailId::ALL {
        let Row { field, checks, unread, .. } = row(id);
        let (_, _, unreadable) = cases(id);
        assert_eq!(unreadable.is_none(), unread.starts_with("never: "), "{id:?}");
        let (name, default) = match field {
            None => ("none".to_owned(), "always on".to_owned()),
            Some(path) => {
                let field = fields.iter().find(|field| field.path == path).unwrap_or_else(|| panic!("no field {path}"));
                let default = match &field.schema.default {
                    _ if field.required => "required".to_owned(),
                    None => "off".to_owned(),
                    Some(default) => format!("`{default}`"),
                };
                (format!("`{}`", path.trim_start_matches("spec.")), default)
            }
        };
        writeln!(table, "| `{}` | {name} | {default} | {checks} | {unread} |", id.as_str()).unwrap();
    }
    crate::documented::part("docs/runbook.md", "guardrails", &table);
}

#[test]
fn every_guardrail_has_tests_that_show_what_it_does() {
    for id in GuardrailId::ALL {
        let Row { test, on_cluster, .. } = row(id);
        let source = crate::documented::source_of_test("src/core/decide/tests", test);
        assert!(source.contains(&format!("{id:?}")), "{test} is not about {id:?}");
        if let Some(on_cluster) = on_cluster {
            crate::documented::source_of_test("tests/on_cluster", on_cluster);
        }
    }
}
