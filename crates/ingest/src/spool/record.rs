//! What is handed to the spool, and its limits.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::shape::Shape;
use crate::keys::Claim;

/// When files are written, and how much is held.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A file is written once it has this many bytes.
    pub file_bytes: usize,
    /// A file is written once its first record is this old.
    pub file_age: Duration,
    /// The most bytes of records that wait to be written.
    pub held_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 8 << 20,
            file_age: Duration::from_secs(1),
            held_bytes: 64 << 20,
        }
    }
}

/// Room for one record.
#[derive(Debug)]
pub(crate) struct Room {
    /// Gives the room back when it is dropped.
    _permit: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit }
    }
}

/// Called once a record is safe.
pub(crate) type Receipt = Box<dyn FnOnce() + Send>;

/// One record, or several that are safe together.
pub(crate) struct Record {
    /// The table, by its place among the targets.
    pub(crate) table: usize,
    /// What goes into files.
    pub(crate) shapes: Vec<Shape>,
    /// How long it may wait for others.
    pub(crate) linger: Duration,
    /// What is noted about it before it can be seen.
    pub(crate) claim: Option<Claim>,
    pub(crate) receipt: Receipt,
    pub(crate) room: Room,
}
