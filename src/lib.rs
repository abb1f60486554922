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

pub mod core;

pub mod terminal;
pub mod outside;
pub mod cluster;

pub mod incident;
pub mod run;
pub mod commands;
pub mod cli;
