//! The ledger as text. Whatever is not certainly ours and whole is refused: on doubt, nothing is overwritten.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::model::{Execution, Ledger};

/// The format's version. A change that an older program must not overwrite raises it: version 2 remembers since when requests stand,
/// which a program of version 1 would lose. Version 1 is read as what it is, a ledger that remembers no request.
const SCHEMA_VERSION: u32 = 2;
/// The largest text that is written; a ConfigMap holds 1 MiB in all.
pub const MAX_BYTES: usize = 768 * 1024;
/// What a new intent leaves free of it: whatever was begun can be ended, and a breaker opened and reset.
const FOR_ENDS: usize = 32 * 1024;
/// What it leaves free for requests, however many are remembered now.
const FOR_REQUESTS: usize = 64 * 1024;
/// Entries may be this far ahead of now: server clocks differ a little.
const TOLERATED_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Why a ledger cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is no JSON of ours.
    #[error("it cannot be parsed ({0})")]
    Unparseable(String),
    /// A newer program wrote it.
    #[error("it has schema version {version}, and this program knows versions up to {known}; use a newer pod-remediator")]
    NewerSchema {
        /// Its version.
        version: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// It speaks of the future.
    #[error("it has an entry of {entry}, but the API server's time is {now}")]
    Future {
        /// The newest entry.
        entry: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// An execution is listed twice, or is both under way and over.
    #[error("execution {0} contradicts itself")]
    Contradiction(String),
    /// It would no longer fit.
    #[error("it would take {0} bytes, with room for how what is begun ends, more than the {MAX_BYTES} that are safe in a ConfigMap")]
    TooLarge(usize),
}

#[derive(Deserialize)]
struct Versioned {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    ledger: Ledger,
}

impl Ledger {
    /// Reads what [`Ledger::encode`] wrote.
    ///
    /// # Errors
    /// [`Untrusted`] says why it cannot be relied on.
    pub fn decode(text: &str, now: Timestamp) -> Result<Self, Untrusted> {
        Self::decode_up_to(SCHEMA_VERSION, text, now)
    }

    /// The same, by a program that knows versions up to this one.
    fn decode_up_to(known: u32, text: &str, now: Timestamp) -> Result<Self, Untrusted> {
        let unparseable = |error: serde_json::Error| Untrusted::Unparseable(error.to_string());
        let Versioned { schema_version } = serde_json::from_str(text).map_err(unparseable)?;
        if schema_version > known {
            return Err(Untrusted::NewerSchema { version: schema_version, known });
        }
        if schema_version == 0 {
            return Err(Untrusted::Unparseable("there is no schema version 0".to_owned()));
        }
        let Stored { ledger, .. } = serde_json::from_str(text).map_err(unparseable)?;
        if let Some(entry) = ledger.newest().filter(|entry| entry.duration_since(now) > TOLERATED_AHEAD) {
            return Err(Untrusted::Future { entry, now });
        }
        let mut ids = std::collections::BTreeSet::new();
        let whole = |execution: &Execution| execution.in_flight.is_some() != execution.outcome.is_some();
        match ledger.executions.iter().find(|execution| !ids.insert(&execution.id) || !whole(execution)) {
            Some(execution) => Err(Untrusted::Contradiction(execution.id.clone())),
            None => Ok(ledger),
        }
    }

    /// Whether something new may be begun.
    ///
    /// # Errors
    /// [`Untrusted::TooLarge`].
    pub fn has_room(&self) -> Result<(), Untrusted> {
        let others = Self { requests: Vec::new(), ..self.clone() };
        let bytes = others.encode()?.len() + FOR_ENDS + FOR_REQUESTS;
        if bytes > MAX_BYTES { Err(Untrusted::TooLarge(bytes)) } else { Ok(()) }
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// [`Untrusted::TooLarge`].
    pub fn encode(&self) -> Result<String, Untrusted> {
        let stored = Stored { schema_version: SCHEMA_VERSION, ledger: self.clone() };
        let text = serde_json::to_string(&stored).map_err(|error| Untrusted::Unparseable(error.to_string()))?;
        if text.len() > MAX_BYTES { Err(Untrusted::TooLarge(text.len())) } else { Ok(text) }
    }
}

#[cfg(test)]
mod tests;
