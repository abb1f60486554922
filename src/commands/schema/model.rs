//! A JSON Schema as a value, of the keywords that the runbook's format needs.

use serde::{Serialize, Serializer};
use serde_json::Value;

pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema, of the keywords that we need; they are written in this order, and those not set are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Schema {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub(super) dialect: Option<&'static str>,
    #[serde(rename = "$id", skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'static str>,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'static str>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<&'static str>,
    /// `object`, `array`, `string`, `integer`, `number` or `boolean`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(rename = "const", skip_serializing_if = "Option::is_none")]
    pub(super) only: Option<u32>,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub(super) words: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minimum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contains: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unique_items: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) property_names: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_properties: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub(super) properties: Vec<(&'static str, Schema)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) required: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_properties: Option<Additional>,
    #[serde(rename = "oneOf", skip_serializing_if = "Vec::is_empty")]
    pub(super) one_of: Vec<Value>,
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub(super) when: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<Value>,
    /// What it is where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<Value>,
}

/// What a mapping may hold besides its `properties`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Additional {
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
pub(crate) struct Field<'a> {
    /// `spec.guardrails.maintenanceWindows[].days`.
    pub(crate) path: String,
    /// It may not be left out.
    pub(crate) required: bool,
    /// What it may be.
    pub(crate) schema: &'a Schema,
}

impl Schema {
    /// The text of it, for people and programs.
    pub(super) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap()
    }

    /// Every field of it, and of the mappings in it, in the order of the format.
    pub(crate) fn fields(&self) -> Vec<Field<'_>> {
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
