//! Why an object store failed, in words, and what to do about it.

use deltalake_core::DeltaTableError;
use object_store::client::{HttpError, HttpErrorKind};

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
pub(crate) fn table_reason(error: &DeltaTableError) -> String {
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
