//! Prints the rows of a query.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::csv::WriterBuilder as CsvBuilder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::{JsonArray, LineDelimited, Writer as JsonWriter};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::message::say;
use super::number::grouped;
use super::out::Out;
use super::sheet::{CUT, Sheet, Value};
use crate::args::Format;
use crate::settings::Settings;

/// How many rows and bytes of text a table for people shows: the table is laid
/// out in memory, and nobody reads further.
const SHOWN_ROWS_MAX: usize = 1_000;
const SHOWN_BYTES_MAX: usize = 1 << 20;

/// How much of one value a table shows, and of one line of it: the time to lay
/// out a line grows with the square of its length. A plan has many short lines.
const SHOWN_VALUE_MAX: usize = 64 << 10;
const SHOWN_LINE_MAX: usize = 4 << 10;

/// Rows of a query in the user's format. JSON, CSV and NDJSON stream. A table for
/// people needs all its rows to know their widths, so their number is limited.
pub(crate) struct Rows {
    sink: Sink,
    out: Out,
}

enum Sink {
    Table(Box<Shown>),
    Json(Box<JsonWriter<Out, JsonArray>>),
    Ndjson(Box<JsonWriter<Out, LineDelimited>>),
    Csv {
        schema: SchemaRef,
        writer: Box<arrow::csv::Writer<Out>>,
        empty: bool,
    },
}

impl Rows {
    /// Begins to print rows of `schema` to `out`.
    pub(crate) fn begin(settings: &Settings, schema: SchemaRef, out: &Out) -> Self {
        let json = || JsonBuilder::new().with_explicit_nulls(true);
        let sink = match settings.format.value {
            Format::Table => Sink::Table(Box::new(Shown::new(settings, &schema, out))),
            Format::Json => Sink::Json(Box::new(json().build(out.clone()))),
            Format::Ndjson => Sink::Ndjson(Box::new(json().build(out.clone()))),
            Format::Csv => Sink::Csv {
                schema,
                writer: Box::new(CsvBuilder::new().with_header(true).build(out.clone())),
                empty: true,
            },
        };
        Self {
            sink,
            out: out.clone(),
        }
    }

    /// Adds rows.
    pub(crate) fn add(&mut self, batch: RecordBatch) -> Result<()> {
        match &mut self.sink {
            Sink::Table(shown) => shown.add(&batch)?,
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

    /// Whether further rows would not be printed.
    pub(crate) fn is_full(&self) -> bool {
        matches!(&self.sink, Sink::Table(shown) if shown.has_more)
    }

    /// Prints the rest. A table for people is returned instead, for the caller to
    /// show.
    pub(crate) fn end(mut self) -> Result<Option<Page>> {
        match self.sink {
            Sink::Table(shown) => return Ok(Some(shown.end())),
            Sink::Json(mut writer) => {
                writer.finish().map_err(unwrapped)?;
                self.out.write_all(b"\n")?;
            }
            Sink::Ndjson(mut writer) => writer.finish().map_err(unwrapped)?,
            Sink::Csv {
                schema,
                mut writer,
                empty,
            } => {
                if empty {
                    // Without rows the writer has not printed the header.
                    writer
                        .write(&printable(&RecordBatch::new_empty(schema), true)?)
                        .map_err(unwrapped)?;
                }
            }
        }
        self.out.flush()?;
        Ok(None)
    }
}

/// A table for people, with remarks.
pub(crate) struct Page {
    text: String,
    remarks: Vec<String>,
}

impl Page {
    /// Prints the table and the remarks.
    pub(crate) fn put(&self, settings: &Settings, out: &Out) -> Result<()> {
        out.put_laid_out(&self.text)?;
        self.remark(settings);
        Ok(())
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Prints the remarks: what the table does not show.
    pub(crate) fn remark(&self, settings: &Settings) {
        for remark in &self.remarks {
            say(settings, remark);
        }
    }
}

/// A table for people.
struct Shown {
    sheet: Sheet,
    rows: usize,
    bytes: usize,
    /// Whether there are rows that it does not show.
    has_more: bool,
    /// Whether it shows only a part of some value.
    is_cut: bool,
}

impl Shown {
    fn new(settings: &Settings, schema: &SchemaRef, out: &Out) -> Self {
        let headings: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let mut sheet = match out.is_terminal() {
            true => Sheet::new(settings, &headings),
            false => Sheet::whole(&headings),
        };
        let fields = schema.fields().iter().enumerate();
        sheet.numbers(
            fields
                .filter(|(_, field)| field.data_type().is_numeric())
                .map(|(position, _)| position),
        );
        Self {
            sheet,
            rows: 0,
            bytes: 0,
            has_more: false,
            is_cut: false,
        }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::default();
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            if self.rows == SHOWN_ROWS_MAX || self.bytes >= SHOWN_BYTES_MAX {
                self.has_more = true;
                return Ok(());
            }
            let mut cells = Vec::with_capacity(columns.len());
            for column in &columns {
                let mut text = Beginning::default();
                // It ends early if the text is longer than what is shown.
                if column.value(row).write(&mut text).is_err() && !text.is_cut {
                    // Such as a time beyond all calendars.
                    text.text = "(cannot be shown)".to_owned();
                }
                self.is_cut |= text.is_cut;
                self.bytes += text.text.len();
                cells.push(Value::new(&text.text));
            }
            self.sheet.row(cells);
            self.rows += 1;
        }
        Ok(())
    }

    fn end(self) -> Page {
        let rows = grouped(self.rows as u64);
        let noun = if self.rows == 1 { "row" } else { "rows" };
        let counted = match self.has_more {
            true => format!("the first {rows} {noun}; there are more"),
            false => format!("{rows} {noun}"),
        };
        let drawn = self.sheet.draw();
        let mut remarks = Vec::new();
        if self.has_more {
            remarks.push(format!(
                "warning: a table shows {rows} rows at most\n\
                 hint: --format csv, json or ndjson prints all rows; LIMIT and OFFSET select others"
            ));
        }
        if self.is_cut {
            remarks.push(
                "warning: values longer than 4 KB are cut, with … at their end\n\
                 hint: --format csv, json or ndjson prints them whole"
                    .to_owned(),
            );
        }
        if drawn.is_cut {
            remarks.push(CUT.to_owned());
        }
        Page {
            text: format!("{}{counted}\n", drawn.text),
            remarks,
        }
    }
}

/// The beginning of a text that may be long.
#[derive(Default)]
struct Beginning {
    text: String,
    line: usize,
    is_cut: bool,
}

impl std::fmt::Write for Beginning {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        for line in part.split_inclusive('\n') {
            let room = SHOWN_VALUE_MAX.saturating_sub(self.text.len());
            let room = room.min(SHOWN_LINE_MAX.saturating_sub(self.line));
            if line.len() > room {
                self.text.push_str(&line[..line.floor_char_boundary(room)]);
                self.text.push('…');
                self.is_cut = true;
                return Err(std::fmt::Error);
            }
            self.text.push_str(line);
            self.line = match line.ends_with('\n') {
                true => 0,
                false => self.line + line.len(),
            };
        }
        Ok(())
    }
}

/// Unwraps Arrow's error, so that a closed pipe is recognized.
fn unwrapped(error: arrow::error::ArrowError) -> anyhow::Error {
    match error {
        arrow::error::ArrowError::IoError(_, inner) => inner.into(),
        arrow::error::ArrowError::CsvError(text) if text.contains("Broken pipe") => {
            io::Error::from(io::ErrorKind::BrokenPipe).into()
        }
        other => other.into(),
    }
}

/// Converts to text what a format cannot hold: bytes in JSON and CSV, lists and
/// structs in CSV.
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
