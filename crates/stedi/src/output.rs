//! Data to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder as CsvBuilder;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::{JsonArray, LineDelimited, Writer as JsonWriter};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use engine::Verdict;
use serde::Serialize;

use crate::args::Format;
use crate::settings::Settings;

/// Lets the program's own log lines through where the user asked for them.
/// Libraries' lines stay out: they may quote statements or values.
pub(crate) fn log_to_stderr(settings: &Settings) {
    if !settings.verbose {
        return;
    }
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let own = ["stedi", "engine", "lake"]
        .into_iter()
        .fold(Targets::new(), |targets, name| {
            targets.with_target(name, tracing_subscriber::filter::LevelFilter::DEBUG)
        });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(settings.color && io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines).with(own).init();
}

/// A line to standard error.
pub(crate) fn complain(line: &str) {
    // Where even that cannot be written there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A line to standard error, unless the user wants quiet.
pub(crate) fn say(settings: &Settings, line: &str) {
    if !settings.quiet {
        complain(line);
    }
}

/// Text to standard output, as it is.
pub(crate) fn put(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// One JSON document to standard output.
pub(crate) fn put_json(document: &impl Serialize) -> Result<()> {
    put(&format!("{}\n", serde_json::to_string(document)?))
}

/// A table for people: headings, then rows of cells.
pub(crate) struct Sheet {
    table: Table,
    color: bool,
}

impl Sheet {
    /// An empty one with `headings`; those of `numbers` are set to the right.
    pub(crate) fn new(settings: &Settings, headings: &[&str], numbers: &[usize]) -> Self {
        let color = settings.color && io::stdout().is_terminal();
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        // A terminal that does not know its width tells 0.
        if table.width() == Some(0) {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        table.set_header(headings.iter().map(|heading| {
            let cell = Cell::new(heading);
            if color {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
        for number in numbers {
            if let Some(column) = table.column_mut(*number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table, color }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.table.add_row(cells);
    }

    /// A verdict's cell: coloured where colour is wanted, readable without.
    pub(crate) fn verdict(&self, verdict: Verdict) -> Cell {
        let cell = Cell::new(verdict);
        if !self.color {
            return cell;
        }
        cell.fg(match verdict {
            Verdict::Ok => Color::Green,
            Verdict::Warn => Color::Yellow,
            Verdict::Fail => Color::Red,
        })
    }

    /// The whole table as text.
    pub(crate) fn text(&self) -> String {
        format!("{}\n", self.table)
    }
}

/// A number as people read it: `81,273`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that may be missing.
pub(crate) fn grouped_or_dash(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), grouped)
}

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
            Sink::Json(writer) => writer.write(&printable(&batch)?).map_err(unwrapped)?,
            Sink::Ndjson(writer) => writer.write(&printable(&batch)?).map_err(unwrapped)?,
            Sink::Csv { writer, empty, .. } => {
                *empty = false;
                writer.write(&printable(&batch)?).map_err(unwrapped)?;
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
                        .write(&printable(&RecordBatch::new_empty(schema))?)
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

/// Bytes have no place in JSON or CSV: they become hexadecimal text.
fn printable(batch: &RecordBatch) -> Result<RecordBatch> {
    use arrow::array::{Array, ArrayRef, AsArray, StringArray};
    use arrow::datatypes::{Field, Schema};
    use std::sync::Arc;
    let schema = batch.schema();
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if matches!(column.data_type(), DataType::BinaryView) {
            let bytes = column.as_binary_view();
            let text: StringArray = (0..bytes.len())
                .map(|row| bytes.is_valid(row).then(|| hex(bytes.value(row))))
                .collect();
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(text));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::new(Schema::new(fields)),
        columns,
        &options,
    )?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sheet(settings: &Settings, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String> {
    let headings: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let numbers: Vec<usize> = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| field.data_type().is_numeric())
        .map(|(position, _)| position)
        .collect();
    let mut sheet = Sheet::new(settings, &headings, &numbers);
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

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
