//! The log of a table: its versions, and how one is added.

pub(crate) mod commit;
mod diagnosis;
pub(crate) mod entry;
pub(crate) mod listing;
mod publish;
pub(crate) mod version;
