//! The error about a name that is no table of the project.

use query::error::nearest;
use query::tables::privacy_views;
use query::{Setup, system};

use crate::Error;

/// The error about an unknown table name, with the nearest known one.
pub(super) fn no_table(setup: &Setup, name: &str) -> Error {
    let mut known: Vec<String> = setup.project.names().map(str::to_owned).collect();
    known.extend(system::names().map(|name| format!("system.{name}")));
    if let Some(view) = name.strip_prefix("privacy.")
        && privacy_views::names().any(|known| known == view)
    {
        return query::Error::sql(
            format!("privacy.{view} is computed from other tables whenever a statement reads it"),
            "it has columns, but no files and no versions: ask for it in SQL",
        )
        .into();
    }
    query::Error::NoTable {
        name: privacy::redact(name),
        nearest: nearest(name, &known),
    }
    .into()
}
