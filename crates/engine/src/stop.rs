//! Ends the tasks of a run early without leaving anything half done.
//!
//! An aborted task may have a write under way that nobody can stop, and that lands
//! after cleaning up. So tasks are asked to stop, and the run waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::runtime::JoinSet;

use crate::Error;

/// A request to stop, heard by all tasks of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks all tasks to stop at their next check.
    pub(crate) fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`Error::Interrupted`] once a stop was requested.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

/// The error about a panic of a task that worked on `what`.
pub(crate) fn task_panicked(what: &str) -> Error {
    Error::Query(query::Error::Execution {
        what: what.to_owned(),
        message: "a task ended early, which is a fault in this program".to_owned(),
    })
}

/// The next finished task's result. At the first failure the others are asked
/// to stop and waited for, and that failure is given; `None` when all are done.
///
/// # Errors
/// Of the task that failed first, or [`Error::Query`] if one panicked.
pub(crate) async fn next_finished<T: 'static>(
    tasks: &mut JoinSet<Result<T, Error>>,
    what: &str,
    stop: &Stop,
) -> Result<Option<T>, Error> {
    let failure = match tasks.join_next().await {
        None => return Ok(None),
        Some(Ok(Ok(done))) => return Ok(Some(done)),
        Some(Ok(Err(error))) => error,
        Some(Err(_)) => task_panicked(what),
    };
    stop.request();
    let mut first = failure;
    while let Some(other) = tasks.join_next().await {
        // A task that only followed the request does not know the reason.
        if let (Error::Interrupted, Ok(Err(error))) = (&first, other) {
            first = error;
        }
    }
    Err(first)
}
