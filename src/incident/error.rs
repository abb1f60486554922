//! Why an incident could not be played or recorded.

use std::path::PathBuf;

use crate::core::exit::Exit;
use crate::core::runbook::Problem;

/// Why nothing was simulated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulateError {
    /// A file or a directory cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        error: std::io::Error,
    },
    /// A directory has none.
    #[error("{0} has no incident: no .yaml file below it has kind Incident")]
    Empty(PathBuf),
    /// Everything that is wrong with the files.
    #[error("{}", Problem::list(.0))]
    Invalid(Vec<Problem>),
}

impl SimulateError {
    /// The exit code that it calls for.
    pub(crate) const fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Why nothing was recorded, or the record cannot be relied on.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the record {path}: {why}")]
pub(crate) struct RecordError {
    /// The file or directory.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub why: RecordFlaw,
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordFlaw {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// There is nothing to record.
    #[error("nothing was decided")]
    Empty,
    /// It cannot be written as YAML.
    #[error("{0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
    /// The file is there, but `simulate` cannot read it.
    #[error("it is written, but does not play as it was decided: {0}")]
    Unplayable(#[from] SimulateError),
    /// The file is there, but `simulate` decides otherwise.
    #[error("it is written, but does not play as it was decided: {0}")]
    Differs(String),
}
