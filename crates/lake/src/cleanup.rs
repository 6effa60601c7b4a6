//! Removes files that were written but not published: by the run itself when it
//! fails, by the next lock holder when the run was killed.

use std::path::Path as FsPath;

use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::error::Error;
use crate::files::layout::DataFile;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::version::AsOf;
use crate::store::partial_writes::partial_writes;

impl Lake {
    /// Removes unpublished files. Best effort: a remaining file belongs to no
    /// version.
    pub async fn discard(&self, files: &[DataFile]) {
        for file in files {
            if let Err(error) = self.location().store().delete(&file.path).await {
                tracing::debug!(file = %file.path, %error, "could not remove an unpublished file");
            }
        }
    }

    /// Removes all files of `table` that `run` wrote and returns their number. For
    /// a run that ends before it publishes any of them. Best effort, as
    /// [`Lake::discard`].
    pub async fn remove_files_of_run(&self, table: &TableId, run: &str) -> usize {
        let prefix = format!("part-{run}-");
        let folder = self.table_path(table);
        let listed = self.location().store().list_with_delimiter(Some(&folder));
        let mut removed = 0;
        for meta in listed
            .await
            .map(|listed| listed.objects)
            .unwrap_or_default()
        {
            let name = meta.location.filename();
            if name.is_some_and(|name| name.starts_with(&prefix)) {
                removed += 1;
                let _ = self.location().store().delete(&meta.location).await;
            }
        }
        if let Some(folder) = self.location().folder() {
            // A table that was never published keeps no folder.
            let _ = std::fs::remove_dir(folder.join(&table.zone).join(&table.name));
            let _ = std::fs::remove_dir(folder.join(&table.zone));
        }
        removed
    }

    /// Removes what a killed run left: its files that are in no table's newest
    /// version, releases before the newest, and unfinished writes on this machine.
    /// The caller must hold the lock.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Table`] for a table that cannot be opened.
    pub async fn remove_unpublished_after(&self, run: &str) -> Result<(), Error> {
        for zone in self.subfolders(self.location().prefix()).await? {
            for table in self.table_folders(&zone).await? {
                for path in self.unpublished_files(&table, run).await? {
                    let _ = self.location().store().delete(&path).await;
                }
                if let Some(folder) = self.location().folder() {
                    // A table that was never published keeps no folder, and neither
                    // does a table that was being dropped.
                    let folder = folder.join(&table.zone).join(&table.name);
                    let _ = std::fs::remove_dir(folder.join("_delta_log"));
                    let _ = std::fs::remove_dir(folder);
                }
            }
        }
        if let Some(folder) = self.location().folder() {
            remove_partial_writes(folder);
        }
        self.remove_older_releases().await
    }

    /// The files of `run` that are not in the newest version of `table`. None if
    /// the table is damaged, because its files are unknown then.
    async fn unpublished_files(&self, table: &TableId, run: &str) -> Result<Vec<Path>, Error> {
        let prefix = format!("part-{run}-");
        let objects = self.data_files(table).await?.into_iter();
        let mut files: Vec<Path> = objects
            .map(|meta| meta.location)
            .filter(|path| {
                path.filename()
                    .is_some_and(|name| name.starts_with(&prefix))
            })
            .collect();
        if files.is_empty() {
            return Ok(files);
        }
        match self.version(table, AsOf::Latest).await {
            Ok(Some(version)) => {
                files.retain(|path| version.files.iter().all(|file| file.path != *path));
                Ok(files)
            }
            Ok(None) => Ok(files),
            Err(Error::Damaged { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Removes the files of unfinished writes in the lake's folder.
fn remove_partial_writes(lake: &FsPath) {
    // Another process may be writing to the consent register: that needs no lock.
    let register = lake.join("system/consent_register");
    for file in partial_writes(lake) {
        if !file.starts_with(&register) {
            let _ = std::fs::remove_file(file);
        }
    }
}
