//! The Kubernetes API: where it is, what it says as plain facts, and the few writes.

pub mod api;
pub mod permissions;
pub mod matching;
pub mod store;
pub mod forgotten;
pub mod act;
pub mod verify;
pub mod events;
