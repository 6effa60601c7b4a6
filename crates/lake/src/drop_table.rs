//! Dropping a table: log, files and folder.
//!
//! Several objects cannot go at once. So the table is emptied first, by one
//! commit: from then on it is a table without rows to every reader, until
//! nothing is left of it, and whoever is called to drop it again takes the rest.
//! Its last version keeps a checkpoint and goes last, so that no older version
//! is ever taken for the newest.

use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::error::Error;
use crate::files::layout::Layout;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::commit::CommitInfo;
use crate::log::entry::{Publication, RemovedFiles};
use crate::log::version::AsOf;
use crate::store::partial_writes::staged;

impl Lake {
    /// Takes `table` away with all its versions, and tells how many objects and
    /// bytes that were. `emptied` is noted with the commit that empties it. To be
    /// called by whoever holds the lake.
    ///
    /// # Errors
    /// [`Error::NoTable`]; others where not all of it could be taken away. It is
    /// as it was then, or empty; the same call takes the rest.
    pub async fn drop_table(
        &self,
        table: &TableId,
        emptied: CommitInfo,
    ) -> Result<(u64, u64), Error> {
        let objects = self.all_objects(table).await?;
        if objects.is_empty() {
            return Err(Error::NoTable {
                table: table.clone(),
            });
        }
        self.empty(table, emptied).await?;
        let objects = self.all_objects(table).await?;
        let (count, bytes) = (
            objects.len() as u64,
            objects.iter().map(|meta| meta.size).sum(),
        );
        let newest = self.log(table).await?.newest();
        let folder = self.path(table).join("_delta_log");
        let of_newest = newest.map(|newest| folder.clone().join(format!("{newest:020}")));
        let rank = |path: &Path| {
            let is_log = path.prefix_matches(&folder);
            let is_of_newest = of_newest
                .as_ref()
                .is_some_and(|newest| path.as_ref().starts_with(newest.as_ref()));
            match (is_log, is_of_newest) {
                (false, _) => 0,
                (true, false) if path.filename() == Some("_last_checkpoint") => 3,
                (true, false) => 1,
                (true, true) if path.as_ref().ends_with(".json") => 2,
                (true, true) => 4,
            }
        };
        for step in 0..=4 {
            let paths = objects.iter().map(|meta| meta.location.clone());
            self.take_away(paths.filter(|path| rank(path) == step).collect())
                .await?;
        }
        if let Some(lake) = self.location().folder() {
            let folder = lake.join(&table.zone).join(&table.name);
            for file in staged(&folder) {
                let _ = std::fs::remove_file(file);
            }
            for folder in [folder.join("_delta_log"), folder, lake.join(&table.zone)] {
                let _ = std::fs::remove_dir(folder);
            }
        }
        Ok((count, bytes))
    }

    /// Makes a version without rows the newest, and one that can be opened by
    /// itself.
    async fn empty(&self, table: &TableId, emptied: CommitInfo) -> Result<(), Error> {
        let standing = match self.version(table, AsOf::Latest).await {
            Ok(Some(standing)) => standing,
            // Nobody meets rows in a table that cannot be opened.
            Ok(None)
            | Err(Error::Table { .. } | Error::UnsupportedType { .. } | Error::Damaged { .. }) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !standing.files.is_empty() {
            let next = Publication {
                layout: Layout::new(table.clone(), &standing.schema, &standing.personal)?,
                description: standing.description.clone().unwrap_or_default(),
                files: Vec::new(),
                removed: RemovedFiles::All,
                changes_rows: true,
                commit_info: emptied,
            };
            self.publish_after(Some(&standing), &next).await?;
        }
        self.checkpoint_at(table, None).await?;
        let log = self.log(table).await?;
        let newest = log.newest();
        let made = log.others.into_iter().filter(|(of, _)| Some(*of) == newest);
        let made: Vec<Path> = made.map(|(_, meta)| meta.location).collect();
        self.location().make_durable(&made).await
    }

    async fn all_objects(&self, table: &TableId) -> Result<Vec<ObjectMeta>, Error> {
        let folder = self.path(table);
        let listed = self.location().store().list(Some(&folder));
        let listed: Result<Vec<_>, _> = listed.try_collect().await;
        match listed {
            Ok(objects) => Ok(objects),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => {
                let folder = self.location().display(&folder);
                Err(Error::store("list", folder, &error))
            }
        }
    }
}
