//! What a run would do: the tables of `stedi plan`.

use serde::{Deserialize, Serialize};

/// What a run would do to one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTable {
    /// `trusted` or `curated`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// Why it would be published; not at all for [`Change::Nothing`].
    pub change: Change,
    /// Published rows; `None` where there is no table yet.
    pub rows_now: Option<u64>,
    /// Rows after the run.
    pub rows: u64,
    /// Rows that are not there yet.
    pub rows_entering: u64,
    /// Rows that would be gone.
    pub rows_leaving: u64,
    /// People, or devices in a table of devices, of whom no row is there yet;
    /// `None` where the table has no column of people or devices.
    pub people_entering: Option<u64>,
    /// People, or devices, without a row after the run.
    pub people_leaving: Option<u64>,
}

/// What a table that was built changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// There is no such table yet.
    New,
    /// Its columns are others.
    Columns,
    /// Its rows are others.
    Rows,
    /// Its rows are the published ones, its contract is another.
    Contract,
    /// Nothing.
    Nothing,
}
