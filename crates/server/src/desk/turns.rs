//! Turns: how many statements are computed at once, and the threads of each.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::limits::Limits;
use crate::fault::{Fault, Kind};
use crate::principal::Principal;

/// Enough for expressions nested as deeply as a statement may nest them.
const STACK_BYTES: usize = 32 << 20;

/// Statements that wait for their readers without a turn. Each holds some memory.
const LENDING_MAX: usize = 64;

/// The turns that there are.
#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    /// Those of each user: nobody takes all.
    own: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
    running_max: usize,
    waiting: AtomicUsize,
    waiting_max: usize,
    /// Places for statements that lent their turn.
    lending: Arc<Semaphore>,
}

/// The right to be computed. A statement lends it to others while it waits for its reader.
#[derive(Debug)]
pub(super) struct Turn {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
    lending: Arc<Semaphore>,
    held: Mutex<Held>,
}

/// What a statement holds of turns.
#[derive(Debug)]
enum Held {
    Turn {
        _own: OwnedSemaphorePermit,
        _of_all: OwnedSemaphorePermit,
    },
    Lent {
        _place: OwnedSemaphorePermit,
    },
    Nothing,
}

impl Turn {
    /// Waits for a turn among the user's own, then among everybody's.
    async fn wait(own: &Arc<Semaphore>, all: &Arc<Semaphore>) -> Result<Held, AcquireError> {
        Ok(Held::Turn {
            _own: Arc::clone(own).acquire_owned().await?,
            _of_all: Arc::clone(all).acquire_owned().await?,
        })
    }

    /// Lets others compute while this statement waits for its reader. Whether it could: only
    /// so many may wait.
    pub(super) fn lend(&self) -> bool {
        let place = Arc::clone(&self.lending).try_acquire_owned();
        let Ok(place) = place else { return false };
        *self.held.lock() = Held::Lent { _place: place };
        true
    }

    /// Waits for the turn that was lent.
    pub(super) async fn take_back(&self) -> Result<(), Fault> {
        let held = Self::wait(&self.own, &self.all).await;
        *self.held.lock() = held.map_err(closed)?;
        Ok(())
    }

    /// Gives the turn up: nothing is computed any more.
    pub(super) fn end(&self) {
        *self.held.lock() = Held::Nothing;
    }
}

impl Turns {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.running)),
            own: Mutex::default(),
            running_max: limits.running,
            waiting: AtomicUsize::new(0),
            waiting_max: limits.waiting,
            lending: Arc::new(Semaphore::new(LENDING_MAX)),
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
        let turn = |held| Turn {
            own: Arc::clone(&own),
            all: Arc::clone(&self.all),
            lending: Arc::clone(&self.lending),
            held: Mutex::new(held),
        };
        if let Ok(own) = Arc::clone(&own).try_acquire_owned()
            && let Ok(of_all) = Arc::clone(&self.all).try_acquire_owned()
        {
            return Ok(turn(Held::Turn {
                _own: own,
                _of_all: of_all,
            }));
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.waiting_max {
            return Err(Fault::new(Kind::Busy, "too many statements wait already")
                .with_hint("try again later"));
        }
        match tokio::time::timeout_at(deadline, Turn::wait(&own, &self.all)).await {
            Ok(held) => held.map(turn).map_err(closed),
            Err(_) => Err(Fault::new(
                Kind::Busy,
                "other statements took all the time that this one may take",
            )
            .with_hint("try again later")),
        }
    }
}

fn closed(error: AcquireError) -> Fault {
    Fault::internal("waiting for a turn", error)
}

/// Threads that nobody waits for at their end: an operator that never yields would be
/// waited for.
#[derive(Debug)]
pub(super) struct Pool(Option<Runtime>);

impl Pool {
    /// One thread for each core. `on_stop` is dropped with the last of them.
    pub(super) fn new(on_stop: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_stack_size(STACK_BYTES)
            .thread_name("query")
            .enable_all()
            .on_thread_stop(on_stop)
            .build()?;
        Ok(Self(Some(runtime)))
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        match &self.0 {
            Some(runtime) => runtime.spawn(task),
            None => unreachable!("the threads end when they are dropped"),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The threads of one statement. Unless it gave its turn up before, that is over when the
/// last of them ended: an operator that does not yield goes on for a while after everybody
/// let go of it.
#[derive(Debug)]
pub(super) struct Threads {
    pool: Pool,
    turn: Arc<Turn>,
}

impl Threads {
    pub(super) fn of(turn: Turn) -> Result<Self, Fault> {
        let turn = Arc::new(turn);
        let kept = Arc::clone(&turn);
        // Dropped with the runtime, which each of its threads and tasks holds.
        let pool = Pool::new(move || _ = &kept);
        Ok(Self {
            pool: pool.map_err(|error| Fault::internal("starting threads", error))?,
            turn,
        })
    }

    /// The turn in which they compute.
    pub(super) fn turn(&self) -> &Arc<Turn> {
        &self.turn
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.pool.spawn(task)
    }
}
