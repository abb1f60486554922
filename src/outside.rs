//! What is neither this program nor the cluster: time, files, other servers.

pub mod clock;
pub mod http;
pub mod load;
pub mod notify;
pub mod probe;
