//! One room for each command of a person. None of them is a run.

pub mod check;
pub mod desk;
pub mod explain;
pub mod render;
pub mod reset;
pub mod schema;
pub mod simulate;
pub mod status;
pub mod validate;
