//! Tables and paragraphs for people: wrapped to a terminal's width, and coloured where that is wanted.

use std::io::IsTerminal;

use textwrap::core::Word;
use textwrap::wrap_algorithms::wrap_first_fit;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::terminal::style::{Style, Tone};

/// How wide lines are, and whether they have colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Columns of the widest line. Commands may be longer: one that is cut cannot be pasted.
    pub columns: usize,
    /// With colours.
    pub colour: bool,
}

impl Layout {
    /// For a file or a pipe: 100 columns, no colours.
    pub(crate) const PLAIN: Self = Self { columns: 100, colour: false };
    /// Narrower, and the columns of a table become single words.
    const NARROWEST: usize = 60;

    /// For standard output or standard error: as wide as `COLUMNS` says, else as the terminal is, else 100 columns; never under 60.
    pub(crate) fn of(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Self {
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

/// A table: headings, then rows whose first cell has a tone. Columns share the width, and longer cells go on in the next line.
/// Where the words of all columns have no room side by side, the first column gets lines of its own; where the others have none even
/// then, each row is a list of its cells. So a word is broken only behind a joint, or if it is longer than 40 columns.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[(Tone, [String; N])], layout: Layout) -> String {
    let headings = headings.map(str::to_owned);
    let headed = std::iter::once((Tone::Bold, &headings)).chain(rows.iter().map(|(tone, cells)| (*tone, cells)));
    let all: Vec<(Tone, &String, &[String])> =
        headed.filter_map(|(tone, cells)| cells.split_first().map(|(first, others)| (tone, first, others))).collect();
    let first = ColumnNeed::of_all(all.iter().map(|(_, first, _)| *first));
    let others: Vec<ColumnNeed> =
        (0..N.saturating_sub(1)).map(|column| ColumnNeed::of_all(all.iter().filter_map(|(_, _, others)| others.get(column)))).collect();
    let (plain, within) = (Layout { colour: false, ..layout }, layout.columns.saturating_sub(INDENT.len()));
    let mut text = String::new();
    if let Some(widths) = shared(&[&[first], others.as_slice()].concat(), layout.columns) {
        for (tone, first, others) in all {
            let cells: Vec<&String> = std::iter::once(first).chain(others).collect();
            text.push_str(&side_by_side(&cells, &widths, "", tone, layout));
        }
    } else if let Some(widths) = shared(&others, within) {
        let mut above = None;
        for (tone, first, others) in all {
            if above.replace(first) != Some(first) {
                text.push_str(&side_by_side(&[first], &[layout.columns], "", tone, layout));
            }
            let layout = if tone == Tone::Bold { layout } else { plain };
            text.push_str(&side_by_side(&others.iter().collect::<Vec<_>>(), &widths, INDENT, tone, layout));
        }
    } else {
        let label = headings.iter().skip(1).map(|heading| heading.width()).max().unwrap_or(0);
        for (tone, first, others) in all.into_iter().skip(1) {
            text.push_str(&side_by_side(&[first], &[layout.columns], "", tone, layout));
            for (heading, cell) in headings.iter().skip(1).zip(others) {
                let widths = [label, within.saturating_sub(label + BETWEEN.len())];
                text.push_str(&side_by_side(&[heading, cell], &widths, INDENT, Tone::Dim, layout));
            }
        }
    }
    text
}

/// Between two columns of a table.
const BETWEEN: &str = "  ";
/// Before what stands below the first column.
const INDENT: &str = "  ";
/// Behind these a word may be broken, as in a label or an image.
const JOINTS: [char; 3] = ['/', '=', ','];
/// Longer words, such as a digest, may be broken anywhere, in columns.
const LONGEST_WORD: usize = 40;

/// A row, in as many lines as its longest cell has. The first cell has the tone, and all of a heading.
fn side_by_side(cells: &[&String], widths: &[usize], indent: &str, tone: Tone, layout: Layout) -> String {
    let cells: Vec<Vec<String>> = cells.iter().zip(widths).map(|(cell, width)| wrapped(cell, *width)).collect();
    let mut text = String::new();
    for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
        let mut written = indent.to_owned();
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let piece = cell.get(line).map_or("", |piece| piece);
            let piece = format!("{piece}{}", " ".repeat(width.saturating_sub(piece.width())));
            let toned = column == 0 || tone == Tone::Bold;
            written.push_str(if column == 0 { "" } else { BETWEEN });
            written.push_str(&if toned { tone.on(&piece, layout.colour) } else { piece });
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
    text
}

/// How wide a column has to be for its longest word, and for its longest cell on one line.
#[derive(Debug, Clone, Copy, Default)]
struct ColumnNeed {
    least: usize,
    most: usize,
}

impl ColumnNeed {
    fn of_all<'a>(cells: impl Iterator<Item = &'a String>) -> Self {
        cells.map(|cell| Self::of(cell)).fold(Self::default(), |a, b| Self { least: a.least.max(b.least), most: a.most.max(b.most) })
    }

    fn of(cell: &str) -> Self {
        // A command is as long as it is, and does not widen its column.
        let prose: Vec<&str> = parts(cell).into_iter().filter(|(is_command, _)| !is_command).map(|(_, prose)| prose).collect();
        let words = prose.iter().flat_map(|prose| words(prose, LONGEST_WHOLE));
        let least = words.flat_map(|word| word.split_inclusive(JOINTS)).map(UnicodeWidthStr::width).max().unwrap_or(0);
        Self { least: least.min(LONGEST_WORD), most: prose.iter().map(|prose| prose.width()).max().unwrap_or(0) }
    }
}

/// A width for each of these columns of a line: what it needs where there is room for all; else whole words, and the rest goes to the
/// narrowest. `None`: there is no room for whole words.
fn shared(needs: &[ColumnNeed], line: usize) -> Option<Vec<usize>> {
    let room = line.checked_sub(needs.len().saturating_sub(1) * BETWEEN.len())?;
    let mut widths: Vec<usize> = needs.iter().map(|need| need.least.max(1)).collect();
    let mut left = room.checked_sub(widths.iter().sum())?;
    while left > 0 {
        let wants = widths.iter_mut().zip(needs).filter(|(width, need)| **width < need.most);
        let Some((narrowest, _)) = wants.min_by_key(|(width, _)| **width) else { break };
        *narrowest += 1;
        left -= 1;
    }
    Some(widths)
}

/// A paragraph behind a label, its further lines indented like the first.
pub(crate) fn labelled(label: &str, text: &str, tone: Tone, layout: Layout) -> String {
    const LABEL: usize = 10;
    let mut written = String::new();
    for (index, line) in wrapped(text, layout.columns.saturating_sub(LABEL)).into_iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        written.push_str(&format!("{label:<LABEL$}{}\n", tone.on(&line, layout.colour)));
    }
    written
}

/// The text in lines of so many columns, broken between words, or within one that is longer than that. Never none.
/// A short text in double quotes counts as one word, so that a schedule stays whole. A command in it has a line of its own, whole: one
/// that is cut cannot be pasted.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
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

/// The longest text in double quotes that is one word, in columns.
const LONGEST_WHOLE: usize = 30;

/// The double quotes of a text, each pair where it opens and where it closes; one behind a backslash is none.
fn quotes(text: &str) -> Vec<(usize, usize)> {
    let mut escaped = false;
    let quotes = text.char_indices().filter(|(_, c)| {
        let is_quote = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        is_quote
    });
    let quotes: Vec<usize> = quotes.map(|(at, _)| at).collect();
    quotes.chunks(2).map(|pair| (pair.first().copied().unwrap_or_default(), pair.get(1).copied().unwrap_or(text.len()))).collect()
}

/// What stands between blanks; in a short text in double quotes that has room in these columns, none counts.
fn words(text: &str, width: usize) -> Vec<&str> {
    let quotes = quotes(text);
    let is_short = |(from, to): &(usize, usize)| text.get(*from..*to).is_some_and(|quoted| quoted.width() < LONGEST_WHOLE.min(width));
    let whole: Vec<(usize, usize)> = quotes.into_iter().filter(is_short).collect();
    let mut words = Vec::new();
    let mut from = 0;
    for (at, blank) in text.match_indices(char::is_whitespace) {
        if !whole.iter().any(|(opens, closes)| (*opens..*closes).contains(&at)) {
            words.push(text.get(from..at).unwrap_or_default());
            from = at + blank.len();
        }
    }
    words.push(text.get(from..).unwrap_or_default());
    words.retain(|word| !word.is_empty());
    words
}

fn command(text: &str) -> Option<usize> {
    let starts = COMMANDS.iter().flat_map(|command| text.match_indices(command)).map(|(at, _)| at);
    let introduced = |at: &usize| text.get(..*at).is_some_and(|before| BEFORE_COMMANDS.iter().any(|word| before.ends_with(word)));
    // What is in quotes is another's text, and takes no line for itself.
    let quotes = quotes(text);
    let quoted = |at: &usize| quotes.iter().any(|(opens, closes)| (*opens..*closes).contains(at));
    starts.filter(introduced).filter(|at| !quoted(at)).min()
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
    let words: Vec<Word<'_>> = words(&joined, width).into_iter().flat_map(|word| pieces(word, " ", width)).collect();
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

/// A word in pieces that fit, cut behind a joint where there is one, or else behind a `:` or `.`.
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
        let at = most.rfind(JOINTS).or_else(|| most.rfind([':', '.'])).map_or(end, |at| at + 1);
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
        check("schedule \"*/10 * * * *\" (Etc/UTC)", 22, &["schedule", "\"*/10 * * * *\"", "(Etc/UTC)"]);
        check("a \"b \\\" c\" d", 9, &["a", "\"b \\\" c\"", "d"]);
        check("a \"b \\\" c\" d", 6, &["a \"b", "\\\" c\"", "d"]);
        check("\"of more than thirty columns it is\" \"a b\"", 30, &["\"of more than thirty columns", "it is\" \"a b\""]);
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
        check("cause \"see kubectl a b\", and so on", 14, &["cause \"see", "kubectl a b\",", "and so on"]);
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
    fn columns_share_the_width_as_long_as_words_are_whole() {
        let need = |least, most| ColumnNeed { least, most };
        assert_eq!(shared(&[need(3, 9), need(4, 30)], 42), Some(vec![9, 30]));
        assert_eq!(shared(&[need(3, 9), need(4, 30)], 22), Some(vec![9, 11]));
        assert_eq!(shared(&[need(20, 20), need(4, 30), need(4, 30)], 44), Some(vec![20, 10, 10]));
        assert_eq!(shared(&[need(20, 20), need(20, 90)], 41), None);
        let long = ColumnNeed::of(&"x".repeat(90));
        assert_eq!(shared(&[long, long], 82), Some(vec![40, 40]));
    }

    #[test]
    fn where_words_have_no_room_side_by_side_they_stand_below_each_other() {
        let row = |cells: [&str; 3]| (Tone::Bad, cells.map(str::to_owned));
        let rows = [
            row(["web-1-of-a-long-name", "2026-11-25T19:43:13Z", "replace-redundant-pod"]),
            row(["web-1-of-a-long-name", "-", "it is Ready"]),
        ];
        let told = |columns| table(["POD", "AT", "RUNBOOK"], &rows, Layout { columns, colour: false });
        let side_by_side = "\
POD                   AT                    RUNBOOK
web-1-of-a-long-name  2026-11-25T19:43:13Z  replace-redundant-pod
web-1-of-a-long-name  -                     it is Ready
";
        let below = "\
POD
  AT                    RUNBOOK
web-1-of-a-long-name
  2026-11-25T19:43:13Z  replace-redundant-pod
  -                     it is Ready
";
        let list = "\
web-1-of-a-long-name
  AT       2026-11-25T19:43:13Z
  RUNBOOK  replace-redundant-pod
web-1-of-a-long-name
  AT       -
  RUNBOOK  it is Ready
";
        assert_eq!([told(65), told(64), told(45), told(44)], [side_by_side, below, below, list]);
        let coloured = table(["POD", "AT", "RUNBOOK"], &rows, Layout { columns: 64, colour: true });
        assert!(
            coloured.starts_with("\x1b[1mPOD") && coloured.contains("\x1b[31mweb-1") && !coloured.contains("\x1b[31m2026"),
            "{coloured:?}"
        );
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
