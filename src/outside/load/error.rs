//! What is wrong with runbooks.

use crate::core::runbook::Problem;

/// Everything that is wrong with the runbooks, in one go.
#[derive(Debug, thiserror::Error)]
#[error("{}", Problem::list(.problems))]
pub(crate) struct LoadError {
    /// Every mistake.
    pub problems: Vec<Problem>,
    /// The files that could be read: name and text, to show a mistake in.
    pub files: Vec<(String, String)>,
}
