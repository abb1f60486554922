//! A record as one readable line, for a terminal.

use super::{Kind, Record};

/// Time, kind, message; a dry run's messages are marked already.
pub(super) fn line(record: &Record, colour: bool) -> String {
    let (code, word) = match (record.kind, record.outcome, record.mode) {
        (Kind::Outcome, Some("success"), _) => ("32", "verified"),
        (Kind::Outcome, Some("failure"), _) => ("31", "failed"),
        (Kind::Outcome, ..) => ("33", "outcome"),
        (Kind::Intent, ..) => ("36", "intent"),
        (Kind::Run, ..) => ("2", "run"),
        (Kind::Decision, _, Some("auto_execute")) => ("36", "replace"),
        (Kind::Decision, _, mode) => ("33", mode.unwrap_or("decision")),
    };
    let word = format!("{word:<17}");
    let word = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word };
    let time = record.timestamp.strftime("%H:%M:%SZ");
    let message: String = record.message.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("{time}  {word}  {message}")
}
