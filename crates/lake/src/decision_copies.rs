//! Copies of decisions: small objects in `system/decisions`, each written once.
//!
//! Decisions of people cannot be derived from landing files. The engine keeps them
//! in tables and, as a backup, in these objects. It defines their content.

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use object_store::ObjectStoreExt;

use crate::error::Error;
use crate::lake::Lake;

const FOLDER: &str = "system/decisions";

/// How many copies are read at the same time.
const CONCURRENT_READS: usize = 16;

impl Lake {
    /// The names and contents of all copies, sorted by name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn decision_copies(&self) -> Result<Vec<(String, Bytes)>, Error> {
        let listed = self.list_folder(&self.location().child(FOLDER)).await?;
        let read = listed.objects.into_iter().map(|meta| async move {
            let name = meta.location.filename().unwrap_or_default().to_owned();
            let body = self.location().read_if_exists(&meta.location).await?;
            Ok(body.map(|body| (name, body)))
        });
        let read: Vec<_> = stream::iter(read)
            .buffered(CONCURRENT_READS)
            .collect()
            .await;
        let read: Result<Vec<_>, Error> = read.into_iter().collect();
        let mut copies: Vec<_> = read?.into_iter().flatten().collect();
        copies.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(copies)
    }

    /// Writes a copy that survives a crash of the machine.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn write_decision_copy(&self, name: &str, body: Bytes) -> Result<(), Error> {
        let path = self.location().child(FOLDER).join(name);
        let put = self.location().store().put(&path, body.into());
        put.await
            .map_err(|error| Error::store("write", self.location().display(&path), &error))?;
        self.location().sync(&[path]).await
    }

    /// Removes copies that other copies replace.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_decision_copies(&self, names: &[String]) -> Result<(), Error> {
        let folder = self.location().child(FOLDER);
        let paths = names.iter().map(|name| folder.clone().join(name.as_str()));
        self.delete_all(paths.collect()).await
    }
}
