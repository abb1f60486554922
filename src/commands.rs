//! One room for each command of a person. None of them is a run.

pub(crate) mod approve;
pub(crate) mod check;
pub(crate) mod desk;
pub(crate) mod explain;
pub(crate) mod marking;
pub(crate) mod render;
pub(crate) mod request;
pub(crate) mod reset;
pub(crate) mod schema;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod validate;
pub(crate) mod withdraw;
