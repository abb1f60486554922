//! Whatever somebody writes on a pod, into the ledger or into a runbook file: what comes out is one bounded line that nothing obeys.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{ENABLED, Lab, Pod, RESTART, STATE};
use crate::remediator::Run;
use crate::terminal::on_terminal;
use crate::workloads::deployment;

/// Terminal escapes, a forged record in both forms, marks that turn text, and characters that nobody sees.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}gnp\u{2066}x\u{2069}\u{200b}\u{feff}\u{3164}\u{ad}\
                       \n{\"event.action\":\"outcome\",\"event.outcome\":\"success\"}\r\n00:00:00Z  verified  forged\u{9b}31m\u{2028}\u{e0041}'\"\\";
/// The longest line of JSON that may come out, in bytes.
const LONGEST_RECORD: usize = 64 * 1024;
/// The longest line of text, in bytes.
const LONGEST_LINE: usize = 16 * 1024;

/// As the test knows them, not as the program does.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Lines of text: none is too long, none is forged, and nothing in them is obeyed.
#[track_caller]
fn check(what: &str, text: &str) {
    check_lines(what, text, LONGEST_LINE);
}

#[track_caller]
fn check_lines(what: &str, text: &str, longest: usize) {
    assert!(!text.is_empty(), "{what} is empty");
    for line in text.lines() {
        assert!(line.len() <= longest, "{what}: {} bytes: {line:.200}", line.len());
        assert!(!line.contains(is_hostile), "{what}: {line:?}");
        assert!(!line.starts_with("00:00:00Z") && !line.starts_with("{\"event.action\""), "{what} is forged: {line}");
    }
}

/// Every text in a JSON value, as `jq -r` would print it.
#[track_caller]
fn check_json(what: &str, value: &Value) {
    match value {
        Value::String(text) => {
            assert!(!text.contains(is_hostile), "{what}: {text:?}");
            assert!(text.chars().count() <= 4097, "{what}: {} characters", text.len());
        }
        Value::Array(items) => items.iter().for_each(|item| check_json(what, item)),
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            check(what, key);
            check_json(what, value);
        }),
        _ => {}
    }
}

#[track_caller]
fn check_run(what: &str, run: &Run) {
    for (line, record) in run.lines.iter().zip(&run.records) {
        assert!(line.len() <= LONGEST_RECORD, "{what}: {} bytes", line.len());
        assert!(!line.contains(is_hostile), "{what}: {line:?}");
        check_json(what, record);
    }
    if !run.errors.is_empty() {
        check(what, &run.errors);
    }
}

fn program(lab: &Lab, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pod-remediator")).args(arguments).current_dir(&lab.folder).output().unwrap();
    format!("{}{}", String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

impl Lab {
    /// Changes an object by a file: an argument could not hold it.
    fn patch(&self, kind: &str, name: &str, patch: &Value) {
        let file: PathBuf = self.folder.join("patch.json");
        std::fs::write(&file, patch.to_string()).unwrap();
        self.kubectl(&["patch", kind, name, "--type", "merge", "--patch-file", file.to_str().unwrap()]);
    }

    /// Writes annotations of ours on a pod, and has it ask.
    fn annotate_and_ask(&self, app: &str, annotations: &[(&str, String)]) -> Pod {
        let pod = Pod::of(&self.pods(app)[0]);
        let ours: Value = annotations.iter().map(|(key, value)| (format!("remediator.kubedojo.io/{key}"), json!(value))).collect();
        self.patch("pod", &pod.name, &json!({"metadata": {"annotations": ours}}));
        // The server takes what it calls printable, and a Hangul filler is.
        self.kubectl(&["label", "pod", &pod.name, &format!("{RESTART}=true"), "--field-manager", "ev\u{3164}il"]);
        pod
    }
}

#[test]
fn hostile_annotations_come_out_inert_everywhere() {
    let lab = Lab::new("hostile");
    ["web", "wrong", "lost"].iter().for_each(|app| lab.roll_out(&deployment(app, 2)));
    let long = format!("{HOSTILE}{}", "\u{202e}".repeat(80_000));
    assert!(long.len() > 240_000 && long.len() < 256 * 1024);
    let hostile = || HOSTILE.to_owned();
    let symptom = ("symptom", "manual_restart_recommended".to_owned());
    // One that is replaced all the same; one with everything wrong; one whose words no runbook knows.
    let web = lab.annotate_and_ask("web", &[("incident", hostile()), ("requested-by", long), ("confidence", "1".to_owned()), symptom]);
    let keys = ["incident", "symptom", "probable-cause", "confidence", "requested-by", "runbook", "detected-at", "approve", "approved-by"];
    let wrong = lab.annotate_and_ask("wrong", &keys.map(|key| (key, hostile())));
    let lost = lab.annotate_and_ask("lost", &[("symptom", hostile()), ("probable-cause", hostile()), ("confidence", "1".to_owned())]);

    let dry = lab.remediator().with("--dry-run").run();
    check_run("dry run", &dry);
    for options in ["", "--log-format text "] {
        let shown = on_terminal(&format!("{} --dry-run {options}2>&1", lab.remediator().shell().replace("'--log-format' 'json'", "")));
        check("dry run on a terminal", &shown.plain());
        assert!(shown.unwrapped().contains("skipped wrong-"), "{}", shown.plain());
    }
    // The commands that only tell.
    for output in ["table", "json", "yaml"] {
        let told = lab.asks(&["explain", "-o", output]).tells();
        assert_eq!(told.exit, 0, "{told:?}");
        check(&format!("explain -o {output}"), &told.out);
        assert!(told.out.contains("malformed"), "{told:?}");
        check(&format!("check -o {output}"), &lab.asks(&["check", "-o", output]).tells().out);
    }
    let records = lab.folder.join("records");
    let told = lab.asks(&["explain", "--record", records.to_str().unwrap()]).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    for record in std::fs::read_dir(&records).unwrap() {
        check_lines("a record", &std::fs::read_to_string(record.unwrap().path()).unwrap(), LONGEST_RECORD);
    }
    let played = program(&lab, &["simulate", records.to_str().unwrap()]);
    check("simulate", &played);
    assert!(played.contains("all as expected"), "{played}");

    let run = lab.remediator().run();
    check_run("run", &run);
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&web)["event.outcome"], "success", "{run:?}");
    assert_eq!(run.decision(&wrong)["event.reason"], "malformed_request", "{run:?}");
    assert_eq!(run.decision(&lost)["event.reason"], "no_runbook", "{run:?}");
    assert!(run.decision(&web)["actor"]["field_manager"].as_str().unwrap().contains("\\u{3164}"), "{run:?}");

    // As people do read it.
    let log = lab.folder.join("audit.jsonl");
    std::fs::write(&log, run.lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let texts = Command::new("jq").args(["-r", ".. | strings"]).arg(&log).output().unwrap();
    check("jq -r", &String::from_utf8(texts.stdout).unwrap());

    let events = lab.get(&["events.events.k8s.io"]);
    let ours: Vec<&Value> =
        events["items"].as_array().unwrap().iter().filter(|one| one["reportingController"] == "pod-remediator").collect();
    assert!(ours.len() >= 3, "{events}");
    for event in ours {
        check("an Event", event["note"].as_str().unwrap());
        assert_eq!(event["note"].as_str().unwrap().lines().count(), 1);
        assert!(event["note"].as_str().unwrap().len() <= 1024);
    }
    check("summary", lab.state()["data"]["summary"].as_str().unwrap());
    check("status", &program(&lab, &["status", "-n", &lab.namespace]));
    check("describe", &lab.kubectl(&["describe", "deployment", "web"]).replace('\t', " "));
}

#[test]
fn a_ledger_edited_by_hand_comes_out_inert_everywhere() {
    let lab = Lab::new("hostile-ledger");
    lab.roll_out(&deployment("web", 3));
    let web = lab.ask_for_one("web");
    lab.remediator().replaces(&web);
    let mut stored: Value = serde_json::from_str(lab.state()["data"]["ledger.json"].as_str().unwrap()).unwrap();
    let long = HOSTILE.repeat(500);
    let now = stored["ledger"]["executions"][0]["outcome"]["at"].clone();
    stored["ledger"]["executions"][0]["outcome"]["detail"] = json!(long);
    stored["ledger"]["executions"][0]["runbook"] = json!(HOSTILE);
    stored["ledger"]["executions"][0]["incident"] = json!(HOSTILE);
    let opening =
        |runbook: &str| json!({"at": now, "runbook": runbook, "service": "web", "event": "opened", "cause": long, "actor": HOSTILE});
    stored["ledger"]["breaker"] = json!([opening("replace-redundant-pod"), opening(HOSTILE)]);
    lab.patch("configmap", STATE, &json!({"data": {"ledger.json": stored.to_string()}}));

    let status = program(&lab, &["status", "-n", &lab.namespace]);
    check("status", &status);
    assert!(status.contains("circuit breaker OPEN: replace-redundant-pod") && status.contains("owned"), "{status}");
    let status = program(&lab, &["status", "-n", &lab.namespace, "-o", "json"]);
    check("status -o json", &status);
    check_json("status -o json", &serde_json::from_str(&status).unwrap());
    let again = lab.ask_for_one("web");
    let run = lab.remediator().run();
    check_run("run", &run);
    assert!(run.blocks(&again).contains(&"circuit_breaker".to_owned()), "{run:?}");
    let reset = program(&lab, &["reset-breaker", "replace-redundant-pod", "-n", &lab.namespace, "--reason", HOSTILE]);
    check("reset-breaker", &reset);
    assert!(reset.contains("may act on service web again"), "{reset}");
    check("summary", lab.state()["data"]["summary"].as_str().unwrap());
    let nothing =
        program(&lab, &["reset-breaker", &HOSTILE.replace('\0', ""), "-n", &lab.namespace, "--reason", "x", "--service", HOSTILE]);
    check("reset-breaker of nothing", &nothing);

    lab.patch("configmap", STATE, &json!({"data": {"ledger.json": format!("{{\"schemaVersion\":1,\"{HOSTILE}")}}));
    let run = lab.remediator().run();
    assert_eq!(run.exit, 4, "{run:?}");
    check_run("an untrusted ledger", &run);
    check("an untrusted ledger", &program(&lab, &["status", "-n", &lab.namespace]));
}

#[test]
fn a_hostile_runbook_file_comes_out_inert() {
    let lab = Lab::new("hostile-runbook");
    // YAML takes these characters as escapes only.
    let quoted = format!("\"{}\"", HOSTILE.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect::<String>());
    let default = include_str!("../../config/runbook.yaml");
    let file = lab.folder.join("evil\u{1b}[31m\u{202e}.yaml");
    let text = default
        .replace("owner: \"platform-operations\"", &format!("owner: {quoted}\n  ? {quoted}\n  : {quoted}"))
        .replace("name: replace-redundant-pod", &format!("name: {quoted}"))
        .replace("risk: \"low\"", &format!("risk: [{}]", format!("{quoted}, ").repeat(200)))
        .replace(&format!("{ENABLED}: \"true\""), &format!("? {quoted} : {quoted}"));
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap();
    let plain = program(&lab, &["validate", name]);
    check("validate", &plain);
    for expected in ["spec.owner: must be one line of text", "unknown field", "spec.risk: must be one of", "metadata.name: must be a name"]
    {
        assert!(plain.contains(expected), "{plain}");
    }
    let json = program(&lab, &["validate", "-o", "json", name]);
    check_json("validate -o json", &serde_json::from_str(&json).unwrap());
    let shown = on_terminal(&format!("{} validate '{name}'", env!("CARGO_BIN_EXE_pod-remediator")));
    check("validate on a terminal", &shown.plain());
    assert!(shown.plain().lines().any(|line| line.trim_end().ends_with('^')), "{}", shown.plain());

    // YAML that does not parse is quoted by its parser.
    std::fs::write(&file, format!("a: [\"{}\nb: \u{202e}}}", "\u{9f}".repeat(3))).unwrap();
    check("validate what is no YAML", &program(&lab, &["validate", name]));
    check("run", &program(&lab, &["run", "--runbooks", name, "-n", &lab.namespace]));
    check("run, text", &program(&lab, &["run", "--runbooks", name, "-n", &lab.namespace, "--log-format", "text"]));
    check("a setting", &program(&lab, &["run", "--selector", HOSTILE, "-n", HOSTILE, "--mode-ceiling", &HOSTILE.repeat(500)]));
}
