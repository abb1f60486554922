//! What was found, for people and for programs.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::core::exit::Exit;
use crate::core::words::{counted, inert};
use crate::run::RunError;
use crate::terminal::style::Tone;
use crate::terminal::table::{Layout, table};

/// Everything that was checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Findings {
    /// The namespace; empty if even that is unknown.
    pub namespace: String,
    /// The API server's time, if it answered.
    pub now: Option<Timestamp>,
    /// It ran in a pod (`POD_UID` is set), so the permissions are those of a run.
    pub inside_cluster: bool,
    /// What was found, in the order of the checks.
    pub findings: Vec<CheckFinding>,
    #[serde(skip)]
    exit: Exit,
}

/// One check's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CheckFinding {
    /// How it is.
    pub level: Level,
    /// What it is about.
    pub what: &'static str,
    /// In words.
    pub detail: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// Worth a look; runs do what they should.
    Warning,
    /// Must be fixed.
    Problem,
}

impl Findings {
    pub(super) fn new(inside_cluster: bool) -> Self {
        Self { namespace: String::new(), now: None, inside_cluster, findings: Vec::new(), exit: Exit::Done }
    }

    pub(super) fn ok(&mut self, what: &'static str, detail: String) {
        self.findings.push(CheckFinding { level: Level::Ok, what, detail });
    }

    pub(super) fn warning(&mut self, what: &'static str, detail: String) {
        self.findings.push(CheckFinding { level: Level::Warning, what, detail });
    }

    pub(super) fn problem(&mut self, what: &'static str, detail: String) {
        self.findings.push(CheckFinding { level: Level::Problem, what, detail });
        self.exit = self.exit.and(Exit::Usage);
    }

    /// What would end a run, with the exit code that it would end with.
    pub(super) fn failed(&mut self, what: &'static str, error: RunError) {
        let detail = inert(&error.to_string(), 1000);
        self.findings.push(CheckFinding { level: Level::Problem, what, detail });
        self.exit = self.exit.and(error.exit());
    }

    /// The exit code: 2 on a problem, 1 if the API failed, 4 if the ledger cannot be trusted.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// For people.
    pub(crate) fn table(&self, layout: Layout) -> String {
        let rows: Vec<(Tone, [String; 3])> = self.findings.iter().map(CheckFinding::row).collect();
        let mut text = table(["LEVEL", "WHAT", "DETAIL"], &rows, layout);
        let count = |level| u32::try_from(self.findings.iter().filter(|finding| finding.level == level).count()).unwrap_or(u32::MAX);
        let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
        let namespace = if self.namespace.is_empty() { String::new() } else { format!("namespace {}: ", self.namespace) };
        let _ = writeln!(text, "{namespace}{}, {}", counted(problems, "problem", "problems"), counted(warnings, "warning", "warnings"));
        text
    }
}

impl CheckFinding {
    fn row(&self) -> (Tone, [String; 3]) {
        let (tone, level) = match self.level {
            Level::Ok => (Tone::Good, "ok"),
            Level::Warning => (Tone::Warning, "warning"),
            Level::Problem => (Tone::Bad, "problem"),
        };
        (tone, [level, self.what, &self.detail].map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_the_exit_code_and_all_is_told() {
        let mut findings = Findings::new(true);
        findings.namespace = "shop".to_owned();
        findings.ok("ledger", "readable".to_owned());
        assert_eq!(findings.exit(), Exit::Done);
        findings.warning("clock", "400 s behind".to_owned());
        assert_eq!(findings.exit(), Exit::Done, "a warning is none");
        findings.problem("permission missing", "delete pods (to replace a pod)".to_owned());
        let expected = "\
LEVEL    WHAT                DETAIL
ok       ledger              readable
warning  clock               400 s behind
problem  permission missing  delete pods (to replace a pod)
namespace shop: one problem, one warning
";
        assert_eq!(findings.table(Layout::PLAIN), expected);
        assert_eq!(findings.exit(), Exit::Usage);
        crate::terminal::output::tests::only_snake_case(&serde_json::to_value(&findings).unwrap());
    }
}
