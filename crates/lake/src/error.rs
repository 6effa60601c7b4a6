//! What can go wrong with a lake, by what the caller can do about it.

use deltalake_core::DeltaTableError;
use object_store::client::{HttpError, HttpErrorKind};

use crate::{LockHolder, TableId};

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

const NO_BUCKET: &str = "there is no bucket of that name";
const REFUSED: &str = "the store refused the key";
const NO_CREDENTIALS: &str =
    "there are no credentials for it, neither in the environment nor from this machine's role";
const UNREACHABLE: &str = "the store cannot be reached";
const NO_ANSWER: &str = "the store did not answer in time";
const UNABLE: &str = "the store is not able to";
const BROKEN: &str = "the connection to the store broke";

/// Why a store refused, in one line. What commonly goes wrong with an object
/// store is told in words of our own; otherwise the innermost cause, as the
/// outer ones repeat the path and the library's name, and of an S3 answer its
/// message.
pub fn store_reason(error: &object_store::Error) -> String {
    if matches!(error, object_store::Error::Precondition { .. }) {
        return "somebody else replaced it meanwhile".to_owned();
    }
    let mut http = None;
    let mut of_credentials = false;
    let mut cause: &dyn std::error::Error = error;
    loop {
        if let Some(found) = cause.downcast_ref::<HttpError>() {
            http = Some(found.kind());
        }
        let Some(next) = cause.source() else { break };
        cause = next;
        // Only a machine in a cloud is asked there.
        let text = cause.to_string();
        of_credentials |= text.contains("/latest/api/token") || text.contains("/latest/meta-data");
    }
    let text = cause.to_string().replace('\n', " ");
    if of_credentials {
        return NO_CREDENTIALS.to_owned();
    }
    if text.contains("URL scheme is not allowed") {
        return "http:// is not allowed for it".to_owned();
    }
    let code = between(&text, "<Code>", "</Code>");
    let denied = matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    );
    match (code, http) {
        (Some("NoSuchBucket"), _) => return NO_BUCKET.to_owned(),
        // A listing's refusal comes as an error of no particular kind.
        (Some(code), _)
            if denied
                || matches!(
                    code,
                    "AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch"
                ) =>
        {
            return format!("{REFUSED}: {code}");
        }
        (None, _) if denied => return REFUSED.to_owned(),
        (_, Some(HttpErrorKind::Connect)) => return format!("{UNREACHABLE}: {text}"),
        (_, Some(HttpErrorKind::Timeout)) => return NO_ANSWER.to_owned(),
        (_, Some(HttpErrorKind::Request | HttpErrorKind::Interrupted | HttpErrorKind::Decode)) => {
            return format!("{BROKEN}: {text}");
        }
        _ => {}
    }
    let message = between(&text, "<Message>", "</Message>").or(code);
    if text.starts_with("Server returned non-2xx status code: 5") {
        let what = code.or(message).unwrap_or("it gives no reason");
        return format!("{UNABLE}: {what}");
    }
    message.map_or(text.clone(), str::to_owned)
}

/// The store's error that `error` comes of, however deeply it was wrapped.
pub fn find_store_error<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a object_store::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // Of what it wraps, an I/O error tells the cause as its own.
        cause = match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}

/// Of a store that fails, the reason; of the library's own errors, their text.
/// Its kernel hands a store's error on as text.
fn table_reason(error: &DeltaTableError) -> String {
    if let Some(error) = find_store_error(error) {
        return store_reason(error);
    }
    let text = error.to_string();
    if !text.contains(" S3 error: ") {
        // What follows is where in the library, and a backtrace.
        let line = text.lines().next().unwrap_or_default().trim_end();
        return line.chars().take(REASON_CHARS).collect();
    }
    match text.split_once("non-2xx status code: ") {
        Some((_, status)) if status.starts_with('5') => {
            let code = between(status, "<Code>", "</Code>").unwrap_or("it gives no reason");
            format!("{UNABLE}: {code}")
        }
        Some((_, status)) => match between(status, "<Code>", "</Code>") {
            Some("NoSuchBucket") => NO_BUCKET.to_owned(),
            _ => REFUSED.to_owned(),
        },
        None => format!("{BROKEN} too often"),
    }
}

/// An error of the library may quote what it could not read.
const REASON_CHARS: usize = 200;

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    let (inner, _) = rest.split_once(end)?;
    Some(inner.trim()).filter(|inner| !inner.is_empty())
}

/// What to do about `reason`, as [`store_reason`] gives it, of an object store.
pub fn store_hint(reason: &str) -> &'static str {
    specific_store_hint(reason).unwrap_or(
        "check AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `stedi doctor` tells more",
    )
}

/// Likewise, if `reason` is one of those that object stores alone give.
pub fn specific_store_hint(reason: &str) -> Option<&'static str> {
    let is = |known: &str| reason.starts_with(known);
    if is(NO_BUCKET) {
        Some(
            "check the bucket's name: stedi makes none; AWS_ENDPOINT and AWS_REGION say where it is looked for",
        )
    } else if is(REFUSED) {
        Some(
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that they may read and write there; `stedi doctor` tells more",
        )
    } else if is(NO_CREDENTIALS) {
        Some("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    } else if is(UNREACHABLE) || is(NO_ANSWER) || is(BROKEN) || is(UNABLE) {
        Some("check AWS_ENDPOINT and the network, then run again: what was published stands")
    } else if is("http:// ") {
        Some("set AWS_ALLOW_HTTP=true, or give an AWS_ENDPOINT that begins with https://")
    } else {
        None
    }
}
