//! Opens versions of a table: the newest, one by number, one by time.

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
use crate::log::listing::LogListing;

/// How often opening is repeated if it fails, because the log may be vacuumed at
/// the same time.
const OPEN_RETRIES_MAX: u32 = 2;

/// The table property with the names of the personal columns, separated by commas.
pub(crate) const PERSONAL: &str = "stedi.personal";

/// Which version of a table to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AsOf {
    /// The newest version.
    #[default]
    Latest,
    /// The version with this number.
    Version(i64),
    /// The newest version published at or before this time, epoch milliseconds UTC.
    Time(i64),
}

/// One version of one table, with all that is needed to read it.
#[derive(Debug, Clone)]
pub struct Version {
    /// The table.
    pub table: TableId,
    /// Counted from 0.
    pub number: i64,
    /// The columns, with the types of the data files.
    pub schema: SchemaRef,
    /// Its data files, sorted by name.
    pub files: Vec<DataFile>,
    /// The grain in words, from the contract.
    pub description: Option<String>,
    /// The personal columns, from the contract.
    pub personal: Vec<String>,
    /// What its commit says about the run. `None` for other programs.
    pub commit_info: Option<CommitInfo>,
    /// The metadata action in the log. The next version keeps its id.
    pub(crate) metadata: Option<Metadata>,
    /// When each file was added, epoch milliseconds, by name.
    added_ms: HashMap<String, i64>,
}

impl Version {
    /// Its files, oldest first. Files of one commit are sorted by name.
    pub fn files_by_age(&self) -> Vec<&DataFile> {
        let mut files: Vec<&DataFile> = self.files.iter().collect();
        files.sort_by_key(|file| (self.added_ms.get(&file.name).copied(), &file.name));
        files
    }

    /// The number of rows in all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The number of bytes in all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl Lake {
    /// Opens a version of `table`. `None` if the lake has no such table.
    ///
    /// # Errors
    /// [`Error::NoVersion`] if the table never had this version;
    /// [`Error::VersionRemoved`] if it was removed; [`Error::Damaged`] if the log cannot
    /// be read.
    pub async fn version(&self, table: &TableId, as_of: AsOf) -> Result<Option<Version>, Error> {
        if as_of == AsOf::Latest {
            return self.newest_version(table).await;
        }
        let log = self.list_log(table).await?;
        let Some(newest) = log.newest() else {
            return Ok(None);
        };
        let number = match as_of {
            AsOf::Latest => newest,
            AsOf::Version(number) => check_readable(table, &log, number)?,
            AsOf::Time(time_ms) => self.version_at(table, &log, time_ms).await?,
        };
        let version = self.load(table, Some(number.unsigned_abs())).await?;
        // Another program may have removed files without changing the log.
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
        let mut retries = 0;
        loop {
            match self.load(table, None).await {
                Ok(version) => return Ok(Some(version)),
                // Vacuum may remove entries between listing and reading. There is a
                // checkpoint with the same state then.
                Err(_) if retries < OPEN_RETRIES_MAX => retries += 1,
                Err(error) => return Err(self.diagnose(table, error).await),
            }
        }
    }

    /// Opens version `number`, or the newest one.
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
        let delta = self.open_delta_table(table, number).await?;
        let state = delta.snapshot().map_err(failed)?;
        let mut files: Vec<DataFile> = Vec::new();
        let mut added_ms = HashMap::new();
        let log_store = delta.log_store();
        let mut views = state.snapshot().file_views(&log_store, None);
        let root = self.table_path(table);
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
            schema: schema::arrow_schema(table, state.schema().as_ref())?,
            files,
            description: metadata.description().map(str::to_owned),
            personal: metadata
                .configuration()
                .get(PERSONAL)
                .map(|list| list.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            commit_info: commit::read_commit(self, table, number)
                .await?
                .and_then(|commit| commit.commit_info),
            metadata: Some(metadata.clone()),
            added_ms,
        })
    }

    /// The newest version published at or before `time_ms`. A binary search: later
    /// versions are assumed to have later timestamps.
    async fn version_at(
        &self,
        table: &TableId,
        log: &LogListing,
        time_ms: i64,
    ) -> Result<i64, Error> {
        let readable = log.readable_versions();
        let (mut from, mut to) = (0, readable.len());
        while from < to {
            let middle = from + (to - from) / 2;
            let commit = commit::read_commit(self, table, readable[middle]).await?;
            match commit.is_some_and(|commit| commit.timestamp <= time_ms) {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        match from.checked_sub(1) {
            Some(last) => Ok(readable[last]),
            None => {
                let at = chrono::DateTime::from_timestamp_millis(time_ms).unwrap_or_default();
                let wanted = format!("from {} or earlier", at.to_rfc3339());
                let is_removed = readable.first().is_some_and(|first| *first > 0);
                Err(missing_version(table, wanted, log, is_removed))
            }
        }
    }

    async fn has_all_files(&self, version: &Version) -> Result<bool, Error> {
        let existing = self.data_files(&version.table).await?;
        let existing: HashSet<&object_store::path::Path> =
            existing.iter().map(|meta| &meta.location).collect();
        let folder = self.table_path(&version.table);
        // Files in subfolders were written by other programs and are not checked.
        let mut files = version.files.iter();
        Ok(files.all(|file| {
            existing.contains(&file.path) || file.path != folder.clone().join(file.name.as_str())
        }))
    }

    /// The Delta library's access to the table, as if it were a whole store: it decodes the
    /// names of folders above a table twice, so that it must not see them.
    fn log_store(&self, table: &TableId) -> LogStoreRef {
        let store = Arc::clone(self.location().store());
        let store: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(store, self.table_path(table)));
        let mut root = self.location().url().clone();
        root.set_path("/");
        let settings = StorageConfig::default();
        default_logstore(Arc::clone(&store), store, &root, &settings)
    }

    /// Opens version `number`, or the newest one, with the Delta library.
    pub(crate) async fn open_delta_table(
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

/// Checks that version `number` can be read, and returns it.
fn check_readable(table: &TableId, log: &LogListing, number: i64) -> Result<i64, Error> {
    let readable = log.readable_versions();
    if readable.contains(&number) {
        return Ok(number);
    }
    let is_removed = (0..log.newest().unwrap_or_default()).contains(&number);
    Err(missing_version(table, number.to_string(), log, is_removed))
}

/// The error about a version that the table never had or that was removed.
fn missing_version(table: &TableId, wanted: String, log: &LogListing, is_removed: bool) -> Error {
    let readable = log.readable_versions();
    let table = table.clone();
    let first = readable.first().copied().unwrap_or_default();
    let last = readable.last().copied().unwrap_or_default();
    match is_removed {
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
