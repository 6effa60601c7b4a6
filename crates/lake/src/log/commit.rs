//! The history of a table: what its log says about each version.
//!
//! Reads the log entries itself, because the Delta library returns commits without
//! their version numbers.

use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;

/// How many log entries are read at the same time.
const CONCURRENT_READS: usize = 16;

/// The commit of one version.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Counted from 0.
    pub version: i64,
    /// When it was published, epoch milliseconds UTC.
    pub timestamp: i64,
    /// Delta's name of the operation: `WRITE`, `CREATE TABLE`, ...
    pub operation: String,
    /// The number of files it added.
    pub files_added: u64,
    /// The number of rows in these files.
    pub rows_added: u64,
    /// The number of files it removed.
    pub files_removed: u64,
    /// What it says about the run. `None` for other programs.
    pub commit_info: Option<CommitInfo>,
}

/// What a commit of this program says about its run, as `commitInfo.stedi` in the
/// log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitInfo {
    /// The id of the run.
    pub run: String,
    /// The name and version of the program.
    pub program: String,
    /// The number of rows in the table after the commit.
    pub rows: u64,
    /// A hash of the table's rows as a multiset. It does not depend on the order of
    /// rows or on their distribution over files. A table with equal content need not
    /// be published again.
    pub content: String,
    /// A copy of the state in the release, in case the release is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<serde_json::Value>,
}

impl Lake {
    /// The commits of all readable versions of `table`, newest first.
    ///
    /// # Errors
    /// [`Error::NoTable`].
    pub async fn history(&self, table: &TableId) -> Result<Vec<Commit>, Error> {
        let (commits, _) = self.newest_commits(table, usize::MAX).await?;
        if commits.is_empty() {
            return Err(Error::NoTable {
                table: table.clone(),
            });
        }
        Ok(commits)
    }

    /// The commits of the newest `max` readable versions of `table`, newest first, and
    /// how many older versions are readable.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest_commits(
        &self,
        table: &TableId,
        max: usize,
    ) -> Result<(Vec<Commit>, usize), Error> {
        let versions = self.list_log(table).await?.readable_versions();
        let older = versions.len().saturating_sub(max);
        let commits = stream::iter(versions.into_iter().rev().take(max))
            .map(|version| read_commit(self, table, version))
            .buffered(CONCURRENT_READS)
            .try_filter_map(|commit| async move { Ok(commit) })
            .try_collect()
            .await?;
        Ok((commits, older))
    }
}

/// The commit of one version. `None` if its log entry was removed.
pub(crate) async fn read_commit(
    lake: &Lake,
    table: &TableId,
    version: i64,
) -> Result<Option<Commit>, Error> {
    let path = lake
        .table_path(table)
        .join("_delta_log")
        .join(format!("{version:020}.json"));
    let entry = lake.location().read_if_exists(&path).await?;
    Ok(entry.map(|entry| parse_commit(version, &entry)))
}

/// Reads the actions of a log entry.
fn parse_commit(version: i64, entry: &[u8]) -> Commit {
    let mut commit = Commit {
        version,
        timestamp: 0,
        operation: String::new(),
        files_added: 0,
        rows_added: 0,
        files_removed: 0,
        commit_info: None,
    };
    for line in entry
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        // Entries of other programs may contain actions that this one does not know.
        // They are skipped.
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
    commit
}
