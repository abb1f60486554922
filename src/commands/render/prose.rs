//! Foreign text in Markdown: what its author wrote is shown, and does nothing.

use crate::core::words::inert;

/// The longest text of a runbook on its page, in characters.
const LONGEST: usize = 4000;
/// What CommonMark, or GitHub's additions to it, may obey in the middle of a line.
const OBEYED: &str = "\\`*_[]<>#|~&!$";

/// A word or a name as code, in which nothing is obeyed, however many backticks it has.
pub(super) fn code(text: &str) -> String {
    let text = inert(text, LONGEST);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A blank inside keeps its own backticks from the fence's; both are left out when it is shown.
    let blank = if text.starts_with('`') || text.ends_with('`') || text.trim() != text { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// Prose on one line. Words that a page might turn into a link or a mention are code.
pub(super) fn inert_prose(text: &str) -> String {
    let word = |word: &str| {
        let links = word.contains("://") || word.contains('@') || word.to_ascii_lowercase().contains("www.");
        if links { code(word) } else { escaped(&inert(word, LONGEST)) }
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| OBEYED.contains(c).then_some('\\').into_iter().chain([c])).collect()
}

/// `a`, `b` or `c`.
pub(super) fn any_of(words: &[String]) -> String {
    or(&words.iter().map(|word| code(word)).collect::<Vec<_>>())
}

/// The same of what is inert already.
pub(super) fn or(words: &[String]) -> String {
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
