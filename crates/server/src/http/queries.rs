//! The queries of the page and the API: each runs by itself, and its result is kept for a
//! while so that pages of it can be read.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use chrono::Utc;
use parking_lot::Mutex;
use query::{Meter, Usage};
use tokio::sync::{Notify, watch};

use super::stored::{Stored, Storing};
use crate::desk::{Desk, Rows};
use crate::fault::{Fault, Kind};
use crate::principal::{Door, Principal};
use door::{hex, random};

/// Queries that are remembered for each user; the oldest one that is over makes room.
const QUERIES_MAX: usize = 100;

/// Queries of one user that may run or wait at once.
const OPEN_MAX: usize = 16;

/// Bytes of one result that are kept; the rest is cut off.
const RESULT_BYTES_MAX: u64 = 1 << 30;

/// Bytes of all results that are kept; the oldest ones make room.
const BYTES_MAX: u64 = 8 << 30;

/// How far a query is.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// It waits, or is planned.
    Waiting,
    /// It runs and gave that many rows so far.
    Running { rows: u64 },
    /// Its result is there.
    Done { result: Arc<Stored>, is_cut: bool },
    /// It failed.
    Failed(Fault),
    /// Somebody ended it.
    Cancelled,
}

/// One query.
#[derive(Debug)]
pub(super) struct HttpQuery {
    pub(super) id: String,
    owner: Principal,
    pub(super) statement: String,
    /// When it was asked, epoch milliseconds.
    pub(super) at_ms: i64,
    began: Instant,
    state: watch::Sender<(State, Option<u64>)>,
    took: Mutex<Took>,
    stop: Notify,
}

/// What a query takes, or took.
#[derive(Debug, Default)]
enum Took {
    #[default]
    Nothing,
    /// It is asked while the query runs.
    SoFar(Meter),
    InAll(Usage),
}

impl HttpQuery {
    /// How far it is, and how long it took so far, in milliseconds.
    pub(super) fn state(&self) -> (State, u64) {
        let (state, ms) = self.state.borrow().clone();
        (state, ms.unwrap_or_else(|| self.elapsed()))
    }

    /// Rows that it read, and memory.
    pub(super) fn usage(&self) -> Usage {
        match &*self.took.lock() {
            Took::Nothing => Usage::default(),
            Took::SoFar(meter) => meter.usage(),
            Took::InAll(usage) => *usage,
        }
    }

    fn elapsed(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// Returns once it is over.
    pub(super) async fn ended(&self) {
        let mut state = self.state.subscribe();
        // The sender lives as long as the query.
        _ = state.wait_for(|(state, _)| !state.is_open()).await;
    }

    pub(super) fn cancel(&self) {
        self.stop.notify_one();
    }

    fn put(&self, state: State) {
        let ms = (!state.is_open()).then(|| self.elapsed());
        if !state.is_open() {
            let usage = Usage {
                memory_bytes: 0,
                ..self.usage()
            };
            *self.took.lock() = Took::InAll(usage);
        }
        self.state.send_replace((state, ms));
    }

    async fn run(&self, desk: &Desk, who: &Principal, door: Door) {
        let ended = tokio::select! {
            () = self.stop.notified() => State::Cancelled,
            ended = self.rows(desk, who, door) => ended.unwrap_or_else(State::Failed),
        };
        self.put(ended);
    }

    async fn rows(&self, desk: &Desk, who: &Principal, door: Door) -> Result<State, Fault> {
        let stored = |error| Fault::internal("storing the result", error);
        let mut rows = desk.run(who, door, &self.statement).await?;
        *self.took.lock() = rows.meter().map_or(Took::Nothing, Took::SoFar);
        self.put(State::Running { rows: 0 });
        let mut storing = Storing::begin(SchemaRef::clone(rows.schema())).map_err(stored)?;
        let is_cut = self.store(&mut rows, &mut storing).await?;
        let result = Arc::new(storing.end().map_err(stored)?);
        Ok(State::Done { result, is_cut })
    }

    /// Stores all rows; whether some were cut off.
    async fn store(&self, rows: &mut Rows, storing: &mut Storing) -> Result<bool, Fault> {
        while let Some(batch) = rows.next().await {
            let batch = match batch {
                Ok(batch) => batch,
                Err(_) if rows.is_cut() => return Ok(true),
                Err(fault) => return Err(fault),
            };
            let added = storing.add(&batch);
            added.map_err(|error| Fault::internal("storing the result", error))?;
            self.put(State::Running {
                rows: storing.rows(),
            });
            if storing.bytes() > RESULT_BYTES_MAX {
                rows.cut()?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl State {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, State::Waiting | State::Running { .. })
    }

    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running { .. } => "running",
            State::Done { .. } => "done",
            State::Failed(_) => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        match self {
            State::Running { rows } => *rows,
            State::Done { result, .. } => result.rows(),
            _ => 0,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            State::Done { result, .. } => result.bytes(),
            _ => 0,
        }
    }
}

/// All queries that are remembered.
#[derive(Debug)]
pub(super) struct Queries {
    desk: Arc<Desk>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    queries: HashMap<String, Arc<HttpQuery>>,
    /// The oldest first.
    order: VecDeque<String>,
}

impl Queries {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            known: Mutex::default(),
        }
    }

    /// Begins a query.
    pub(super) fn submit(
        &self,
        who: &Principal,
        door: Door,
        statement: &str,
    ) -> Result<Arc<HttpQuery>, Fault> {
        let query = Arc::new(HttpQuery {
            id: hex(&random::<8>()),
            owner: who.clone(),
            statement: statement.to_owned(),
            at_ms: Utc::now().timestamp_millis(),
            began: Instant::now(),
            state: watch::Sender::new((State::Waiting, None)),
            took: Mutex::default(),
            stop: Notify::new(),
        });
        self.known.lock().take_in(&query)?;
        let (desk, who, running) = (Arc::clone(&self.desk), who.clone(), Arc::clone(&query));
        tokio::spawn(async move { running.run(&desk, &who, door).await });
        Ok(query)
    }

    /// The query of that id, if it is the user's own.
    pub(super) fn find(&self, who: &Principal, id: &str) -> Result<Arc<HttpQuery>, Fault> {
        let known = self.known.lock();
        let found = known.queries.get(id).filter(|query| query.owner == *who);
        found.cloned().ok_or_else(|| {
            Fault::new(Kind::Missing, "there is no query of that id")
                .with_hint("results are kept for a while only: run the statement again")
        })
    }

    /// The user's queries, the newest first.
    pub(super) fn of(&self, who: &Principal) -> Vec<Arc<HttpQuery>> {
        let known = self.known.lock();
        let newest = known.order.iter().rev();
        let queries = newest.filter_map(|id| known.queries.get(id));
        queries
            .filter(|query| query.owner == *who)
            .cloned()
            .collect()
    }
}

impl Known {
    fn take_in(&mut self, query: &Arc<HttpQuery>) -> Result<(), Fault> {
        let own = self.queries.values().filter(|one| one.owner == query.owner);
        let (mut count, mut open) = (0, 0);
        for one in own {
            count += 1;
            open += usize::from(one.state().0.is_open());
        }
        if open >= OPEN_MAX {
            return Err(
                Fault::new(Kind::Busy, format!("{open} of your queries run already"))
                    .with_hint("wait for one of them, or cancel it"),
            );
        }
        if count >= QUERIES_MAX {
            self.forget_oldest(|one| one.owner == query.owner);
        }
        while self.bytes() > BYTES_MAX && self.forget_oldest(|_| true) {}
        self.order.push_back(query.id.clone());
        self.queries.insert(query.id.clone(), Arc::clone(query));
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let queries = self.queries.values();
        queries.map(|query| query.state().0.bytes()).sum()
    }

    /// Forgets the oldest query that is over; whether there was one.
    fn forget_oldest(&mut self, is_meant: impl Fn(&HttpQuery) -> bool) -> bool {
        let over = |id: &String| {
            let query = self.queries.get(id);
            query.is_none_or(|query| is_meant(query) && !query.state().0.is_open())
        };
        let Some(at) = self.order.iter().position(over) else {
            return false;
        };
        if let Some(id) = self.order.remove(at) {
            self.queries.remove(&id);
        }
        true
    }
}
