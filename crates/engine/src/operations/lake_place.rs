//! Whether a place is a lake.

use lake::Lake;
use query::Setup;

use crate::Error;

/// A place that was misspelt is not taken for a lake that needs nothing.
///
/// # Errors
/// [`Error::Settings`] where nothing was ever published.
pub(super) async fn require_lake(setup: &Setup) -> Result<(), Error> {
    let lake = Lake::at(setup.lake.clone());
    if lake.id().await?.is_some() || !lake.tables().await?.is_empty() {
        return Ok(());
    }
    Err(Error::Settings {
        message: format!("there is no lake at {}", setup.lake),
        hint: "check --lake; `stedi run` makes one".to_owned(),
    })
}
