//! Where the columns of one model come from.

use super::flow::Flow;

/// Where the columns of one model come from.
#[derive(Debug, Clone)]
pub(crate) struct ModelLineage {
    /// In the order of the SELECT.
    pub(crate) columns: Vec<ColumnOrigins>,
    /// What decides which rows there are.
    pub(crate) rows: Origins,
}

/// A column of a model, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct ColumnOrigins {
    pub(crate) name: String,
    pub(crate) origins: Origins,
}

/// From what the SELECT reads, and from where that begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    /// Columns of the tables that the SELECT names.
    pub(crate) direct: Flow,
    /// Columns of landing and system tables.
    pub(crate) first: Flow,
}
