//! Writes rows into new data files of a table. Used for building tables.

use std::sync::Arc;

use arrow::array::RecordBatch;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;

use crate::error::Error;
use crate::files::layout::{DataFile, Layout, write_error};
use crate::lake::Lake;

/// The writer starts the next file when the current one has this many bytes.
const FILE_BYTES_MAX: usize = 512 << 20;

/// The part size of multipart uploads. Every stream that is being written keeps
/// one or two parts in memory, so this is the smallest size that S3 accepts.
const PART_BYTES: usize = 5 << 20;

/// Writes one stream of batches into one or more files. They belong to the table
/// only after they are published.
pub struct FileWriter {
    lake: Lake,
    layout: Layout,
    run: String,
    current: Option<OpenFile>,
    done: Vec<DataFile>,
}

struct OpenFile {
    name: String,
    path: Path,
    writer: AsyncArrowWriter<BufWriter>,
}

impl Lake {
    /// Starts to write files of a table. Their names contain `run`, so that they can
    /// be removed if the run fails.
    pub fn writer(&self, layout: &Layout, run: &str) -> FileWriter {
        FileWriter {
            lake: self.clone(),
            layout: layout.clone(),
            run: run.to_owned(),
            current: None,
            done: Vec::new(),
        }
    }

    /// An upload to the object at `path`.
    pub(crate) fn sink(&self, path: &Path) -> BufWriter {
        let store = Arc::clone(self.location().store());
        BufWriter::with_capacity(store, path.clone(), PART_BYTES)
    }
}

impl FileWriter {
    /// Appends `batch`, which must have the layout's schema.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.current.is_none() {
            self.current = Some(self.start_file()?);
        }
        let Some(open) = &mut self.current else {
            return Ok(());
        };
        let table = self.layout.table();
        open.writer
            .write(batch)
            .await
            .map_err(|error| write_error(table, &error))?;
        if open.writer.bytes_written() + open.writer.in_progress_size() >= FILE_BYTES_MAX {
            self.close().await?;
        }
        Ok(())
    }

    /// Ends the last file and returns all files in the order they were written.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub async fn finish(mut self) -> Result<Vec<DataFile>, Error> {
        self.close().await?;
        Ok(self.done)
    }

    fn start_file(&self) -> Result<OpenFile, Error> {
        let name = new_file_name(&self.run);
        let path = self
            .lake
            .table_path(self.layout.table())
            .join(name.as_str());
        let writer = self.layout.file_writer(self.lake.sink(&path))?;
        Ok(OpenFile { name, path, writer })
    }

    async fn close(&mut self) -> Result<(), Error> {
        let Some(mut open) = self.current.take() else {
            return Ok(());
        };
        let metadata = open
            .writer
            .finish()
            .await
            .map_err(|error| write_error(self.layout.table(), &error))?;
        let bytes = open.writer.bytes_written() as u64;
        self.lake.location().start_sync(&open.path);
        let file = self
            .layout
            .data_file(open.path, open.name, bytes, &metadata);
        self.done.push(file);
        Ok(())
    }
}

/// A new name for a file that `run` writes.
pub(crate) fn new_file_name(run: &str) -> String {
    format!("part-{run}-{}.parquet", uuid::Uuid::new_v4().simple())
}
