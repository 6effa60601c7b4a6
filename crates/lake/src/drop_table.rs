//! Drops a table: removes its log, files and folder.
//!
//! A store cannot delete several objects atomically. So one commit empties the
//! table first. After it, every reader sees a table without rows until nothing is
//! left. If the process is killed on the way, dropping the table again removes the
//! rest. The newest version gets a checkpoint, which is deleted last, so that no
//! older version ever becomes the newest.

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
use crate::store::partial_writes::partial_writes;

impl Lake {
    /// Removes `table` with all its versions and returns the number of objects and
    /// bytes. `emptied` is the commit info of the commit that empties the table. The
    /// caller must hold the lock.
    ///
    /// # Errors
    /// [`Error::NoTable`]; others if objects remain. The table is unchanged or empty
    /// then, and the same call removes the rest.
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
        let newest = self.list_log(table).await?.newest();
        let folder = self.table_path(table).join("_delta_log");
        let newest_prefix = newest.map(|newest| folder.clone().join(format!("{newest:020}")));
        let deletion_step = |path: &Path| {
            let is_log = path.prefix_matches(&folder);
            let is_of_newest = newest_prefix
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
            self.delete_all(paths.filter(|path| deletion_step(path) == step).collect())
                .await?;
        }
        if let Some(lake) = self.location().folder() {
            let folder = lake.join(&table.zone).join(&table.name);
            for file in partial_writes(&folder) {
                let _ = std::fs::remove_file(file);
            }
            for folder in [folder.join("_delta_log"), folder, lake.join(&table.zone)] {
                let _ = std::fs::remove_dir(folder);
            }
        }
        Ok((count, bytes))
    }

    /// Publishes a version without rows, with a checkpoint of its own.
    async fn empty(&self, table: &TableId, emptied: CommitInfo) -> Result<(), Error> {
        let current = match self.version(table, AsOf::Latest).await {
            Ok(Some(current)) => current,
            // Nobody can read rows of a table that cannot be opened.
            Ok(None)
            | Err(Error::Table { .. } | Error::UnsupportedType { .. } | Error::Damaged { .. }) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !current.files.is_empty() {
            let next = Publication {
                layout: Layout::new(table.clone(), &current.schema, &current.personal)?,
                description: current.description.clone().unwrap_or_default(),
                files: Vec::new(),
                removed: RemovedFiles::All,
                changes_rows: true,
                commit_info: emptied,
            };
            self.publish_after(Some(&current), &next).await?;
        }
        self.checkpoint_at(table, None).await?;
        let log = self.list_log(table).await?;
        let newest = log.newest();
        let checkpoint = log
            .other_objects
            .into_iter()
            .filter(|(of, _)| Some(*of) == newest);
        let checkpoint: Vec<Path> = checkpoint.map(|(_, meta)| meta.location).collect();
        self.location().sync(&checkpoint).await
    }

    /// All objects in the table's folder, at any depth.
    async fn all_objects(&self, table: &TableId) -> Result<Vec<ObjectMeta>, Error> {
        let folder = self.table_path(table);
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
