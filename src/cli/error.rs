//! Why a command ended early, and how that is printed.

use std::io::Write;

use crate::commands::explain::ExplainError;
use crate::commands::marking::MarkError;
use crate::commands::validate::shown;
use crate::core::exit::Exit;
use crate::core::words::inert;
use crate::incident::SimulateError;
use crate::outside::load::LoadError;
use crate::run::RunError;
use crate::run::config::ConfigErrors;
use crate::terminal::style::{Style, Tone};

/// The longest error that is printed, in characters.
const LONGEST_ERROR: usize = 4000;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Config(ConfigErrors),
    #[error(transparent)]
    Run(Box<RunError>),
    #[error("--reason is empty: say what was fixed")]
    NoReason,
    #[error("{why}")]
    NothingReset { why: String, open: Vec<String> },
    #[error(transparent)]
    Simulate(SimulateError),
    #[error(transparent)]
    Explain(Box<ExplainError>),
    #[error(transparent)]
    Mark(Box<MarkError>),
    #[error("the result cannot be written in this form: {0}")]
    Unwritable(#[source] Box<dyn std::error::Error>),
    #[error("cannot write the result to standard output: {0}")]
    Unwritten(#[source] std::io::Error),
}

impl CliError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            // Whoever resets a breaker wants it closed, and a script must not take a slip of the keyboard for that.
            Self::Config(_) | Self::NoReason | Self::NothingReset { .. } => Exit::Usage,
            Self::Run(error) => error.exit(),
            Self::Simulate(error) => error.exit(),
            Self::Explain(error) => error.exit(),
            Self::Mark(error) => error.exit(),
            Self::Unwritable(_) => Exit::Usage,
            Self::Unwritten(_) => Exit::Unwritten,
        }
    }

    /// Prints it on standard error. Returns the exit code that it calls for.
    pub(super) fn tell(&self) -> Exit {
        let style = Style::of(&std::io::stderr());
        for line in self.lines(style) {
            // Where standard error takes nothing either, the exit code is all that is left to say it.
            let _ = writeln!(std::io::stderr(), "{} {line}", style.toned(Tone::Error, "error:"));
        }
        for hint in self.hints() {
            let _ = writeln!(std::io::stderr(), "  {} {}", style.toned(Tone::Bold, "hint:"), inert(hint, LONGEST_ERROR));
        }
        self.exit()
    }

    /// What to do about it.
    fn hints(&self) -> Vec<&str> {
        match self {
            Self::NothingReset { open, .. } => open.iter().map(String::as_str).collect(),
            Self::Mark(error) => error.hint().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// One line for each mistake; inert. On a terminal, mistakes come with their source.
    pub(super) fn lines(&self, style: Style) -> Vec<String> {
        match self {
            Self::Config(ConfigErrors(errors)) => errors.iter().map(|error| inert(&error.to_string(), LONGEST_ERROR)).collect(),
            Self::Run(run) => match &**run {
                RunError::Runbooks(LoadError { problems, files }) => problems.iter().map(|problem| shown(problem, files, style)).collect(),
                error => vec![inert(&error.to_string(), LONGEST_ERROR)],
            },
            Self::Simulate(error) => error.to_string().lines().map(|line| inert(line, LONGEST_ERROR)).collect(),
            error => vec![inert(&error.to_string(), LONGEST_ERROR)],
        }
    }
}

impl<E: Into<RunError>> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::Run(Box::new(error.into()))
    }
}
