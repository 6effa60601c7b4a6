//! Releases: the next versions of several tables, made visible in one order and
//! to the end.
//!
//! Delta makes a commit of one table atomic. A run changes several, and may be
//! killed between any two of their commits. So:
//!
//! 1. All log entries to come are put, byte for byte, into one object,
//!    `system/release/NUMBER.json`, by a conditional PUT. Until it stands nothing
//!    of the run is visible; from then on all of it will be.
//! 2. The entries go into their tables' logs, in order, each by a conditional
//!    PUT.
//! 3. The object is written over: it is done. The one before it goes.
//!
//! Whoever holds the lake next finishes a release that is not done. The number
//! keeps two writers apart even where the lock does not, as it cannot on a
//! store that knows no locks: one of them does not get its number.

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::ids::{LakeId, TableId};
use crate::lake::Lake;
use crate::log::entry::Publication;
use crate::log::entry::{Entry, Standing};
use crate::log::version::Version;
use crate::store::conditional_put::{Created, create};

/// Where releases lie.
const FOLDER: &str = "system/release";

/// How often a release that went meanwhile is looked for again.
const TRIES: u32 = 20;

/// The newest release.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Counted from 1.
    pub number: u64,
    /// The run that made it.
    pub run: String,
    /// What that run noted for the next one.
    pub state: Value,
    /// Whether all of it is visible.
    pub is_done: bool,
    /// It is there and cannot be read: nothing of it is known but its number.
    pub is_damaged: bool,
}

/// As it lies.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    number: u64,
    run: String,
    done: bool,
    state: Value,
    /// Empty once it is done.
    entries: Vec<Entry>,
    /// The lake's id, should the object be lost that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lake: Option<String>,
    #[serde(skip)]
    is_damaged: bool,
}

impl Lake {
    /// The newest release, done or not; `None` where there was none yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest_release(&self) -> Result<Option<Release>, Error> {
        Ok(self.newest().await?.map(Record::into_release))
    }

    /// Finishes what was begun, and gives the newest release. To be called by
    /// whoever holds the lake.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Conflict`] where another program wrote to a
    /// table in between.
    pub async fn finish_release(&self) -> Result<Option<Release>, Error> {
        let Some(record) = self.newest().await? else {
            return Ok(None);
        };
        let record = match record.done {
            true => record,
            false => self.apply(self.without_conflicts(record).await?).await?,
        };
        Ok(Some(record.into_release()))
    }

    /// A release without what can no longer be put: another program wrote the
    /// version of a table that an entry was to be. What it noted for the next
    /// run does not hold then, so that everything is built anew.
    async fn without_conflicts(&self, mut record: Record) -> Result<Record, Error> {
        let mut taken = BTreeSet::new();
        for entry in &record.entries {
            if !taken.contains(&entry.table()) && self.is_taken(entry).await? {
                taken.insert(entry.table());
            }
        }
        if !taken.is_empty() {
            record
                .entries
                .retain(|entry| !taken.contains(&entry.table()));
            record.state = Value::Null;
        }
        Ok(record)
    }

    /// Whether another writer's entry stands where `entry` is to be put.
    async fn is_taken(&self, entry: &Entry) -> Result<bool, Error> {
        let path = entry.path(self);
        let read = async { self.location().store().get(&path).await?.bytes().await };
        match read.await {
            Ok(there) => Ok(there != entry.bytes()),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::store("read", self.location().display(&path), &error)),
        }
    }

    /// Makes `publications` visible, one after the other, and notes `state` for
    /// the next run. `before` is the release this one follows, `standing` what
    /// each of the tables held when they were put together.
    ///
    /// # Errors
    /// [`Error::ReleaseConflict`] where somebody else made a release meanwhile: nothing
    /// is visible then. After any other error the release may stand: the next
    /// run finishes it.
    pub async fn publish_release(
        &self,
        before: Option<&Release>,
        run: &str,
        state: Value,
        publications: &[Publication],
        standing: &BTreeMap<TableId, Version>,
    ) -> Result<Vec<(TableId, i64)>, Error> {
        let mut tables: BTreeMap<TableId, Standing> = BTreeMap::new();
        let mut entries = Vec::new();
        let mut files = Vec::new();
        for next in publications {
            let table = next.layout.table();
            let stands = tables
                .entry(table.clone())
                .or_insert_with(|| Standing::of(standing.get(table)));
            entries.push(stands.follow(next)?);
            files.extend(next.files.iter().map(|file| file.path.clone()));
        }
        let number = before.map_or(0, |before| before.number) + 1;
        let record = Record {
            number,
            run: run.to_owned(),
            done: false,
            state,
            entries,
            lake: self.id().await?.map(|id| id.to_string()),
            is_damaged: false,
        };
        self.location().make_durable(&files).await?;
        let path = self.release_path(number);
        let store = self.location().store();
        match create(store.as_ref(), &path, record.to_bytes()).await {
            Ok(Created::Made) => {}
            Ok(Created::AlreadyThere) => return Err(Error::ReleaseConflict),
            Err(error) => {
                return Err(Error::store(
                    "write",
                    self.location().display(&path),
                    &error,
                ));
            }
        }
        self.location().make_durable(&[path]).await?;
        let versions = record.entries.iter().map(|entry| {
            let version = i64::try_from(entry.version).unwrap_or(i64::MAX);
            (entry.table(), version)
        });
        let versions = versions.collect();
        self.apply(record).await?;
        Ok(versions)
    }

    /// Puts every entry where it belongs and notes that the release is done.
    async fn apply(&self, record: Record) -> Result<Record, Error> {
        for entry in &record.entries {
            self.put_entry(entry).await?;
        }
        let done = Record {
            done: true,
            entries: Vec::new(),
            ..record
        };
        let path = self.release_path(done.number);
        let store = self.location().store();
        let put = store.put(&path, done.to_bytes().into()).await;
        put.map_err(|error| Error::store("write", self.location().display(&path), &error))?;
        self.forget_older_releases().await?;
        Ok(done)
    }

    /// Takes releases away that a newer one stands for. Best effort: one that is
    /// left behind is in nobody's way, and goes [after](Lake::remove_unpublished_after) who
    /// was killed here.
    ///
    /// # Errors
    /// [`Error::Store`] where they cannot be listed.
    pub(crate) async fn forget_older_releases(&self) -> Result<(), Error> {
        let numbers = self.release_numbers().await?;
        let newest = numbers.iter().max();
        for older in numbers.iter().filter(|number| Some(*number) != newest) {
            let path = self.release_path(*older);
            let _ = self.location().store().delete(&path).await;
        }
        Ok(())
    }

    /// The lake's id; `None` before anything was published, and for a lake that
    /// was begun before lakes had one. The newest release knows it too, so that
    /// neither object is lost with its id.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn id(&self) -> Result<Option<LakeId>, Error> {
        if let Some(id) = self.id_of_release().await? {
            return Ok(Some(id));
        }
        let marker = self.marker().await?.unwrap_or_default();
        Ok(marker["id"].as_str().and_then(LakeId::parse))
    }

    /// The lake's id, as the newest release knows it.
    pub(crate) async fn id_of_release(&self) -> Result<Option<LakeId>, Error> {
        let newest = self.newest().await?;
        Ok(newest.and_then(|record| LakeId::parse(&record.lake?)))
    }

    /// Writes the newest release again as it stands, so that it is younger than
    /// all that was found whole. To be called by whoever holds the lake.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn touch_release(&self) -> Result<(), Error> {
        let Some(record) = self.newest().await?.filter(|record| !record.is_damaged) else {
            return Ok(());
        };
        let path = self.release_path(record.number);
        let put = self.location().store().put(&path, record.to_bytes().into());
        put.await
            .map(|_| ())
            .map_err(|error| Error::store("write", self.location().display(&path), &error))
    }

    async fn newest(&self) -> Result<Option<Record>, Error> {
        let mut tries = 0;
        loop {
            let numbers = self.release_numbers().await?;
            let Some(number) = numbers.into_iter().max() else {
                return Ok(None);
            };
            let path = self.release_path(number);
            let read = async { self.location().store().get(&path).await?.bytes().await };
            let body = match read.await {
                Ok(body) => body,
                // A newer one came, and this one went.
                Err(object_store::Error::NotFound { .. }) if tries < TRIES => {
                    tries += 1;
                    continue;
                }
                Err(error) => {
                    let path = self.location().display(&path);
                    return Err(Error::store("read", path, &error));
                }
            };
            let record = serde_json::from_slice::<Record>(&body).ok();
            let record = record.filter(|record| record.number == number);
            // What it noted is lost. The next release follows on its number, and
            // is made of everything.
            let record = record.unwrap_or_else(|| Record::damaged(number));
            return Ok(Some(record));
        }
    }

    async fn release_numbers(&self) -> Result<Vec<u64>, Error> {
        let folder = self.location().child(FOLDER);
        let listed = self.listed(&folder).await?;
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

impl Record {
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
        // Numbers, texts and values of JSON are always JSON.
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
    async fn a_release_that_a_newer_one_stands_for_goes_after_who_was_killed() {
        let store = Arc::new(InMemory::new());
        let lake = Lake::at(Location::in_store(Arc::clone(&store) as _));
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
