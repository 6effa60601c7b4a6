//! Rows that a contract leaves out of its table.
//!
//! The model's SELECT is put into another one that adds a column: the number of
//! the first check that the row violates, null where it violates none. Those
//! rows are counted by it and go before anything else sees them, and so does
//! the column. So the table is computed once, and every row that the SELECT
//! gave is in the table or counted for one check.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{filter_record_batch, is_null};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use catalog::{Action, Check, Model};

use crate::contract::check_sql::{Judgement, judgement};

/// The checks of `model` that leave rows out, in the order of its contract.
pub(crate) fn leaving(model: &Model) -> impl Iterator<Item = &Check> {
    let checks = model.contract.checks.iter();
    checks.filter(|check| check.action == Action::LeaveOut)
}

/// The model's SELECT with the number of the check that leaves a row out as
/// its last column; the SELECT itself where no check does.
pub(crate) fn statement(model: &Model) -> String {
    let mut from = format!("(\n{}\n) here", model.sql);
    let mut cases = String::new();
    for (number, check) in leaving(model).enumerate() {
        let there = format!("there_{number}");
        let violated = match judgement(&check.rule, &there) {
            Judgement::Condition { violated } => violated,
            Judgement::Partner {
                rows,
                on,
                alone,
                excused,
            } => {
                // The rows of the table stream by; what they are looked up in
                // stands on the left, where a join holds it.
                let inner = match number {
                    0 => from,
                    _ => format!("({from})"),
                };
                from =
                    format!("(select distinct * from ({rows})) {there} right join {inner} on {on}");
                match excused {
                    Some(excused) => format!("{alone} and not ({excused})"),
                    None => alone,
                }
            }
            // The catalog refuses these.
            Judgement::Together { .. } | Judgement::Select { .. } => continue,
        };
        cases += &format!(" when {violated} then {number}");
    }
    match cases.is_empty() {
        true => model.sql.clone(),
        false => format!("select here.*, case{cases} end as \"left out by\" from {from}"),
    }
}

/// How many rows each check left out, by its number.
#[derive(Debug, Clone)]
pub(crate) struct LeftOut {
    rows: Vec<u64>,
}

impl LeftOut {
    /// Nothing yet, by so many checks.
    pub(crate) fn by(checks: usize) -> Self {
        Self {
            rows: vec![0; checks],
        }
    }

    /// Takes the rows that a check leaves out from a batch of [`statement`],
    /// and counts them. The number's column stays.
    ///
    /// # Errors
    /// Where the batch is not one of that statement.
    pub(crate) fn take_from(&mut self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        if self.rows.is_empty() {
            return Ok(batch);
        }
        let numbers = batch.columns().last();
        let Some(numbers) = numbers.and_then(|column| column.as_primitive_opt::<Int64Type>())
        else {
            return Err(ArrowError::SchemaError("no column of numbers".to_owned()));
        };
        if numbers.null_count() == numbers.len() {
            return Ok(batch);
        }
        for number in numbers.iter().flatten() {
            // Numbers are those of `statement`.
            self.rows[number as usize] += 1;
        }
        filter_record_batch(&batch, &is_null(numbers)?)
    }

    /// Adds what was left out of another part of the table.
    pub(crate) fn add(&mut self, other: &LeftOut) {
        for (total, rows) in self.rows.iter_mut().zip(&other.rows) {
            *total += rows;
        }
    }

    /// The names of the checks, with the rows that each left out.
    pub(crate) fn named(self, model: &Model) -> Vec<(String, u64)> {
        leaving(model).map(Check::name).zip(self.rows).collect()
    }
}
