//! The table of fields in docs/runbook.md cannot drift.

use std::fmt::Write as _;

use super::*;

#[test]
fn every_field_is_in_the_table() {
    let mut table = "| field | type | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for Field { path, required, schema } in runbook().fields() {
        let default = match &schema.default {
            _ if required => "required".to_owned(),
            None => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let description = schema.description.unwrap_or_default();
        writeln!(table, "| `{path}` | {} | {default} | {description} |", schema.in_words()).unwrap();
    }
    crate::documented::part("docs/runbook.md", "fields", &table);
}
