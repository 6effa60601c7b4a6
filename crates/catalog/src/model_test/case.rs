//! Cases, and the steps that they are made of.

use crate::names::{TableName, Zone};

/// The tests of one table: one file beside its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelTests {
    /// The path shown in messages.
    pub file: String,
    /// The table whose name the file has.
    pub table: TableName,
    /// In the order of the file.
    pub cases: Vec<TestCase>,
}

/// One case: what it shows, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// What the case shows, in words.
    pub title: String,
    /// The line of the title, from 1.
    pub line: u32,
    /// In the order of the file.
    pub steps: Vec<TestStep>,
}

/// One statement of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStep {
    /// The line on which the statement begins, from 1.
    pub line: u32,
    /// What it does.
    pub kind: StepKind,
}

/// What a statement of a case does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// `now '2023-01-01';`: the start of the runs that follow.
    Now(String),
    /// `given customer_landing ...;`: one more landing file.
    Given {
        /// A landing table of the project.
        table: TableName,
        /// What the file holds.
        rows: GivenRows,
    },
    /// `given model trusted.readings as ...;`: a model that the project does not
    /// have, or that stands in for one of its own.
    GivenModel {
        /// Trusted or curated.
        zone: Zone,
        /// Its table.
        table: TableName,
        /// What its file would hold, on the lines that it has in the test's file.
        text: String,
    },
    /// `grant research to 'ada@example.com' at '2023-01-01';`, or `withdraw ... from ...`:
    /// consent entered by hand.
    Consent {
        /// Given rather than withdrawn.
        is_grant: bool,
        /// One of [`crate::PURPOSES`].
        purpose: String,
        /// The person's address.
        email: String,
        /// From when on it counts; without it, now.
        at: Option<String>,
    },
    /// `run;` or `run full;`: a run that nothing else asks for.
    Run {
        /// Reads and builds everything anew.
        full: bool,
    },
    /// `expect ...;`: what must hold after the last run. A run comes before it
    /// where a step other than `expect` came since the last one.
    Expect(Expectation),
}

/// The rows of a landing file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenRows {
    /// A statement that gives them.
    Sql(RowsSql),
    /// The file's text, as it is.
    Json(String),
}

/// A statement that gives rows, within a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsSql {
    /// Names of its columns; those of its own where there are none.
    pub columns: Vec<String>,
    /// `values ...` or a SELECT.
    pub sql: String,
    /// The line on which the statement begins, from 1.
    pub line: u32,
}

/// What must hold after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// Rows of a table or of a query.
    Rows {
        /// Where they come from.
        of: RowsOf,
        /// What they must be; `None` where there must be none.
        rows: Option<RowsSql>,
        /// Whether their order counts.
        in_order: bool,
    },
    /// Counts of the ledger: what became of the rows that `table` was built from.
    Ledger {
        /// A table of the project.
        table: TableName,
        /// Columns of `system.ledger` and what they must be, over all runs.
        counts: Vec<(String, i64)>,
    },
    /// How the last run ended.
    Outcome {
        /// How it must have ended.
        ending: RunEnding,
        /// The check that must have ended it so; any where it is not named.
        check: Option<String>,
        /// The check's table.
        table: Option<TableName>,
        /// The rows that the check must have counted.
        rows: Option<i64>,
    },
}

/// Where expected rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsOf {
    /// A table as SQL names it: `customer_trusted`, `system.consent`.
    Table(String),
    /// A SELECT.
    Query(RowsSql),
}

/// How a run can be expected to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnding {
    /// A privacy gate refused: nothing was published, exit code 4.
    Refused,
    /// A check of a contract failed: nothing was published, exit code 3.
    Failed,
    /// A check warned; everything was published.
    Warned,
}

impl RunEnding {
    /// As a test writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            RunEnding::Refused => "refused",
            RunEnding::Failed => "failed",
            RunEnding::Warned => "warned",
        }
    }
}
