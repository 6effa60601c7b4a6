//! The rows of a statement that gives few, cell by cell.

use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use crate::desk::Desk;
use crate::fault::{Fault, Kind};
use crate::principal::{Door, Principal};

/// Who asks the desk, and until when.
pub(super) struct Asking<'a> {
    pub(super) desk: &'a Desk,
    pub(super) who: &'a Principal,
    pub(super) door: Door,
    pub(super) deadline: tokio::time::Instant,
}

/// How long all statements of one table's plots may take together.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A value; `None` is null.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Number(Option<f64>),
    Text(Option<String>),
}

impl Cell {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Cell::Number(value) => *value,
            Cell::Text(_) => None,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.number().unwrap_or_default() as u64
    }
}

impl Asking<'_> {
    /// The rows of a statement.
    ///
    /// # Errors
    /// As [`Desk::run`], and when the time is over.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<Vec<Cell>>, Fault> {
        let gathered = async {
            let mut rows = self.desk.run(self.who, self.door, sql).await?;
            let mut cells = Vec::new();
            while let Some(batch) = rows.next().await {
                let found = cells_of(&batch?);
                cells.extend(found.map_err(|error| Fault::internal("reading figures", error))?);
            }
            Ok(cells)
        };
        match tokio::time::timeout_at(self.deadline, gathered).await {
            Ok(rows) => rows,
            Err(_) => Err(Fault::new(
                Kind::Limit,
                format!("it took longer than {} s", PATIENCE.as_secs()),
            )
            .with_hint("ask for less at once in SQL")),
        }
    }
}

fn cells_of(batch: &RecordBatch) -> Result<Vec<Vec<Cell>>, arrow::error::ArrowError> {
    let columns = batch.columns().iter().map(cells_of_column);
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let rows = 0..batch.num_rows();
    Ok(rows
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect())
}

fn cells_of_column(column: &ArrayRef) -> Result<Vec<Cell>, arrow::error::ArrowError> {
    if column.data_type().is_string() {
        let texts = cast(column, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        let cell = |row| texts.is_valid(row).then(|| texts.value(row).to_owned());
        return Ok((0..texts.len()).map(|row| Cell::Text(cell(row))).collect());
    }
    let numbers = cast(column, &DataType::Float64)?;
    let numbers = numbers.as_primitive::<Float64Type>();
    Ok(numbers.iter().map(Cell::Number).collect())
}
