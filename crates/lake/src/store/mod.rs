//! What every object store gets, wherever it is: retries after lost answers,
//! PUTs of objects that must not exist yet, and local files of unfinished
//! writes. Used by [`Location`](crate::Location) and by all that commits.

pub(crate) mod conditional_put;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod partial_writes;
pub(crate) mod retry;
mod retry_policy;
