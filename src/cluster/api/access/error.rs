//! Why there is no usable configuration.

use kube::config::{InClusterError, KubeconfigError};

use super::{ProxyError, TokenError};
use crate::core::words::quoted;

/// How many known names a message lists.
const MOST_NAMES: usize = 20;

/// Why there is no usable configuration. Its words hold no credentials.
#[derive(Debug, thiserror::Error)]
pub(in crate::cluster::api) enum AccessError {
    #[error("no way to reach a cluster: {0}; set --kubeconfig or KUBECONFIG, or run in a pod with a ServiceAccount token")]
    Nothing(String),
    #[error("{0} needs a kubeconfig, and there is none")]
    NeedsKubeconfig(&'static str),
    #[error("kubeconfig {file}: it cannot be parsed{place}")]
    Parse { file: String, place: String },
    #[error("the kubeconfig cannot be used: {0}")]
    Kubeconfig(#[source] KubeconfigError),
    #[error("{said_by} {name}: the kubeconfig defines no {kind} of this name; it defines {}", listed(.known))]
    Unknown { said_by: &'static str, kind: &'static str, name: String, known: Vec<String> },
    #[error("the kubeconfig sets no current-context: choose one with --context; it defines {}", listed(.0))]
    NoContext(Vec<String>),
    #[error("cluster {0} of the kubeconfig: its server must begin with http:// or https://, and name a host")]
    Server(String),
    #[error("--as-group (as-groups, as-uid or as-user-extra of the kubeconfig) needs --as: the user to act as")]
    GroupsWithoutUser,
    #[error("{0}: {1} cannot be sent in a header")]
    NoHeader(&'static str, String),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the pod's ServiceAccount cannot be used: {0}")]
    InCluster(#[source] InClusterError),
}

fn listed(names: &[String]) -> String {
    match names.len() {
        0 => "none".to_owned(),
        many => {
            let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| quoted(name)).collect();
            let rest = if many > MOST_NAMES { format!(", and {} more", many - MOST_NAMES) } else { String::new() };
            format!("{}{rest}", shown.join(", "))
        }
    }
}
