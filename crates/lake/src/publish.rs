//! Publication: making written files a table's next version.

use std::collections::HashMap;

use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::{
    CommitBuilder, CommitProperties, TableReference, TransactionError,
};
use deltalake_core::kernel::{
    Action, Add, Metadata, MetadataExt, Protocol, StructType, new_metadata,
};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::{DataFile, Error, Lake, Layout, TableId, schema};

/// Table property that names the personal columns, divided by commas.
pub(crate) const PERSONAL: &str = "stedi.personal";

/// What a commit says of the run that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The run.
    pub run: String,
    /// Which program wrote it.
    pub program: String,
    /// Rows of the table after the commit.
    pub rows: u64,
    /// Names the table's rows as a multiset: the same whatever their order or
    /// their division into files. Equal content need not be published again.
    pub content: String,
}

/// A table's next version.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Columns and personal columns.
    pub layout: Layout,
    /// The grain, in words.
    pub description: String,
    /// The files that make up the version.
    pub files: Vec<DataFile>,
    /// Whether files of the version before are kept beside them.
    pub append: bool,
    /// What the commit shall say of the run.
    pub origin: Origin,
}

impl Lake {
    /// Publishes `next` in one commit and gives its version number.
    ///
    /// Older versions stay readable.
    ///
    /// # Errors
    /// [`Error::Conflict`] where somebody else published a version meanwhile;
    /// nothing is visible then.
    pub async fn publish(&self, next: Publication) -> Result<i64, Error> {
        let table = next.layout.table().clone();
        let failed = |source: DeltaTableError| match source {
            DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source:
                    TransactionError::VersionAlreadyExists(_)
                    | TransactionError::MaxCommitAttempts(_)
                    | TransactionError::CommitConflict(_),
            } => Error::Conflict {
                table: table.clone(),
            },
            source => Error::Table {
                action: "publish",
                table: table.clone(),
                source: Box::new(source),
            },
        };
        let before = if self.exists(&table).await? {
            Some(self.open(&table, None).await?)
        } else {
            None
        };
        let mut actions = Vec::new();
        let wanted = metadata(&table, &next)?;
        match &before {
            None => {
                actions.push(Action::Protocol(plain_protocol(&table)?));
                actions.push(Action::Metadata(wanted));
            }
            Some(delta) => {
                let state = delta.snapshot().map_err(failed)?;
                if let Some(changed) = changed(&table, state.metadata(), wanted)? {
                    actions.push(Action::Metadata(changed));
                }
                if !next.append {
                    let log_store = delta.log_store();
                    let removed: Vec<Action> = state
                        .snapshot()
                        .file_views(&log_store, None)
                        .map_ok(|file| Action::Remove(file.remove_action(true)))
                        .try_collect()
                        .await
                        .map_err(failed)?;
                    actions.extend(removed);
                }
            }
        }
        actions.extend(next.files.iter().map(|file| Action::Add(add(file))));

        let operation = DeltaOperation::Write {
            mode: if next.append {
                SaveMode::Append
            } else {
                SaveMode::Overwrite
            },
            partition_by: None,
            predicate: None,
        };
        let origin = serde_json::to_value(&next.origin).unwrap_or_default();
        let properties = CommitProperties::default()
            // The files were computed from what this run read: a version that
            // somebody else published meanwhile must not be written over.
            .with_max_retries(0)
            .with_metadata(HashMap::from([("stedi".to_owned(), origin)]));
        let state = before
            .as_ref()
            .map(|delta| delta.snapshot())
            .transpose()
            .map_err(failed)?;
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(
                state.map(|state| state as &dyn TableReference),
                self.log_store(&table),
                operation,
            )
            .await
            .map_err(failed)?;
        Ok(i64::try_from(committed.version()).unwrap_or(i64::MAX))
    }
}

fn add(file: &DataFile) -> Add {
    Add {
        path: file.name.clone(),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        modification_time: chrono::Utc::now().timestamp_millis(),
        data_change: true,
        stats: file.stats.clone(),
        ..Add::default()
    }
}

/// Reader 1, writer 2: what every Delta reader understands.
fn plain_protocol(table: &TableId) -> Result<Protocol, Error> {
    let value = serde_json::json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
    serde_json::from_value(value).map_err(|error| Error::Table {
        action: "publish",
        table: table.clone(),
        source: Box::new(error.into()),
    })
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
        .map_err(|source| Error::Table {
            action: "publish",
            table: table.clone(),
            source: Box::new(source.into()),
        })
}

/// `wanted` under the table's own identity, where it says something new.
fn changed(
    table: &TableId,
    current: &Metadata,
    wanted: Metadata,
) -> Result<Option<Metadata>, Error> {
    let failed = |source: DeltaTableError| Error::Table {
        action: "publish",
        table: table.clone(),
        source: Box::new(source),
    };
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
