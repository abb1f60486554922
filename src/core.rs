//! Everything pure: no I/O, no clock, no Kubernetes type. Decisions are data, and a refusal is a value.

pub mod canonical;
#[cfg(test)]
pub mod documented;
pub mod exit;
pub mod names;
pub mod near;
pub mod selector;
pub mod words;

pub mod runbook;
pub mod snapshot;
pub mod ledger;
pub mod decide;
