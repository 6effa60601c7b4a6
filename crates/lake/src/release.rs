//! Releases: publish the next versions of several tables, all of them or none.
//!
//! Delta makes the commit of one table atomic. A run commits to several tables and
//! may be killed between two commits. So it publishes in three steps:
//!
//! 1. One conditional PUT writes all log entries, byte for byte, into the object
//!    `system/release/NUMBER.json`. Before it, nothing of the run is visible. After
//!    it, all of the run becomes visible.
//! 2. The entries are written to the logs of their tables, in order, each by a
//!    conditional PUT.
//! 3. The object is overwritten: the release is done. The previous object is
//!    removed.
//!
//! The next lock holder finishes a release that is not done. Two writers cannot
//! create the same number. That keeps them apart if a lock in an object store
//! fails.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::ids::{LakeId, TableId};
use crate::lake::Lake;
use crate::log::entry::{LogEntry, Publication, TableState};
use crate::log::version::Version;
use crate::store::conditional_put::{PutOutcome, put_if_absent};

const FOLDER: &str = "system/release";

/// How often the newest release is looked up again if it was replaced meanwhile.
const RETRIES_MAX: u32 = 20;

/// The newest release.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Counted from 1.
    pub number: u64,
    /// The run that published it.
    pub run: String,
    /// The state that this run keeps for the next one.
    pub state: Value,
    /// Whether all of its versions are visible.
    pub is_done: bool,
    /// The object exists but cannot be read. Only the number is known.
    pub is_damaged: bool,
}

impl Release {
    /// The number of the release that follows `before`.
    pub fn number_after(before: Option<&Self>) -> u64 {
        before.map_or(0, |before| before.number) + 1
    }
}

/// The content of a release object.
#[derive(Debug, Serialize, Deserialize)]
struct ReleaseRecord {
    number: u64,
    run: String,
    done: bool,
    state: Value,
    /// Empty if the release is done.
    entries: Vec<LogEntry>,
    /// The id of the lake, in case the marker is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lake: Option<String>,
    #[serde(skip)]
    is_damaged: bool,
}

impl Lake {
    /// The newest release, done or not. `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest_release(&self) -> Result<Option<Release>, Error> {
        Ok(self.newest_record().await?.map(ReleaseRecord::into_release))
    }

    /// Finishes the newest release if it is not done, and returns it. The caller
    /// must hold the lock.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Conflict`] if another program wrote to a table at
    /// the same time.
    pub async fn finish_release(&self) -> Result<Option<Release>, Error> {
        let Some(record) = self.newest_record().await? else {
            return Ok(None);
        };
        let record = match record.done {
            true => record,
            false => self.finish(self.without_conflicts(record).await?).await?,
        };
        Ok(Some(record.into_release()))
    }

    /// Leaves out tables whose version another program has published meanwhile. The
    /// state is dropped as well then, because it describes those tables: the next
    /// run builds everything anew.
    async fn without_conflicts(&self, mut record: ReleaseRecord) -> Result<ReleaseRecord, Error> {
        let mut conflicting = BTreeSet::new();
        for entry in &record.entries {
            if !conflicting.contains(&entry.table()) && self.conflicts(entry).await? {
                conflicting.insert(entry.table());
            }
        }
        if !conflicting.is_empty() {
            record
                .entries
                .retain(|entry| !conflicting.contains(&entry.table()));
            record.state = Value::Null;
        }
        Ok(record)
    }

    /// Whether another writer has published the version of `entry`.
    async fn conflicts(&self, entry: &LogEntry) -> Result<bool, Error> {
        let path = entry.path(self);
        let published = self.location().read_if_exists(&path).await?;
        Ok(published.is_some_and(|published| published != entry.bytes()))
    }

    /// Publishes `publications` in their order and keeps `state` for the next run.
    /// `before` is the previous release. `current` holds the newest versions of the
    /// tables, which the publications build upon. Returns the new versions.
    ///
    /// # Errors
    /// [`Error::ReleaseConflict`] if another writer has published a release
    /// meanwhile; nothing is visible then. After any other error the release may
    /// exist; the next run finishes it.
    pub async fn publish_release(
        &self,
        before: Option<&Release>,
        run: &str,
        state: Value,
        publications: &[Publication],
        current: &BTreeMap<TableId, Version>,
    ) -> Result<Vec<(TableId, i64)>, Error> {
        let mut tables: BTreeMap<TableId, TableState> = BTreeMap::new();
        let mut entries = Vec::new();
        let mut files = Vec::new();
        for next in publications {
            let table = next.layout.table();
            let table_state = tables
                .entry(table.clone())
                .or_insert_with(|| TableState::of(current.get(table)));
            entries.push(table_state.next_entry(next)?);
            files.extend(next.files.iter().map(|file| file.path.clone()));
        }
        let number = Release::number_after(before);
        let record = ReleaseRecord {
            number,
            run: run.to_owned(),
            done: false,
            state,
            entries,
            lake: self.id().await?.map(|id| id.to_string()),
            is_damaged: false,
        };
        self.location().sync(&files).await?;
        let path = self.release_path(number);
        let store = self.location().store();
        match put_if_absent(store.as_ref(), &path, record.to_bytes()).await {
            Ok(PutOutcome::Created) => {}
            Ok(PutOutcome::Exists) => return Err(Error::ReleaseConflict),
            Err(error) => {
                return Err(Error::store(
                    "write",
                    self.location().display(&path),
                    &error,
                ));
            }
        }
        self.location().sync(&[path]).await?;
        let versions = record.entries.iter().map(|entry| {
            let version = i64::try_from(entry.version).unwrap_or(i64::MAX);
            (entry.table(), version)
        });
        let versions = versions.collect();
        self.finish(record).await?;
        Ok(versions)
    }

    /// Writes every entry to its log, then marks the release as done.
    async fn finish(&self, record: ReleaseRecord) -> Result<ReleaseRecord, Error> {
        for entry in &record.entries {
            self.put_entry(entry).await?;
        }
        let done = ReleaseRecord {
            done: true,
            entries: Vec::new(),
            ..record
        };
        let path = self.release_path(done.number);
        let store = self.location().store();
        let put = store.put(&path, done.to_bytes().into()).await;
        put.map_err(|error| Error::store("write", self.location().display(&path), &error))?;
        self.remove_older_releases().await?;
        Ok(done)
    }

    /// Removes all releases but the newest. Best effort: after a run that was killed
    /// here, [`Lake::remove_unpublished_after`] removes the rest.
    ///
    /// # Errors
    /// [`Error::Store`] if they cannot be listed.
    pub(crate) async fn remove_older_releases(&self) -> Result<(), Error> {
        let numbers = self.release_numbers().await?;
        let newest = numbers.iter().max();
        for older in numbers.iter().filter(|number| Some(*number) != newest) {
            let path = self.release_path(*older);
            let _ = self.location().store().delete(&path).await;
        }
        Ok(())
    }

    /// The id of the lake. `None` before the first publication, and for a lake from
    /// before lakes had ids. The marker and the newest release both hold it, so that
    /// it survives the loss of either.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn id(&self) -> Result<Option<LakeId>, Error> {
        if let Some(id) = self.release_lake_id().await? {
            return Ok(Some(id));
        }
        let marker = self.marker().await?.unwrap_or_default();
        Ok(marker["id"].as_str().and_then(LakeId::parse))
    }

    /// The id of the lake in the newest release.
    pub(crate) async fn release_lake_id(&self) -> Result<Option<LakeId>, Error> {
        let newest = self.newest_record().await?;
        Ok(newest.and_then(|record| LakeId::parse(&record.lake?)))
    }

    /// Writes the newest release again, unchanged, so that it is younger than all
    /// objects that were found intact. The caller must hold the lock.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn touch_release(&self) -> Result<(), Error> {
        let Some(record) = self
            .newest_record()
            .await?
            .filter(|record| !record.is_damaged)
        else {
            return Ok(());
        };
        let path = self.release_path(record.number);
        let put = self.location().store().put(&path, record.to_bytes().into());
        put.await
            .map(|_| ())
            .map_err(|error| Error::store("write", self.location().display(&path), &error))
    }

    async fn newest_record(&self) -> Result<Option<ReleaseRecord>, Error> {
        let mut retries = 0;
        loop {
            let numbers = self.release_numbers().await?;
            let Some(number) = numbers.into_iter().max() else {
                return Ok(None);
            };
            let path = self.release_path(number);
            let read = async { self.location().store().get(&path).await?.bytes().await };
            let body = match read.await {
                Ok(body) => body,
                // A newer release has replaced this one.
                Err(object_store::Error::NotFound { .. }) if retries < RETRIES_MAX => {
                    retries += 1;
                    continue;
                }
                Err(error) => {
                    let path = self.location().display(&path);
                    return Err(Error::store("read", path, &error));
                }
            };
            let record = serde_json::from_slice::<ReleaseRecord>(&body).ok();
            let record = record.filter(|record| record.number == number);
            // The state is lost, so the next run builds everything. Its release takes
            // the next number.
            let record = record.unwrap_or_else(|| ReleaseRecord::damaged(number));
            return Ok(Some(record));
        }
    }

    async fn release_numbers(&self) -> Result<Vec<u64>, Error> {
        let folder = self.location().child(FOLDER);
        let listed = self.list_folder(&folder).await?;
        let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
        Ok(listed
            .objects
            .iter()
            .filter_map(|meta| number(&meta.location))
            .collect())
    }

    fn release_path(&self, number: u64) -> Path {
        self.location()
            .child(&format!("{FOLDER}/{number:020}.json"))
    }
}

impl ReleaseRecord {
    fn damaged(number: u64) -> Self {
        Self {
            number,
            run: String::new(),
            done: true,
            state: Value::Null,
            entries: Vec::new(),
            lake: None,
            is_damaged: true,
        }
    }

    fn to_bytes(&self) -> Bytes {
        // Every field can be written as JSON.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    fn into_release(self) -> Release {
        Release {
            number: self.number,
            run: self.run,
            state: self.state,
            is_done: self.done,
            is_damaged: self.is_damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::location::Location;

    #[tokio::test]
    async fn an_older_release_is_removed_after_a_killed_run() {
        let store = Arc::new(InMemory::new());
        let lake = Lake::at(Location::in_test_store(Arc::clone(&store) as _));
        let none = BTreeMap::new();
        lake.publish_release(None, "r1", Value::Null, &[], &none)
            .await
            .unwrap();
        let first = lake.newest_release().await.unwrap().unwrap();
        let path = lake.release_path(first.number);
        let body = store.get(&path).await.unwrap().bytes().await.unwrap();
        lake.publish_release(Some(&first), "r2", Value::Null, &[], &none)
            .await
            .unwrap();
        assert_eq!(lake.release_numbers().await.unwrap(), [2]);
        // As if the run had been killed just before.
        store.put(&path, body.into()).await.unwrap();
        let newest = lake.finish_release().await.unwrap().unwrap();
        assert_eq!((newest.number, newest.run.as_str()), (2, "r2"));
        assert_eq!(lake.release_numbers().await.unwrap(), [1, 2]);
        lake.remove_unpublished_after("r2").await.unwrap();
        assert_eq!(lake.release_numbers().await.unwrap(), [2]);
    }
}
