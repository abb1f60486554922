//! One mistake in a runbook file, and where it is.

use std::fmt;

use serde::Serialize;

/// One mistake, as `file:line:column: field.path: what is wrong and what is allowed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problem {
    /// The file's name as it was given.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// Such as `spec.guardrails.cooldownMinutes`; empty for a mistake of the file or of its YAML.
    pub path: String,
    /// A lowercase fragment that says what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, message } = self;
        write!(f, "{file}:{line}:{column}: ")?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_compiler_error() {
        let mut problem = Problem {
            file: "runbook.yaml".to_owned(),
            line: 7,
            column: 3,
            path: "spec.owner".to_owned(),
            message: "is missing".to_owned(),
        };
        assert_eq!(problem.to_string(), "runbook.yaml:7:3: spec.owner: is missing");
        problem.path.clear();
        assert_eq!(problem.to_string(), "runbook.yaml:7:3: is missing");
    }
}
