//! Why a notification may not have arrived.

/// The notification was not sent, or its delivery is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotifyError {
    /// There is no whole answer: why. The error itself names the receiver, which may be a secret, and is not kept.
    #[error("{0}")]
    NoAnswer(String),
    /// The receiver answered, but not that it took it.
    #[error("the receiver answered with status {status}{}", if matches!(status, 300..=399) { ", and redirects are not followed" } else { "" })]
    Refused {
        /// Such as 500, or 302 for a redirect.
        status: u16,
    },
}
