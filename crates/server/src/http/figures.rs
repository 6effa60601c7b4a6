//! Values of a result as text and as JSON.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::NullBuffer;
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
                sql_types::trino_name(kind),
                kind.is_numeric(),
            )
        })
        .collect()
}

/// Cells as text, by row; `None` is null. A text that is longer than `chars_max` is cut.
pub(super) fn texts(
    batches: &[RecordBatch],
    chars_max: usize,
) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(Cells::of);
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|cells| {
                let text = cells.text(row)?;
                Some(match text.char_indices().nth(chars_max) {
                    Some((end, _)) => format!("{}…", &text[..end]),
                    None => text,
                })
            });
            rows.push(cells.collect());
        }
    }
    Ok(rows)
}

/// A column, cell by cell.
struct Cells<'c> {
    nulls: Option<NullBuffer>,
    formatter: ArrayFormatter<'c>,
}

impl<'c> Cells<'c> {
    fn of(column: &'c ArrayRef) -> Result<Self, ArrowError> {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new();
        Ok(Self {
            nulls: column.logical_nulls(),
            formatter: ArrayFormatter::try_new(column, &OPTIONS)?,
        })
    }

    /// `None` for a null, and for a time that no calendar has.
    fn text(&self, row: usize) -> Option<String> {
        match &self.nulls {
            Some(nulls) if nulls.is_null(row) => None,
            _ => self.formatter.value(row).try_to_string().ok(),
        }
    }
}

/// A column as texts.
pub(super) fn as_texts(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let cells = Cells::of(column)?;
    let texts = (0..column.len()).map(|row| cells.text(row));
    Ok(Arc::new(texts.collect::<StringArray>()))
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
            let cells = Cells::of(column)?;
            rows.map(|row| json!(cells.text(row))).collect()
        }
    })
}
