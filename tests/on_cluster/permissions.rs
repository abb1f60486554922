//! The Role in manifests/base is what a run needs: with it everything works, and without a part of it nothing is touched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::audit_log::code;
use crate::fixture::Lab;
use crate::workloads::{daemon_set, deployment, pod_spec, stateful_set};

impl Lab {
    /// The ServiceAccount, Role and RoleBinding of manifests/base, here.
    pub(crate) fn install_role(&self) {
        self.install_role_of("manifests/base");
    }

    /// Those of some kustomization of ours.
    pub(crate) fn install_role_of(&self, folder: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let all = self.kubectl(&["kustomize", folder.to_str().unwrap()]);
        let kinds = ["ServiceAccount", "Role", "RoleBinding"].map(|kind| format!("\nkind: {kind}\n"));
        let wanted = |part: &&str| kinds.iter().any(|kind| format!("\n{part}").contains(kind));
        let parts: Vec<&str> = all.split("\n---\n").filter(wanted).collect();
        assert_eq!(parts.len(), 3, "{all}");
        let here = format!("namespace: {}", self.namespace);
        self.apply_text(
            &["default", "aiops-remediation-lab"]
                .iter()
                .fold(parts.join("\n---\n"), |text, namespace| text.replace(&format!("namespace: {namespace}"), &here)),
        );
    }

    /// A kubeconfig with nothing but a token of that ServiceAccount.
    pub(crate) fn service_account(&self) -> PathBuf {
        self.kubeconfig_of("pod-remediator")
    }

    /// A kubeconfig with nothing but a token of this ServiceAccount.
    pub(crate) fn kubeconfig_of(&self, account: &str) -> PathBuf {
        let token = self.kubectl(&["create", "token", account]);
        let mut config: Value = serde_json::from_str(&self.kubectl(&["config", "view", "--raw", "--minify", "--output", "json"])).unwrap();
        let user = config["contexts"][0]["context"]["user"].clone();
        config["users"] = json!([{"name": user, "user": {"token": token.trim()}}]);
        let file = self.folder.join(format!("{account}.kubeconfig"));
        std::fs::write(&file, config.to_string()).unwrap();
        file
    }

    /// That ServiceAccount, as the API server names it.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:pod-remediator", self.namespace)
    }
}

/// Verb and resource, of each rule of the Role.
fn granted(role: &Value) -> BTreeSet<(String, String)> {
    let words = |list: &Value| list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let pairs = |rule: &Value| {
        let verbs = words(&rule["verbs"]);
        words(&rule["resources"])
            .into_iter()
            .flat_map(move |resource| verbs.clone().into_iter().map(move |verb| (verb, resource.clone())))
            .collect::<Vec<_>>()
    };
    role["rules"].as_array().unwrap().iter().flat_map(pairs).collect()
}

#[test]
fn the_role_of_the_manifests_is_enough_and_all_of_it_is_used() {
    let lab = Lab::new("role");
    lab.install_role();
    let mut web = deployment("web", 2);
    lab.claim("data");
    pod_spec(&mut web)["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    lab.roll_out(&web);
    lab.roll_out(&stateful_set("db", 2, "Parallel"));
    let agent = daemon_set("agent");
    lab.apply(&agent);
    lab.daemons_are_available("agent");
    let pods = ["web", "db", "agent"].map(|name| lab.ask_for_one(name));
    // Everything that a runbook can make a run read.
    let runbook = lab.runbook().with("guardrails", "maxAffectedServices", 3).with("guardrails", "blockedByLabels", "{incident: \"true\"}");
    let runbook = runbook.with("scope", "workloadKinds", "[Deployment, StatefulSet, DaemonSet]");
    let run = lab.remediator_with(&runbook).by(&lab.service_account()).run();
    assert_eq!(run.exit, 0, "{run:?}");
    for pod in &pods {
        assert_eq!(run.outcome(pod)["verification"]["result"], "verified", "{run:?}");
    }
    let calls: Vec<Value> = lab.audited().into_iter().filter(|line| line["user"]["username"] == *lab.user()).collect();
    let refused: Vec<&Value> = calls.iter().filter(|line| code(line) == 403).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let used: BTreeSet<_> = calls.iter().map(|line| (text(&line["verb"]), text(&line["objectRef"]["resource"]))).collect();
    let granted = granted(&lab.get(&["role", "pod-remediator"]));
    assert!(used.is_subset(&granted), "used {used:?}, granted {granted:?}");
    // To see whether the holder of somebody else's intent lives: used when there is one.
    let elsewhere = BTreeSet::from([("get".to_owned(), "pods".to_owned())]);
    let idle: Vec<_> = granted.difference(&used).filter(|pair| !elsewhere.contains(pair)).collect();
    assert!(idle.is_empty(), "granted and never used: {idle:?}");
}

#[test]
fn a_missing_permission_is_named_and_nothing_is_touched() {
    let lab = Lab::new("no-delete");
    lab.install_role();
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let account = lab.service_account();
    let role = lab.get(&["role", "pod-remediator"]);
    let pods = role["rules"].as_array().unwrap().iter().position(|rule| rule["resources"] == json!(["pods"])).unwrap();
    let without_delete = json!([{"op": "replace", "path": format!("/rules/{pods}/verbs"), "value": ["get", "list", "watch"]}]);
    lab.kubectl(&["patch", "role", "pod-remediator", "--type", "json", "--patch", &without_delete.to_string()]);
    let run = lab.remediator().by(&account).run();
    assert_eq!(run.exit, 2, "{run:?}");
    assert!(run.errors.contains("delete pods"), "{run:?}");
    assert_eq!(lab.writes().iter().filter(|line| line["objectRef"]["resource"] != "selfsubjectrulesreviews").count(), 0);
    assert_eq!(lab.state()["data"], Value::Null);
    lab.untouched(&target);

    // Not even the ledger may be read: the server's own refusal says so.
    lab.kubectl(&["delete", "rolebinding", "--all"]);
    let run = lab.remediator().by(&account).run();
    assert_eq!(run.exit, 2, "{run:?}");
    assert!(run.errors.contains("get configmaps") && run.errors.contains("cannot get resource"), "{run:?}");
    lab.untouched(&target);
}

#[test]
fn a_token_that_the_server_does_not_accept_is_a_matter_of_configuration() {
    let lab = Lab::new("bad-token");
    lab.install_role();
    let account = lab.service_account();
    let text = std::fs::read_to_string(&account).unwrap().replace("\"token\":\"", "\"token\":\"x");
    std::fs::write(&account, text).unwrap();
    let run = lab.remediator().by(&account).run();
    assert_eq!(run.exit, 2, "{run:?}");
    assert!(run.errors.contains("does not accept our credentials"), "{run:?}");
}

#[test]
fn without_a_cluster_it_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-remediator"));
    let runbook = concat!(env!("CARGO_MANIFEST_DIR"), "/config/runbook.yaml");
    let output = command.env_clear().args(["run", "--log-format", "text", "--runbooks", runbook]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no way to reach a cluster"), "{output:?}");
}
