//! A mistake with the line that it is in, and a caret under its column.

use textwrap::{Options, WordSplitter, WrapAlgorithm};
use unicode_width::UnicodeWidthStr;

use crate::core::runbook::Problem;
use crate::core::words::harmless;
use crate::terminal::style::{Style, Tone};

/// A mistake in one line; on a terminal with its source under it. `files` has the texts, by name.
pub(crate) fn shown(problem: &Problem, files: &[(String, String)], style: Style) -> String {
    with_source(&problem.to_string(), problem, files, style)
}

/// As [`shown`], in other words than the problem's own.
pub(super) fn with_source(text: &str, problem: &Problem, files: &[(String, String)], style: Style) -> String {
    let Some(width) = style.width else { return text.to_owned() };
    let line = || {
        let index = usize::try_from(problem.line).ok()?.checked_sub(1)?;
        let (_, text) = files.iter().find(|(name, _)| *name == problem.file)?;
        text.lines().nth(index)
    };
    match line() {
        Some(line) => {
            let gutter = format!("{:>5} | ", problem.line);
            let room = width.saturating_sub(gutter.len()).max(20);
            let (source, before) = around(line.trim_start_matches('\u{feff}'), problem.column, room);
            let caret = style.toned(Tone::Bad, "^");
            let text = said(text, style);
            format!("{text}\n{}{source}\n{:>5} | {}{caret}", style.toned(Tone::Dim, &gutter), "", " ".repeat(before))
        }
        None => said(text, style),
    }
}

/// On a terminal in lines of whole words; a path that is longer stays in one piece, for whoever copies it.
pub(super) fn said(text: &str, style: Style) -> String {
    let Some(width) = style.width else { return text.to_owned() };
    let options = Options::new(width).word_splitter(WordSplitter::NoHyphenation).wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(text, options.break_words(false).subsequent_indent("    "))
}

/// The part of a line around a column, at most `room` columns of a terminal, inert; and how many columns stand before it.
fn around(line: &str, column: u64, room: usize) -> (String, usize) {
    let at = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let split = line.char_indices().nth(at).map_or(line.len(), |(split, _)| split);
    let (before, after) = line.split_at(split);
    // An ellipsis at both ends, and the caret.
    let room = room.saturating_sub(3);
    let (mut kept, mut width, mut cut) = (Vec::new(), 0, false);
    for c in before.chars().rev() {
        let piece = piece(c);
        width += piece.width();
        if width > room / 2 {
            cut = true;
            break;
        }
        kept.push(piece);
    }
    let mut source = if cut { "…".to_owned() } else { String::new() };
    kept.iter().rev().for_each(|piece| source.push_str(piece));
    let caret = source.width();
    for c in after.chars() {
        let piece = piece(c);
        if source.width() + piece.width() > room {
            source.push('…');
            break;
        }
        source.push_str(&piece);
    }
    (source, caret)
}

fn piece(c: char) -> String {
    if c == '\t' { " ".to_owned() } else { harmless(c).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, column: u64, expected: &str) {
        let (source, before) = around(line, column, 23);
        assert!(source.width() <= 23, "{source}");
        assert_eq!(format!("{source}\n{}^", " ".repeat(before)), expected);
    }

    #[test]
    fn a_caret_stands_under_the_column() {
        check("owner: 5", 8, "owner: 5\n       ^");
        check("owner: 5", 1, "owner: 5\n^");
        check("owner:", 99, "owner:\n      ^");
        check("", 1, "\n^");
        check("\tx: 中文: 5", 8, " x: 中文: 5\n         ^");
    }

    #[test]
    fn a_long_line_is_cut_around_it_and_a_hostile_one_is_inert() {
        check("abcdefghijklmnopqrstuvwxyz", 3, "abcdefghijklmnopqrst…\n  ^");
        check("abcdefghijklmnopqrstuvwxyz", 26, "…pqrstuvwxyz\n           ^");
        check("abcdefghijklmnopqrstuvwxyzabcdef", 16, "…fghijklmnopqrstuvwx…\n           ^");
        check("\u{1b}[31m\u{202e}x", 7, "…1m\\u{202e}x\n           ^");
        check(&"\u{1b}".repeat(100_000), 50_000, "…\\u{1b}\\u{1b}\\u{1b}…\n       ^");
    }

    #[test]
    fn only_a_terminal_is_shown_the_source() {
        let problem = Problem { file: "a.yaml".to_owned(), line: 2, column: 3, path: "b".to_owned(), message: "is wrong".to_owned() };
        let files = [("a.yaml".to_owned(), "a: 1\nb: 2\n".to_owned())];
        assert_eq!(shown(&problem, &files, Style::PLAIN), "a.yaml:2:3: b: is wrong");
        let terminal = Style { width: Some(80), colour: false };
        assert_eq!(shown(&problem, &files, terminal), "a.yaml:2:3: b: is wrong\n    2 | b: 2\n      |   ^");
        let narrow = Style { width: Some(60), colour: false };
        let long = Problem { message: "must be one of these, and none of those which it is not".to_owned(), line: 0, ..problem.clone() };
        let expected = "a.yaml: b: must be one of these, and none of those which it\n    is not";
        assert_eq!(shown(&long, &files, narrow), expected);
        assert_eq!(shown(&Problem { line: 0, ..problem.clone() }, &files, terminal), "a.yaml: b: is wrong");
        assert_eq!(shown(&Problem { line: 9, ..problem }, &files, terminal), "a.yaml:9:3: b: is wrong");
    }
}
