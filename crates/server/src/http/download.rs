//! A whole result as a file, written while it is sent.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::csv::WriterBuilder as CsvBuilder;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::{JsonArray, LineDelimited};
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::figures;
use super::stored::Stored;

/// Bytes that are sent at once.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that are written ahead of their reader.
const AHEAD: usize = 4;

/// How long a reader may leave a piece waiting.
const SEND_TIME: Duration = Duration::from_secs(60);

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Csv,
    Json,
    Ndjson,
    Arrow,
    Parquet,
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Arrow => "application/vnd.apache.arrow.stream",
            Format::Parquet => "application/vnd.apache.parquet",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Arrow => "arrows",
            Format::Parquet => "parquet",
        }
    }
}

/// The result of query `id` as a file.
pub(super) fn file(result: Arc<Stored>, id: &str, format: Format) -> Response {
    let (send, pieces) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces {
            send,
            piece: Vec::with_capacity(PIECE_BYTES),
        };
        let written = write(&result, format, &mut pieces)
            .and_then(|()| pieces.flush().map_err(ArrowError::from));
        if let Err(error) = written {
            // The length is not announced: a broken connection tells that it is no whole file.
            _ = pieces
                .send
                .blocking_send(Err(io::Error::other(error.to_string())));
        }
    });
    let pieces = futures::stream::unfold(pieces, async |mut pieces| {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    let name = format!("attachment; filename=\"{id}.{}\"", format.extension());
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

/// Whether a format has columns of a type.
fn takes(format: Format, kind: &DataType) -> bool {
    match format {
        Format::Csv => !kind.is_nested(),
        Format::Parquet => !matches!(kind, DataType::Interval(_) | DataType::Null),
        _ => true,
    }
}

/// Rows as a format has them: columns that it does not have are texts.
fn fitting(batch: &RecordBatch, format: Format) -> Result<RecordBatch, ArrowError> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, column)| match takes(format, field.data_type()) {
        true => Ok((Arc::clone(field), Arc::clone(column))),
        false => {
            let text = Field::new(field.name(), DataType::Utf8, true);
            Ok((Arc::new(text), figures::as_texts(column)?))
        }
    });
    let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = columns
        .collect::<Result<Vec<_>, ArrowError>>()?
        .into_iter()
        .unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

fn write(result: &Stored, format: Format, to: &mut Pieces) -> Result<(), ArrowError> {
    let none = fitting(&RecordBatch::new_empty(Arc::clone(result.schema())), format)?;
    let batches = result.batches(0)?.map(|batch| fitting(&batch?, format));
    match format {
        Format::Csv => {
            let mut writer = CsvBuilder::new().with_header(true).build(to);
            let mut is_empty = true;
            for batch in batches {
                is_empty = false;
                writer.write(&batch?)?;
            }
            if is_empty {
                writer.write(&none)?;
            }
        }
        Format::Json => {
            let builder = JsonBuilder::new().with_explicit_nulls(true);
            let mut writer = builder.build::<_, JsonArray>(to);
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.finish()?;
        }
        Format::Ndjson => {
            let builder = JsonBuilder::new().with_explicit_nulls(true);
            let mut writer = builder.build::<_, LineDelimited>(to);
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.finish()?;
        }
        Format::Arrow => {
            let mut writer = StreamWriter::try_new(to, none.schema_ref())?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.finish()?;
        }
        Format::Parquet => {
            let zstd = Compression::ZSTD(ZstdLevel::default());
            let properties = WriterProperties::builder().set_compression(zstd).build();
            let mut writer = ArrowWriter::try_new(to, none.schema(), Some(properties))?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.close()?;
        }
    }
    Ok(())
}

/// Sends what is written, in pieces. Fails once nobody reads them.
struct Pieces {
    send: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let sent = self.send.send_timeout(Ok(piece.into()), SEND_TIME);
        let sent = tokio::runtime::Handle::current().block_on(sent);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
