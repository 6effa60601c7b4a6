//! What can go wrong in the engine, by what the caller can do about it.

use datafusion::error::DataFusionError;

use crate::wording;

/// How a failure ends the program; the binary maps it to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Input, store or SQL: something could not be read, written or planned.
    Failed,
    /// Settings or project files are wrong; nothing was begun.
    Settings,
    /// The data is not as the caller asked for it.
    Check,
    /// What was asked for would show personal values, and nobody said that it
    /// may.
    Refused,
    /// Another writer holds the lake.
    Busy,
    /// The user stopped it.
    Interrupted,
}

/// Why a run, a check or a query did not come to its end.
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
    /// Landing data holds something that is no row, and the caller asked for
    /// all or nothing.
    #[error("landing input cannot be read in {stretches} {}; the first: {first}", if *.stretches == 1 { "place" } else { "places" })]
    Malformed {
        /// How many there are.
        stretches: u64,
        /// The first with file, line, offset and reason.
        first: String,
    },
    /// A model does not fit the tables it reads, or its contract.
    #[error("{file}:{line}: {message}")]
    Model {
        /// The model's file.
        file: String,
        /// Line in it, from 1.
        line: u32,
        /// What is wrong.
        message: String,
        /// What to do, where known.
        hint: Option<String>,
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
    /// Something went wrong while rows were computed.
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
    /// A name that is no table.
    #[error("there is no table `{name}`")]
    NoTable {
        /// As the user wrote it.
        name: String,
        /// A near name.
        nearest: Option<String>,
    },
    /// The key of pseudonyms is not there, or could not be made.
    #[error("{message}")]
    NoKey {
        /// What happened and where; nothing of a key.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Nobody is known by the address that was given.
    #[error("{message}")]
    Unknown {
        /// What was not done.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Settings that do not go together.
    #[error("{message}")]
    Settings {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Personal values would leave the lake, and nobody said that they may.
    #[error("{message}")]
    Refused {
        /// What, by names of tables and columns; never a value.
        message: String,
        /// What to do.
        hint: String,
    },
    /// An export cannot be written or read.
    #[error("{message}")]
    Export {
        /// What happened and where.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Project files are wrong.
    #[error(transparent)]
    Project(#[from] catalog::Errors),
    /// The lake could not be read or written.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// The user stopped it.
    #[error("interrupted; the lake is as it was")]
    Interrupted,
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Landing { hint, .. }
            | Error::NoKey { hint, .. }
            | Error::Refused { hint, .. }
            | Error::Unknown { hint, .. }
            | Error::Export { hint, .. }
            | Error::Settings { hint, .. } => Some(hint.clone()),
            Error::Malformed { .. } => Some(
                "mend the input, or run without --strict: what cannot be read then goes to system.quarantine".to_owned(),
            ),
            Error::Model { hint, .. } | Error::Sql { hint, .. } => hint.clone(),
            Error::NoTable { nearest, .. } => Some(nearest.as_ref().map_or_else(
                || "`stedi tables` lists what there is".to_owned(),
                |name| format!("did you mean `{name}`? `stedi tables` lists what there is"),
            )),
            Error::Store { reason, .. } => Some(lake::store_hint(reason).to_owned()),
            Error::Lake(error) => error.hint(),
            Error::Execution { message, .. } if message == wording::UNREADABLE => Some(
                "`stedi verify` tells which; `stedi repair` makes it right from landing, register and key"
                    .to_owned(),
            ),
            Error::Project(_) | Error::Execution { .. } | Error::Interrupted => None,
        }
    }

    /// How it ends the program.
    pub fn class(&self) -> Class {
        match self {
            Error::Model { .. } | Error::Settings { .. } | Error::Project(_) => Class::Settings,
            Error::Lake(lake::Error::Location { .. } | lake::Error::StoreSetting { .. }) => {
                Class::Settings
            }
            Error::Lake(
                lake::Error::Conflict { .. }
                | lake::Error::ReleaseConflict
                | lake::Error::Locked { .. },
            ) => Class::Busy,
            Error::Malformed { .. } => Class::Check,
            Error::Refused { .. } => Class::Refused,
            Error::Interrupted => Class::Interrupted,
            _ => Class::Failed,
        }
    }

    /// An error raised while rows were computed.
    pub(crate) fn execution(what: impl Into<String>, error: DataFusionError) -> Self {
        match find(error) {
            Ok(own) => own,
            Err(error) => match wording::of_store(&error) {
                Some(reason) => Error::Store {
                    what: what.into(),
                    reason,
                },
                None => Error::Execution {
                    what: what.into(),
                    message: wording::of_execution(&error),
                },
            },
        }
    }

    /// An error raised while a statement was planned, before any row was read.
    pub(crate) fn planning(error: DataFusionError) -> Self {
        let error = match find(error) {
            Ok(own) => return own,
            Err(error) => error,
        };
        let place = wording::place(&error);
        let (message, hint) = wording::of_planning(&error);
        Error::Sql {
            message,
            hint,
            place,
        }
    }

    /// An error about a statement as such.
    pub(crate) fn sql(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Sql {
            message: message.into(),
            hint: Some(hint.into()),
            place: None,
        }
    }
}

/// The one of `known` that `name` was probably meant to be.
pub(crate) fn near(name: &str, known: &[String]) -> Option<String> {
    catalog::nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// Our own errors travel through DataFusion as external ones.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Takes our own error back out, however deeply it was wrapped.
fn find(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => Ok(*own),
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => find(*inner),
                Err(inner) => Err(DataFusionError::External(inner)),
            },
        },
        DataFusionError::Context(context, inner) => {
            find(*inner).map_err(|inner| DataFusionError::Context(context, Box::new(inner)))
        }
        DataFusionError::Diagnostic(diagnostic, inner) => {
            find(*inner).map_err(|inner| DataFusionError::Diagnostic(diagnostic, Box::new(inner)))
        }
        DataFusionError::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
            Ok(inner) => find(inner),
            Err(inner) => Err(DataFusionError::Shared(inner)),
        },
        DataFusionError::ArrowError(inner, trace) => match *inner {
            arrow::error::ArrowError::ExternalError(inner) => {
                find(DataFusionError::External(inner))
            }
            inner => Err(DataFusionError::ArrowError(Box::new(inner), trace)),
        },
        DataFusionError::Collection(mut errors) if errors.len() == 1 => errors
            .pop()
            .map_or(Err(DataFusionError::Collection(Vec::new())), find),
        other => Err(other),
    }
}

fn at(place: &Option<(u64, u64)>) -> String {
    place.map_or_else(String::new, |(line, column)| {
        format!(" (line {line}, column {column})")
    })
}
