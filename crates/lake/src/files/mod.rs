//! Data files: Parquet, with no statistics on personal columns.

mod dictionary;
mod footer;
pub(crate) mod layout;
pub(crate) mod rewrite;
pub(crate) mod schema;
mod statistics;
pub(crate) mod writer;
