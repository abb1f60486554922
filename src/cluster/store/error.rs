//! Why the ledger could not be read or written.

use crate::cluster::api::ApiError;

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
        why: String,
        /// What a human can do.
        repair: String,
    },
}
