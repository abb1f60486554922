//! What is neither this program nor the cluster: time, files, other servers.

pub(crate) mod clock;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod notify;
pub(crate) mod probe;
