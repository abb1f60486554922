//! Why a part of what is seen of the runs could not be read.

/// A part that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {why}")]
pub(crate) struct Unread {
    pub part: String,
    /// Why not: inert and bounded.
    pub why: String,
}
