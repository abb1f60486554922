//! What a value may be: one constructor for each of the parser's readers, in JSON Schema and in words.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::{Additional, Schema};
use crate::core::runbook::LONGEST_ANNOTATION;

/// One line, no control characters, no blanks at its ends.
const LINE: &str = r"^[^\s\u0000-\u001f\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?$";
/// Something to read, and no control characters but newlines and tabs.
const PROSE: &str =
    r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
const OPTIONAL_PROSE: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const DNS_SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
const LABEL_KEY: &str =
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";
const ANNOTATION_VALUE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
const NAMED_KIND: &str = r"^[A-Z][A-Za-z0-9]{0,62}(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$";
const START: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
const END: &str = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";
const ZONE: &str = "^[A-Za-z][A-Za-z0-9_+/-]*$";

const LINK: &str = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?([/?]([!$-;=?-Z_a-z~\[\]]|\$\{(SERVICE|NAMESPACE|WORKLOAD|POD_NAME)\})*)?$";
const SERVER: &str = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?(/([!$-;=@-Z_a-z~\[\]]|\$\{(SERVICE|NAMESPACE|WORKLOAD|POD_NAME)\})*)?$";

fn of(kind: &'static str) -> Schema {
    Schema { kind, ..Schema::default() }
}

fn text(pattern: &'static str, longest: Option<u32>) -> Schema {
    Schema { pattern: Some(pattern), max_length: longest, ..of("string") }
}

pub(super) fn line() -> Schema {
    text(LINE, None)
}

pub(super) fn prose() -> Schema {
    text(PROSE, None)
}

pub(super) fn optional_prose() -> Schema {
    text(OPTIONAL_PROSE, None)
}

pub(super) fn dns_label() -> Schema {
    text(DNS_LABEL, Some(63))
}

pub(super) fn dns_subdomain() -> Schema {
    text(DNS_SUBDOMAIN, Some(253))
}

pub(super) fn start() -> Schema {
    text(START, None)
}

pub(super) fn end() -> Schema {
    text(END, None)
}

pub(super) fn zone() -> Schema {
    text(ZONE, None)
}

pub(super) fn link() -> Schema {
    text(LINK, Some(2000))
}

pub(super) fn server() -> Schema {
    text(SERVER, Some(2000))
}

pub(super) fn number() -> Schema {
    of("number")
}

pub(super) fn boolean() -> Schema {
    of("boolean")
}

pub(super) fn whole(allowed: RangeInclusive<u32>) -> Schema {
    Schema { minimum: Some(*allowed.start()), maximum: Some(*allowed.end()), ..of("integer") }
}

pub(super) fn only(number: u32) -> Schema {
    Schema { only: Some(number), ..of("integer") }
}

pub(super) fn fraction() -> Schema {
    Schema { minimum: Some(0), maximum: Some(1), ..of("number") }
}

pub(super) fn one_of<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Schema {
    Schema { words: all.iter().map(|item| name(*item)).collect(), ..of("string") }
}

/// Without duplicates.
pub(super) fn list(items: Schema) -> Schema {
    Schema { items: Some(Box::new(items)), unique_items: Some(true), ..of("array") }
}

/// As [`list`], with at least one item.
pub(super) fn some(items: Schema) -> Schema {
    Schema { min_items: Some(1), ..list(items) }
}

/// Mappings of fields, at least one.
pub(super) fn each(items: Schema) -> Schema {
    Schema { items: Some(Box::new(items)), min_items: Some(1), ..of("array") }
}

/// A kind and its API group.
pub(super) fn named_kind() -> Schema {
    text(NAMED_KIND, None)
}

pub(super) fn annotations() -> Schema {
    let longest = u32::try_from(LONGEST_ANNOTATION).ok();
    Schema { additional_properties: Some(Additional::Any(Box::new(text(ANNOTATION_VALUE, longest)))), ..labels() }
}

pub(super) fn labels() -> Schema {
    let any = Additional::Any(Box::new(text(LABEL_VALUE, None)));
    Schema {
        property_names: Some(Box::new(text(LABEL_KEY, None))),
        min_properties: Some(1),
        additional_properties: Some(any),
        ..of("object")
    }
}

/// A field with its name, a title, and what it means.
pub(super) struct Entry(&'static str, Schema, bool);

/// A mapping of known fields.
pub(super) fn fields<const N: usize>(entries: [Entry; N]) -> Schema {
    let required = entries.iter().filter(|Entry(_, _, required)| *required).map(|Entry(name, ..)| *name).collect();
    let properties = entries.into_iter().map(|Entry(name, schema, _)| (name, schema)).collect();
    Schema { properties, required, additional_properties: Some(Additional::Nothing), ..of("object") }
}

pub(super) fn required(name: &'static str, title: &'static str, description: &'static str, schema: Schema) -> Entry {
    Entry(name, Schema { title: Some(title), description: Some(description), ..schema }, true)
}

/// May be left out, and is then as its description says.
pub(super) fn optional(name: &'static str, title: &'static str, description: &'static str, schema: Schema) -> Entry {
    Entry(name, Schema { title: Some(title), description: Some(description), ..schema }, false)
}

/// May be left out, and is then this.
pub(super) fn default(
    name: &'static str,
    value: impl Into<Value>,
    title: &'static str,
    description: &'static str,
    schema: Schema,
) -> Entry {
    let schema = Schema { default: Some(value.into()), ..schema };
    optional(name, title, description, schema)
}

impl Schema {
    /// What it may be, in words.
    pub(crate) fn in_words(&self) -> String {
        let range = match (self.minimum, self.maximum) {
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
            _ => String::new(),
        };
        let items = |what: &str| format!("{what}{}", self.min_items.map_or("", |_| ", at least one"));
        match self.kind {
            "integer" => self.only.map_or_else(|| format!("whole number{range}"), |only| only.to_string()),
            "number" => format!("number{range}"),
            "boolean" => "true or false".to_owned(),
            "array" => match &self.items {
                Some(item) if !item.properties.is_empty() => items("list of mappings"),
                Some(item) if !item.words.is_empty() => items(&format!("list of {}", item.words.join(", "))),
                Some(item) => items(&format!("list of {}s", item.in_words())),
                None => items("list"),
            },
            "object" if self.property_names.is_some() => {
                let is_long = matches!(&self.additional_properties, Some(Additional::Any(value)) if value.max_length.is_some());
                format!("{}, at least one", if is_long { "annotations" } else { "labels" })
            }
            "object" => "mapping".to_owned(),
            _ if self.words.len() == 1 => self.words.concat(),
            _ if !self.words.is_empty() => self.words.join(", "),
            _ => match self.pattern {
                Some(DNS_LABEL | DNS_SUBDOMAIN) => "name".to_owned(),
                Some(START | END) => "time of day in quotes".to_owned(),
                Some(LINK | SERVER) => "URL".to_owned(),
                Some(ZONE) => "IANA time zone".to_owned(),
                Some(LINE) => "line".to_owned(),
                _ => "text".to_owned(),
            },
        }
    }
}
