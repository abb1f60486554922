//! What is told: a table of every decision, the differences, and a summary.

use std::fmt::Write as _;

use super::play::{Got, Row, Simulation};
use crate::words::{counted, inert, number};

const HEADINGS: [&str; 6] = ["INCIDENT", "MOMENT", "POD", "EXPECTED", "GOT", "RESULT"];
const NOTHING: &str = "-";
/// The widest cell, in characters; what is cut off is in the differences, and in JSON.
const WIDEST: usize = 48;

impl Simulation {
    /// For people.
    pub fn table(&self) -> String {
        let rows: Vec<[String; 6]> = self.decisions.iter().map(cells).collect();
        let mut widths = HEADINGS.map(str::len);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = line(&HEADINGS.map(str::to_owned), &widths);
        for row in &rows {
            text += &line(row, &widths);
        }
        let _ = write!(text, "{}\n{}", self.differences(), self.summary());
        text
    }

    /// Each decision that is not the one expected, with what was expected and what was decided.
    pub fn differences(&self) -> String {
        let mut text = String::new();
        for row in self.decisions.iter().filter(|row| !row.ok) {
            let _ = write!(text, "\n{}: {}, {}, {}:\n", row.file, row.incident, row.moment, or_nothing(&row.pod));
            for difference in &row.differences {
                let _ = writeln!(text, "  {difference}");
            }
        }
        text
    }

    /// One line: how much was played, and whether all was as expected.
    pub fn summary(&self) -> String {
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let failed = self.decisions.iter().filter(|row| !row.ok).count();
        let verdict = if failed == 0 { "all as expected".to_owned() } else { format!("{} not as expected", number(size(failed))) };
        let incidents = counted(size(self.incidents), "incident", "incidents");
        format!("{incidents}, {}: {verdict}", counted(size(self.decisions.len()), "decision", "decisions"))
    }
}

fn cells(row: &Row) -> [String; 6] {
    let expected = row.expected.clone().unwrap_or_else(|| NOTHING.to_owned());
    let got = row.got.as_ref().map_or_else(|| NOTHING.to_owned(), Got::short);
    let result = if row.ok { "ok" } else { "FAIL" };
    [&row.incident, &row.moment, or_nothing(&row.pod), &expected, &got, result].map(|text| inert(text, WIDEST))
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { NOTHING } else { text }
}

fn line(cells: &[String; 6], widths: &[usize; 6]) -> String {
    let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    format!("{}\n", padded.join("  ").trim_end())
}
