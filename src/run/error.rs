//! Why a run ended early, and with which exit code.

use crate::cluster::api::{ApiError, Cause};
use crate::cluster::permissions::Need;
use crate::cluster::store::StoreError;
use crate::core::exit::Exit;
use crate::incident::RecordError;
use crate::outside::load::LoadError;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The runbooks cannot be used.
    #[error(transparent)]
    Runbooks(#[from] LoadError),
    /// A record of the run cannot be made.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The API failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Time was up.
    #[error("the run did not end within its deadline of {0}; what is in flight is in the ledger, and the next run settles it")]
    Deadline(humantime::Duration),
    /// It ended early after something that weighs more.
    #[error("{error}")]
    After {
        /// What its exit code has to say.
        exit: Exit,
        /// Why it ended.
        error: Box<RunError>,
    },
    /// Permissions are missing.
    #[error("missing permissions in namespace {namespace}: {}; nothing was touched. The Role in manifests/base grants them", list(.needs))]
    Permissions { namespace: String, needs: Vec<Need> },
}

fn list(needs: &[Need]) -> String {
    needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl RunError {
    /// The exit code that it calls for.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Runbooks(_) | Self::Record(_) | Self::Permissions { .. } => Exit::Usage,
            Self::Api(error) | Self::Store(StoreError::Api(error)) => exit_of(error),
            Self::Store(StoreError::Conflict) | Self::Deadline(_) => Exit::Api,
            // Deleting a namespace is no failure to report.
            Self::Store(StoreError::NamespaceGoes(_)) => Exit::Done,
            Self::After { exit, error } => exit.and(error.exit()),
            Self::Store(StoreError::Untrusted { .. }) => Exit::Ledger,
        }
    }
}

pub(super) fn exit_of(error: &ApiError) -> Exit {
    match error.cause {
        Cause::Forbidden(_) | Cause::Config(_) => Exit::Usage,
        _ => Exit::Api,
    }
}
