//! The result of a query, in a file without a name, so that pages of it can be read.

use std::fs::File;
use std::io::{BufReader, BufWriter};

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;

/// A result that is being written.
pub(super) struct Storing {
    file: File,
    writer: FileWriter<BufWriter<File>>,
    schema: SchemaRef,
    /// The number of the first row of each batch.
    starts: Vec<u64>,
    rows: u64,
    bytes: u64,
}

/// A result that is complete, or was cut off at a limit.
#[derive(Debug)]
pub(super) struct Stored {
    file: File,
    schema: SchemaRef,
    starts: Vec<u64>,
    rows: u64,
    bytes: u64,
}

impl Storing {
    pub(super) fn begin(schema: SchemaRef) -> Result<Self, ArrowError> {
        let file = tempfile::tempfile()?;
        let writer = BufWriter::new(file.try_clone()?);
        Ok(Self {
            writer: FileWriter::try_new(writer, &schema)?,
            file,
            schema,
            starts: Vec::new(),
            rows: 0,
            bytes: 0,
        })
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.writer.write(batch)?;
        self.starts.push(self.rows);
        self.rows += batch.num_rows() as u64;
        self.bytes += batch.get_array_memory_size() as u64;
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
            starts: self.starts,
            rows: self.rows,
            bytes,
        })
    }
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

    /// At most `count` rows from number `offset` on.
    pub(super) fn page(&self, offset: u64, count: u64) -> Result<Vec<RecordBatch>, ArrowError> {
        let end = offset.saturating_add(count).min(self.rows);
        let first = self.starts.partition_point(|start| *start <= offset);
        let mut page = Vec::new();
        for batch in self.batches(first.saturating_sub(1))? {
            let batch = batch?;
            let start = self.starts[first.saturating_sub(1) + page.len()];
            if start >= end {
                break;
            }
            let from = offset.saturating_sub(start).min(batch.num_rows() as u64);
            let to = (end - start).min(batch.num_rows() as u64);
            page.push(batch.slice(from as usize, (to - from.min(to)) as usize));
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
        if first < self.starts.len() {
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

    use arrow::array::{AsArray, Int64Array};
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
            let page = stored.page(offset, count).unwrap();
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
        assert!(stored.page(0, 10).unwrap().is_empty());
    }
}
