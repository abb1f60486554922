//! A record as readable text, for a terminal.

use super::{Record, RecordKind};
use crate::core::words::inert;
use crate::terminal::output::LONGEST_TEXT;
use crate::terminal::style::{Style, Tone};
use crate::terminal::table::wrapped;

/// Of a time and a kind, with what stands between them: where messages begin.
const INDENT: usize = 11 + KIND + 2;
/// The longest word for a kind, `approval_required`.
const KIND: usize = 17;

/// Time, kind, message, and below it the hint; a dry run's messages are marked already. On a terminal, a long message goes on under its
/// beginning, and a command in it has a line of its own, however long.
pub(super) fn lines(record: &Record, style: Style) -> String {
    let (tone, word) = match (record.kind, record.outcome, record.mode) {
        (RecordKind::Outcome, Some("success"), _) => (Tone::Good, "verified"),
        (RecordKind::Outcome, Some("failure"), _) => (Tone::Bad, "failed"),
        (RecordKind::Outcome, ..) => (Tone::Warning, "outcome"),
        (RecordKind::Intent, ..) => (Tone::Action, "intent"),
        (RecordKind::Run, ..) => (Tone::Dim, "run"),
        (RecordKind::Decision, _, Some("auto_execute")) => (Tone::Action, "replace"),
        (RecordKind::Decision, _, mode) => (Tone::Warning, mode.unwrap_or("decision")),
    };
    let time = style.toned(Tone::Dim, &record.timestamp.strftime("%H:%M:%SZ").to_string());
    let padding = " ".repeat(KIND.saturating_sub(word.len()));
    let word = style.toned(tone, word);
    let message = inert(&record.message, LONGEST_TEXT);
    let hint = record.hint.as_ref().map(|hint| format!("hint: {}", inert(hint, LONGEST_TEXT)));
    let Some(width) = style.width else {
        let hint = hint.map_or_else(String::new, |hint| format!("\n{:INDENT$}{hint}", ""));
        return format!("{time}  {word}{padding}  {message}{hint}");
    };
    // Half of a terminal at least is for the message.
    let (start, indent) = if width >= 2 * INDENT { (padding + "  ", INDENT) } else { ("\n  ".to_owned(), 2) };
    let lines: Vec<String> = std::iter::once(message).chain(hint).flat_map(|text| wrapped(&text, width - indent)).collect();
    format!("{time}  {word}{start}{}", lines.join(&format!("\n{:indent$}", "")))
}
