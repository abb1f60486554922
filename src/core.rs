//! Everything pure: no I/O, no clock, no Kubernetes type. Decisions are data, and a refusal is a value.

pub mod canonical;
pub mod exit;
pub mod names;
pub mod near;
pub mod selector;
pub mod url;
pub mod words;
pub mod workload_kind;

pub mod runbook;
pub mod snapshot;
pub mod ledger;
pub mod decide;
pub mod intent;
pub mod judge;
