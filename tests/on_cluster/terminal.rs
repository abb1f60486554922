//! What a person at a terminal sees, in a pseudo terminal of 72 columns.

use std::process::Command;

use crate::fixture::Lab;
use crate::workloads::deployment;

const COLUMNS: usize = 72;
const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-remediator");

/// What came to a terminal, escapes and all.
pub(crate) struct Shown(String);

/// Runs a shell command whose input, output and errors are one terminal.
pub(crate) fn on_terminal(command: &str) -> Shown {
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &format!("stty cols {COLUMNS} rows 24; {command}"), "/dev/null"])
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    Shown(String::from_utf8(output.stdout).unwrap())
}

impl Shown {
    /// Without our own colours and without what was rewritten: what stands there in the end.
    pub(crate) fn plain(&self) -> String {
        let lines = self.0.split("\r\n").map(|line| line.rsplit("\r\u{1b}[2K").next().unwrap());
        let text = lines.collect::<Vec<_>>().join("\n");
        ["0", "2", "31", "32", "33", "36", "1;31"].iter().fold(text, |text, code| text.replace(&format!("\u{1b}[{code}m"), ""))
    }
}

impl Shown {
    /// The same on one line, however it was wrapped.
    pub(crate) fn unwrapped(&self) -> String {
        self.plain().split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn mistakes_are_shown_in_their_source() {
    let lab = Lab::new("terminal-validate");
    let good = include_str!("../../config/runbook.yaml");
    let bad = good
        .replace("  owner:", "  ownr:")
        .replace("\"low\"", "\"lw\"")
        .replace("cooldownMinutes: 10", "cooldownMinutes: 0")
        .replace("{name: ", "{name: b-");
    let file = |name: &str, text: &str| {
        let path = lab.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (good, bad) = (file("good.yaml", good), file("bad.yaml", &bad));
    let missing = lab.folder.join("missing.yaml").to_str().unwrap().to_owned();

    let shown = on_terminal(&format!("{PROGRAM} validate {missing} {bad} {good}; echo exit $?"));
    // In 80 columns: the words, wherever a line ends.
    let plain = shown.unwrapped();
    assert!(shown.0.contains("\u{1b}[31m^"), "{}", shown.0);
    assert!(shown.plain().contains("\n   13 |   ownr: \"platform-operations\"\n      |   ^\n"), "{}", shown.plain());
    for expected in [
        format!("{missing}: cannot be read: No such file or directory"),
        format!("{bad}:13:3: spec.ownr: did you mean owner? 13 | ownr: \"platform-operations\" | ^"),
        "spec.risk: must be one of low, medium, high, not \"lw\": did you mean low?".to_owned(),
        "spec.guardrails.cooldownMinutes: must be a whole number from 1 to 10080, not 0".to_owned(),
        format!("ok {good}: replace-redundant-pod (auto_execute, risk low, namespace aiops-remediation-lab)"),
        "3 files, 1 runbook valid, 4 mistakes".to_owned(),
        "exit 2".to_owned(),
    ] {
        assert!(plain.contains(&expected), "no {expected}\nin {plain}");
    }
    let colourless = on_terminal(&format!("NO_COLOR=1 {PROGRAM} validate {bad}"));
    assert!(!colourless.0.contains('\u{1b}') && colourless.0.contains('^'), "{}", colourless.0);
    // In a pipe, one line a mistake.
    let piped = on_terminal(&format!("{PROGRAM} validate {bad} | cat"));
    assert!(!piped.0.contains('^') && piped.plain().trim().lines().count() == 4, "{}", piped.0);
    // A run says the same, before it asks the cluster anything.
    let run = on_terminal(&format!("KUBECONFIG=/dev/null {PROGRAM} run --runbooks {bad}; echo exit $?"));
    assert!(run.unwrapped().contains("did you mean owner? 13 | ownr") && run.plain().contains("exit 2"), "{}", run.plain());
}

#[test]
fn a_run_shows_its_progress_and_leaves_only_records() {
    let lab = Lab::new("terminal-run");
    let runbook = lab.runbook().with("verification", "stableSeconds", 4);
    let [json, plain, piped] = ["json", "plain", "piped"].map(|service| {
        lab.roll_out(&deployment(service, 2));
        let pod = lab.ask_for_one(service);
        let remediator = lab.remediator_with(&runbook.clone().with("guardrails", "maxAffectedServices", 9));
        let command = remediator.shell();
        let as_person = command.replace("'--log-format' 'json'", "");
        let shown = match service {
            "json" => on_terminal(&command),
            "plain" => on_terminal(&as_person),
            _ => on_terminal(&format!("({}) | cat", as_person)),
        };
        assert!(shown.unwrapped().contains(&format!("replaced and verified {}", pod.name)), "{}", shown.plain());
        shown
    });
    let told = plain.0.matches("verifying, ").count();
    assert!(told >= 3 && plain.0.contains("verifying, 1 s of 50 s: replacement plain-"), "{told} times: {}", plain.0);
    let left = plain.plain();
    assert!(!left.contains("verifying") && left.contains("replace ") && left.contains("verified "), "{left}");
    for line in left.lines() {
        assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
        let record = line.get(2..3) == Some(":");
        assert!(line.is_empty() || record || line.starts_with(&" ".repeat(30)), "{line}");
    }
    assert!(plain.0.contains("\u{1b}[32mverified"), "{}", plain.0);
    for other in [json, piped] {
        assert!(!other.0.contains("verifying") && !other.0.contains("\u{1b}[2K"), "{}", other.0);
    }
}
