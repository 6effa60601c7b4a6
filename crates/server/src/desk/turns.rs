//! Turns: how many statements are computed at once, and the threads of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;
use crate::fault::{Fault, Kind};
use crate::principal::Principal;

/// Enough for expressions nested as deeply as a statement may nest them.
pub(super) const STACK_BYTES: usize = 32 << 20;

/// The turns that there are.
#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    /// Those of each user: nobody takes all.
    own: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
    running_max: usize,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// The right to be computed.
#[derive(Debug)]
pub(super) struct Turn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.running)),
            own: Mutex::default(),
            running_max: limits.running,
            waiting: AtomicUsize::new(0),
            waiting_max: limits.waiting,
        }
    }

    /// How many statements are computed, and how many wait.
    pub(super) fn load(&self) -> (usize, usize) {
        let running = self.running_max - self.all.available_permits();
        (running, self.waiting.load(Ordering::Relaxed))
    }

    /// Waits for a turn among the user's own, then among everybody's.
    pub(super) async fn take(
        &self,
        who: &Principal,
        deadline: tokio::time::Instant,
    ) -> Result<Turn, Fault> {
        struct Waiting<'d>(&'d AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let own = {
            let mut own = self.own.lock();
            let turns = own.entry(Arc::clone(&who.name));
            let count = match who.is_everybody() {
                true => self.running_max,
                false => self.running_max.div_ceil(2),
            };
            Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(count))))
        };
        if let Ok(own) = Arc::clone(&own).try_acquire_owned()
            && let Ok(turn) = Arc::clone(&self.all).try_acquire_owned()
        {
            return Ok(Turn {
                _own: own,
                _of_all: turn,
            });
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.waiting_max {
            return Err(Fault::new(Kind::Busy, "too many statements wait already")
                .with_hint("try again later"));
        }
        let both = async {
            let own = own.acquire_owned().await?;
            let turn = Arc::clone(&self.all).acquire_owned().await?;
            Ok::<_, tokio::sync::AcquireError>(Turn {
                _own: own,
                _of_all: turn,
            })
        };
        match tokio::time::timeout_at(deadline, both).await {
            Ok(turn) => turn.map_err(|error| Fault::internal("waiting for a turn", error)),
            Err(_) => Err(Fault::new(
                Kind::Busy,
                "other statements took all the time that this one may take",
            )
            .with_hint("try again later")),
        }
    }
}

/// The threads of one statement. Its turn is over when the last of them ended: an operator
/// that does not yield goes on for a while after everybody let go of it.
#[derive(Debug)]
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    pub(super) fn of(turn: Turn) -> Result<Self, Fault> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_stack_size(STACK_BYTES)
            .thread_name("query")
            .enable_all()
            // Dropped with the runtime, which each of its threads and tasks holds.
            .on_thread_stop(move || _ = &turn)
            .build();
        let failed = |error| Fault::internal("starting threads", error);
        Ok(Self(Some(runtime.map_err(failed)?)))
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        match &self.0 {
            Some(runtime) => runtime.spawn(task),
            None => unreachable!("the threads end when they are dropped"),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
