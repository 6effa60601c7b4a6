//! `stedi vacuum`: removes files that no retained version needs.
//!
//! A version is retained while it was some table's newest within the retention time;
//! the newest one always is. Older versions go, with their log entries and the files
//! that no other version needs. So do files that killed writers left behind.

use std::collections::BTreeMap;
use std::time::Duration;

use lake::{Retention, TableId};
use query::{Setup, system};
use serde::Serialize;

use super::lake_place::require_lake;
use crate::Error;
use crate::lock::LockedLake;
use crate::removed_tables::ZONES;

/// Files that no version names may belong to a consent being entered, or to a check
/// of the store, right now. That takes a moment; an hour is beyond doubt.
const UNDERWAY: Duration = Duration::from_secs(60 * 60);

/// What was removed of one table, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vacuumed {
    /// `trusted`, `curated` or `system`.
    pub zone: String,
    /// Bare name, of a table or of what else lies there.
    pub table: String,
    /// Versions that can no longer be read.
    pub versions: u64,
    /// Files that were removed.
    pub files: u64,
    /// Their bytes, and those of log entries.
    pub bytes: u64,
}

/// Removes versions that were no table's newest within `keep`, and files that no
/// retained version needs; with `dry_run`, only counts them. Tables without any are
/// left out of the result.
///
/// # Errors
/// [`Error::Lake`], with [`lake::Error::Locked`] where another process holds the
/// lock.
pub async fn vacuum(setup: &Setup, keep: Duration, dry_run: bool) -> Result<Vec<Vacuumed>, Error> {
    require_lake(setup).await?;
    let mut locked = LockedLake::acquire(setup, "vacuum").await?;
    let vacuumed = vacuum_tables(&mut locked, keep, dry_run).await;
    locked.unlock().await;
    vacuumed
}

async fn vacuum_tables(
    locked: &mut LockedLake,
    keep: Duration,
    dry_run: bool,
) -> Result<Vec<Vacuumed>, Error> {
    let lake = locked.lake.clone();
    // The clock itself, whatever instant the user set as now.
    let now_ms = chrono::Utc::now().timestamp_millis();
    let since = |span: Duration| {
        let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        now_ms.saturating_sub(span)
    };
    let of_holders = Retention {
        versions_since_ms: (!keep.is_zero()).then(|| since(keep)),
        orphans_since_ms: i64::MAX,
        foreign_orphans_since_ms: since(keep.max(UNDERWAY)),
    };
    let of_anybody = Retention {
        orphans_since_ms: since(UNDERWAY),
        ..of_holders
    };
    if !dry_run && lake.location().folder().is_none() {
        locked.fence().await?;
    }
    let register = system::CONSENT_REGISTER.id();
    let mut all: BTreeMap<TableId, Vacuumed> = BTreeMap::new();
    for zone in ZONES {
        for table in lake.table_folders(zone).await? {
            let keep = match table == register {
                true => of_anybody,
                false => of_holders,
            };
            add(&mut all, lake.vacuum(&table, keep, dry_run).await?);
        }
    }
    for orphan in lake.vacuum_orphans(&ZONES, of_anybody, dry_run).await? {
        add(&mut all, orphan);
    }
    Ok(all.into_values().collect())
}

fn add(all: &mut BTreeMap<TableId, Vacuumed>, more: lake::VacuumReport) {
    if more.is_empty() {
        return;
    }
    let of_table = all.entry(more.table.clone()).or_insert_with(|| Vacuumed {
        zone: more.table.zone,
        table: more.table.name,
        versions: 0,
        files: 0,
        bytes: 0,
    });
    of_table.versions += more.versions;
    of_table.files += more.files;
    of_table.bytes += more.bytes;
}
