//! What can go wrong with a lake, by what the caller can do about it.

use deltalake_core::DeltaTableError;

use crate::ids::TableId;
use crate::lock_holder::LockHolder;
use crate::store_error::{
    find_store_error, specific_store_hint, store_hint, store_reason, table_reason,
};

/// Why a lake could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text given for a location is not one.
    #[error("`{text}` is not a folder or URL stedi can open: {reason}")]
    Location {
        /// As the user wrote it.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is set for a store cannot be.
    #[error("{location} cannot be opened: {reason}")]
    StoreSetting {
        /// As the user wrote it.
        location: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The store said no.
    #[error("cannot {action} {object}: {reason}")]
    Store {
        /// A verb: `read`, `write`, `list`.
        action: &'static str,
        /// The path or URL.
        object: String,
        /// The store's reason, in one line.
        reason: String,
    },
    /// A table's log could not be read or written.
    #[error("cannot {action} table {table}: {}", table_reason(source))]
    Table {
        /// A verb: `open`, `publish`.
        action: &'static str,
        /// Which table.
        table: TableId,
        /// The Delta library's reason.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// What a table needs is not there or cannot be read.
    #[error("table {table} is damaged: {what}")]
    Damaged {
        /// Which table.
        table: TableId,
        /// Which object, and what is wrong with it.
        what: String,
    },
    /// Something that is no plain file stands where the lake is locked.
    #[error("cannot lock the lake: {object} is no plain file")]
    LockFile {
        /// Its path.
        object: String,
    },
    /// Somebody else published a version of the table meanwhile.
    #[error("another writer published {table} during this run; nothing of it was overwritten")]
    Conflict {
        /// Which table.
        table: TableId,
    },
    /// Somebody else made a release meanwhile.
    #[error("another writer published to the lake during this run; nothing of this one is visible")]
    ReleaseConflict,
    /// Somebody else holds the lake.
    #[error("the lake is held by {}", .by.as_ref().map_or_else(|| "another writer".to_owned(), |by| by.to_string()))]
    Locked {
        /// Who, where that could be read.
        by: Option<Box<LockHolder>>,
    },
    /// There is no such table in the lake.
    #[error("the lake has no table {table}")]
    NoTable {
        /// Which table.
        table: TableId,
    },
    /// The table has no such version.
    #[error("{table} has no version {wanted}; it has {first} to {last}")]
    NoVersion {
        /// Which table.
        table: TableId,
        /// A version number or an instant.
        wanted: String,
        /// Oldest version that can be read.
        first: i64,
        /// Newest version.
        last: i64,
    },
    /// The table had such a version, and what it needs was taken away.
    #[error("{table} has no version {wanted} any more; it has {first} to {last}")]
    VersionRemoved {
        /// Which table.
        table: TableId,
        /// A version number or an instant.
        wanted: String,
        /// Oldest version that can be read.
        first: i64,
        /// Newest version.
        last: i64,
    },
    /// A column's type has no counterpart in Delta.
    #[error("column {column} of {table} has type {kind}, which a table cannot hold")]
    UnsupportedType {
        /// Which table.
        table: TableId,
        /// Which column.
        column: String,
        /// The Arrow type.
        kind: String,
    },
    /// The store loses commits.
    #[error(
        "the store at {location} does not keep conditional PUTs apart: {winners} of {writers} writers won the same object"
    )]
    NotAtomic {
        /// The lake.
        location: String,
        /// How many writers believed to have made the object.
        winners: usize,
        /// How many tried at once.
        writers: usize,
    },
    /// A Parquet file could not be written.
    #[error("cannot write a file of {table}: {reason}")]
    FileWrite {
        /// Which table.
        table: TableId,
        /// The reason, in one line.
        reason: String,
    },
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Location { .. } => {
                "give a folder, file:///folder or s3://bucket/prefix".to_owned()
            }
            Error::StoreSetting { hint, .. } => hint.clone(),
            Error::Store { object, reason, .. } if object.contains("://") => {
                store_hint(reason).to_owned()
            }
            Error::FileWrite { reason, .. } if specific_store_hint(reason).is_some() => {
                store_hint(reason).to_owned()
            }
            Error::FileWrite { .. }
            | Error::Store { action: "write", .. }
            | Error::Table { action: "publish", .. } => {
                "check that the place can be written to and has room, or give another with --lake".to_owned()
            }
            Error::Store { .. } => "check the path; `stedi doctor` tells more".to_owned(),
            Error::Damaged { .. } => {
                "`stedi repair` tells what is broken and makes it right from landing, register and key"
                    .to_owned()
            }
            Error::LockFile { .. } => {
                "take it away: links are not followed there, and nothing else is written to"
                    .to_owned()
            }
            Error::Conflict { .. } | Error::ReleaseConflict => {
                "run again once the other run has ended".to_owned()
            }
            Error::Locked { .. } => {
                "try again once it has ended, or let this one wait for it with --wait SECONDS"
                    .to_owned()
            }
            Error::NoTable { .. } => "`stedi tables` lists what there is; `stedi run` builds it".to_owned(),
            Error::NoVersion { table, .. } => {
                format!("`stedi history {}` lists the versions", table.name)
            }
            Error::VersionRemoved { table, .. } => {
                format!(
                    "`stedi vacuum` takes away what is older than it was told to keep; `stedi history {}` lists what is left",
                    table.name
                )
            }
            Error::UnsupportedType { .. } => "cast the column in the model's SELECT".to_owned(),
            Error::NotAtomic { .. } => {
                "commits would be lost on it: use a store with atomic If-None-Match, or a local folder"
                    .to_owned()
            }
            Error::Table { source, .. } => {
                return specific_store_hint(&table_reason(source)).map(str::to_owned);
            }
        })
    }

    /// Whether a store that does not answer or refuses is behind it, rather than
    /// what stands there.
    pub(crate) fn is_of_store(&self) -> bool {
        match self {
            Error::Table { source, .. } => {
                let found = find_store_error(source.as_ref());
                found.is_some_and(|error| !matches!(error, object_store::Error::NotFound { .. }))
                    || source.to_string().contains(" S3 error: ")
            }
            Error::Store { .. } => true,
            _ => false,
        }
    }

    pub(crate) fn store(
        action: &'static str,
        object: impl std::fmt::Display,
        source: &object_store::Error,
    ) -> Self {
        Error::Store {
            action,
            object: object.to_string(),
            reason: store_reason(source),
        }
    }
}
