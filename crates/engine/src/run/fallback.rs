//! Why a run rebuilds every table although it could use the tables of the last run.
//!
//! A run first tries to do less: nothing, only new files, or only changed models. A
//! [`Fallback`] is the reason why that is not possible. `stedi run` and `stedi plan` show
//! the reason, and how the user can avoid it. A function of these lesser runs fails with
//! [`Halt`]: either a fallback, or an error that ends the run.

use std::fmt;

use crate::Error;

/// Why every table is rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Another version of the program, with other notes, did the last run.
    OtherProgram,
    /// The last run left no usable notes.
    NoState,
    /// A table of the lake is damaged.
    Damaged,
    /// The definition of a landing table changed.
    LandingDefinitions,
    /// Models changed, and there is new input too.
    ModelsAndInput { models: Vec<String> },
    /// The last run built other tables.
    OtherTables,
    /// The pseudonym key is another.
    OtherKey,
    /// A table does not have the content that the last run noted.
    TableChanged { table: String },
    /// A model depends on the time of the run.
    TimeDependent { table: String },
    /// Landing files were changed or removed after they were read.
    FilesChanged,
    /// New files are too large to be joined in memory.
    ManyBytes { bytes: u64 },
    /// Too many rows have to be compared in memory: of `table`, or of all tables.
    ManyRows { table: Option<String> },
    /// The project has no landing table of customer records.
    NoRecords,
    /// A model reads a system table that every run adds to.
    ReadsRunTables { table: String },
    /// No model reads the owners of devices.
    NoOwners,
    /// The last run did not derive the owners of devices.
    OwnersUnknown,
    /// The models that select the training set are not the shipped ones.
    OwnTrainingSet,
    /// A check of the model leaves out rows.
    LeavesOut { table: String },
    /// The version of a system table that the last run read was removed.
    VersionRemoved { table: String },
    /// A new file was not read to its end.
    FileUnfinished,
    /// A strict run reports the first place that cannot be read, so it reads all files.
    Strict,
    /// The owners of devices, or who consents, follow from more than the new rows.
    PeopleUnclear,
    /// A device had several owners, and the model is not as shipped.
    DevicePassedOn { table: String },
    /// The change of a model's rows takes more than a part of its input.
    NotDivisible { table: String },
    /// The last run noted no verdict of one of its checks.
    CheckUnknown { table: String },
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProgram => f.write_str("another version of stedi built it"),
            Self::NoState => f.write_str("the last run left no notes to build upon"),
            Self::Damaged => f.write_str("the lake was damaged"),
            Self::LandingDefinitions => {
                f.write_str("the data product has changed: landing tables are declared otherwise")
            }
            Self::ModelsAndInput { models } => write!(
                f,
                "the data product has changed ({}), and that is not all that is new; \
                 a run before new files arrive rebuilds only these models",
                models.join(", ")
            ),
            Self::OtherTables => f.write_str(
                "other tables were built before; runs that build the same tables take in what is new",
            ),
            Self::OtherKey => f.write_str("the key of pseudonyms is another"),
            Self::TableChanged { table } => {
                write!(f, "tables are not as the last run left them ({table})")
            }
            Self::TimeDependent { table } => write!(
                f,
                "{table} follows from the time of the run; a model that compares no time \
                 with now() avoids it"
            ),
            Self::FilesChanged => f.write_str(
                "landing files have changed; to keep what they fed avoids it",
            ),
            Self::ManyBytes { bytes } => write!(
                f,
                "new files are large ({} MB); smaller deliveries are taken in one by one",
                bytes / 1_000_000
            ),
            Self::ManyRows { table: Some(table) } => {
                write!(f, "{table} has too many rows to be compared in memory")
            }
            Self::ManyRows { table: None } => f.write_str(
                "new rows touch too much of the lake; smaller deliveries are taken in one by one",
            ),
            Self::NoRecords => f.write_str("no landing table holds customer records"),
            Self::ReadsRunTables { table } => {
                write!(f, "{table} reads a system table that every run adds to")
            }
            Self::NoOwners => f.write_str("no model asks whose a device is"),
            Self::OwnersUnknown => f.write_str("the last run did not derive whose a device is"),
            Self::OwnTrainingSet => f.write_str(
                "training_set, or a model that it follows from, is not the one that was shipped",
            ),
            Self::LeavesOut { table } => write!(
                f,
                "a check leaves rows out of {table}; a check that warns or fails avoids it"
            ),
            Self::VersionRemoved { table } => write!(
                f,
                "the version of {table} that the last run read is gone; \
                 a vacuum that keeps it avoids it"
            ),
            Self::FileUnfinished => f.write_str("a new file was not read to its end"),
            Self::Strict => {
                f.write_str("every place that cannot be read was asked about")
            }
            Self::PeopleUnclear => f.write_str(
                "what is new bears on everything: whose a device is, or who agrees, \
                 follows from all readings; devices that one person claims avoid it",
            ),
            Self::DevicePassedOn { table } => write!(
                f,
                "a device went from one owner to another, and {table} must be read again whole"
            ),
            Self::NotDivisible { table } => write!(
                f,
                "what is new bears on everything: rows of {table} follow from more than it"
            ),
            Self::CheckUnknown { table } => {
                write!(f, "the last run noted no verdict of a check of {table}")
            }
        }
    }
}

/// Why a lesser run stops.
pub(super) enum Halt {
    /// A full build follows instead.
    Fallback(Fallback),
    /// The run ends.
    Error(Error),
}

impl From<Fallback> for Halt {
    fn from(fallback: Fallback) -> Self {
        Self::Fallback(fallback)
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<query::Error> for Halt {
    fn from(error: query::Error) -> Self {
        Self::Error(error.into())
    }
}

impl From<lake::Error> for Halt {
    fn from(error: lake::Error) -> Self {
        Self::Error(error.into())
    }
}

/// Separates a fallback from the errors that end the run.
///
/// # Errors
/// Those that end the run.
pub(super) fn or_fallback<T>(result: Result<T, Halt>) -> Result<Result<T, Fallback>, Error> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(Halt::Fallback(fallback)) => Ok(Err(fallback)),
        Err(Halt::Error(error)) => Err(error),
    }
}
