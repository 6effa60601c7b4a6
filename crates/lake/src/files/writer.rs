//! Rows into data files.

use std::sync::Arc;

use arrow::array::RecordBatch;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;

use crate::error::Error;
use crate::files::layout::{DataFile, Layout, failed};
use crate::lake::Lake;

/// A file is closed, and the next one begun, once it holds this many bytes.
const FILE_BYTES: usize = 512 << 20;

/// A file goes to the store in parts of so many bytes, of which every stream
/// that is being written holds one or two: the least that S3 takes.
const PART_BYTES: usize = 5 << 20;

/// Writes one stream of batches into one or more files. Nothing of it is part
/// of the table until it is published.
pub struct FileWriter {
    lake: Lake,
    layout: Layout,
    run: String,
    open: Option<Open>,
    done: Vec<DataFile>,
}

struct Open {
    name: String,
    path: Path,
    writer: AsyncArrowWriter<BufWriter>,
}

impl Lake {
    /// Begins to write files of a table. Their names carry `run`, so that a
    /// run that ends early can find them again.
    pub fn writer(&self, layout: &Layout, run: &str) -> FileWriter {
        FileWriter {
            lake: self.clone(),
            layout: layout.clone(),
            run: run.to_owned(),
            open: None,
            done: Vec::new(),
        }
    }

    /// Where a file goes that is being written.
    pub(crate) fn sink(&self, path: &Path) -> BufWriter {
        let store = Arc::clone(self.location().store());
        BufWriter::with_capacity(store, path.clone(), PART_BYTES)
    }
}

impl FileWriter {
    /// Appends `batch`, which has the layout's schema.
    ///
    /// # Errors
    /// [`Error::FileWrite`] where the store cannot take it.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.open.is_none() {
            self.open = Some(self.begin()?);
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let table = self.layout.table();
        open.writer
            .write(batch)
            .await
            .map_err(|error| failed(table, &error))?;
        if open.writer.bytes_written() + open.writer.in_progress_size() >= FILE_BYTES {
            self.close().await?;
        }
        Ok(())
    }

    /// Ends the last file and gives all files written, in order.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub async fn finish(mut self) -> Result<Vec<DataFile>, Error> {
        self.close().await?;
        Ok(self.done)
    }

    fn begin(&self) -> Result<Open, Error> {
        let name = new_name(&self.run);
        let path = self.lake.path(self.layout.table()).join(name.as_str());
        let writer = self.layout.file_writer(self.lake.sink(&path))?;
        Ok(Open { name, path, writer })
    }

    async fn close(&mut self) -> Result<(), Error> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let metadata = open
            .writer
            .finish()
            .await
            .map_err(|error| failed(self.layout.table(), &error))?;
        let bytes = open.writer.bytes_written() as u64;
        self.lake.location().begin_to_make_durable(&open.path);
        let file = self.layout.file(open.path, open.name, bytes, &metadata);
        self.done.push(file);
        Ok(())
    }
}

/// A name for a file that `run` writes.
pub(crate) fn new_name(run: &str) -> String {
    format!("part-{run}-{}.parquet", uuid::Uuid::new_v4().simple())
}
