//! Small objects beside the tables, each written once: copies of what people
//! decided, which nothing else could tell again.

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use object_store::ObjectStoreExt;

use crate::error::Error;
use crate::lake::Lake;

/// Where they lie.
const FOLDER: &str = "system/decisions";

/// How many are read at once.
const AT_ONCE: usize = 16;

impl Lake {
    /// All copies by name, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn decision_copies(&self) -> Result<Vec<(String, Bytes)>, Error> {
        let listed = self.listed(&self.location().child(FOLDER)).await?;
        let read = listed.objects.into_iter().map(|meta| async move {
            let store = self.location().store();
            let read = async { store.get(&meta.location).await?.bytes().await };
            let name = meta.location.filename().unwrap_or_default().to_owned();
            match read.await {
                Ok(body) => Ok(Some((name, body))),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => {
                    let object = self.location().display(&meta.location);
                    Err(Error::store("read", object, &error))
                }
            }
        });
        let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
        let read: Result<Vec<_>, Error> = read.into_iter().collect();
        let mut copies: Vec<_> = read?.into_iter().flatten().collect();
        copies.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(copies)
    }

    /// Writes a copy, which outlasts a reset of the machine.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn write_decision_copy(&self, name: &str, body: Bytes) -> Result<(), Error> {
        let path = self.location().child(FOLDER).join(name);
        let put = self.location().store().put(&path, body.into());
        put.await
            .map_err(|error| Error::store("write", self.location().display(&path), &error))?;
        self.location().make_durable(&[path]).await
    }

    /// Takes copies away that others stand for.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_decision_copies(&self, names: &[String]) -> Result<(), Error> {
        let folder = self.location().child(FOLDER);
        let paths = names.iter().map(|name| folder.clone().join(name.as_str()));
        self.take_away(paths.collect()).await
    }
}
