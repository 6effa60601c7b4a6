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

impl Class {
    /// The class of an error of a statement.
    pub fn of_query(error: &query::Error) -> Self {
        match error {
            query::Error::KeyRefused(_) | query::Error::Setup { .. } => Class::Settings,
            query::Error::Lake(error) => Self::of_lake(error),
            _ => Class::Failed,
        }
    }

    /// The class of an error of the lake.
    pub fn of_lake(error: &lake::Error) -> Self {
        match error {
            lake::Error::Location { .. } | lake::Error::StoreSetting { .. } => Class::Settings,
            lake::Error::Conflict { .. }
            | lake::Error::ReleaseConflict
            | lake::Error::Locked { .. } => Class::Busy,
            _ => Class::Failed,
        }
    }
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
    /// Several models do not fit the tables they read, or their contracts: each of
    /// them an [`Error::Model`]. The message holds their hints.
    #[error("{}", .0.iter().map(with_hint).collect::<Vec<_>>().join("\n"))]
    Models(Vec<Error>),
    /// Nobody is known by the address that was given.
    #[error("nobody is known by this address; nothing was entered")]
    UnknownPerson {
        /// Whether the address has characters around it, such as quotes.
        is_quoted: bool,
    },
    /// The request does not fit the project, the lake or the places.
    #[error(transparent)]
    Settings(#[from] SettingsFault),
    /// A privacy rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An export cannot be written or read.
    #[error(transparent)]
    Export(#[from] ExportFault),
    /// A landing file was changed or removed after it was read, so that rows
    /// from it cannot be kept.
    #[error(
        "rows from {file} cannot be kept: the file was changed or removed after it was read, and every table must be rebuilt"
    )]
    NotKept {
        /// The file.
        file: String,
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
    /// The lake is not as it was published.
    #[error("the lake is damaged: {first}{}", match more { 0 => String::new(), more => format!(", and {more} more") })]
    Damaged {
        /// The first damage, in words.
        first: String,
        /// How many further ones there are.
        more: usize,
    },
    /// The user stopped it.
    #[error("interrupted; the lake is as it was")]
    Interrupted,
}

impl Error {
    /// What to change in the SQL or the contract, if known. Advice about
    /// anything else depends on the door that the request came through: the
    /// caller words it by the variant.
    pub fn advice(&self) -> Option<String> {
        match self {
            Error::Model { hint, .. } => hint.clone(),
            Error::Refused(Refusal::Model { advice, .. }) => Some(advice.clone()),
            Error::Refused(Refusal::ValuesOfAnybody { .. }) => Some("leave them out".to_owned()),
            Error::Query(error) => error.advice(),
            _ => None,
        }
    }

    /// The message without the model's file and line, where it begins with them.
    pub fn without_place(&self) -> String {
        let text = self.to_string();
        let place = match self {
            Error::Model { file, line, .. }
            | Error::Refused(
                Refusal::Model { file, line, .. } | Refusal::ValuesOfAnybody { file, line, .. },
            ) => format!("{file}:{line}: "),
            _ => return text,
        };
        text.strip_prefix(&place).unwrap_or(&text).to_owned()
    }

    /// How it ends the program.
    pub fn class(&self) -> Class {
        match self {
            Error::Model { .. } | Error::Models(_) | Error::Settings(_) | Error::Project(_) => {
                Class::Settings
            }
            Error::Query(error) => Class::of_query(error),
            Error::Lake(error) => Class::of_lake(error),
            Error::Malformed { .. } => Class::Check,
            Error::Refused(_) => Class::Refused,
            Error::Interrupted => Class::Interrupted,
            Error::UnknownPerson { .. }
            | Error::Export(_)
            | Error::NotKept { .. }
            | Error::Damaged { .. } => Class::Failed,
        }
    }

    /// One error for `errors` of models; `None` if there are none.
    pub(crate) fn of_models(mut errors: Vec<Error>) -> Option<Self> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(Error::Models(errors)),
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

/// The message, and a line with the hint where there is one.
fn with_hint(error: &Error) -> String {
    match error.advice() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

/// Errors of the lake are told apart in one place, wherever they come from.
impl From<query::Error> for Error {
    fn from(error: query::Error) -> Self {
        match error {
            query::Error::Lake(error) => Error::Lake(error),
            other => Error::Query(other),
        }
    }
}

/// Why a request does not fit the project, the lake or the places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// Nothing was ever published to the lake.
    #[error("there is no lake at {lake}")]
    NoLake {
        /// The lake's place.
        lake: String,
    },
    /// Lake and landing folder overlap.
    #[error("the lake ({lake}) and the landing folder ({landing}) overlap")]
    Overlap {
        /// The lake's place.
        lake: String,
        /// The landing folder.
        landing: String,
    },
    /// The text is no e-mail address. It is not quoted.
    #[error("this is not an e-mail address")]
    NoAddress,
    /// A landing table was selected for a run.
    #[error("{table} is a landing table, which a run reads and does not build")]
    LandingSelected {
        /// The table.
        table: String,
    },
    /// An unknown table was selected for a run.
    #[error("there is no table `{table}` to select")]
    UnknownSelected {
        /// As the user wrote it.
        table: String,
        /// A similar name.
        nearest: Option<String>,
    },
    /// A landing table cannot be compacted.
    #[error("{table} is a landing table: its files stay as they arrived")]
    LandingCompacted {
        /// The table.
        table: String,
    },
    /// Two removed tables have the name.
    #[error("{table} is in two zones, and no longer in the project")]
    AmbiguousTable {
        /// The bare name.
        table: String,
        /// One of the zones.
        zone: String,
    },
    /// A system table cannot be dropped.
    #[error("{table} is a system table and is not dropped")]
    SystemTable {
        /// As the user wrote it.
        table: String,
    },
    /// The project still has the table.
    #[error("the project has {table}, and a run {} it", if *.is_landing { "reads" } else { "builds" })]
    TableOfProject {
        /// The table.
        table: String,
        /// Whether it is a landing table.
        is_landing: bool,
    },
    /// Several quarantine entries have an id with this beginning.
    #[error("several entries have an id that begins with `{id}`")]
    AmbiguousEntry {
        /// The beginning.
        id: String,
    },
    /// No quarantine entry has the id.
    #[error("no quarantine entry has the id `{id}`")]
    NoEntry {
        /// The id.
        id: String,
    },
    /// A landing table has no versions.
    #[error("{table} is a landing table: its files stay as they arrived and have no versions")]
    NoVersions {
        /// The table.
        table: String,
    },
    /// A model test gives rows to a landing table outside the landing folder.
    #[error("a test cannot give rows to {table}, which has a place of its own")]
    TestOfPlacedTable {
        /// The table.
        table: String,
    },
    /// The folder of a model test cannot be written.
    #[error("cannot write the folder of a test: {reason}")]
    TestFolder {
        /// A folder in memory that was tried first.
        memory: &'static str,
        /// The system's reason.
        reason: String,
    },
    /// The place of an export is taken.
    #[error("cannot export to {place}: {reason}")]
    ExportExists {
        /// The place.
        place: String,
        /// What is there.
        reason: String,
    },
    /// Another export to the place is running, or was cut short.
    #[error("cannot export to {place}: another export to it is running, or was cut short")]
    ExportUnfinished {
        /// The place.
        place: String,
        /// The folder that it left.
        folder: String,
    },
    /// Format and file ending differ.
    #[error("{place} would be {asked} in a file that ends with .{ending}")]
    ExportEnding {
        /// The place.
        place: String,
        /// The format that was asked for.
        asked: String,
        /// The format that the ending says.
        ending: String,
    },
    /// An export overlaps lake or landing folder.
    #[error("{place} and the {other} ({other_place}) overlap")]
    ExportOverlap {
        /// The place.
        place: String,
        /// `lake` or `landing folder`.
        other: &'static str,
        /// Its place.
        other_place: String,
    },
}

/// The privacy rule that forbids something. Names tables and columns, never a
/// value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Release, consent register and its copies are all missing.
    #[error(
        "the newest release, system.consent_register and its copies in system/decisions are all missing; whether anybody withdrew by hand is unknown, so nothing is published"
    )]
    RegisterLost,
    /// Entries of the consent register are lost with their copies.
    #[error(
        "{entries} {} lost, from system.consent_register and from its copies in system/decisions; any may be a withdrawal, so nothing is published",
        if *.entries == 1 { "entry of the consent register is" } else { "entries of the consent register are" }
    )]
    EntriesLost {
        /// How many.
        entries: u64,
    },
    /// A file of customer records cannot be decoded, and the caller asked to
    /// publish nothing then.
    #[error(
        "{first}{} holds input that cannot be decoded: withdrawals in it would be missed; nothing was published",
        match more { 0 => String::new(), more => format!(" and {more} more") }
    )]
    Undecodable {
        /// The first file.
        first: String,
        /// How many further files there are.
        more: usize,
    },
    /// A landing table shares files with a table of people, and names nobody.
    #[error(
        "{table} is read from files of {other}, whose rows are people's, and does not name them by the same column"
    )]
    NobodyNamed {
        /// The table.
        table: String,
        /// The table of people.
        other: String,
        /// The column that names them there.
        column: String,
    },
    /// Personal values would be exported, and the caller did not allow it.
    #[error("{table} is not exported: {reason}")]
    PersonalExport {
        /// Zone and name of the table.
        table: String,
        /// Which columns are personal.
        reason: String,
    },
    /// A model takes values that may be anybody's, without saying whose.
    #[error(
        "{file}:{line}: {model} takes values from {table}.{column}, and nobody can tell whose they are"
    )]
    ValuesOfAnybody {
        /// The model's file.
        file: String,
        /// Line in it, from 1.
        line: u32,
        /// The model.
        model: String,
        /// The table that the values are from.
        table: String,
        /// Their column.
        column: String,
    },
    /// A model's contract breaks a rule about whose rows it holds.
    #[error("{file}:{line}: {rule}")]
    Model {
        /// The model's file.
        file: String,
        /// Line in it, from 1.
        line: u32,
        /// The rule, and what breaks it.
        rule: String,
        /// What to change in the SELECT or the contract.
        advice: String,
    },
}

/// Why an export cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportFault {
    /// The place cannot be listed.
    #[error("cannot list {place}: {reason}")]
    NotListed {
        /// The place.
        place: String,
        /// The store's reason.
        reason: String,
    },
    /// The files cannot be written.
    #[error("cannot write the export to {place}: {reason}")]
    NotWritten {
        /// The place.
        place: String,
        /// The system's or the store's reason.
        reason: String,
    },
    /// The place holds no export that can be read.
    #[error("cannot check {place}: {reason}")]
    NotRead {
        /// The place.
        place: String,
        /// What is missing or wrong.
        reason: String,
    },
    /// Files of the version were changed after it was published.
    #[error("version {version} of {table} holds other rows than were published")]
    OtherRows {
        /// The table.
        table: String,
        /// The version.
        version: i64,
    },
}
