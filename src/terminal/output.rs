//! JSON as it leaves the program: whatever a text in it holds, `jq -r` prints one bounded line that no terminal obeys.
//!
//! Every record and every `-o json` is written here, so no field needs to be made harmless on its own.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter, Serializer};

use crate::core::words::{harmless, is_harmless};

/// The longest text in it, in characters; of a longer one the beginning and `…`.
pub(crate) const LONGEST_TEXT: usize = 4096;

/// On one line.
///
/// # Errors
/// A value has no form in JSON.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    written(value, CompactFormatter)
}

/// Indented.
///
/// # Errors
/// A value has no form in JSON.
pub(crate) fn json_pretty(value: &impl Serialize) -> serde_json::Result<String> {
    written(value, PrettyFormatter::new())
}

fn written(value: &impl Serialize, layout: impl Formatter) -> serde_json::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Inert { layout, length: 0 }))?;
    // Only whole characters are written.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Another formatter's layout, with texts that are inert.
struct Inert<F> {
    layout: F,
    /// Of the text at hand so far, in characters.
    length: usize,
}

impl<F: Formatter> Inert<F> {
    /// Takes note of more characters; false once there is no room for them.
    fn fits(&mut self, more: usize) -> bool {
        let fitted = self.length <= LONGEST_TEXT;
        self.length = self.length.saturating_add(more);
        fitted && self.length <= LONGEST_TEXT
    }

    /// One that may not be shown: its escape is the text itself.
    fn escape<W: ?Sized + Write>(&mut self, writer: &mut W, c: char) -> io::Result<()> {
        if !self.fits(harmless(c).count()) {
            return Ok(());
        }
        for c in harmless(c) {
            match c {
                '\\' => self.layout.write_char_escape(writer, CharEscape::ReverseSolidus)?,
                c => self.layout.write_string_fragment(writer, c.encode_utf8(&mut [0; 4]))?,
            }
        }
        Ok(())
    }
}

impl<F: Formatter> Formatter for Inert<F> {
    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.length = 0;
        self.layout.begin_string(writer)
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while !rest.is_empty() {
            let end = rest.find(|c| !is_harmless(c)).unwrap_or(rest.len());
            let (plain, from) = rest.split_at(end);
            let room = LONGEST_TEXT.saturating_sub(self.length);
            let kept = plain.char_indices().nth(room).map_or(plain.len(), |(at, _)| at);
            self.layout.write_string_fragment(writer, &plain[..kept])?;
            self.length = self.length.saturating_add(plain.chars().count());
            let mut characters = from.chars();
            if let Some(c) = characters.next() {
                self.escape(writer, c)?;
            }
            rest = characters.as_str();
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let control = match escape {
            CharEscape::Quote | CharEscape::ReverseSolidus | CharEscape::Solidus => {
                return if self.fits(1) { self.layout.write_char_escape(writer, escape) } else { Ok(()) };
            }
            CharEscape::Backspace => '\u{8}',
            CharEscape::FormFeed => '\u{c}',
            CharEscape::LineFeed => '\n',
            CharEscape::CarriageReturn => '\r',
            CharEscape::Tab => '\t',
            CharEscape::AsciiControl(byte) => char::from(byte),
        };
        self.escape(writer, control)
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.length > LONGEST_TEXT {
            self.layout.write_string_fragment(writer, "…")?;
        }
        self.layout.end_string(writer)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.layout.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.layout.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_object_value(writer)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::words::inert;

    /// Keys are written in one case, as the audit trail writes them.
    #[track_caller]
    pub(crate) fn only_snake_case(value: &serde_json::Value) {
        match value {
            serde_json::Value::Object(entries) => {
                for (key, value) in entries {
                    assert!(!key.chars().any(|c| c.is_uppercase() || c == '-'), "{key}");
                    only_snake_case(value);
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(only_snake_case),
            _ => {}
        }
    }

    #[track_caller]
    fn check(text: &str) {
        let back: String = serde_json::from_str(&json(&text).unwrap()).unwrap();
        assert_eq!(back, inert(text, LONGEST_TEXT), "{text:?}");
    }

    #[test]
    fn a_text_that_was_read_back_is_inert() {
        check("plain, \"quoted\" C:\\ ünïcode 中文 🔑");
        check("two\nlines\ttab\r\u{8}\u{c}\u{0}\u{1b}[31mred\u{7f}\u{9b}");
        check("\u{202e}\u{2066}gnp.exe\u{2069}\u{200b}\u{feff}\u{3164}");
        check(&"x".repeat(LONGEST_TEXT));
        check(&"é\u{202e}".repeat(100_000));
        check(&"\n".repeat(100_000));
        check(&"\"".repeat(100_000));
    }

    #[test]
    fn keys_and_layout_too_and_the_order_stays() {
        let value = BTreeMap::from([("a\u{1b}", vec![1, 2]), ("b", vec![])]);
        assert_eq!(json(&value).unwrap(), r#"{"a\\u{1b}":[1,2],"b":[]}"#);
        assert_eq!(json_pretty(&value).unwrap(), "{\n  \"a\\\\u{1b}\": [\n    1,\n    2\n  ],\n  \"b\": []\n}");
    }

    #[test]
    fn a_long_text_ends_where_it_may() {
        let back: String = serde_json::from_str(&json(&"ab".repeat(LONGEST_TEXT)).unwrap()).unwrap();
        assert_eq!((back.chars().count(), back.ends_with("b…")), (LONGEST_TEXT + 1, true));
    }
}
