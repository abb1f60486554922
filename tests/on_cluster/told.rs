//! The commands that only tell: what they print.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fixture::Lab;
use crate::remediator::Runbook;

/// A command, about to be run.
pub(crate) struct Asking(Command);

/// What it told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) errors: String,
}

impl Lab {
    /// A command that reads runbooks: `explain`, `check`. Here, with the default runbook.
    pub(crate) fn asks(&self, words: &[&str]) -> Asking {
        self.asks_with(&self.runbook(), words)
    }

    /// The same with this runbook.
    pub(crate) fn asks_with(&self, runbook: &Runbook, words: &[&str]) -> Asking {
        let mut asking = self.asks_without_runbook(words);
        asking.0.arg("--runbooks").arg(runbook.file(self));
        asking
    }

    /// A command that reads none: `status`.
    pub(crate) fn asks_without_runbook(&self, words: &[&str]) -> Asking {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pod-remediator"));
        command.args(words).args(["--namespace", &self.namespace]);
        Asking(command)
    }
}

impl Lab {
    /// A command that asks about every namespace.
    pub(crate) fn asks_everywhere(&self, words: &[&str]) -> Asking {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pod-remediator"));
        command.args(words);
        Asking(command)
    }
}

impl Asking {
    /// With a variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// As whoever this kubeconfig says.
    pub(crate) fn by(mut self, kubeconfig: &Path) -> Self {
        self.0.arg("--kubeconfig").arg(kubeconfig);
        self
    }

    /// Runs it to its end.
    pub(crate) fn tells(mut self) -> Told {
        let output = self.0.output().unwrap();
        Told {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Told {
    /// Of `-o json`.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Of `-o yaml`.
    #[track_caller]
    pub(crate) fn yaml(&self) -> Value {
        serde_saphyr::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
