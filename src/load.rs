//! The runbooks' files: one file, or every `.yaml` and `.yml` of a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::runbook::{Problem, Runbook, parse_all};

/// Why there are no runbooks to go by.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder cannot be read.
    #[error("cannot read runbooks from {path}: {error}; set --runbooks or RUNBOOKS to a file or a folder of .yaml files")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The folder has none.
    #[error("{0} has no .yaml or .yml file; set --runbooks or RUNBOOKS to a file or a folder of runbooks")]
    Empty(PathBuf),
    /// Everything that is wrong with them.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// It could never act.
    #[error(
        "runbook {name}: verification.timeoutSeconds is {timeout}, but a run ends after {deadline} ({margin} s are for reading and sending); lower it, or raise --deadline"
    )]
    BeyondDeadline {
        /// The runbook.
        name: String,
        /// Its timeout.
        timeout: u32,
        /// The run's deadline.
        deadline: humantime::Duration,
        /// What a run needs besides.
        margin: u64,
    },
}

fn list(problems: &[Problem]) -> String {
    let mut text = String::new();
    for (index, problem) in problems.iter().enumerate() {
        let _ = write!(text, "{}{problem}", if index == 0 { "" } else { "\n" });
    }
    text
}

/// Loads every runbook that `path` holds, or says all that is wrong with them.
///
/// # Errors
/// See [`LoadError`].
pub fn load(path: &Path, deadline: Duration) -> Result<Vec<Runbook>, LoadError> {
    let mut texts = Vec::new();
    for file in files(path)? {
        let text = std::fs::read_to_string(&file).map_err(|error| LoadError::Unreadable { path: file.clone(), error })?;
        texts.push((file.display().to_string(), text));
    }
    let runbooks = parse_all(texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))).map_err(LoadError::Invalid)?;
    for Runbook { name, verification, .. } in &runbooks {
        let (margin, timeout) = (crate::decide::TIME_MARGIN, verification.timeout_seconds);
        if Duration::from_secs(u64::from(timeout)) + margin > deadline {
            return Err(LoadError::BeyondDeadline { name: name.clone(), timeout, deadline: deadline.into(), margin: margin.as_secs() });
        }
    }
    Ok(runbooks)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let unreadable = |error| LoadError::Unreadable { path: path.to_owned(), error };
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
    if files.is_empty() { Err(LoadError::Empty(path.to_owned())) } else { Ok(files) }
}
