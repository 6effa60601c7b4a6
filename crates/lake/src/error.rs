//! What can go wrong with a lake, by what the caller can do about it.

use deltalake_core::DeltaTableError;

use crate::{Holder, TableId};

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
    #[error("cannot {action} table {table}: {source}")]
    Table {
        /// A verb: `open`, `publish`.
        action: &'static str,
        /// Which table.
        table: TableId,
        /// The Delta library's reason.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// Somebody else published a version of the table meanwhile.
    #[error("another writer published {table} during this run; nothing of it was overwritten")]
    Conflict {
        /// Which table.
        table: TableId,
    },
    /// Somebody else made a release meanwhile.
    #[error("another writer published to the lake during this run; nothing of this one is visible")]
    Overtaken,
    /// Somebody else holds the lake.
    #[error("the lake is held by {}", .by.as_ref().map_or_else(|| "another writer".to_owned(), |by| by.to_string()))]
    Held {
        /// Who, where that could be read.
        by: Option<Box<Holder>>,
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
    Gone {
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
    Type {
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
    File {
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
            Error::File { .. }
            | Error::Store { action: "write", .. }
            | Error::Table { action: "publish", .. } => {
                "check that the folder can be written to and has room, or give another with --lake".to_owned()
            }
            Error::Store { .. } => {
                "check the path; for s3:// check AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `stedi doctor` tells more".to_owned()
            }
            Error::Conflict { .. } | Error::Overtaken => {
                "run again once the other run has ended".to_owned()
            }
            Error::Held { .. } => {
                "try again once it has ended, or let this one wait for it with --wait SECONDS"
                    .to_owned()
            }
            Error::NoTable { .. } => "`stedi tables` lists what there is; `stedi run` builds it".to_owned(),
            Error::NoVersion { table, .. } => {
                format!("`stedi history {}` lists the versions", table.name)
            }
            Error::Gone { table, .. } => {
                format!(
                    "`stedi vacuum` takes away what is older than it was told to keep; `stedi history {}` lists what is left",
                    table.name
                )
            }
            Error::Type { .. } => "cast the column in the model's SELECT".to_owned(),
            Error::NotAtomic { .. } => {
                "commits would be lost on it: use a store with atomic If-None-Match, or a local folder"
                    .to_owned()
            }
            Error::Table { .. } => return None,
        })
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

/// Why a store refused, in one line: the innermost cause, as the outer ones
/// repeat the path and the library's name. Of an S3 answer, its message.
pub fn store_reason(error: &object_store::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string().replace('\n', " ");
    let message = text
        .split_once("<Message>")
        .and_then(|(_, rest)| rest.split_once("</Message>"))
        .map(|(message, _)| message.trim().to_owned());
    message.unwrap_or(text)
}
