//! Data files of tables: Parquet, without statistics on personal columns. Writing
//! them, copying them without some rows, and finding values in them.

mod dictionary;
mod footer;
pub(crate) mod layout;
pub(crate) mod rewrite;
pub(crate) mod schema;
mod statistics;
pub(crate) mod writer;
