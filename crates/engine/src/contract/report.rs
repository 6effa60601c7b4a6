//! The report of a run or verification, for people and programs.

use std::fmt::Display;

use catalog::{Action, Model};
pub use evidence::Verdict;
use serde::Serialize;

use crate::damage::Damage;

/// One table after a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableReport {
    /// `landing`, `trusted` or `curated`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// All its rows after the run; `None` if they could not be counted.
    pub rows: Option<u64>,
    /// The expected number of rows, if any was given.
    pub expected: Option<u64>,
    /// The worst verdict among its checks and the comparison with `expected`.
    pub verdict: Verdict,
    /// How long it took.
    pub seconds: f64,
}

/// Who requires a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckKind {
    /// The contract of a table, or the caller, requires it.
    #[default]
    Contract,
    /// It is a privacy gate: no contract can switch it off.
    Privacy,
}

impl CheckKind {
    /// The kind of a check by its name. `system.checks` has no column for the kind.
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
    /// Its result.
    pub verdict: Verdict,
    /// How many rows are in violation.
    pub violations: u64,
    /// Why the run has it.
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
    /// How many rows; never 0.
    pub rows: u64,
}

/// The report of a whole run or verification, and the JSON document that programs get.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// In build order: landing tables, then models.
    pub tables: Vec<TableReport>,
    /// In the order of their tables.
    pub checks: Vec<CheckReport>,
    /// Places where landing input could not be read.
    #[serde(skip)]
    pub quarantined: u64,
    /// Files of person records with input that cannot be decoded, so that the people named
    /// in it are unknown. Named as for messages.
    #[serde(skip)]
    pub undecodable: Vec<String>,
    /// Rows that checks left out of their tables. The reports of these checks count them
    /// too.
    #[serde(skip)]
    pub left_out: Vec<LeftOutReport>,
    /// Warnings for the user.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// What a verification could not compute, without the cause, which may name files.
    /// The warnings say it as well.
    #[serde(skip)]
    pub(crate) unchecked: Vec<String>,
    /// Damage found in the lake. A run has repaired it, unless a check failed.
    #[serde(skip)]
    pub damages: Vec<Damage>,
    /// The published tables; empty if nothing changed.
    #[serde(skip)]
    pub published: Vec<String>,
    /// What the run computed, and why, for messages.
    #[serde(skip)]
    pub how: Option<String>,
    /// The release that the run published.
    #[serde(skip)]
    pub release: Option<u64>,
    /// Landing files that the run read: new ones, or all of them in a full build.
    #[serde(skip)]
    pub files_read: u64,
    /// Their sizes before decompression.
    #[serde(skip)]
    pub bytes_read: u64,
}

impl Report {
    /// The worst of all verdicts.
    pub fn verdict(&self) -> Verdict {
        let tables = self.tables.iter().map(|table| table.verdict);
        let checks = self.checks.iter().map(|check| check.verdict);
        tables.chain(checks).max().unwrap_or(Verdict::Ok)
    }

    /// Whether a privacy gate failed.
    pub fn is_refused(&self) -> bool {
        let failed = |check: &CheckReport| {
            check.verdict == Verdict::Fail && check.kind == CheckKind::Privacy
        };
        self.checks.iter().any(failed)
    }

    /// Notes and warns that something could not be computed.
    pub(crate) fn add_unchecked(&mut self, what: String, cause: &dyn Display) {
        self.warnings.push(format!("{what}: {cause}"));
        self.unchecked.push(what);
    }

    /// Adds the rows that checks left out of `table`, by the names of the checks.
    pub(crate) fn add_left_out(&mut self, table: &str, left_out: &[(String, u64)]) {
        let non_empty = left_out.iter().filter(|(_, rows)| *rows > 0);
        self.left_out
            .extend(non_empty.map(|(check, rows)| LeftOutReport {
                table: table.to_owned(),
                check: check.clone(),
                rows: *rows,
            }));
    }

    /// Adds the last run's results of all checks of a model.
    pub(crate) fn add_known(&mut self, model: &Model, known: &[CheckReport]) {
        for report in known
            .iter()
            .filter(|known| known.table == model.name.as_ref())
        {
            let mut checks = model.contract.checks.iter();
            let leaves_out = checks
                .any(|check| check.name() == report.check && check.action == Action::LeaveOut);
            if leaves_out {
                let left_out = (report.check.clone(), report.violations);
                self.add_left_out(model.name.as_ref(), &[left_out]);
            }
            self.checks.push(report.clone());
        }
    }

    /// Sets the verdict of each table to the worst of its rows and its checks.
    pub(crate) fn set_table_verdicts(&mut self) {
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

/// One model of a run, a row of `system.runs`.
#[derive(Debug, Clone)]
pub(crate) struct ModelRun {
    pub(crate) table: String,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: i64,
    /// Rows of all tables that its SELECT reads; `None` if one is unknown.
    pub(crate) rows_in: Option<u64>,
    pub(crate) rows_out: u64,
    pub(crate) duplicates: u64,
    pub(crate) files: u64,
    pub(crate) version: Option<i64>,
    pub(crate) outcome: &'static str,
}
