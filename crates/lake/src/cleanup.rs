//! Removing files that were never published.

use std::path::Path as FsPath;

use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::error::Error;
use crate::files::layout::DataFile;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::version::AsOf;
use crate::store::partial_writes::staged;

impl Lake {
    /// Takes files that were never published away. Best effort: a file left
    /// behind is not part of any version.
    pub async fn discard(&self, files: &[DataFile]) {
        for file in files {
            if let Err(error) = self.location().store().delete(&file.path).await {
                tracing::debug!(file = %file.path, %error, "could not remove an unpublished file");
            }
        }
    }

    /// Takes all files of `table` that `run` wrote away, and tells how many
    /// there were. For a run that ended before it published any of them. Best
    /// effort, as [`Lake::discard`].
    pub async fn remove_files_of_run(&self, table: &TableId, run: &str) -> usize {
        let prefix = format!("part-{run}-");
        let folder = self.path(table);
        let listed = self.location().store().list_with_delimiter(Some(&folder));
        let mut swept = 0;
        for meta in listed
            .await
            .map(|listed| listed.objects)
            .unwrap_or_default()
        {
            let name = meta.location.filename();
            if name.is_some_and(|name| name.starts_with(&prefix)) {
                swept += 1;
                let _ = self.location().store().delete(&meta.location).await;
            }
        }
        if let Some(folder) = self.location().folder() {
            // A table that was never published leaves no folder behind.
            let _ = std::fs::remove_dir(folder.join(&table.zone).join(&table.name));
            let _ = std::fs::remove_dir(folder.join(&table.zone));
        }
        swept
    }

    /// Takes away what a run left behind that was killed: files of its that no
    /// table's newest version names, releases before the newest, and objects
    /// that were being written on this machine. To be called by whoever holds
    /// the lake.
    ///
    /// # Errors
    /// [`Error::Store`], or of a table that cannot be opened.
    pub async fn remove_unpublished_after(&self, run: &str) -> Result<(), Error> {
        let prefix = format!("part-{run}-");
        for zone in self.folders(self.location().prefix()).await? {
            for name in self.folders(&self.location().child(&zone)).await? {
                let table = TableId::new(&zone, name);
                let folder = self.path(&table);
                let listed = self.listed(&folder).await?.objects;
                let is_of_run =
                    |path: &Path| path.filename().is_some_and(|n| n.starts_with(&prefix));
                let mut left: Vec<Path> = listed
                    .into_iter()
                    .map(|meta| meta.location)
                    .filter(is_of_run)
                    .collect();
                if !left.is_empty() {
                    match self.version(&table, AsOf::Latest).await {
                        Ok(Some(version)) => {
                            left.retain(|path| version.files.iter().all(|file| file.path != *path));
                        }
                        Ok(None) => {}
                        // Which of them it names cannot be told.
                        Err(Error::Damaged { .. }) => left.clear(),
                        Err(error) => return Err(error),
                    }
                }
                for path in left {
                    let _ = self.location().store().delete(&path).await;
                }
                if let Some(folder) = self.location().folder() {
                    // A table that was never published leaves no folder behind, nor
                    // does one that was being dropped.
                    let folder = folder.join(&table.zone).join(&table.name);
                    let _ = std::fs::remove_dir(folder.join("_delta_log"));
                    let _ = std::fs::remove_dir(folder);
                }
            }
        }
        if let Some(folder) = self.location().folder() {
            clear_staged(folder);
        }
        self.forget_older_releases().await
    }
}

/// Takes away what was being written when a run was killed.
fn clear_staged(lake: &FsPath) {
    // Consent is entered without holding the lake.
    let register = lake.join("system/consent_register");
    for file in staged(lake) {
        if !file.starts_with(&register) {
            let _ = std::fs::remove_file(file);
        }
    }
}
