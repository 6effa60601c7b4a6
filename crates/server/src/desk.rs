//! The desk: where every door hands in its statements.
//!
//! A statement is planned and computed on threads of its own, in a session that shows the
//! tables as the asker's role allows, at the versions of one release. Its time, memory and
//! rows are limited, and so is how many are computed at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, SecondsFormat, Utc};
use engine::PersonalColumns;
use futures::StreamExt;
use parking_lot::Mutex;
use query::{Meter, Query, Request, Session, Setup};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::field::Empty;

use crate::audit::{Audit, AuditEntry};
use crate::audit_table;
use crate::fault::{Fault, Kind};
use crate::principal::{Door, Principal, Role, RoleAccess};
use crate::words::Words;

/// Batches that are computed ahead of their reader.
const AHEAD: usize = 2;

/// Enough for expressions nested as deeply as a statement may nest them.
const STACK_BYTES: usize = 32 << 20;

/// The action of a statement in the audit log.
const QUERY: &str = "query";

/// The action of somebody who comes in.
pub(crate) const SIGN_IN: &str = "sign-in";

/// What one statement may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From its submission to its last row.
    pub time: Duration,
    /// Bytes that its sorts, joins and aggregations may use.
    pub memory_bytes: usize,
    /// Rows of its result.
    pub rows: u64,
    /// Statements that are computed at once.
    pub running: usize,
    /// Statements that wait for their turn; more are turned away.
    pub waiting: usize,
}

/// Where statements are handed in.
#[derive(Debug)]
pub struct Desk {
    setup: Setup,
    personal: Arc<PersonalColumns>,
    words: Words,
    mask_key: Arc<[u8; 32]>,
    limits: Limits,
    turns: Arc<Semaphore>,
    /// Turns of each user: nobody takes all.
    own_turns: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
    waiting: AtomicUsize,
    computing: Option<Runtime>,
    audit: Arc<Audit>,
    ended: Arc<Mutex<Ended>>,
    /// Rows that the scans of all statements read that are over.
    rows_read: Arc<AtomicU64>,
}

/// How many statements are over, by outcome.
type Ended = BTreeMap<String, u64>;

/// The right to be computed.
#[derive(Debug)]
struct Turn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// A table that somebody may read.
#[derive(Debug, Clone)]
pub struct VisibleTable {
    /// `lakehouse` for landing tables and models, `system` for what runs note.
    pub schema: String,
    /// `landing`, `trusted`, `curated` or `system`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// The columns that are shown.
    pub columns: SchemaRef,
}

/// Whether a table has no files of its own.
pub(crate) fn is_computed(table: &VisibleTable) -> bool {
    let of_system = table.schema == query::system::ZONE && table.table == audit_table::NAME;
    of_system || table.schema == query::tables::privacy_views::ZONE
}

/// The rows of a statement, in order.
#[derive(Debug)]
pub struct Rows {
    schema: SchemaRef,
    batches: mpsc::Receiver<Sent>,
    task: tokio::task::AbortHandle,
    /// Let go when the rows are.
    _threads: Threads,
    deadline: tokio::time::Instant,
    time: Duration,
    rows_max: u64,
    is_cut: bool,
    record: Record,
    reading: Reading,
}

/// Adds the rows that a statement read to those of all, once it is over.
#[derive(Debug)]
struct Reading {
    meter: Option<Meter>,
    all: Arc<AtomicU64>,
}

impl Reading {
    /// Lets go of the plan, and with it of what its operators hold.
    fn end(&mut self) {
        if let Some(meter) = self.meter.take() {
            let read = meter.usage().rows_read;
            self.all.fetch_add(read, Ordering::Relaxed);
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.end();
    }
}

#[derive(Debug)]
enum Sent {
    Rows(RecordBatch),
    Failed(Fault),
    End,
}

/// Writes the line of a statement into the audit log, however the statement ends.
#[derive(Debug)]
struct Record {
    audit: Arc<Audit>,
    ended: Arc<Mutex<Ended>>,
    entry: AuditEntry,
    began: Instant,
    is_written: bool,
    /// Ends with the record.
    span: tracing::Span,
}

impl Record {
    fn write(&mut self, outcome: &str) -> Result<(), Fault> {
        if std::mem::replace(&mut self.is_written, true) {
            return Ok(());
        }
        self.entry.outcome = outcome.to_owned();
        if self.entry.action == QUERY {
            *self.ended.lock().entry(outcome.to_owned()).or_default() += 1;
        }
        self.entry.ms = self.began.elapsed().as_millis() as u64;
        let AuditEntry { rows, ms, .. } = self.entry;
        self.span.record("outcome", outcome);
        self.span.record("rows", rows);
        tracing::info!(parent: &self.span, outcome, rows, ms, "over");
        let written = self.audit.append(&self.entry);
        written.map_err(|error| Fault::internal("writing the audit log", error))
    }

    fn failed(&mut self, fault: Fault) -> Fault {
        let outcome = match fault.kind {
            Kind::Limit => "limit",
            Kind::Cancelled => "cancelled",
            Kind::Forbidden | Kind::Busy => "refused",
            _ => "failed",
        };
        match self.write(outcome) {
            Ok(()) => fault,
            Err(unwritten) => unwritten,
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // The reader left before the last row.
        if let Err(fault) = self.write("cancelled") {
            tracing::error!("{fault}");
        }
    }
}

impl Desk {
    /// A desk over the lake of `setup`.
    ///
    /// # Errors
    /// For models that cannot be planned: nobody could tell which columns are personal.
    pub async fn open(
        setup: Setup,
        limits: Limits,
        audit: Arc<Audit>,
    ) -> Result<Arc<Self>, engine::Error> {
        let personal = PersonalColumns::of(&setup).await?;
        let words = Words::of(&setup, &personal)?;
        let mut mask_key = [0; 32];
        getrandom::fill(&mut mask_key).unwrap_or_else(|error| {
            unreachable!("the system has random numbers: {error}");
        });
        let computing = tokio::runtime::Builder::new_multi_thread()
            .thread_stack_size(STACK_BYTES)
            .thread_name("query")
            .enable_all()
            .build()
            .unwrap_or_else(|error| unreachable!("threads can be started: {error}"));
        Ok(Arc::new(Self {
            setup,
            personal: Arc::new(personal),
            words,
            mask_key: Arc::new(mask_key),
            turns: Arc::new(Semaphore::new(limits.running)),
            own_turns: Mutex::default(),
            limits,
            waiting: AtomicUsize::new(0),
            computing: Some(computing),
            audit,
            ended: Arc::default(),
            rows_read: Arc::default(),
        }))
    }

    /// The lake, the project and the places.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Which columns are personal.
    pub(crate) fn personal(&self) -> &PersonalColumns {
        &self.personal
    }

    /// What one statement may take.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The audit log.
    pub fn audit(&self) -> &Arc<Audit> {
        &self.audit
    }

    /// How many statements are computed, and how many wait.
    pub fn load(&self) -> (usize, usize) {
        let running = self.limits.running - self.turns.available_permits();
        (running, self.waiting.load(Ordering::Relaxed))
    }

    /// How many statements are over, by outcome.
    pub fn ended(&self) -> BTreeMap<String, u64> {
        self.ended.lock().clone()
    }

    /// Rows that the scans of all statements read that are over.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.load(Ordering::Relaxed)
    }

    /// A session that shows what `who` may see.
    fn session(&self, who: &Principal) -> Result<Session, Fault> {
        let access = RoleAccess {
            role: who.role,
            sees_personal: who.sees_personal && who.role == Role::Engineer,
            personal: Arc::clone(&self.personal),
            key: Arc::clone(&self.mask_key),
        };
        let session = Session::open(&Setup {
            now_ms: Utc::now().timestamp_millis(),
            memory_bytes: self.limits.memory_bytes,
            // Nobody computes pseudonyms of people that they know.
            key: None,
            access: Some(Arc::new(access)),
            ..self.setup.clone()
        })?;
        if who.answers_for_data() {
            let table = audit_table::table(self.audit.path().to_owned());
            let table = table.map_err(|error| Fault::internal("the audit log", error))?;
            session.tables().put_system(audit_table::NAME, table);
        }
        Ok(session)
    }

    /// The columns that a statement gives, without running it.
    ///
    /// # Errors
    /// For a statement that cannot be planned, or that `who` may not ask.
    pub async fn describe(&self, who: &Principal, sql: &str) -> Result<SchemaRef, Fault> {
        let session = self.session(who)?;
        let sql = sql.to_owned();
        let planned = self.spawn(async move { Ok(plan(&session, &sql).await?.schema()) });
        match tokio::time::timeout(self.limits.time, planned).await {
            Ok(planned) => planned.map_err(|error| Fault::internal("planning", error))?,
            Err(_) => Err(out_of_time(self.limits.time)),
        }
    }

    /// Runs a statement. Its rows are computed while they are read.
    ///
    /// # Errors
    /// For a statement that cannot be planned, or that `who` may not ask; later faults come
    /// with the rows.
    pub async fn run(&self, who: &Principal, door: Door, sql: &str) -> Result<Rows, Fault> {
        let mut record = self.record(who, door, QUERY, self.words.shape(sql));
        let deadline = tokio::time::Instant::now() + self.limits.time;
        match self.started(who, sql, deadline).await {
            Ok(started) => Ok(Rows {
                _threads: started.threads,
                schema: started.schema,
                batches: started.batches,
                task: started.task,
                deadline,
                time: self.limits.time,
                rows_max: self.limits.rows,
                is_cut: false,
                record,
                reading: Reading {
                    meter: Some(started.meter),
                    all: Arc::clone(&self.rows_read),
                },
            }),
            Err(fault) => Err(record.failed(fault)),
        }
    }

    async fn started(
        &self,
        who: &Principal,
        sql: &str,
        deadline: tokio::time::Instant,
    ) -> Result<Started, Fault> {
        let turn = self.turn(who, deadline).await?;
        let session = self.session(who)?;
        let sql = sql.to_owned();
        let (planned, plan_of) = oneshot::channel();
        let (send, batches) = mpsc::channel(AHEAD);
        let threads = Threads::of(turn)?;
        let task = threads.spawn(async move {
            let query = match plan(&session, &sql).await {
                Ok(query) => query,
                Err(fault) => {
                    _ = planned.send(Err(fault));
                    return;
                }
            };
            if planned.send(Ok((query.schema(), query.meter()))).is_ok() {
                compute(&query, &send).await;
            }
        });
        let (schema, meter) = match tokio::time::timeout_at(deadline, plan_of).await {
            Ok(Ok(planned)) => planned?,
            Ok(Err(_)) => return Err(Fault::internal("planning", "its task ended")),
            Err(_) => return Err(out_of_time(self.limits.time)),
        };
        Ok(Started {
            schema,
            meter,
            batches,
            task: task.abort_handle(),
            threads,
        })
    }

    /// Waits for a turn among the user's own, then among everybody's.
    async fn turn(&self, who: &Principal, deadline: tokio::time::Instant) -> Result<Turn, Fault> {
        struct Waiting<'d>(&'d AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let own = {
            let mut own = self.own_turns.lock();
            let turns = own.entry(Arc::clone(&who.name));
            let count = match who.is_everybody() {
                true => self.limits.running,
                false => self.limits.running.div_ceil(2),
            };
            Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(count))))
        };
        if let Ok(own) = Arc::clone(&own).try_acquire_owned()
            && let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned()
        {
            return Ok(Turn {
                _own: own,
                _of_all: turn,
            });
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.limits.waiting {
            return Err(Fault::new(Kind::Busy, "too many statements wait already")
                .with_hint("try again later"));
        }
        let both = async {
            let own = own.acquire_owned().await?;
            let turn = Arc::clone(&self.turns).acquire_owned().await?;
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

    /// Does what a door computes of its own beside the lake's rows, as a statement: in its
    /// turn, within its time, and with its line in the audit log. `work` gives how many
    /// rows it hands out, and what it hands out.
    ///
    /// # Errors
    /// What `work` says, and as [`Desk::run`].
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        who: &Principal,
        door: Door,
        sql: &str,
        work: impl Future<Output = Result<(u64, T), Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut record = self.record(who, door, QUERY, self.words.shape(sql));
        let deadline = tokio::time::Instant::now() + self.limits.time;
        let done = async {
            let threads = Threads::of(self.turn(who, deadline).await?)?;
            match tokio::time::timeout_at(deadline, threads.spawn(work)).await {
                Ok(done) => done.map_err(|error| Fault::internal("answering", error))?,
                Err(_) => Err(out_of_time(self.limits.time)),
            }
        };
        match done.await {
            Ok((rows, made)) => {
                record.entry.rows = rows;
                record.write("done")?;
                Ok(made)
            }
            Err(fault) => Err(record.failed(fault)),
        }
    }

    /// The tables that `who` may read, with their columns.
    ///
    /// # Errors
    /// For a store that fails.
    pub async fn tables(&self, who: &Principal) -> Result<Vec<VisibleTable>, Fault> {
        let session = self.session(who)?;
        let found = self.spawn(async move {
            let tables = session.tables();
            let mut found = Vec::new();
            for name in session.table_names() {
                let (zone, table) = match name.split_once('.') {
                    Some((zone, table)) => (Some(zone), table),
                    None => (None, name.as_str()),
                };
                let provider = match tables.find(zone, table).await {
                    Ok(Some(provider)) => provider,
                    // Not built yet.
                    Ok(None) | Err(query::Error::Lake(lake::Error::NoTable { .. })) => continue,
                    Err(error) => return Err(Fault::from(error)),
                };
                found.push(VisibleTable {
                    schema: zone.unwrap_or(query::tables::DEFAULT_SCHEMA).to_owned(),
                    zone: tables.zone_of(zone, table),
                    table: table.to_owned(),
                    columns: provider.schema(),
                });
            }
            Ok(found)
        });
        found
            .await
            .map_err(|error| Fault::internal("listing tables", error))?
    }

    /// Appends a line to the audit log, on a thread that may wait for the disk.
    ///
    /// # Errors
    /// If it cannot be written: then nothing may be handed out.
    pub async fn note(
        &self,
        who: &Principal,
        door: Door,
        action: &str,
        outcome: &'static str,
    ) -> Result<(), Fault> {
        let mut record = self.record(who, door, action, String::new());
        blocking(move || record.write(outcome)).await?
    }

    /// Appends the line of a refused sign-in by a name that nobody has. The name is not
    /// written: it may be a password.
    ///
    /// # Errors
    /// As [`Desk::note`].
    pub(crate) async fn note_stranger(&self, door: Door) -> Result<(), Fault> {
        let stranger = Principal::unnamed("unknown", Role::Scientist);
        let mut record = self.record(&stranger, door, SIGN_IN, String::new());
        "none".clone_into(&mut record.entry.role);
        blocking(move || record.write("refused")).await?
    }

    /// As [`Desk::note`], on this thread, of what began at `began`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn note_over(
        &self,
        who: &Principal,
        door: Door,
        action: &str,
        outcome: &str,
        began: DateTime<Utc>,
    ) -> Result<(), Fault> {
        let mut record = self.record(who, door, action, String::new());
        record.entry.at = written(began);
        let took = (Utc::now() - began).to_std().unwrap_or_default();
        record.began = record.began.checked_sub(took).unwrap_or(record.began);
        record.write(outcome)
    }

    fn record(&self, who: &Principal, door: Door, action: &str, statement: String) -> Record {
        Record {
            audit: Arc::clone(&self.audit),
            ended: Arc::clone(&self.ended),
            entry: AuditEntry {
                at: written(Utc::now()),
                user: who.name.to_string(),
                role: who.role.name().to_owned(),
                door: door.name().to_owned(),
                action: action.to_owned(),
                statement,
                outcome: String::new(),
                rows: 0,
                ms: 0,
            },
            began: Instant::now(),
            is_written: false,
            // Without the statement and the user: the audit log has them.
            span: tracing::info_span!(
                "asked",
                action,
                door = door.name(),
                role = who.role.name(),
                outcome = Empty,
                rows = Empty,
            ),
        }
    }

    fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        match &self.computing {
            Some(computing) => computing.spawn(task),
            None => unreachable!("the threads end with the desk"),
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // An operator that never yields would be waited for.
        if let Some(computing) = self.computing.take() {
            computing.shutdown_background();
        }
    }
}

impl Rows {
    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether there were more rows than a statement may give: the rows before are its first.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Ends the statement before its last row, because its reader keeps no more.
    ///
    /// # Errors
    /// If the audit log cannot be written.
    pub(crate) fn cut(&mut self) -> Result<(), Fault> {
        self.task.abort();
        self.is_cut = true;
        self.record.write("limit")
    }

    /// What reads how much the statement took so far; `None` once it is over.
    pub(crate) fn meter(&self) -> Option<Meter> {
        self.reading.meter.clone()
    }

    /// What stops the statement from elsewhere.
    pub fn canceller(&self) -> tokio::task::AbortHandle {
        self.task.clone()
    }

    /// The next rows; `None` after the last ones.
    ///
    /// # Errors
    /// What went wrong; no rows follow.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, Fault>> {
        let sent = match tokio::time::timeout_at(self.deadline, self.batches.recv()).await {
            Ok(sent) => sent,
            Err(_) => {
                self.task.abort();
                return Some(Err(self.record.failed(out_of_time(self.time))));
            }
        };
        match sent {
            Some(Sent::Rows(batch)) => {
                let rows = self.record.entry.rows + batch.num_rows() as u64;
                if rows > self.rows_max {
                    self.task.abort();
                    self.is_cut = true;
                    return Some(Err(self.record.failed(too_many_rows(self.rows_max))));
                }
                self.record.entry.rows = rows;
                Some(Ok(batch))
            }
            Some(Sent::Failed(fault)) => {
                self.reading.end();
                Some(Err(self.record.failed(fault)))
            }
            Some(Sent::End) => {
                self.reading.end();
                self.record.write("done").err().map(Err)
            }
            None => {
                let fault = Fault::new(Kind::Cancelled, "the statement was cancelled");
                Some(Err(self.record.failed(fault)))
            }
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The threads of one statement. Its turn is over when the last of them ended: an operator
/// that does not yield goes on for a while after everybody let go of it.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Threads {
    fn of(turn: Turn) -> Result<Self, Fault> {
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

    fn spawn<T: Send + 'static>(
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

/// A statement that was planned and is computed.
struct Started {
    schema: SchemaRef,
    meter: Meter,
    batches: mpsc::Receiver<Sent>,
    task: tokio::task::AbortHandle,
    threads: Threads,
}

/// Plans one statement that reads.
async fn plan(session: &Session, sql: &str) -> Result<Query, Fault> {
    let statements = catalog::split_statements(sql);
    let [(statement, _)] = statements.as_slice() else {
        let message = match statements.len() {
            0 => "there is no statement".to_owned(),
            count => format!("there are {count} statements"),
        };
        return Err(Fault::new(Kind::Wrong, message).with_hint("send one statement at a time"));
    };
    match session.request(statement)? {
        Request::Query(sql) => Ok(session.query_of_one_release(&sql).await?),
        Request::Done(_) => Err(Fault::new(
            Kind::Forbidden,
            "this statement changes the session, and only reading is allowed",
        )
        .with_hint("write a view's SELECT as a WITH of your statement")),
    }
}

/// Sends the rows of a query, and how they ended. Ends early if nobody reads them.
async fn compute(query: &Query, send: &mpsc::Sender<Sent>) {
    let last = match compute_rows(query, send).await {
        Ok(()) => Sent::End,
        Err(fault) => Sent::Failed(fault),
    };
    _ = send.send(last).await;
}

async fn compute_rows(query: &Query, send: &mpsc::Sender<Sent>) -> Result<(), Fault> {
    let mut stream = query.stream()?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(Query::failed)?;
        if batch.num_rows() > 0 && send.send(Sent::Rows(batch)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// An instant as the audit log has it.
fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn out_of_time(time: Duration) -> Fault {
    let seconds = time.as_secs();
    Fault::new(Kind::Limit, format!("it took longer than {seconds} s"))
        .with_hint("ask for less at once")
}

fn too_many_rows(rows_max: u64) -> Fault {
    Fault::new(Kind::Limit, format!("there are more than {rows_max} rows"))
        .with_hint("narrow the statement, or take a whole table with `stedi export`")
}

/// Runs what would hold up other requests on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fault::internal("the request", error))
}
