//! Errors of planning and running a statement, one variant per remedy.

use datafusion::error::DataFusionError;

/// Why a statement could not be planned or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Landing data is missing or cannot be read.
    #[error("{message}")]
    Landing {
        /// What happened and where.
        message: String,
        /// What to do.
        hint: String,
    },
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
    /// An error occurred while rows were computed.
    #[error("{what} failed: {message}")]
    Execution {
        /// `the query` or a table's name.
        what: String,
        /// The reason; never a value from the data.
        message: String,
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
    #[error("{message}")]
    NoKey {
        /// What happened and where; contains nothing of a key.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Settings that contradict each other or cannot be used.
    #[error("{message}")]
    Settings {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The lake could not be read or written.
    #[error(transparent)]
    Lake(#[from] lake::Error),
}

/// The message of [`Error::Execution`] where a file of the lake cannot be read.
pub(crate) const UNREADABLE: &str = "a Parquet file cannot be read";

impl Error {
    /// What the user can do, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Landing { hint, .. } | Error::NoKey { hint, .. } | Error::Settings { hint, .. } => {
                Some(hint.clone())
            }
            Error::Sql { hint, .. } => hint.clone(),
            Error::NoTable { nearest, .. } => Some(nearest.as_ref().map_or_else(
                || "`stedi tables` lists all tables".to_owned(),
                |name| format!("did you mean `{name}`? `stedi tables` lists all tables"),
            )),
            Error::Store { reason, .. } => Some(lake::store_hint(reason).to_owned()),
            Error::Lake(error) => error.hint(),
            Error::Execution { message, .. } if message == UNREADABLE => Some(
                "`stedi verify` names the file; `stedi repair` rebuilds it from landing files, consent register and key"
                    .to_owned(),
            ),
            Error::Execution { .. } => None,
        }
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
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => unwrapped(*inner),
                Err(inner) => Err(DataFusionError::External(inner)),
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
