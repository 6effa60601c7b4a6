//! Why an object store failed, in one line.
//!
//! Used by [`Error`](crate::Error), and by `query` for errors of stores that it reads
//! itself. Error texts of the store's client are long and repeat the path; the common
//! failures get texts of our own, which start with one of the constants below.
//! [`StoreFault::of`] recognises them by it.

use deltalake_core::DeltaTableError;
use object_store::client::{HttpError, HttpErrorKind};

const NO_BUCKET: &str = "there is no bucket of that name";
const REFUSED: &str = "the store refused the key";
const NO_CREDENTIALS: &str =
    "there are no credentials for it, neither in the environment nor from this machine's role";
const UNREACHABLE: &str = "the store cannot be reached";
const NO_ANSWER: &str = "the store did not answer in time";
const SERVER_ERROR: &str = "the store answered with a server error";
const PLAIN_HTTP: &str = "http:// is not allowed";
const BROKEN: &str = "the connection to the store broke";

/// The library's errors may quote what they could not read.
const REASON_CHARS_MAX: usize = 200;

/// Why a store failed, in one line.
///
/// One of the texts above for common failures. Otherwise the innermost cause,
/// because outer ones repeat the path and the library's name; for an answer of
/// S3, its message.
pub fn store_reason(error: &object_store::Error) -> String {
    if matches!(error, object_store::Error::Precondition { .. }) {
        return "another writer replaced it in the meantime".to_owned();
    }
    let mut http = None;
    let mut is_credentials_failure = false;
    let mut cause: &dyn std::error::Error = error;
    loop {
        if let Some(found) = cause.downcast_ref::<HttpError>() {
            http = Some(found.kind());
        }
        let Some(next) = cause.source() else { break };
        cause = next;
        // The client asks these addresses for the role of a cloud machine.
        let text = cause.to_string();
        is_credentials_failure |=
            text.contains("/latest/api/token") || text.contains("/latest/meta-data");
    }
    let text = cause.to_string().replace('\n', " ");
    if is_credentials_failure {
        return NO_CREDENTIALS.to_owned();
    }
    if text.contains("URL scheme is not allowed") {
        return PLAIN_HTTP.to_owned();
    }
    let code = between(&text, "<Code>", "</Code>");
    let denied = matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    );
    match (code, http) {
        (Some("NoSuchBucket"), _) => return NO_BUCKET.to_owned(),
        // A refused listing has no error kind of its own.
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
        let what = code.or(message).unwrap_or("no reason given");
        return format!("{SERVER_ERROR}: {what}");
    }
    message.map_or(text.clone(), str::to_owned)
}

/// The object store's error among the causes of `error`, at any depth.
pub fn find_store_error<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a object_store::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // `source` of an I/O error skips the error that it wraps.
        cause = match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}

/// Why the Delta library failed, in one line: the store's reason where the store
/// failed, otherwise the library's text.
///
/// The library's kernel passes errors of the store on as text only.
pub(crate) fn table_reason(error: &DeltaTableError) -> String {
    if let Some(error) = find_store_error(error) {
        return store_reason(error);
    }
    let text = error.to_string();
    if !text.contains(" S3 error: ") {
        // Further lines hold a position in the library's source and a backtrace.
        let line = text.lines().next().unwrap_or_default().trim_end();
        return line.chars().take(REASON_CHARS_MAX).collect();
    }
    match text.split_once("non-2xx status code: ") {
        Some((_, status)) if status.starts_with('5') => {
            let code = between(status, "<Code>", "</Code>").unwrap_or("no reason given");
            format!("{SERVER_ERROR}: {code}")
        }
        Some((_, status)) => match between(status, "<Code>", "</Code>") {
            Some("NoSuchBucket") => NO_BUCKET.to_owned(),
            _ => REFUSED.to_owned(),
        },
        None => format!("{BROKEN} too often"),
    }
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    let (inner, _) = rest.split_once(end)?;
    Some(inner.trim()).filter(|inner| !inner.is_empty())
}

/// Why a store failed, as far as the user can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// The bucket does not exist.
    NoBucket,
    /// The store refused the key, or the key may not do this.
    Refused,
    /// There is no key.
    NoCredentials,
    /// The store cannot be reached, does not answer, or answers with its own errors.
    Unavailable,
    /// The endpoint is http:// and no setting allows that.
    PlainHttp,
}

impl StoreFault {
    /// The fault that `reason`, a text of [`store_reason`], tells of; `None` for others.
    pub fn of(reason: &str) -> Option<Self> {
        let is = |known: &str| reason.starts_with(known);
        if is(NO_BUCKET) {
            Some(Self::NoBucket)
        } else if is(REFUSED) {
            Some(Self::Refused)
        } else if is(NO_CREDENTIALS) {
            Some(Self::NoCredentials)
        } else if is(UNREACHABLE) || is(NO_ANSWER) || is(BROKEN) || is(SERVER_ERROR) {
            Some(Self::Unavailable)
        } else if is(PLAIN_HTTP) {
            Some(Self::PlainHttp)
        } else {
            None
        }
    }
}
