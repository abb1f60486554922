//! Why the ledger could not be read or written.

use crate::cluster::api::ApiError;
use crate::core::ledger::Untrusted;

use super::LEDGER_KEY;

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The API failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The namespace is being deleted, and took the ledger along.
    #[error("namespace {0} is being deleted, and the ledger is gone with it: there is nothing left to do here")]
    NamespaceGoes(String),
    /// Somebody else wrote meanwhile; the newer state has been read.
    #[error("the ledger changed meanwhile")]
    Conflict,
    /// It is in no state to rely on: nothing may be touched.
    #[error(
        "the ledger, ConfigMap {name} in namespace {namespace}, cannot be trusted: {why}. Nothing is touched while that is so. {repair}"
    )]
    Untrusted {
        /// The ConfigMap.
        name: String,
        /// Its namespace.
        namespace: String,
        /// What is wrong.
        #[source]
        why: Distrust,
        /// What a human can do.
        repair: String,
    },
}

/// What is wrong with the ledger's ConfigMap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Distrust {
    /// There is none.
    #[error("it does not exist")]
    Missing,
    /// No write would be taken.
    #[error("it is immutable, so nothing could be remembered")]
    Immutable,
    /// It was written before, and the ledger is no longer in it.
    #[error("it has been used, but its key {LEDGER_KEY} is gone")]
    Lost,
    /// Somebody else keeps something in it.
    #[error("it has data, but no key {LEDGER_KEY}: it seems to be another's")]
    Foreign,
    /// The cluster's own policy refuses the write: in its words.
    #[error("the cluster refuses to have it written: {0}")]
    Refused(String),
    /// The ledger in it, or the one to be written, is not to be relied on.
    #[error(transparent)]
    Ledger(#[from] Untrusted),
}
