//! Inspection: whether everything is there that a table's newest version names.
//!
//! Names, sizes and times are looked at, by one listing of the table's folder and
//! one of its log; no row is read. Whether rows must be read as well follows from
//! the times: nobody writes an object of a version after the release that made it
//! visible. Of a folder the time is that of the last change of the file's
//! entry, which no program can set; of a store, that of the last PUT.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::version::{AsOf, Version};

/// When an object was last changed, nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeTime(i64);

/// What was found of one table.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Its newest version; `None` where there is no such table, or where its log
    /// cannot be read.
    pub version: Option<Version>,
    /// What is wrong, in words, each about one object.
    pub faults: Vec<String>,
    /// Files of the version that are not there or have another size, by name.
    pub damaged_files: BTreeSet<String>,
    /// Whether an object that the version needs was written after the time asked
    /// about.
    pub is_modified: bool,
}

impl Lake {
    /// When the newest release was written; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn released_at(&self) -> Result<Option<ChangeTime>, Error> {
        let releases = self
            .listed(&self.location().child("system/release"))
            .await?;
        let newest = releases.objects.iter().max_by_key(|meta| &meta.location);
        Ok(newest.map(|meta| self.changed_at(meta)))
    }

    /// Looks whether what the newest version of `table` names is there, and
    /// whether any of it was written after `since`.
    ///
    /// # Errors
    /// [`Error::Store`] where the store does not answer. What is damaged is no
    /// error here, but told.
    pub async fn inspect(
        &self,
        table: &TableId,
        since: Option<ChangeTime>,
    ) -> Result<Inspection, Error> {
        match self.version(table, AsOf::Latest).await {
            Ok(Some(version)) => self.inspect_version(version, since).await,
            Ok(None) => Ok(Inspection::default()),
            Err(Error::Damaged { what, .. }) => Ok(Inspection {
                faults: vec![what],
                ..Inspection::default()
            }),
            Err(error) => Err(error),
        }
    }

    /// The same of a version that was opened already.
    ///
    /// # Errors
    /// As [`Lake::inspect`].
    pub async fn inspect_version(
        &self,
        version: Version,
        since: Option<ChangeTime>,
    ) -> Result<Inspection, Error> {
        let (table, mut found) = (&version.table, Inspection::default());
        let is_modified =
            |meta: &ObjectMeta| since.is_none_or(|since| self.changed_at(meta) > since);
        let there: BTreeMap<Path, ObjectMeta> = self
            .data_files(table)
            .await?
            .into_iter()
            .map(|meta| (meta.location.clone(), meta))
            .collect();
        let folder = self.path(table);
        for file in &version.files {
            let is_own = file.path == folder.clone().join(file.name.as_str());
            let meta = match there.get(&file.path) {
                // Another program may have put it into a folder of its own.
                None if !is_own => self.head(&file.path).await?,
                meta => meta.cloned(),
            };
            let fault = match &meta {
                None => Some("is missing".to_owned()),
                Some(meta) if meta.size != file.bytes => Some(format!(
                    "has {} bytes where the log says {}",
                    meta.size, file.bytes
                )),
                Some(_) => None,
            };
            if let Some(fault) = fault {
                found.faults.push(format!("file {} {fault}", file.name));
                found.damaged_files.insert(file.name.clone());
            }
            found.is_modified |= meta.as_ref().is_none_or(is_modified);
        }
        let log = self.log(table).await?;
        let from = log
            .checkpoints
            .range(..=version.number)
            .next_back()
            .copied();
        let entries = log.entries.range(from.unwrap_or_default()..);
        let checkpoint = log.others.iter().filter(|(of, _)| Some(*of) == from);
        found.is_modified |= entries
            .map(|(_, meta)| meta)
            .chain(checkpoint.map(|(_, meta)| meta))
            .any(is_modified);
        found.version = Some(version);
        Ok(found)
    }

    /// The time at which an object was last changed.
    fn changed_at(&self, meta: &ObjectMeta) -> ChangeTime {
        let Some(file) = self.location().file(&meta.location) else {
            return ChangeTime(meta.last_modified.timestamp_nanos_opt().unwrap_or(i64::MAX));
        };
        let changed = std::fs::symlink_metadata(file);
        ChangeTime(changed.map_or(i64::MAX, |of| {
            of.ctime()
                .saturating_mul(1_000_000_000)
                .saturating_add(of.ctime_nsec())
        }))
    }

    async fn head(&self, path: &Path) -> Result<Option<ObjectMeta>, Error> {
        match self.location().store().head(path).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::store("read", self.location().display(path), &error)),
        }
    }

    /// Takes the log of a table away that cannot be opened, so that the table can
    /// begin again. Killed anywhere in between it cannot be opened, or is not
    /// there: no older version is ever taken for the newest. To be called by
    /// whoever holds the lake.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_log(&self, table: &TableId) -> Result<(), Error> {
        let folder = self.path(table).join("_delta_log");
        let listed = self.listed(&folder).await?.objects;
        let entries = self.log(table).await?.entries;
        let is_entry = |path: &Path| entries.values().any(|meta| meta.location == *path);
        // Without checkpoints and without its first entry, a log has no version.
        let (entries_there, others): (Vec<Path>, Vec<Path>) = listed
            .into_iter()
            .map(|meta| meta.location)
            .partition(is_entry);
        let mut entries_there = entries_there;
        entries_there.sort();
        self.take_away(others).await?;
        for entry in entries_there {
            self.take_away(vec![entry]).await?;
        }
        Ok(())
    }
}
