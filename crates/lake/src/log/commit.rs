//! What a table's log says of each of its versions.
//!
//! Read from the commit entries themselves: the library's own reader hands
//! commits out without their version numbers.

use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;

/// How many commit entries are read at once.
const AT_ONCE: usize = 16;

/// One published version.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Counted from 0.
    pub version: i64,
    /// When it was published, epoch milliseconds UTC.
    pub timestamp: i64,
    /// Delta's name for what was done: `WRITE`, `CREATE TABLE`, ...
    pub operation: String,
    /// Files and rows it added.
    pub files_added: u64,
    /// Rows in the files it added.
    pub rows_added: u64,
    /// Files it removed.
    pub files_removed: u64,
    /// What stedi noted of the run that made it; `None` for other writers.
    pub commit_info: Option<CommitInfo>,
}

/// What a commit says of the run that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitInfo {
    /// The run.
    pub run: String,
    /// Which program wrote it.
    pub program: String,
    /// Rows of the table after the commit.
    pub rows: u64,
    /// Names the table's rows as a multiset: the same whatever their order or
    /// their division into files. Equal content need not be published again.
    pub content: String,
    /// What else the run noted, should its release be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<serde_json::Value>,
}

impl Lake {
    /// The commits of `table` that can still be read, newest first.
    ///
    /// # Errors
    /// [`Error::NoTable`].
    pub async fn history(&self, table: &TableId) -> Result<Vec<Commit>, Error> {
        let commits = commits(self, table).await?;
        if commits.is_empty() {
            return Err(Error::NoTable {
                table: table.clone(),
            });
        }
        Ok(commits)
    }
}

/// The commits of all versions that can be read, newest first.
pub(crate) async fn commits(lake: &Lake, table: &TableId) -> Result<Vec<Commit>, Error> {
    let versions = lake.log(table).await?.readable();
    stream::iter(versions.into_iter().rev())
        .map(|version| commit(lake, table, version))
        .buffered(AT_ONCE)
        .try_filter_map(|commit| async move { Ok(commit) })
        .try_collect()
        .await
}

/// One version's commit; `None` where its entry is gone.
pub(crate) async fn commit(
    lake: &Lake,
    table: &TableId,
    version: i64,
) -> Result<Option<Commit>, Error> {
    let path = lake
        .path(table)
        .join("_delta_log")
        .join(format!("{version:020}.json"));
    read(lake, version, path).await
}

async fn read(lake: &Lake, version: i64, path: Path) -> Result<Option<Commit>, Error> {
    let failed = |error| Error::store("read", lake.location().display(&path), &error);
    let bytes = match lake.location().store().get(&path).await {
        Ok(found) => found.bytes().await.map_err(failed)?,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut commit = Commit {
        version,
        timestamp: 0,
        operation: String::new(),
        files_added: 0,
        rows_added: 0,
        files_removed: 0,
        commit_info: None,
    };
    for line in bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        // An entry by another writer may hold actions this program does not
        // know; they do not hinder telling what it does know.
        let Ok(Value::Object(action)) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        if let Some(info) = action.get("commitInfo") {
            commit.timestamp = info["timestamp"].as_i64().unwrap_or_default();
            commit.operation = info["operation"].as_str().unwrap_or_default().to_owned();
            commit.commit_info = serde_json::from_value(info["stedi"].clone()).ok();
        } else if let Some(add) = action.get("add") {
            commit.files_added += 1;
            commit.rows_added += add["stats"]
                .as_str()
                .and_then(|stats| serde_json::from_str::<Value>(stats).ok())
                .and_then(|stats| stats["numRecords"].as_u64())
                .unwrap_or_default();
        } else if action.contains_key("remove") {
            commit.files_removed += 1;
        }
    }
    Ok(Some(commit))
}
