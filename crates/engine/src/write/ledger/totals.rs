//! `system.ledger`: what became of everything read so far.
//!
//! Each run adds rows with the change of the account; a removal counts negative. So
//! the sum over all rows of a step is the account of the published tables, however
//! many runs built them.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use landing::Tally;
use query::system::{LEDGER, LEDGER_COUNTS, text};
use query::{Query, Session};

use super::{Entry, Reason};
use crate::Error;

/// What a step is about: its kind, the table it makes, the table it reads.
type Step = (String, String, String);

/// Counts of steps: totals, or differences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals(BTreeMap<Step, [i64; LEDGER_COUNTS.len()]>);

/// The kind of step that speaks of files and bytes.
const READ: &str = "read";

impl Totals {
    /// What `system.ledger` says of everything read so far.
    ///
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(crate) async fn published(session: &Session) -> Result<Self, Error> {
        let sums: Vec<String> = LEDGER_COUNTS
            .iter()
            .map(|name| format!("coalesce(sum({name}), 0)"))
            .collect();
        let sql = format!(
            "select step, table_name, source, {} from system.ledger \
             group by step, table_name, source",
            sums.join(", ")
        );
        let stream = session.query(&sql).await?.stream()?;
        let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(Query::failed)?;
        let mut totals = Self::default();
        for batch in &batches {
            let name = |column: usize, row: usize| {
                let names = batch.column(column).as_string_view();
                names.value(row).to_owned()
            };
            for row in 0..batch.num_rows() {
                let step = (name(0, row), name(1, row), name(2, row));
                let counts = std::array::from_fn(|place| {
                    let counts = batch.column(3 + place).as_primitive::<Int64Type>();
                    counts.value(row)
                });
                totals.0.insert(step, counts);
            }
        }
        Ok(totals)
    }

    /// Adds what was read of a landing table's files.
    pub(crate) fn add_read(&mut self, table: &str, files: u64, tally: &Tally, sign: i64) {
        let step = (READ.to_owned(), table.to_owned(), table.to_owned());
        self.add(step, sign, |name| match name {
            "files" => files,
            "rows_in" => tally.objects,
            "rows_out" => tally.rows + tally.filtered,
            "quarantined" => tally.rejected_objects,
            "bytes_in" => tally.bytes(),
            "bytes_rows" => tally.bytes_rows,
            "bytes_quarantined" => tally.bytes_rejected,
            "bytes_separators" => tally.bytes_separators,
            "unknown_fields" => tally.unknown,
            _ => 0,
        });
    }

    /// Adds the account of a model, or subtracts it.
    pub(crate) fn add_model(&mut self, table: &str, entries: &[Entry], sign: i64) {
        for entry in entries {
            let step = (
                entry.step.to_owned(),
                table.to_owned(),
                entry.source.clone(),
            );
            self.add(step, sign, |name| match name {
                "rows_in" => entry.rows_in,
                "fan_out" => entry.fan_out,
                "rows_out" => entry.rows_out,
                name => {
                    let mut reasons = Reason::ALL.into_iter();
                    let reason = reasons.find(|reason| reason.column() == name);
                    reason.map_or(0, |reason| entry.left_out(reason))
                }
            });
        }
    }

    /// What they say of one model.
    pub(crate) fn of_model(&self, table: &str) -> Self {
        let steps = self.0.iter();
        let own = steps.filter(|((step, of, _), _)| step != READ && of == table);
        Self(own.map(|(step, counts)| (step.clone(), *counts)).collect())
    }

    /// Adds `sign` times the counts of `other`.
    pub(crate) fn merge(&mut self, other: &Self, sign: i64) {
        for (step, counts) in &other.0 {
            let own = self
                .0
                .entry(step.clone())
                .or_insert([0; LEDGER_COUNTS.len()]);
            for (own, count) in own.iter_mut().zip(counts) {
                *own += sign * count;
            }
        }
    }

    /// By how much these counts differ from those of `before`, of the steps that
    /// `is_about` says yes to.
    pub(crate) fn since(&self, before: &Self, is_about: impl Fn(&str, &str) -> bool) -> Self {
        let mut difference = self.clone();
        difference.merge(before, -1);
        difference.0.retain(|(step, table, _), counts| {
            is_about(step, table) && counts.iter().any(|count| *count != 0)
        });
        difference
    }

    /// As rows that `run` adds to the table.
    pub(crate) fn rows(&self, run: &str) -> RecordBatch {
        let steps = || self.0.keys();
        let mut columns: Vec<ArrayRef> = vec![
            text(steps().map(|_| run)),
            text(steps().map(|step| step.0.as_str())),
            text(steps().map(|step| step.1.as_str())),
            text(steps().map(|step| step.2.as_str())),
        ];
        for (place, name) in LEDGER_COUNTS.iter().enumerate() {
            let of_files =
                *name == "files" || name.starts_with("bytes_") || *name == "unknown_fields";
            let counts = self.0.iter().map(|((step, ..), counts)| {
                // Models read no files.
                (!of_files || step == READ).then_some(counts[place])
            });
            columns.push(std::sync::Arc::new(counts.collect::<Int64Array>()));
        }
        LEDGER.batch(columns)
    }

    fn add(&mut self, step: Step, sign: i64, count: impl Fn(&str) -> u64) {
        let own = self.0.entry(step).or_insert([0; LEDGER_COUNTS.len()]);
        for (own, name) in own.iter_mut().zip(LEDGER_COUNTS) {
            *own += sign * i64::try_from(count(name)).unwrap_or(i64::MAX);
        }
    }
}
