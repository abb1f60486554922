//! The runbook's format as a JSON Schema, for editors: `pod-remediator schema`.
//!
//! The parser is the authority, and says more than a schema can. The program carries the published file. Tests generate that file from the
//! parser's own limits and lists; they hold that schema and parser know the same fields and defaults, and refuse the same mistakes. What
//! only the parser sees, a field's description says.

#[cfg(test)]
mod format;
#[cfg(test)]
mod model;
#[cfg(test)]
mod probes;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text;

#[cfg(test)]
pub(crate) use format::runbook;
#[cfg(test)]
use model::{Additional, DIALECT, Field, Schema};

/// The schema of a runbook, as JSON for people and programs: `config/runbook.schema.json`.
pub(crate) fn schema() -> &'static str {
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/runbook.schema.json")).trim_end()
}
