//! Refuses a location where nothing was ever published.

use lake::Lake;
use query::Setup;

use crate::error::{Error, SettingsFault};

/// Refuses a location that is no lake, so that a misspelt one does not look like a
/// lake where nothing needs to be done.
///
/// # Errors
/// [`Error::Settings`] where nothing was ever published.
pub(super) async fn require_lake(setup: &Setup) -> Result<(), Error> {
    let lake = Lake::at(setup.lake.clone());
    if lake.id().await?.is_some() || !lake.tables().await?.is_empty() {
        return Ok(());
    }
    Err(Error::Settings(SettingsFault::NoLake {
        lake: setup.lake.to_string(),
    }))
}
