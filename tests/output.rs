//! What a command does whose result cannot be written: it says so by its exit code, and on standard error where that can be written.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]

use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-remediator");

/// Runs `PROGRAM arguments redirections` in a shell.
fn shell(arguments: &str, redirections: &str) -> Output {
    let script = format!("{PROGRAM} {arguments} {redirections}");
    Command::new("sh").args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).env("KUBECONFIG", "/dev/null").output().unwrap()
}

#[track_caller]
fn check(arguments: &str, redirections: &str, exit: i32, errors: &str) {
    let output = shell(arguments, redirections);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{arguments} {redirections}: {said}");
    if errors.is_empty() {
        assert_eq!(said, "", "{arguments} {redirections}");
    } else {
        assert!(said.contains(errors), "{arguments} {redirections}: {said}");
    }
}

/// Commands that need no cluster, each with the exit code for what it finds out.
const COMMANDS: [(&str, i32); 9] = [
    ("validate config/runbook.yaml", 0),
    ("validate config/runbook.yaml -o json", 0),
    ("validate Cargo.toml -o yaml", 2),
    ("simulate config/incidents", 0),
    ("render config/runbook.yaml", 0),
    ("schema", 0),
    ("--version", 0),
    ("--help", 0),
    ("help run", 0),
];

#[test]
fn a_result_that_cannot_be_written_is_no_success() {
    for (command, exit) in COMMANDS {
        check(command, ">/dev/full", 1, "error: cannot write the result to standard output: No space left on device");
        check(command, ">&-", 1, "error: cannot write the result to standard output: it is closed");
        check(command, "1</dev/zero", 1, "error: cannot write the result to standard output: Bad file descriptor");
        // And where nobody can be told, the exit code is left.
        for nowhere in [">/dev/full 2>&1", ">&- 2>&-", ">/dev/full 2>&-", ">&- 2>/dev/full"] {
            check(command, nowhere, 1, "");
        }
        // Whoever wants none of it has said so.
        check(command, ">/dev/null", exit, "");
    }
}

#[test]
fn a_reader_that_has_seen_enough_changes_no_verdict() {
    for (command, exit) in COMMANDS {
        // The shell's own exit code is the program's, and nothing reads what it writes.
        let script = format!("{{ sleep 0.3; {PROGRAM} {command}; echo $? >&2; }} | true");
        let output = Command::new("sh").args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("{exit}\n"), "{command}");
    }
}

/// Each in the form of the records and for people: before there is a cluster to ask, a run has only errors to tell.
#[test]
fn errors_that_cannot_be_written_end_no_command_otherwise() {
    for format in ["json", "text"] {
        for nowhere in ["2>/dev/full", "2>&-", ">/dev/full 2>&1", ">&- 2>&-"] {
            check(&format!("run --log-format {format} --runbooks Cargo.toml"), nowhere, 2, "");
            check(&format!("run --log-format {format} --runbooks config/runbook.yaml --namespace A_B"), nowhere, 2, "");
        }
    }
}
