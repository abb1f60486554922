//! The format by examples: what works, and for each mistake its exact place and words.

use proptest::prelude::*;

use super::super::node::{Content, Node, documents};
use super::*;
use crate::core::near::near;

mod mistakes;
mod probes;

/// The published example, unchanged.
const EXAMPLE: &str = r#"apiVersion: remediations.kubedojo.io/v1
kind: RemediationRunbook
metadata: {name: replace-redundant-pod}
spec:
  intent: "…"            # which situations are in scope
  owner: "platform-operations"
  risk: "low"            # low | medium | high: separate from confidence
  decisionMode: "auto_execute"   # observe | manual | suggest | approval_required | auto_execute: the most that it may do
  triggers:
    symptoms: ["CrashLoopBackOff", "readiness_probe_failed", "manual_restart_recommended"]
    probableCauses: ["pod_process_hung", "transient_node_or_container_failure"]
    minimumConfidence: 0.8
  scope:
    allowedNamespaces: ["aiops-remediation-lab"]
    requiredLabels: {remediator.kubedojo.io/enabled: "true"}
  guardrails:
    minimumReadyReplicasWithSameApp: 2
    maxExecutionsPerHour: 3
    cooldownMinutes: 10
    maxConcurrentActions: 1
  action:
    command: "kubectl delete pod ${POD_NAME} -n ${NAMESPACE}"
  verification:
    checks: ["available_replicas_equal_desired_replicas", "replacement_pod_ready_within_timeout"]
    timeoutSeconds: 120
  rollback: {type: "controller_recreates_pod", notes: "…"}
  escalation:
    onGuardrailFailure: "page_service_owner"
    onVerificationFailure: "open_incident_and_disable_runbook"
"#;

/// The example with every field that there is.
fn full() -> String {
    edited(&[
        ("minimumConfidence: 0.8", "minimumConfidence: 0.8\n    maximumRequestAgeMinutes: 60\n    allowBareRequest: true"),
        ("enabled: \"true\"}", "enabled: \"true\"}\n    workloadKinds: [Deployment, DaemonSet]"),
        ("-n ${NAMESPACE}\"", "-n ${NAMESPACE}\"\n    method: evict"),
        (
            "maxConcurrentActions: 1",
            &format!(
                "maxConcurrentActions: 1\n    maxAffectedServices: 1\n    maxMatchedServices: 3\n    maxUnavailablePercent: 34\n    \
              maintenanceWindows: [{{days: [mon, sat], start: \"22:00\", end: \"06:00\", timeZone: Europe/Berlin, effect: deny}}]\n    \
              blockedByLabels: {{payments-provider-down: \"true\"}}\n    circuitBreaker: {{failures: 2, windowMinutes: 30}}\n{}",
                probes::FULL
            ),
        ),
        ("timeoutSeconds: 120", &format!("timeoutSeconds: 120\n    stableSeconds: 30\n{}", probes::FULL)),
    ])
}

/// The example with each text, which must be in it once, replaced.
#[track_caller]
fn edited(replacements: &[(&str, &str)]) -> String {
    replacements.iter().fold(EXAMPLE.to_owned(), |yaml, (from, to)| {
        assert_eq!(yaml.matches(from).count(), 1, "{from}");
        yaml.replace(from, to)
    })
}

/// The problems of a text, line by line.
#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    let found: Vec<String> = match parse("f", yaml) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(found, expected, "{yaml}");
}

/// The one problem that one replacement in the example makes.
#[track_caller]
fn check_edit(from: &str, to: &str, expected: &str) {
    let expected: Vec<&str> = Some(expected).into_iter().filter(|expected| !expected.is_empty()).collect();
    check(&edited(&[(from, to)]), &expected);
}

#[track_caller]
fn read(yaml: &str) -> Runbook {
    match parse("f", yaml).as_deref() {
        Ok([runbook]) => runbook.clone(),
        other => panic!("{other:#?}"),
    }
}

#[test]
fn the_published_example_works_unchanged() {
    let runbook = read(EXAMPLE);
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        runbook,
        Runbook {
            name: "replace-redundant-pod".to_owned(),
            digest: runbook.digest.clone(),
            intent: "…".to_owned(),
            owner: "platform-operations".to_owned(),
            risk: Risk::Low,
            decision_mode: DecisionMode::AutoExecute,
            triggers: Triggers {
                symptoms: words(&["CrashLoopBackOff", "readiness_probe_failed", "manual_restart_recommended"]),
                probable_causes: words(&["pod_process_hung", "transient_node_or_container_failure"]),
                minimum_confidence: 0.8,
                maximum_request_age_minutes: 60,
                allow_bare_request: true,
            },
            scope: Scope {
                allowed_namespaces: words(&["aiops-remediation-lab"]),
                required_labels: vec![("remediator.kubedojo.io/enabled".to_owned(), "true".to_owned())],
                workload_kinds: WorkloadKind::WITH_REDUNDANCY.to_vec(),
                allowed_controllers: Vec::new(),
            },
            guardrails: Guardrails {
                minimum_ready_replicas: 2,
                max_executions_per_hour: 3,
                cooldown_minutes: 10,
                max_concurrent_actions: 1,
                max_affected_services: 1,
                max_matched_services: 3,
                max_unavailable_percent: None,
                maintenance_windows: Vec::new(),
                blocked_by_labels: Vec::new(),
                blocked_by_annotations: Vec::new(),
                probes: Vec::new(),
                circuit_breaker: BreakerLimits { failures: 3, window_minutes: 60 },
            },
            action: Action { command: Command::DeletePod, method: Method::Delete },
            verification: Verification { available_equals_desired: true, timeout_seconds: 120, stable_seconds: None, probes: Vec::new() },
            rollback: Rollback { kind: "controller_recreates_pod".to_owned(), notes: "…".to_owned() },
            escalation: Escalation {
                on_guardrail_failure: Escalate::PageServiceOwner,
                on_verification_failure: Escalate::OpenIncidentAndDisableRunbook,
            },
        }
    );
}

#[test]
fn the_default_runbook_is_the_published_example_with_words() {
    let Runbook { digest, intent, rollback, .. } = read(include_str!("../../../../config/runbook.yaml"));
    let expected = read(EXAMPLE);
    assert_ne!(digest, expected.digest);
    let words_aside = Runbook { digest, intent, rollback, ..expected };
    assert_eq!(read(include_str!("../../../../config/runbook.yaml")), words_aside);
}

#[test]
fn every_field_works_and_optional_ones_may_be_left_out() {
    let runbook = read(&full());
    assert_eq!(runbook.verification.stable_seconds, Some(30));
    let runbook = read(&edited(&[
        ("minimumConfidence: 0.8", "minimumConfidence: 1\n    maximumRequestAgeMinutes: 5"),
        ("maxConcurrentActions: 1", "maxConcurrentActions: 1\n    maxAffectedServices: 2\n    maxMatchedServices: 4"),
        (", notes: \"…\"", ""),
        ("[\"pod_process_hung\", \"transient_node_or_container_failure\"]", "[]"),
        ("\"available_replicas_equal_desired_replicas\", ", ""),
        ("\"…\"            # which", ">\n    Folded\n    words.\n  # which"),
    ]));
    assert_eq!(runbook.triggers.minimum_confidence, 1.0);
    assert_eq!(runbook.triggers.maximum_request_age_minutes, 5);
    assert_eq!(runbook.triggers.probable_causes, [""; 0]);
    assert_eq!((runbook.guardrails.max_affected_services, runbook.guardrails.max_matched_services), (2, 4));
    assert!(!runbook.verification.available_equals_desired);
    assert_eq!((runbook.rollback.notes.as_str(), runbook.intent.as_str()), ("", "Folded words."));
}

/// A near-miss can only be told because no two names of a mapping are near each other.
#[test]
fn no_two_names_of_a_mapping_are_near() {
    fn walk(node: &Node, names: &mut usize) {
        let entries = match &node.content {
            Content::Map(entries) => entries,
            Content::List(items) => return items.iter().for_each(|item| walk(item, names)),
            _ => return,
        };
        let keys: Vec<&str> = entries.iter().map(|(key, _)| if let Content::Text(key) = &key.content { key } else { "" }).collect();
        for key in &keys {
            *names += 1;
            assert_eq!(near(key, keys.iter().copied().filter(|other| other != key)), None, "{key}");
        }
        entries.iter().for_each(|(_, value)| walk(value, names));
    }
    let mut names = 0;
    documents(&full()).unwrap().iter().for_each(|document| walk(document, &mut names));
    assert_eq!(names, 82);
}

#[test]
fn every_word_is_its_own_name() {
    for risk in Risk::ALL {
        let yaml = edited(&[("risk: \"low\"", &format!("risk: {risk}")), ("\"auto_execute\"", "suggest")]);
        assert_eq!(read(&yaml).risk, risk);
    }
    for mode in DecisionMode::ALL {
        assert_eq!(read(&edited(&[("\"auto_execute\"", mode.as_str())])).decision_mode, mode);
        assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
    }
    for escalate in Escalate::ALL {
        let yaml = edited(&[("\"open_incident_and_disable_runbook\"", escalate.as_str())]);
        assert_eq!(read(&yaml).escalation.on_verification_failure, escalate);
        assert_eq!(serde_json::to_value(escalate).unwrap(), escalate.as_str());
    }
    assert!(Risk::ALL.is_sorted() && DecisionMode::ALL.is_sorted());
}

#[test]
fn files_and_documents() {
    let nothing = "f:1:1: has no runbook: it needs a document with apiVersion remediations.kubedojo.io/v1 and kind RemediationRunbook";
    for yaml in ["", "\n", "# nothing\n", "---\n", "---\n---\n", "null\n"] {
        check(yaml, &[nothing]);
    }
    check("- a\n", &["f:1:1: must be a mapping of fields, not a list"]);
    check("just words", &["f:1:1: must be a mapping of fields, not \"just words\""]);
    // Each document is read, and a missing field is told at the key that it belongs to, or where its document begins.
    check(
        "metadata: {}\n---\n\n# comment\n- a\n",
        &[
            "f:1:1: apiVersion: is missing: it must be \"remediations.kubedojo.io/v1\"",
            "f:1:1: kind: is missing: it must be \"RemediationRunbook\"",
            "f:1:1: metadata.name: is missing: it must be a name: at most 253 lowercase letters, digits, '-' and '.', \
         with a letter or digit at both ends of each part",
            "f:1:1: spec: is missing: it must be a mapping of fields",
            "f:5:1: must be a mapping of fields, not a list",
        ],
    );
}

#[test]
fn several_runbooks_need_names_of_their_own() {
    let other = edited(&[("replace-redundant-pod", "other")]);
    let both = format!("---\n{EXAMPLE}---\n# only a comment\n---\n{other}");
    let names: Vec<String> = parse("f", &both).unwrap().into_iter().map(|runbook| runbook.name).collect();
    assert_eq!(names, ["replace-redundant-pod", "other"]);
    check(
        &format!("{EXAMPLE}---\n{EXAMPLE}"),
        &["f:33:18: metadata.name: is the name of the runbook at f:3:18 as well: each needs its own"],
    );
    let problems = parse_all([("a.yaml", EXAMPLE), ("b.yaml", &other), ("c.yaml", EXAMPLE), ("d.yaml", "")]).unwrap_err();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "c.yaml:3:18: metadata.name: is the name of the runbook at a.yaml:3:18 as well: each needs its own",
            "d.yaml:1:1: has no runbook: it needs a document with apiVersion remediations.kubedojo.io/v1 and kind RemediationRunbook"
        ]
    );
}

#[test]
fn anchors_aliases_and_merge_keys_work_and_their_mistakes_are_found() {
    let yaml = edited(&[
        ("\"platform-operations\"", "&team platform-operations"),
        ("intent: \"…\" ", "intent: *team "),
        ("    maxExecutionsPerHour: 3\n    cooldownMinutes: 10\n", "    <<: {maxExecutionsPerHour: 3, cooldownMinutes: 10}\n"),
    ]);
    check(&yaml.replace("intent: *team", "intent: x"), &[]);
    let yaml = yaml.replace("intent: *team", "intent: x").replace("cooldownMinutes: 10", "cooldownMinutes: 0");
    check(&yaml, &["f:18:52: spec.guardrails.cooldownMinutes: must be a whole number from 1 to 10080, not 0"]);
}

#[test]
fn the_digest_is_of_the_content() {
    let digest = |replacements: &[(&str, &str)]| read(&edited(replacements)).digest;
    let example = digest(&[]);
    // Pinned: who changes it voids every approval that is out.
    assert_eq!(example, "sha256:2b6284e7799b929ee3c20792fb51eb003d31f25628247bcbd0be43286235f42f");
    let same: &[&[(&str, &str)]] = &[
        &[("minimumConfidence: 0.8", "maximumRequestAgeMinutes: 60 # the default\n    minimumConfidence: 0.80")],
        &[("maxConcurrentActions: 1", "maxMatchedServices: 3\n    maxAffectedServices: 1\n    maxConcurrentActions: 1")],
        &[("  owner: \"platform-operations\"\n", ""), ("spec:\n", "spec:\n  owner: platform-operations\n")],
        &[("[\"pod_process_hung\", \"transient_node_or_container_failure\"]", "[transient_node_or_container_failure, pod_process_hung]")],
        &[("\"…\"            # which", ">\n    …\n  # which")],
    ];
    for replacements in same {
        assert_eq!(digest(replacements), example, "{replacements:?}");
    }
    let different: &[(&str, &str)] = &[
        ("replace-redundant-pod", "other"),
        ("intent: \"…\"", "intent: other"),
        ("platform-operations", "other"),
        ("\"low\"", "medium"),
        ("\"auto_execute\"", "suggest"),
        ("\"CrashLoopBackOff\", ", ""),
        ("\"pod_process_hung\"", "other"),
        ("0.8", "0.81"),
        ("minimumConfidence: 0.8", "minimumConfidence: 0.8\n    maximumRequestAgeMinutes: 61"),
        ("aiops-remediation-lab", "other"),
        ("\"true\"", "\"false\""),
        ("io/enabled", "io/other"),
        ("minimumReadyReplicasWithSameApp: 2", "minimumReadyReplicasWithSameApp: 3"),
        ("maxExecutionsPerHour: 3", "maxExecutionsPerHour: 4"),
        ("cooldownMinutes: 10", "cooldownMinutes: 11"),
        ("maxConcurrentActions: 1", "maxConcurrentActions: 1\n    maxAffectedServices: 2"),
        ("maxConcurrentActions: 1", "maxConcurrentActions: 1\n    maxMatchedServices: 2"),
        ("\"available_replicas_equal_desired_replicas\", ", ""),
        ("timeoutSeconds: 120", "timeoutSeconds: 121"),
        ("timeoutSeconds: 120", "timeoutSeconds: 120\n    stableSeconds: 10"),
        ("notes: \"…\"", "notes: other"),
        ("\"page_service_owner\"", "none"),
        ("\"open_incident_and_disable_runbook\"", "open_incident"),
    ];
    let mut digests = vec![example];
    digests.extend(different.iter().map(|replacement| digest(&[*replacement])));
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

/// Reads the text; whatever it is, there is a runbook or a problem, and each problem is one line about a place in the text.
fn holds(text: &str) {
    match parse("f", text) {
        Ok(runbooks) => assert!(!runbooks.is_empty()),
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.is_sorted_by_key(|problem| (problem.line, problem.column)));
            let lines = text.split(['\n', '\r']).count() as u64 + 1;
            for problem in problems {
                assert!((1..=lines).contains(&problem.line) && problem.column >= 1, "{problem}");
                assert!(!problem.to_string().contains(char::is_control), "{problem:?}");
                assert!(problem.to_string().len() < 2000, "{problem:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        holds(&text);
    }

    #[test]
    fn anything_that_looks_like_yaml_is_read_or_refused(text in "[-a-b:?\\[\\]{}&*!|>'\"%@#,~<0-9. \t\n\r]{0,200}") {
        holds(&text);
    }

    #[test]
    fn any_change_of_the_example_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, "[-a-z:?\\[\\]{}&*!|>'\"#,~<0-9. \n\u{1b}]{0,10}"), 1..4)
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (index, length, insertion) in changes {
            let start = index.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, insertion.chars());
        }
        holds(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_value_in_any_field_is_read_or_refused(
        field in any::<prop::sample::Index>(),
        value in prop_oneof![
            any::<i128>().prop_map(|value| value.to_string()),
            any::<f64>().prop_map(|value| format!("{value:?}")),
            any::<String>().prop_map(|value| format!("{value:?}")),
            Just("[[], {}, ~]".to_owned()),
            Just("{a: {b: c}, ? [d] : e}".to_owned()),
        ]
    ) {
        let full = full();
        let fields: Vec<&str> = full.lines().filter(|line| line.contains(": ")).collect();
        let line = fields[field.index(fields.len())];
        let key = line.split(": ").next().unwrap();
        holds(&full.replace(line, &format!("{key}: {value}")));
    }
}
