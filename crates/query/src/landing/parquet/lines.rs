//! Writes the rows of a Parquet file as JSON lines.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use landing::compression::{Fault, Unreadable};
use landing::{Schema, Tally, Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::Length;

use super::footer;
use super::page_header::PageFault;
use super::source::{ParquetSource, SourceFault};
use super::unpacked_size::PackedChunks;

/// Bytes at the end of a Parquet file: the footer's length and the magic number.
const TAIL_BYTES: u64 = 8;

/// Maximum size of a footer. That of a thousand row groups is a few MiB.
const FOOTER_BYTES_MAX: u64 = 8 << 20;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1024;

/// Lines are written until there are this many bytes of them.
const LINES_BYTES: usize = 256 << 10;

/// Longer values of fixed length are no numbers.
const FIXED_BYTES_MAX: i32 = 64;

/// Columns of a file, for each column of the table: names that differ in letter case.
/// Each column that is read takes memory.
const SPELLINGS_MAX: usize = 2;

thread_local! {
    static IS_READING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is decoding a Parquet landing file. The library may panic on
/// one; the panic is caught and reported as a corrupt file, so its message need not
/// be shown.
pub fn is_reading_parquet() -> bool {
    IS_READING.get()
}

/// Calls the Parquet library.
fn guarded<T>(
    source: &ParquetSource,
    call: impl FnOnce() -> Result<T, ParquetError>,
) -> io::Result<T> {
    IS_READING.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    IS_READING.set(false);
    let fault = source.take_fault();
    match (result, fault) {
        (Ok(Ok(value)), _) => Ok(value),
        (_, Some(SourceFault::Store(reason))) => Err(io::Error::other(reason)),
        (_, Some(SourceFault::Page(PageFault::DeltaText))) => Err(Unreadable::error(
            Fault::Foreign("Parquet (delta-encoded text)"),
            0,
        )),
        _ => Err(Unreadable::error(Fault::Parquet, 0)),
    }
}

/// Reader of the lines.
pub(in crate::landing) struct ParquetLines {
    source: ParquetSource,
    rows: ParquetRecordBatchReader,
    /// Columns of the file that the table has.
    columns: Vec<Column>,
    /// Columns of the file that the table does not have, or that are not read.
    unknown: Vec<String>,
    rows_due: u64,
    rows_read: u64,
    batch: Option<(RecordBatch, usize)>,
    lines: Vec<u8>,
    at: usize,
}

/// A column of the file.
struct Column {
    /// Its name in the file, with quotes and colon.
    key: Vec<u8>,
    /// Where it is in a batch; `None` for a nested one, which is not read.
    place: Option<usize>,
    kind: Type,
}

impl ParquetLines {
    /// The rows of `source`, with the columns that `schema` has.
    ///
    /// # Errors
    /// [`Unreadable`] of kind `InvalidData` if it is no whole Parquet file; others if
    /// the store fails.
    pub(in crate::landing) fn open(source: ParquetSource, schema: &Schema) -> io::Result<Self> {
        let metadata = guarded(&source, || metadata(&source))?;
        let rows_due = metadata.row_groups().iter().map(|group| group.num_rows());
        let rows_due = rows_due.map(|rows| u64::try_from(rows).unwrap_or(u64::MAX));
        let rows_due = rows_due.fold(0, u64::saturating_add);
        let (mut columns, mut unknown, mut read) = (Vec::new(), Vec::new(), Vec::new());
        let parquet = metadata.file_metadata().schema_descr();
        let mut leaf = 0;
        for root in parquet.root_schema().get_fields() {
            let leaves = (leaf..parquet.num_columns())
                .take_while(|index| Arc::ptr_eq(&parquet.get_column_root_ptr(*index), root))
                .count();
            let key = root.name().as_bytes();
            match schema.columns.iter().find(|column| column.key.is(key)) {
                None => unknown.push(root.name().to_owned()),
                Some(column) => {
                    let is_plain = leaves == 1
                        && root.is_primitive()
                        && parquet.column(leaf).max_rep_level() == 0
                        && parquet.column(leaf).type_length() <= FIXED_BYTES_MAX;
                    // Any object is a text to such a column.
                    if !is_plain && column.kind == Type::Text && !column.is_strict {
                        unknown.push(root.name().to_owned());
                        leaf += leaves;
                        continue;
                    }
                    let place = is_plain.then_some(read.len());
                    read.extend(is_plain.then_some(leaf));
                    let mut key = Vec::new();
                    write_text(&mut key, root.name().as_bytes());
                    key.push(b':');
                    columns.push(Column {
                        key,
                        place,
                        kind: column.kind,
                    });
                }
            }
            leaf += leaves;
        }
        if columns.len() > SPELLINGS_MAX * schema.columns.len() {
            return Err(Unreadable::error(Fault::Parquet, 0));
        }
        let own = source.clone();
        let rows = guarded(&source, || {
            let mask = ProjectionMask::leaves(metadata.file_metadata().schema_descr(), read);
            let metadata = with_views(Arc::clone(&metadata))?;
            ParquetRecordBatchReaderBuilder::new_with_metadata(own, metadata)
                .with_projection(mask)
                .with_batch_size(BATCH_ROWS)
                .build()
        })?;
        Ok(Self {
            source,
            rows,
            columns,
            unknown,
            rows_due,
            rows_read: 0,
            batch: None,
            lines: Vec::new(),
            at: 0,
        })
    }

    /// Counts the columns that the table does not have or that are not read, in the rows so far, as the
    /// decoder counts fields of objects.
    pub(in crate::landing) fn count_unknown(&self, tally: &mut Tally) {
        for name in &self.unknown {
            tally.unknown += self.rows_read;
            tally.count_unknown(name, self.rows_read);
        }
    }

    /// Writes the next lines; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.lines.clear();
        self.at = 0;
        while self.batch.is_none() {
            let rows = &mut self.rows;
            let next = guarded(&self.source, || {
                rows.next().transpose().map_err(ParquetError::from)
            })?;
            match next {
                Some(batch) if batch.num_rows() > 0 => self.batch = Some((batch, 0)),
                Some(_) => {}
                // Fewer rows than the footer names: some pages are missing.
                None if self.rows_read != self.rows_due => {
                    return Err(Unreadable::error(Fault::Parquet, 0));
                }
                None => return Ok(false),
            }
        }
        if let Some((batch, from)) = self.batch.take() {
            let end = self.write(&batch, from)?;
            self.rows_read += (end - from) as u64;
            self.batch = (end < batch.num_rows()).then_some((batch, end));
        }
        Ok(true)
    }

    /// Writes rows of a batch; returns the first that is not written yet.
    fn write(&mut self, batch: &RecordBatch, from: usize) -> io::Result<usize> {
        let options = FormatOptions::default();
        let mut writers = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            writers.push(match column.place {
                Some(place) => Values::of(batch.column(place), column.kind, &options)?,
                None => Values::Nested,
            });
        }
        let mut row = from;
        while row < batch.num_rows() && self.lines.len() < LINES_BYTES {
            let mut open = b'{';
            for (column, values) in self.columns.iter().zip(&writers) {
                self.lines.push(open);
                self.lines.extend_from_slice(&column.key);
                values.write(&mut self.lines, row)?;
                open = b',';
            }
            if open == b'{' {
                self.lines.push(open);
            }
            self.lines.extend_from_slice(b"}\n");
            row += 1;
        }
        Ok(row)
    }
}

impl Read for ParquetLines {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.lines.len() && !self.fill()? {
            return Ok(0);
        }
        let length = out.len().min(self.lines.len() - self.at);
        out[..length].copy_from_slice(&self.lines[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

/// The footer, read without trusting its length.
fn metadata(source: &ParquetSource) -> Result<Arc<ParquetMetaData>, ParquetError> {
    let corrupt = || ParquetError::General("no footer".to_owned());
    let end = source.len().checked_sub(TAIL_BYTES).ok_or_else(corrupt)?;
    let tail = source.read(end..source.len())?;
    let (length, magic) = tail.split_first_chunk().ok_or_else(corrupt)?;
    let length = u64::from(u32::from_le_bytes(*length));
    if magic != b"PAR1" || length > FOOTER_BYTES_MAX {
        return Err(corrupt());
    }
    let start = end.checked_sub(length).ok_or_else(corrupt)?;
    let footer = source.read(start..end)?;
    footer::check(&footer).map_err(|_| corrupt())?;
    let metadata = ParquetMetaDataReader::decode_metadata(&footer)?;
    let is_within = metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
        .all(|chunk| {
            let start = chunk
                .dictionary_page_offset()
                .unwrap_or(chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size());
            let end = end.and_then(|end| u64::try_from(end).ok());
            start >= 0 && chunk.compressed_size() >= 0 && end.is_some_and(|end| end <= source.len())
        });
    if !is_within {
        return Err(corrupt());
    }
    source.measure(PackedChunks::of(&metadata).map_err(|_| corrupt())?);
    Ok(Arc::new(metadata))
}

/// Reads text as views of pages. As arrays of their own, values of a dictionary would
/// be copied for each row, and a small file could fill the memory.
fn with_views(metadata: Arc<ParquetMetaData>) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let read = ArrowReaderMetadata::try_new(Arc::clone(&metadata), options())?;
    let fields = read.schema().fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::Utf8 => DataType::Utf8View,
            DataType::Binary => DataType::BinaryView,
            other => other.clone(),
        };
        Field::clone(field).with_data_type(kind)
    });
    let schema = arrow::datatypes::Schema::new(fields.collect::<Vec<_>>());
    ArrowReaderMetadata::try_new(metadata, options().with_schema(Arc::new(schema)))
}

/// The values of a column of a batch.
enum Values<'a> {
    /// Numbers and truth values, as Arrow writes them.
    Bare(ArrayFormatter<'a>, &'a dyn Array),
    /// Other values, as Arrow writes them, in quotes.
    Quoted(ArrayFormatter<'a>, &'a dyn Array),
    /// Floats, written so that reading gives the same value.
    Floats(Box<dyn Fn(usize) -> f64 + 'a>, &'a dyn Array),
    /// Text, or bytes that should be.
    Text(Box<dyn Fn(usize) -> &'a [u8] + 'a>, &'a dyn Array),
    /// Instants, in milliseconds; as text those that are finer.
    Instants(ArrayRef, ArrayFormatter<'a>, &'a dyn Array),
    /// A structure, list or map.
    Nested,
}

impl<'a> Values<'a> {
    fn of(array: &'a ArrayRef, kind: Type, options: &'a FormatOptions<'a>) -> io::Result<Self> {
        let formatter =
            || ArrayFormatter::try_new(array.as_ref(), options).map_err(io::Error::other);
        let own: &'a dyn Array = array.as_ref();
        Ok(match array.data_type() {
            DataType::Float32 => {
                let values = array.as_primitive::<Float32Type>();
                Self::Floats(Box::new(|row| f64::from(values.value(row))), own)
            }
            DataType::Float64 => {
                let values = array.as_primitive::<Float64Type>();
                Self::Floats(Box::new(|row| values.value(row)), own)
            }
            DataType::Utf8View => {
                let values = array.as_string_view();
                Self::Text(Box::new(|row| values.value(row).as_bytes()), own)
            }
            DataType::BinaryView => {
                let values = array.as_binary_view();
                Self::Text(Box::new(|row| values.value(row)), own)
            }
            DataType::Timestamp(..) if kind != Type::Text => {
                let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
                let exact = arrow::compute::cast(array, &millis).and_then(|millis| {
                    let back = arrow::compute::cast(&millis, array.data_type())?;
                    let is_exact = arrow::compute::kernels::cmp::eq(&back, array)?;
                    arrow::compute::nullif(&millis, &arrow::compute::not(&is_exact)?)
                });
                let exact =
                    exact.and_then(|millis| arrow::compute::cast(&millis, &DataType::Int64));
                match exact {
                    Ok(exact) => Self::Instants(exact, formatter()?, own),
                    Err(_) => Self::Quoted(formatter()?, own),
                }
            }
            kind if kind.is_numeric() || *kind == DataType::Boolean => {
                Self::Bare(formatter()?, own)
            }
            _ => Self::Quoted(formatter()?, own),
        })
    }

    fn write(&self, out: &mut Vec<u8>, row: usize) -> io::Result<()> {
        match self {
            Self::Bare(_, own)
            | Self::Quoted(_, own)
            | Self::Floats(_, own)
            | Self::Text(_, own)
            | Self::Instants(_, _, own)
                if own.is_null(row) =>
            {
                out.extend_from_slice(b"null");
            }
            Self::Bare(values, _) => write!(out, "{}", values.value(row))?,
            Self::Quoted(values, _) => write_text(out, values.value(row).to_string().as_bytes()),
            Self::Floats(value, _) => match value(row) {
                value if value.is_finite() => write!(out, "{value:?}")?,
                // JSON has no such number: only a column of text takes it.
                value => write!(out, "\"{value}\"")?,
            },
            Self::Text(value, _) => write_text(out, value(row)),
            Self::Instants(exact, values, _) => {
                let exact = exact.as_primitive::<Int64Type>();
                match exact.is_valid(row) {
                    true => write!(out, "{}", exact.value(row))?,
                    false => write_text(out, values.value(row).to_string().as_bytes()),
                }
            }
            Self::Nested => out.extend_from_slice(b"{}"),
        }
        Ok(())
    }
}

/// Writes text as a JSON string. Bytes that are no text stay as they are, for the
/// decoder to reject.
fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0..=0x1F => {
                // Writing to a Vec cannot fail.
                let _ = write!(out, "\\u{byte:04x}");
            }
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}
