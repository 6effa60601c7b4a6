//! What cases are run with, and what comes of them.

use std::sync::Arc;

use catalog::{Project, SourceFile};
use serde::Serialize;

use crate::Error;

/// What cases are run with.
#[derive(Debug, Clone)]
pub struct TestBench {
    /// The data product.
    pub project: Arc<Project>,
    /// Its files: a case may add a model to them.
    pub files: Arc<Vec<SourceFile>>,
    /// As [`crate::Setup`] has it.
    pub memory_bytes: usize,
    /// Words the hint of an error for the caller's users.
    pub hint_of: fn(&Error) -> Option<String>,
}

/// How a case came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseVerdict {
    /// Everything is as expected.
    Ok,
    /// Something is not as expected.
    Fail,
    /// The case itself is wrong: it cannot be run to its end.
    Wrong,
}

impl CaseVerdict {
    /// `ok`, `fail` or `wrong`.
    pub fn as_str(self) -> &'static str {
        match self {
            CaseVerdict::Ok => "ok",
            CaseVerdict::Fail => "fail",
            CaseVerdict::Wrong => "wrong",
        }
    }
}

/// What came of a case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseReport {
    /// The table whose test it is.
    pub table: String,
    /// The file.
    pub file: String,
    /// The line of the title, from 1.
    pub line: u32,
    /// What the case shows.
    pub title: String,
    /// How it came out.
    pub verdict: CaseVerdict,
    /// Spent on it.
    pub seconds: f64,
    /// What is not as expected, in the order of the file. Values are those of the
    /// test, so that they may be shown.
    pub findings: Vec<TestFinding>,
}

/// Something that is not as a case expects it.
#[derive(Debug, Clone, Serialize)]
pub struct TestFinding {
    /// The line of the statement, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to do, where known.
    pub hint: Option<String>,
    /// Rows that are missing, and rows that are extra.
    pub rows: Option<RowsReport>,
    /// The statement cannot be run, rather than its expectation be met.
    #[serde(skip)]
    pub is_wrong: bool,
}

/// Rows that are missing and rows that are extra.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowsReport {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Expected, and not there.
    pub missing: Vec<Vec<Option<String>>>,
    /// There, and not expected.
    pub extra: Vec<Vec<Option<String>>>,
}
