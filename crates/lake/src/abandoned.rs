//! Runs that were killed while they held the lock, and may have left files.
//!
//! The lock names only its current holder, and the next holder may be killed
//! before it has cleared up as well. So a new holder first writes an object
//! `system/left/RUN` for the dead one. The object stays until that run's files are
//! removed: see `crate::cleanup`.

use object_store::ObjectStoreExt;

use crate::error::Error;
use crate::lake::Lake;
use crate::location::Location;

const FOLDER: &str = "system/left";

/// Notes that `run` was abandoned.
pub(crate) async fn note(location: &Location, run: &str) -> Result<(), Error> {
    // The text comes from the lock object and becomes the name of an object.
    if run.is_empty() || !run.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let path = location.child(FOLDER).join(run);
    let put = location.store().put(&path, run.to_owned().into()).await;
    put.map(|_| ())
        .map_err(|error| Error::store("write", location.display(&path), &error))
}

impl Lake {
    /// The runs that were killed and whose files were not removed yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn abandoned_runs(&self) -> Result<Vec<String>, Error> {
        let listed = self.list_folder(&self.location().child(FOLDER)).await?;
        let names = listed.objects.iter();
        let names = names.filter_map(|meta| meta.location.filename());
        Ok(names.map(str::to_owned).collect())
    }

    /// Removes the note about an abandoned run, after
    /// [`Lake::remove_unpublished_after`].
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn forget_abandoned_run(&self, run: &str) -> Result<(), Error> {
        let path = self.location().child(FOLDER).join(run);
        match self.location().store().delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => {
                let path = self.location().display(&path);
                return Err(Error::store("delete", path, &error));
            }
        }
        if let Some(folder) = self.location().folder() {
            let _ = std::fs::remove_dir(folder.join(FOLDER));
        }
        Ok(())
    }
}
