//! What a lake shows for itself, as plain values: the figures of one release
//! ([`Evidence`]), those that the pages of a live lake show ([`Overview`],
//! [`RunDetail`], [`TablePage`], [`TablePlots`], [`PrivacyPage`]), and how far a run is
//! ([`Operation`]).
//!
//! The engine gathers them, `pages` shows them, and programs get them as JSON. They
//! hold no personal value: whoever fills them masks first. Times of a report are text,
//! RFC 3339 in UTC, so that equal lakes give equal figures.

mod gate;
mod operation;
mod overview;
mod plan;
mod plots;
mod privacy_page;
mod quarantine_page;
mod runs;
mod table_page;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use gate::{GROUP_PEOPLE_MIN, Gate};
pub use operation::{
    Current, Operation, OperationKind, OperationMessage, OperationStage, OperationState,
    OperationTable, ProjectChange, TableState, Writer,
};
pub use overview::{Attention, Growth, Overview, ReleaseFigures, RunSummary, Step, TableFigures};
pub use plan::{Change, PlannedTable};
pub use plots::{
    Distinct, Distribution, Figure, Histogram, INSTANTS, Measure, OverTime, PerParty, Point,
    Ranked, Readings, Series, Spread, TablePlots, Values,
};
pub use privacy_page::{
    ConsentCurve, ConsentPoint, PeopleFlow, PersonalColumns, PrivacyPage, SinglingOut,
    TellingColumn,
};
pub use quarantine_page::{QuarantinePage, QuarantinedEntry};
pub use runs::{RunAccount, RunCheck, RunDetail, RunList, RunModel};
pub use table_page::{CheckHistory, ColumnFigures, ColumnOrigin, RunAt, TablePage, VersionChange};

/// What [`Evidence::generator`] says: it leads the figures, so that a file of them can be
/// told from other files.
pub const GENERATOR: &str = "stedi report";

/// The figures of one release of a lake.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// [`GENERATOR`].
    pub generator: &'static str,
    /// What is shown, and when.
    pub heading: Heading,
    /// The worst verdict of all tables and checks; not `ok` if there are notes.
    pub verdict: Verdict,
    /// The file that the expected counts are from, if there are any.
    pub expected_from: Option<String>,
    /// What a reader should look at before the figures.
    pub notes: Vec<String>,
    /// Landing tables, then models in build order, then system tables.
    pub tables: Vec<Table>,
    /// Which table reads which.
    pub edges: Vec<Edge>,
    /// Every check and privacy gate, computed now, in the order of the tables.
    pub checks: Vec<Check>,
    /// Runs that the checks have results of, the newest first.
    pub runs: Vec<Run>,
    /// Consent and devices.
    pub consent: Consent,
    /// What could not be read, by table and reason.
    pub quarantine: Vec<Quarantined>,
}

/// What is shown, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// Where the lake is.
    pub lake: String,
    /// Its id, if it has one.
    pub lake_id: Option<String>,
    /// The number of the release.
    pub release: u64,
    /// The last run.
    pub run: String,
    /// The time that this run took for the present.
    pub run_at: String,
    /// The program that published the release.
    pub published_by: String,
    /// A hash of the project's files.
    pub project: String,
    /// Tables whose model is not the one that the lake was built with.
    pub changed_models: Vec<String>,
    /// The program that gathered the figures.
    pub program: String,
    /// The present, as the program was told it.
    pub now: String,
}

/// The result of a table or a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything is right.
    Ok,
    /// Something is wrong, but does not prevent publication.
    Warn,
    /// Something is wrong that prevents publication.
    Fail,
}

impl Verdict {
    /// `ok`, `warn` or `fail`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// As it arrived.
    Landing,
    /// Of people who agree.
    Trusted,
    /// To work with.
    Curated,
    /// What runs noted.
    System,
}

impl Zone {
    /// `landing`, `trusted`, `curated` or `system`.
    pub fn as_str(self) -> &'static str {
        match self {
            Zone::Landing => "landing",
            Zone::Trusted => "trusted",
            Zone::Curated => "curated",
            Zone::System => "system",
        }
    }
}

/// One table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// Where it stands.
    pub zone: Zone,
    /// Bare name.
    pub table: String,
    /// What one row is, in words.
    pub grain: Option<String>,
    /// Its rows; of a landing table those that the last run knew. `None` if there is
    /// no version.
    pub rows: Option<u64>,
    /// The expected number of rows, if there is one.
    pub expected: Option<u64>,
    /// The worst of its checks and its number of rows.
    pub verdict: Verdict,
    /// The newest version; landing tables have none.
    pub version: Option<i64>,
    /// How many files it has; of a landing table those that were read.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// Its columns, in order, as many as are shown.
    pub columns: Vec<Column>,
    /// How many further columns there are.
    pub columns_more: u64,
    /// What became of the rows that it was made of.
    pub account: Option<Account>,
    /// The people or devices in its rows, if its rows are anybody's.
    pub subjects: Option<Subjects>,
    /// Its newest versions, newest first.
    pub versions: Vec<Version>,
    /// How many older versions can be read.
    pub versions_more: u64,
    /// How long the last build took, in seconds.
    pub seconds: Option<f64>,
    /// A few rows.
    pub preview: Preview,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Lower case.
    pub column: String,
    /// SQL's name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether its values are masked.
    pub masked: bool,
    /// In how many rows it is null, if that was counted.
    pub nulls: Option<u64>,
}

/// What became of the rows that a table was made of: rows in and rows added are rows
/// out and all that were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The tables that rows came from.
    pub source: String,
    /// Rows read.
    pub rows_in: i64,
    /// Rows that joins added.
    pub fan_out: i64,
    /// Rows written.
    pub rows_out: i64,
    /// Rows left out, by reason; none without rows.
    pub left_out: Vec<LeftOut>,
}

/// Rows that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// As `system.ledger` names it.
    pub reason: String,
    /// The reason in words.
    pub words: String,
    /// How many rows.
    pub rows: i64,
}

/// The people or devices in a table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subjects {
    /// `people` or `devices`.
    pub kind: String,
    /// How many there are.
    pub count: u64,
    /// What changed since the version before with other rows, if it can be read.
    pub change: Option<SubjectsChange>,
}

/// People or devices that came into a table and went out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectsChange {
    /// The version before.
    pub since_version: i64,
    /// How many came.
    pub entered: u64,
    /// How many went.
    pub left: u64,
}

/// One version of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Counted from 0.
    pub version: i64,
    /// When it was published.
    pub at: String,
    /// The run that made it; `None` for other programs.
    pub run: Option<String>,
    /// Rows of the table afterwards, if known.
    pub rows: Option<u64>,
    /// Delta's name of what was done.
    pub operation: String,
}

/// The first rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The columns that are shown.
    pub columns: Vec<String>,
    /// How many further columns there are.
    pub columns_more: u64,
    /// A cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// Why there are no rows, if they could not be read.
    pub absent: Option<String>,
}

/// A value of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Null.
    Null,
    /// Not personal.
    Value(String),
    /// There is a value, and it is not shown.
    Masked {
        /// Always true; it makes the cell tell itself apart in JSON.
        masked: bool,
    },
}

impl Cell {
    /// A value that is not shown.
    pub const MASKED: Cell = Cell::Masked { masked: true };
}

/// One table that reads another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The table that is read; `system.` before a system table's name.
    pub from: String,
    /// The table that is made.
    pub to: String,
    /// Whether the rows of `to` are made of rows of `from`. Otherwise rows of `from`
    /// are joined to them or decide about them.
    pub is_main: bool,
    /// How many rows of `from` were read, or with how many rows a join with `from`
    /// went on; `None` if no account tells.
    pub rows: Option<i64>,
}

/// A check, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The table that it judges.
    pub table: String,
    /// As the contract names it.
    pub check: String,
    /// What a violation does: `fail`, `warn`, `report` or `leave out`; `refuse` for a
    /// privacy gate, which no contract can switch off.
    pub action: String,
    /// Its result.
    pub verdict: Verdict,
    /// How many rows were in violation.
    pub violations: u64,
    /// The violations in the last runs, in the order of [`Evidence::runs`]; `None` where
    /// the run did not have the check.
    pub in_runs: Vec<Option<u64>>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its id.
    pub run: String,
    /// When it began to build.
    pub started: Option<String>,
    /// How long it built, in milliseconds.
    pub elapsed_ms: Option<i64>,
}

/// Figures about consent, as it is now, and devices, as the last run knew them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// How many people the records are of, if they can be read.
    pub people: Option<u64>,
    /// By purpose.
    pub purposes: Vec<PurposeFigures>,
    /// How many people no consent counts for: they are named in a record that cannot
    /// be read.
    pub suspended: u64,
    /// Files with records that nobody can be told from.
    pub undecodable: u64,
    /// Entries made by hand.
    pub by_hand: u64,
    /// Devices by what their owner is known by.
    pub devices: Vec<DeviceFigures>,
}

/// Consent to one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PurposeFigures {
    /// `research`, `public` or `friends`.
    pub purpose: String,
    /// People whose consent is in force.
    pub in_force: u64,
    /// People who agreed once and do not any more.
    pub ended: u64,
    /// People whose consent begins later.
    pub later: u64,
}

/// Devices whose owner is known by one kind of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceFigures {
    /// `claimed`, `matched`, or `nobody`.
    pub evidence: String,
    /// How many devices.
    pub devices: u64,
}

/// Input that could not be read, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// The landing table.
    pub table: String,
    /// Why.
    pub reason: String,
    /// Whether somebody gave the places up.
    pub is_dropped: bool,
    /// In how many places.
    pub places: u64,
    /// Their bytes.
    pub bytes: u64,
}
