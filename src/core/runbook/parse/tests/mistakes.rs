//! Every mistake with its exact place and words.

use super::{check, check_edit, edited, parse};

#[test]
fn fields_that_must_be_there() {
    check_edit(
        "apiVersion: remediations.kubedojo.io/v1\n",
        "",
        "f:1:1: apiVersion: is missing: it must be \"remediations.kubedojo.io/v1\"",
    );
    check_edit("metadata: {name: replace-redundant-pod}\n", "", "f:1:1: metadata: is missing: it must be a mapping of fields");
    check_edit(
        "name: replace-redundant-pod",
        "",
        "f:3:1: metadata.name: is missing: it must be a name: at most 253 lowercase letters, digits, '-' and '.', \
         with a letter or digit at both ends of each part",
    );
    check_edit(
        "  owner: \"platform-operations\"\n",
        "",
        "f:4:1: spec.owner: is missing: it must be one line of text without blanks at its ends",
    );
    check_edit("  risk: \"low\" ", "  ", "f:4:1: spec.risk: is missing: it must be one of low, medium, high");
    check_edit("    minimumConfidence: 0.8\n", "", "f:9:3: spec.triggers.minimumConfidence: is missing: it must be a number from 0 to 1");
    check_edit(
        "    cooldownMinutes: 10\n",
        "",
        "f:16:3: spec.guardrails.cooldownMinutes: is missing: it must be a whole number from 1 to 10080",
    );
    check_edit(
        "type: \"controller_recreates_pod\", ",
        "",
        "f:26:3: spec.rollback.type: is missing: it must be \"controller_recreates_pod\"",
    );
    check(
        "{}",
        &[
            "f:1:1: apiVersion: is missing: it must be \"remediations.kubedojo.io/v1\"",
            "f:1:1: kind: is missing: it must be \"RemediationRunbook\"",
            "f:1:1: metadata: is missing: it must be a mapping of fields",
            "f:1:1: spec: is missing: it must be a mapping of fields",
        ],
    );
}

#[test]
fn fields_that_there_are_not() {
    check_edit("metadata: {", "metadata: {labels: {a: b}, ", "f:3:12: metadata.labels: unknown field: remove it (known here: name)");
    check_edit("kind: ", "status: {}\nkind: ", "f:2:1: status: unknown field: remove it (known here: apiVersion, kind, metadata, spec)");
    check_edit(
        "  action:\n",
        "  action:\n    force: true\n",
        "f:22:5: spec.action.force: unknown field: remove it (known here: command, method)",
    );
    for (section, extension) in [
        ("triggers", "severity: high"),
        ("scope", "allServices: true"),
        ("guardrails", "enabled: false"),
        ("verification", "retries: 3"),
        ("escalation", "channel: \"#ops\""),
    ] {
        let yaml = edited(&[(&format!("  {section}:\n"), &format!("  {section}:\n    {extension}\n"))]);
        let problems = parse("f", &yaml).unwrap_err();
        let name = extension.split(':').next().unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((problems[0].path.as_str(), problems[0].column), (format!("spec.{section}.{name}").as_str(), 5));
        assert!(problems[0].message.starts_with("unknown field: remove it (known here: "), "{}", problems[0]);
    }
    // Twice nearly the same: the right one is taken, whichever is first.
    let misspelt = "f:6:3: spec.ownr: unknown field: remove it (known here: intent, owner, risk, decisionMode, triggers, scope, \
                    guardrails, action, verification, rollback, escalation)";
    check_edit("  owner:", "  ownr: x\n  owner:", misspelt);
    check_edit("\n  risk:", "\n  1: x\n  risk:", "f:7:3: spec: has 1 where a field's name must be");
    check_edit("\n  risk:", "\n  ? [a]\n  : x\n  risk:", "f:7:5: spec: has a list where a field's name must be");
    let problems = parse("f", &edited(&[("\n  risk:", "\n  \"a b\\e\": x\n  risk:")])).unwrap_err();
    assert_eq!(problems[0].path, "spec.\"a b\\u{1b}\"");
}

#[test]
fn near_misses_of_a_name_are_one_mistake() {
    check_edit("  owner:", "  ownr:", "f:6:3: spec.ownr: did you mean owner?");
    check_edit("kind:", "Kind:", "f:2:1: Kind: did you mean kind?");
    check_edit("apiVersion:", "api_version:", "f:1:1: api_version: did you mean apiVersion?");
    check_edit("cooldownMinutes:", "cooldown-minutes:", "f:19:5: spec.guardrails.cooldown-minutes: did you mean cooldownMinutes?");
    check_edit(
        "timeoutSeconds: 120",
        "timeoutSeconds: 120\n    stableSecond: 10",
        "f:26:5: spec.verification.stableSecond: did you mean stableSeconds?",
    );
    // What is in it is read all the same.
    check(
        &edited(&[("guardrails:", "guardrials:"), ("cooldownMinutes: 10", "cooldownMinutes: 0")]),
        &[
            "f:16:3: spec.guardrials: did you mean guardrails?",
            "f:19:22: spec.guardrials.cooldownMinutes: must be a whole number from 1 to 10080, not 0",
        ],
    );
}

#[test]
fn closed_lists_of_words() {
    check_edit("io/v1\n", "io/v2\n", "f:1:13: apiVersion: must be \"remediations.kubedojo.io/v1\", not \"remediations.kubedojo.io/v2\"");
    check_edit("RemediationRunbook", "ConfigMap", "f:2:7: kind: must be \"RemediationRunbook\", not \"ConfigMap\"");
    check_edit("risk: \"low\"", "risk: lwo", "f:7:9: spec.risk: must be one of low, medium, high, not \"lwo\": did you mean low?");
    check_edit("risk: \"low\"", "risk: Low", "f:7:9: spec.risk: must be one of low, medium, high, not \"Low\": did you mean low?");
    check_edit("risk: \"low\"", "risk: minor", "f:7:9: spec.risk: must be one of low, medium, high, not \"minor\"");
    check_edit("risk: \"low\"", "risk: 1", "f:7:9: spec.risk: must be one of low, medium, high, not 1");
    check_edit("risk: \"low\"", "risk: no", "f:7:9: spec.risk: must be one of low, medium, high, not \"no\"");
    check_edit("risk: \"low\"", "risk: ", "f:7:7: spec.risk: must be one of low, medium, high, not nothing");
    check_edit(
        "\"auto_execute\"",
        "auto-execute",
        "f:8:17: spec.decisionMode: must be one of observe, manual, suggest, approval_required, auto_execute, \
         not \"auto-execute\": did you mean auto_execute?",
    );
    check_edit(
        "kubectl delete pod ${POD_NAME}",
        "kubectl delete deployment ${POD_NAME}",
        "f:22:14: spec.action.command: must be \"kubectl delete pod ${POD_NAME} -n ${NAMESPACE}\", \
         not \"kubectl delete deployment ${POD_NAME} -n ${NAMESPACE}\"",
    );
    check_edit(
        "[\"available_replicas_equal_desired_replicas\"",
        "[\"available_replicas_equals_desired_replicas\"",
        "f:24:14: spec.verification.checks[0]: must be one of available_replicas_equal_desired_replicas, \
         replacement_pod_ready_within_timeout, not \"available_replicas_equals_desired_replicas\": \
         did you mean available_replicas_equal_desired_replicas?",
    );
    check_edit("\"controller_recreates_pod\"", "none", "f:26:20: spec.rollback.type: must be \"controller_recreates_pod\", not \"none\"");
    check_edit(
        "\"page_service_owner\"",
        "open_incident_and_disable_runbook",
        "f:28:25: spec.escalation.onGuardrailFailure: must be one of none, page_service_owner, open_incident, \
         not \"open_incident_and_disable_runbook\"",
    );
    check_edit(
        "\"open_incident_and_disable_runbook\"",
        "explode",
        "f:29:28: spec.escalation.onVerificationFailure: must be one of none, page_service_owner, open_incident, \
         open_incident_and_disable_runbook, not \"explode\"",
    );
}

#[test]
fn numbers() {
    for (value, shown) in [
        ("0", "0"),
        ("-1", "-1"),
        ("10081", "10081"),
        ("4294967296", "4294967296"),
        ("99999999999999999999999", "1e23"),
        ("1.5", "1.5"),
        ("10.0", "10.0"),
        (".inf", "inf"),
        ("\"10\"", "\"10\""),
        ("ten", "\"ten\""),
        ("true", "the boolean true"),
        ("", "nothing"),
        ("[10]", "a list"),
        ("{a: 1}", "a mapping"),
    ] {
        let column = if value.is_empty() { 20 } else { 22 };
        let expected = format!("f:19:{column}: spec.guardrails.cooldownMinutes: must be a whole number from 1 to 10080, not {shown}");
        check_edit("cooldownMinutes: 10", &format!("cooldownMinutes: {value}"), &expected);
    }
    for (value, shown) in [
        ("1.01", "1.01"),
        ("-0.1", "-0.1"),
        ("2", "2"),
        ("-1", "-1"),
        (".nan", "NaN"),
        (".inf", "inf"),
        ("-.inf", "-inf"),
        ("1e999", "inf"),
        ("\"0.8\"", "\"0.8\""),
        ("80%", "\"80%\""),
    ] {
        let expected = format!("f:12:24: spec.triggers.minimumConfidence: must be a number from 0 to 1, not {shown}");
        check_edit("minimumConfidence: 0.8", &format!("minimumConfidence: {value}"), &expected);
    }
    for value in ["0", "1", "0.0", "1.0", "1e-3", "-0.0"] {
        check_edit("minimumConfidence: 0.8", &format!("minimumConfidence: {value}"), "");
    }
    for (field, value, most) in [
        ("minimumReadyReplicasWithSameApp: 2", "minimumReadyReplicasWithSameApp: 0", 10_000),
        ("maxExecutionsPerHour: 3", "maxExecutionsPerHour: 10001", 10_000),
        ("timeoutSeconds: 120", "timeoutSeconds: 86401", 86_400),
        ("timeoutSeconds: 120", "timeoutSeconds: 120\n    stableSeconds: 0", 86_400),
        ("minimumConfidence: 0.8", "minimumConfidence: 0.8\n    maximumRequestAgeMinutes: 0", 10_080),
        ("maxConcurrentActions: 1", "maxConcurrentActions: 1\n    maxAffectedServices: 0", 10_000),
        ("maxConcurrentActions: 1", "maxConcurrentActions: 1\n    maxMatchedServices: -3", 10_000),
    ] {
        let problems = parse("f", &edited(&[(field, value)])).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.starts_with(&format!("must be a whole number from 1 to {most}, not ")), "{}", problems[0]);
    }
    for value in ["2", "0"] {
        let expected = format!("f:20:27: spec.guardrails.maxConcurrentActions: must be 1 (a run acts on one pod at a time), not {value}");
        check_edit("maxConcurrentActions: 1", &format!("maxConcurrentActions: {value}"), &expected);
    }
}

#[test]
fn text_is_told_from_numbers_and_booleans() {
    let owner = |value: &str, expected: &str| check_edit("owner: \"platform-operations\"", &format!("owner: {value}"), expected);
    owner("platform operations", "");
    owner("yes", "");
    owner("'1'", "");
    owner("1", "f:6:10: spec.owner: must be text, not a number: put it in quotes");
    owner("1.10", "f:6:10: spec.owner: must be text, not a number: put it in quotes");
    owner("0755", "f:6:10: spec.owner: must be text, not a number: put it in quotes");
    owner(".inf", "f:6:10: spec.owner: must be text, not a number: put it in quotes");
    owner("True", "f:6:10: spec.owner: must be text, not the boolean true: write \"true\"");
    owner("~", "f:6:10: spec.owner: must be one line of text without blanks at its ends, not nothing");
    owner("\"\"", "f:6:10: spec.owner: must be one line of text without blanks at its ends, not \"\"");
    owner("\" a\"", "f:6:10: spec.owner: must be one line of text without blanks at its ends, not \" a\"");
    owner("\"a\\nb\"", "f:6:10: spec.owner: must be one line of text without blanks at its ends, not \"a\\nb\"");
    owner("[a]", "f:6:10: spec.owner: must be one line of text without blanks at its ends, not a list");
    let intent = |value: &str, expected: &str| check_edit("intent: \"…\" ", &format!("intent: {value} "), expected);
    intent("\" \"", "f:5:11: spec.intent: must not be empty");
    intent("5", "f:5:11: spec.intent: must be text, not a number: put it in quotes");
    intent("\"a\\e[31mb\"", "f:5:11: spec.intent: must be text without control characters, not \"a\\u{1b}[31mb\"");
    check_edit("notes: \"…\"", "notes: 1", "f:26:55: spec.rollback.notes: must be text, not a number: put it in quotes");
    check_edit("notes: \"…\"", "notes: ", "f:26:53: spec.rollback.notes: must be text, not nothing");
}

#[test]
fn names_and_labels() {
    let rule = "at most 253 lowercase letters, digits, '-' and '.', with a letter or digit at both ends of each part";
    check_edit("name: replace", "name: Replace", &format!("f:3:18: metadata.name: must be a name: {rule}, not \"Replace-redundant-pod\""));
    check_edit("name: replace-redundant-pod", "name: team.replace-1", "");
    let namespace = |value: &str, shown: &str| {
        let rule = "at most 63 lowercase letters, digits and '-', with a letter or digit at both ends";
        let expected =
            format!("f:14:25: spec.scope.allowedNamespaces[0]: must be a namespace's name, never a pattern: {rule}, not {shown}");
        check_edit("[\"aiops-remediation-lab\"]", &format!("[{value}]"), &expected);
    };
    namespace("'*'", "\"*\"");
    namespace("team.a", "\"team.a\"");
    namespace("''", "\"\"");
    namespace("~", "nothing");
    let labels = |value: &str, expected: &str| check_edit("{remediator.kubedojo.io/enabled: \"true\"}", value, expected);
    let rule = "at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends";
    labels("{app: web, b: ''}", "");
    labels("{app: yes}", "");
    labels("{app: true}", "f:15:27: spec.scope.requiredLabels[app]: must be text, not the boolean true: write \"true\"");
    labels("{app: 1}", "f:15:27: spec.scope.requiredLabels[app]: must be text, not a number: put it in quotes");
    labels("{app: a b}", &format!("f:15:27: spec.scope.requiredLabels[app]: must be a label's value: {rule}, or empty, not \"a b\""));
    labels(
        "{a/b/c: x}",
        &format!(
            "f:15:22: spec.scope.requiredLabels[a/b/c]: must be a label's key: {rule}, after an optional DNS prefix and '/', not \"a/b/c\""
        ),
    );
    labels("{true: x}", "f:15:22: spec.scope.requiredLabels[true]: must be text, not the boolean true: write \"true\"");
    labels("{}", "f:15:21: spec.scope.requiredLabels: must have at least one entry");
    labels("[app]", "f:15:21: spec.scope.requiredLabels: must be a mapping, not a list");
}

#[test]
fn lists() {
    check_edit("[\"aiops-remediation-lab\"]", "[]", "f:14:24: spec.scope.allowedNamespaces: must have at least one item");
    check_edit("[\"aiops-remediation-lab\"]", "lab", "f:14:24: spec.scope.allowedNamespaces: must be a list, not \"lab\"");
    check_edit("[\"aiops-remediation-lab\"]", "[a, b, a]", "f:14:31: spec.scope.allowedNamespaces[2]: is in the list already: remove one");
    check_edit(
        "\"readiness_probe_failed\"",
        "\"\"",
        "f:10:36: spec.triggers.symptoms[1]: must be one line of text without blanks at its ends, not \"\"",
    );
    check_edit("\"pod_process_hung\"", "1", "f:11:22: spec.triggers.probableCauses[0]: must be text, not a number: put it in quotes");
    check_edit("\"readiness_probe_failed\"", "CrashLoopBackOff", "f:10:36: spec.triggers.symptoms[1]: is in the list already: remove one");
    check_edit(
        "\"available_replicas_equal_desired_replicas\"",
        "replacement_pod_ready_within_timeout",
        "f:24:52: spec.verification.checks[1]: is in the list already: remove one",
    );
}

#[test]
fn rules_between_fields() {
    check_edit(
        "risk: \"low\"",
        "risk: high",
        "f:8:17: spec.decisionMode: must not be auto_execute where risk is high: use approval_required, or less",
    );
    check(&edited(&[("risk: \"low\"", "risk: high"), ("\"auto_execute\"", "approval_required")]), &[]);
    check_edit(
        ", \"replacement_pod_ready_within_timeout\"",
        "",
        "f:24:13: spec.verification.checks: must include replacement_pod_ready_within_timeout: \
         availability alone holds before the pod is even gone, a check that cannot fail",
    );
    for stable in [120, 121] {
        let expected = format!(
            "f:25:21: spec.verification.timeoutSeconds: must be more than stableSeconds, {stable}, \
             or no replacement could ever be verified: it is 120"
        );
        check_edit("timeoutSeconds: 120", &format!("timeoutSeconds: 120\n    stableSeconds: {stable}"), &expected);
    }
    check_edit("timeoutSeconds: 120", "timeoutSeconds: 120\n    stableSeconds: 119", "");
}

#[test]
fn all_mistakes_at_once_in_the_order_of_the_file() {
    check(
        &edited(&[
            ("kind: RemediationRunbook", "kind: Runbook"),
            ("owner:", "ownr:"),
            ("\"low\"", "high"),
            ("minimumConfidence: 0.8", "minimumConfidence: 8"),
            ("\"aiops-remediation-lab\"", "'*', lab, lab"),
            ("enabled: \"true\"", "enabled: true"),
            ("    maxExecutionsPerHour: 3\n", "    paralel: 1\n"),
            ("cooldownMinutes: 10", "cooldownMinutes: -10"),
            ("delete pod", "delete node"),
            ("timeoutSeconds: 120", "timeoutSeconds: soon"),
            ("\"page_service_owner\"", "page_owner"),
        ]),
        &[
            "f:2:7: kind: must be \"RemediationRunbook\", not \"Runbook\"",
            "f:6:3: spec.ownr: did you mean owner?",
            "f:8:17: spec.decisionMode: must not be auto_execute where risk is high: use approval_required, or less",
            "f:12:24: spec.triggers.minimumConfidence: must be a number from 0 to 1, not 8",
            "f:14:25: spec.scope.allowedNamespaces[0]: must be a namespace's name, never a pattern: at most 63 lowercase letters, \
             digits and '-', with a letter or digit at both ends, not \"*\"",
            "f:14:35: spec.scope.allowedNamespaces[2]: is in the list already: remove one",
            "f:15:54: spec.scope.requiredLabels[remediator.kubedojo.io/enabled]: must be text, not the boolean true: write \"true\"",
            "f:16:3: spec.guardrails.maxExecutionsPerHour: is missing: it must be a whole number from 1 to 10000",
            "f:18:5: spec.guardrails.paralel: unknown field: remove it (known here: minimumReadyReplicasWithSameApp, \
             maxExecutionsPerHour, cooldownMinutes, maxConcurrentActions, maxAffectedServices, maxMatchedServices, \
             maxUnavailablePercent, maintenanceWindows, blockedByLabels, blockedByAnnotations, circuitBreaker, probes)",
            "f:19:22: spec.guardrails.cooldownMinutes: must be a whole number from 1 to 10080, not -10",
            "f:22:14: spec.action.command: must be \"kubectl delete pod ${POD_NAME} -n ${NAMESPACE}\", \
             not \"kubectl delete node ${POD_NAME} -n ${NAMESPACE}\"",
            "f:25:21: spec.verification.timeoutSeconds: must be a whole number from 1 to 86400, not \"soon\"",
            "f:28:25: spec.escalation.onGuardrailFailure: must be one of none, page_service_owner, open_incident, not \"page_owner\"",
        ],
    );
}

#[test]
fn what_is_no_yaml_stops_at_the_first_mistake() {
    check_edit(
        "kind: RemediationRunbook",
        "kind: [",
        "f:4:1: is not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'",
    );
    check_edit("kind:", "kind: a\nkind:", "f:3:1: has the key \"kind\" twice: remove one");
    check(&"x".repeat(10_000_000), &["f:1:1: is too large: 10000000 bytes, where a ConfigMap holds at most 1048576"]);
}

#[test]
fn windows_labels_breaker_kinds_and_method() {
    let after = |section: &str, line: &str, expected: &str| {
        let expected: Vec<&str> = Some(expected).into_iter().filter(|expected| !expected.is_empty()).collect();
        check(&edited(&[(&format!("  {section}:\n"), &format!("  {section}:\n    {line}\n"))]), &expected);
    };
    let window = |fields: &str, expected: &str| after("guardrails", &format!("maintenanceWindows: [{{{fields}}}]"), expected);
    const AT: &str = "spec.guardrails.maintenanceWindows";
    window("start: \"09:00\", end: \"24:00\", timeZone: UTC, effect: allow", "");
    window(
        "start: 9:00, end: \"17:00\", timeZone: UTC, effect: allow",
        &format!("f:17:34: {AT}[0].start: must be a time of day in quotes, \"00:00 to 23:59\", not \"9:00\""),
    );
    window(
        "start: \"24:00\", end: \"12:01\", timeZone: UTC, effect: allow",
        &format!("f:17:34: {AT}[0].start: must be a time of day in quotes, \"00:00 to 23:59\", not \"24:00\""),
    );
    window(
        "start: \"09:00\", end: \"09:00\", timeZone: UTC, effect: deny",
        &format!("f:17:48: {AT}[0].end: must not be the same as start: for a whole day write 00:00 to 24:00"),
    );
    window(
        "start: \"09:00\", end: \"10:00\", timeZone: Berlin, effect: deny",
        &format!("f:17:67: {AT}[0].timeZone: must be a time zone by its IANA name, such as Europe/Berlin or UTC, not \"Berlin\""),
    );
    window(
        "days: [mon, monday], start: \"09:00\", end: \"10:00\", timeZone: UTC, effect: deny",
        &format!("f:17:39: {AT}[0].days[1]: must be one of mon, tue, wed, thu, fri, sat, sun, not \"monday\""),
    );
    after("guardrails", "maintenanceWindows: []", &format!("f:17:25: {AT}: must have at least one item"));
    after("guardrails", "blockedByAnnotations: {}", "f:17:27: spec.guardrails.blockedByAnnotations: must have at least one entry");
    after(
        "guardrails",
        "blockedByAnnotations: {karpenter.sh/do-not-disrupt: true}",
        "f:17:57: spec.guardrails.blockedByAnnotations[karpenter.sh/do-not-disrupt]: must be text, not the boolean true: write \"true\"",
    );
    after(
        "scope",
        "allowedControllers: [rollout]",
        "f:14:26: spec.scope.allowedControllers[0]: must be a kind and its API group as Kind.group, such as Kafka.kafka.strimzi.io, or the kind \
         alone for the core group, not \"rollout\"",
    );
    after("guardrails", "blockedByLabels: {}", "f:17:22: spec.guardrails.blockedByLabels: must have at least one entry");
    after("guardrails", "circuitBreaker: {}", "");
    after(
        "guardrails",
        "circuitBreaker: {failures: 0}",
        "f:17:32: spec.guardrails.circuitBreaker.failures: must be a whole number from 1 to 10000, not 0",
    );
    after(
        "guardrails",
        "maxUnavailablePercent: 101",
        "f:17:28: spec.guardrails.maxUnavailablePercent: must be a whole number from 1 to 100, not 101",
    );
    after(
        "triggers",
        "allowBareRequest: \"no\"",
        "f:10:23: spec.triggers.allowBareRequest: must be true or false, without quotes, not \"no\"",
    );
    after(
        "scope",
        "workloadKinds: [Pod]",
        "f:14:21: spec.scope.workloadKinds[0]: must be one of Deployment, ReplicaSet, StatefulSet, DaemonSet, not \"Pod\"",
    );
    after("action", "method: drain", "f:22:13: spec.action.method: must be one of delete, evict, not \"drain\"");
}
