//! What is tried again, and how often.

use std::error::Error as _;
use std::time::{Duration, Instant};

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// How often a thing is tried at most, on top of what the store's client tries
/// again by itself.
pub(super) const ATTEMPTS: u32 = 6;

/// No attempt begins later than this after the first one.
const LONGEST: Duration = Duration::from_secs(60);

/// Doubled before each further attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How often a thing was tried, and since when.
pub(crate) struct Patience {
    began: Instant,
    attempt: u32,
    pause: Duration,
}

impl Patience {
    /// Before the first attempt.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            attempt: 1,
            pause: FIRST_PAUSE,
        }
    }

    pub(super) fn is_left(&self) -> bool {
        self.attempt < ATTEMPTS && self.began.elapsed() < LONGEST
    }

    /// Waits before the next attempt; `false` where there shall be none.
    pub(crate) async fn wait(&mut self) -> bool {
        if !self.is_left() {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause *= 2;
        self.attempt += 1;
        true
    }
}

/// Whether nothing can have been made, or nobody is there to ask. `NotFound` is
/// what S3 says of a bucket.
pub(super) fn is_final(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
    ) || connection(error) == Some(HttpErrorKind::Connect)
}

/// Whether there was no answer, or only a part of one, and the client did not
/// try again by itself.
pub(crate) fn is_lost(error: &Error) -> bool {
    connection(error).is_some_and(|kind| kind != HttpErrorKind::Connect)
}

/// What became of the connection, where it is at fault.
fn connection(error: &Error) -> Option<HttpErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}
