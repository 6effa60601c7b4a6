//! The lineage of one model.

use super::flow::Flow;

/// The origins of one model's columns and rows.
#[derive(Debug, Clone)]
pub(crate) struct ModelLineage {
    /// In the order of the SELECT.
    pub(crate) columns: Vec<ColumnOrigins>,
    /// The origins of what decides which rows there are.
    pub(crate) rows: Origins,
}

/// A column of a model, and its origins.
#[derive(Debug, Clone)]
pub(crate) struct ColumnOrigins {
    pub(crate) name: String,
    pub(crate) origins: Origins,
}

/// The origins of a column, or of rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    /// Columns of the tables that the SELECT names.
    pub(crate) direct: Flow,
    /// Columns of landing and system tables.
    pub(crate) first: Flow,
}
