//! Why a record is not in the trail.

/// A record that is not in the trail. Until this is handled, nothing may be done on the strength of it.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output, where the audit trail goes: {0}")]
pub(crate) struct Unwritten(#[from] pub(super) std::io::Error);
