//! What a run records plays as it was decided, without the cluster, and holds nothing that no decision looks at.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod};
use crate::workloads::{deployment, pod_spec, stateful_set};

const SECRETS: [&str; 4] = ["hunter2-in-the-environment", "hunter2-in-the-arguments", "hunter2-in-an-annotation", "hunter2-in-a-secret"];

/// A workload with something in it that is nobody's business.
fn with_secrets(mut workload: Value) -> Value {
    let [environment, argument, annotation, _] = SECRETS;
    workload["spec"]["template"]["metadata"]["annotations"] = json!({"example.com/note": annotation});
    let container = &mut pod_spec(&mut workload)["containers"][0];
    container["env"] = json!([
        {"name": "TOKEN", "value": environment},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}},
    ]);
    container["args"] = json!(["--password", argument]);
    workload
}

/// The recorded files, oldest first.
fn recorded(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Not by name: that is the server's time, which is in whole seconds.
    files.sort_by_key(|file| file.metadata().unwrap().modified().unwrap());
    files
}

/// Plays a file where there is no cluster to be found: exit code, and what it prints.
fn play(file: &Path) -> (i32, Value) {
    let program = env!("CARGO_BIN_EXE_pod-remediator");
    let output = Command::new(program).args(["simulate", "--output", "json"]).arg(file).env("KUBECONFIG", "/none").output().unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), printed)
}

/// It plays as it was decided: each pod, how it is decided now.
#[track_caller]
fn plays(file: &Path) -> Vec<(String, String)> {
    let (exit, printed) = play(file);
    assert_eq!(exit, 0, "{printed}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    printed["decisions"].as_array().unwrap().iter().map(|row| (text(&row["pod"]), text(&row["got"]["mode"]))).collect()
}

fn pair(pod: &Pod, mode: &str) -> (String, String) {
    (pod.name.clone(), mode.to_owned())
}

#[test]
fn a_recorded_run_plays_again_and_tells_no_secrets() {
    let lab = Lab::new("record-run");
    lab.kubectl(&["create", "secret", "generic", "database", &format!("--from-literal=password={}", SECRETS[3])]);
    lab.roll_out(&with_secrets(deployment("web", 3)));
    lab.roll_out(&with_secrets(deployment("single", 1)));
    let (single, web) = (lab.ask_for_one("single"), lab.ask_for_one("web"));
    lab.kubectl(&["annotate", "pod", &web.name, &format!("example.com/note={}", SECRETS[2]), "remediator.kubedojo.io/incident=INC-7"]);
    let folder = lab.folder.join("record");
    let run = lab.remediator().with("--record").with(folder.to_str().unwrap()).run();
    assert_eq!((run.exit, run.errors.as_str()), (0, ""), "{run:?}");
    assert_eq!(run.outcome(&web)["verification"]["result"], "verified");
    run.refused(&single, &["blast_radius"]);

    let files = recorded(&folder);
    assert_eq!(files.len(), 1, "one run, one file: {files:?}");
    assert_eq!(plays(&files[0]), [pair(&single, "abort"), pair(&web, "auto_execute")]);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(text.contains("INC-7") && text.contains("outcome: verified"), "{text}");
    for secret in SECRETS.iter().chain(&["TOKEN", "PASSWORD", "--password", "nginx"]) {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }

    // It is a test that can fail: of another expectation, and of another world.
    for (was, is) in [("mode: abort", "mode: suggest"), ("type: Ready", "type: Scheduled")] {
        let changed = folder.join("changed.yaml");
        assert!(text.contains(was), "{text}");
        std::fs::write(&changed, text.replace(was, is)).unwrap();
        assert_eq!(play(&changed).0, 1, "{was}");
    }
}

#[test]
fn a_second_run_within_the_cooldown_is_recorded_with_what_the_ledger_held() {
    let lab = Lab::new("record-ledger");
    lab.roll_out(&stateful_set("db", 3, "OrderedReady"));
    let folder = lab.folder.join("record");
    let recording = || lab.remediator().with("--record").with(folder.to_str().unwrap()).run();
    let first = lab.ask_for_one("db");
    assert_eq!(recording().outcome(&first)["verification"]["result"], "verified");
    let second = lab.ask_for_one("db");
    recording().refused(&second, &["cooldown"]);

    let files = recorded(&folder);
    assert_eq!(files.len(), 2, "{files:?}");
    let played: Vec<_> = files.iter().map(|file| plays(file)).collect();
    assert_eq!(played, [vec![pair(&first, "auto_execute")], vec![pair(&second, "abort")]]);
}

#[test]
fn an_approval_is_still_one_when_it_is_played() {
    let lab = Lab::new("record-approval");
    lab.roll_out(&deployment("web", 3));
    let web = lab.ask_for_one("web");
    let folder = lab.folder.join("record");
    let recording = || lab.remediator().env("MODE_CEILING", "approval_required").with("--record").with(folder.to_str().unwrap()).run();
    let asked = recording();
    let plan = asked.decision(&web)["approval"]["plan"].as_str().unwrap().to_owned();
    lab.kubectl(&["annotate", "pod", &web.name, &format!("remediator.kubedojo.io/approve={plan}")]);
    assert_eq!(recording().outcome(&web)["verification"]["result"], "verified");

    let files = recorded(&folder);
    let played: Vec<_> = files.iter().map(|file| plays(file)).collect();
    assert_eq!(played, [vec![pair(&web, "approval_required")], vec![pair(&web, "auto_execute")]]);
}

#[test]
fn what_is_only_looked_at_is_recorded_without_touching_anything() {
    let lab = Lab::new("record-dry");
    lab.roll_out(&deployment("web", 3));
    lab.roll_out(&deployment("shop", 3));
    let (web, shop) = (lab.ask_for_one("web"), lab.ask_for_one("shop"));
    let folder = lab.folder.join("record");
    let run = lab.remediator().with("--dry-run").with("--record").with(folder.to_str().unwrap()).run();
    assert_eq!(run.exit, 0, "{run:?}");
    let mut expected = [pair(&web, "auto_execute"), pair(&shop, "auto_execute")];
    let mut played = plays(&recorded(&folder)[0]);
    expected.sort();
    played.sort();
    assert_eq!(played, expected);
    assert_eq!(lab.deletions(), Vec::<Value>::new());
}

#[test]
fn what_is_explained_is_recorded_whether_the_pod_asks_or_not() {
    let lab = Lab::new("record-explain");
    lab.roll_out(&with_secrets(deployment("web", 3)));
    lab.roll_out(&deployment("single", 1));
    let single = lab.ask_for_one("single");
    let web = Pod::of(&lab.pods("web")[0]);
    let folder = lab.folder.join("record");
    let explained = |arguments: &[&str]| {
        let told = lab.asks(&[&["explain", "--record", folder.to_str().unwrap()], arguments].concat()).tells();
        assert_eq!(told.exit, 0, "{told:?}");
    };
    explained(&[]);
    explained(&[&web.name]);
    let files = recorded(&folder);
    assert_eq!(files.iter().map(|file| plays(file)).collect::<Vec<_>>(), [vec![pair(&single, "abort")], vec![pair(&web, "auto_execute")]]);
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
}
