//! A record that cannot be written: nothing is done that no trail tells of, and what was done before is still seen through.

use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, STATE, until};
use crate::proxy::{Proxy, Step};
use crate::remediator::Remediator;
use crate::workloads::deployment;

/// How a run ended whose streams a shell had redirected, and what it said on standard error, if that was left to it.
fn redirected(remediator: &Remediator<'_>, redirections: &str) -> (i32, String) {
    let output = Command::new("sh").args(["-c", &format!("{} {redirections}", remediator.shell())]).output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

/// The one execution of a namespace.
#[track_caller]
fn execution(lab: &Lab) -> Value {
    let all = lab.executions();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

/// Nothing was sent; the ledger says so, and keeps nobody from it: the next run replaces the pod.
#[track_caller]
fn is_left_alone_and_replaced_by_the_next_run(lab: &Lab, pod: &Pod, why: &str) {
    assert_eq!(lab.deletions(), Vec::<Value>::new());
    lab.untouched(pod);
    let execution = execution(lab);
    assert_eq!((&execution["charged"], &execution["inFlight"]), (&json!(false), &Value::Null), "{execution}");
    assert_eq!(execution["outcome"]["result"], "not_executed", "{execution}");
    let detail = execution["outcome"]["detail"].as_str().unwrap();
    assert!(detail.contains(why) && detail.ends_with("; nothing was sent"), "{detail}");
    lab.remediator().replaces(pod);
}

#[test]
fn a_full_disk() {
    let lab = Lab::new("trail-full");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let (exit, errors) = redirected(&lab.remediator(), ">/dev/full");
    assert_eq!(exit, 1, "{errors}");
    let lines: Vec<Value> = errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lost: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line["record"].as_str()?).ok()).collect();
    let kinds: Vec<&Value> = lost.iter().map(|record| &record["event.action"]).collect();
    assert_eq!(kinds, ["decision", "outcome"], "no intent, for there is none any more: {errors}");
    assert_eq!(lost[1]["verification"]["result"], "not_executed", "{errors}");
    is_left_alone_and_replaced_by_the_next_run(&lab, &target, "No space left on device");
}

#[test]
fn a_full_disk_and_nobody_to_tell() {
    let lab = Lab::new("trail-silent");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    assert_eq!(redirected(&lab.remediator(), ">/dev/full 2>&1"), (1, String::new()));
    is_left_alone_and_replaced_by_the_next_run(&lab, &target, "No space left on device");
}

#[test]
fn a_closed_descriptor_with_standard_error_and_without() {
    for (name, redirections) in [("told", ">&-"), ("silent", ">&- 2>&-")] {
        let lab = Lab::new(&format!("trail-closed-{name}"));
        lab.roll_out(&deployment("web", 2));
        let target = lab.ask_for_one("web");
        let (exit, errors) = redirected(&lab.remediator(), redirections);
        assert_eq!((exit, errors.contains("it is closed")), (1, name == "told"), "{errors}");
        is_left_alone_and_replaced_by_the_next_run(&lab, &target, "it is closed");
    }
}

#[test]
fn a_reader_that_is_gone() {
    let lab = Lab::new("trail-pipe");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let script = format!("{{ sleep 0.3; ({} 2>&1); echo $? >&2; }} | true", lab.remediator().shell());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "1\n");
    is_left_alone_and_replaced_by_the_next_run(&lab, &target, "Broken pipe");
}

/// The decision is in the trail and the intent is not, or only its beginning.
#[test]
fn a_disk_that_is_full_between_decision_and_intent() {
    let lab = Lab::new("trail-half");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let line = lab.remediator().with("--dry-run").run().lines.remove(0);
    // A shell's limit on the size of files has the unit of 512 bytes, and an intent repeats its decision.
    let blocks = line.len().div_ceil(512) + 1;
    let log = lab.folder.join("records");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; {} >'{}'", lab.remediator().shell(), log.display());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&log).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let decision: Value = serde_json::from_str(first).unwrap();
    assert_eq!((&decision["event.action"], &decision["decision.mode"]), (&json!("decision"), &json!("auto_execute")), "{text}");
    assert!(!rest.contains('\n') && serde_json::from_str::<Value>(rest).is_err(), "an intent that broke off: {rest}");
    is_left_alone_and_replaced_by_the_next_run(&lab, &target, "File too large");
}

#[test]
fn a_deliberate_null_device_is_a_trail_that_nobody_wants() {
    let lab = Lab::new("trail-null");
    lab.roll_out(&deployment("web", 2));
    lab.ask_for_one("web");
    assert_eq!(redirected(&lab.remediator(), ">/dev/null 2>/dev/null"), (0, String::new()));
    assert_eq!((lab.deletions().len(), execution(&lab)["outcome"]["result"].clone()), (1, json!("verified")));
}

#[test]
fn a_refusal_a_dry_run_and_nothing_to_do_are_records_too() {
    let lab = Lab::new("trail-others");
    let run = |words: &[&str]| {
        let remediator = words.iter().fold(lab.remediator(), |remediator, word| remediator.with(word));
        [">/dev/full", ">&- 2>&-"].map(|nowhere| redirected(&remediator, nowhere).0)
    };
    assert_eq!(run(&[]), [1, 1], "nothing to do");
    lab.roll_out(&deployment("single", 1));
    lab.ask_for_one("single");
    assert_eq!(run(&[]), [1, 1], "a refusal");
    lab.roll_out(&deployment("web", 2));
    let web = lab.ask_for_one("web");
    assert_eq!(run(&["--dry-run"]), [1, 1], "a dry run");
    // A refusal that was lost is enough: nobody is replaced by a run with a hole in its trail.
    assert_eq!(run(&[]), [1, 1]);
    assert_eq!((lab.executions(), lab.deletions()), (Vec::new(), Vec::new()));
    lab.untouched(&web);
}

#[test]
fn what_was_sent_before_the_trail_was_lost_is_verified_and_the_next_pod_is_left_alone() {
    let lab = Lab::new("trail-later");
    lab.roll_out(&deployment("a", 2));
    lab.roll_out(&deployment("b", 2));
    let (first, second) = (lab.ask_for_one("a"), lab.ask_for_one("b"));
    // A reader that goes once the deletion is on its way.
    let log = lab.folder.join("records");
    let deleted = lab.folder.join("deleted");
    let mark = deleted.clone();
    let proxy = Proxy::start(&lab, move |request| {
        if request.deletes_a_pod(1) {
            std::fs::write(&mark, "").unwrap();
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
        Step::Forward
    });
    let runbook = lab.runbook().with("guardrails", "maxAffectedServices", 3);
    let remediator = lab.remediator_with(&runbook).by(&proxy.kubeconfig);
    let reader = format!("head -n 2 >'{}'", log.display());
    let script = format!(
        "{{ ({} 2>&1); echo $? >&2; }} | {{ {reader}; until [ -e '{}' ]; do sleep 0.1; done; }}",
        remediator.shell(),
        deleted.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "1\n");
    let kinds: Vec<Value> = std::fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event.action"].clone())
        .collect();
    assert_eq!(kinds, ["decision", "intent"]);
    let execution = execution(&lab);
    assert_eq!((&execution["pod"]["uid"], &execution["outcome"]["result"]), (&json!(first.uid), &json!("verified")), "{execution}");
    assert_eq!(lab.deletions().len(), 1);
    lab.untouched(&second);
    let next = lab.remediator_with(&runbook).run();
    assert_eq!(next.outcome(&second)["verification"]["result"], "verified", "{next:?}");
}

#[test]
fn an_action_that_a_dead_run_left_is_settled_without_a_trail_and_the_exit_code_says_so() {
    let lab = Lab::new("trail-adopts");
    lab.roll_out(&deployment("web", 2));
    lab.ask_for_one("web");
    let proxy =
        Proxy::start(&lab, |request| if request.watches(1) { Step::Hang(std::time::Duration::from_secs(30)) } else { Step::Forward });
    let running = lab.remediator().in_no_pod().by(&proxy.kubeconfig).start();
    until("the deletion", || (lab.deletions().len() == 1).then_some(()));
    running.signal("KILL");
    assert_eq!(running.end().exit, -1);
    assert!(execution(&lab)["inFlight"].is_object());
    assert_eq!(redirected(&lab.remediator(), ">/dev/full 2>&1").0, 1);
    let execution = execution(&lab);
    assert_eq!((&execution["outcome"]["result"], &execution["charged"]), (&json!("verified"), &json!(true)), "{execution}");
    assert_eq!(lab.deletions().len(), 1);
}

#[test]
fn the_commands_that_ask_the_cluster_do_not_succeed_in_silence() {
    let lab = Lab::new("trail-asks");
    lab.roll_out(&deployment("web", 2));
    lab.ask_for_one("web");
    let program = env!("CARGO_BIN_EXE_pod-remediator");
    let runbooks = lab.runbook().file(&lab).display().to_string();
    let namespace = &lab.namespace;
    for command in [
        format!("explain -n {namespace} --runbooks {runbooks}"),
        format!("check -n {namespace} --runbooks {runbooks} -o json"),
        format!("status -n {namespace}"),
        format!("reset-breaker replace-redundant-pod -n {namespace} --reason tested"),
    ] {
        for (redirections, said) in [(">/dev/full", "No space left on device"), (">&-", "it is closed"), (">&- 2>&-", "")] {
            // There is something to reset, each time.
            let opened = json!({
                "at": "2026-01-31T12:00:00Z", "runbook": "replace-redundant-pod", "event": "opened", "cause": "tested", "actor": "tested",
            });
            let ledger = json!({"schemaVersion": 2, "ledger": {"executions": [], "breaker": [opened]}}).to_string();
            let patch = json!({"data": {"ledger.json": ledger}}).to_string();
            lab.kubectl(&["patch", "configmap", STATE, "--type", "merge", "--patch", &patch]);
            let output = Command::new("sh").args(["-c", &format!("exec {program} {command} {redirections}")]).output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{command} {redirections}: {errors}");
            assert!(errors.contains(said), "{command} {redirections}: {errors}");
        }
    }
}
