//! Values of a result as text and as JSON.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use query::sql_types;
use serde_json::{Value, json};

/// The whole numbers that every reader of JSON keeps as they are.
const EXACT: i64 = 1 << 53;

/// Names and types of columns.
pub(super) fn columns(schema: &SchemaRef) -> Vec<(String, String, bool)> {
    let fields = schema.fields().iter();
    fields
        .map(|field| {
            let kind = field.data_type();
            (
                field.name().clone(),
                sql_types::name(kind),
                kind.is_numeric(),
            )
        })
        .collect()
}

/// Cells as text, by row; `None` is null.
pub(super) fn texts(batches: &[RecordBatch]) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in batches {
        let formatters = batch.columns().iter();
        let formatters = formatters.map(|column| ArrayFormatter::try_new(column, &options));
        let formatters = formatters.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().zip(&formatters);
            let cells = cells.map(|(column, formatter)| {
                let text = || formatter.value(row).try_to_string();
                column.is_valid(row).then(text).transpose()
            });
            rows.push(cells.collect::<Result<Vec<_>, _>>()?);
        }
    }
    Ok(rows)
}

/// Cells as JSON, by row: truth values, numbers and nulls as such, all else as text. Numbers
/// that not every reader keeps are text too.
pub(super) fn values(batches: &[RecordBatch]) -> Result<Vec<Vec<Value>>, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(column_values);
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column[row].clone()).collect());
        }
    }
    Ok(rows)
}

fn column_values(column: &ArrayRef) -> Result<Vec<Value>, ArrowError> {
    let rows = 0..column.len();
    let kind = column.data_type();
    Ok(match kind {
        DataType::Boolean => {
            let column = column.as_boolean();
            rows.map(|row| column.is_valid(row).then(|| column.value(row)))
                .map(|value| json!(value))
                .collect()
        }
        kind if kind.is_integer() && *kind != DataType::UInt64 => {
            let column = cast(column, &DataType::Int64)?;
            let column = column.as_primitive::<Int64Type>();
            let value = |value: i64| match (-EXACT..=EXACT).contains(&value) {
                true => json!(value),
                false => json!(value.to_string()),
            };
            column
                .iter()
                .map(|cell| cell.map_or(Value::Null, value))
                .collect()
        }
        kind if kind.is_floating() => {
            let column = cast(column, &DataType::Float64)?;
            let column = column.as_primitive::<Float64Type>();
            let value = |value: f64| match value.is_finite() {
                true => json!(value),
                false => json!(value.to_string()),
            };
            column
                .iter()
                .map(|cell| cell.map_or(Value::Null, value))
                .collect()
        }
        _ => {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(column, &options)?;
            let value = |row: usize| match column.is_valid(row) {
                true => formatter.value(row).try_to_string().map(Value::String),
                false => Ok(Value::Null),
            };
            rows.map(value).collect::<Result<_, _>>()?
        }
    })
}
