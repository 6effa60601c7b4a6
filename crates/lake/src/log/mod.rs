//! The Delta log of a table: reading its versions, writing the entry of the next
//! one. Releases and all operations on tables build on it.

pub(crate) mod commit;
mod diagnosis;
pub(crate) mod entry;
pub(crate) mod listing;
mod publish;
pub(crate) mod version;
