//! `check` names what a run lacks, and what it has in excess; it changes nothing.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::fixture::{Lab, STATE};
use crate::proxy::serve_tls;
use crate::receiver::{Receiver, SECRET};
use crate::remediator::Runbook;
use crate::told::Told;
use crate::web_server::free_port;

/// The details of the findings of one level, on one matter.
fn details(told: &Told, level: &str, what: &str) -> Vec<String> {
    let found = told.json()["findings"].as_array().unwrap().clone();
    let of = found.into_iter().filter(|finding| finding["level"] == level && finding["what"] == what);
    of.map(|finding| finding["detail"].as_str().unwrap().to_owned()).collect()
}

/// A namespace with the manifests' ServiceAccount, and its kubeconfig.
fn installed(name: &str) -> (Lab, PathBuf) {
    let lab = Lab::new(name);
    lab.install_role();
    let account = lab.service_account();
    (lab, account)
}

/// Changes the Role by a JSON patch.
fn patch_role(lab: &Lab, patch: &Value) {
    lab.kubectl(&["patch", "role", "pod-remediator", "--type", "json", "--patch", &patch.to_string()]);
}

/// The ServiceAccount's, as if in its pod.
fn inside(lab: &Lab, account: &std::path::Path) -> Told {
    lab.asks(&["check", "-o", "json"]).by(account).env("POD_UID", "u").tells()
}

#[test]
fn the_manifests_are_just_right_and_looking_changes_nothing() {
    let (lab, account) = installed("check-fine");
    let told = inside(&lab, &account);
    assert_eq!(told.exit, 0, "{told:?}");
    let findings = told.json()["findings"].as_array().unwrap().clone();
    assert!(findings.iter().all(|finding| finding["level"] == "ok"), "{told:?}");
    let about: Vec<&Value> = findings.iter().map(|finding| &finding["what"]).collect();
    assert_eq!(about, ["runbook", "API server", "clock", "permissions", "permissions", "ledger"], "{told:?}");
    assert!(details(&told, "ok", "API server")[0].contains(&lab.user()));
    assert!(details(&told, "ok", "runbook")[0].contains(&format!("in namespaces {}", lab.namespace)));
    let calls = lab.audited_of(&lab.user());
    let harmless = |line: &Value| {
        ["get", "list"].iter().any(|verb| line["verb"] == *verb)
            || line["objectRef"]["resource"].as_str().unwrap().starts_with("selfsubject")
    };
    assert!(!calls.is_empty() && calls.iter().all(harmless), "{calls:?}");

    let text = lab.asks(&["check"]).by(&account).env("POD_UID", "u").tells();
    assert!(text.exit == 0 && text.out.contains("zero problems, zero warnings"), "{text:?}");
    let mut both = [told.json(), lab.asks(&["check", "-o", "yaml"]).by(&account).env("POD_UID", "u").tells().yaml()];
    for told in &mut both {
        told["now"] = Value::Null;
        told["findings"].as_array_mut().unwrap().retain(|finding| finding["what"] != "clock");
    }
    assert_eq!(both[0], both[1]);
}

#[test]
fn what_is_missing_is_named_as_a_run_names_it() {
    let (lab, account) = installed("check-missing");
    patch_role(&lab, &json!([{"op": "replace", "path": "/rules/0/verbs", "value": ["get", "list", "watch"]}]));
    let told = inside(&lab, &account);
    assert_eq!(told.exit, 2, "{told:?}");
    assert_eq!(details(&told, "problem", "permission missing"), ["delete pods (to replace a pod)"]);
    lab.kubectl(&["delete", "rolebinding", "--all"]);
    let told = inside(&lab, &account);
    assert_eq!(told.exit, 2, "{told:?}");
    assert!(details(&told, "problem", "permission missing").len() > 5, "{told:?}");
    assert!(details(&told, "problem", "ledger")[0].contains("not permitted"), "{told:?}");
}

#[test]
fn what_is_in_excess_is_named_a_problem_inside_and_a_warning_outside() {
    let (lab, account) = installed("check-excess");
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    patch_role(
        &lab,
        &json!([
            {"op": "add", "path": "/rules/-", "value": rule("", "secrets", &["get"])},
            {"op": "add", "path": "/rules/-", "value": rule("apps", "*", &["*"])},
            {"op": "add", "path": "/rules/-", "value": rule("", "pods", &["patch"])},
        ]),
    );
    let named = ["get secrets", "every verb on every resource of API group apps", "patch pods"];
    let told = inside(&lab, &account);
    assert_eq!(told.exit, 2, "{told:?}");
    let problems = details(&told, "problem", "permission in excess");
    for excess in named {
        let expected = format!("{excess} in namespace {}", lab.namespace);
        assert!(problems.contains(&expected), "{expected}: {told:?}");
    }
    assert_eq!(problems.len(), named.len(), "{told:?}");
    let told = lab.asks(&["check", "-o", "json"]).by(&account).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    assert_eq!(details(&told, "warning", "permission in excess"), problems);
}

#[test]
fn deleting_elsewhere_is_the_worst_of_it() {
    let (lab, account) = installed("check-elsewhere");
    let subject = format!("--serviceaccount={}:pod-remediator", lab.namespace);
    let name = format!("{}-deleter", lab.namespace);
    let role = ["create", "clusterrole", &name, "--verb=delete", "--resource=pods"];
    lab.kubectl(&role);
    // Bound in one other namespace, then everywhere. Cluster-wide objects have to be removed by name.
    let bind = |arguments: &[&str]| lab.kubectl(&[&["create"], arguments, &[&format!("--clusterrole={name}"), &subject]].concat());
    let (of_default, of_all) = (["rolebinding", &name, "--namespace=default"], ["clusterrolebinding", &name]);
    bind(&of_default);
    let told = inside(&lab, &account);
    lab.kubectl(&["delete", "rolebinding", &name, "--namespace=default"]);
    bind(&of_all);
    let everywhere = inside(&lab, &account);
    lab.kubectl(&["delete", "clusterrolebinding,clusterrole", &name]);
    assert_eq!((told.exit, everywhere.exit), (2, 2), "{told:?}");
    assert_eq!(details(&told, "problem", "permission in excess"), ["delete pods in namespace default"]);
    assert_eq!(details(&everywhere, "problem", "permission in excess"), ["delete pods in every namespace"]);
}

#[test]
fn an_administrator_has_everything_in_excess_and_is_told_so() {
    let lab = Lab::new("check-admin");
    let told = lab.asks(&["check", "-o", "json"]).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    let excess = details(&told, "warning", "permission in excess");
    assert!(excess.iter().any(|one| one.starts_with("every verb on every resource of every API group")), "{told:?}");
    assert!(excess.contains(&"get secrets in every namespace".to_owned()), "{told:?}");
    assert!(details(&told, "warning", "permissions")[0].contains("no POD_UID"), "{told:?}");
}

#[test]
fn a_ledger_that_cannot_be_trusted_is_4_and_runbooks_are_2() {
    let (lab, account) = installed("check-ledger");
    let elsewhere = lab.asks_with(&Runbook::of("elsewhere"), &["check", "-o", "json"]).by(&account).tells();
    assert_eq!(elsewhere.exit, 0, "{elsewhere:?}");
    assert!(details(&elsewhere, "warning", "runbook")[0].starts_with(&format!("none allows namespace {}", lab.namespace)));
    let wrong = lab.runbook().with("guardrails", "cooldownMinutes", 0);
    let wrong = lab.asks_with(&wrong, &["check", "-o", "json"]).by(&account).tells();
    assert_eq!(wrong.exit, 2, "{wrong:?}");
    assert!(details(&wrong, "problem", "runbook")[0].contains("spec.guardrails.cooldownMinutes"), "{wrong:?}");

    let garbage = json!({"data": {"ledger.json": "{\"schemaVersion\": 1, \"ledg"}}).to_string();
    lab.kubectl(&["patch", "configmap", STATE, "--type", "merge", "--patch", &garbage]);
    let version = || lab.state()["metadata"]["resourceVersion"].clone();
    let before = version();
    let told = inside(&lab, &account);
    assert_eq!(told.exit, 4, "{told:?}");
    let problem = &details(&told, "problem", "ledger")[0];
    assert!(problem.contains("it cannot be parsed") && problem.contains("kubectl create configmap"), "{told:?}");
    assert_eq!(version(), before);
}

#[test]
fn an_api_server_that_cannot_be_reached_is_1() {
    let (lab, account) = installed("check-nobody");
    let text = std::fs::read_to_string(&account).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:1");
    std::fs::write(&account, config.to_string()).unwrap();
    let told = inside(&lab, &account);
    assert_eq!(told.exit, 1, "{told:?}");
    assert_eq!(details(&told, "problem", "API server").len(), 1, "{told:?}");
    assert_eq!(details(&told, "ok", "runbook").len(), 1, "what can be told without it is told: {told:?}");
}

#[test]
fn an_open_breaker_of_one_service_is_told_with_the_command_that_resets_no_other() {
    let lab = Lab::new("check-breaker");
    let opening = |service: &str| json!({"at": "2026-01-01T00:00:00Z", "runbook": "replace-redundant-pod", "service": service, "event": "opened", "cause": "it failed", "actor": "a"});
    let stored = json!({"schemaVersion": 2, "ledger": {"executions": [], "breaker": [opening("cart"), opening("web")]}});
    let patch = json!({"data": {"ledger.json": stored.to_string()}}).to_string();
    lab.kubectl(&["patch", "configmap", STATE, "--type", "merge", "--patch", &patch]);
    let told = details(&lab.asks(&["check", "-o", "json"]).tells(), "warning", "circuit breaker");
    assert_eq!(told.len(), 2, "{told:?}");
    let (_, command) = told[1].split_once("fix the cause, then close it: ").unwrap();
    assert_eq!(command, format!("pod-remediator reset-breaker replace-redundant-pod --service web -n {} --reason '…'", lab.namespace));
    // Followed, it resets that one.
    let pasted = command.replacen("pod-remediator", env!("CARGO_BIN_EXE_pod-remediator"), 1);
    let reset = std::process::Command::new("sh").args(["-c", &pasted]).output().unwrap();
    assert!(reset.status.success(), "{reset:?}");
    let left = details(&lab.asks(&["check", "-o", "json"]).tells(), "warning", "circuit breaker");
    assert_eq!(left, told[..1]);
}

#[test]
fn the_webhook_is_connected_to_and_sent_nothing() {
    let (lab, receiver) = (Lab::new("check-webhook"), Receiver::new());
    let (secure, certificate) = serve_tls(&lab);
    let nobody = free_port();
    let trusted = certificate.to_str().unwrap();
    for (url, trusted, level, detail) in [
        (receiver.url(), "", "ok", format!("localhost:{} accepts connections; no request was sent", receiver.port())),
        (
            format!("https://127.0.0.1:{secure}{SECRET}"),
            trusted,
            "ok",
            format!("127.0.0.1:{secure} accepts connections; no request was sent"),
        ),
        (format!("https://127.0.0.1:{secure}{SECRET}"), "", "warning", format!("127.0.0.1:{secure} cannot be notified: cannot connect: ")),
        (format!("http://127.0.0.1:{nobody}{SECRET}"), "", "warning", format!("127.0.0.1:{nobody} cannot be notified: cannot connect: ")),
    ] {
        let asking = lab.asks(&["check", "-o", "json"]).env("NOTIFY_URL", &url);
        let asking = if trusted.is_empty() { asking } else { asking.env("SSL_CERT_FILE", trusted) };
        let told = asking.tells();
        assert_eq!(told.exit, 0, "{told:?}");
        let found = details(&told, level, "webhook");
        assert!(found.len() == 1 && found[0].starts_with(&detail), "{detail}: {told:?}");
        for secret in [SECRET, "T0SECRET", "b0secret", "s3cr3t"] {
            assert!(!told.out.contains(secret) && !told.errors.contains(secret), "{told:?}");
        }
    }
    let got = receiver.got();
    assert!(got.len() == 1 && got[0].line.is_empty() && got[0].body.is_empty(), "one connection, and not a byte: {got:?}");
}
