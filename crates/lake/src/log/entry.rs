//! Log entries: a table's next version, to the byte.

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

/// Which files of the version before are no part of the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovedFiles {
    /// All stay.
    None,
    /// All go.
    All,
    /// Those of these names go.
    Named(BTreeSet<String>),
}

/// A table's next version.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Columns and personal columns.
    pub layout: Layout,
    /// The grain, in words.
    pub description: String,
    /// The files that the version adds.
    pub files: Vec<DataFile>,
    /// The files that it takes out.
    pub removed: RemovedFiles,
    /// Whether its rows differ from those of the version before; false where
    /// files were only divided otherwise.
    pub changes_rows: bool,
    /// What the commit shall say of the run.
    pub commit_info: CommitInfo,
}

/// One log entry on its way: which table and version, and every byte of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    zone: String,
    name: String,
    pub(crate) version: u64,
    log: String,
}

impl Entry {
    pub(crate) fn table(&self) -> TableId {
        TableId::new(&self.zone, &self.name)
    }

    /// The entry as it lies.
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::from(self.log.clone())
    }

    pub(crate) fn path(&self, lake: &Lake) -> Path {
        let log = lake.path(&self.table()).join("_delta_log");
        log.join(format!("{:020}.json", self.version))
    }
}

/// Where a table stands while entries for it are being put together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// `None` before the table's first version.
    version: Option<u64>,
    files: Vec<DataFile>,
    metadata: Option<Metadata>,
}

impl Standing {
    pub(crate) fn of(version: Option<&Version>) -> Self {
        version.map_or_else(Self::default, |version| Self {
            version: Some(version.number.unsigned_abs()),
            files: version.files.clone(),
            metadata: version.metadata.clone(),
        })
    }

    /// The entry that makes `next` of what stands, which it is from here on.
    pub(crate) fn follow(&mut self, next: &Publication) -> Result<Entry, Error> {
        let table = next.layout.table();
        let wanted = metadata(table, next)?;
        let mut actions = Vec::new();
        match &self.metadata {
            None => {
                actions.push(Action::Protocol(plain_protocol(table)?));
                actions.push(Action::Metadata(wanted.clone()));
                self.metadata = Some(wanted);
            }
            Some(current) => {
                if let Some(changed) = changed(table, current, wanted)? {
                    actions.push(Action::Metadata(changed.clone()));
                    self.metadata = Some(changed);
                }
            }
        }
        let goes = |file: &DataFile| match &next.removed {
            RemovedFiles::None => false,
            RemovedFiles::All => true,
            RemovedFiles::Named(names) => names.contains(&file.name),
        };
        let (gone, kept): (Vec<_>, Vec<_>) = self.files.drain(..).partition(goes);
        let now = chrono::Utc::now().timestamp_millis();
        let changes = next.changes_rows;
        actions.extend(gone.iter().map(|file| remove(file, now, changes)));
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
        let failed = |error: serde_json::Error| publishing(table, error.into());
        let mut lines = vec![info.to_string()];
        for action in &actions {
            lines.push(serde_json::to_string(action).map_err(failed)?);
        }
        let version = self.version.map_or(0, |version| version + 1);
        self.version = Some(version);
        Ok(Entry {
            zone: table.zone.clone(),
            name: table.name.clone(),
            version,
            log: lines.join("\n"),
        })
    }
}

pub(crate) fn publishing(table: &TableId, source: DeltaTableError) -> Error {
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

/// Reader 1, writer 2: what every Delta reader understands.
fn plain_protocol(table: &TableId) -> Result<Protocol, Error> {
    let value = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
    serde_json::from_value(value).map_err(|error| publishing(table, error.into()))
}

fn metadata(table: &TableId, next: &Publication) -> Result<Metadata, Error> {
    let schema: StructType = schema::delta(table, next.layout.schema())?;
    let measured: Vec<&str> = next.layout.measured().collect();
    // Keeps other writers, too, from collecting statistics on personal columns.
    let statistics = if measured.is_empty() {
        ("delta.dataSkippingNumIndexedCols", "0".to_owned())
    } else {
        ("delta.dataSkippingStatsColumns", measured.join(","))
    };
    let mut configuration = vec![statistics];
    if !next.layout.personal().is_empty() {
        configuration.push((PERSONAL, next.layout.personal().join(",")));
    }
    new_metadata(&schema, Vec::<String>::new(), configuration)
        .and_then(|metadata| metadata.with_name(table.name.clone()))
        .and_then(|metadata| metadata.with_description(next.description.clone()))
        .map_err(|source| publishing(table, source.into()))
}

/// `wanted` under the table's own identity, where it says something new.
fn changed(
    table: &TableId,
    current: &Metadata,
    wanted: Metadata,
) -> Result<Option<Metadata>, Error> {
    let failed = |source: DeltaTableError| publishing(table, source);
    let same = current.parse_schema().map_err(|e| failed(e.into()))?
        == wanted.parse_schema().map_err(|e| failed(e.into()))?
        && current.configuration() == wanted.configuration()
        && current.description() == wanted.description();
    if same {
        return Ok(None);
    }
    wanted
        .with_table_id(current.id().to_owned())
        .map(Some)
        .map_err(|source| failed(source.into()))
}
