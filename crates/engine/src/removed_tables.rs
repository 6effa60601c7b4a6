//! Tables of the lake that the project no longer has.
//!
//! No run builds them, so they keep rows of people who have withdrawn since. Every
//! run warns about them, and `stedi tables --drop` removes them.

use lake::{Lake, TableId};
use query::system;
use query::tables::model_id;

use crate::Error;

/// Where tables lie.
pub(crate) const ZONES: [&str; 3] = ["trusted", "curated", system::ZONE];

/// Words about the tables of the lake that the project no longer has.
///
/// # Errors
/// [`Error::Lake`].
pub async fn warning_of_removed(
    project: &catalog::Project,
    lake: &Lake,
) -> Result<Option<String>, Error> {
    let removed = removed(project, lake).await?;
    let Some(first) = removed.first() else {
        return Ok(None);
    };
    let names: Vec<String> = removed.iter().map(ToString::to_string).collect();
    let (are, they) = match removed.len() {
        1 => ("is", "it keeps"),
        _ => ("are", "they keep"),
    };
    Ok(Some(format!(
        "{} {are} in the lake and no longer in the project: {they} all rows, also of people who withdraw; `stedi tables --drop {}` takes {} away",
        names.join(", "),
        if removed.len() == 1 {
            &first.name
        } else {
            "NAME"
        },
        if removed.len() == 1 { "it" } else { "one" },
    )))
}

/// Tables of the lake that are neither the project's nor the system's.
pub(crate) async fn removed(
    project: &catalog::Project,
    lake: &Lake,
) -> Result<Vec<TableId>, Error> {
    let models: Vec<TableId> = project.models().iter().map(model_id).collect();
    let mut removed = Vec::new();
    for zone in ZONES.into_iter().filter(|zone| *zone != system::ZONE) {
        for table in lake.table_folders(zone).await? {
            if !models.contains(&table) && lake.exists(&table).await? {
                removed.push(table);
            }
        }
    }
    removed.sort();
    Ok(removed)
}
