//! The error about a name that is no table of the project.

use query::error::nearest;
use query::{Setup, system};

use crate::Error;

/// The error about an unknown table name, with the nearest known one.
pub(super) fn no_table(setup: &Setup, name: &str) -> Error {
    let mut known: Vec<String> = setup.project.names().map(str::to_owned).collect();
    known.extend(system::names().map(|name| format!("system.{name}")));
    query::Error::NoTable {
        name: privacy::redact(name),
        nearest: nearest(name, &known),
    }
    .into()
}
