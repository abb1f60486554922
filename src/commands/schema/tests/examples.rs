//! Every runbook that we ship is valid by parser and by schema, and has a page.

use std::path::{Path, PathBuf};

use super::*;
use crate::core::runbook::DecisionMode;
use crate::documented::root;
use crate::outside::load::load;

fn examples() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join("config/examples")).unwrap();
    let mut files: Vec<PathBuf> =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    files
}

fn check(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let documents = documents(&text);
    for document in &documents {
        let wrong: Vec<String> = validator().iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
    }
    // As a run with the default deadline loads it.
    let runbooks = load(path, std::time::Duration::from_secs(540)).unwrap();
    assert_eq!(runbooks.len(), documents.len());
    for runbook in &runbooks {
        assert!(crate::commands::render::page(runbook).starts_with(&format!("# Runbook `{}`\n", runbook.name)));
    }
}

#[test]
fn they_are_valid_and_render() {
    let shipped = ["config/runbook.yaml", "manifests/overlays/lab/runbook.yaml"].map(|path| root().join(path));
    let examples = examples();
    assert!(examples.len() >= 7, "{examples:?}");
    examples.iter().chain(&shipped).for_each(|path| check(path));
    // Side by side in a folder, too: each has a name of its own, and an editor finds the schema of each.
    assert_eq!(load(&root().join("config/examples"), std::time::Duration::from_secs(540)).unwrap().len(), examples.len());
    for path in examples {
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        let schema = first.strip_prefix("# yaml-language-server: $schema=").unwrap_or_else(|| panic!("{}: {first}", path.display()));
        assert!(path.with_file_name(schema).exists(), "{}: {schema}", path.display());
    }
}

/// The usual cases, each by what makes it one.
#[test]
fn the_usual_cases_are_there() {
    let runbooks = load(&root().join("config/examples"), std::time::Duration::from_secs(540)).unwrap();
    let of = |name: &str| runbooks.iter().find(|runbook| runbook.name == name).unwrap_or_else(|| panic!("no example {name}"));
    let answers = |runbook: &Runbook, symptom: &str| runbook.triggers.symptoms.iter().any(|known| known == symptom);
    assert!(answers(of("replace-hung-pod"), "readiness_probe_failed"));
    assert!(answers(of("replace-leaking-pod"), "OOMKilled"));
    assert_eq!(of("replace-leaking-pod").decision_mode, DecisionMode::ApprovalRequired);
    assert_eq!(of("observe-first").decision_mode, DecisionMode::Observe);
    assert!(!of("business-hours-only").guardrails.maintenance_windows.is_empty());
    assert_eq!(of("replace-stateful-pod").scope.workload_kinds, [crate::core::workload_kind::WorkloadKind::StatefulSet]);
    assert_eq!(of("replace-node-agent").scope.workload_kinds, [crate::core::workload_kind::WorkloadKind::DaemonSet]);
    assert!(of("verify-by-error-rate").verification.probes[0].limit().contains("3 samples in a row"));
    assert_eq!(of("evict-pod").action.method, crate::core::runbook::Method::Evict);
}
