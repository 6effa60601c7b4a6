//! Publication: making written files a table's next version.
//!
//! A version is one log entry, and what is to stand in it is known to the byte
//! before anything is written: so an entry that stands already can be told to
//! be ours or another writer's, whoever comes to look.

use object_store::path::Path;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::entry::{Entry, Publication, Standing, publishing};
use crate::log::version::{AsOf, Version};
use crate::store::conditional_put::{Created, create};

/// A checkpoint is made at each version that this divides, so that opening a
/// table reads few log entries however many there are.
const CHECKPOINT_EVERY: u64 = 20;

impl Lake {
    /// Publishes `next` by itself, in one commit, and gives its version number.
    ///
    /// Older versions stay readable.
    ///
    /// # Errors
    /// [`Error::Conflict`] where somebody else published a version meanwhile;
    /// nothing is visible then.
    pub async fn publish(&self, next: Publication) -> Result<i64, Error> {
        let before = self.version(next.layout.table(), AsOf::Latest).await?;
        self.publish_after(before.as_ref(), &next).await
    }

    /// Likewise, as the version that follows `standing` and no other.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn publish_after(
        &self,
        standing: Option<&Version>,
        next: &Publication,
    ) -> Result<i64, Error> {
        let entry = Standing::of(standing).follow(next)?;
        let files: Vec<Path> = next.files.iter().map(|file| file.path.clone()).collect();
        self.location().make_durable(&files).await?;
        self.put_entry(&entry).await?;
        Ok(i64::try_from(entry.version).unwrap_or(i64::MAX))
    }

    /// Puts an entry into its table's log; one that stands there already, byte
    /// for byte, is as good.
    ///
    /// # Errors
    /// [`Error::Conflict`] where another writer's entry stands there.
    pub(crate) async fn put_entry(&self, entry: &Entry) -> Result<(), Error> {
        let path = entry.path(self);
        let body = entry.bytes();
        match create(self.location().store().as_ref(), &path, body).await {
            Ok(Created::Made) => {}
            Ok(Created::AlreadyThere) => {
                return Err(Error::Conflict {
                    table: entry.table(),
                });
            }
            Err(error) => {
                let object = self.location().display(&path);
                return Err(Error::store("write", object, &error));
            }
        }
        self.location().make_durable(&[path]).await?;
        if entry.version > 0 && entry.version.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoint(&entry.table()).await;
        }
        Ok(())
    }

    /// Gathers the table's state into one file, so that it opens quickly. Best
    /// effort: without it the log says the same.
    pub async fn checkpoint(&self, table: &TableId) {
        if let Err(error) = self.checkpoint_at(table, None).await {
            tracing::debug!(%table, %error, "could not make a checkpoint");
        }
    }

    /// Makes a checkpoint of a version, or of the newest one. From here on the
    /// table is opened by it.
    ///
    /// # Errors
    /// [`Error::Table`].
    pub(crate) async fn checkpoint_at(
        &self,
        table: &TableId,
        version: Option<u64>,
    ) -> Result<(), Error> {
        let delta = self.open(table, version).await?;
        let made = deltalake_core::checkpoints::create_checkpoint(&delta, None).await;
        made.map_err(|source| publishing(table, source))
    }
}
