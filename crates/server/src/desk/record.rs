//! Lines of the audit log, as statements and other actions begin and end.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use parking_lot::Mutex;
use tracing::field::Empty;

use crate::audit::{Audit, AuditEntry};
use crate::fault::{Fault, Kind};
use crate::principal::Door;

/// The action of a statement in the audit log.
pub(super) const QUERY: &str = "query";

/// The action of somebody who comes in.
pub(crate) const SIGN_IN: &str = "sign-in";

/// How many statements are over, by outcome.
pub(super) type Ended = BTreeMap<String, u64>;

/// Where records go.
#[derive(Debug)]
pub(super) struct Records {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    audit: Arc<Audit>,
    ended: Mutex<Ended>,
    /// What goes on, by its number.
    open: Mutex<BTreeMap<u64, Open>>,
    next: AtomicU64,
}

/// What goes on.
#[derive(Debug)]
struct Open {
    entry: AuditEntry,
    began: Instant,
    rows: Arc<AtomicU64>,
}

impl Shared {
    /// Appends the line of what is over.
    fn append(&self, open: Open, outcome: &str) -> io::Result<AuditEntry> {
        let mut entry = open.entry;
        if entry.action == QUERY {
            *self.ended.lock().entry(outcome.to_owned()).or_default() += 1;
        }
        outcome.clone_into(&mut entry.outcome);
        entry.rows = open.rows.load(Ordering::Relaxed);
        entry.ms = open.began.elapsed().as_millis() as u64;
        self.audit.append(&entry)?;
        Ok(entry)
    }
}

/// Writes the line of a statement into the audit log, however the statement ends.
#[derive(Debug)]
pub(super) struct Record {
    shared: Arc<Shared>,
    number: u64,
    /// Rows that were handed out.
    rows: Arc<AtomicU64>,
    /// Ends with the record.
    span: tracing::Span,
}

impl Record {
    /// How many rows were handed out.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Says how many rows were handed out.
    pub(super) fn handed_out(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// Writes the line, unless that was done.
    pub(super) fn write(&mut self, outcome: &str) -> Result<(), Fault> {
        let Some(open) = self.shared.open.lock().remove(&self.number) else {
            return Ok(());
        };
        let written = self.shared.append(open, outcome);
        let AuditEntry { rows, ms, .. } =
            written.map_err(|error| Fault::internal("writing the audit log", error))?;
        self.span.record("outcome", outcome);
        self.span.record("rows", rows);
        tracing::info!(parent: &self.span, outcome, rows, ms, "over");
        Ok(())
    }

    pub(super) fn failed(&mut self, fault: Fault) -> Fault {
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

impl Records {
    pub(super) fn to(audit: Arc<Audit>) -> Self {
        Self {
            shared: Arc::new(Shared {
                audit,
                ended: Mutex::default(),
                open: Mutex::default(),
                next: AtomicU64::new(0),
            }),
        }
    }

    pub(super) fn audit(&self) -> &Arc<Audit> {
        &self.shared.audit
    }

    /// How many statements are over, by outcome.
    pub(super) fn ended(&self) -> Ended {
        self.shared.ended.lock().clone()
    }

    /// Writes the lines of all that goes on: the process ends before it does.
    pub(super) fn end(&self, outcome: &str) {
        let open = std::mem::take(&mut *self.shared.open.lock());
        for open in open.into_values() {
            if let Err(error) = self.shared.append(open, outcome) {
                tracing::error!("writing the audit log: {error}");
            }
        }
    }

    /// What a user of that role begins to do, by `door`.
    pub(super) fn begin(
        &self,
        (user, role): (&str, &'static str),
        door: Door,
        action: &str,
        statement: String,
    ) -> Record {
        self.begun(Utc::now(), (user, role), door, (action, statement))
    }

    /// What began at `began`.
    pub(super) fn begun(
        &self,
        began: DateTime<Utc>,
        (user, role): (&str, &'static str),
        door: Door,
        (action, statement): (&str, String),
    ) -> Record {
        let took = (Utc::now() - began).to_std().unwrap_or_default();
        let now = Instant::now();
        let rows = Arc::default();
        let open = Open {
            entry: AuditEntry {
                at: began.to_rfc3339_opts(SecondsFormat::Millis, true),
                user: user.to_owned(),
                role: role.to_owned(),
                door: door.name().to_owned(),
                action: action.to_owned(),
                statement,
                outcome: String::new(),
                rows: 0,
                ms: 0,
            },
            began: now.checked_sub(took).unwrap_or(now),
            rows: Arc::clone(&rows),
        };
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        self.shared.open.lock().insert(number, open);
        Record {
            shared: Arc::clone(&self.shared),
            number,
            rows,
            // Without the statement and the user: the audit log has them.
            span: tracing::info_span!(
                "asked",
                action,
                door = door.name(),
                role,
                outcome = Empty,
                rows = Empty,
            ),
        }
    }
}
