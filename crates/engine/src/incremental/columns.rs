//! Finds columns by name.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use query::system;

use crate::Error;

/// Where columns of a table are in a schema.
pub(super) fn column_indices(
    schema: &Schema,
    columns: &[String],
    table: &str,
) -> Result<Vec<usize>, Error> {
    let indices = columns.iter().map(|column| schema.index_of(column));
    indices
        .collect::<Result<_, _>>()
        .map_err(|error| Error::execution(table, error.into()))
}

/// Where a column is among others; 0 if it is not.
pub(super) fn index_of(columns: &[impl AsRef<str>], wanted: &str) -> usize {
    let mut columns = columns.iter();
    columns
        .position(|column| column.as_ref() == wanted)
        .unwrap_or_default()
}

/// The columns of a system table.
pub(super) fn system_columns(table: &system::Definition) -> Vec<String> {
    let schema = table.schema();
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

/// A column of a batch of rows about people or devices.
pub(super) fn column(batch: &RecordBatch, name: &str) -> Result<ArrayRef, Error> {
    let index = batch.schema().index_of(name).map_err(people_error)?;
    Ok(Arc::clone(batch.column(index)))
}

/// An error about rows of people or devices.
pub(super) fn people_error(error: ArrowError) -> Error {
    Error::execution("the people of this run", error.into())
}
