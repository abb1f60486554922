//! The runbooks' files: one file, or every `.yaml` and `.yml` of a folder.

mod error;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::core::decide::{TIME_MARGIN, time_needed};
use crate::core::runbook::{Problem, Runbook, longest, parse_each};

pub(crate) use error::LoadError;

/// No more than this is read of any file, in bytes; what a ConfigMap can hold is less.
const TOO_LARGE: u64 = 4 << 20;

fn before(probes: u64) -> String {
    if probes == 0 { String::new() } else { format!(", guardrails.probes may take {probes} s before it") }
}

/// What some paths hold.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The files that could be read: name and text.
    pub files: Vec<(String, String)>,
    /// How many could not.
    pub unreadable: usize,
    /// The valid runbooks, each with its file's name.
    pub runbooks: Vec<(String, Runbook)>,
    /// Every mistake, that a file cannot be read included. Of one file they stand together, in its order.
    pub problems: Vec<Problem>,
}

/// Reads every runbook that the paths hold, and finds every mistake in them: one file's never hides another's.
pub(crate) fn read(paths: &[PathBuf]) -> Loaded {
    let mut loaded = Loaded::default();
    for path in paths {
        match files(path) {
            Ok(files) => files.iter().for_each(|file| loaded.add(file)),
            Err(problem) => loaded.unusable(problem),
        }
    }
    loaded.parse();
    loaded
}

impl Loaded {
    /// What files hold that have been read elsewhere: name and text.
    pub(crate) fn of(files: Vec<(String, String)>) -> Self {
        let mut loaded = Self { files, ..Self::default() };
        loaded.parse();
        loaded
    }

    fn parse(&mut self) {
        let texts = self.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let (runbooks, problems) = parse_each(texts);
        self.runbooks = runbooks;
        self.problems.extend(problems);
    }

    /// The runbooks, for a run that ends after `deadline`.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub(crate) fn for_a_run(self, deadline: Duration) -> Result<Vec<Runbook>, LoadError> {
        let Self { files, runbooks, problems, .. } = self.within(deadline);
        if problems.is_empty() {
            Ok(runbooks.into_iter().map(|(_, runbook)| runbook).collect())
        } else {
            Err(LoadError { problems, files })
        }
    }

    /// Without the runbooks for which no run has the time that ends after `deadline`: each of them is a mistake.
    pub(crate) fn within(mut self, deadline: Duration) -> Self {
        let (fit, never): (Vec<_>, Vec<_>) = self.runbooks.into_iter().partition(|(_, runbook)| time_needed(runbook, false) < deadline);
        self.runbooks = fit;
        self.problems.extend(never.iter().map(|(file, runbook)| too_long(&self.files, file, runbook, deadline)));
        let place = |problem: &Problem| (self.files.iter().position(|(name, _)| *name == problem.file), problem.line, problem.column);
        self.problems.sort_by_key(place);
        self
    }

    fn add(&mut self, file: &Path) {
        let name = file.display().to_string();
        // The same file named twice is one file.
        if self.files.iter().any(|(known, _)| *known == name) {
            return;
        }
        match beginning_of(file).map(String::from_utf8) {
            Ok(_) if std::fs::metadata(file).is_ok_and(|file| file.len() > TOO_LARGE) => {
                self.unusable(of_file(file, "is far too large for a runbook"));
            }
            Ok(Ok(text)) => self.files.push((name, text)),
            Ok(Err(error)) => {
                let before = error.utf8_error().valid_up_to();
                let lines = error.as_bytes().get(..before).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
                self.unusable(of_file(file, &format!("is not valid UTF-8, in line {}", lines + 1)));
            }
            Err(error) => self.unusable(of_file(file, &format!("cannot be read: {error}"))),
        }
    }

    fn unusable(&mut self, problem: Problem) {
        self.unreadable += 1;
        self.problems.push(problem);
    }
}

/// Loads every runbook that `path` holds for a run that ends after `deadline`, or says all that is wrong with them.
///
/// # Errors
/// See [`LoadError`].
pub(crate) fn load(path: &Path, deadline: Duration) -> Result<Vec<Runbook>, LoadError> {
    read(&[path.to_owned()]).for_a_run(deadline)
}

/// What is wrong with a runbook for which no run has the time that ends after `deadline`.
fn too_long(files: &[(String, String)], file: &str, runbook: &Runbook, deadline: Duration) -> Problem {
    let (name, timeout, probes) = (&runbook.name, runbook.verification.timeout_seconds, longest(&runbook.guardrails.probes));
    let message = format!(
        "runbook {name} could never act: it is {timeout} s{}, and {} s are for reading and sending, but a run ends after {}; lower it, \
         or raise --deadline (RUN_DEADLINE)",
        before(probes.as_secs()),
        TIME_MARGIN.as_secs(),
        humantime::Duration::from(deadline),
    );
    let text = files.iter().find(|(known, _)| known == file).map_or("", |(_, text)| text);
    Problem::of_field((file, text), name, "spec.verification.timeoutSeconds", message)
}

/// Whatever the file is: /dev/zero has no end.
fn beginning_of(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(TOO_LARGE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn of_file(file: &Path, message: &str) -> Problem {
    Problem { file: file.display().to_string(), line: 0, column: 0, path: String::new(), message: message.to_owned() }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    const SET: &str = "name a file, or a directory of .yaml files (run: --runbooks or RUNBOOKS)";
    let unreadable = |error: std::io::Error| of_file(path, &format!("cannot be read: {error}; {SET}"));
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        // A mounted ConfigMap's own folders and links begin with two dots.
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(of_file(path, &format!("has no .yaml or .yml file: {SET}"))) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_into_a_run_is_said() {
        let file = std::env::temp_dir().join(format!("pod-remediator-load-{}.yaml", std::process::id()));
        let probe = "{name: a, prometheus: {url: 'http://p', query: up, below: 1, samples: 3, intervalSeconds: 10}}";
        let one = include_str!("../../config/runbook.yaml")
            .replace("    maxConcurrentActions: 1\n", &format!("    maxConcurrentActions: 1\n    probes: [{probe}]\n"));
        // Two pauses of 10 s, three answers of 5 s at most, 120 s of verification, and 15 s: a run that has just as much has less once it
        // has looked around.
        std::fs::write(&file, one).unwrap();
        let (fits, short) = (load(&file, Duration::from_secs(171)), load(&file, Duration::from_secs(170)));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(fits.unwrap().len(), 1);
        assert_eq!(
            short.unwrap_err().to_string(),
            format!(
                "{}:59:21: spec.verification.timeoutSeconds: runbook replace-redundant-pod could never act: it is 120 s, guardrails.probes may \
                 take 35 s before it, and 15 s are for reading and sending, but a run ends after 2m 50s; lower it, or raise --deadline \
                 (RUN_DEADLINE)",
                file.display()
            )
        );
    }
}
