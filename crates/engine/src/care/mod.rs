//! The care of a lake that stands: small files become large ones, what no kept
//! version needs goes, and so do tables that the project no longer has.

mod compact;
mod removed;
mod vacuum;

pub use compact::{Compacted, compact};
pub use removed::{Doomed, doomed, drop_table, warning_of_removed};
pub use vacuum::{Vacuumed, vacuum};

use lake::Lake;

use crate::{Error, Setup};

/// A place that was misspelt is not taken for a lake that needs nothing.
///
/// # Errors
/// [`Error::Settings`] where nothing was ever published.
async fn must_be_a_lake(setup: &Setup) -> Result<(), Error> {
    let lake = Lake::at(setup.lake.clone());
    if lake.id().await?.is_some() || !lake.tables().await?.is_empty() {
        return Ok(());
    }
    Err(Error::Settings {
        message: format!("there is no lake at {}", setup.lake),
        hint: "check --lake; `stedi run` makes one".to_owned(),
    })
}
