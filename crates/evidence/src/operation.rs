//! What a run or a plan does that a server started: how far it is, and what came of it.

use serde::Serialize;

use crate::{PlannedTable, RunCheck, Zone};

/// A run or a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operation {
    /// What it is.
    pub operation: OperationKind,
    /// Whether it is over, and how.
    pub state: OperationState,
    /// How far it is, or was when it ended.
    pub stage: OperationStage,
    /// Who started it.
    pub by: String,
    /// When, epoch milliseconds.
    pub started_ms: i64,
    /// How long it took so far.
    pub elapsed_ms: u64,
    /// The id of its run, once the lake is locked.
    pub run: Option<String>,
    /// The exit code of its process, once it is over; `None` also if a signal ended it.
    pub code: Option<i32>,
    /// The tables that it builds, in order.
    pub tables: Vec<OperationTable>,
    /// The tables that it published.
    pub published: Vec<String>,
    /// Results of its checks that are not `ok`.
    pub checks: Vec<RunCheck>,
    /// What it says.
    pub messages: Vec<OperationMessage>,
    /// How many further messages are not kept.
    pub messages_more: u64,
    /// What a run would do; `None` but for a plan that is done.
    pub plan: Option<Vec<PlannedTable>>,
}

/// What goes on in a lake right now, and what a run would be made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Current {
    /// The run or plan that the server started last.
    pub operation: Option<Operation>,
    /// Another process that writes to the lake.
    pub writer: Option<Writer>,
    /// How the data product on disk differs from the one that the server knows.
    pub project_change: Option<ProjectChange>,
}

/// A process that writes to the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Writer {
    /// In words: the command, the process, the machine, since when.
    pub told: String,
    /// Its run.
    pub run: String,
    /// The command: `run`, `compact`, ...
    pub command: String,
    /// When it asked for the lock, epoch milliseconds.
    pub since_ms: i64,
}

/// How the data product on disk differs from the one that a server knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ProjectChange {
    /// Tables with other definitions, new ones, and those that are gone.
    Tables {
        /// Their bare names.
        tables: Vec<String>,
    },
    /// Its files have faults: a run would end at once.
    Faulty {
        /// What is wrong, and where.
        faults: String,
    },
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// A run.
    Run,
    /// A run that reads everything and builds every table.
    FullRun,
    /// What a run would do.
    Plan,
}

/// Whether something is over, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    /// It goes on.
    Running,
    /// It did what it was to do.
    Done,
    /// It ended with an error, a failed check or a refusal.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationStage {
    /// It looks for what is wrong and for what is new.
    Opening,
    /// It reads landing files.
    Reading,
    /// It builds tables.
    Building,
    /// It checks them.
    Checking,
    /// It makes the release visible.
    Publishing,
}

/// A table of a run that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationTable {
    /// Its zone, if the project knows the table.
    pub zone: Option<Zone>,
    /// Bare name.
    pub table: String,
    /// How far it is.
    pub state: TableState,
    /// Rows so far.
    pub rows: u64,
    /// When its build began, in milliseconds from the start of the operation.
    pub began_ms: Option<u64>,
    /// When its build ended.
    pub ended_ms: Option<u64>,
}

/// How far a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableState {
    /// Its build has not begun.
    Waiting,
    /// Its build has begun, and no row is written yet.
    Reading,
    /// Rows are written.
    Building,
    /// All rows are written.
    Built,
    /// Its checks are computed.
    Checking,
    /// It was published.
    Published,
    /// Its rows are the published ones.
    Unchanged,
    /// One of its checks failed.
    Failed,
    /// Nothing of it was published, for other reasons.
    Dropped,
}

/// Something that a run says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationMessage {
    /// `error`, `warning`, `note` or `info`.
    pub level: String,
    /// What.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl OperationState {
    /// `running`, `done`, `failed` or `cancelled`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Operation {
    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        self.state == OperationState::Running
    }
}
