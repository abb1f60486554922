//! Replaces labelled Kubernetes pods within reviewed limits, proves the replacement healthy, and says why it did or did not.
//!
//! ```text
//!            runbooks            the cluster                      the ledger
//!           (load, runbook)     (api, matching → snapshot)       (store, ledger)
//!                  │                    │                            │    ▲
//!                  └────────────────────┼────────────────────────────┘    │
//!                                       ▼                                 │
//!   match ──────────────────────►  check: decide  ──refused──► audit      │
//!                                       │                      ▲          │
//!                                       ▼                      │          │
//!                              intent ─► act ─► verify ────────┴──────────┘
//! ```
//!
//! Modules in reading order. The core (`words` to `decide`) is pure: no I/O, no clock, no Kubernetes types. The edges do I/O and
//! have an error type each. `run` is the flow.

#[cfg(all(not(debug_assertions), any(feature = "sabotage-intent", feature = "sabotage-precondition", feature = "sabotage-cooldown")))]
compile_error!("a sabotaged program is for the tests of the tests");

mod canonical;
#[cfg(test)]
mod documented;
pub mod names;
pub mod near;
pub mod selector;
pub mod words;

pub mod runbook;
pub mod snapshot;
pub mod ledger;
pub mod decide;

pub mod clock;
pub mod config;
pub mod exit;
pub mod load;
pub mod output;
pub mod validate;

pub mod http;
pub mod api;
pub mod permissions;
pub mod matching;
pub mod store;
pub mod forgotten;
pub mod act;
pub mod probe;
pub mod verify;
pub mod audit;
pub mod events;
pub mod notify;

pub mod run;
pub mod table;
pub mod desk;
pub mod status;
pub mod explain;
pub mod check;
pub mod schema;
pub mod render;
pub mod reset;
pub mod simulate;
pub mod record;
pub mod cli;
