//! What people and programs read: the audit trail, tables, JSON that is inert, colours and progress.

pub(crate) mod audit;
pub(crate) mod output;
pub(crate) mod style;
pub(crate) mod table;
