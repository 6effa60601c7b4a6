//! Encodes rows as Parquet, CSV or NDJSON, into one file.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use datafusion::parquet::arrow::AsyncArrowWriter;
use datafusion::parquet::arrow::async_writer::AsyncFileWriter;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use futures::FutureExt;
use futures::future::BoxFuture;
use lake::{Layout, store_reason};
use object_store::buffered::BufWriter;
use sha2::{Digest, Sha256};

use super::ExportFormat;

/// Writes rows into one file.
pub(super) enum Encoder {
    Parquet(Box<AsyncArrowWriter<Sink>>),
    Csv(Sink),
    Ndjson(Sink),
}

/// A file on its way to the store; knows its size and its SHA-256.
pub(super) struct Sink {
    file: BufWriter,
    bytes: u64,
    hash: Sha256,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Encoder {
    /// Begins a file of rows of `layout`.
    ///
    /// # Errors
    /// A reason in words.
    pub(super) async fn begin(
        format: ExportFormat,
        layout: &Layout,
        file: BufWriter,
    ) -> Result<Self, String> {
        let mut sink = Sink {
            file,
            bytes: 0,
            hash: Sha256::new(),
        };
        Ok(match format {
            ExportFormat::Parquet => {
                let writer = layout
                    .file_writer(sink)
                    .map_err(|error| error.to_string())?;
                Encoder::Parquet(Box::new(writer))
            }
            ExportFormat::Csv => {
                let mut header = Vec::new();
                for (position, field) in layout.schema().fields().iter().enumerate() {
                    separate(&mut header, position);
                    csv_text(&mut header, field.name());
                }
                header.extend(CSV_END);
                sink.put(header).await?;
                Encoder::Csv(sink)
            }
            ExportFormat::Ndjson => Encoder::Ndjson(sink),
        })
    }

    /// Appends `batch`, which has the layout's schema.
    ///
    /// # Errors
    /// A reason in words, without values.
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<(), String> {
        match self {
            Encoder::Parquet(writer) => writer.write(batch).await.map_err(reason),
            Encoder::Csv(sink) => sink.put(csv(batch).map_err(unprintable)?).await,
            Encoder::Ndjson(sink) => sink.put(ndjson(batch)?).await,
        }
    }

    /// Bytes that the file holds so far, with what waits in memory.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Encoder::Parquet(writer) => (writer.bytes_written() + writer.in_progress_size()) as u64,
            Encoder::Csv(sink) | Encoder::Ndjson(sink) => sink.bytes,
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// A reason in words.
    pub(super) async fn finish(self) -> Result<Written, String> {
        let sink = match self {
            Encoder::Parquet(mut writer) => {
                writer.finish().await.map_err(reason)?;
                writer.into_inner()
            }
            Encoder::Csv(mut sink) | Encoder::Ndjson(mut sink) => {
                sink.complete().await.map_err(reason)?;
                sink
            }
        };
        Ok(Written {
            bytes: sink.bytes,
            sha256: hex(&sink.hash.finalize()),
        })
    }

    /// Gives the file up.
    pub(super) async fn abort(self) {
        let mut sink = match self {
            Encoder::Parquet(writer) => writer.into_inner(),
            Encoder::Csv(sink) | Encoder::Ndjson(sink) => sink,
        };
        // Parts of it that an object store keeps would be paid for.
        let _ = sink.file.abort().await;
    }
}

impl Sink {
    async fn put(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        self.write(bytes.into()).await.map_err(reason)
    }
}

impl AsyncFileWriter for Sink {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, ParquetResult<()>> {
        self.bytes += bytes.len() as u64;
        self.hash.update(&bytes);
        async move {
            let put = self.file.put(bytes).await;
            put.map_err(|error| ParquetError::General(store_reason(&error)))
        }
        .boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, ParquetResult<()>> {
        async move {
            let shut = tokio::io::AsyncWriteExt::shutdown(&mut self.file).await;
            shut.map_err(|error| ParquetError::General(innermost(&error)))
        }
        .boxed()
    }
}

fn reason(error: ParquetError) -> String {
    match error {
        ParquetError::General(reason) => reason,
        other => innermost(&other),
    }
}

/// The cause of an error, in one line.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string().replace('\n', " ")
}

/// Arrow's own words may quote a value.
fn unprintable(_: ArrowError) -> String {
    "a value cannot be written as text".to_owned()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

const CSV_END: &[u8; 2] = b"\r\n";

fn separate(line: &mut Vec<u8>, position: usize) {
    if position > 0 {
        line.push(b',');
    }
}

/// An empty text is quoted, so that it is not taken for a null.
fn csv_text(line: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    if !bytes.is_empty() && !bytes.iter().any(special) {
        line.extend(bytes);
        return;
    }
    line.push(b'"');
    for byte in bytes {
        if *byte == b'"' {
            line.push(b'"');
        }
        line.push(*byte);
    }
    line.push(b'"');
}

fn csv(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    enum Values<'a> {
        Text(&'a StringViewArray),
        Other(ArrayFormatter<'a>),
    }
    let columns: Vec<ArrayRef> = batch.columns().iter().map(without_bytes).collect();
    let options = FormatOptions::default();
    let values = columns
        .iter()
        .map(|column| match column.as_string_view_opt() {
            Some(text) => Ok(Values::Text(text)),
            None => ArrayFormatter::try_new(column, &options).map(Values::Other),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        for (position, (column, values)) in columns.iter().zip(&values).enumerate() {
            separate(&mut lines, position);
            if column.is_null(row) {
                continue;
            }
            match values {
                Values::Text(values) => csv_text(&mut lines, values.value(row)),
                Values::Other(values) => {
                    text.clear();
                    write!(text, "{}", values.value(row))
                        .map_err(|_| ArrowError::CastError(String::new()))?;
                    csv_text(&mut lines, &text);
                }
            }
        }
        lines.extend(CSV_END);
    }
    Ok(lines)
}

fn ndjson(batch: &RecordBatch) -> Result<Vec<u8>, String> {
    let schema = batch.schema();
    let mut columns = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        // JSON has no word for them, and a null would be another value.
        if !all_finite(column) {
            return Err(format!(
                "column {} holds a number that is not finite, which JSON cannot say; Parquet and CSV can",
                field.name()
            ));
        }
        columns.push((field.name(), without_bytes(column), true));
    }
    let batch = RecordBatch::try_from_iter_with_nullable(columns).map_err(unprintable)?;
    let mut lines = Vec::new();
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, LineDelimited>(&mut lines);
    writer.write(&batch).map_err(unprintable)?;
    writer.finish().map_err(unprintable)?;
    drop(writer);
    Ok(lines)
}

fn all_finite(column: &ArrayRef) -> bool {
    match column.data_type() {
        DataType::Float64 => {
            let mut values = column.as_primitive::<Float64Type>().iter().flatten();
            values.all(f64::is_finite)
        }
        DataType::Float32 => {
            let mut values = column.as_primitive::<Float32Type>().iter().flatten();
            values.all(f32::is_finite)
        }
        _ => true,
    }
}

/// Bytes as hexadecimal digits; other columns as they are.
fn without_bytes(column: &ArrayRef) -> ArrayRef {
    match column.as_binary_view_opt() {
        Some(bytes) => {
            let text: StringViewArray = bytes.iter().map(|bytes| bytes.map(hex)).collect();
            std::sync::Arc::new(text)
        }
        None => column.clone(),
    }
}
