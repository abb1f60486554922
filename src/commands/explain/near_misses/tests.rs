//! What is a near miss, what is not, and what is said about it.

use super::services::INSTANCE;
use super::*;
use crate::core::words::default_request_selector;

const ENABLED: &str = label::ENABLED;
const RESTART: &str = label::RESTART;

fn pairs(pairs: &[(&str, &str)]) -> TextPairs {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Labels; their keys begin with `@` for an annotation, `^` for a label and `^@` for an annotation of the template.
fn object(kind: NearKind, name: &str, written: &[(&str, &str)]) -> Object {
    let of = |mark: &str| {
        let own = written.iter().filter_map(|(key, value)| Some((key.strip_prefix(mark)?, *value)));
        pairs(&own.filter(|(key, _)| !key.starts_with(['@', '^'])).collect::<Vec<_>>())
    };
    Object {
        kind,
        name: name.to_owned(),
        labels: of(""),
        annotations: of("@"),
        template_labels: of("^"),
        template_annotations: of("^@"),
        controller: (kind == NearKind::Pod).then(|| (NearKind::ReplicaSet, "web-7f".to_owned())),
    }
}

fn with_words<T>(pod: Option<&str>, change: impl FnOnce(&mut Words<'_>), act: impl FnOnce(&Words<'_>) -> T) -> T {
    let selector = default_request_selector();
    let opt_in = vec![pairs(&[(ENABLED, "true")])];
    let mut words = Words { namespace: "shop", selector: &selector, service_label: "app", opt_in, others: BTreeSet::new(), pod };
    change(&mut words);
    act(&words)
}

/// What is said of a pod whose Deployment has this written on it.
fn of_pod(written: &[(&str, &str)], on_deployment: &[(&str, &str)]) -> Vec<NearMiss> {
    with_words(
        None,
        |_| {},
        |words| {
            let behind = words.behind(&object(NearKind::Deployment, "web", on_deployment));
            let workloads = Workloads::from([((NearKind::ReplicaSet, "web-7f".to_owned()), behind)]);
            words.of_pod(&object(NearKind::Pod, "web-1", written), &workloads)
        },
    )
}

fn of_deployment(written: &[(&str, &str)]) -> Vec<NearMiss> {
    with_words(None, |_| {}, |words| words.of_workload(&object(NearKind::Deployment, "web", written)))
}

/// One near miss: what is seen, why it does not count, and the command behind `kubectl -n shop `.
#[track_caller]
fn one(misses: &[NearMiss], seen: &str, why: &str, command: &str) {
    assert_eq!(misses.len(), 1, "{misses:?}");
    let miss = &misses[0];
    assert_eq!(miss.seen, seen);
    assert!(miss.advice.starts_with(&format!("{why}: ")), "{}", miss.advice);
    let expected = command.split(" && ").map(|command| format!("kubectl -n shop {command}")).collect::<Vec<_>>().join(" && ");
    assert_eq!(miss.command.as_deref().unwrap_or_default(), if command.is_empty() { "" } else { &expected });
}

#[test]
fn a_request_with_another_value_or_under_another_name() {
    let set = format!("label pod/web-1 {RESTART}=true --overwrite");
    for value in ["True", "TRUE", "yes", "1", "", "now", "2026-11-23"] {
        one(&of_pod(&[(RESTART, value)], &[]), &format!("label {RESTART}=\"{value}\""), "only the exact value counts", &set);
    }
    for key in ["remediator.kubedojo.io/Restart", "remediator.kubedojo.io/restarts", "remediator.kubedojo.com/restart", "restart"] {
        let command = format!("label pod/web-1 {key}- {RESTART}=true");
        one(&of_pod(&[(key, "true")], &[]), &format!("label {key}=\"true\""), "the key is misspelt", &command);
    }
    let command = format!("label pod/web-1 {RESTART}=true && annotate pod/web-1 {RESTART}-");
    one(
        &of_pod(&[(&format!("@{RESTART}"), "true")], &[]),
        &format!("annotation {RESTART}=\"true\""),
        "an annotation is no label",
        &command,
    );
    let unknown = of_pod(&[("remediator.kubedojo.io/delete-me-please", "true")], &[]);
    assert!(unknown[0].advice.ends_with(&format!("a pod asks if it matches {RESTART}=true")), "{unknown:?}");
}

#[test]
fn what_is_meant_as_it_stands_is_no_near_miss() {
    let fine: [&[(&str, &str)]; 9] = [
        &[(RESTART, "true")],
        &[(RESTART, "false")],
        &[(RESTART, "No")],
        &[("restart", "always"), ("enabled", "false"), ("app", "web"), ("example.com/restart", "true")],
        &[("@restart", "on-failure"), ("@example.com/symptoms", "x")],
        // The request stands, whatever else is there.
        &[(RESTART, "true"), ("@remediator.kubedojo.io/restart", "true"), ("restart", "true")],
        &[("@remediator.kubedojo.io/symptom", "memory_leak"), ("@remediator.kubedojo.io/requested-at", "2026-11-23T10:00:00Z")],
        &[(ENABLED, "false")],
        &[],
    ];
    for written in fine {
        assert_eq!(of_pod(written, &[]), [], "{written:?}");
    }
    let fine: [&[(&str, &str)]; 5] = [
        &[(ENABLED, "true"), ("@remediator.kubedojo.io/owner", "payments")],
        &[(ENABLED, "false")],
        // Charts write the same labels in both places.
        &[(ENABLED, "true"), ("^remediator.kubedojo.io/enabled", "true"), ("@remediator.kubedojo.io/enabled", "true")],
        &[("app", "web"), ("^app", "web"), ("@deployment.kubernetes.io/revision", "1")],
        &[],
    ];
    for written in fine {
        assert_eq!(of_deployment(written), [], "{written:?}");
    }
}

#[test]
fn an_opt_in_with_another_value_or_in_another_place() {
    let set = format!("label deployment/web {ENABLED}=true");
    for value in ["True", "yes", "1", "enabled"] {
        let seen = format!("label {ENABLED}=\"{value}\"");
        one(&of_deployment(&[(ENABLED, value)]), &seen, "only the exact value counts", &format!("{set} --overwrite"));
    }
    let misspelt = format!("label deployment/web remediator.kubedojo.io/enable- {ENABLED}=true");
    one(
        &of_deployment(&[("remediator.kubedojo.io/enable", "true")]),
        "label remediator.kubedojo.io/enable=\"true\"",
        "the key is misspelt",
        &misspelt,
    );
    let annotated = format!("{set} && annotate deployment/web {ENABLED}-");
    let seen = format!("annotation {ENABLED}=\"true\"");
    one(&of_deployment(&[(&format!("@{ENABLED}"), "true")]), &seen, "an annotation is no label", &annotated);
    let seen = format!("label {ENABLED}=\"true\" in the pod template");
    one(&of_deployment(&[(&format!("^{ENABLED}"), "true")]), &seen, "it is in the pod template", &set);
    // On a pod it is worth a word where its workload has none, and its template has none either.
    one(&of_pod(&[(ENABLED, "true")], &[]), &format!("label {ENABLED}=\"true\""), "it is on the pod", &set);
    assert_eq!(of_pod(&[(ENABLED, "true")], &[(ENABLED, "true")]), []);
    assert_eq!(of_pod(&[(ENABLED, "true")], &[(&format!("^{ENABLED}"), "true")]), []);
    // A workload that could not be read may have opted in.
    let unread = with_words(None, |_| {}, |words| words.of_pod(&object(NearKind::Pod, "x", &[(ENABLED, "true")]), &Workloads::new()));
    assert_eq!(unread, []);
}

#[test]
fn a_request_on_a_workload() {
    let away = format!("label deployment/web {RESTART}-");
    let seen = format!("label {RESTART}=\"true\"");
    one(&of_deployment(&[(RESTART, "true")]), &seen, "it is on the workload", &away);
    let set_set = with_words(Some("web-1"), |_| {}, |words| words.of_workload(&object(NearKind::StatefulSet, "db", &[(RESTART, "true")])));
    one(&set_set, &seen, "it is on the workload", &format!("label pod/web-1 {RESTART}=true && label statefulset/db {RESTART}-"));
    let annotated = of_deployment(&[(&format!("@{RESTART}"), "yes")]);
    one(&annotated, &format!("annotation {RESTART}=\"yes\""), "it is on the workload", &format!("annotate deployment/web {RESTART}-"));
    let patch = r#"patch deployment/web --type json -p '[{"op": "remove", "path": "/spec/template/metadata/labels/remediator.kubedojo.io~1restart"}]'"#;
    let why = "in the template it would make every pod ask, and every replacement";
    one(&of_deployment(&[(&format!("^{RESTART}"), "true")]), &format!("{seen} in the pod template"), why, patch);
}

#[test]
fn evidence_that_is_misspelt_or_no_annotation_or_elsewhere() {
    let symptom = annotation::SYMPTOM;
    let misspelt = "remediator.kubedojo.io/symptoms";
    let command = format!("annotate pod/web-1 {misspelt}- {symptom}='it'\\''s slow'");
    let found = of_pod(&[(&format!("@{misspelt}"), "it's slow"), (RESTART, "true")], &[]);
    one(&found, &format!("annotation {misspelt}=\"it's slow\""), "the key is misspelt", &command);
    let found = of_pod(&[("@remediator.kubedojo.io/probable_cause", "leak")], &[]);
    let command = "annotate pod/web-1 remediator.kubedojo.io/probable_cause- remediator.kubedojo.io/probable-cause='leak'";
    one(&found, "annotation remediator.kubedojo.io/probable_cause=\"leak\"", "the key is misspelt", command);
    // What is there already is not overwritten.
    let both = of_pod(&[(&format!("@{misspelt}"), "a"), (&format!("@{symptom}"), "b")], &[]);
    one(&both, &format!("annotation {misspelt}=\"a\""), "the key is misspelt", &format!("annotate pod/web-1 {misspelt}-"));
    let command = format!("annotate pod/web-1 {symptom}='oom' && label pod/web-1 {symptom}-");
    one(&of_pod(&[(symptom, "oom")], &[]), &format!("label {symptom}=\"oom\""), "a label is no annotation", &command);
    let on_workload = of_deployment(&[(&format!("@{symptom}"), "oom")]);
    one(&on_workload, &format!("annotation {symptom}=\"oom\""), "it is on the workload", &format!("annotate deployment/web {symptom}-"));
    let owner = annotation::OWNER;
    let command = format!("annotate deployment/web {owner}='payments' && annotate pod/web-1 {owner}-");
    one(&of_pod(&[(&format!("@{owner}"), "payments")], &[]), &format!("annotation {owner}=\"payments\""), "it is on the pod", &command);
}

#[test]
fn settings_and_runbooks_say_what_counts() {
    let selector = "team.example/restart=now,!frozen".parse().unwrap();
    let own = |words: &mut Words<'_>| {
        words.opt_in = vec![pairs(&[("team.example/automation", "on")]), pairs(&[(ENABLED, "true"), ("tier", "front")])];
        words.others = BTreeSet::from(["remediator.kubedojo.io/hold".to_owned()]);
    };
    let of = |written: &[(&str, &str)]| with_words(None, own, |words| words.of_workload(&object(NearKind::Deployment, "web", written)));
    assert_eq!(of(&[("remediator.kubedojo.io/hold", "true"), ("tier", "back")]), []);
    assert_eq!(of(&[("team.example/automation", "on"), (ENABLED, "yes")]), [], "one runbook has its opt-in");
    one(
        &of(&[("team.example/automation", "ON")]),
        "label team.example/automation=\"ON\"",
        "only the exact value counts",
        "label deployment/web team.example/automation=on --overwrite",
    );
    // A selector that is no one label leaves nothing to compare with.
    let misses = with_words(
        None,
        |_| {},
        |words| {
            let words = Words { selector: &selector, opt_in: words.opt_in.clone(), others: BTreeSet::new(), ..*words };
            words.of_pod(&object(NearKind::Pod, "web-1", &[("team.example/restart", "later"), ("frozen", "true")]), &Workloads::new())
        },
    );
    assert_eq!(misses, []);
    let selector = "team.example/restart=now".parse().unwrap();
    let misses = with_words(
        None,
        |_| {},
        |words| {
            let words = Words { selector: &selector, opt_in: words.opt_in.clone(), others: BTreeSet::new(), ..*words };
            words.of_pod(&object(NearKind::Pod, "web-1", &[(RESTART, "true")]), &Workloads::new())
        },
    );
    let command = format!("label pod/web-1 {RESTART}- team.example/restart=now");
    one(&misses, &format!("label {RESTART}=\"true\""), "the key is misspelt", &command);
}

fn of_services(service_label: &str, pods: &[&[(&str, &str)]]) -> Vec<NearMiss> {
    let mut services = Services::default();
    for (index, written) in pods.iter().enumerate() {
        services.add(&object(NearKind::Pod, &format!("pod-{index}"), written), service_label);
    }
    with_words(None, |_| {}, |words| Words { service_label, opt_in: Vec::new(), others: BTreeSet::new(), ..*words }.of_services(services))
}

#[test]
fn a_service_under_another_label() {
    for label in ["k8s-app", "control-plane", "app.kubernetes.io/component", "name", "run", INSTANCE] {
        let misses = of_services("app", &[&[("app", "web")], &[(label, "dns"), ("pod-template-hash", "7f")], &[(label, "dns")]]);
        assert_eq!(misses.len(), 1, "{misses:?}");
        let NearMiss { object, seen, advice, command } = &misses[0];
        assert_eq!((object.as_str(), seen), ("pod/pod-1", &format!("label {label}=\"dns\", and neither app nor app.kubernetes.io/name")));
        assert!(advice.starts_with(&format!("it belongs to no service: set SERVICE_LABEL (--service-label) to {label}, if ")), "{advice}");
        assert_eq!(command.as_deref(), Some(format!("pod-remediator explain pod-1 -n shop --service-label {label}").as_str()));
    }
    // The most telling one is named, and the fallback makes a service.
    assert!(of_services("app", &[&[("name", "a"), ("k8s-app", "b")]])[0].seen.starts_with("label k8s-app="));
    assert!(of_services("team/service", &[&[("app", "web")]])[0].seen.starts_with("label app="));
    assert_eq!(of_services("app", &[&[("app.kubernetes.io/name", "web"), ("k8s-app", "web")], &[("k8s-app", "")], &[]]), []);
}

#[test]
fn releases_that_share_a_service() {
    let chart = "app.kubernetes.io/name";
    let two: [&[(&str, &str)]; 3] =
        [&[(chart, "redis"), (INSTANCE, "cache")], &[(chart, "redis"), (INSTANCE, "sessions")], &[(chart, "redis"), (INSTANCE, "cache")]];
    let misses = of_services("app", &two);
    assert_eq!(misses.len(), 1, "{misses:?}");
    assert_eq!(misses[0].object, "service app.kubernetes.io/name=redis");
    assert_eq!(misses[0].seen, format!("its pods have several values of {INSTANCE}: \"cache\", \"sessions\""));
    assert!(misses[0].advice.ends_with(&format!("consider setting SERVICE_LABEL (--service-label) to {INSTANCE}")), "{misses:?}");
    assert_eq!(of_services(INSTANCE, &two), []);
    assert_eq!(of_services("app", &two[..1]), []);
    let apart: [&[(&str, &str)]; 2] = [&[("app", "a"), (INSTANCE, "x")], &[("app", "b"), (INSTANCE, "y")]];
    assert_eq!(of_services("app", &apart), []);
}

#[test]
fn what_is_said_is_inert_and_what_is_typed_is_safe() {
    let hostile = "x'; rm -rf / #\n\u{1b}[31m\u{202e}";
    let misses = of_pod(&[("@remediator.kubedojo.io/symptoms", hostile), ("@remediator.kubedojo.io/incidents", "$(reboot)'")], &[]);
    assert_eq!(misses.len(), 2);
    for miss in &misses {
        let all = format!("{} {} {} {}", miss.object, miss.seen, miss.advice, miss.command.as_deref().unwrap_or_default());
        assert!(all.chars().all(crate::core::words::is_harmless), "{all:?}");
    }
    assert!(misses[0].command.as_deref().unwrap().ends_with("/incident='$(reboot)'\\'''"), "{misses:?}");
    assert!(misses[1].command.as_deref().unwrap().ends_with("/symptom=VALUE"), "{misses:?}");
    let long = of_pod(&[("@remediator.kubedojo.io/symptoms", &"x".repeat(100_000))], &[]);
    assert!(long[0].seen.len() < 200 && long[0].command.as_deref().unwrap().ends_with("=VALUE"), "{long:?}");
}
