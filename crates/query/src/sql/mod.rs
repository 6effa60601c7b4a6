//! SQL before it is planned: parsing, time travel, and what is not supported.

pub mod parse;
pub mod time_travel;
pub(crate) mod unknown_function;
pub(crate) mod unsupported;
