//! An incident, as its file says it.

use std::time::Duration;

use jiff::Timestamp;

use crate::cluster::matching::recorded::Objects;
use crate::core::decide::{GuardrailId, Mode};
use crate::core::ledger::{Ledger, Outcome, Reset};
use crate::core::runbook::Runbook;
use crate::core::snapshot::Bounds;

/// The version of the format.
pub(crate) const API_VERSION: &str = "remediations.kubedojo.io/v1";
/// What a document of it calls itself.
pub(super) const KIND: &str = "Incident";

/// One incident: what was there, moment by moment, and what is to be decided.
#[derive(Debug)]
pub(super) struct Incident {
    pub name: String,
    /// As it was given.
    pub file: String,
    pub runbooks: Vec<Runbook>,
    pub ledger: Ledger,
    /// In the order of time.
    pub moments: Vec<Moment>,
}

/// One run of the program.
#[derive(Debug)]
pub(super) struct Moment {
    pub at: Timestamp,
    /// As the file writes it.
    pub label: String,
    pub bounds: Bounds,
    pub objects: Objects,
    /// In place of what the moments before left.
    pub ledger: Option<Ledger>,
    pub resets: Vec<Reset>,
    /// Pods, each with who approves the plan that was last put for it.
    pub approve: Vec<(String, String)>,
    /// Only these of the pods that ask; `None`: all of them.
    pub decide: Option<Vec<String>>,
    pub expect: Vec<(String, Expected)>,
}

/// What is expected of one pod. What is not stated is not compared, the mode always.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub mode: Mode,
    /// Just these block.
    pub blocked_by: Option<Vec<GuardrailId>>,
    pub reason: Option<&'static str>,
    /// The whole message.
    pub message: Option<String>,
    /// A part of it.
    pub contains: Option<String>,
    /// How the action ended, if there is one.
    pub end: End,
}

/// How an action ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub outcome: Outcome,
    pub detail: Option<String>,
    pub after: Duration,
}

impl Default for End {
    fn default() -> Self {
        Self { outcome: Outcome::Verified, detail: None, after: Duration::ZERO }
    }
}
