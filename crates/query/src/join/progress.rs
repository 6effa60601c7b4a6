//! How far a join has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use datafusion::execution::memory_pool::MemoryReservation;
use tokio::sync::OnceCell;

use super::table::Table;

/// How far the join has come; all partitions share it.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) table: OnceCell<(Arc<Table>, MemoryReservation)>,
    /// Partitions of the read side that have not ended.
    reading: AtomicUsize,
    pub(super) read: AtomicU64,
    /// Rows read that found a partner.
    pub(super) matched: AtomicU64,
    pub(super) pairs: AtomicU64,
}

impl Progress {
    /// Of a join whose read side has so many partitions.
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            table: OnceCell::new(),
            reading: AtomicUsize::new(partitions),
            read: AtomicU64::new(0),
            matched: AtomicU64::new(0),
            pairs: AtomicU64::new(0),
        }
    }

    /// Notes that a partition of the read side has ended; true for the last.
    pub(super) fn ended(&self) -> bool {
        self.reading.fetch_sub(1, Ordering::AcqRel) == 1
    }
}
