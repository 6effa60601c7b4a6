//! A parsed `CREATE EXTERNAL TABLE` statement, before its parts are checked
//! against each other.

use crate::column::Column;
use crate::text::Spot;

/// The parts of the statement, each with its place.
pub(super) struct StatementParts {
    pub(super) spot: Spot,
    pub(super) name: (String, Spot),
    pub(super) database: Option<String>,
    pub(super) if_not_exists: bool,
    pub(super) columns: Vec<(Column, Spot)>,
    pub(super) partition_columns: Vec<(Column, Spot)>,
    pub(super) comment: Option<String>,
    pub(super) serde: Option<(String, Spot)>,
    pub(super) stored_as_json: bool,
    pub(super) serde_properties: Vec<Property>,
    pub(super) location: Option<(String, Spot)>,
    pub(super) properties: Vec<Property>,
}

pub(super) struct Property {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) spot: Spot,
}
