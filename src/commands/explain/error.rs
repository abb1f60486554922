//! Why there is nothing to explain.

use crate::core::exit::Exit;
use crate::core::names::DNS_SUBDOMAIN;
use crate::core::words::quoted;
use crate::run::RunError;

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplainError {
    /// What would end a run ends this too.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no such pod.
    #[error("pod {pod} does not exist in namespace {namespace}; see kubectl get pods -n {namespace}")]
    NoPod {
        /// As it was asked for.
        pod: String,
        namespace: String,
    },
    /// It is no pod.
    #[error("{} is not a pod: name a pod, as NAME or pod/NAME", quoted(.0))]
    NoPodKind(String),
    /// No pod can have that name.
    #[error("{} is not a pod's name: {DNS_SUBDOMAIN}", quoted(.0))]
    NoName(String),
}

impl ExplainError {
    /// The exit code that it calls for.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Run(error) => error.exit(),
            Self::NoPod { .. } | Self::NoPodKind(_) | Self::NoName(_) => Exit::Usage,
        }
    }
}
