//! The marker `system/lake.json`, which makes a folder or prefix a lake. It holds
//! the version of the layout and the id of the lake, and says that the store passed
//! the check of [`crate::check_conditional_put`].

use crate::error::Error;
use crate::lake::Lake;

pub(crate) const MARKER: &str = "system/lake.json";

impl Lake {
    /// Whether there is a marker with valid content.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_marker(&self) -> Result<bool, Error> {
        let marker = self.marker().await?;
        Ok(marker.is_some_and(|marker| marker["layout"].is_u64()))
    }

    /// The content of the marker: `None` if it is missing, `null` if it is not JSON.
    pub(crate) async fn marker(&self) -> Result<Option<serde_json::Value>, Error> {
        let marker = self.location().child(MARKER);
        let body = self.location().read_if_exists(&marker).await?;
        Ok(body.map(|body| serde_json::from_slice(&body).unwrap_or_default()))
    }
}
