//! YAML that is read back as it was, and shows all that is in it: no character that a terminal obeys, or that nobody sees.

use std::fmt::Write as _;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::DoubleQuoted;

use crate::core::words::is_harmless;

/// Only between double quotes does YAML have escapes.
fn needs_escape(c: char) -> bool {
    c != '\n' && !is_harmless(c)
}

/// Of fields with [`quoted`] values; all other texts in it must be inert.
///
/// # Errors
/// A value has no form in YAML.
pub(super) fn to_string(value: &impl Serialize) -> Result<String, serde_saphyr::ser::Error> {
    let yaml = serde_saphyr::to_string(value)?;
    let mut shown = String::with_capacity(yaml.len());
    for c in yaml.chars() {
        if needs_escape(c) {
            let written = match u32::from(c) {
                code @ 0..=0xffff => write!(shown, "\\u{code:04X}"),
                code => write!(shown, "\\U{code:08X}"),
            };
            written.map_err(serde_saphyr::ser::Error::custom)?;
        } else {
            shown.push(c);
        }
    }
    Ok(shown)
}

/// What others wrote: a text with such a character stands between double quotes.
pub(super) fn quoted<S: Serializer>(values: &impl Serialize, serializer: S) -> Result<S::Ok, S::Error> {
    Quoted(&serde_json::to_value(values).map_err(S::Error::custom)?).serialize(serializer)
}

struct Quoted<'a>(&'a Value);

impl Serialize for Quoted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if text.contains(needs_escape) => DoubleQuoted(text).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Quoted)),
            Value::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, Quoted(value)))),
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::runbook::node::documents;
    use crate::incident::json;

    /// As a field of a record.
    #[derive(Serialize)]
    struct QuotedField<'a>(#[serde(serialize_with = "quoted")] &'a Value);

    #[track_caller]
    fn check(object: &Value) {
        let yaml = to_string(&QuotedField(object)).unwrap();
        assert!(yaml.chars().all(|c| c == '\n' || is_harmless(c)), "{yaml:?}");
        let read = documents(&yaml).unwrap_or_else(|(_, why)| panic!("{object}: {why}\n{yaml}"));
        assert_eq!(json(&read[0].content), *object, "{yaml}");
    }

    #[test]
    fn whatever_is_written_on_a_pod_is_read_back_as_it_was() {
        for text in [
            "6e5",
            "0x1F",
            "0o7",
            "1_0",
            "yes",
            "on",
            "null",
            "~",
            "",
            "true",
            "1:30",
            "- a",
            "# x",
            "a: b",
            "*x",
            "&y",
            "!t",
            "@z",
            "`q",
            "2026-11-24",
            "+1",
            ".5",
            ".nan",
            "=",
            "<<",
            "--- ",
            "a\tb",
            "a\nb\n",
            " lead",
            "trail ",
            "\u{1b}[31m",
            "é\u{85}\u{2028}",
            "\"'\\",
            "{a: b}",
            "[1]",
            "%x",
            "? k",
            "key:",
            "0.93",
            "-0",
            "1e999",
            "a\nb\u{3164}\tc\n",
            "soft\u{ad}hyphen",
            "tags\u{e0041}\u{e007f}",
            "\u{202e}turned\u{2066}",
            "e\u{301}\u{a0}\u{3000}",
            "\\U0000202E",
            "中文, ünïcode: 🔑",
        ] {
            check(&serde_json::json!({"list": [text], "text": {"of": text}}));
        }
        // A name of ours, or one that Kubernetes allows.
        for name in ["6e5", "yes", "on", "null", "true", "1_0", "a.b/c", "2026-11-24"] {
            check(&serde_json::json!({name: "x"}));
        }
    }
}
