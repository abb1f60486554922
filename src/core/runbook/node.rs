//! YAML as a tree in which every key and every value knows its line and column.
//!
//! A derived `Deserialize` stops at its first error; a tree can be read to the end, so that all mistakes are reported at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Location, MessageFormatter, NonFiniteFloatPolicy, Options, Spanned, UserMessageFormatter};

use crate::core::words::inert;

/// How much of a text is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// What it is for: "a runbook".
    what: &'static str,
    /// Why not more bytes: "where a ConfigMap holds at most".
    room: &'static str,
    bytes: usize,
    /// Aliases expanded, so that no file can exhaust the memory.
    nodes: usize,
    /// Each level costs stack, of which a thread has 2 MiB: the library's own bound of 64 overflows it in a debug build.
    depth: usize,
}

impl Limits {
    /// As many bytes as a ConfigMap, where runbooks live, can hold; a runbook has about fifty values, and five levels.
    pub(crate) const RUNBOOK: Self =
        Self { what: "a runbook", room: "where a ConfigMap holds at most", bytes: 1024 * 1024, nodes: 20_000, depth: 16 };
    /// What kubectl prints of a thousand pods, with managedFields, which are the deepest of it.
    pub(crate) const OBJECTS: Self =
        Self { what: "recorded objects", room: "of which are read at most", bytes: 64 * 1024 * 1024, nodes: 4_000_000, depth: 32 };
}

/// Line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub line: u64,
    pub column: u64,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        // Zero means unknown.
        Self { line: location.line().max(1), column: location.column().max(1) }
    }
}

/// A value where it is written. Of what comes through an alias or a merge key that is the anchored text: the place to correct.
#[derive(Debug)]
pub(crate) struct Node {
    pub at: Position,
    pub content: Content,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// The documents of a text; empty ones are left out. Stops at what is no YAML, saying where and why.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, (Position, String)> {
    documents_within(text, Limits::RUNBOOK)
}

/// As [`documents`], of at most so much.
pub(crate) fn documents_within(text: &str, limits: Limits) -> Result<Vec<Node>, (Position, String)> {
    let Limits { bytes, room, .. } = limits;
    if text.len() > bytes {
        return Err((Position::START, format!("is too large: {} bytes, {room} {bytes}", text.len())));
    }
    serde_saphyr::from_multiple_with_options(text, options(limits)).map_err(|error| {
        let at = error.location().map_or(Position::START, Position::from);
        (at, explain(&error, limits))
    })
}

/// Duplicate keys are refused, which is the default.
fn options(limits: Limits) -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: limits.nodes, max_depth: limits.depth },
        // `yes` and `on` are text: only true and false are booleans.
        strict_booleans: true,
        // A tag would change a value's type out of sight.
        reject_unsupported_tags: true,
        // Let .nan and .inf come to the field's own check, which knows the field's path.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        emit_comments: false,
        with_snippet: false,
    }
}

fn explain(error: &Error, limits: Limits) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("has the key {} twice: remove one", shown(key)),
        Error::DuplicateMappingKey { .. } => "has a key twice: remove one".to_owned(),
        Error::AliasError { error, .. } => explain(error, limits),
        Error::Budget { .. } => {
            let Limits { what, nodes, depth, .. } = limits;
            format!("is too much for {what}: at most {nodes} values, aliases expanded, and {depth} levels")
        }
        // The parser quotes the file.
        other => format!("is not valid YAML: {}", inert(&UserMessageFormatter.format_message(other), 500)),
    }
}

/// A text from the file in quotes, on one line, harmless to a terminal and of bearable length.
pub(crate) fn shown(text: &str) -> String {
    const ENOUGH: usize = 80;
    let mut start: String = text.chars().take(ENOUGH).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}

impl Content {
    /// What it is, for "must be X, not ...".
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("the boolean {value}"),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => format!("{value:?}"),
            Self::Text(text) => shown(text),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: content, defined, .. } = Spanned::deserialize(deserializer)?;
        Ok(Self { at: defined.into(), content })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Content::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key and value of the text with its position, one a line.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        fn list(node: &Node, lines: &mut Vec<String>) {
            let Position { line, column } = node.at;
            lines.push(format!("{line}:{column} {}", node.content.describe()));
            match &node.content {
                Content::List(items) => items.iter().for_each(|item| list(item, lines)),
                Content::Map(entries) => entries.iter().for_each(|(key, value)| {
                    list(key, lines);
                    list(value, lines);
                }),
                _ => {}
            }
        }
        let mut lines = Vec::new();
        for document in documents(text).expect("valid YAML") {
            list(&document, &mut lines);
        }
        assert_eq!(lines, expected, "{text}");
    }

    #[track_caller]
    fn check_invalid(text: &str, line: u64, column: u64, message: &str) {
        let (at, found) = documents(text).expect_err("invalid YAML");
        assert_eq!(at, Position { line, column }, "{text:.80}: {found}");
        assert!(found.ends_with(message), "{text:.80}: {found}");
    }

    #[test]
    fn keys_and_values_know_their_place() {
        check(
            "# comment\na: 1\nb:\n  - x\n  -   {c: 'd', \"e\":   ~}\nf: |\n  text\n",
            &[
                "2:1 a mapping",
                "2:1 \"a\"",
                "2:4 1",
                "3:1 \"b\"",
                "4:3 a list",
                "4:5 \"x\"",
                "5:7 a mapping",
                "5:8 \"c\"",
                "5:11 \"d\"",
                "5:16 \"e\"",
                "5:23 nothing",
                "6:1 \"f\"",
                "7:3 \"text\\n\"",
            ],
        );
        check("\u{feff}é: ü # x\r\n🔑: 1\r\n", &["1:1 a mapping", "1:1 \"é\"", "1:4 \"ü\"", "2:1 \"🔑\"", "2:4 1"]);
        check("--- {a: 1}\n---\n--- null\n---\n[2]\n", &["1:5 a mapping", "1:6 \"a\"", "1:9 1", "5:1 a list", "5:2 2"]);
        check("", &[]);
        check("# only a comment\n", &[]);
    }

    #[test]
    fn aliases_and_merges_point_at_what_is_to_correct() {
        check(
            "a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n  m: 2\n",
            &[
                "1:1 a mapping",
                "1:1 \"a\"",
                "1:7 a mapping",
                "1:8 \"k\"",
                "1:11 1",
                "2:1 \"b\"",
                "1:7 a mapping",
                "1:8 \"k\"",
                "1:11 1",
                "3:1 \"c\"",
                "4:3 a mapping",
                "5:3 \"m\"",
                "5:6 2",
                "1:8 \"k\"",
                "1:11 1",
            ],
        );
    }

    #[test]
    fn scalars_have_the_type_that_yaml_1_2_gives_them() {
        for (text, expected) in [
            ("true", "the boolean true"),
            ("False", "the boolean false"),
            ("'true'", "\"true\""),
            ("yes", "\"yes\""),
            ("on", "\"on\""),
            ("-5", "-5"),
            ("18446744073709551615", "18446744073709551615"),
            ("99999999999999999999", "1e20"),
            ("3.0", "3.0"),
            (".nan", "NaN"),
            ("-.inf", "-inf"),
            ("1e999", "inf"),
            ("'5'", "\"5\""),
            ("!!str 5", "\"5\""),
            ("a\u{1b}[31m", ""),
        ] {
            match documents(&format!("- {text}")) {
                Ok(documents) => match &documents[..] {
                    [Node { content: Content::List(items), .. }] => assert_eq!(items[0].content.describe(), expected, "{text}"),
                    other => panic!("{text}: {other:?}"),
                },
                Err((_, message)) => assert!(expected.is_empty() && !message.contains('\u{1b}'), "{text}: {message}"),
            }
        }
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        check_invalid("a: 1\nb: 2\n\"a\": 3\n", 3, 1, "has the key \"a\" twice: remove one");
        check_invalid("{a: {b: 1, b: 2}}", 1, 12, "has the key \"b\" twice: remove one");
        check_invalid("a: [1\nb: 2\n", 2, 2, "is not valid YAML: illegal placement of ':' indicator");
        check_invalid("a:\n\t- b\n", 2, 2, "tabs disallowed within this context (block indentation)");
        check_invalid("a: 1\n---\nb: 'x\n", 3, 4, "is not valid YAML: unclosed quote");
        check_invalid("a: !secret x\n", 1, 12, "unsupported tag `!secret`");
        check_invalid("a: *nope\n", 1, 4, "reference to unknown value");
        check_invalid("a: &a [*a]\n", 1, 8, "Recursive reference not allowed here");
        check_invalid("a: \0", 1, 4, "unexpected character: `\\u{0}'");
    }

    #[test]
    fn what_is_too_much_is_told_not_crashed_on() {
        let too_much = "is too much for a runbook: at most 20000 values, aliases expanded, and 16 levels";
        let blocks: String = (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        check_invalid(&blocks, 17, 17, too_much);
        check_invalid(&"[".repeat(100_000), 1, 256, "is not valid YAML: recursion limit exceeded");
        check_invalid(&"- ".repeat(100_000), 1, 33, too_much);
        check_invalid(&"? ".repeat(100_000), 1, 33, too_much);
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
        check_invalid(bomb, 5, 5, too_much);
        let huge = "x".repeat(10_000_000);
        check_invalid(&huge, 1, 1, "is too large: 10000000 bytes, where a ConfigMap holds at most 1048576");
    }

    #[test]
    fn a_text_is_shown_on_one_line_and_cut() {
        assert_eq!(shown("a\n\u{1b}[31m\""), r#""a\n\u{1b}[31m\"""#);
        assert_eq!(shown(&"é".repeat(100)), format!("\"{}…\"", "é".repeat(80)));
        assert_eq!(shown(&"x".repeat(80)), format!("\"{}\"", "x".repeat(80)));
    }
}
