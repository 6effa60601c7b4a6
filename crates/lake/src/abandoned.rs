//! Who died holding the lake, and may have left files behind.
//!
//! The lock names its holder, but the next one writes another name into it, and
//! may die as well before it has cleared up. So each is noted in an object of
//! its own, `system/left/RUN`, before the lock changes hands, until what they
//! left is gone.

use object_store::ObjectStoreExt;

use crate::error::Error;
use crate::lake::Lake;
use crate::location::Location;

const FOLDER: &str = "system/left";

/// Notes a run whose holder died.
pub(crate) async fn note(location: &Location, run: &str) -> Result<(), Error> {
    // It comes out of a file, and becomes the name of one.
    if run.is_empty() || !run.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let path = location.child(FOLDER).join(run);
    let put = location.store().put(&path, run.to_owned().into()).await;
    put.map(|_| ())
        .map_err(|error| Error::store("write", location.display(&path), &error))
}

impl Lake {
    /// Runs whose holders died, and which may have left files behind.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn abandoned_runs(&self) -> Result<Vec<String>, Error> {
        let listed = self.listed(&self.location().child(FOLDER)).await?;
        let names = listed.objects.iter();
        let names = names.filter_map(|meta| meta.location.filename());
        Ok(names.map(str::to_owned).collect())
    }

    /// Forgets a run after which was [cleared](Lake::remove_unpublished_after).
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
