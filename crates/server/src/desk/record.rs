//! Lines of the audit log, as statements and other actions begin and end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use parking_lot::Mutex;
use tracing::field::Empty;

use crate::audit::{Audit, AuditEntry};
use crate::fault::{Fault, Kind};
use crate::principal::{Door, Principal};

/// The action of a statement in the audit log.
pub(super) const QUERY: &str = "query";

/// The action of somebody who comes in.
pub(crate) const SIGN_IN: &str = "sign-in";

/// How many statements are over, by outcome.
pub(super) type Ended = BTreeMap<String, u64>;

/// Where records go.
#[derive(Debug)]
pub(super) struct Records {
    audit: Arc<Audit>,
    ended: Arc<Mutex<Ended>>,
}

/// Writes the line of a statement into the audit log, however the statement ends.
#[derive(Debug)]
pub(super) struct Record {
    audit: Arc<Audit>,
    ended: Arc<Mutex<Ended>>,
    pub(super) entry: AuditEntry,
    began: Instant,
    is_written: bool,
    /// Ends with the record.
    span: tracing::Span,
}

impl Record {
    /// Lets the record say that what it tells of began at `began`.
    pub(super) fn since(mut self, began: DateTime<Utc>) -> Self {
        self.entry.at = written(began);
        let took = (Utc::now() - began).to_std().unwrap_or_default();
        self.began = self.began.checked_sub(took).unwrap_or(self.began);
        self
    }

    pub(super) fn write(&mut self, outcome: &str) -> Result<(), Fault> {
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
            audit,
            ended: Arc::default(),
        }
    }

    pub(super) fn audit(&self) -> &Arc<Audit> {
        &self.audit
    }

    /// How many statements are over, by outcome.
    pub(super) fn ended(&self) -> Ended {
        self.ended.lock().clone()
    }

    /// What `who` begins to do, by `door`.
    pub(super) fn begin(
        &self,
        who: &Principal,
        door: Door,
        action: &str,
        statement: String,
    ) -> Record {
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
}

/// An instant as the audit log has it.
fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
