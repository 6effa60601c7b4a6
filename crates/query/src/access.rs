//! What of the tables a session shows: which tables it knows, and which of their columns.
//!
//! The rules are applied where a name is resolved to a table
//! ([`Tables::find`](crate::tables::Tables::find)), so they hold for every statement,
//! however it is written. A column that is hidden does not exist; of a column that is
//! masked, texts are tokens and other values are null. What a statement filters, joins,
//! groups, casts or orders by are the masked values.

use std::fmt;

use arrow::datatypes::Field;

/// How a session shows one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnAccess {
    /// As it is.
    Plain,
    /// Texts as tokens: equal texts have equal tokens. Other values as null.
    Masked,
    /// Not at all.
    Hidden,
}

/// The rules of a session. Names are bare and in lower case; zones are `landing`,
/// `trusted`, `curated` and `system`.
pub trait Access: fmt::Debug + Send + Sync {
    /// Whether the session knows the table.
    fn table(&self, zone: &str, table: &str) -> bool;

    /// How it shows a column. `logged` are the columns that the table's version calls
    /// personal.
    fn column(&self, zone: &str, table: &str, column: &Field, logged: &[String]) -> ColumnAccess;

    /// Whether it shows how tables are defined: their statements name hidden columns.
    fn definitions(&self) -> bool;

    /// The key of the tokens: whoever knows it can find out which text a token stands for.
    fn key(&self) -> &[u8; 32];
}
