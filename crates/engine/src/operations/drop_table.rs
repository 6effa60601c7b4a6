//! `stedi tables --drop`: removes a table that the project no longer has, with the
//! rows of people who have withdrawn since it was last built.

use lake::{AsOf, Lake, TableId};
use query::{Setup, system};

use super::no_table::no_table;
use crate::content::Content;
use crate::error::{Error, SettingsFault};
use crate::lock::LockedLake;
use crate::removed_tables::removed;
use crate::system_rows;

/// A table that can be dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovableTable {
    /// `trusted` or `curated`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// Rows of its newest version; `None` where it cannot be read.
    pub rows: Option<u64>,
}

impl RemovableTable {
    fn id(&self) -> TableId {
        TableId::new(&self.zone, &self.table)
    }
}

/// The table of that name, `NAME` or `ZONE.NAME`, if it may be dropped.
///
/// # Errors
/// [`Error::Settings`] for a table of the project or the system, or one that is
/// in both zones; [`Error::Query`].
pub async fn removable_table(setup: &Setup, name: &str) -> Result<RemovableTable, Error> {
    let lake = Lake::at(setup.lake.clone());
    let (zone, bare) = match name.split_once('.') {
        Some((zone, bare)) => (Some(zone), bare),
        None => (None, name),
    };
    let removed = removed(&setup.project, &lake).await?;
    let is_meant = |table: &&TableId| table.name == bare && zone.is_none_or(|z| z == table.zone);
    let mut found = removed.iter().filter(is_meant);
    let table = match (found.next(), found.next()) {
        (Some(table), None) => table,
        (Some(one), Some(_)) => {
            return Err(Error::Settings(SettingsFault::AmbiguousTable {
                table: bare.to_owned(),
                zone: one.zone.clone(),
            }));
        }
        _ => return Err(not_removable(setup, name, zone, bare, &removed)),
    };
    let version = lake.version(table, AsOf::Latest).await;
    Ok(RemovableTable {
        zone: table.zone.clone(),
        table: table.name.clone(),
        rows: version.ok().flatten().map(|version| version.rows()),
    })
}

fn not_removable(
    setup: &Setup,
    name: &str,
    zone: Option<&str>,
    bare: &str,
    removed: &[TableId],
) -> Error {
    if zone == Some(system::ZONE) && system::schema(bare).is_some() {
        return Error::Settings(SettingsFault::SystemTable {
            table: name.to_owned(),
        });
    }
    if let Some(known) = setup.project.find(bare) {
        return Error::Settings(SettingsFault::TableOfProject {
            table: bare.to_owned(),
            is_landing: matches!(known, catalog::Table::Landing(_)),
        });
    }
    match catalog::nearest(bare, removed.iter().map(|table| table.name.as_str())) {
        Some(near) => Error::Query(query::Error::NoTable {
            name: privacy::redact(name),
            nearest: Some(near.to_owned()),
        }),
        None => no_table(setup, name),
    }
}

/// Removes a table with all its versions. Gives the number of removed objects and
/// their bytes.
///
/// # Errors
/// [`Error::Lake`]: the table is unchanged, or empty; dropping it again removes the
/// rest.
pub async fn drop_table(setup: &Setup, removable: &RemovableTable) -> Result<(u64, u64), Error> {
    let locked = LockedLake::acquire(setup, "tables").await?;
    let emptied = system_rows::commit_info(&locked.run, 0, Content::default());
    let dropped = locked.lake.drop_table(&removable.id(), emptied).await;
    locked.unlock().await;
    Ok(dropped?)
}
