//! Why nothing was written on a pod.

use crate::cluster::api::ApiError;
use crate::commands::explain::ExplainError;
use crate::core::exit::Exit;
use crate::core::words::quoted;
use crate::run::RunError;

/// Why nothing was written on a pod.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MarkError {
    /// What a run would decide could not be found out.
    #[error(transparent)]
    Explain(Box<ExplainError>),
    /// The caller lacks the right, or an admission policy refuses them.
    #[error("you may not change pod {pod} in namespace {namespace}: {error}")]
    MayNotPatch {
        pod: String,
        namespace: String,
        #[source]
        error: Box<ApiError>,
    },
    /// The workload's owner has not opted in.
    #[error("{message}; nothing was written")]
    NotOptedIn {
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The request would be malformed.
    #[error("{0}; nothing was written")]
    Malformed(String),
    /// This is neither a pod nor a workload of a kind that is known.
    #[error("{} is not a pod or a workload: name a POD, or pod/NAME, deployment/NAME, statefulset/NAME, daemonset/NAME, replicaset/NAME", quoted(.0))]
    NoKind(String),
    /// There is no such workload.
    #[error("{kind} {name} does not exist in namespace {namespace}")]
    NoWorkload { kind: &'static str, name: String, namespace: String },
    /// The workload has no pod that could be replaced.
    #[error("{0} has no pod that could be replaced: none, or all of them have ended or are being deleted")]
    NoPodOf(String),
    /// The workload's selector cannot be used.
    #[error("the selector of {workload} cannot be used: {why}")]
    Selector { workload: String, why: String },
    /// The pod does not ask.
    #[error("pod {pod} does not ask to be replaced ({selector}); nothing was written")]
    AsksNot { pod: String, selector: String },
    /// No label of this program's own makes a request.
    #[error("the request selector {0} has no label of pod-remediator's own: remove the right label by hand; nothing was written")]
    NotOurLabel(String),
    /// Nothing about the pod can be approved.
    #[error("no plan of pod {pod} waits for an approval: {message}; nothing was written")]
    NoPlan { pod: String, message: String },
    /// The plan that was named is not the one that stands.
    #[error("plan {} of pod {pod} is void: the plan that stands now is {stands}; nothing was written", quoted(.given))]
    Void { pod: String, given: String, stands: String },
    /// The person did not say yes.
    #[error("not approved: nothing was written")]
    Declined,
    /// Nobody can be asked.
    #[error("standard input is no terminal: say --yes to approve without being asked; nothing was written")]
    NobodyToAsk,
    /// The question could not be put.
    #[error("cannot ask for a yes: {0}")]
    Ask(#[from] std::io::Error),
}

impl From<ExplainError> for MarkError {
    fn from(error: ExplainError) -> Self {
        Self::Explain(Box::new(error))
    }
}

impl From<RunError> for MarkError {
    fn from(error: RunError) -> Self {
        ExplainError::from(error).into()
    }
}

impl MarkError {
    /// The exit code that it calls for.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Explain(error) => error.exit(),
            Self::Ask(_) => Exit::Api,
            _ => Exit::Usage,
        }
    }

    /// What to do about it, where that is not in the text.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::NotOptedIn { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }
}
