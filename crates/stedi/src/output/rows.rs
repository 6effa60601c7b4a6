//! Rows of a query.

use std::io;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::csv::WriterBuilder as CsvBuilder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::{JsonArray, LineDelimited, Writer as JsonWriter};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::Cell;

use super::list::Sheet;
use super::{grouped, put};
use crate::args::Format;
use crate::settings::Settings;

/// Rows of a query, in the format that the user wants. JSON, CSV and NDJSON
/// stream; a table for people needs all rows for its widths.
pub(crate) struct Rows {
    sink: Sink,
}

enum Sink {
    Table {
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    },
    Json(Box<JsonWriter<io::Stdout, JsonArray>>),
    Ndjson(Box<JsonWriter<io::Stdout, LineDelimited>>),
    Csv {
        schema: SchemaRef,
        writer: Box<arrow::csv::Writer<io::Stdout>>,
        empty: bool,
    },
}

impl Rows {
    /// Begins to print rows of `schema`.
    pub(crate) fn begin(format: Format, schema: SchemaRef) -> Self {
        let json = || JsonBuilder::new().with_explicit_nulls(true);
        let sink = match format {
            Format::Table => Sink::Table {
                schema,
                batches: Vec::new(),
            },
            Format::Json => Sink::Json(Box::new(json().build(io::stdout()))),
            Format::Ndjson => Sink::Ndjson(Box::new(json().build(io::stdout()))),
            Format::Csv => Sink::Csv {
                schema,
                writer: Box::new(CsvBuilder::new().with_header(true).build(io::stdout())),
                empty: true,
            },
        };
        Self { sink }
    }

    /// Takes further rows.
    pub(crate) fn add(&mut self, batch: RecordBatch) -> Result<()> {
        match &mut self.sink {
            Sink::Table { batches, .. } => batches.push(batch),
            Sink::Json(writer) => writer
                .write(&printable(&batch, false)?)
                .map_err(unwrapped)?,
            Sink::Ndjson(writer) => writer
                .write(&printable(&batch, false)?)
                .map_err(unwrapped)?,
            Sink::Csv { writer, empty, .. } => {
                *empty = false;
                writer.write(&printable(&batch, true)?).map_err(unwrapped)?;
            }
        }
        Ok(())
    }

    /// Prints what is left and gives the number of rows, where it is known.
    pub(crate) fn end(self, settings: &Settings) -> Result<()> {
        match self.sink {
            Sink::Table { schema, batches } => put(&sheet(settings, &schema, &batches)?),
            Sink::Json(mut writer) => {
                writer.finish().map_err(unwrapped)?;
                put("\n")
            }
            Sink::Ndjson(mut writer) => {
                writer.finish().map_err(unwrapped)?;
                Ok(())
            }
            Sink::Csv {
                schema,
                mut writer,
                empty,
            } => {
                if empty {
                    // No row came by whose columns could have made the header.
                    writer
                        .write(&printable(&RecordBatch::new_empty(schema), true)?)
                        .map_err(unwrapped)?;
                }
                put("")
            }
        }
    }
}

/// A closed pipe shall be told from a fault, also behind Arrow's error.
fn unwrapped(error: arrow::error::ArrowError) -> anyhow::Error {
    match error {
        arrow::error::ArrowError::IoError(_, inner) => inner.into(),
        arrow::error::ArrowError::CsvError(text) if text.contains("Broken pipe") => {
            io::Error::from(io::ErrorKind::BrokenPipe).into()
        }
        other => other.into(),
    }
}

/// Bytes have no place in JSON or CSV, and lists and structs none in CSV: they
/// become text.
fn printable(batch: &RecordBatch, flat: bool) -> Result<RecordBatch> {
    let schema = batch.schema();
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let text: Option<StringArray> = match column.as_binary_view_opt() {
            Some(bytes) => Some(bytes.iter().map(|bytes| bytes.map(hex)).collect()),
            None if flat && column.data_type().is_nested() => {
                let options = FormatOptions::default();
                let values = ArrayFormatter::try_new(column, &options)?;
                let text = |row| column.is_valid(row).then(|| values.value(row).to_string());
                Some((0..column.len()).map(text).collect())
            }
            None => None,
        };
        match text {
            Some(text) => {
                fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
                columns.push(Arc::new(text));
            }
            None => {
                fields.push(Arc::clone(field));
                columns.push(Arc::clone(column));
            }
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(Schema::new(fields));
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &options,
    )?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sheet(settings: &Settings, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String> {
    let headings: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let mut sheet = Sheet::new(settings, &headings);
    let fields = schema.fields().iter().enumerate();
    sheet.numbers(
        fields
            .filter(|(_, field)| field.data_type().is_numeric())
            .map(|(position, _)| position),
    );
    let mut rows = 0;
    for batch in batches {
        let options = FormatOptions::default();
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            sheet.row(
                columns
                    .iter()
                    .map(|column| Cell::new(column.value(row)))
                    .collect(),
            );
        }
        rows += batch.num_rows();
    }
    let noun = if rows == 1 { "row" } else { "rows" };
    Ok(format!("{}{} {noun}\n", sheet.text(), grouped(rows as u64)))
}
