//! Reads CSV and NDJSON files of an export back into rows, to compare them with the
//! manifest.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, RecordBatch, StringBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder as JsonDecoder;

use super::ExportFormat;

/// Rows of a batch.
const BATCH_ROWS: usize = 8 << 10;

/// Bytes of text that a batch holds at most, beyond its last row.
const BATCH_BYTES: usize = 16 << 20;

/// What was read is not what an export writes. Nothing more is told, as it may
/// be personal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads a file of text, piece by piece.
pub(super) struct Decoder {
    schema: SchemaRef,
    way: Way,
}

enum Way {
    Csv(Csv),
    Ndjson(Box<JsonDecoder>),
}

impl Decoder {
    /// Reads rows of `schema`; `None` for Parquet, which is no text.
    pub(super) fn new(format: ExportFormat, schema: &SchemaRef) -> Option<Self> {
        let way = match format {
            ExportFormat::Parquet => return None,
            ExportFormat::Csv => Way::Csv(Csv::new(schema)),
            ExportFormat::Ndjson => {
                let fields = schema.fields().iter().map(|field| match field.data_type() {
                    DataType::BinaryView => {
                        Arc::new(Field::new(field.name(), DataType::Utf8View, true))
                    }
                    _ => Arc::clone(field),
                });
                let schema = Schema::new(fields.collect::<Vec<_>>());
                let reader = ReaderBuilder::new(Arc::new(schema)).with_batch_size(BATCH_ROWS);
                Way::Ndjson(Box::new(reader.build_decoder().ok()?))
            }
        };
        Some(Self {
            schema: Arc::clone(schema),
            way,
        })
    }

    /// Takes further bytes, and hands the rows on that are whole.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut rows: impl FnMut(&RecordBatch),
    ) -> Result<(), Malformed> {
        match &mut self.way {
            Way::Csv(csv) => {
                for byte in bytes {
                    csv.take(*byte)?;
                    if csv.rows >= BATCH_ROWS || csv.bytes >= BATCH_BYTES {
                        rows(&typed(&self.schema, csv.batch())?);
                    }
                }
            }
            Way::Ndjson(json) => {
                while !bytes.is_empty() {
                    let read = json.decode(bytes).map_err(|_| Malformed)?;
                    bytes = &bytes[read..];
                    if bytes.is_empty() {
                        break;
                    }
                    // It stopped early: its batch is full.
                    let batch = json.flush().map_err(|_| Malformed)?.ok_or(Malformed)?;
                    rows(&typed(&self.schema, batch.columns().to_vec())?);
                }
            }
        }
        Ok(())
    }

    /// Hands the last rows on.
    pub(super) fn finish(mut self, mut rows: impl FnMut(&RecordBatch)) -> Result<(), Malformed> {
        let columns = match &mut self.way {
            Way::Csv(csv) => csv.finish()?,
            Way::Ndjson(json) => match json.flush().map_err(|_| Malformed)? {
                Some(batch) => batch.columns().to_vec(),
                None => return Ok(()),
            },
        };
        rows(&typed(&self.schema, columns)?);
        Ok(())
    }
}

/// The columns with the types of `schema`.
pub(super) fn typed(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, Malformed> {
    let columns = schema.fields().iter().zip(columns).map(|(field, column)| {
        let is_text = matches!(column.data_type(), DataType::Utf8 | DataType::Utf8View);
        if field.data_type() == &DataType::BinaryView && is_text {
            return unhexed(&column);
        }
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_with_options(&column, field.data_type(), &options).map_err(|_| Malformed)
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|_| Malformed)
}

fn unhexed(column: &ArrayRef) -> Result<ArrayRef, Malformed> {
    fn bytes(text: &str) -> Result<Vec<u8>, Malformed> {
        let digit = |byte: u8| (byte as char).to_digit(16).ok_or(Malformed);
        let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Ok((digit(*high)? * 16 + digit(*low)?) as u8),
            _ => Err(Malformed),
        });
        pairs.collect()
    }
    let text = cast_with_options(column, &DataType::Utf8, &CastOptions::default())
        .map_err(|_| Malformed)?;
    let values = text.as_string::<i32>().iter();
    let values = values.map(|value| value.map(bytes).transpose());
    let values = values.collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(values.into_iter().collect::<BinaryViewArray>()))
}

/// CSV as an export writes it: what is not quoted and empty is a null.
struct Csv {
    header: Vec<String>,
    header_read: bool,
    columns: Vec<StringBuilder>,
    state: State,
    field: Vec<u8>,
    quoted: bool,
    /// Fields of the line so far.
    line: Vec<Option<String>>,
    rows: usize,
    bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    FieldBegin,
    Plain,
    Quoted,
    /// Behind a quote in a quoted field: its end, or half of a quote.
    Quote,
    CarriageReturn,
}

impl Csv {
    fn new(schema: &Schema) -> Self {
        let fields = schema.fields();
        Self {
            header: fields.iter().map(|field| field.name().clone()).collect(),
            header_read: false,
            columns: fields.iter().map(|_| StringBuilder::new()).collect(),
            state: State::FieldBegin,
            field: Vec::new(),
            quoted: false,
            line: Vec::new(),
            rows: 0,
            bytes: 0,
        }
    }

    fn take(&mut self, byte: u8) -> Result<(), Malformed> {
        use State::{CarriageReturn, FieldBegin, Plain, Quote, Quoted};
        self.state = match (self.state, byte) {
            (FieldBegin, b'"') => {
                self.quoted = true;
                Quoted
            }
            (FieldBegin | Plain | Quote, b',') => {
                self.end_field()?;
                FieldBegin
            }
            (FieldBegin | Plain | Quote, b'\r') => CarriageReturn,
            (FieldBegin | Plain | Quote | CarriageReturn, b'\n') => {
                self.end_field()?;
                self.end_line()?;
                FieldBegin
            }
            (CarriageReturn, _) | (Plain, b'"') => return Err(Malformed),
            (FieldBegin | Plain, byte) => {
                self.field.push(byte);
                Plain
            }
            (Quoted, b'"') => Quote,
            (Quote, b'"') => {
                self.field.push(byte);
                Quoted
            }
            (Quoted, byte) => {
                self.field.push(byte);
                Quoted
            }
            (Quote, _) => return Err(Malformed),
        };
        Ok(())
    }

    fn end_field(&mut self) -> Result<(), Malformed> {
        let quoted = std::mem::take(&mut self.quoted);
        let field = std::mem::take(&mut self.field);
        self.bytes += field.len();
        let text = String::from_utf8(field).map_err(|_| Malformed)?;
        self.line.push((quoted || !text.is_empty()).then_some(text));
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), Malformed> {
        let line = std::mem::take(&mut self.line);
        if line.len() != self.columns.len() {
            return Err(Malformed);
        }
        if !self.header_read {
            self.header_read = true;
            let header = self.header.iter().map(Some);
            return match header.eq(line.iter().map(Option::as_ref)) {
                true => Ok(()),
                false => Err(Malformed),
            };
        }
        for (column, value) in self.columns.iter_mut().zip(line) {
            column.append_option(value);
        }
        self.rows += 1;
        Ok(())
    }

    fn batch(&mut self) -> Vec<ArrayRef> {
        (self.rows, self.bytes) = (0, 0);
        let columns = self.columns.iter_mut();
        columns
            .map(|column| Arc::new(column.finish()) as ArrayRef)
            .collect()
    }

    fn finish(&mut self) -> Result<Vec<ArrayRef>, Malformed> {
        let at_line_end = self.state == State::FieldBegin && self.line.is_empty();
        match at_line_end && self.header_read {
            true => Ok(self.batch()),
            false => Err(Malformed),
        }
    }
}
