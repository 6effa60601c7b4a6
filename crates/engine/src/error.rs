//! What can go wrong in the engine, by what the caller can do about it.

use datafusion::error::DataFusionError;

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
    /// A statement was not planned or did not run to its end, or landing data
    /// cannot be read.
    #[error(transparent)]
    Query(query::Error),
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
            Error::Refused { hint, .. }
            | Error::Unknown { hint, .. }
            | Error::Export { hint, .. }
            | Error::Settings { hint, .. } => Some(hint.clone()),
            Error::Malformed { .. } => Some(
                "mend the input, or run without --strict: what cannot be read then goes to system.quarantine".to_owned(),
            ),
            Error::Model { hint, .. } => hint.clone(),
            Error::Query(error) => error.hint(),
            Error::Lake(error) => error.hint(),
            Error::Project(_) | Error::Interrupted => None,
        }
    }

    /// How it ends the program.
    pub fn class(&self) -> Class {
        match self {
            Error::Model { .. } | Error::Settings { .. } | Error::Project(_) => Class::Settings,
            Error::Query(error) => Class::of_query(error),
            Error::Lake(error) => Class::of_lake(error),
            Error::Malformed { .. } => Class::Check,
            Error::Refused { .. } => Class::Refused,
            Error::Interrupted => Class::Interrupted,
            Error::Unknown { .. } | Error::Export { .. } => Class::Failed,
        }
    }

    /// An error raised while rows were computed.
    pub(crate) fn execution(what: impl Into<String>, error: DataFusionError) -> Self {
        query::Error::execution(what, error).into()
    }

    /// An error raised while a statement was planned, before any row was read.
    pub(crate) fn planning(error: DataFusionError) -> Self {
        query::Error::planning(error).into()
    }
}

impl Class {
    /// How an error of the lake ends the program.
    pub fn of_lake(error: &lake::Error) -> Self {
        match error {
            lake::Error::Location { .. } | lake::Error::StoreSetting { .. } => Class::Settings,
            lake::Error::Conflict { .. }
            | lake::Error::ReleaseConflict
            | lake::Error::Locked { .. } => Class::Busy,
            _ => Class::Failed,
        }
    }

    /// How an error of a query ends the program.
    pub fn of_query(error: &query::Error) -> Self {
        match error {
            query::Error::Settings { .. } => Class::Settings,
            query::Error::Lake(error) => Class::of_lake(error),
            _ => Class::Failed,
        }
    }
}

/// Errors of the lake are told apart in one place, wherever they come from.
impl From<query::Error> for Error {
    fn from(error: query::Error) -> Self {
        match error {
            query::Error::Lake(error) => Error::Lake(error),
            query::Error::Settings { message, hint } => Error::Settings { message, hint },
            other => Error::Query(other),
        }
    }
}
