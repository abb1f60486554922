//! Audit: one line for every decision, one before an action and one after it: "why did automation touch production?".
//!
//! Standard output carries these records and nothing else; diagnostics go to standard error.

mod error;
mod out;
mod progress;
mod record;
mod text;

use std::io::{ErrorKind, Write};

pub(crate) use error::Unwritten;
pub(crate) use out::StandardOutput;
pub(crate) use progress::{Progress, TICK};
pub(crate) use record::{
    ActionRecord, Actor, ApprovalRecord, EscalationRecord, Record, RecordKind, RunReason, SettingsRecord, VerificationRecord,
};

use crate::terminal::output;
use crate::terminal::style::Style;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrailFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text(Style),
}

/// A record as one line of JSON.
pub(crate) fn json(record: &Record) -> String {
    output::json(record).unwrap_or_else(|error| format!("{{\"message\":\"unwritable record: {error}\"}}"))
}

/// Where records go.
pub(crate) struct Sink<W> {
    out: W,
    format: TrailFormat,
    progress: Progress,
    /// A record broke off in the middle of its line.
    torn: bool,
}

impl<W: Write> Sink<W> {
    /// Writes to `out`; what `progress` shows is taken away before.
    pub(crate) fn new(out: W, format: TrailFormat, progress: Progress) -> Self {
        Self { out, format, progress, torn: false }
    }

    /// What is shown while the run waits.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Writes one record, and flushes it: what follows may be the last thing that this process does.
    ///
    /// # Errors
    /// It was not written, or not all of it; a later record begins on a line of its own.
    pub(crate) fn write(&mut self, record: &Record) -> Result<(), Unwritten> {
        let mut line = match self.format {
            TrailFormat::Json => output::json(record).map_err(std::io::Error::from)?,
            TrailFormat::Text(style) => text::lines(record, style),
        };
        line.push('\n');
        if self.torn {
            line.insert(0, '\n');
        }
        self.progress.clear();
        let mut rest = line.as_bytes();
        // Not write_all: it does not say whether anything was written.
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(Unwritten(ErrorKind::WriteZero.into())),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Unwritten(error)),
            }
        }
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests;
