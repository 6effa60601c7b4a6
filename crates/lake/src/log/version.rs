//! Versions of a table, read from its log.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::Metadata;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::prefix::PrefixStore;

use crate::error::Error;
use crate::files::layout::DataFile;
use crate::files::schema;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::commit::{self, CommitInfo};
use crate::log::listing::Log;

/// How often opening a table is tried for again, where somebody tidies its log up.
const OPEN_TRIES: u32 = 2;

/// Table property that names the personal columns, divided by commas.
pub(crate) const PERSONAL: &str = "stedi.personal";

/// Which version of a table to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AsOf {
    /// The newest.
    #[default]
    Latest,
    /// That one.
    Version(i64),
    /// The newest published at or before this instant, epoch milliseconds UTC.
    Time(i64),
}

/// One version of one table: what a reader needs to read it.
#[derive(Debug, Clone)]
pub struct Version {
    /// Which table.
    pub table: TableId,
    /// Counted from 0.
    pub number: i64,
    /// Columns with the types the files hold.
    pub schema: SchemaRef,
    /// Its files, in order of their names.
    pub files: Vec<DataFile>,
    /// The grain in words, as its contract had it.
    pub description: Option<String>,
    /// Its personal columns, as its contract had them.
    pub personal: Vec<String>,
    /// What the commit says of the run that made it.
    pub commit_info: Option<CommitInfo>,
    /// As it stands in the log; the next version keeps its identity.
    pub(crate) metadata: Option<Metadata>,
    /// When each file was added, epoch milliseconds, by name.
    added_ms: HashMap<String, i64>,
}

impl Version {
    /// Its files in the order in which they were added; of one commit, by name.
    pub fn files_by_age(&self) -> Vec<&DataFile> {
        let mut files: Vec<&DataFile> = self.files.iter().collect();
        files.sort_by_key(|file| (self.added_ms.get(&file.name).copied(), &file.name));
        files
    }

    /// Rows in all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl Lake {
    /// Reads a version of `table`; `None` where the lake has no such table.
    ///
    /// # Errors
    /// [`Error::NoVersion`] where it has the table but not that version,
    /// [`Error::VersionRemoved`] where it has it no more.
    pub async fn version(&self, table: &TableId, as_of: AsOf) -> Result<Option<Version>, Error> {
        if as_of == AsOf::Latest {
            return self.newest_version(table).await;
        }
        let log = self.log(table).await?;
        let Some(newest) = log.newest() else {
            return Ok(None);
        };
        let number = match as_of {
            AsOf::Latest => newest,
            AsOf::Version(number) => self.existing(table, &log, number)?,
            AsOf::Time(instant) => self.at_time(table, &log, instant).await?,
        };
        let version = self.load(table, Some(number.unsigned_abs())).await?;
        // Another program may take files away and leave the log as it is.
        if number != newest && !self.has_all_files(&version).await? {
            let wanted = version.number.to_string();
            return Err(missing_version(table, wanted, &log, true));
        }
        Ok(Some(version))
    }

    async fn newest_version(&self, table: &TableId) -> Result<Option<Version>, Error> {
        if !self.exists(table).await? {
            return Ok(None);
        }
        let mut tries = 0;
        loop {
            match self.load(table, None).await {
                Ok(version) => return Ok(Some(version)),
                // Entries that were listed may have been vacuumed before they were
                // read; a checkpoint says the same by then.
                Err(_) if tries < OPEN_TRIES => tries += 1,
                Err(error) => return Err(self.diagnosed(table, error).await),
            }
        }
    }

    pub(crate) async fn load(
        &self,
        table: &TableId,
        number: Option<u64>,
    ) -> Result<Version, Error> {
        let failed = |source| Error::Table {
            action: "open",
            table: table.clone(),
            source: Box::new(source),
        };
        let delta = self.open(table, number).await?;
        let state = delta.snapshot().map_err(failed)?;
        let mut files: Vec<DataFile> = Vec::new();
        let mut added_ms = HashMap::new();
        let log_store = delta.log_store();
        let mut views = state.snapshot().file_views(&log_store, None);
        let root = self.path(table);
        while let Some(view) = views.try_next().await.map_err(failed)? {
            let name = view.path().into_owned();
            added_ms.insert(name.clone(), view.modification_time());
            files.push(DataFile {
                path: name
                    .split('/')
                    .fold(root.clone(), |path, part| path.join(part)),
                bytes: u64::try_from(view.size()).unwrap_or_default(),
                rows: view.num_records().unwrap_or_default() as u64,
                stats: view.stats(),
                name,
            });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let number = i64::try_from(state.version()).unwrap_or(i64::MAX);
        let metadata = state.metadata();
        Ok(Version {
            table: table.clone(),
            number,
            schema: schema::arrow(table, state.schema().as_ref())?,
            files,
            description: metadata.description().map(str::to_owned),
            personal: metadata
                .configuration()
                .get(PERSONAL)
                .map(|list| list.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            commit_info: commit::commit(self, table, number)
                .await?
                .and_then(|commit| commit.commit_info),
            metadata: Some(metadata.clone()),
            added_ms,
        })
    }

    fn existing(&self, table: &TableId, log: &Log, number: i64) -> Result<i64, Error> {
        let readable = log.readable();
        if readable.contains(&number) {
            return Ok(number);
        }
        let is_gone = (0..log.newest().unwrap_or_default()).contains(&number);
        Err(missing_version(table, number.to_string(), log, is_gone))
    }

    /// The newest version published at or before `instant`. Versions are taken to
    /// have been published in their order, so that few of many are looked at.
    async fn at_time(&self, table: &TableId, log: &Log, instant: i64) -> Result<i64, Error> {
        let readable = log.readable();
        let (mut from, mut to) = (0, readable.len());
        while from < to {
            let middle = from + (to - from) / 2;
            let commit = commit::commit(self, table, readable[middle]).await?;
            match commit.is_some_and(|commit| commit.timestamp <= instant) {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        match from.checked_sub(1) {
            Some(last) => Ok(readable[last]),
            None => {
                let at = chrono::DateTime::from_timestamp_millis(instant).unwrap_or_default();
                let wanted = format!("from {} or before", at.to_rfc3339());
                let is_gone = readable.first().is_some_and(|first| *first > 0);
                Err(missing_version(table, wanted, log, is_gone))
            }
        }
    }

    async fn has_all_files(&self, version: &Version) -> Result<bool, Error> {
        let there = self.data_files(&version.table).await?;
        let there: HashSet<&object_store::path::Path> =
            there.iter().map(|meta| &meta.location).collect();
        let folder = self.path(&version.table);
        // One in a folder of its own is another writer's, and not looked after.
        let mut own = version.files.iter();
        Ok(own.all(|file| {
            there.contains(&file.path) || file.path != folder.clone().join(file.name.as_str())
        }))
    }

    pub(crate) fn log_store(&self, table: &TableId) -> LogStoreRef {
        let root = Arc::clone(self.location().store());
        let prefixed: Arc<dyn ObjectStore> =
            Arc::new(PrefixStore::new(Arc::clone(&root), self.path(table)));
        let place = self
            .location()
            .join(&format!("{}/{}", table.zone, table.name));
        default_logstore(prefixed, root, place.url(), &StorageConfig::default())
    }

    pub(crate) async fn open(
        &self,
        table: &TableId,
        number: Option<u64>,
    ) -> Result<DeltaTable, Error> {
        let mut delta = DeltaTable::new(self.log_store(table));
        match number {
            Some(number) => delta.load_version(number).await,
            None => delta.load().await,
        }
        .map_err(|source| Error::Table {
            action: "open",
            table: table.clone(),
            source: Box::new(source),
        })?;
        Ok(delta)
    }
}

/// The error about a version that the table does not have, or has no more.
fn missing_version(table: &TableId, wanted: String, log: &Log, is_gone: bool) -> Error {
    let readable = log.readable();
    let table = table.clone();
    let first = readable.first().copied().unwrap_or_default();
    let last = readable.last().copied().unwrap_or_default();
    match is_gone {
        true => Error::VersionRemoved {
            table,
            wanted,
            first,
            last,
        },
        false => Error::NoVersion {
            table,
            wanted,
            first,
            last,
        },
    }
}
