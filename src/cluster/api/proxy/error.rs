//! Why a proxy cannot be used.

use super::SUPPORTED;

/// A proxy that cannot be used. Its words show nothing of the value but the scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::cluster::api) enum ProxyError {
    /// A scheme that is not supported.
    #[error("{set_by}: a proxy of scheme {scheme} is not supported: set {SUPPORTED}, or exclude the API server with NO_PROXY")]
    Scheme {
        /// A variable, or the kubeconfig's field.
        set_by: String,
        /// Such as socks5.
        scheme: String,
    },
    /// The kubeconfig's value is no proxy. One in the environment is ignored instead, as kubectl does.
    #[error("{0}: its value, which is not shown, is not the URL of a proxy: set {SUPPORTED}, or remove it")]
    NoUrl(String),
}
