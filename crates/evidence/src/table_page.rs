//! What the page of one table shows.

use serde::Serialize;

use crate::{Edge, TableFigures, Verdict};

/// One table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TablePage {
    /// The table, in one line.
    #[serde(flatten)]
    pub figures: TableFigures,
    /// Where its files lie.
    pub location: String,
    /// Other names of it in SQL.
    pub also: Vec<String>,
    /// The file of its definition.
    pub file: Option<String>,
    /// The contract of a model, as its author wrote it.
    pub contract: Option<String>,
    /// The SELECT of a model, or the definition of a landing table.
    pub sql: Option<String>,
    /// Whether its rows are groups of people.
    pub is_anonymous: bool,
    /// Its columns, in order.
    pub columns: Vec<ColumnFigures>,
    /// Columns that decide which rows there are: filters, join keys, group keys.
    pub row_origins: Vec<ColumnOrigin>,
    /// Its checks, with their results over time.
    pub checks: Vec<CheckHistory>,
    /// The runs of these results, newest first.
    pub runs: Vec<RunAt>,
    /// Its newest versions, newest first.
    pub versions: Vec<VersionChange>,
    /// How many older versions can be read.
    pub versions_more: u64,
    /// The tables that it reads, and those that read it.
    pub edges: Vec<Edge>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnFigures {
    /// Lower case.
    pub column: String,
    /// SQL's name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds personal values.
    pub personal: bool,
    /// The comment of its definition.
    pub comment: Option<String>,
    /// Columns that its values come from, one step back.
    pub from: Vec<ColumnOrigin>,
    /// Landing fields that its values come from.
    pub landing: Vec<ColumnOrigin>,
}

/// A column that another one comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnOrigin {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Whether it holds personal values.
    pub personal: bool,
    /// How it influences the other: `direct`, ...
    pub influence: String,
}

/// A check, with its results over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckHistory {
    /// As the contract names it.
    pub check: String,
    /// What a violation does: `fail`, `warn`, `report` or `leave out`; `refuse` for a privacy
    /// gate.
    pub action: String,
    /// Its newest result; `None` if no run noted one.
    pub verdict: Option<Verdict>,
    /// The violations in the last runs, in the order of [`TablePage::runs`]; `None` where the
    /// run did not note the check.
    pub in_runs: Vec<Option<u64>>,
}

/// A run, and when it began to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunAt {
    /// Its id.
    pub run: String,
    /// When it began to build.
    pub started_ms: Option<i64>,
}

/// A version of a table, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionChange {
    /// Counted from 0.
    pub version: i64,
    /// When it was published.
    pub at_ms: i64,
    /// The run that made it; `None` for other programs.
    pub run: Option<String>,
    /// Delta's name of what was done.
    pub operation: String,
    /// Rows of the table afterwards, if known.
    pub rows: Option<u64>,
    /// Rows more (or less, if negative) than at the version before, if both are known.
    pub rows_change: Option<i64>,
    /// Whether its rows are those of the version before, if that is known.
    pub is_same_content: Option<bool>,
    /// Files that it added.
    pub files_added: u64,
    /// Rows in these files.
    pub rows_added: u64,
    /// Files that it removed.
    pub files_removed: u64,
}
