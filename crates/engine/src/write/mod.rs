//! Rows of models on their way into files, and the ledger of what became of
//! the rows they were made from.

pub(crate) mod build;
pub(crate) mod duplicates;
pub(crate) mod ledger;
pub(crate) mod rewrite;
