//! What the pages of runs show.

use serde::{Deserialize, Serialize};

use crate::{Attention, RunSummary, Step, Verdict, Zone};

/// The runs of a lake.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunList {
    /// The newest runs that built tables, newest first.
    pub runs: Vec<RunSummary>,
    /// How many older ones there are.
    pub runs_more: u64,
    /// A run that is writing, or died.
    pub attention: Vec<Attention>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDetail {
    /// The run, in one line.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// The tables that it built, in the order of their start.
    pub models: Vec<RunModel>,
    /// The results of checks that it noted, in their order.
    pub results: Vec<RunCheck>,
    /// By how much its steps changed what came in, what came out and what was left out, by
    /// table.
    pub accounts: Vec<RunAccount>,
    /// The run before and the one after it, if there are any.
    pub before: Option<String>,
    /// The run after it.
    pub after: Option<String>,
}

/// A table that a run built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunModel {
    /// Its zone, if the project knows the table.
    pub zone: Option<Zone>,
    /// Bare name.
    pub table: String,
    /// When its build began.
    pub started_ms: Option<i64>,
    /// When its build ended.
    pub ended_ms: Option<i64>,
    /// Rows read, if they were counted.
    pub rows_in: Option<u64>,
    /// Its rows afterwards.
    pub rows_out: Option<u64>,
    /// Equal rows that were found.
    pub duplicates: Option<u64>,
    /// Files written.
    pub files: Option<u64>,
    /// The version that was published.
    pub version: Option<i64>,
    /// `published`, `unchanged`, or what else became of it.
    pub outcome: String,
}

/// A result of a check that a run noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCheck {
    /// The table that it judges.
    pub table: String,
    /// As the contract names it.
    pub check: String,
    /// Its result.
    pub verdict: Verdict,
    /// How many rows were in violation.
    pub violations: u64,
}

/// What a run changed in the account of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunAccount {
    /// Its zone, if the project knows the table.
    pub zone: Option<Zone>,
    /// The table.
    pub table: String,
    /// Its steps.
    pub steps: Vec<Step>,
}
