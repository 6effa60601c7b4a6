//! Which requests are repeated, how often and for how long.
//!
//! Used by the conditional PUT and by the retrying store.

use std::error::Error as _;
use std::time::{Duration, Instant};

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// Attempts of one request, not counting the retries of the store's client.
pub(super) const ATTEMPTS_MAX: u32 = 6;

/// No attempt starts later than this after the first one.
const ELAPSED_MAX: Duration = Duration::from_secs(60);

/// The pause before the second attempt. It doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Counts the attempts of one request and pauses between them.
pub(crate) struct Backoff {
    started: Instant,
    attempt: u32,
    pause: Duration,
}

impl Backoff {
    /// To be called before the first attempt.
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            attempt: 1,
            pause: FIRST_PAUSE,
        }
    }

    pub(super) fn has_attempt_left(&self) -> bool {
        self.attempt < ATTEMPTS_MAX && self.started.elapsed() < ELAPSED_MAX
    }

    /// Waits before the next attempt. `false` if no attempt is left.
    pub(crate) async fn wait(&mut self) -> bool {
        if !self.has_attempt_left() {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause *= 2;
        self.attempt += 1;
        true
    }
}

/// Whether a failed PUT certainly created nothing, so that its outcome is known.
/// S3 answers `NotFound` if the bucket is missing.
pub(super) fn has_no_effect(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
    ) || connection_failure(error) == Some(HttpErrorKind::Connect)
}

/// Whether the answer was lost, wholly or in part. The client did not retry.
pub(crate) fn is_answer_lost(error: &Error) -> bool {
    connection_failure(error).is_some_and(|kind| kind != HttpErrorKind::Connect)
}

/// How the connection failed, if it did.
fn connection_failure(error: &Error) -> Option<HttpErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}
