//! A lake's tables and their versions.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::Metadata;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures::TryStreamExt;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use uuid::Uuid;

use crate::log::Log;
use crate::{Commit, CommitInfo, DataFile, Error, Location, history, probe, schema};

/// The object that says a lake's store was found safe, the lake's layout and
/// its id.
const MARKER: &str = "system/lake.json";

/// How often opening a table is tried for again, where somebody tidies its log up.
const OPEN_TRIES: u32 = 2;

/// Tells a lake from every other, wherever it is moved to. A copy of a lake
/// has the id of the one it was copied from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LakeId(Uuid);

impl LakeId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for LakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

/// Names a table: `trusted/customer_trusted`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// `trusted`, `curated` or `system`.
    pub zone: String,
    /// The folder's name in the zone.
    pub name: String,
}

impl TableId {
    /// The table `name` of `zone`.
    pub fn new(zone: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            zone: zone.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.zone, self.name)
    }
}

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

/// What [`Lake::prepare`] found and made.
#[derive(Debug)]
pub struct Preparation {
    first_use: bool,
    /// The object that makes it a lake is there, and does not say what it must.
    is_marker_damaged: bool,
    /// Innermost first.
    folders_made: Vec<PathBuf>,
}

impl Preparation {
    /// Whether the object that makes it a lake is missing or damaged.
    pub fn lacks_marker(&self) -> bool {
        self.first_use || self.is_marker_damaged
    }
}

/// `folder` and the ones above it that do not exist, innermost first.
fn missing_folders(folder: &Path) -> Vec<PathBuf> {
    folder
        .ancestors()
        .take_while(|folder| !folder.exists())
        .map(Path::to_owned)
        .collect()
}

/// A folder or prefix with one Delta table per `zone/table`.
#[derive(Debug, Clone)]
pub struct Lake {
    location: Location,
}

impl Lake {
    /// The lake at `location`. Nothing is read or made yet.
    pub fn at(location: Location) -> Self {
        Self { location }
    }

    /// Where it lies.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Makes sure that the lake can be written. At first use this makes the
    /// folder and proves that the store keeps two writers of one object apart.
    ///
    /// # Errors
    /// [`Error::Store`] where nothing can be written; [`Error::NotAtomic`]
    /// where commits would be lost.
    pub async fn prepare(&self) -> Result<Preparation, Error> {
        if self.location.folder().is_some_and(Path::is_file) {
            return Err(Error::Store {
                action: "write",
                object: self.location.text().to_owned(),
                reason: "it is a file, not a folder".to_owned(),
            });
        }
        let folder = self.location.folder().filter(|folder| !folder.exists());
        let missing = folder.map(missing_folders).unwrap_or_default();
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| Error::Store {
                action: "write",
                object: self.location.text().to_owned(),
                reason: error.to_string(),
            })?;
        }
        let marker = self.marker().await?;
        let first_use = marker.is_none();
        if first_use {
            probe::check_conditional_put(&self.location).await?;
        }
        let released = self.id_of_release().await?;
        let is_marker_damaged = marker.is_some_and(|marker| {
            let id = marker["id"].as_str().and_then(LakeId::parse);
            !marker["layout"].is_u64() || released.is_some() && id != released
        });
        Ok(Preparation {
            first_use,
            is_marker_damaged,
            folders_made: missing,
        })
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

    /// Whether the object that makes it a lake says so.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_marker(&self) -> Result<bool, Error> {
        let marker = self.marker().await?;
        Ok(marker.is_some_and(|marker| marker["layout"].is_u64()))
    }

    /// What stands in the object that makes it a lake; `null` where that is no
    /// JSON, nothing where there is none.
    async fn marker(&self) -> Result<Option<serde_json::Value>, Error> {
        let marker = self.location.child(MARKER);
        let read = async { self.location.store().get(&marker).await?.bytes().await };
        match read.await {
            Ok(body) => Ok(Some(serde_json::from_slice(&body).unwrap_or_default())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::store("read", self.location.display(&marker), &error)),
        }
    }

    /// Notes at first use that the store was found safe, and gives the lake its
    /// id. Called when there is
    /// something to publish: a run that fails leaves no lake behind.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn write_marker(&self, preparation: &Preparation) -> Result<(), Error> {
        if !preparation.first_use && !preparation.is_marker_damaged {
            return Ok(());
        }
        let known = self.id_of_release().await?;
        let id = known.unwrap_or_else(|| LakeId(Uuid::new_v4())).to_string();
        let body = serde_json::json!({ "layout": 1, "id": id })
            .to_string()
            .into_bytes();
        let options = PutOptions::from(match preparation.first_use {
            true => PutMode::Create,
            false => PutMode::Overwrite,
        });
        let marker = self.location.child(MARKER);
        let put = self
            .location
            .store()
            .put_opts(&marker, body.into(), options);
        match put.await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(Error::store("write", &self.location, &error)),
        }
    }

    /// Takes away the folders that [`Lake::prepare`] made, as far as they are
    /// empty.
    pub fn remove_empty_folders(&self, preparation: &Preparation) {
        if let Some(folder) = self.location.folder() {
            let _ = std::fs::remove_dir(folder.join("system"));
        }
        for folder in &preparation.folders_made {
            let _ = std::fs::remove_dir(folder);
        }
    }

    /// All tables, in order of zone and name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tables(&self) -> Result<Vec<TableId>, Error> {
        let mut tables = Vec::new();
        for zone in self.folders(self.location.prefix()).await? {
            for name in self
                .folders(&self.location.prefix().clone().join(zone.as_str()))
                .await?
            {
                let table = TableId::new(&zone, name);
                if self.exists(&table).await? {
                    tables.push(table);
                }
            }
        }
        tables.sort();
        Ok(tables)
    }

    /// What lies in a folder; nothing where there is none.
    pub(crate) async fn listed(
        &self,
        path: &object_store::path::Path,
    ) -> Result<object_store::ListResult, Error> {
        match self.location.store().list_with_delimiter(Some(path)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(object_store::ListResult {
                common_prefixes: Vec::new(),
                objects: Vec::new(),
            }),
            listed => {
                listed.map_err(|error| Error::store("list", self.location.display(path), &error))
            }
        }
    }

    pub(crate) async fn folders(
        &self,
        path: &object_store::path::Path,
    ) -> Result<Vec<String>, Error> {
        let listed = self.listed(path).await?;
        Ok(listed
            .common_prefixes
            .iter()
            .filter_map(|path| path.filename())
            .filter(|name| !name.starts_with('_') && !name.starts_with('.'))
            .map(str::to_owned)
            .collect())
    }

    /// Whether the table has been published at all.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn exists(&self, table: &TableId) -> Result<bool, Error> {
        let log = self.path(table).join("_delta_log");
        let mut listed = self.location.store().list(Some(&log));
        match listed.try_next().await {
            Ok(entry) => Ok(entry.is_some()),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::store("list", self.location.display(&log), &error)),
        }
    }

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
                .get(crate::publish::PERSONAL)
                .map(|list| list.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            commit_info: history::commit(self, table, number)
                .await?
                .and_then(|commit| commit.commit_info),
            metadata: Some(metadata.clone()),
            added_ms,
        })
    }

    /// The commits of `table` that can still be read, newest first.
    ///
    /// # Errors
    /// [`Error::NoTable`].
    pub async fn history(&self, table: &TableId) -> Result<Vec<Commit>, Error> {
        let commits = history::commits(self, table).await?;
        if commits.is_empty() {
            return Err(Error::NoTable {
                table: table.clone(),
            });
        }
        Ok(commits)
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
            let commit = history::commit(self, table, readable[middle]).await?;
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

    /// The table's path in the store.
    pub(crate) fn path(&self, table: &TableId) -> object_store::path::Path {
        self.location
            .child(&format!("{}/{}", table.zone, table.name))
    }

    pub(crate) fn log_store(&self, table: &TableId) -> LogStoreRef {
        let root = Arc::clone(self.location.store());
        let prefixed: Arc<dyn ObjectStore> =
            Arc::new(PrefixStore::new(Arc::clone(&root), self.path(table)));
        let place = self
            .location
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lake_has_an_id_from_its_beginning_on() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = folder.path().join(name);
            Lake::at(Location::parse(path.to_str().unwrap()).unwrap())
        };
        let lake = at("lake");
        assert_eq!(lake.id().await.unwrap(), None);
        let preparation = lake.prepare().await.unwrap();
        assert_eq!(lake.id().await.unwrap(), None, "nothing is published yet");
        lake.write_marker(&preparation).await.unwrap();
        let id = lake.id().await.unwrap().unwrap();
        assert_eq!(id.to_string().len(), 32);
        // Another writer who began at the same time.
        lake.write_marker(&preparation).await.unwrap();
        assert_eq!(lake.id().await.unwrap(), Some(id));
        std::fs::rename(folder.path().join("lake"), folder.path().join("moved")).unwrap();
        assert_eq!(at("moved").id().await.unwrap(), Some(id));

        for (body, shows) in [
            (r#"{"layout":1}"#, "a lake from before lakes had ids"),
            (r#"{"layout":1,"id":"../../k"}"#, "an id that is none"),
            ("", "nothing"),
        ] {
            std::fs::write(folder.path().join("moved/system/lake.json"), body).unwrap();
            assert_eq!(at("moved").id().await.unwrap(), None, "{shows}");
        }
    }
}
