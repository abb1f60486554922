//! The rules of the house that a compiler does not know.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod imports;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory of the repository whose name ends so.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), ending, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no {ending} in {folder}");
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The code of a file, without its tests and without comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    let name = name(path);
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

fn files_of_core() -> Vec<PathBuf> {
    files("src/core", ".rs").into_iter().filter(|path| !is_test(path)).collect()
}

#[test]
fn the_core_imports_nothing_but_itself_and_what_does_no_io() {
    // To read YAML, to tell near words apart, to digest: pure functions, all of them.
    let foreign: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("serde", &[][..]),
        ("jiff", &[]),
        ("thiserror", &[]),
        ("serde_json", &["src/core/ledger/codec.rs"]),
        ("serde_saphyr", &["src/core/runbook/node.rs"]),
        ("strsim", &["src/core/near.rs"]),
        ("sha2", &["src/core/canonical.rs"]),
    ]);
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let crates: Vec<String> = section
        .lines()
        .filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_")))
        .filter(|name| !name.starts_with('#'))
        .collect();
    assert!(crates.contains(&"kube".to_owned()), "{crates:?}");
    let mut wrong = Vec::new();
    for path in files_of_core() {
        let (file, code) = (name(&path), code(&path));
        for import in code.split("crate::").skip(1).filter(|import| !import.starts_with("core::")) {
            let import = import.split([';', '{', '(', ' ']).next().unwrap_or_default();
            wrong.push(format!("{file} uses crate::{import}, which is no part of the core"));
        }
        for name in &crates {
            let used = code.contains(&format!("{name}::")) || code.contains(&format!("use {name};"));
            let allowed = foreign.get(name.as_str()).is_some_and(|only| only.is_empty() || only.contains(&file.as_str()));
            if used && !allowed {
                wrong.push(format!("{file} uses {name}"));
            }
        }
        for word in [
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "ToSocketAddrs",
            "std::process",
            "std::env",
            "std::io",
            "Instant",
            "SystemTime",
            "tracing",
            "println!",
            "async fn",
        ] {
            if code.contains(word) {
                wrong.push(format!("{file} has {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_clock_is_read_in_one_place() {
    // clippy.toml disallows the functions; this holds that nobody allows them again elsewhere.
    let allows = |path: &PathBuf| std::fs::read_to_string(path).unwrap().contains("disallowed_methods");
    let all: Vec<String> = files("src", ".rs").iter().filter(|path| allows(path)).map(|path| name(path)).collect();
    assert_eq!(all, ["src/outside/clock.rs"]);
    let disallowed = std::fs::read_to_string(root().join("clippy.toml")).unwrap();
    for function in ["std::time::Instant::now", "std::time::SystemTime::now", "jiff::Timestamp::now", "tokio::time::Instant::now"] {
        assert!(disallowed.contains(function), "{function}");
    }
}

#[test]
fn only_the_sink_and_the_command_line_write_to_standard_output() {
    let writes = |path: &PathBuf| !is_test(path) && code(path).contains("stdout()");
    let all: Vec<String> = files("src", ".rs").iter().filter(|path| writes(path)).map(|path| name(path)).collect();
    assert!(
        all.iter().all(|file| file == "src/cli.rs" || file.starts_with("src/cli/") || file.starts_with("src/terminal/audit")),
        "{all:?}"
    );
}

/// The core has no I/O that could fail: there an error stands beside what it is about.
#[test]
fn errors_stand_in_files_of_their_own() {
    let all = files("src", ".rs").into_iter().filter(|path| !is_test(path) && !name(path).starts_with("src/core/"));
    let with_errors: Vec<PathBuf> = all.filter(|path| code(path).contains("thiserror::Error")).collect();
    let elsewhere: Vec<String> = with_errors.iter().filter(|path| !path.ends_with("error.rs")).map(|path| name(path)).collect();
    assert_eq!((elsewhere, with_errors.len() > 10), (vec![], true));
}

#[test]
fn files_hold_one_idea() {
    let long = |path: &PathBuf| std::fs::read_to_string(path).unwrap().lines().count() > 500;
    let all: Vec<String> =
        [files("src", ".rs"), files("tests", ".rs")].concat().iter().filter(|path| long(path)).map(|path| name(path)).collect();
    assert_eq!(all, [""; 0], "files of more than 500 lines");
}

/// The Role's rules and what the program says that it needs are one list, whatever the runbooks are.
#[test]
fn the_role_grants_what_is_needed_and_nothing_else() {
    use pod_remediator::cluster::permissions::needs;
    use pod_remediator::core::runbook::parse;
    let default = std::fs::read_to_string(root().join("config/runbook.yaml")).unwrap();
    let demanding = default
        .replace("  guardrails:\n", "  guardrails:\n    blockedByLabels: {incident: \"true\"}\n")
        .replace("  scope:\n", "  scope:\n    workloadKinds: [Deployment, ReplicaSet, StatefulSet, DaemonSet]\n");
    let runbooks = parse("runbook", &demanding).unwrap();
    let needed: BTreeSet<String> = needs("pod-remediator-state", &runbooks)
        .iter()
        .map(|need| format!("{} {} {} {}", need.verb, need.resource.group, need.resource.plural, need.name.as_deref().unwrap_or("")))
        .collect();
    let role: Vec<Value> = documents("manifests/base/role.yaml").into_iter().filter(|object| object["kind"] == "Role").collect();
    let words = |value: &Value| -> Vec<String> {
        value.as_array().map(|all| all.iter().map(|word| word.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
    };
    let mut granted = BTreeSet::new();
    for rule in role[0]["rules"].as_array().unwrap() {
        let names = match words(&rule["resourceNames"]) {
            names if names.is_empty() => vec![String::new()],
            names => names,
        };
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    granted.extend(names.iter().map(|name| format!("{verb} {group} {resource} {name}")));
                }
            }
        }
    }
    assert_eq!(granted, needed);
}

fn documents(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every manifest is what Kubernetes takes it for: no field that it does not know, none of the wrong type.
#[test]
fn manifests_are_what_their_types_say() {
    use k8s_openapi::api::{admissionregistration, apps, batch, core, rbac};
    fn strict<T: serde::Serialize + serde::de::DeserializeOwned>(file: &str, object: &Value) {
        let typed: T = serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{file}: {error}"));
        let back = serde_json::to_value(typed).unwrap();
        let lost = lost(object, &back, "");
        assert!(lost.is_empty(), "{file}: unknown to its type: {lost:?}");
    }
    let mut kinds = BTreeSet::new();
    for path in files("manifests", ".yaml") {
        let file = name(&path);
        for object in documents(&file) {
            let kind = object["kind"].as_str().unwrap_or_else(|| panic!("{file} has no kind")).to_owned();
            let version = object["apiVersion"].as_str().unwrap();
            match (version, kind.as_str()) {
                ("batch/v1", "CronJob") => strict::<batch::v1::CronJob>(&file, &object),
                ("rbac.authorization.k8s.io/v1", "Role") => strict::<rbac::v1::Role>(&file, &object),
                ("rbac.authorization.k8s.io/v1", "ClusterRole") => strict::<rbac::v1::ClusterRole>(&file, &object),
                ("rbac.authorization.k8s.io/v1", "RoleBinding") => strict::<rbac::v1::RoleBinding>(&file, &object),
                ("v1", "ServiceAccount") => strict::<core::v1::ServiceAccount>(&file, &object),
                ("v1", "ConfigMap") => strict::<core::v1::ConfigMap>(&file, &object),
                ("v1", "Namespace") => strict::<core::v1::Namespace>(&file, &object),
                ("apps/v1", "Deployment") => strict::<apps::v1::Deployment>(&file, &object),
                ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy") => {
                    strict::<admissionregistration::v1::ValidatingAdmissionPolicy>(&file, &object);
                }
                ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding") => {
                    strict::<admissionregistration::v1::ValidatingAdmissionPolicyBinding>(&file, &object);
                }
                // kustomize itself refuses what it does not know, and a runbook's own parser does: tests/manifests builds every overlay.
                ("kustomize.config.k8s.io/v1beta1", "Kustomization") | ("kustomize.config.k8s.io/v1alpha1", "Component") => {}
                ("remediations.kubedojo.io/v1", "RemediationRunbook") => {
                    let text = std::fs::read_to_string(&path).unwrap();
                    pod_remediator::core::runbook::parse(&file, &text).unwrap_or_else(|problems| panic!("{problems:?}"));
                }
                other => panic!("{file}: nobody here knows {other:?}"),
            }
            kinds.insert(kind);
        }
    }
    assert!(kinds.len() >= 9, "{kinds:?}");
}

/// What is in the first and not in the second, by path.
fn lost(written: &Value, read: &Value, path: &str) -> Vec<String> {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => written
            .iter()
            .flat_map(|(key, value)| match read.get(key) {
                Some(other) => lost(value, other, &format!("{path}.{key}")),
                // An empty object or list is the same as none.
                None if value.as_object().is_some_and(serde_json::Map::is_empty) || value.is_null() => Vec::new(),
                None => vec![format!("{path}.{key}")],
            })
            .collect(),
        (Value::Array(written), Value::Array(read)) if written.len() == read.len() => {
            written.iter().zip(read).enumerate().flat_map(|(index, (a, b))| lost(a, b, &format!("{path}[{index}]"))).collect()
        }
        (a, b) if a == b => Vec::new(),
        (a, b) => vec![format!("{path}: {a} is read as {b}")],
    }
}

/// The judge of manifests can fail.
#[test]
fn what_a_type_does_not_know_is_found() {
    let (written, read) = (serde_json::json!({"spec": {"replica": 2, "list": [{"a": 1}]}}), serde_json::json!({"spec": {"list": [{}]}}));
    assert_eq!(lost(&written, &read, ""), [".spec.list[0].a", ".spec.replica"]);
}

#[test]
fn nothing_of_a_machine_is_in_the_repository() {
    let mut all = vec![root().join("README.md"), root().join("ARCHITECTURE.md"), root().join("Makefile"), root().join("Dockerfile")];
    for (folder, ending) in [("src", ".rs"), ("tests", ""), ("scripts", ""), ("docs", ".md"), ("manifests", ""), ("config", "")] {
        all.extend(files(folder, ending));
    }
    let home = std::env::var("HOME").unwrap_or_default();
    let mut wrong = Vec::new();
    for path in all.iter().filter(|path| **path != root().join("tests/house/main.rs")) {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        let mut words = vec![root().display().to_string(), "TODO".to_owned(), "FIXME".to_owned()];
        // `/root/` is a part of other paths too.
        words.extend(Some(format!("{home}/")).filter(|home| home.len() > "/root/".len()));
        wrong.extend(words.iter().filter(|word| text.contains(word.as_str())).map(|word| format!("{}: {word}", name(path))));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// A document that names a file names one that is there.
#[test]
fn files_that_documents_name_are_there() {
    let mut documents = files("docs", ".md");
    documents.extend(
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "tests/cluster/README.md"].map(|name| root().join(name)),
    );
    let (mut known, mut wrong) = (0, Vec::new());
    for path in documents {
        let text = std::fs::read_to_string(&path).unwrap();
        for named in text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("src/") || code.starts_with("tests/")) {
            if root().join(named).exists() { known += 1 } else { wrong.push(format!("{}: {named}", name(&path))) }
        }
    }
    assert!(wrong.is_empty() && known > 20, "{known} {wrong:?}");
}

#[test]
fn diagnostics_have_their_cause_in_the_message() {
    // A person reads the message; a field beside it is for what no message has room for.
    let allowed = ["", "record = audit::json(record), "];
    for path in files("src", ".rs").into_iter().filter(|path| !is_test(path)) {
        for (at, _) in code(&path).match_indices("tracing::") {
            let code = code(&path);
            let Some((level, rest)) = code[at..].split_once("!(") else { continue };
            if ["tracing::warn", "tracing::error", "tracing::info"].contains(&level) {
                let before = rest.split('"').next().unwrap().trim_start();
                assert!(allowed.contains(&before), "{}: {before}: write it into the message", name(&path));
            }
        }
    }
}
