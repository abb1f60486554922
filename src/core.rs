//! Everything pure: no I/O, no clock, no Kubernetes type. Decisions are data, and a refusal is a value.

pub(crate) mod canonical;
pub mod exit;
pub(crate) mod names;
pub(crate) mod near;
pub mod selector;
pub(crate) mod url;
pub(crate) mod words;
pub(crate) mod workload_kind;

pub mod runbook;
pub mod snapshot;
pub mod ledger;
pub mod decide;
pub(crate) mod intent;
pub(crate) mod marks;
pub(crate) mod judge;
