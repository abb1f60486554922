//! Recorded incidents: their format, its one reader and its one writer, and how one is played.

pub mod record;
