//! Inspection: finds missing and changed objects of a table's newest version.
//!
//! It compares names, sizes and times, from one listing of the table's folder and
//! one of its log. It reads no rows. Times tell the caller whether rows must be
//! read as well: nothing writes an object of a version after the release that made
//! the version visible. The time of a local file is its change time (ctime), which
//! no program can set. The time of an object in a store is that of its last PUT.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::version::{AsOf, Version};

/// When an object was last changed, epoch nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeTime(i64);

/// The result of inspecting one table.
#[derive(Debug, Default)]
pub struct Inspection {
    /// The newest version. `None` if there is no such table or its log cannot be
    /// read.
    pub version: Option<Version>,
    /// The faults, in words, each of one object.
    pub faults: Vec<String>,
    /// The names of files that are missing or have another size.
    pub damaged_files: BTreeSet<String>,
    /// Whether an object of the version was written after the given time.
    pub is_modified: bool,
}

impl Lake {
    /// When the newest release was written. `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn released_at(&self) -> Result<Option<ChangeTime>, Error> {
        let releases = self
            .list_folder(&self.location().child("system/release"))
            .await?;
        let newest = releases.objects.iter().max_by_key(|meta| &meta.location);
        Ok(newest.map(|meta| self.changed_at(meta)))
    }

    /// Checks that the objects of the newest version of `table` exist, and whether
    /// any was written after `since`.
    ///
    /// # Errors
    /// [`Error::Store`] if the store fails. Damage is no error but part of the
    /// result.
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

    /// The same for a version that is already open.
    ///
    /// # Errors
    /// As [`Lake::inspect`].
    pub async fn inspect_version(
        &self,
        version: Version,
        since: Option<ChangeTime>,
    ) -> Result<Inspection, Error> {
        let (table, mut inspection) = (&version.table, Inspection::default());
        let is_modified =
            |meta: &ObjectMeta| since.is_none_or(|since| self.changed_at(meta) > since);
        let existing: BTreeMap<Path, ObjectMeta> = self
            .data_files(table)
            .await?
            .into_iter()
            .map(|meta| (meta.location.clone(), meta))
            .collect();
        let folder = self.table_path(table);
        for file in &version.files {
            let is_in_folder = file.path == folder.clone().join(file.name.as_str());
            let meta = match existing.get(&file.path) {
                // Another program may have written it to a subfolder.
                None if !is_in_folder => self.head(&file.path).await?,
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
                inspection
                    .faults
                    .push(format!("file {} {fault}", file.name));
                inspection.damaged_files.insert(file.name.clone());
            }
            inspection.is_modified |= meta.as_ref().is_none_or(is_modified);
        }
        let log = self.list_log(table).await?;
        let checkpoint = log
            .checkpoints
            .range(..=version.number)
            .next_back()
            .copied();
        let entries = log.entries.range(checkpoint.unwrap_or_default()..);
        let checkpoint_files = log.other_objects.iter();
        let checkpoint_files = checkpoint_files.filter(|(of, _)| Some(*of) == checkpoint);
        inspection.is_modified |= entries
            .map(|(_, meta)| meta)
            .chain(checkpoint_files.map(|(_, meta)| meta))
            .any(is_modified);
        inspection.version = Some(version);
        Ok(inspection)
    }

    /// Those of the data files `names` that are in the folder of one of `tables`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn data_files_in(
        &self,
        tables: impl Iterator<Item = &TableId>,
        names: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, Error> {
        let mut found = BTreeSet::new();
        for table in tables {
            for meta in self.data_files(table).await? {
                let name = meta.location.filename().unwrap_or_default();
                found.extend(names.get(name).cloned());
            }
        }
        Ok(found)
    }

    /// When an object was last changed.
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

    /// The metadata of an object. `None` if there is none.
    async fn head(&self, path: &Path) -> Result<Option<ObjectMeta>, Error> {
        match self.location().store().head(path).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::store("read", self.location().display(path), &error)),
        }
    }

    /// Removes the log of a table that cannot be opened, so that the table can start
    /// again. If the process is killed on the way, the table still cannot be opened
    /// or does not exist: no older version ever becomes the newest. The caller must
    /// hold the lock.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_log(&self, table: &TableId) -> Result<(), Error> {
        let folder = self.table_path(table).join("_delta_log");
        let listed = self.list_folder(&folder).await?.objects;
        let entries = self.list_log(table).await?.entries;
        let is_entry = |path: &Path| entries.values().any(|meta| meta.location == *path);
        // Checkpoints go first, then entries, oldest first. A log without checkpoints
        // and without its first entry has no version.
        let (mut existing_entries, others): (Vec<Path>, Vec<Path>) = listed
            .into_iter()
            .map(|meta| meta.location)
            .partition(is_entry);
        existing_entries.sort();
        self.delete_all(others).await?;
        for entry in existing_entries {
            self.delete_all(vec![entry]).await?;
        }
        Ok(())
    }
}
