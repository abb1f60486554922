//! The runbook's format as a JSON Schema, for editors: `pod-remediator schema`.
//!
//! The parser is the authority, and says more than a schema can. A test holds that the two know the same fields and defaults, and
//! refuse the same mistakes; what only the parser sees, a field's description says.

mod format;
mod probes;
#[cfg(test)]
mod tests;
mod text;

use serde::{Serialize, Serializer};
use serde_json::Value;

pub use format::runbook;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a runbook, as JSON for people and programs.
pub fn schema() -> String {
    serde_json::to_string_pretty(&runbook()).unwrap_or_default()
}

/// A schema, of the keywords that we need; they are written in this order, and those not set are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    dialect: Option<&'static str>,
    #[serde(rename = "$id", skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'static str>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'static str>,
    /// `object`, `array`, `string`, `integer`, `number` or `boolean`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(rename = "const", skip_serializing_if = "Option::is_none")]
    only: Option<u32>,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    words: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contains: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_items: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    property_names: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_properties: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    properties: Vec<(&'static str, Schema)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_properties: Option<Additional>,
    #[serde(rename = "oneOf", skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<Value>,
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    when: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<Value>,
    /// What it is where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// What a mapping may hold besides its `properties`.
#[derive(Debug, Clone, PartialEq)]
enum Additional {
    Nothing,
    Any(Box<Schema>),
}

impl Serialize for Additional {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_bool(false),
            Self::Any(schema) => schema.serialize(serializer),
        }
    }
}

fn as_map<S: Serializer>(properties: &[(&'static str, Schema)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(properties.iter().map(|(name, schema)| (name, schema)))
}

/// One field of the format.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<'a> {
    /// `spec.guardrails.maintenanceWindows[].days`.
    pub path: String,
    /// It may not be left out.
    pub required: bool,
    /// What it may be.
    pub schema: &'a Schema,
}

impl Schema {
    /// Every field of it, and of the mappings in it, in the order of the format.
    pub fn fields(&self) -> Vec<Field<'_>> {
        let mut fields = Vec::new();
        self.collect("", &mut fields);
        fields
    }

    fn collect<'a>(&'a self, prefix: &str, fields: &mut Vec<Field<'a>>) {
        for (name, schema) in &self.properties {
            let path = if prefix.is_empty() { (*name).to_owned() } else { format!("{prefix}.{name}") };
            fields.push(Field { path: path.clone(), required: self.required.contains(name), schema });
            schema.collect(&path, fields);
            if let Some(items) = &schema.items {
                items.collect(&format!("{path}[]"), fields);
            }
        }
    }
}
