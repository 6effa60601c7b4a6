//! What a running statement took so far: rows read and memory.
//!
//! A door shows it while somebody waits. Rows are counted where tables are scanned, by
//! the scans themselves; memory is what operators reserved in the session's pool.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::physical_plan::ExecutionPlan;

use crate::landing::LandingScan;
use crate::plan_tables::scanned_table;

/// What a statement took so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Rows that its scans read. What statistics answer is not read.
    pub rows_read: u64,
    /// Bytes that its operators hold.
    pub memory_bytes: u64,
    /// The most bytes that they held at once.
    pub peak_memory_bytes: u64,
}

/// Reads the usage of one statement. It keeps the statement's plan in memory: let go of it
/// once the statement is over.
#[derive(Clone)]
pub struct Meter {
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    /// A [`MeasuredPool`], as every session has one.
    pub(crate) pool: Arc<dyn MemoryPool>,
}

impl Meter {
    /// What the statement took so far.
    pub fn usage(&self) -> Usage {
        let pool: &dyn Any = self.pool.as_ref();
        let pool = pool.downcast_ref::<MeasuredPool>();
        let bytes = |of: fn(&MeasuredPool) -> &AtomicUsize| {
            pool.map_or(0, |pool| of(pool).load(Ordering::Relaxed) as u64)
        };
        Usage {
            rows_read: rows_read(&self.plan),
            memory_bytes: bytes(|pool| &pool.held),
            peak_memory_bytes: bytes(|pool| &pool.peak),
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meter({:?})", self.usage())
    }
}

/// Rows that all scans below a plan read.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    if let Some(scan) = plan.downcast_ref::<LandingScan>() {
        let (given, passed_over) = scan.counted();
        return given + passed_over;
    }
    let below: u64 = plan.children().into_iter().map(rows_read).sum();
    let is_scan = plan.children().is_empty() && scanned_table(plan).is_some();
    let own = plan.metrics().filter(|_| is_scan);
    let own = own.and_then(|metrics| metrics.output_rows());
    below + own.unwrap_or_default() as u64
}

/// A pool of memory that knows how much is held, and how much was held at most.
#[derive(Debug)]
pub(crate) struct MeasuredPool {
    inner: Arc<dyn MemoryPool>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl MeasuredPool {
    pub(crate) fn of(inner: Arc<dyn MemoryPool>) -> Self {
        Self {
            inner,
            held: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        }
    }

    fn grown(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(held, Ordering::Relaxed);
    }
}

impl fmt::Display for MeasuredPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl MemoryPool for MeasuredPool {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.inner.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.inner.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.inner.grow(reservation, additional);
        self.grown(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.inner.shrink(reservation, shrink);
        self.held.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.inner.try_grow(reservation, additional)?;
        self.grown(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.inner.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.inner.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn a_pool_knows_what_is_held_and_was_held_at_most() {
        let measured = Arc::new(MeasuredPool::of(Arc::new(GreedyMemoryPool::new(100))));
        let pool: Arc<dyn MemoryPool> = Arc::clone(&measured) as _;
        let reservation = MemoryConsumer::new("sort").register(&pool);
        for (change, held, peak) in [
            (60_isize, 60, 60),
            (30, 90, 90),
            (30, 90, 90),
            (-80, 10, 90),
        ] {
            match usize::try_from(change) {
                Ok(more) => _ = reservation.try_grow(more),
                Err(_) => reservation.shrink(change.unsigned_abs()),
            }
            let found = [&measured.held, &measured.peak].map(|of| of.load(Ordering::Relaxed));
            assert_eq!(found, [held, peak], "{change}");
        }
        drop(reservation);
        assert_eq!(measured.held.load(Ordering::Relaxed), 0);
    }
}
