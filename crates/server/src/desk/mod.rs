//! The desk: where every door hands in its statements.
//!
//! A statement is planned and computed on threads of its own, in a session that shows the
//! tables as the asker's role allows, at the versions of one release. Its time, memory and
//! rows are limited, and so is how many are computed at once.

mod limits;
mod record;
mod rows;
mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use engine::PersonalColumns;
use query::{Query, Request, Session, Setup};

pub use self::limits::Limits;
use self::limits::out_of_time;
pub(crate) use self::record::SIGN_IN;
use self::record::{QUERY, Records};
pub use self::rows::Rows;
use self::rows::Started;
use self::turns::{Pool, Threads, Turns};
use crate::audit::Audit;
use crate::audit_table;
use crate::fault::{Fault, Kind};
use crate::principal::{Door, Principal, Role, RoleAccess};
use crate::words::Words;

/// Where statements are handed in.
#[derive(Debug)]
pub struct Desk {
    setup: Setup,
    personal: Arc<PersonalColumns>,
    words: Words,
    mask_key: Arc<[u8; 32]>,
    limits: Limits,
    turns: Turns,
    computing: Pool,
    records: Records,
    /// Rows that the scans of all statements read that are over.
    rows_read: Arc<AtomicU64>,
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
        let computing = Pool::new(|| {})
            .unwrap_or_else(|error| unreachable!("threads can be started: {error}"));
        Ok(Arc::new(Self {
            setup,
            personal: Arc::new(personal),
            words,
            mask_key: Arc::new(mask_key),
            turns: Turns::of(&limits),
            limits,
            computing,
            records: Records::to(audit),
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
        self.records.audit()
    }

    /// How many statements are computed, and how many wait.
    pub fn load(&self) -> (usize, usize) {
        self.turns.load()
    }

    /// How many statements are over, by outcome.
    pub fn ended(&self) -> BTreeMap<String, u64> {
        self.records.ended()
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
            let table = audit_table::table(self.audit().path().to_owned());
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
        let planned = self
            .computing
            .spawn(async move { Ok(plan(&session, &sql).await?.schema()) });
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
        let mut record = self
            .records
            .begin(named(who), door, QUERY, self.words.shape(sql));
        let deadline = tokio::time::Instant::now() + self.limits.time;
        match self.started(who, sql, deadline).await {
            Ok(started) => {
                let all = Arc::clone(&self.rows_read);
                Ok(Rows::of(started, record, deadline, &self.limits, all))
            }
            Err(fault) => Err(record.failed(fault)),
        }
    }

    async fn started(
        &self,
        who: &Principal,
        sql: &str,
        deadline: tokio::time::Instant,
    ) -> Result<Started, Fault> {
        let threads = Threads::of(self.turns.take(who, deadline).await?)?;
        let (session, sql) = (self.session(who)?, sql.to_owned());
        let planned = async move { plan(&session, &sql).await };
        Started::of(planned, threads, deadline, self.limits.time).await
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
        let mut record = self
            .records
            .begin(named(who), door, QUERY, self.words.shape(sql));
        let deadline = tokio::time::Instant::now() + self.limits.time;
        let done = async {
            let threads = Threads::of(self.turns.take(who, deadline).await?)?;
            match tokio::time::timeout_at(deadline, threads.spawn(work)).await {
                Ok(done) => done.map_err(|error| Fault::internal("answering", error))?,
                Err(_) => Err(out_of_time(self.limits.time)),
            }
        };
        match done.await {
            Ok((rows, made)) => {
                record.handed_out(rows);
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
        let found = self.computing.spawn(async move {
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
        let mut record = self.records.begin(named(who), door, action, String::new());
        blocking(move || record.write(outcome)).await?
    }

    /// Appends the line of a statement that a door refuses by itself.
    ///
    /// # Errors
    /// As [`Desk::note`].
    pub(crate) async fn note_refused(
        &self,
        who: &Principal,
        door: Door,
        sql: &str,
    ) -> Result<(), Fault> {
        let shape = self.words.shape(sql);
        let mut record = self.records.begin(named(who), door, QUERY, shape);
        blocking(move || record.write("refused")).await?
    }

    /// Appends the line of a refused sign-in by a name that nobody has. The name is not
    /// written: it may be a password.
    ///
    /// # Errors
    /// As [`Desk::note`].
    pub(crate) async fn note_stranger(&self, door: Door) -> Result<(), Fault> {
        let stranger = ("unknown", "none");
        let mut record = self.records.begin(stranger, door, SIGN_IN, String::new());
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
        let what = (action, String::new());
        let mut record = self.records.begun(began, named(who), door, what);
        record.write(outcome)
    }

    /// Writes the lines of all that goes on into the audit log: the process ends before it
    /// does.
    pub fn end(&self, outcome: &str) {
        self.records.end(outcome);
    }
}

/// A user's name and role in the audit log.
fn named(who: &Principal) -> (&str, &'static str) {
    (&who.name, who.role.name())
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

/// Runs what would hold up other requests on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fault::internal("the request", error))
}
