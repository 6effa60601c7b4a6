//! Vacuum: removes old versions and all files that no retained version needs.
//!
//! The caller must hold the lock. If the process is killed on the way, every
//! version that is still listed is readable:
//!
//! 1. The oldest retained version gets a checkpoint that survives a crash of the
//!    machine.
//! 2. Log entries before that version are deleted, newest first. A version ends
//!    with its entry, and versions below a gap in the log are not listed.
//! 3. Data files that no retained version needs are deleted: those of removed
//!    versions, and orphans, which never belonged to one.

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
use crate::log::listing::LogListing;
use crate::store::partial_writes::partial_writes;

/// How many log entries are read at the same time.
const CONCURRENT_READS: usize = 16;

/// What a vacuum retains. All times are epoch milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Retains versions that were the newest at this time or later. `None`: only the
    /// newest one.
    pub versions_since_ms: Option<i64>,
    /// Retains orphans written after this time: a process that needs no lock may be
    /// about to commit them.
    pub orphans_since_ms: i64,
    /// Retains orphans of other programs written after this time: those programs
    /// ignore the lock, and may be about to commit them.
    pub foreign_orphans_since_ms: i64,
}

/// What a vacuum removed from one table, or would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VacuumReport {
    /// The table, or the folder in its place.
    pub table: TableId,
    /// The number of removed versions.
    pub versions: u64,
    /// The number of removed data files and orphans.
    pub files: u64,
    /// The number of removed bytes, including log entries.
    pub bytes: u64,
}

impl VacuumReport {
    fn empty(table: TableId) -> Self {
        Self {
            table,
            versions: 0,
            files: 0,
            bytes: 0,
        }
    }

    /// Whether nothing was removed.
    pub fn is_empty(&self) -> bool {
        self.versions == 0 && self.files == 0 && self.bytes == 0
    }
}

impl Lake {
    /// Removes versions of `table` that are not retained, and files that no retained
    /// version needs. A dry run only reports them.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Table`] if the oldest retained version cannot be
    /// opened. All listed versions are readable then as well.
    pub async fn vacuum(
        &self,
        table: &TableId,
        retention: Retention,
        dry_run: bool,
    ) -> Result<VacuumReport, Error> {
        let log = self.list_log(table).await?;
        let oldest = oldest_kept(&log, retention.versions_since_ms);
        let is_older =
            |(version, _): &(i64, &ObjectMeta)| oldest.is_some_and(|oldest| *version < oldest);
        let entries = log.entries.iter().map(|(version, meta)| (*version, meta));
        let entries: Vec<_> = entries.filter(is_older).collect();
        let others = log
            .other_objects
            .iter()
            .map(|(version, meta)| (*version, meta));
        let others: Vec<_> = others.filter(is_older).collect();
        let files = self.unneeded_files(table, &log, oldest, retention).await?;

        let mut report = VacuumReport::empty(table.clone());
        report.versions = entries.len() as u64;
        report.files = files.len() as u64;
        let in_log = entries.iter().chain(&others).map(|(_, meta)| meta.size);
        report.bytes = in_log.chain(files.iter().map(|meta| meta.size)).sum();
        if dry_run {
            return Ok(report);
        }
        if let Some(oldest) = oldest
            && !(entries.is_empty() && others.is_empty())
        {
            self.ensure_checkpoint(table, oldest).await?;
            let mut removed: Vec<_> = entries.into_iter().chain(others).collect();
            removed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
            let removed = removed.into_iter().map(|(_, meta)| meta.location.clone());
            self.delete_all(removed.collect()).await?;
            // After a crash of the machine, too, no entry may name a deleted file. The
            // sync of an entry's folder makes the deletions durable.
            let kept = log.entries.get(&oldest).map(|meta| meta.location.clone());
            self.location().sync(kept.as_slice()).await?;
        }
        let files = files.into_iter().map(|meta| meta.location);
        self.delete_all(files.collect()).await?;
        if let Some(folder) = self.location().folder() {
            // Only a folder without a published table is empty.
            let _ = std::fs::remove_dir(folder.join(&table.zone).join(&table.name));
        }
        Ok(report)
    }

    /// Removes orphans in `zones` that belong to no table: releases before the newest,
    /// objects of the check of the store, and unfinished writes on this machine. A
    /// dry run only reports them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn vacuum_orphans(
        &self,
        zones: &[&str],
        retention: Retention,
        dry_run: bool,
    ) -> Result<Vec<VacuumReport>, Error> {
        let releases = self.objects_in("system/release").await?;
        let newest = releases.iter().map(|meta| meta.location.clone()).max();
        let older_releases = releases
            .into_iter()
            .filter(|meta| Some(&meta.location) != newest.as_ref());
        let probes = self.objects_in("system/_probe").await?.into_iter();
        let old_probes = probes
            .filter(|meta| meta.last_modified.timestamp_millis() <= retention.orphans_since_ms);
        let orphans: [(&str, Vec<ObjectMeta>); 2] = [
            ("release", older_releases.collect()),
            ("_probe", old_probes.collect()),
        ];
        let mut reports = Vec::new();
        for (name, objects) in orphans {
            let mut report = VacuumReport::empty(TableId::new("system", name));
            report.files = objects.len() as u64;
            report.bytes = objects.iter().map(|meta| meta.size).sum();
            if !dry_run {
                let paths = objects.into_iter().map(|meta| meta.location);
                self.delete_all(paths.collect()).await?;
            }
            reports.push(report);
        }
        if let Some(folder) = self.location().folder() {
            for zone in zones {
                for table in self.table_folders(zone).await? {
                    let table_folder = folder.join(zone).join(&table.name);
                    reports.push(vacuum_partial_writes(
                        table,
                        &table_folder,
                        retention,
                        dry_run,
                    ));
                }
            }
            let _ = std::fs::remove_dir(folder.join("system/_probe"));
        }
        Ok(reports)
    }

    /// Data files in the table's folder that no version from `oldest` on needs. If
    /// there is no version, all files with names of a run.
    async fn unneeded_files(
        &self,
        table: &TableId,
        log: &LogListing,
        oldest: Option<i64>,
        retention: Retention,
    ) -> Result<Vec<ObjectMeta>, Error> {
        let mut files = self.data_files(table).await?;
        files.retain(|meta| {
            let name = meta.location.filename().unwrap_or_default();
            let is_candidate = match oldest {
                Some(_) => name.starts_with("part-") && name.ends_with(".parquet"),
                // Without a table, other files may belong to anything.
                None => has_run_file_name(name),
            };
            let modified_ms = meta.last_modified.timestamp_millis();
            is_candidate && modified_ms <= retention.orphans_since_ms
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
            .map(|entry| self.files_named(table, entry, &["add"]))
            .buffered(CONCURRENT_READS);
        while let Some(paths) = added.try_next().await? {
            needed.extend(paths);
        }
        files.retain(|meta| !needed.contains(&meta.location));
        let is_recent_and_foreign = |meta: &ObjectMeta| {
            let name = meta.location.filename().unwrap_or_default();
            let modified_ms = meta.last_modified.timestamp_millis();
            !has_run_file_name(name) && modified_ms > retention.foreign_orphans_since_ms
        };
        if files.iter().any(is_recent_and_foreign) {
            // A recent file may be uncommitted. One that was committed and removed again
            // need not be retained.
            let entries = log.entries.values().cloned();
            let mut named = stream::iter(entries)
                .map(|entry| self.files_named(table, entry, &["add", "remove"]))
                .buffered(CONCURRENT_READS);
            let mut committed: HashSet<Path> = HashSet::new();
            while let Some(paths) = named.try_next().await? {
                committed.extend(paths);
            }
            files.retain(|meta| !is_recent_and_foreign(meta) || committed.contains(&meta.location));
        }
        Ok(files)
    }

    /// The paths of the files in the `actions` of a log entry.
    async fn files_named(
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
        let folder = self.table_path(table);
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

    /// Makes sure that `version` has a durable checkpoint, so that it and later ones
    /// can be opened without older log entries.
    ///
    /// Also corrects `_last_checkpoint`, the hint to the newest checkpoint. Writing a
    /// checkpoint of an older version moves it backwards.
    async fn ensure_checkpoint(&self, table: &TableId, version: i64) -> Result<(), Error> {
        let store = self.location().store();
        let hint = self
            .table_path(table)
            .join("_delta_log")
            .join("_last_checkpoint");
        let hint_before = store.get(&hint).and_then(|found| found.bytes());
        let hint_before: Option<Bytes> = hint_before.await.ok();
        let version_in = |hint: &Bytes| {
            let hint: Value = serde_json::from_slice(hint).unwrap_or_default();
            hint["version"].as_i64()
        };
        if !self.list_log(table).await?.checkpoints.contains(&version) {
            self.checkpoint_at(table, Some(version.unsigned_abs()))
                .await?;
        }
        let failed = |error| Error::store("write", self.location().display(&hint), &error);
        match &hint_before {
            // The hint was to a newer checkpoint, which opens the table faster.
            Some(newer) if version_in(newer) > Some(version) => {
                let put = store.put(&hint, newer.clone().into());
                put.await.map_err(failed)?;
            }
            // The hint was to a checkpoint that will be deleted. Without a hint the log
            // is listed.
            Some(older) if version_in(older) < Some(version) => {
                let now = store.get(&hint).and_then(|found| found.bytes()).await;
                if now.is_ok_and(|now| version_in(&now) < Some(version)) {
                    store.delete(&hint).await.map_err(failed)?;
                }
            }
            _ => {}
        }
        let log = self.list_log(table).await?;
        if !log.checkpoints.contains(&version) {
            return Err(Error::Store {
                action: "write",
                object: self.location().display(&self.table_path(table)),
                reason: "the checkpoint of the oldest retained version is missing".to_owned(),
            });
        }
        let of_version = log
            .other_objects
            .into_iter()
            .filter(|(of, _)| *of == version);
        let paths: Vec<Path> = of_version.map(|(_, meta)| meta.location).collect();
        self.location().sync(&paths).await
    }
}

/// Removes files of unfinished writes in the folder of a table.
fn vacuum_partial_writes(
    table: TableId,
    folder: &std::path::Path,
    retention: Retention,
    dry_run: bool,
) -> VacuumReport {
    let mut report = VacuumReport::empty(table);
    for file in partial_writes(folder) {
        let modified = file.metadata().and_then(|file| file.modified());
        let modified = modified.map(chrono::DateTime::<chrono::Utc>::from);
        if modified.is_ok_and(|at| at.timestamp_millis() <= retention.orphans_since_ms) {
            report.files += 1;
            report.bytes += file.metadata().map_or(0, |file| file.len());
            if !dry_run {
                let _ = std::fs::remove_file(file);
            }
        }
    }
    report
}

/// The oldest version that was the newest at `since_ms` or later. The time of a
/// version is that of its log entry in the store: an entry of a release was built
/// some time before it became visible.
fn oldest_kept(log: &LogListing, since_ms: Option<i64>) -> Option<i64> {
    let readable = log.readable_versions();
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

/// Whether a file name is one that a run of this program gives.
fn has_run_file_name(name: &str) -> bool {
    let id = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.strip_prefix("part-")
        .and_then(|name| name.strip_suffix(".parquet"))
        .and_then(|name| name.split_once('-'))
        .is_some_and(|(run, file)| id(run) && id(file))
}
