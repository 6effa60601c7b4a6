//! The object that makes a folder or prefix a lake.

use object_store::ObjectStoreExt;

use crate::error::Error;
use crate::lake::Lake;

/// The object that says a lake's store was found safe, the lake's layout and
/// its id.
pub(crate) const MARKER: &str = "system/lake.json";

impl Lake {
    /// Whether the object that makes it a lake says so.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_marker(&self) -> Result<bool, Error> {
        let marker = self.marker().await?;
        Ok(marker.is_some_and(|marker| marker["layout"].is_u64()))
    }

    /// What stands in the object that makes it a lake; `null` where that is no
    /// JSON, nothing where there is none.
    pub(crate) async fn marker(&self) -> Result<Option<serde_json::Value>, Error> {
        let marker = self.location().child(MARKER);
        let read = async { self.location().store().get(&marker).await?.bytes().await };
        match read.await {
            Ok(body) => Ok(Some(serde_json::from_slice(&body).unwrap_or_default())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::store(
                "read",
                self.location().display(&marker),
                &error,
            )),
        }
    }
}
