//! The program under test: its runbook, its run, and what it printed.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::fixture::{Lab, Pod};

/// The default runbook, changed by text, as a person would.
#[derive(Clone)]
pub(crate) struct Runbook(String);

impl Runbook {
    /// For one namespace.
    pub(crate) fn of(namespace: &str) -> Self {
        let default = include_str!("../../config/runbook.yaml");
        let (ours, changed) = ("[\"aiops-remediation-lab\"]", format!("[\"{namespace}\"]"));
        assert!(default.contains(ours), "config/runbook.yaml allows another namespace than the lab's");
        Self(default.replace(ours, &changed))
    }

    /// With another value of a field of `spec` that is one word in quotes: `decisionMode`.
    pub(crate) fn with_word(mut self, field: &str, word: &str) -> Self {
        let start = self.0.find(&format!("\n  {field}: \"")).unwrap_or_else(|| panic!("no field {field}")) + 1;
        let end = start + self.0[start..].find('\n').unwrap();
        self.0.replace_range(start..end, &format!("  {field}: \"{word}\""));
        self
    }

    /// The YAML.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// With a field of a section set.
    pub(crate) fn with(mut self, section: &str, field: &str, value: impl Display) -> Self {
        let heading = format!("\n  {section}:\n");
        let start = self.0.find(&heading).unwrap_or_else(|| panic!("no section {section}")) + heading.len();
        let line = format!("    {field}: {value}\n");
        match self.0[start..].find(&format!("    {field}: ")).map(|at| at + start) {
            Some(at) => {
                let end = at + self.0[at..].find('\n').unwrap() + 1;
                self.0.replace_range(at..end, &line);
            }
            None => self.0.insert_str(start, &line),
        }
        self
    }

    /// As a file to give to the program.
    pub(crate) fn file(&self, lab: &Lab) -> PathBuf {
        let file = lab.folder.join("runbook.yaml");
        std::fs::write(&file, &self.0).unwrap();
        file
    }
}

/// The program, about to be run.
pub(crate) struct Remediator<'a> {
    lab: &'a Lab,
    command: Command,
}

/// The program, running.
pub(crate) struct Running(Option<Child>);

/// What a run left: exit code, records, diagnostics.
pub(crate) struct Run {
    pub(crate) exit: i32,
    pub(crate) records: Vec<Value>,
    /// The same as they were printed.
    pub(crate) lines: Vec<String>,
    pub(crate) errors: String,
}

impl<'a> Remediator<'a> {
    pub(crate) fn new(lab: &'a Lab, runbook: &Runbook) -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_pod-remediator")), lab, runbook)
    }

    /// Another build of the program.
    pub(crate) fn of(program: &Path, lab: &'a Lab, runbook: &Runbook) -> Self {
        let mut command = Command::new(program);
        command.args(["run", "--namespace", &lab.namespace, "--log-format", "json"]);
        // Not as flags: those of a test win.
        command.env("RUNBOOKS", runbook.file(lab)).env("RUN_DEADLINE", "150s");
        Self { lab, command }
    }

    /// With a variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// As if it ran in this pod.
    pub(crate) fn in_pod(self, name: &str, uid: &str) -> Self {
        self.env("POD_NAME", name).env("POD_UID", uid)
    }

    /// As if it ran in a pod that is gone by the time anybody looks: once it ends, it is known to be dead.
    pub(crate) fn in_no_pod(self) -> Self {
        self.in_pod("a-job-of-the-past", "00000000-0000-4000-8000-000000000000")
    }

    /// With one more argument.
    pub(crate) fn with(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// As whoever this kubeconfig says.
    pub(crate) fn by(mut self, kubeconfig: &Path) -> Self {
        self.command.arg("--kubeconfig").arg(kubeconfig);
        self
    }

    /// Its command line, for a shell.
    pub(crate) fn shell(&self) -> String {
        let word = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''"));
        let environment = self.command.get_envs().map(|(name, value)| format!("{}={}", name.display(), word(value.unwrap_or_default())));
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args()).map(word);
        format!("exec env {}", environment.chain(words).collect::<Vec<_>>().join(" "))
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(Some(self.command.spawn().unwrap()))
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Run {
        self.start().end()
    }

    /// Runs it: it refuses this pod, for these guardrails among others, and nothing at all is deleted. The message.
    #[track_caller]
    pub(crate) fn refuses(self, pod: &Pod, guardrails: &[&str]) -> String {
        let lab = self.lab;
        let run = self.run();
        assert_eq!(run.exit, 0, "a refusal is a normal end: {run:?}");
        let message = run.refused(pod, guardrails);
        assert_eq!(lab.deletions(), Vec::<Value>::new());
        lab.untouched(pod);
        message
    }

    /// As [`Remediator::refuses`], where something was deleted before.
    #[track_caller]
    pub(crate) fn refuses_again(self, pod: &Pod, guardrails: &[&str]) -> String {
        let lab = self.lab;
        let before = lab.deletions().len();
        let run = self.run();
        assert_eq!(run.exit, 0, "a refusal is a normal end: {run:?}");
        assert_eq!(lab.deletions().len(), before);
        lab.untouched(pod);
        run.refused(pod, guardrails)
    }

    /// Runs it: it replaces this pod, once, and proves it. The replacement's name.
    #[track_caller]
    pub(crate) fn replaces(self, pod: &Pod) -> String {
        let lab = self.lab;
        let run = self.run();
        assert_eq!(run.exit, 0, "{run:?}");
        let outcome = run.outcome(pod);
        assert_eq!(outcome["verification"]["result"], "verified", "{run:?}");
        assert_ne!(outcome["verification"]["replacement_uid"], *pod.uid);
        let deleted = lab.deletions();
        assert_eq!(deleted.len(), 1, "{deleted:?}");
        assert_eq!(deleted[0]["requestObject"]["preconditions"]["uid"], *pod.uid);
        outcome["verification"]["replacement"].as_str().unwrap().to_owned()
    }
}

/// Sends a signal to a process of ours that nobody has waited for yet, so its number is still its own.
pub(crate) fn signal(process: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status().unwrap();
    assert!(status.success(), "kill -{name} {process}");
}

impl Running {
    /// In place of one whose end has been waited for.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    /// Sends it a signal: `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Waits for its end, which its own deadline brings in any case.
    pub(crate) fn end(mut self) -> Run {
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON line ({error}): {line}"));
        Run {
            exit: output.status.code().unwrap_or(-1),
            records: text.lines().map(parse).collect(),
            lines: text.lines().map(str::to_owned).collect(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// What there is to read, without what is the same in every line.
impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.exit)?;
        for record in &self.records {
            let text = |key: &str| record[key].as_str().unwrap_or("none");
            write!(f, "\n  {}, {}, {}: {}", text("event.action"), text("decision.mode"), text("event.reason"), text("message"))?;
        }
        write!(f, "\n{}", self.errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Run {
    /// The only record of this kind on this pod.
    #[track_caller]
    fn only(&self, kind: &str, pod: &Pod) -> &Value {
        let found: Vec<&Value> =
            self.records.iter().filter(|record| record["event.action"] == kind && record["k8s.pod.uid"] == *pod.uid).collect();
        assert_eq!(found.len(), 1, "one {kind} of {}: {self:?}", pod.name);
        found[0]
    }

    /// The decision on this pod.
    #[track_caller]
    pub(crate) fn decision(&self, pod: &Pod) -> &Value {
        self.only("decision", pod)
    }

    /// How the action on this pod ended.
    #[track_caller]
    pub(crate) fn outcome(&self, pod: &Pod) -> &Value {
        self.only("outcome", pod)
    }

    /// The decision on this pod is to abort, these guardrails block (perhaps others too), and nothing follows. The message.
    #[track_caller]
    pub(crate) fn refused(&self, pod: &Pod, guardrails: &[&str]) -> String {
        let decision = self.decision(pod);
        assert_eq!(decision["decision.mode"], "abort", "{self:?}");
        for id in guardrails {
            assert_eq!(self.guardrail(pod, id)["result"], "blocked", "{id}: {self:?}");
        }
        let acted = |record: &Value| record["k8s.pod.uid"] == *pod.uid && record["event.action"] != "decision";
        assert!(!self.records.iter().any(acted), "{self:?}");
        decision["message"].as_str().unwrap().to_owned()
    }

    /// What one guardrail says of this pod.
    #[track_caller]
    pub(crate) fn guardrail(&self, pod: &Pod, id: &str) -> &Value {
        let all = self.decision(pod)["guardrails"].as_array().unwrap();
        all.iter().find(|guardrail| guardrail["id"] == id).unwrap_or_else(|| panic!("no guardrail {id}: {all:?}"))
    }

    /// What the guardrails that block this pod are.
    #[track_caller]
    pub(crate) fn blocks(&self, pod: &Pod) -> Vec<String> {
        let all = self.decision(pod)["guardrails"].as_array().unwrap();
        let blocked = all.iter().filter(|guardrail| guardrail["result"] == "blocked");
        blocked.map(|guardrail| guardrail["id"].as_str().unwrap().to_owned()).collect()
    }
}
