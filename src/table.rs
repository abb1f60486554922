//! Tables and paragraphs for people: wrapped to a terminal's width, and coloured where that is wanted.

use std::io::IsTerminal;

use textwrap::WordSeparator;
use textwrap::core::Word;
use textwrap::wrap_algorithms::wrap_first_fit;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::audit::Style;

/// How wide lines are, and whether they have colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Columns of the widest line. Commands may be longer: one that is cut cannot be pasted.
    pub columns: usize,
    /// With colours.
    pub colour: bool,
}

impl Layout {
    /// For a file or a pipe: 100 columns, no colours.
    pub const PLAIN: Self = Self { columns: 100, colour: false };
    /// Narrower, and the columns of a table become single words.
    const NARROWEST: usize = 60;

    /// For standard output or standard error: as wide as `COLUMNS` says, else as the terminal is, else 100 columns; never under 60.
    pub fn of(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Self {
        Self::new(Style::of(stream), std::env::var("COLUMNS").ok().as_deref())
    }

    fn new(style: Style, columns: Option<&str>) -> Self {
        let stated = columns.and_then(|columns| columns.trim().parse().ok()).filter(|columns| (1..=Self::WIDEST).contains(columns));
        let columns = stated.or(style.width).unwrap_or(Self::PLAIN.columns);
        Self { columns: columns.max(Self::NARROWEST), colour: style.colour }
    }

    /// More is no width that somebody means.
    const WIDEST: usize = 10_000;
}

/// What a text stands out for. Without colours it says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// All is well.
    Good,
    /// For a closer look.
    Warning,
    /// Something is wrong, or in the way.
    Bad,
    /// Of no concern.
    Dim,
    /// A heading.
    Bold,
}

impl Tone {
    /// The text in its colour, if colours are wanted.
    pub fn on(self, text: &str, colour: bool) -> String {
        let code = match self {
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Plain => return text.to_owned(),
        };
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A table: headings, then rows whose first cell has a tone. Columns share the width; longer cells go on in the next line.
pub fn table<const N: usize>(headings: [&str; N], rows: &[(Tone, [String; N])], layout: Layout) -> String {
    let headings = (Tone::Bold, headings.map(str::to_owned));
    let all = || std::iter::once(&headings).chain(rows);
    let needs: [Need; N] = std::array::from_fn(|column| {
        let cells = all().filter_map(|(_, cells)| cells.get(column)).map(|cell| Need::of(cell));
        cells.fold(Need::default(), |a, b| Need { least: a.least.max(b.least), most: a.most.max(b.most) })
    });
    let widths = shared(needs, layout.columns.saturating_sub(N.saturating_sub(1) * BETWEEN.len()));
    let mut text = String::new();
    for (tone, cells) in all() {
        let cells: Vec<Vec<String>> = cells.iter().zip(widths).map(|(cell, width)| wrapped(cell, width)).collect();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut written = String::new();
            for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
                let piece = cell.get(line).map_or("", |piece| piece);
                let piece = format!("{piece}{}", " ".repeat(width.saturating_sub(piece.width())));
                let toned = column == 0 || *tone == Tone::Bold;
                written.push_str(if column == 0 { "" } else { BETWEEN });
                written.push_str(&if toned { tone.on(&piece, layout.colour) } else { piece });
            }
            text.push_str(written.trim_end());
            text.push('\n');
        }
    }
    text
}

/// Between two columns of a table.
const BETWEEN: &str = "  ";

/// How wide a column has to be for its longest word, and for its longest cell on one line.
#[derive(Debug, Clone, Copy, Default)]
struct Need {
    least: usize,
    most: usize,
}

impl Need {
    fn of(cell: &str) -> Self {
        // A command is as long as it is, and does not widen its column.
        let prose: Vec<&str> = parts(cell).into_iter().filter(|(is_command, _)| !is_command).map(|(_, prose)| prose).collect();
        let least = prose.iter().flat_map(|prose| prose.split_whitespace()).map(UnicodeWidthStr::width).max().unwrap_or(0);
        Self { least, most: prose.iter().map(|prose| prose.width()).max().unwrap_or(0) }
    }
}

/// A width for each column, `room` in all: what it needs where there is room for all; else whole words, and the rest goes to the
/// narrowest; else the widest give way, and break words.
fn shared<const N: usize>(needs: [Need; N], room: usize) -> [usize; N] {
    if needs.iter().map(|need| need.most).fold(0, usize::saturating_add) <= room {
        return needs.map(|need| need.most);
    }
    let mut widths = needs.map(|need| need.least.clamp(1, room.max(1)));
    let mut left = room.saturating_sub(widths.iter().sum());
    for _ in 0..widths.iter().sum::<usize>().saturating_sub(room) {
        if let Some(widest) = widths.iter_mut().rev().max_by_key(|width| **width) {
            *widest = widest.saturating_sub(1).max(1);
        }
    }
    while left > 0 {
        let wants = widths.iter_mut().zip(needs).filter(|(width, need)| **width < need.most);
        let Some((narrowest, _)) = wants.min_by_key(|(width, _)| **width) else { break };
        *narrowest += 1;
        left -= 1;
    }
    widths
}

/// A paragraph behind a label, its further lines indented like the first.
pub fn labelled(label: &str, text: &str, tone: Tone, layout: Layout) -> String {
    const LABEL: usize = 10;
    let mut written = String::new();
    for (index, line) in wrapped(text, layout.columns.saturating_sub(LABEL)).into_iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        written.push_str(&format!("{label:<LABEL$}{}\n", tone.on(&line, layout.colour)));
    }
    written
}

/// The text in lines of so many columns, broken between words, or within one that is longer than that. Never none.
/// A command in it has a line of its own, whole: one that is cut cannot be pasted.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (is_command, part) in parts(text) {
        if is_command { lines.push(part.to_owned()) } else { lines.extend(prose(part, width.max(1))) }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// What a command begins with, and what stands before it in a sentence.
const COMMANDS: [&str; 2] = ["kubectl ", "pod-remediator reset-breaker "];
const BEFORE_COMMANDS: [&str; 5] = [": ", "see ", "with ", "run ", "`"];

/// The text in order, prose and commands; true: a command. It ends at the text's end, or at a `;`, ` (` or backtick outside of quotes.
fn parts(text: &str) -> Vec<(bool, &str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = command(rest) {
        let (before, from) = rest.split_at(at);
        let (command, after) = from.split_at(end_of_command(from));
        parts.extend([(false, before.trim_end_matches('`').trim()), (true, command.trim())]);
        rest = after.trim_start_matches([';', '`', ',']);
    }
    if !rest.trim().is_empty() {
        parts.push((false, rest.trim()));
    }
    parts.retain(|(_, part)| !part.is_empty());
    parts
}

fn command(text: &str) -> Option<usize> {
    let starts = COMMANDS.iter().flat_map(|command| text.match_indices(command)).map(|(at, _)| at);
    let introduced = |at: &usize| text.get(..*at).is_some_and(|before| BEFORE_COMMANDS.iter().any(|word| before.ends_with(word)));
    starts.filter(introduced).min()
}

fn end_of_command(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if open == c => quote = None,
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if c == '`' => return at,
            None if text.get(at..).is_some_and(|rest| rest.starts_with("; ") || rest.starts_with(" (")) => return at,
            Some(_) | None => {}
        }
    }
    text.len()
}

fn prose(text: &str, width: usize) -> Vec<String> {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Byte for byte the words of `joined`.
    let words: Vec<Word<'_>> =
        WordSeparator::AsciiSpace.find_words(&joined).flat_map(|word| pieces(word.word, word.whitespace, width)).collect();
    let line = |words: &[Word<'_>]| {
        let mut line = String::new();
        for word in words {
            line.push_str(word.word);
            line.push_str(word.whitespace);
        }
        line.trim_end().to_owned()
    };
    // No terminal has so many columns that it would be lost.
    let width = f64::from(u32::try_from(width).unwrap_or(u32::MAX));
    wrap_first_fit(&words, &[width]).into_iter().map(line).collect()
}

/// A word in pieces that fit, cut behind a `/`, `=` or the like where there is one.
fn pieces<'a>(mut word: &'a str, whitespace: &'a str, width: usize) -> Vec<Word<'a>> {
    let mut pieces = Vec::new();
    while word.width() > width {
        let mut used = 0;
        let end = word.char_indices().find(|(at, c)| {
            used += c.width().unwrap_or(0);
            used > width && *at > 0
        });
        let Some((end, _)) = end else { break };
        let most = word.get(..end).unwrap_or_default();
        let at = most.rfind(['/', '=', ',', ':', '.']).map_or(end, |at| at + 1);
        let (piece, rest) = word.split_at(at);
        pieces.push(Word { word: piece, whitespace: "", penalty: "", width: piece.width() });
        word = rest;
    }
    pieces.push(Word { word, whitespace, penalty: "", width: word.width() });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        assert_eq!(wrapped(text, width), expected);
    }

    #[test]
    fn lines_break_between_words_and_long_words_anywhere() {
        check("", 5, &[""]);
        check("one two", 7, &["one two"]);
        check("one two", 6, &["one", "two"]);
        check("a sha256:0123456789 b", 8, &["a", "sha256:", "01234567", "89 b"]);
        check("if team.example/enabled=true", 20, &["if team.example/", "enabled=true"]);
        check("é é é", 3, &["é é", "é"]);
        check("a well-known word", 8, &["a", "well-known".get(..8).unwrap(), "wn word"]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        check("中文 中文", 8, &["中文", "中文"]);
        check("中文中文", 5, &["中文", "中文"]);
        check("中文", 1, &["中", "文"]);
        let rows = [(Tone::Plain, ["中文", "a"].map(str::to_owned)), (Tone::Plain, ["b", "c"].map(str::to_owned))];
        assert_eq!(table(["X", "Y"], &rows, Layout::PLAIN), "X     Y\n中文  a\nb     c\n");
    }

    #[test]
    fn a_command_stays_whole_on_a_line_of_its_own() {
        let reset = "pod-remediator reset-breaker 'a; b' -n lab --reason '…'";
        check(&format!("it is open; once it is fixed: {reset}; and so on"), 20, &["it is open; once it", "is fixed:", reset, "and so on"]);
        check(
            "renew it: kubectl annotate pod web-1 a=\"$(date; date)\"",
            12,
            &["renew it:", "kubectl annotate pod web-1 a=\"$(date; date)\""],
        );
        check("stays so until `kubectl a b`, after that", 10, &["stays so", "until", "kubectl a b", "after that"]);
        check("what kubectl prints besides", 99, &["what kubectl prints besides"]);
    }

    #[test]
    fn columns_are_aligned_and_colours_do_not_count() {
        let row = |tone, cells: [&str; 3]| (tone, cells.map(str::to_owned));
        let rows = [row(Tone::Bad, ["no", "a", "one two three"]), row(Tone::Good, ["yes", "bb", ""])];
        let plain = "IS   ID  WHY\nno   a   one two\n         three\nyes  bb\n";
        assert_eq!(table(["IS", "ID", "WHY"], &rows, Layout { columns: 17, colour: false }), plain);
        let coloured = table(["IS", "ID", "WHY"], &rows, Layout { columns: 17, colour: true });
        assert!(coloured.contains("\x1b[31mno \x1b[0m  a   one two\n"), "{coloured:?}");
        let bare = coloured.replace("\x1b[31m", "").replace("\x1b[32m", "").replace("\x1b[1m", "").replace("\x1b[0m", "");
        let lines = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(lines(&bare), lines(plain));
    }

    #[test]
    fn columns_share_the_width_and_words_break_last() {
        let need = |least, most| Need { least, most };
        assert_eq!(shared([need(3, 9), need(4, 30)], 40), [9, 30]);
        assert_eq!(shared([need(3, 9), need(4, 30)], 20), [9, 11]);
        assert_eq!(shared([need(20, 20), need(4, 30), need(4, 30)], 40), [20, 10, 10]);
        assert_eq!(shared([need(3, 3), need(90, 90)], 40), [3, 37]);
        assert_eq!(shared([need(90, 90), need(90, 90)], 40), [20, 20]);
    }

    #[test]
    fn the_width_is_the_terminals_unless_columns_says_otherwise() {
        let columns = |width, stated| Layout::new(Style { width, colour: false }, stated).columns;
        assert_eq!(columns(None, None), 100);
        assert_eq!(columns(Some(120), None), 120);
        assert_eq!(columns(Some(40), None), 60);
        assert_eq!(columns(Some(120), Some("80")), 80);
        assert_eq!(columns(None, Some("132")), 132);
        assert_eq!(columns(Some(80), Some("wide")), 80);
        assert_eq!(columns(Some(80), Some("0")), 80);
    }
}
