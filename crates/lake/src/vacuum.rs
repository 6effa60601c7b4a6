//! Vacuuming: taking away what no kept version needs.
//!
//! To be called by whoever holds the lake. Ended anywhere in between, every
//! version that is still listed can still be read:
//!
//! 1. The oldest version that stays gets a checkpoint, which outlasts a reset of
//!    the machine before anything goes.
//! 2. Log entries below it go, the newest first. With its entry a version is gone,
//!    and a log with a gap has no versions below the gap that could not be read.
//! 3. Data files go that no version left needs: those of versions gone, and those
//!    that never were part of one.

use std::collections::HashSet;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use futures::{TryFutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde_json::Value;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::listing::Log;
use crate::store::partial_writes::staged;

/// How many log entries are read at once.
const AT_ONCE: usize = 16;

/// What stays.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Versions that were a table's newest at this instant or later, epoch
    /// milliseconds; `None` where the newest alone stays.
    pub versions_since_ms: Option<i64>,
    /// What belongs to no version and was written after this instant: somebody may
    /// be about to make it part of one without holding the lake.
    pub orphans_since_ms: i64,
    /// The same of what another program wrote, and may be about to commit: it
    /// knows nothing of who holds the lake.
    pub foreign_orphans_since_ms: i64,
}

/// What went of one table, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VacuumReport {
    /// Which table, or the folder at its place.
    pub table: TableId,
    /// Versions that can be read no more.
    pub versions: u64,
    /// Data files, and objects that lay about.
    pub files: u64,
    /// Bytes of all of it, log entries included.
    pub bytes: u64,
}

impl VacuumReport {
    fn nothing(table: TableId) -> Self {
        Self {
            table,
            versions: 0,
            files: 0,
            bytes: 0,
        }
    }

    /// Whether there was anything.
    pub fn is_empty(&self) -> bool {
        self.versions == 0 && self.files == 0 && self.bytes == 0
    }
}

impl Lake {
    /// Takes away what no kept version of `table` needs; with `dry_run`, tells
    /// what that is.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Table`] where the oldest version that stays
    /// cannot be opened. Every version listed can be read then, too.
    pub async fn vacuum(
        &self,
        table: &TableId,
        retention: Retention,
        dry_run: bool,
    ) -> Result<VacuumReport, Error> {
        let log = self.log(table).await?;
        let oldest = oldest_kept(&log, retention.versions_since_ms);
        let is_below =
            |(version, _): &(i64, &ObjectMeta)| oldest.is_some_and(|oldest| *version < oldest);
        let entries = log.entries.iter().map(|(version, meta)| (*version, meta));
        let entries: Vec<_> = entries.filter(is_below).collect();
        let others = log.others.iter().map(|(version, meta)| (*version, meta));
        let others: Vec<_> = others.filter(is_below).collect();
        let files = self.needless(table, &log, oldest, retention).await?;

        let mut vacuumed = VacuumReport::nothing(table.clone());
        vacuumed.versions = entries.len() as u64;
        vacuumed.files = files.len() as u64;
        let in_log = entries.iter().chain(&others).map(|(_, meta)| meta.size);
        vacuumed.bytes = in_log.chain(files.iter().map(|meta| meta.size)).sum();
        if dry_run {
            return Ok(vacuumed);
        }
        if let Some(oldest) = oldest
            && !(entries.is_empty() && others.is_empty())
        {
            self.secure(table, oldest).await?;
            let mut gone: Vec<_> = entries.into_iter().chain(others).collect();
            gone.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
            let gone = gone.into_iter().map(|(_, meta)| meta.location.clone());
            self.take_away(gone.collect()).await?;
            // Files go after the entries that name them, also for whoever looks
            // after a reset of the machine.
            let kept = log.entries.get(&oldest).map(|meta| meta.location.clone());
            self.location().make_durable(kept.as_slice()).await?;
        }
        let files = files.into_iter().map(|meta| meta.location);
        self.take_away(files.collect()).await?;
        if let Some(folder) = self.location().folder() {
            // One where no table was ever published.
            let _ = std::fs::remove_dir(folder.join(&table.zone).join(&table.name));
        }
        Ok(vacuumed)
    }

    /// Takes away what lies about in `zones` and belongs to no table: releases
    /// before the newest, what the trial of the store left behind, and what was
    /// being written on this machine by somebody who was killed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn vacuum_orphans(
        &self,
        zones: &[&str],
        retention: Retention,
        dry_run: bool,
    ) -> Result<Vec<VacuumReport>, Error> {
        let is_old =
            |meta: &ObjectMeta| meta.last_modified.timestamp_millis() <= retention.orphans_since_ms;
        let mut all = Vec::new();
        let mut found = Vec::new();
        let releases = self.objects("system/release").await?;
        let newest = releases.iter().map(|meta| meta.location.clone()).max();
        let older = releases.into_iter();
        let older = older.filter(|meta| Some(&meta.location) != newest.as_ref());
        found.push(("release", older.collect::<Vec<_>>()));
        let probes = self.objects("system/_probe").await?.into_iter();
        found.push(("_probe", probes.filter(is_old).collect()));
        for (name, objects) in found {
            let mut vacuumed = VacuumReport::nothing(TableId::new("system", name));
            vacuumed.files = objects.len() as u64;
            vacuumed.bytes = objects.iter().map(|meta| meta.size).sum();
            if !dry_run {
                let paths = objects.into_iter().map(|meta| meta.location);
                self.take_away(paths.collect()).await?;
            }
            all.push(vacuumed);
        }
        if let Some(folder) = self.location().folder() {
            for zone in zones {
                for table in self.table_folders(zone).await? {
                    let place = folder.join(zone).join(&table.name);
                    let mut vacuumed = VacuumReport::nothing(table);
                    for file in staged(&place) {
                        let modified = file.metadata().and_then(|file| file.modified());
                        let modified = modified.map(chrono::DateTime::<chrono::Utc>::from);
                        if modified
                            .is_ok_and(|at| at.timestamp_millis() <= retention.orphans_since_ms)
                        {
                            vacuumed.files += 1;
                            vacuumed.bytes += file.metadata().map_or(0, |file| file.len());
                            if !dry_run {
                                let _ = std::fs::remove_file(file);
                            }
                        }
                    }
                    all.push(vacuumed);
                }
            }
            let _ = std::fs::remove_dir(folder.join("system/_probe"));
        }
        Ok(all)
    }

    /// Data files in the table's folder that no version from `oldest` on needs.
    async fn needless(
        &self,
        table: &TableId,
        log: &Log,
        oldest: Option<i64>,
        retention: Retention,
    ) -> Result<Vec<ObjectMeta>, Error> {
        let mut files = self.data_files(table).await?;
        files.retain(|meta| {
            let name = meta.location.filename().unwrap_or_default();
            let is_ours = match oldest {
                Some(_) => name.starts_with("part-") && name.ends_with(".parquet"),
                // Where no table is, another program may have put what it likes.
                None => is_of_run(name),
            };
            let modified_ms = meta.last_modified.timestamp_millis();
            is_ours && modified_ms <= retention.orphans_since_ms
        });
        let (Some(oldest), false) = (oldest, files.is_empty()) else {
            return Ok(files);
        };
        let version = self.load(table, Some(oldest.unsigned_abs())).await?;
        let mut needed: HashSet<Path> = version.files.into_iter().map(|file| file.path).collect();
        let later = log
            .entries
            .range(oldest + 1..)
            .map(|(_, meta)| meta.clone());
        let mut added = stream::iter(later)
            .map(|entry| self.named(table, entry, &["add"]))
            .buffered(AT_ONCE);
        while let Some(paths) = added.try_next().await? {
            needed.extend(paths);
        }
        files.retain(|meta| !needed.contains(&meta.location));
        let is_fresh = |meta: &ObjectMeta| {
            let name = meta.location.filename().unwrap_or_default();
            let modified_ms = meta.last_modified.timestamp_millis();
            !is_of_run(name) && modified_ms > retention.foreign_orphans_since_ms
        };
        if files.iter().any(is_fresh) {
            // One that was part of a version and is so no more need not be waited for.
            let entries = log.entries.values().cloned();
            let mut named = stream::iter(entries)
                .map(|entry| self.named(table, entry, &["add", "remove"]))
                .buffered(AT_ONCE);
            let mut committed: HashSet<Path> = HashSet::new();
            while let Some(paths) = named.try_next().await? {
                committed.extend(paths);
            }
            files.retain(|meta| !is_fresh(meta) || committed.contains(&meta.location));
        }
        Ok(files)
    }

    /// Files that a log entry names in `actions`.
    async fn named(
        &self,
        table: &TableId,
        entry: ObjectMeta,
        actions: &[&str],
    ) -> Result<Vec<Path>, Error> {
        let store = self.location().store();
        let read = store.get(&entry.location).and_then(|found| found.bytes());
        let body = read.await.map_err(|error| {
            Error::store("read", self.location().display(&entry.location), &error)
        })?;
        let folder = self.path(table);
        let mut named = Vec::new();
        for line in body.split(|byte| *byte == b'\n') {
            let action: Value = serde_json::from_slice(line).unwrap_or_default();
            let names = actions.iter().map(|kind| action[*kind]["path"].as_str());
            for name in names.flatten() {
                let parts = name.split('/');
                named.push(parts.fold(folder.clone(), |path, part| path.join(part)));
            }
        }
        Ok(named)
    }

    /// Sees to it that the table can be opened from `version` on without anything
    /// that is older.
    async fn secure(&self, table: &TableId, version: i64) -> Result<(), Error> {
        let store = self.location().store();
        let hint = self.path(table).join("_delta_log").join("_last_checkpoint");
        let told = store.get(&hint).and_then(|found| found.bytes());
        let told: Option<Bytes> = told.await.ok();
        let told_version = |told: &Bytes| {
            let told: Value = serde_json::from_slice(told).unwrap_or_default();
            told["version"].as_i64()
        };
        if !self.log(table).await?.checkpoints.contains(&version) {
            self.checkpoint_at(table, Some(version.unsigned_abs()))
                .await?;
        }
        let failed = |error| Error::store("write", self.location().display(&hint), &error);
        match &told {
            // A newer one opens the table faster.
            Some(newer) if told_version(newer) > Some(version) => {
                let put = store.put(&hint, newer.clone().into());
                put.await.map_err(failed)?;
            }
            // It would name a checkpoint that goes; the log is listed instead.
            Some(older) if told_version(older) < Some(version) => {
                let now = store.get(&hint).and_then(|found| found.bytes()).await;
                if now.is_ok_and(|now| told_version(&now) < Some(version)) {
                    store.delete(&hint).await.map_err(failed)?;
                }
            }
            _ => {}
        }
        let made = self.log(table).await?;
        if !made.checkpoints.contains(&version) {
            return Err(Error::Store {
                action: "write",
                object: self.location().display(&self.path(table)),
                reason: "the checkpoint of the oldest version that stays is not there".to_owned(),
            });
        }
        let of_version = made.others.into_iter().filter(|(of, _)| *of == version);
        let paths: Vec<Path> = of_version.map(|(_, meta)| meta.location).collect();
        self.location().make_durable(&paths).await
    }
}

/// The oldest version that was the newest at `since_ms` or later. An entry's age
/// is what the store says: one that was noted a while before it became visible
/// was not the newest any earlier.
fn oldest_kept(log: &Log, since_ms: Option<i64>) -> Option<i64> {
    let readable = log.readable();
    let newest = readable.last().copied()?;
    let Some(since_ms) = since_ms else {
        return Some(newest);
    };
    let is_later = |version: &i64| {
        let entry = log.entries.get(version);
        entry.is_some_and(|entry| entry.last_modified.timestamp_millis() > since_ms)
    };
    let oldest = match readable.iter().position(is_later) {
        Some(first_later) => readable[first_later.saturating_sub(1)],
        None => newest,
    };
    Some(oldest)
}

/// Whether a file has the name that a run of this program gives.
fn is_of_run(name: &str) -> bool {
    let id = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.strip_prefix("part-")
        .and_then(|name| name.strip_suffix(".parquet"))
        .and_then(|name| name.split_once('-'))
        .is_some_and(|(run, file)| id(run) && id(file))
}
