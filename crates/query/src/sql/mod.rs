//! SQL before planning: parsing, time travel, and hints for unsupported SQL.

pub(crate) mod calls;
pub mod definitions;
pub(crate) mod exact_types;
pub(crate) mod hidden_columns;
pub(crate) mod literals;
pub(crate) mod mixed_types;
pub mod parse;
mod scopes;
pub(crate) mod session_tables;
pub(crate) mod show;
pub mod time_travel;
pub(crate) mod trino_syntax;
pub(crate) mod unknown_function;
pub(crate) mod unnest;
pub(crate) mod unsupported;
