//! What people and programs read: the audit trail, tables, JSON that is inert, colours and progress.

pub mod audit;
pub mod output;
pub mod style;
pub mod table;
