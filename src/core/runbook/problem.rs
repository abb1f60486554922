//! One mistake in a runbook file, and where it is.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::core::words::inert;

/// The longest file name, path or message that is printed, in characters.
const LONGEST: usize = 4096;

/// One mistake, as `file:line:column: field.path: what is wrong and what is allowed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problem {
    /// The file's name as it was given.
    pub file: String,
    /// From 1; 0 for a mistake of the file as a whole, null in JSON.
    #[serde(serialize_with = "place")]
    pub line: u64,
    /// From 1, in characters; as `line`.
    #[serde(serialize_with = "place")]
    pub column: u64,
    /// Such as `spec.guardrails.cooldownMinutes`; empty for a mistake of the file or of its YAML.
    pub path: String,
    /// A lowercase fragment that says what is allowed.
    pub message: String,
}

impl Problem {
    /// Many of them, a line each.
    pub fn list(problems: &[Self]) -> String {
        problems.iter().map(Self::to_string).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, message } = self;
        f.write_str(&inert(file, LONGEST))?;
        if *line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if !path.is_empty() {
            write!(f, "{}: ", inert(path, LONGEST))?;
        }
        f.write_str(&inert(message, LONGEST))
    }
}

fn place<S: Serializer>(place: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match place {
        0 => serializer.serialize_none(),
        place => serializer.serialize_u64(*place),
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
        (problem.line, problem.column) = (0, 0);
        assert_eq!(problem.to_string(), "runbook.yaml: is missing");
        assert_eq!(serde_json::to_value(&problem).unwrap()["line"], serde_json::Value::Null);
        problem.message = "is\n\u{202e}this".to_owned();
        assert_eq!(problem.to_string(), "runbook.yaml: is\\n\\u{202e}this");
    }
}
