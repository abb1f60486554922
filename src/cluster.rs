//! The Kubernetes API: where it is, what it says as plain facts, and the few writes.

pub(crate) mod api;
pub mod permissions;
pub(crate) mod matching;
pub(crate) mod store;
pub(crate) mod forgotten;
pub(crate) mod act;
pub(crate) mod verify;
pub(crate) mod events;
