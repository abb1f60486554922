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
        #[source]
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io::{Error, ErrorKind};

    use super::*;
    use crate::cluster::api::{Call, PODS};
    use crate::cluster::store::Distrust;
    use crate::core::ledger::Untrusted;
    use crate::core::words::sentence;
    use crate::incident::SimulateError;

    #[track_caller]
    fn check(error: impl Into<RunError>, source: &str) {
        let error = error.into();
        let text = error.to_string();
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some(source));
        assert_eq!((text.matches(source).count(), &sentence(&error)), (1, &text));
    }

    #[test]
    fn an_error_has_its_source_and_says_it_once() {
        let full = || Error::from(ErrorKind::StorageFull);
        let path = || "records/a.yaml".into();
        check(RecordError { path: path(), why: full().into() }, "no storage space");
        let unreadable = SimulateError::Unreadable { path: path(), error: full() };
        let why = "it is written, but does not play as it was decided: cannot read records/a.yaml: no storage space";
        check(RecordError { path: path(), why: unreadable.into() }, why);
        let contradiction = Untrusted::Contradiction("a-1".to_owned());
        let (name, namespace, repair) = ("ledger".to_owned(), "shop".to_owned(), "Repair it.".to_owned());
        let distrusted = || StoreError::Untrusted { name, namespace, why: Distrust::Ledger(contradiction), repair };
        check(distrusted(), "execution a-1 contradicts itself");
        let gone = || ApiError { call: Call { verb: "get", resource: PODS, name: "web-1".to_owned() }, cause: Cause::NotFound };
        check(gone(), "not found");
        let after = RunError::After { exit: Exit::Ledger, error: Box::new(gone().into()) };
        check(after, "get pods web-1: not found");
    }
}
