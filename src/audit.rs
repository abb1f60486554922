//! Audit: one line for every decision, one before an action and one after it: "why did automation touch production?".
//!
//! Standard output carries these records and nothing else; diagnostics go to standard error.

mod record;
mod text;

use std::io::Write;

pub use record::{ActionRecord, Actor, ApprovalRecord, EscalationRecord, GuardrailRecord, Kind, Record, Settings, VerificationRecord};

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people; colours where the terminal shows them.
    Text {
        /// With colours.
        colour: bool,
    },
}

/// Where records go.
pub struct Sink<W> {
    out: W,
    format: Format,
}

impl<W: Write> Sink<W> {
    /// Writes to `out`.
    pub fn new(out: W, format: Format) -> Self {
        Self { out, format }
    }

    /// Writes one record, and flushes it: what follows may be the last thing that this process does.
    pub fn write(&mut self, record: &Record) {
        let line = match self.format {
            Format::Json => serde_json::to_string(record).unwrap_or_else(|error| format!("{{\"message\":\"unwritable record: {error}\"}}")),
            Format::Text { colour } => text::line(record, colour),
        };
        // A reader that closed the pipe must not end a run between its intent and its outcome.
        if let Err(error) = writeln!(self.out, "{line}").and_then(|()| self.out.flush()) {
            tracing::error!(%error, record = line, "cannot write an audit record to standard output");
        }
    }
}
