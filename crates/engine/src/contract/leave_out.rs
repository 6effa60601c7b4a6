//! Leaves rows out of a table that violate a check of its contract.
//!
//! The model's SELECT is wrapped in another one that adds a column: the number of the first
//! check that a row violates, or null. Rows with a number are counted and dropped before they
//! are written, and so is the column. So the table is computed only once, and every row of
//! the SELECT is either in the table or counted for one check.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{filter_record_batch, is_null};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use catalog::{Action, Check, Model};

use crate::contract::check_sql::{ViolationSql, violation_sql};

/// The checks of `model` that leave rows out, in the order of its contract.
pub(crate) fn leaving_out(model: &Model) -> impl Iterator<Item = &Check> {
    let checks = model.contract.checks.iter();
    checks.filter(|check| check.action == Action::LeaveOut)
}

/// The model's SELECT with one more column, the number of the check that leaves a row out. The
/// SELECT itself if no check leaves rows out.
pub(crate) fn statement(model: &Model) -> String {
    let mut from = format!("(\n{}\n) here", model.sql);
    let mut cases = String::new();
    for (number, check) in leaving_out(model).enumerate() {
        let there = format!("there_{number}");
        let violated = match violation_sql(&check.rule, &there) {
            ViolationSql::Condition { violated } => violated,
            ViolationSql::MissingPartner {
                rows,
                on,
                has_none,
                excused,
            } => {
                // Possible partners are the left side: a join keeps that side in memory and
                // streams the table's rows.
                let inner = match number {
                    0 => from,
                    _ => format!("({from})"),
                };
                from =
                    format!("(select distinct * from ({rows})) {there} right join {inner} on {on}");
                match excused {
                    Some(excused) => format!("{has_none} and not ({excused})"),
                    None => has_none,
                }
            }
            // The catalog refuses these rules for checks that leave rows out.
            ViolationSql::Duplicates { .. } | ViolationSql::Select { .. } => continue,
        };
        cases += &format!(" when {violated} then {number}");
    }
    match cases.is_empty() {
        true => model.sql.clone(),
        false => format!("select here.*, case{cases} end as \"left out by\" from {from}"),
    }
}

/// How many rows each check left out, by the number of the check.
#[derive(Debug, Clone)]
pub(crate) struct LeftOut {
    rows: Vec<u64>,
}

impl LeftOut {
    /// No rows yet.
    pub(crate) fn new(checks: usize) -> Self {
        Self {
            rows: vec![0; checks],
        }
    }

    /// Removes and counts the rows that a check leaves out of a batch of [`statement`]. Keeps
    /// the number column.
    ///
    /// # Errors
    /// If the batch is not of that statement.
    pub(crate) fn remove_from(&mut self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
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
            // `statement` numbers all checks.
            self.rows[number as usize] += 1;
        }
        filter_record_batch(&batch, &is_null(numbers)?)
    }

    /// Adds the rows left out of another part of the table.
    pub(crate) fn add(&mut self, other: &LeftOut) {
        for (total, rows) in self.rows.iter_mut().zip(&other.rows) {
            *total += rows;
        }
    }

    /// The number of rows that each check left out, by the name of the check.
    pub(crate) fn by_check_name(self, model: &Model) -> Vec<(String, u64)> {
        leaving_out(model).map(Check::name).zip(self.rows).collect()
    }
}
