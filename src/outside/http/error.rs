//! Why a server gave no answer.
//!
//! What a library says is kept as inert text and not as a source: a URL, and so a secret, may be in it.

use std::time::Duration;

/// There is no answer. Its words name scheme, host and port, and nothing else of the URL: the rest may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {cause}")]
pub(crate) struct HttpError {
    /// What was asked: see [`place`](super::place).
    pub place: String,
    /// Why there is no answer.
    #[source]
    pub cause: HttpCause,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpCause {
    /// The URL cannot be asked: what is wrong with it.
    #[error("{0}")]
    Url(&'static str),
    /// Without a certificate store, no certificate can be checked.
    #[error("cannot check certificates: {0}; SSL_CERT_FILE or SSL_CERT_DIR names those to trust")]
    NoCertificates(String),
    /// Nobody is there, or it is not who it should be. Nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The whole answer was not there in time.
    #[error("no whole answer within {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// The answer is longer than what is read, in bytes.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// The exchange broke off, or was no HTTP.
    #[error("the exchange broke off: {0}")]
    Broken(String),
}
