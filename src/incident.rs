//! Recorded incidents, and the decisions expected of them. Playing one decides with the very function that a run calls, keeps the
//! same ledger, and needs no cluster, no network and no clock.
//!
//! | file | what |
//! | --- | --- |
//! | `model` | an incident: its moments, what was there, what is expected |
//! | `format` | which fields a file has, and what each may hold |
//! | `refers` | what it refers to: runbooks, objects, the ledger |
//! | `read` | the one reader: files below a path |
//! | `play` | moments, in order: decide, act as the file says it ended, remember |
//! | `record` | the one writer: from the facts of a decision |

mod error;
mod format;
mod model;
mod play;
mod read;
pub(crate) mod record;
mod refers;

use std::path::{Path, PathBuf};

pub(crate) use error::{RecordError, RecordFlaw, SimulateError};
pub(crate) use model::API_VERSION;
pub(crate) use play::{Got, PlayedDecision, Simulation};
pub(crate) use refers::json;

/// Plays every incident of these files, and of the directories below these.
///
/// # Errors
/// See [`SimulateError`]; then nothing was played.
pub(crate) fn simulate(paths: &[PathBuf]) -> Result<Simulation, SimulateError> {
    let incidents = read::load(paths)?;
    Ok(Simulation::of(incidents.iter()))
}

/// Plays the incidents of one text, which is about to be written to `path`.
///
/// # Errors
/// See [`SimulateError`].
pub(crate) fn simulate_text(path: &Path, text: &str) -> Result<Simulation, SimulateError> {
    let incidents = read::of_text(path, text).map_err(SimulateError::Invalid)?;
    Ok(Simulation::of(incidents.iter()))
}

#[cfg(test)]
mod tests;
