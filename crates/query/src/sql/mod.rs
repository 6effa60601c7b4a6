//! SQL before planning: parsing, time travel, and hints for unsupported SQL.

pub mod parse;
pub mod time_travel;
pub(crate) mod unknown_function;
pub(crate) mod unsupported;
