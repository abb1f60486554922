use pulldown_cmark::{Event, Options, Parser, Tag};

use super::*;
use crate::core::runbook::parse;

const DEFAULT: &str = include_str!("../../../config/runbook.yaml");

fn of(yaml: &str) -> Runbook {
    parse("f", yaml).unwrap().remove(0)
}

/// The default runbook, changed by text.
#[track_caller]
fn changed(changes: &[(&str, &str)]) -> Runbook {
    of(&changes.iter().fold(DEFAULT.to_owned(), |yaml, (from, to)| {
        assert_eq!(yaml.matches(from).count(), 1, "{from}");
        yaml.replace(from, to)
    }))
}

/// All that a reader may know but the one that changes texts.
fn options() -> Options {
    Options::all().difference(Options::ENABLE_SMART_PUNCTUATION)
}

/// What a page is made of, as a Markdown reader sees it: everything but its texts.
fn structure(page: &str) -> Vec<String> {
    let tags = Parser::new_ext(page, options()).filter_map(|event| match event {
        Event::Start(Tag::Heading { level, .. }) => Some(format!("{level}")),
        Event::Start(tag) => Some(format!("{tag:?}")),
        Event::Html(_) | Event::InlineHtml(_) | Event::FootnoteReference(_) | Event::Rule | Event::InlineMath(_) => {
            Some(format!("{event:?}"))
        }
        _ => None,
    });
    tags.collect()
}

fn text(page: &str) -> String {
    let texts = Parser::new_ext(page, options()).filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.into_string()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn the_contract_is_filled_in() {
    assert_eq!(
        sentence(&of(DEFAULT)),
        "When symptom `CrashLoopBackOff`, `readiness_probe_failed` or `manual_restart_recommended` appears, and root cause `pod_process_hung` \
         or `transient_node_or_container_failure` has a confidence of at least 0.8, and the guardrails below pass, execute \
         `kubectl delete pod ${POD_NAME} -n ${NAMESPACE}`, then verify within 120 seconds that a new pod of the same workload is Ready and stays so \
         for at least 10 seconds (or the workload's minReadySeconds, if more), and as many pods are available as desired."
    );
    let other = changed(&[
        ("[\"pod_process_hung\", \"transient_node_or_container_failure\"]", "[]"),
        ("\"available_replicas_equal_desired_replicas\", ", ""),
        ("timeoutSeconds: 120", "timeoutSeconds: 90\n    stableSeconds: 30"),
        ("-n ${NAMESPACE}\"\n", "-n ${NAMESPACE}\"\n    method: evict\n"),
    ]);
    assert!(sentence(&other).ends_with(
        "and any root cause has a confidence of at least 0.8, and the guardrails below pass, execute `kubectl delete pod ${POD_NAME} -n ${NAMESPACE}` \
         by an eviction, then verify within 90 seconds that a new pod of the same workload is Ready and stays so for at least 30 seconds."
    ));
}

#[test]
fn every_guardrail_is_there_with_its_limit() {
    let page = page(&of(DEFAULT));
    for id in GuardrailId::ALL {
        assert_eq!(page.matches(&format!("`{}`", id.as_str())).count(), 1, "{}", id.as_str());
    }
    // Five that this runbook does not ask for.
    let (_, not_asked) = page.split_once("### Not asked for").unwrap();
    assert_eq!(not_asked.split_once("\n\n").unwrap().1.lines().take_while(|line| line.starts_with("- ")).count(), 5);
    let limits = changed(&[
        ("minimumReadyReplicasWithSameApp: 2", "minimumReadyReplicasWithSameApp: 4"),
        ("maxExecutionsPerHour: 3", "maxExecutionsPerHour: 5"),
        ("cooldownMinutes: 10", "cooldownMinutes: 25"),
        (
            "maxConcurrentActions: 1",
            "maxConcurrentActions: 1\n    maxAffectedServices: 6\n    maxMatchedServices: 7\n    maxUnavailablePercent: 34\n    \
             maintenanceWindows: [{days: [mon], start: \"22:00\", end: \"06:00\", timeZone: Europe/Berlin, effect: deny}]\n    \
             blockedByLabels: {payments-provider-down: \"true\"}\n    blockedByAnnotations: {karpenter.sh/do-not-disrupt: \"true\"}\n    probes: [{name: up, http: {url: \"http://web/ready\"}}]\n    circuitBreaker: {failures: 8, windowMinutes: 45}",
        ),
        ("minimumConfidence: 0.8", "minimumConfidence: 0.8\n    maximumRequestAgeMinutes: 15\n    allowBareRequest: false"),
        ("timeoutSeconds: 120", "timeoutSeconds: 90\n    stableSeconds: 31"),
        ("onVerificationFailure: \"open_incident_and_disable_runbook\"", "onVerificationFailure: open_incident"),
    ]);
    let page = super::page(&limits);
    for words in [
        "At least four lines",
        "Fewer than five executions",
        "more than 25 minutes ago",
        "at most six services have been acted on",
        "At most seven services",
        "at most 34 percent",
        "- `deny mon 22:00 to 06:00 Europe/Berlin`",
        "TZ=Europe/Berlin date",
        "`payments-provider-down=true`",
        "8 failures within 45 minutes stop it for the service",
        "at most 15 minutes ago",
        "alone is not enough",
        "stay for 105 seconds",
        "READY is True for at least 31 seconds",
        "- **The verification fails:** open an incident\n",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("Not asked for"), "{page}");
}

#[test]
fn what_the_author_wrote_is_shown_and_does_nothing() {
    let plain = page(&changed(&[("\"platform-operations\"", "x"), ("notes: \"The pod's", "notes: \"x The pod's")]));
    let tricks = [
        "# Heading",
        "[link](https://evil.example)",
        "![image](https://evil.example/x.png)",
        "<script>alert(1)</script>",
        "<https://evil.example>",
        "`code` ``` fence",
        "**bold** _it_ ~~gone~~",
        "a | b",
        "$$math$$ [^1] &lt; \\\\",
        "- item",
        "1. item",
        "> quote",
        "--- rule",
        "`",
        "``",
        "@team see https://evil.example and www.evil.example",
    ];
    for trick in tricks {
        let quoted = serde_json::to_string(trick).unwrap();
        let runbook = changed(&[
            ("\"platform-operations\"", &quoted),
            ("notes: \"The pod's", "notes: \"x The pod's"),
            ("\"CrashLoopBackOff\"", &quoted),
            ("\"pod_process_hung\"", &quoted),
        ]);
        assert_eq!(structure(&page(&runbook)), structure(&plain), "{trick}");
        assert!(text(&page(&runbook)).contains(trick), "{trick}");
        // Prose, which is of several lines here.
        let mut runbook = of(DEFAULT);
        (runbook.intent, runbook.rollback.notes) = (format!("x\n\n{trick}\n{trick}"), format!("{trick}\n===\n{trick}"));
        assert_eq!(structure(&page(&runbook)), structure(&plain), "{trick}: {}", page(&runbook));
        assert!(text(&page(&runbook)).contains(trick), "{trick}");
    }
    assert_eq!(inert_prose("ask @team at https://x.y or WWW.x.y, a_b\u{1b}"), "ask `@team` at `https://x.y` or `WWW.x.y,` a\\_b\\\\u{1b}");
    assert_eq!((code("a`b"), code("``")), ("``a`b``".to_owned(), "``` `` ```".to_owned()));
}

#[test]
fn a_probe_is_a_question_to_type_and_its_text_leaves_no_quotes() {
    let probes = r#"probes: [{name: up, http: {url: "http://web/ready?x='$(y)'"}}, {name: errors, prometheus: {url: "http://p:9090/", query: "up{a=\"${SERVICE}\",b='${WORKLOAD}'}", atMost: 0.5, samples: 3}}]"#;
    let page = page(&changed(&[("timeoutSeconds: 120", &format!("timeoutSeconds: 120\n    {probes}"))]));
    for line in [
        "Probe `up`: `status 200`.",
        r#"curl --silent --show-error --max-time 5 --write-out '\nstatus %{http_code}\n' 'http://web/ready?x='\''$(y)'\'''"#,
        "Probe `errors`: `at most 0.5 in 3 samples in a row`.",
        r#"for sample in $(seq 3); do curl --silent --show-error --max-time 5 --get --data-urlencode 'query=up{a="'"${SERVICE}"'",b='\'''"${WORKLOAD#*/}"''\''}' 'http://p:9090/api/v1/query'; echo; sleep 15; done"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}: {page}");
    }
}

#[test]
fn an_approval_comes_first_where_one_is_needed() {
    let mode = |mode: &str| page(&changed(&[("decisionMode: \"auto_execute\"", &format!("decisionMode: {mode}"))]));
    assert!(mode("approval_required").contains("First have somebody of `platform-operations` approve it."));
    assert!(mode("suggest").contains("The runbook itself never acts."));
    assert!(!mode("auto_execute").contains("First have"));
}
