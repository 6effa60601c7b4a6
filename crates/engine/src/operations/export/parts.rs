//! The data files of an export, written one after the other.

use arrow::array::RecordBatch;
use lake::Layout;
use object_store::buffered::BufWriter;

use super::draft::{Draft, cannot_write};
use super::encode::Encoder;
use super::{ExportFormat, ExportedFile};
use crate::Error;

/// A folder's file is closed, and the next one begun, once it holds this many
/// bytes.
pub(super) const PART_BYTES: u64 = 512 << 20;

/// Writes rows into one file, or into several where the place is a folder.
pub(super) struct Parts<'a> {
    draft: &'a Draft,
    layout: &'a Layout,
    format: ExportFormat,
    bytes_max: u64,
    open: Option<Open>,
    done: Vec<ExportedFile>,
}

struct Open {
    name: String,
    rows: u64,
    encoder: Encoder,
}

impl<'a> Parts<'a> {
    pub(super) fn new(
        draft: &'a Draft,
        layout: &'a Layout,
        format: ExportFormat,
        bytes_max: u64,
    ) -> Self {
        Self {
            draft,
            layout,
            format,
            bytes_max,
            open: None,
            done: Vec::new(),
        }
    }

    /// Appends `batch`, which has the layout's schema.
    ///
    /// # Errors
    /// [`Error::Export`].
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin().await?,
        };
        let written = open.encoder.write(batch).await;
        open.rows += batch.num_rows() as u64;
        let full = self.draft.place().is_folder() && open.encoder.bytes() >= self.bytes_max;
        self.open = Some(open);
        written.map_err(|reason| self.failed(&reason))?;
        if full {
            self.close().await?;
        }
        Ok(())
    }

    /// Ends the last file and gives them all. A table without rows has one
    /// file, too: it tells the columns.
    ///
    /// # Errors
    /// [`Error::Export`].
    pub(super) async fn finish(&mut self) -> Result<Vec<ExportedFile>, Error> {
        if self.open.is_none() && self.done.is_empty() {
            self.open = Some(self.begin().await?);
        }
        self.close().await?;
        Ok(std::mem::take(&mut self.done))
    }

    /// Gives the file that is open up, and names those that are not.
    pub(super) async fn abort(self) -> Vec<String> {
        if let Some(open) = self.open {
            open.encoder.abort().await;
        }
        self.done.into_iter().map(|file| file.file).collect()
    }

    async fn begin(&self) -> Result<Open, Error> {
        let part = self.done.len() + 1;
        let table = &self.layout.table().name;
        let name = self.draft.place().data_name(table, self.format, part);
        let file: BufWriter = self.draft.file(&name);
        let encoder = Encoder::begin(self.format, self.layout, file).await;
        Ok(Open {
            name,
            rows: 0,
            encoder: encoder.map_err(|reason| self.failed(&reason))?,
        })
    }

    async fn close(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let written = open.encoder.finish().await;
        let written = written.map_err(|reason| self.failed(&reason))?;
        self.done.push(ExportedFile {
            file: open.name,
            rows: open.rows,
            bytes: written.bytes,
            sha256: written.sha256,
        });
        Ok(())
    }

    fn failed(&self, reason: &str) -> Error {
        cannot_write(self.draft.place(), reason)
    }
}
