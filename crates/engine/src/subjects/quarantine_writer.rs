//! Writes quarantine entries into data files while landing files are read. The files belong
//! to no version of the table until a release publishes them.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use lake::{DataFile, Lake, Layout, Publication, RemovedFiles, Version};
use tokio::sync::Mutex;

use crate::Error;
use crate::content;
use crate::content::Content;
use crate::subjects::quarantine::{ALL, batch, entries_of};
use crate::system_rows;
use query::Query;
use query::Session;
use query::landing::{QuarantineEntry, QuarantineSink};
use query::system;

/// Writes entries. Only a few MiB of them are in memory at a time.
pub(crate) struct QuarantineWriter {
    lake: Lake,
    run: String,
    layout: Layout,
    buffer: Mutex<Buffer>,
}

/// Entries that are not written yet, and what was written.
struct Buffer {
    writer: Option<lake::FileWriter>,
    files: Vec<DataFile>,
    /// Whether published entries were copied.
    has_copied: bool,
    entries: Vec<QuarantineEntry>,
    bytes: usize,
    content: Content,
    rows: u64,
}

/// How many bytes of entries are buffered before they are written.
const BUFFER_BYTES_MAX: usize = 4 << 20;

/// All entries written.
struct Written {
    files: Vec<DataFile>,
    content: Content,
    rows: u64,
}

impl QuarantineWriter {
    /// A writer for `run`.
    pub(crate) fn begin(lake: &Lake, run: &str) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            lake: lake.clone(),
            run: run.to_owned(),
            layout: system::QUARANTINE.layout()?,
            buffer: Mutex::new(Buffer {
                writer: None,
                files: Vec::new(),
                has_copied: false,
                entries: Vec::new(),
                bytes: 0,
                content: Content::default(),
                rows: 0,
            }),
        }))
    }

    /// Copies the published entries of tables that were not read. Does so only once.
    pub(crate) async fn copy_unread_tables(
        &self,
        session: &Session,
        was_read: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        if std::mem::replace(&mut self.buffer.lock().await.has_copied, true) {
            return Ok(());
        }
        let mut batches = session.query(ALL).await?.stream()?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(Query::failed)?;
            let mut entries = entries_of(&batch);
            entries.retain(|entry| !was_read(&entry.table));
            self.put(entries).await?;
        }
        Ok(())
    }

    /// A version with only the entries written; `None` if `published` holds the same
    /// entries.
    pub(crate) async fn replace(
        &self,
        published: Option<&Version>,
    ) -> Result<Option<Publication>, Error> {
        let written = self.finish().await?;
        let is_same = match published.map(|published| &published.commit_info) {
            Some(Some(published)) => published.content == written.content.to_text(),
            Some(None) => false,
            // An empty table is not created.
            None => written.rows == 0,
        };
        if is_same {
            self.lake.discard(&written.files).await;
            return Ok(None);
        }
        self.publication(written, RemovedFiles::All).map(Some)
    }

    /// A version with only the entries written, in place of a damaged table.
    pub(crate) async fn replace_damaged(&self) -> Result<Option<Publication>, Error> {
        let written = self.finish().await?;
        self.publication(written, RemovedFiles::All).map(Some)
    }

    /// A version that adds the entries to `published`; `None` if there are none.
    pub(crate) async fn append(
        &self,
        session: &Session,
        published: Option<&Version>,
    ) -> Result<Option<Publication>, Error> {
        let Some(version) = published else {
            return self.replace(None).await;
        };
        if self.buffer.lock().await.row_count() == 0 {
            return Ok(None);
        }
        // A table written by an older version has fewer columns. It is written again.
        let before = version.commit_info.as_ref();
        let before = before.and_then(|info| Content::from_text(&info.content));
        let before = before.filter(|_| version.schema == system::QUARANTINE.schema());
        let Some(before) = before else {
            self.copy_unread_tables(session, |_| false).await?;
            return self.replace(published).await;
        };
        let mut written = self.finish().await?;
        written.content.merge(before);
        written.rows += version.rows();
        self.publication(written, RemovedFiles::None).map(Some)
    }

    fn publication(&self, written: Written, removed: RemovedFiles) -> Result<Publication, Error> {
        let table = &system::QUARANTINE;
        Ok(Publication {
            layout: self.layout.clone(),
            description: system::grain(table.name()).unwrap_or_default().to_owned(),
            commit_info: system_rows::commit_info(&self.run, written.rows, written.content),
            files: written.files,
            removed,
            changes_rows: true,
        })
    }

    /// Writes buffered entries. Returns the files with all entries so far.
    pub(crate) async fn files(&self) -> Result<Vec<DataFile>, Error> {
        let mut buffer = self.buffer.lock().await;
        self.write(&mut buffer).await?;
        if let Some(writer) = buffer.writer.take() {
            let files = writer.finish().await?;
            buffer.files.extend(files);
        }
        Ok(buffer.files.clone())
    }

    async fn write(&self, buffer: &mut Buffer) -> Result<(), lake::Error> {
        let entries = std::mem::take(&mut buffer.entries);
        buffer.bytes = 0;
        if entries.is_empty() {
            return Ok(());
        }
        let batch = batch(&entries);
        buffer.content.add(content::hashes(&batch));
        buffer.rows += entries.len() as u64;
        let begin = || self.lake.writer(&self.layout, &self.run);
        let writer = buffer.writer.get_or_insert_with(begin);
        writer.write(&batch).await
    }

    async fn finish(&self) -> Result<Written, Error> {
        let files = self.files().await?;
        let buffer = self.buffer.lock().await;
        Ok(Written {
            files,
            content: buffer.content,
            rows: buffer.rows,
        })
    }
}

#[async_trait]
impl QuarantineSink for QuarantineWriter {
    async fn put(&self, entries: Vec<QuarantineEntry>) -> Result<(), lake::Error> {
        let mut buffer = self.buffer.lock().await;
        for entry in entries {
            buffer.bytes += entry.bytes();
            buffer.entries.push(entry);
            if buffer.bytes > BUFFER_BYTES_MAX {
                self.write(&mut buffer).await?;
            }
        }
        Ok(())
    }
}

impl Buffer {
    /// Written and buffered rows.
    fn row_count(&self) -> u64 {
        self.rows + self.entries.len() as u64
    }
}

impl std::fmt::Debug for QuarantineWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("QuarantineWriter")
    }
}
