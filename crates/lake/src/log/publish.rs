//! Publishes the next version of one table by writing its log entry, and writes
//! checkpoints. Releases use it for each of their tables.

use object_store::path::Path;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::entry::{LogEntry, Publication, TableState, publish_error};
use crate::log::version::{AsOf, Version};
use crate::store::conditional_put::{PutOutcome, put_if_absent};

/// The number of versions between two checkpoints. Opening a table reads the log
/// entries after the last checkpoint, so their number stays small.
const CHECKPOINT_EVERY: u64 = 20;

impl Lake {
    /// Publishes `next` in one commit and returns the number of the new version.
    ///
    /// Older versions stay readable.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another writer has published a version meanwhile;
    /// nothing of this one is visible then.
    pub async fn publish(&self, next: Publication) -> Result<i64, Error> {
        let before = self.version(next.layout.table(), AsOf::Latest).await?;
        self.publish_after(before.as_ref(), &next).await
    }

    /// The same, but only if `current` is still the newest version.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn publish_after(
        &self,
        current: Option<&Version>,
        next: &Publication,
    ) -> Result<i64, Error> {
        let entry = TableState::of(current).next_entry(next)?;
        let files: Vec<Path> = next.files.iter().map(|file| file.path.clone()).collect();
        self.location().sync(&files).await?;
        self.put_entry(&entry).await?;
        Ok(i64::try_from(entry.version).unwrap_or(i64::MAX))
    }

    /// Writes an entry to the log of its table. It may be there already, with the
    /// same bytes.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the log has another writer's entry.
    pub(crate) async fn put_entry(&self, entry: &LogEntry) -> Result<(), Error> {
        let path = entry.path(self);
        let body = entry.bytes();
        match put_if_absent(self.location().store().as_ref(), &path, body).await {
            Ok(PutOutcome::Created) => {}
            Ok(PutOutcome::Exists) => {
                return Err(Error::Conflict {
                    table: entry.table(),
                });
            }
            Err(error) => {
                let object = self.location().display(&path);
                return Err(Error::store("write", object, &error));
            }
        }
        self.location().sync(&[path]).await?;
        if entry.version > 0 && entry.version.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoint(&entry.table()).await;
        }
        Ok(())
    }

    /// Writes a checkpoint of the newest version, so that the table opens faster.
    /// Best effort: the log has the same content without it.
    pub async fn checkpoint(&self, table: &TableId) {
        if let Err(error) = self.checkpoint_at(table, None).await {
            tracing::debug!(%table, %error, "could not write a checkpoint");
        }
    }

    /// Writes a checkpoint of a version, or of the newest one. From then on, opening
    /// the table starts with it.
    ///
    /// # Errors
    /// [`Error::Table`].
    pub(crate) async fn checkpoint_at(
        &self,
        table: &TableId,
        version: Option<u64>,
    ) -> Result<(), Error> {
        let delta = self.open_delta_table(table, version).await?;
        let written = deltalake_core::checkpoints::create_checkpoint(&delta, None).await;
        written.map_err(|source| publish_error(table, source))
    }
}
