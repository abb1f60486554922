//! Audit: one line for every decision, one before an action and one after it: "why did automation touch production?".
//!
//! Standard output carries these records and nothing else; diagnostics go to standard error.

mod progress;
mod record;
mod style;
mod text;

use std::io::Write;

pub use progress::{Progress, TICK};
pub use record::{ActionRecord, Actor, ApprovalRecord, EscalationRecord, GuardrailRecord, Kind, Record, Settings, VerificationRecord};
pub use style::Style;

use crate::output;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text(Style),
}

/// A record as one line of JSON.
pub fn json(record: &Record) -> String {
    output::json(record).unwrap_or_else(|error| format!("{{\"message\":\"unwritable record: {error}\"}}"))
}

/// Where records go.
pub struct Sink<W> {
    out: W,
    format: Format,
    progress: Progress,
}

impl<W: Write> Sink<W> {
    /// Writes to `out`; what `progress` shows is taken away before.
    pub fn new(out: W, format: Format, progress: Progress) -> Self {
        Self { out, format, progress }
    }

    /// What is shown while the run waits.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Writes one record, and flushes it: what follows may be the last thing that this process does.
    pub fn write(&mut self, record: &Record) {
        let line = match self.format {
            Format::Json => json(record),
            Format::Text(style) => text::lines(record, style),
        };
        self.progress.clear();
        // A reader that closed the pipe must not end a run between its intent and its outcome.
        if let Err(error) = writeln!(self.out, "{line}").and_then(|()| self.out.flush()) {
            tracing::error!(%error, record = line, "cannot write an audit record to standard output");
        }
    }
}

#[cfg(test)]
mod tests;
