//! State that all partitions of one running join share: table and row counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use datafusion::execution::memory_pool::MemoryReservation;
use tokio::sync::OnceCell;

use super::table::Table;

/// Shared state of a running join.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) table: OnceCell<(Arc<Table>, MemoryReservation)>,
    /// Partitions of the probe side that have not ended.
    open_partitions: AtomicUsize,
    pub(super) probe_rows: AtomicU64,
    /// Probe rows that found a partner.
    pub(super) probe_matched: AtomicU64,
    pub(super) pairs: AtomicU64,
}

impl Progress {
    /// For a probe side of that many partitions.
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            table: OnceCell::new(),
            open_partitions: AtomicUsize::new(partitions),
            probe_rows: AtomicU64::new(0),
            probe_matched: AtomicU64::new(0),
            pairs: AtomicU64::new(0),
        }
    }

    /// Notes that a partition of the probe side has ended; true for the last one.
    pub(super) fn end_partition(&self) -> bool {
        self.open_partitions.fetch_sub(1, Ordering::AcqRel) == 1
    }
}
