//! Builds the log entry of a table's next version, with every byte of it.
//!
//! The bytes are known before anything is written. So whoever finds an entry in the
//! log later can tell whether it is this one.

use std::collections::BTreeSet;

use bytes::Bytes;
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::{
    Action, Add, Metadata, MetadataExt, Protocol, Remove, StructType, new_metadata,
};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::Error;
use crate::files::layout::{DataFile, Layout};
use crate::files::schema;
use crate::ids::TableId;
use crate::lake::Lake;
use crate::log::commit::CommitInfo;
use crate::log::version::{PERSONAL, Version};

/// The files of the current version that the next one does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovedFiles {
    /// No file.
    None,
    /// All files.
    All,
    /// The files with these names.
    Named(BTreeSet<String>),
}

/// What a table's next version changes.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The columns and the personal columns.
    pub layout: Layout,
    /// The grain, in words.
    pub description: String,
    /// The files that the version adds.
    pub files: Vec<DataFile>,
    /// The files that it removes.
    pub removed: RemovedFiles,
    /// Whether rows change. `false` if the same rows are only in other files.
    pub changes_rows: bool,
    /// What the commit says about the run.
    pub commit_info: CommitInfo,
}

/// A log entry that is not written yet. Release objects contain it in this form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogEntry {
    zone: String,
    name: String,
    pub(crate) version: u64,
    /// The content of the entry: one action in JSON per line.
    log: String,
}

impl LogEntry {
    /// The table.
    pub(crate) fn table(&self) -> TableId {
        TableId::new(&self.zone, &self.name)
    }

    /// The content of the entry.
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::from(self.log.clone())
    }

    /// The path of the entry in the store.
    pub(crate) fn path(&self, lake: &Lake) -> Path {
        let log = lake.table_path(&self.table()).join("_delta_log");
        log.join(format!("{:020}.json", self.version))
    }
}

/// The state of a table while entries for it are built.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableState {
    /// `None` before the first version.
    version: Option<u64>,
    files: Vec<DataFile>,
    metadata: Option<Metadata>,
}

impl TableState {
    /// The state of a version, or of a table without one.
    pub(crate) fn of(version: Option<&Version>) -> Self {
        version.map_or_else(Self::default, |version| Self {
            version: Some(version.number.unsigned_abs()),
            files: version.files.clone(),
            metadata: version.metadata.clone(),
        })
    }

    /// The entry of the version after this state. The state becomes that version.
    pub(crate) fn next_entry(&mut self, next: &Publication) -> Result<LogEntry, Error> {
        let table = next.layout.table();
        let metadata = new_version_metadata(table, next)?;
        let mut actions = Vec::new();
        match &self.metadata {
            None => {
                actions.push(Action::Protocol(plain_protocol(table)?));
                actions.push(Action::Metadata(metadata.clone()));
                self.metadata = Some(metadata);
            }
            Some(current) => {
                if let Some(changed) = changed_metadata(table, current, metadata)? {
                    actions.push(Action::Metadata(changed.clone()));
                    self.metadata = Some(changed);
                }
            }
        }
        let is_removed = |file: &DataFile| match &next.removed {
            RemovedFiles::None => false,
            RemovedFiles::All => true,
            RemovedFiles::Named(names) => names.contains(&file.name),
        };
        let (removed, kept): (Vec<_>, Vec<_>) = self.files.drain(..).partition(is_removed);
        let now = chrono::Utc::now().timestamp_millis();
        let changes = next.changes_rows;
        actions.extend(removed.iter().map(|file| remove(file, now, changes)));
        actions.extend(next.files.iter().map(|file| add(file, now, changes)));
        self.files = kept;
        self.files.extend(next.files.iter().cloned());

        let mode = match next.removed {
            RemovedFiles::None => "Append",
            _ => "Overwrite",
        };
        let operation = if changes { "WRITE" } else { "OPTIMIZE" };
        let info = json!({ "commitInfo": {
            "timestamp": now,
            "operation": operation,
            "operationParameters": { "mode": mode },
            "engineInfo": next.commit_info.program,
            "stedi": next.commit_info,
        }});
        let failed = |error: serde_json::Error| publish_error(table, error.into());
        let mut lines = vec![info.to_string()];
        for action in &actions {
            lines.push(serde_json::to_string(action).map_err(failed)?);
        }
        let version = self.version.map_or(0, |version| version + 1);
        self.version = Some(version);
        Ok(LogEntry {
            zone: table.zone.clone(),
            name: table.name.clone(),
            version,
            log: lines.join("\n"),
        })
    }
}

/// The error about a version that could not be published.
pub(crate) fn publish_error(table: &TableId, source: DeltaTableError) -> Error {
    Error::Table {
        action: "publish",
        table: table.clone(),
        source: Box::new(source),
    }
}

fn add(file: &DataFile, now_ms: i64, changes: bool) -> Action {
    Action::Add(Add {
        path: file.name.clone(),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        modification_time: now_ms,
        data_change: changes,
        stats: file.stats.clone(),
        ..Add::default()
    })
}

fn remove(file: &DataFile, now_ms: i64, changes: bool) -> Action {
    Action::Remove(Remove {
        path: file.name.clone(),
        data_change: changes,
        deletion_timestamp: Some(now_ms),
        extended_file_metadata: Some(true),
        partition_values: Some(Default::default()),
        size: Some(i64::try_from(file.bytes).unwrap_or(i64::MAX)),
        ..Remove::default()
    })
}

/// Reader version 1, writer version 2, which every Delta reader supports.
fn plain_protocol(table: &TableId) -> Result<Protocol, Error> {
    let value = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
    serde_json::from_value(value).map_err(|error| publish_error(table, error.into()))
}

/// The metadata that the next version must have.
fn new_version_metadata(table: &TableId, next: &Publication) -> Result<Metadata, Error> {
    let schema: StructType = schema::delta_schema(table, next.layout.schema())?;
    let columns: Vec<&str> = next.layout.columns_with_statistics().collect();
    // Other writers must not collect statistics on personal columns either.
    let statistics = if columns.is_empty() {
        ("delta.dataSkippingNumIndexedCols", "0".to_owned())
    } else {
        ("delta.dataSkippingStatsColumns", columns.join(","))
    };
    let mut configuration = vec![statistics];
    if !next.layout.personal().is_empty() {
        configuration.push((PERSONAL, next.layout.personal().join(",")));
    }
    new_metadata(&schema, Vec::<String>::new(), configuration)
        .and_then(|metadata| metadata.with_name(table.name.clone()))
        .and_then(|metadata| metadata.with_description(next.description.clone()))
        .map_err(|source| publish_error(table, source.into()))
}

/// `wanted` with the id of the table, if it differs from `current`.
fn changed_metadata(
    table: &TableId,
    current: &Metadata,
    wanted: Metadata,
) -> Result<Option<Metadata>, Error> {
    let failed = |source: DeltaTableError| publish_error(table, source);
    let is_same = current.parse_schema().map_err(|e| failed(e.into()))?
        == wanted.parse_schema().map_err(|e| failed(e.into()))?
        && current.configuration() == wanted.configuration()
        && current.description() == wanted.description();
    if is_same {
        return Ok(None);
    }
    wanted
        .with_table_id(current.id().to_owned())
        .map(Some)
        .map_err(|source| failed(source.into()))
}
