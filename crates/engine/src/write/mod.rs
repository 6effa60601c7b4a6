//! Writes rows of models into data files, and accounts for every row that a model
//! read. Runs use it; operations use [`rewrite`].

pub(crate) mod build;
pub(crate) mod duplicates;
pub(crate) mod ledger;
pub(crate) mod rewrite;
