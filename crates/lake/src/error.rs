//! Errors of a lake, one variant per thing that the caller can do about it.

use deltalake_core::DeltaTableError;

use crate::ids::TableId;
use crate::lock_holder::LockHolder;
use crate::store_error::{StoreFault, find_store_error, store_reason, table_reason};

/// Why a lake could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a folder or a supported URL.
    #[error("`{text}` is not a folder or URL stedi can open: {reason}")]
    Location {
        /// As the user wrote it.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting of the store is wrong.
    #[error("{location} cannot be opened: {reason}")]
    StoreSetting {
        /// As the user wrote it.
        location: String,
        /// What is wrong with the setting.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// The store failed or refused.
    #[error("cannot {action} {object}: {reason}")]
    Store {
        /// `read`, `write`, `list` or `delete`.
        action: &'static str,
        /// The path or URL.
        object: String,
        /// The store's reason, in one line.
        reason: String,
    },
    /// A table's log could not be read or written.
    #[error("cannot {action} table {table}: {}", table_reason(source))]
    Table {
        /// `open`, `publish` or `describe`.
        action: &'static str,
        /// The table.
        table: TableId,
        /// The error of the Delta library.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// An object of the table is missing or unreadable.
    #[error("table {table} is damaged: {what}")]
    Damaged {
        /// The table.
        table: TableId,
        /// The object and what is wrong with it.
        what: String,
    },
    /// The path of the lock is not a regular file.
    #[error("cannot lock the lake: {object} is not a regular file")]
    LockFile {
        /// Its path.
        object: String,
    },
    /// Another writer published this version of the table first.
    #[error("another writer published {table} during this run; its version was not overwritten")]
    Conflict {
        /// The table.
        table: TableId,
    },
    /// Another writer published this release first.
    #[error("another writer published to the lake during this run; this run published nothing")]
    ReleaseConflict,
    /// Another process holds the lock of the lake.
    #[error("the lake is locked by {}", .by.as_ref().map_or_else(|| "another writer".to_owned(), |by| by.to_string()))]
    Locked {
        /// The process, where the lock could be read.
        by: Option<Box<LockHolder>>,
    },
    /// The lake has no such table.
    #[error("the lake has no table {table}")]
    NoTable {
        /// The table.
        table: TableId,
    },
    /// The table never had such a version.
    #[error("{table} has no version {wanted}; it has {first} to {last}")]
    NoVersion {
        /// The table.
        table: TableId,
        /// A version number or an instant.
        wanted: String,
        /// The oldest readable version.
        first: i64,
        /// The newest version.
        last: i64,
    },
    /// The table had such a version, but it was removed.
    #[error("{table} has no version {wanted} any more; it has {first} to {last}")]
    VersionRemoved {
        /// The table.
        table: TableId,
        /// A version number or an instant.
        wanted: String,
        /// The oldest readable version.
        first: i64,
        /// The newest version.
        last: i64,
    },
    /// The type of a column has no counterpart in Delta.
    #[error("column {column} of {table} has type {kind}, which a table cannot store")]
    UnsupportedType {
        /// The table.
        table: TableId,
        /// The column.
        column: String,
        /// The Arrow type.
        kind: String,
    },
    /// Conditional PUTs are not atomic on the store, so commits would be lost.
    #[error(
        "the store at {location} does not keep conditional PUTs apart: {winners} of {writers} writers won the same object"
    )]
    NotAtomic {
        /// The lake.
        location: String,
        /// How many writers were told that they created the object.
        winners: usize,
        /// How many writers tried at the same time.
        writers: usize,
    },
    /// A Parquet file could not be written.
    #[error("cannot write a file of {table}: {reason}")]
    FileWrite {
        /// The table.
        table: TableId,
        /// The reason, in one line.
        reason: String,
    },
}

impl Error {
    /// Why the store failed, if it did and the reason is a known one.
    pub fn store_fault(&self) -> Option<StoreFault> {
        match self {
            Error::Store { reason, .. } | Error::FileWrite { reason, .. } => StoreFault::of(reason),
            Error::Table { source, .. } => StoreFault::of(&table_reason(source)),
            _ => None,
        }
    }

    /// Whether the store failed, as opposed to an object with wrong content.
    pub(crate) fn is_store_failure(&self) -> bool {
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
