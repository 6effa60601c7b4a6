//! Errors of planning and running a statement, one variant per remedy.

use datafusion::error::DataFusionError;

use crate::value_messages;

/// Why a statement could not be planned or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Landing data is missing or cannot be read.
    #[error(transparent)]
    Landing(#[from] LandingFault),
    /// A statement cannot be planned.
    #[error("{message}{}", at(place))]
    Sql {
        /// What is wrong; never a value from the data.
        message: String,
        /// What to do, where known.
        hint: Option<String>,
        /// Line and column in the statement, from 1, where known.
        place: Option<(u64, u64)>,
    },
    /// A statement writes.
    #[error("this statement writes, and only reading is allowed")]
    Writes(Write),
    /// The result of a function for one batch of rows is too large.
    #[error("`{function}` would make more than {} MB at once", bytes_max >> 20)]
    LargeResult {
        /// The function.
        function: String,
        /// The limit, which grows with the memory of a query.
        bytes_max: u64,
    },
    /// An error occurred while rows were computed.
    #[error("{what} failed: {message}")]
    Execution {
        /// `the query` or a table's name.
        what: String,
        /// The reason; never a value from the data.
        message: String,
    },
    /// A function cannot compute its result.
    #[error("{what} failed: {fault}")]
    Call {
        /// `the query` or a table's name.
        what: String,
        /// What is wrong; never a value from the data.
        fault: trino::Fault,
    },
    /// The store failed while rows were computed.
    #[error("{what} failed: {reason}")]
    Store {
        /// `the query` or a table's name.
        what: String,
        /// As [`lake::store_reason`] gives it.
        reason: String,
    },
    /// A name that is not the name of a table.
    #[error("there is no table `{name}`")]
    NoTable {
        /// As the user wrote it.
        name: String,
        /// The nearest name of a table.
        nearest: Option<String>,
    },
    /// The key of pseudonyms is missing or could not be created.
    #[error(transparent)]
    NoKey(KeyFault),
    /// The source of the key refuses to use it. The source's own error contains
    /// nothing of a key.
    #[error("{0}")]
    KeyRefused(Box<dyn std::error::Error + Send + Sync>),
    /// The query engine cannot be set up.
    #[error("cannot set up the query engine: {reason}")]
    Setup {
        /// The library's reason.
        reason: String,
    },
    /// The lake could not be read or written.
    #[error(transparent)]
    Lake(#[from] lake::Error),
}

/// The message of [`Error::Execution`] where a file of the lake cannot be read.
pub(crate) const UNREADABLE: &str = "a Parquet file cannot be read";

/// The message of [`Error::Execution`] where a query reaches its memory limit.
pub(crate) const OUT_OF_MEMORY: &str = "it needs more memory than it may use";

impl Error {
    /// What to change in the statement, if known. Advice about anything else
    /// depends on the door that the statement came through: the caller words it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Error::Sql { hint, .. } => hint.clone(),
            Error::NoTable { nearest, .. } => {
                let nearest = nearest.as_ref()?;
                Some(format!("did you mean `{nearest}`?"))
            }
            Error::Call { fault, .. } => Some(fault.hint.clone()),
            Error::LargeResult { .. } => Some("make shorter values".to_owned()),
            Error::Execution { message, .. } => value_messages::advice(message).map(str::to_owned),
            _ => None,
        }
    }

    /// Whether the statement as it is written is the cause, and no data.
    pub fn is_of_statement(&self) -> bool {
        matches!(
            self,
            Error::Sql { .. }
                | Error::NoTable { .. }
                | Error::Writes(_)
                | Error::LargeResult { .. }
        )
    }

    /// Whether a query reached its memory limit.
    pub fn is_of_memory(&self) -> bool {
        matches!(self, Error::Execution { message, .. } if message == OUT_OF_MEMORY)
    }

    /// Whether a file of the lake cannot be read.
    pub fn is_of_unreadable_file(&self) -> bool {
        matches!(self, Error::Execution { message, .. } if message == UNREADABLE)
    }

    /// An error about a statement, without a place in it.
    pub fn sql(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Sql {
            message: message.into(),
            hint: Some(hint.into()),
            place: None,
        }
    }
}

/// What a statement that is not allowed would write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Write {
    /// A table, or rows of one: CREATE TABLE, INSERT.
    Table,
    /// A view, where only queries are taken.
    View,
    /// Files: UNLOAD, COPY.
    Files,
    /// Changed or removed rows: DELETE, UPDATE, MERGE.
    Rows,
    /// Partitions of a landing table: MSCK.
    Partitions,
    /// A table's definition.
    Alter,
    /// A table away.
    Drop,
    /// Rights: GRANT, REVOKE.
    Rights,
    /// Something else.
    Other,
}

/// Why landing data cannot be read. Files and places are named as they are
/// shown to users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LandingFault {
    /// The landing folder does not exist.
    #[error("the landing folder {folder} does not exist")]
    NoFolder {
        /// The folder.
        folder: String,
    },
    /// The landing folder is a file.
    #[error("the landing folder {folder} is a file, not a folder")]
    NotAFolder {
        /// The file.
        folder: String,
    },
    /// The landing folder cannot be read.
    #[error("the landing folder {folder} cannot be read: {reason}")]
    FolderNotRead {
        /// The folder.
        folder: String,
        /// The system's reason.
        reason: String,
    },
    /// The files of a table cannot be listed.
    #[error("cannot list {place}: {reason}")]
    NotListed {
        /// The table's folder or prefix.
        place: String,
        /// The system's or the store's reason.
        reason: String,
        /// Whether the place is on a store.
        is_remote: bool,
    },
    /// There is no file of a table.
    #[error("{place} holds no file for {table}")]
    NoFile {
        /// The table's folder or prefix.
        place: String,
        /// The table.
        table: String,
        /// The table's folder, below the landing folder.
        path: String,
    },
    /// A file's name has bytes that an object store does not allow.
    #[error("cannot read {file}: its name has bytes that an object store does not allow")]
    FileName {
        /// The file.
        file: String,
    },
    /// A file is a broken link, or reading it is not permitted.
    #[error("cannot read {file}: {reason}")]
    NotOpened {
        /// The file.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// Reading a file failed.
    #[error("cannot read {file}: {reason}")]
    NotRead {
        /// The file.
        file: String,
        /// The system's or the store's reason.
        reason: String,
    },
    /// Records that cannot be read name too many people.
    #[error("person records that cannot be read name more people than can be suspended")]
    TooManySuspended,
}

/// Why there is no key of pseudonyms.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// A statement called `pseudonym()` before the key was loaded: a bug.
    #[error("pseudonym() was called before its key was loaded")]
    NotLoaded,
    /// The system has no randomness for a key.
    #[error("{0}")]
    NoRandomness(String),
    /// The session has no source of keys.
    #[error("pseudonym() needs a key, and none was given")]
    NoSource,
    /// The source has no key. The source's own error contains nothing of a key.
    #[error("{0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
}

/// The name among `known` that `name` probably misspells.
pub fn nearest(name: &str, known: &[String]) -> Option<String> {
    catalog::nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// Wraps our error, so that it passes through DataFusion.
pub fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Unwraps our error, however deeply it was wrapped; other errors come back.
pub(crate) fn unwrapped(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => Ok(*ours),
            Err(inner) => match inner.downcast::<trino::Fault>() {
                Ok(fault) => Ok(Error::Call {
                    what: "the query".to_owned(),
                    fault: *fault,
                }),
                Err(inner) => match inner.downcast::<DataFusionError>() {
                    Ok(inner) => unwrapped(*inner),
                    Err(inner) => Err(DataFusionError::External(inner)),
                },
            },
        },
        DataFusionError::Context(context, inner) => {
            unwrapped(*inner).map_err(|inner| DataFusionError::Context(context, Box::new(inner)))
        }
        DataFusionError::Diagnostic(diagnostic, inner) => unwrapped(*inner)
            .map_err(|inner| DataFusionError::Diagnostic(diagnostic, Box::new(inner))),
        DataFusionError::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
            Ok(inner) => unwrapped(inner),
            Err(inner) => Err(DataFusionError::Shared(inner)),
        },
        DataFusionError::ArrowError(inner, trace) => match *inner {
            arrow::error::ArrowError::ExternalError(inner) => {
                unwrapped(DataFusionError::External(inner))
            }
            inner => Err(DataFusionError::ArrowError(Box::new(inner), trace)),
        },
        DataFusionError::Collection(mut errors) if errors.len() == 1 => errors
            .pop()
            .map_or(Err(DataFusionError::Collection(Vec::new())), unwrapped),
        other => Err(other),
    }
}

fn at(place: &Option<(u64, u64)>) -> String {
    place.map_or_else(String::new, |(line, column)| {
        format!(" (line {line}, column {column})")
    })
}
