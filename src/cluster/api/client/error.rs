//! Why there is no client.

use tower::BoxError;

use crate::core::words::sentence;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(in crate::cluster::api) enum ClientError {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// A credential plugin failed. What it printed may be a token, so `why` holds none of that and no source is kept.
    #[error("credential plugin {command} {why}{hint}")]
    Plugin { command: String, why: String, hint: String },
    #[error("credential plugin {command} of the kubeconfig cannot be started: {source}{hint}")]
    PluginStart { command: String, source: std::io::Error, hint: String },
    #[error("cannot check certificates of the proxy: {}; SSL_CERT_FILE or SSL_CERT_DIR names those to trust", sentence(&**.0))]
    NoCertificates(#[source] BoxError),
}
