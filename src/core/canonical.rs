//! Digests of structured content.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A text that is the same where what it says is the same, and never otherwise.
pub(crate) struct Canonical(String);

impl Canonical {
    /// Of this kind.
    pub(crate) fn new(kind: &str) -> Self {
        Self(format!("{kind}\n"))
    }

    /// Its SHA-256, in hex digits.
    pub(crate) fn digest(&self) -> String {
        Sha256::digest(&self.0).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The length before each value keeps any text from passing for the fields after it.
    pub(crate) fn one(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "{name} {}:{value}", value.len());
    }

    /// No key contains '=': the pair is unambiguous.
    pub(crate) fn labels(&mut self, name: &str, labels: &[(String, String)]) {
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        self.set(name, labels.iter().map(String::as_str));
    }

    /// How many of something come next.
    pub(crate) fn count(&mut self, name: &str, count: usize) {
        let _ = writeln!(self.0, "{name} {count}");
    }

    /// Items whose order means nothing.
    pub(crate) fn set<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a str>) {
        let mut values: Vec<&str> = values.into_iter().collect();
        values.sort_unstable();
        let _ = writeln!(self.0, "{name} {}", values.len());
        for value in values {
            self.one("-", value);
        }
    }
}
