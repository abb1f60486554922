//! The words of this program: what it reads and writes on objects, and how it puts foreign text into a sentence.

use crate::selector::{Operator, Requirement, Selector};

/// The program's own name.
pub const PROGRAM: &str = "pod-remediator";
/// Every label and annotation of ours begins with it.
pub const PREFIX: &str = "remediator.kubedojo.io/";
/// The symptom of a bare request label, and of any request that names none.
pub const MANUAL_RESTART: &str = "manual_restart_recommended";

/// Labels.
pub mod label {
    /// On a pod, `true`: the request.
    pub const RESTART: &str = "remediator.kubedojo.io/restart";
    /// On a workload, `true`: its owner's opt-in.
    pub const ENABLED: &str = "remediator.kubedojo.io/enabled";
    /// The value of both.
    pub const TRUE: &str = "true";
}

/// A requesting pod's annotations.
pub mod annotation {
    /// What detection calls the incident.
    pub const INCIDENT: &str = "remediator.kubedojo.io/incident";
    /// What was seen.
    pub const SYMPTOM: &str = "remediator.kubedojo.io/symptom";
    /// Why it probably happens.
    pub const PROBABLE_CAUSE: &str = "remediator.kubedojo.io/probable-cause";
    /// How sure detection is of the cause, from 0 to 1.
    pub const CONFIDENCE: &str = "remediator.kubedojo.io/confidence";
    /// Who asks, by their own account.
    pub const REQUESTED_BY: &str = "remediator.kubedojo.io/requested-by";
    /// The one runbook to use.
    pub const RUNBOOK: &str = "remediator.kubedojo.io/runbook";
    /// When it was seen, in RFC 3339.
    pub const DETECTED_AT: &str = "remediator.kubedojo.io/detected-at";
    /// The digest of the one plan that a human approves.
    pub const APPROVE: &str = "remediator.kubedojo.io/approve";
    /// Who approves it.
    pub const APPROVED_BY: &str = "remediator.kubedojo.io/approved-by";
    /// On a workload: who answers for it.
    pub const OWNER: &str = "remediator.kubedojo.io/owner";
}

/// Which pods ask where nothing else is set: `remediator.kubedojo.io/restart=true`.
pub fn default_request_selector() -> Selector {
    Selector(vec![Requirement { key: label::RESTART.to_owned(), operator: Operator::In(vec![label::TRUE.to_owned()]) }])
}

/// Foreign text for a sentence: about `longest` characters at most, on one line, and nothing in it that a terminal obeys.
pub fn inert(text: &str, longest: usize) -> String {
    let (kept, more) = beginning(text, longest);
    let mut inert = String::with_capacity(kept.len());
    for c in kept.chars() {
        match c {
            '\'' | '"' | '\\' => inert.push(c),
            _ => inert.extend(c.escape_debug()),
        }
    }
    inert + more
}

/// The longest piece of a foreign value that a sentence quotes, in characters.
const LONGEST_QUOTE: usize = 80;

/// A foreign value in quotes, bounded and inert: where it begins and ends is never in doubt.
pub fn quoted(value: &str) -> String {
    let (kept, more) = beginning(value, LONGEST_QUOTE);
    format!("{kept:?}{more}")
}

/// As much of a text as has `longest` characters once it is escaped, and `…` if that is not all.
fn beginning(text: &str, longest: usize) -> (&str, &'static str) {
    let mut width = 0;
    let end = text.char_indices().find(|(_, c)| {
        width += c.escape_debug().len();
        width > longest
    });
    match end.and_then(|(end, _)| text.get(..end)) {
        Some(kept) => (kept, "…"),
        None => (text, ""),
    }
}

/// A small number as prose writes it: words up to ten.
pub fn number(n: u32) -> String {
    const WORDS: [&str; 11] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let word = usize::try_from(n).ok().and_then(|n| WORDS.get(n));
    word.map_or_else(|| n.to_string(), |word| (*word).to_owned())
}

/// A number and its noun: `two ready pods`, `one minute`.
pub fn counted(n: u32, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_selector_is_what_the_documentation_says() {
        assert_eq!("remediator.kubedojo.io/restart=true".parse(), Ok(default_request_selector()));
    }

    #[test]
    fn every_word_of_ours_has_the_prefix() {
        use annotation::*;
        let all = [label::RESTART, label::ENABLED, INCIDENT, SYMPTOM, PROBABLE_CAUSE, CONFIDENCE, REQUESTED_BY, RUNBOOK, DETECTED_AT];
        assert!(all.iter().chain(&[APPROVE, APPROVED_BY, OWNER]).all(|word| word.starts_with(PREFIX)));
    }

    #[test]
    fn foreign_text_is_one_bounded_line_that_a_terminal_does_not_obey() {
        assert_eq!(inert("it's a \"C:\\\" of\nlines\u{1b}[31m\u{202e}", 99), "it's a \"C:\\\" of\\nlines\\u{1b}[31m\\u{202e}");
        assert_eq!(inert("abcdef", 3), "abc…");
        assert_eq!(inert("abc", 3), "abc");
        assert_eq!(inert("a\n\n", 4), "a\\n…");
        assert_eq!(quoted("a\"\n"), r#""a\"\n""#);
        assert_eq!(quoted(&"é".repeat(81)), format!("\"{}\"…", "é".repeat(80)));
    }

    #[test]
    fn small_numbers_are_words() {
        assert_eq!([number(0), number(10), number(11)], ["zero", "ten", "11"]);
        assert_eq!(counted(1, "pod", "pods"), "one pod");
        assert_eq!(counted(2, "pod", "pods"), "two pods");
    }
}
