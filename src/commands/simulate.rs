//! `simulate`, for people: a table of every decision, the differences, and a summary.

use std::fmt::Write as _;

use crate::core::words::{counted, inert, number};
use crate::incident::{Got, PlayedDecision, Simulation};
use crate::terminal::style::Tone;
use crate::terminal::table::{Layout, table, wrapped};

const HEADINGS: [&str; 5] = ["INCIDENT", "RESULT", "MOMENT", "POD", "DECISION"];
const NOTHING: &str = "-";
/// The widest cell, in characters; what is cut off is in the differences, and in JSON.
const WIDEST: usize = 48;

impl Simulation {
    /// For people.
    pub(crate) fn table(&self, layout: Layout) -> String {
        let rows: Vec<(Tone, [String; 5])> = self.decisions.iter().map(|row| (Tone::Plain, cells(row))).collect();
        let mut text = table(HEADINGS, &rows, Layout { colour: false, ..layout });
        let _ = write!(text, "{}\n{}", self.told(|said| wrapped(said, layout.columns.saturating_sub(4))), self.summary());
        text
    }

    /// Each decision that is not the one expected, with what was expected and what was decided.
    pub(crate) fn differences(&self) -> String {
        self.told(|said| vec![said.to_owned()])
    }

    fn told(&self, lines: impl Fn(&str) -> Vec<String>) -> String {
        let mut text = String::new();
        for row in self.decisions.iter().filter(|row| !row.ok) {
            let _ = write!(text, "\n{}: {}, {}, {}:\n", row.file, row.incident, row.moment, or_nothing(&row.pod));
            for difference in &row.differences {
                // Further lines stand under the first, behind its sign.
                let (sign, said) = difference.split_at_checked(2).unwrap_or(("", difference));
                let said = lines(said);
                let _ = writeln!(text, "  {sign}{}", said.join("\n    "));
            }
        }
        text
    }

    /// One line: how much was played, and whether all was as expected.
    pub(crate) fn summary(&self) -> String {
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let failed = self.decisions.iter().filter(|row| !row.ok).count();
        let verdict = if failed == 0 { "all as expected".to_owned() } else { format!("{} not as expected", number(size(failed))) };
        let incidents = counted(size(self.incidents), "incident", "incidents");
        format!("{incidents}, {}: {verdict}", counted(size(self.decisions.len()), "decision", "decisions"))
    }
}

fn cells(row: &PlayedDecision) -> [String; 5] {
    let got = row.got.as_ref().map_or_else(|| NOTHING.to_owned(), Got::short);
    let result = if row.ok { "ok" } else { "FAIL" };
    [&row.incident, result, &row.moment, or_nothing(&row.pod), &got].map(|text| inert(text, WIDEST))
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { NOTHING } else { text }
}
