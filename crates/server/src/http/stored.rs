//! The result of a query, in a file without a name, so that pages of it can be read.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

/// Bytes of rows that are written as one part.
const PART_BYTES: usize = 4 << 20;

/// A result that is being written.
pub(super) struct Storing {
    file: File,
    writer: FileWriter<BufWriter<File>>,
    schema: SchemaRef,
    parts: Vec<Part>,
    rows: u64,
    bytes: u64,
}

/// A result that is complete, or was cut off at a limit.
#[derive(Debug)]
pub(super) struct Stored {
    file: File,
    schema: SchemaRef,
    parts: Vec<Part>,
    rows: u64,
    bytes: u64,
}

/// Rows that are read together.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// The number of the first one.
    start: u64,
    /// Bytes of a row, on average.
    row_bytes: usize,
}

impl Storing {
    pub(super) fn begin(schema: SchemaRef) -> Result<Self, ArrowError> {
        let file = tempfile::tempfile()?;
        let writer = BufWriter::new(file.try_clone()?);
        Ok(Self {
            writer: FileWriter::try_new(writer, &schema)?,
            file,
            schema,
            parts: Vec::new(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Adds rows, in parts that a page can take into memory.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let rows = batch.num_rows();
        let bytes = batch.get_array_memory_size();
        let parts = bytes.div_ceil(PART_BYTES).clamp(1, rows.max(1));
        let part_rows = rows.div_ceil(parts).max(1);
        for start in (0..rows).step_by(part_rows) {
            let part = batch.slice(start, part_rows.min(rows - start));
            let part = with_own_texts(&part)?;
            self.writer.write(&part)?;
            self.parts.push(Part {
                start: self.rows,
                row_bytes: part.get_array_memory_size() / part.num_rows().max(1),
            });
            self.rows += part.num_rows() as u64;
        }
        self.bytes += bytes as u64;
        Ok(())
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// About as many bytes as the file takes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn end(mut self) -> Result<Stored, ArrowError> {
        self.writer.finish()?;
        let bytes = self.file.metadata()?.len();
        Ok(Stored {
            file: self.file,
            schema: self.schema,
            parts: self.parts,
            rows: self.rows,
            bytes,
        })
    }
}

/// Rows whose texts are theirs alone: a part of a batch still holds the texts of all.
fn with_own_texts(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_string_view().gc()) as ArrayRef,
            DataType::BinaryView => Arc::new(column.as_binary_view().gc()) as ArrayRef,
            _ => ArrayRef::clone(column),
        });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns.collect(), &options)
}

impl Stored {
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// At most `count` rows from number `offset` on; fewer, but one, where they would take
    /// more than about `bytes_max` of memory.
    pub(super) fn page(
        &self,
        offset: u64,
        count: u64,
        bytes_max: usize,
    ) -> Result<Vec<RecordBatch>, ArrowError> {
        let end = offset.saturating_add(count).min(self.rows);
        let first = self.parts.partition_point(|part| part.start <= offset);
        let mut page = Vec::new();
        let mut bytes = 0;
        for batch in self.batches(first.saturating_sub(1))? {
            let batch = batch?;
            let Part { start, row_bytes } = self.parts[first.saturating_sub(1) + page.len()];
            if start >= end || bytes >= bytes_max {
                break;
            }
            let from = offset.saturating_sub(start).min(batch.num_rows() as u64);
            let to = (end - start).min(batch.num_rows() as u64);
            let mut rows = (to - from.min(to)) as usize;
            let room = (bytes_max - bytes) / row_bytes.max(1);
            rows = rows.min(room.max(usize::from(page.is_empty())));
            bytes += rows * row_bytes;
            let is_full = rows < (to - from.min(to)) as usize;
            page.push(batch.slice(from as usize, rows));
            if is_full {
                break;
            }
        }
        Ok(page)
    }

    /// All batches from number `first` on. Each reader has a place of its own in the file.
    pub(super) fn batches(&self, first: usize) -> Result<Batches, ArrowError> {
        let file = BufReader::new(AtOwnPlace {
            file: self.file.try_clone()?,
            place: 0,
            length: self.bytes,
        });
        let mut reader = FileReader::try_new(file, None)?;
        if first < self.parts.len() {
            reader.set_index(first)?;
        }
        Ok(reader)
    }
}

/// The batches of a result.
pub(super) type Batches = FileReader<BufReader<AtOwnPlace>>;

/// A file that is read by position: clones of one file share its place.
#[derive(Debug)]
pub(super) struct AtOwnPlace {
    file: File,
    place: u64,
    length: u64,
}

impl std::io::Read for AtOwnPlace {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = std::os::unix::fs::FileExt::read_at(&self.file, buffer, self.place)?;
        self.place += count as u64;
        Ok(count)
    }
}

impl std::io::Seek for AtOwnPlace {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        let place = match to {
            std::io::SeekFrom::Start(place) => Some(place),
            std::io::SeekFrom::End(by) => self.length.checked_add_signed(by),
            std::io::SeekFrom::Current(by) => self.place.checked_add_signed(by),
        };
        let negative = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
        self.place = place.ok_or_else(negative)?;
        Ok(self.place)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    #[test]
    fn pages_are_the_rows_in_order() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let mut storing = Storing::begin(Arc::clone(&schema)).unwrap();
        for batch in [0..10, 10..11, 11..30] {
            let column = Arc::new(Int64Array::from_iter_values(batch));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
            storing.add(&batch).unwrap();
        }
        let stored = storing.end().unwrap();
        assert_eq!(stored.rows(), 30);
        for (offset, count) in [
            (0, 5),
            (0, 30),
            (8, 5),
            (10, 1),
            (25, 100),
            (30, 5),
            (99, 1),
            (3, 0),
        ] {
            let page = stored.page(offset, count, usize::MAX).unwrap();
            let found = page.iter().flat_map(|batch| {
                batch
                    .column(0)
                    .as_primitive::<Int64Type>()
                    .values()
                    .to_vec()
            });
            let expected = (offset..(offset + count).min(30)).map(|n| n as i64);
            assert!(found.eq(expected), "{offset} {count}");
        }
    }

    #[test]
    fn a_result_without_rows_has_empty_pages() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let stored = Storing::begin(schema).unwrap().end().unwrap();
        assert!(stored.page(0, 10, 1).unwrap().is_empty());
    }

    #[test]
    fn a_page_of_long_texts_has_few_rows_and_takes_little_memory() {
        let schema = Arc::new(Schema::new(vec![Field::new(
            "s",
            DataType::Utf8View,
            false,
        )]));
        let mut storing = Storing::begin(Arc::clone(&schema)).unwrap();
        let text = "x".repeat(1 << 20);
        let column = StringViewArray::from_iter_values((0..40).map(|_| text.as_str()));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(column)]).unwrap();
        storing.add(&batch).unwrap();
        let stored = storing.end().unwrap();
        let page = stored.page(3, 30, 8 << 20).unwrap();
        let rows: usize = page.iter().map(RecordBatch::num_rows).sum();
        assert!((4..=9).contains(&rows), "{rows}");
        let one = stored.page(3, 30, 1).unwrap();
        assert_eq!(one.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
        let whole = stored.batches(0).unwrap();
        let largest = whole.map(|part| part.unwrap().num_rows()).max();
        assert!(largest.unwrap() <= 4, "{largest:?}");
    }
}
