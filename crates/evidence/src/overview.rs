//! What the first page of a live lake shows: every table, what needs attention.
//!
//! Unlike a report, these figures are what runs noted; nothing is computed from rows of
//! tables or landing files. Times are epoch milliseconds, because a page says how long
//! ago they were.

use serde::Serialize;

use crate::{Account, Edge, Verdict, Zone};

/// The figures of the first page.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Overview {
    /// The newest release; `None` if no run published.
    pub release: Option<ReleaseFigures>,
    /// The newest run that built a table.
    pub last_run: Option<RunSummary>,
    /// Landing tables, then models in build order, then system tables.
    pub tables: Vec<TableFigures>,
    /// Which table reads which.
    pub edges: Vec<Edge>,
    /// What needs attention, the most urgent first.
    pub attention: Vec<Attention>,
    /// How many checks the last runs noted, the newest of each.
    pub checks: u64,
    /// The file that the expected counts are from, if there are any.
    pub expected_from: Option<String>,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseFigures {
    /// Its number.
    pub number: u64,
    /// The run that published it.
    pub run: String,
    /// The time that this run took for the present.
    pub at_ms: Option<i64>,
}

/// One table, as far as it is known without reading its rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableFigures {
    /// Where it stands.
    pub zone: Zone,
    /// Bare name.
    pub table: String,
    /// What one row is, in words.
    pub grain: Option<String>,
    /// Its rows; of a landing table those that the last run knew. `None` if there is no
    /// version, or no run read it.
    pub rows: Option<u64>,
    /// The expected number of rows, if there is one.
    pub expected: Option<u64>,
    /// The worst of the newest results of its checks and of its number of rows.
    pub verdict: Verdict,
    /// How many checks have a result.
    pub checks: u64,
    /// The newest version; landing tables have none.
    pub version: Option<i64>,
    /// When that version was published.
    pub published_ms: Option<i64>,
    /// How many files it has; of a landing table those that were read.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// The steps that made it, summed over all runs: what came in, what came out, what was
    /// left out and why.
    pub steps: Vec<Step>,
    /// Its rows at its newest versions, oldest first.
    pub growth: Vec<Growth>,
}

/// What became of the rows of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `read`, `join` or `build`.
    pub step: String,
    /// Rows in, rows out and each reason why rows were left out.
    #[serde(flatten)]
    pub account: Account,
}

/// The rows of a table at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// Counted from 0.
    pub version: i64,
    /// When it was published.
    pub at_ms: i64,
    /// How many rows it had.
    pub rows: u64,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attention {
    /// A check or privacy gate is violated.
    Check {
        /// The table that it judges.
        table: String,
        /// As the contract names it.
        check: String,
        /// `warn` or `fail`.
        verdict: Verdict,
        /// How many rows were in violation.
        violations: u64,
    },
    /// A table does not have the expected number of rows.
    Count {
        /// The table.
        table: String,
        /// Its rows; `None` if it was not built.
        rows: Option<u64>,
        /// The expected rows.
        expected: u64,
    },
    /// A table has a model and no version.
    NotBuilt {
        /// The table.
        table: String,
    },
    /// A model is not the one that its table was built with: the next run builds it.
    Changed {
        /// The table.
        table: String,
    },
    /// The log of a table cannot be read.
    Damaged {
        /// The table.
        table: String,
    },
    /// A run or another writer holds the lake.
    Writing {
        /// Its run.
        run: String,
        /// The command: `run`, `compact`, ...
        command: String,
        /// When it asked for the lock.
        since_ms: i64,
    },
    /// A run or another writer ended before its work was done. The next one cleans up.
    Died {
        /// Its run.
        run: String,
        /// The command, if it is known.
        command: Option<String>,
        /// When it asked for the lock, if it is known.
        since_ms: Option<i64>,
    },
    /// A run ended while it published a release: until the next run finishes it, tables may
    /// be of two releases.
    HalfPublished {
        /// The release.
        release: u64,
    },
    /// People whose consent does not count: records that name them cannot be read.
    Suspended {
        /// How many.
        people: u64,
    },
    /// Files with person records that nobody can be told from.
    Undecodable {
        /// How many.
        files: u64,
    },
    /// Landing input that could not be read, and that nobody gave up.
    Quarantine {
        /// The landing table.
        table: String,
        /// In how many places.
        places: u64,
    },
}

impl Attention {
    /// How urgent it is.
    pub fn verdict(&self) -> Verdict {
        match self {
            Attention::Check { verdict, .. } => *verdict,
            Attention::Damaged { .. }
            | Attention::Died { .. }
            | Attention::HalfPublished { .. } => Verdict::Fail,
            Attention::Writing { .. } => Verdict::Ok,
            _ => Verdict::Warn,
        }
    }
}

/// A run, in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub run: String,
    /// When it began to build.
    pub started_ms: Option<i64>,
    /// When its last model was built.
    pub ended_ms: Option<i64>,
    /// How many tables it built.
    pub models: u64,
    /// Objects of landing files that were new, or fewer if negative.
    pub rows_in: i64,
    /// Rows that these tables had afterwards.
    pub rows_out: u64,
    /// How many results of checks it noted.
    pub checks: u64,
    /// How many of them warn.
    pub warned: u64,
    /// How many of them fail.
    pub failed: u64,
    /// `published`, or what else the run noted of its models.
    pub outcome: String,
}
