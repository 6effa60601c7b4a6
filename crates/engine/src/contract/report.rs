//! What a run or a verification came to, for people and for programs.

use std::fmt;

use catalog::{Action, Model};
use serde::Serialize;

use crate::damage::Damage;

/// How a table or a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Not as it should be, but nothing was held back for it.
    Warn,
    /// Not as it must be.
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

/// One table after a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableReport {
    /// `landing`, `trusted` or `curated`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// All its rows after the run; `None` where they could not be counted.
    pub rows: Option<u64>,
    /// Rows that were expected, where anything was.
    pub expected: Option<u64>,
    /// Of its checks and its expected rows together.
    pub verdict: Verdict,
    /// Spent on it.
    pub seconds: f64,
}

/// What makes a check part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckKind {
    /// A table's contract asks for it, or the caller.
    #[default]
    Contract,
    /// Privacy asks for it: no contract can switch it off.
    Privacy,
}

impl CheckKind {
    /// The kind of a check by its name in `system.checks`, which has no other
    /// column for it.
    pub(crate) fn of_name(check: &str) -> Self {
        match check.starts_with("privacy: ") {
            true => Self::Privacy,
            false => Self::Contract,
        }
    }
}

/// One check after a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Bare name.
    pub table: String,
    /// As the contract names it.
    pub check: String,
    /// How it came out.
    pub verdict: Verdict,
    /// Rows that the check counted.
    pub violations: u64,
    /// Who asks for it.
    #[serde(skip)]
    pub kind: CheckKind,
}

/// Rows that a check of a contract left out of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutReport {
    /// Bare name.
    pub table: String,
    /// As the contract names it.
    pub check: String,
    /// How many; never 0.
    pub rows: u64,
}

/// A whole run or verification. As JSON it is the document that
/// `--format json` prints.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// In the order they are built: landing, then models.
    pub tables: Vec<TableReport>,
    /// In the order of their tables.
    pub checks: Vec<CheckReport>,
    /// Places where landing input could not be read.
    #[serde(skip)]
    pub quarantined: u64,
    /// Files of customer records of which nobody can tell whom they name, as a
    /// person names them.
    #[serde(skip)]
    pub undecodable: Vec<String>,
    /// Rows that checks left out of their tables; the check's own report counts
    /// them too.
    #[serde(skip)]
    pub left_out: Vec<LeftOutReport>,
    /// What the user should know.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// What was found broken in the lake. A run has mended it, unless a check
    /// failed.
    #[serde(skip)]
    pub damages: Vec<Damage>,
    /// What was published; empty where everything stood already.
    #[serde(skip)]
    pub published: Vec<String>,
    /// What a run did of what it might have done, in words.
    #[serde(skip)]
    pub how: Option<String>,
}

impl Report {
    /// The worst of all verdicts.
    pub fn verdict(&self) -> Verdict {
        let tables = self.tables.iter().map(|table| table.verdict);
        let checks = self.checks.iter().map(|check| check.verdict);
        tables.chain(checks).max().unwrap_or(Verdict::Ok)
    }

    /// Whether a built-in privacy check failed.
    pub fn is_refused(&self) -> bool {
        let failed = |check: &CheckReport| {
            check.verdict == Verdict::Fail && check.kind == CheckKind::Privacy
        };
        self.checks.iter().any(failed)
    }

    /// Takes in what checks left out of `table`, by their names.
    pub(crate) fn add_left_out(&mut self, table: &str, left_out: &[(String, u64)]) {
        let some = left_out.iter().filter(|(_, rows)| *rows > 0);
        self.left_out
            .extend(some.map(|(check, rows)| LeftOutReport {
                table: table.to_owned(),
                check: check.clone(),
                rows: *rows,
            }));
    }

    /// Takes in what the last run found of a model, by all of its checks.
    pub(crate) fn add_known(&mut self, model: &Model, known: &[CheckReport]) {
        for report in known
            .iter()
            .filter(|known| known.table == model.name.as_ref())
        {
            let mut checks = model.contract.checks.iter();
            let leaves = checks
                .any(|check| check.name() == report.check && check.action == Action::LeaveOut);
            if leaves {
                let left_out = (report.check.clone(), report.violations);
                self.add_left_out(model.name.as_ref(), &[left_out]);
            }
            self.checks.push(report.clone());
        }
    }

    /// Gives every table the worst verdict of its rows and its checks.
    pub(crate) fn judge(&mut self) {
        for table in &mut self.tables {
            let rows = match (table.rows, table.expected) {
                (Some(rows), Some(expected)) if rows == expected => Verdict::Ok,
                (None, None) => Verdict::Warn,
                (_, Some(_)) => Verdict::Fail,
                (Some(_), None) => Verdict::Ok,
            };
            let checks = self
                .checks
                .iter()
                .filter(|check| check.table == table.table)
                .map(|check| check.verdict);
            table.verdict = checks.fold(rows, Verdict::max);
        }
    }
}

/// One model of a run, as `system.runs` keeps it.
#[derive(Debug, Clone)]
pub(crate) struct ModelRun {
    pub(crate) table: String,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: i64,
    /// Landing rows read, where it reads landing.
    pub(crate) rows_in: Option<u64>,
    pub(crate) rows_out: u64,
    pub(crate) duplicates: u64,
    pub(crate) files: u64,
    pub(crate) version: Option<i64>,
    pub(crate) outcome: &'static str,
}
