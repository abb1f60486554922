//! Replaces labelled Kubernetes pods within reviewed limits, proves the replacement healthy, and says why it did or did not.
//!
//! The wings, from the ground up: each imports from itself and from those before it.
//!
//! ```text
//! core       decisions as data: runbook, snapshot, ledger, decide, intent, judge
//! terminal   what people and programs read: the audit trail, tables, JSON
//! outside    time, files, other servers
//! cluster    the API: match, store, act, verify
//! incident   recorded incidents: read, play, record
//! run        the flow: match, check, act, verify, audit
//! commands   explain, check, status, validate, simulate, …
//! cli        the command line
//! ```

#[cfg(all(not(debug_assertions), any(feature = "sabotage-intent", feature = "sabotage-precondition", feature = "sabotage-cooldown")))]
compile_error!("a sabotaged program is for the tests of the tests");

#[cfg(test)]
mod documented;
pub mod core;

mod terminal;
mod outside;
pub mod cluster;

mod incident;
mod run;
mod commands;
pub mod cli;
