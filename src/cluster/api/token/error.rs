//! Why a file holds no token.

/// A file that holds no token. Its words show nothing of what it holds.
#[derive(Debug, thiserror::Error)]
pub(in crate::cluster::api) enum TokenError {
    #[error("token file {0} cannot be read: {1}")]
    Unreadable(String, #[source] std::io::Error),
    #[error("token file {0} is empty, or holds something else than one token")]
    NoToken(String),
}
