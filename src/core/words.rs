//! The words of this program: what it reads and writes on objects, and how it puts untrusted text into a sentence.

use crate::core::selector::{Operator, Requirement, Selector};

/// The program's own name.
pub(crate) const PROGRAM: &str = "pod-remediator";
/// Every label and annotation of ours begins with it.
pub(crate) const PREFIX: &str = "remediator.kubedojo.io/";
/// The symptom of a bare request label, and of any request that names none.
pub(crate) const MANUAL_RESTART: &str = "manual_restart_recommended";

/// What the manifests label every object of theirs with, a run's pod included.
pub(crate) const OURS: &str = "app.kubernetes.io/name=pod-remediator";

/// The keys of labels, and their values.
pub(crate) mod label {
    /// On a pod, `true`: the request.
    pub(crate) const RESTART: &str = "remediator.kubedojo.io/restart";
    /// On a workload, `true`: its owner's opt-in.
    pub(crate) const ENABLED: &str = "remediator.kubedojo.io/enabled";
    /// The value of both.
    pub(crate) const TRUE: &str = "true";
}

/// A requesting pod's annotations.
pub(crate) mod annotation {
    /// What detection calls the incident.
    pub(crate) const INCIDENT: &str = "remediator.kubedojo.io/incident";
    /// What was seen.
    pub(crate) const SYMPTOM: &str = "remediator.kubedojo.io/symptom";
    /// Why it probably happens.
    pub(crate) const PROBABLE_CAUSE: &str = "remediator.kubedojo.io/probable-cause";
    /// How sure detection is of the cause, from 0 to 1.
    pub(crate) const CONFIDENCE: &str = "remediator.kubedojo.io/confidence";
    /// Who asks, by their own account.
    pub(crate) const REQUESTED_BY: &str = "remediator.kubedojo.io/requested-by";
    /// The one runbook to use.
    pub(crate) const RUNBOOK: &str = "remediator.kubedojo.io/runbook";
    /// When it was seen, in RFC 3339.
    pub(crate) const DETECTED_AT: &str = "remediator.kubedojo.io/detected-at";
    /// When the request was renewed, in RFC 3339.
    pub(crate) const REQUESTED_AT: &str = "remediator.kubedojo.io/requested-at";
    /// The digest of the one plan that a human approves.
    pub(crate) const APPROVE: &str = "remediator.kubedojo.io/approve";
    /// Who approves it.
    pub(crate) const APPROVED_BY: &str = "remediator.kubedojo.io/approved-by";
    /// On a workload: who answers for it.
    pub(crate) const OWNER: &str = "remediator.kubedojo.io/owner";
    /// Those that make or shape a request, or approve it: they belong on the one pod that they are about.
    pub(crate) const OF_A_REQUEST: &[&str] =
        &[INCIDENT, SYMPTOM, PROBABLE_CAUSE, CONFIDENCE, REQUESTED_BY, REQUESTED_AT, RUNBOOK, DETECTED_AT, APPROVE, APPROVED_BY];
}

/// Which pods ask where nothing else is set: `remediator.kubedojo.io/restart=true`.
pub(crate) fn default_request_selector() -> Selector {
    Selector(vec![Requirement { key: label::RESTART.to_owned(), operator: Operator::In(vec![label::TRUE.to_owned()]) }])
}

/// Foreign text for a sentence: about `longest` characters at most, on one line, and nothing in it that a terminal obeys.
pub(crate) fn inert(text: &str, longest: usize) -> String {
    let (kept, more) = beginning(text, longest);
    let mut inert = String::with_capacity(kept.len());
    kept.chars().for_each(|c| inert.extend(harmless(c)));
    inert + more
}

/// The longest piece of an untrusted value that a sentence quotes, in characters.
const LONGEST_QUOTE: usize = 80;

/// An untrusted value in quotes, bounded and inert: where it begins and ends is never in doubt.
pub(crate) fn quoted(value: &str) -> String {
    let (kept, more) = beginning(value, LONGEST_QUOTE);
    let mut quoted = String::from('"');
    for c in kept.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.extend(harmless(c));
    }
    quoted + "\"" + more
}

/// As much of a text as has `longest` characters once it is inert, and `…` if that is not all.
fn beginning(text: &str, longest: usize) -> (&str, &'static str) {
    let mut width = 0;
    let end = text.char_indices().find(|(_, c)| {
        width += harmless(*c).count();
        width > longest
    });
    match end.and_then(|(end, _)| text.get(..end)) {
        Some(kept) => (kept, "…"),
        None => (text, ""),
    }
}

/// A character as it may be shown: itself, or an escape of ASCII where a terminal would obey it, or a reader not see it.
pub(crate) fn harmless(c: char) -> impl Iterator<Item = char> {
    // Of the three, at most one gives anything.
    let (itself, debug, unicode) = match c {
        '\'' | '"' | '\\' => (Some(c), None, None),
        _ if is_blank(c) => (None, None, Some(c.escape_unicode())),
        _ => (None, Some(c.escape_debug()), None),
    };
    itself.into_iter().chain(debug.into_iter().flatten()).chain(unicode.into_iter().flatten())
}

/// The character may be shown as it is.
pub(crate) fn is_harmless(c: char) -> bool {
    harmless(c).eq([c])
}

/// Letters and symbols by Unicode's book, which `escape_debug` lets through, but nothing is seen of them: Hangul fillers, the empty
/// braille pattern, a blank musical note head, and the object replacement character.
const fn is_blank(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' | '\u{1d159}' | '\u{fffc}')
}

/// It changes the direction in which a line is shown: what is read is then not what is written.
pub(crate) const fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Nothing is seen of it, so that two texts can differ and look the same.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
        || is_blank(c)
}

/// Without what stands before the host in an address: `https://name:password@host`.
pub(crate) fn without_credentials(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        kept.push_str(before);
        kept.push_str("://");
        let authority = after.split(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'')).next().unwrap_or_default();
        rest = match authority.rfind('@').and_then(|at| after.get(at..)) {
            Some(host) => {
                kept.push('…');
                host
            }
            None => after,
        };
    }
    kept + rest
}

/// An error and its sources on one line, each said once.
pub(crate) fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}

/// A small number as prose writes it: words up to ten.
pub(crate) fn number(n: u32) -> String {
    const WORDS: [&str; 11] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let word = usize::try_from(n).ok().and_then(|n| WORDS.get(n));
    word.map_or_else(|| n.to_string(), |word| (*word).to_owned())
}

/// A number and its noun: `two ready pods`, `one minute`.
pub(crate) fn counted(n: u32, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// A number in digits, and its noun, which takes an s: `1 minute`, `30 seconds`.
pub(crate) fn amount(n: impl Into<u64>, noun: &str) -> String {
    let n = n.into();
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_thing_is_no_plural() {
        let said = [0_u32, 1, 2].map(|n| amount(n, "minute"));
        assert_eq!(said, ["0 minutes", "1 minute", "2 minutes"]);
        let said = [0, 1, 2, 11].map(|n| counted(n, "pod", "pods"));
        assert_eq!(said, ["zero pods", "one pod", "two pods", "11 pods"]);
    }

    #[test]
    fn the_default_selector_is_what_the_documentation_says() {
        assert_eq!("remediator.kubedojo.io/restart=true".parse(), Ok(default_request_selector()));
    }

    #[test]
    fn every_word_of_ours_has_the_prefix() {
        use annotation::*;
        let all = [label::RESTART, label::ENABLED, INCIDENT, SYMPTOM, PROBABLE_CAUSE, CONFIDENCE, REQUESTED_BY, RUNBOOK, DETECTED_AT];
        assert!(all.iter().chain(&[REQUESTED_AT, APPROVE, APPROVED_BY, OWNER]).all(|word| word.starts_with(PREFIX)));
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
    fn what_a_terminal_obeys_or_nobody_sees_is_escaped_and_what_people_write_is_not() {
        let control = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        let bidirectional = ('\u{200e}'..='\u{200f}').chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').chain(['\u{61c}']);
        let unseen = ('\u{200b}'..='\u{200d}').chain('\u{2028}'..='\u{2029}').chain('\u{2060}'..='\u{2064}').chain('\u{fe00}'..='\u{fe0f}');
        let others = "\u{a0}\u{ad}\u{34f}\u{feff}\u{180e}\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}\u{fffc}\u{e0041}\u{e000}\u{3000}\u{301}";
        for c in control.chain(bidirectional).chain(unseen).chain(others.chars()) {
            assert!(harmless(c).all(|c| c.is_ascii_graphic()) && !is_harmless(c), "{c:?}");
        }
        assert!(" az~'\"\\é€→…ßЖ中文字אבעם🔑".chars().all(is_harmless));
    }

    #[test]
    fn what_is_inert_stays_as_it_is() {
        let once = inert("a\u{1b}[0m \"q\" C:\\ \u{2066}x", 99);
        assert_eq!(inert(&once, 99), once);
    }

    #[test]
    fn credentials_in_an_address_are_not_shown() {
        assert_eq!(without_credentials("proxy http://me:pass@proxy:3128/a and b@c"), "proxy http://…@proxy:3128/a and b@c");
        assert_eq!(without_credentials("https://h/?a=b@c s3://k:@h"), "https://h/?a=b@c s3://…@h");
        assert_eq!(without_credentials("http://h://a@b"), "http://h://…@b");
    }

    #[test]
    fn small_numbers_are_words() {
        assert_eq!([number(0), number(10), number(11)], ["zero", "ten", "11"]);
        assert_eq!(counted(1, "pod", "pods"), "one pod");
        assert_eq!(counted(2, "pod", "pods"), "two pods");
    }
}
