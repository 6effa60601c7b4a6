//! Rows of `system.runs` and `system.checks`, which every published run adds.

use arrow::array::RecordBatch;
use query::system::{CHECKS, RUNS, long, text};

use crate::contract::report::{CheckReport, ModelRun};

fn count(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// What a run did, as rows of `system.runs`.
pub(super) fn runs(run: &str, models: &[ModelRun]) -> RecordBatch {
    RUNS.batch(vec![
        text(models.iter().map(|_| run)),
        text(models.iter().map(|m| m.table.as_str())),
        long(models.iter().map(|m| Some(m.started_ms))),
        long(models.iter().map(|m| Some(m.ended_ms))),
        long(models.iter().map(|m| m.rows_in.and_then(count))),
        long(models.iter().map(|m| count(m.rows_out))),
        long(models.iter().map(|m| count(m.duplicates))),
        long(models.iter().map(|m| count(m.files))),
        long(models.iter().map(|m| m.version)),
        text(models.iter().map(|m| m.outcome)),
    ])
}

/// A run's verdicts, as rows of `system.checks`.
pub(super) fn checks(run: &str, checks: &[CheckReport]) -> RecordBatch {
    CHECKS.batch(vec![
        text(checks.iter().map(|_| run)),
        text(checks.iter().map(|c| c.table.as_str())),
        text(checks.iter().map(|c| c.check.as_str())),
        text(checks.iter().map(|c| c.verdict.as_str())),
        long(checks.iter().map(|c| count(c.violations))),
    ])
}
