//! One connection after its sign-in: messages in, answers out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::StringArray;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use bytes::BufMut;
use door::stopped;
use tokio::sync::watch;

use super::cancel::Key;
use super::catalog;
use super::failure::{Ended, Failure, Result};
use super::portal::{Portal, Prepared};
use super::rows::{Found, put_description, put_row};
use super::settings;
use super::startup::Started;
use super::statement::{Asked, asked};
use super::wire::{Message, Wire, put_text};
use crate::fault::{Fault, Kind};
use crate::gate::{Gate, Guest};
use crate::principal::Door;
use crate::sql_text::Places;
use crate::sql_text::statements;

/// How long a client may say nothing.
const IDLE: Duration = Duration::from_secs(3600);

/// Statements and portals that one connection may keep.
pub(super) const KEPT_MAX: usize = 256;

/// Whether a transaction is open. It changes nothing about what is read: each statement
/// reads one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transaction {
    None,
    Open,
    Failed,
}

/// One connection.
pub(super) struct Session {
    pub(super) wire: Wire,
    pub(super) gate: Gate,
    pub(super) guest: Guest,
    pub(super) key: Key,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) transaction: Transaction,
    pub(super) prepared: HashMap<String, Arc<Prepared>>,
    pub(super) portals: HashMap<String, Portal>,
}

impl Session {
    pub(super) fn new(started: Started, gate: Gate) -> Self {
        Self {
            wire: started.wire,
            guest: started.guest,
            key: started.key,
            stop: gate.stop.clone(),
            gate,
            transaction: Transaction::None,
            prepared: HashMap::new(),
            portals: HashMap::new(),
        }
    }

    /// Answers until the client leaves or the doors close.
    pub(super) async fn serve(mut self) {
        self.ready();
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) | Err(Ended::Gone) => break,
                Err(Ended::Failed(failure)) | Err(Ended::Fatal(failure)) => {
                    failure.put("FATAL", &mut self.wire);
                    break;
                }
            }
        }
        _ = self.wire.flush().await;
        self.wire.close().await;
    }

    /// Answers one message; false when the client says goodbye.
    async fn turn(&mut self) -> Result<bool> {
        self.wire.flush().await?;
        let message = tokio::select! {
            message = tokio::time::timeout(IDLE, self.wire.message()) => message,
            () = stopped(&mut self.stop) => return Err(Ended::Fatal(stopping())),
        };
        let Ok(message) = message else {
            return Err(Ended::Fatal(Failure::new(
                "57P05",
                "nothing was asked for an hour",
            )));
        };
        let Some(message) = message? else {
            return Ok(false);
        };
        self.key.forget();
        match message.kind {
            b'X' => Ok(false),
            b'Q' => self.query(message).await.map(|()| true),
            b'P' | b'B' | b'D' | b'E' | b'C' | b'H' | b'S' => match self.extended(message).await {
                Ok(()) => Ok(true),
                Err(Ended::Failed(failure)) => {
                    self.failed(&failure);
                    self.skip_to_sync().await.map(|()| true)
                }
                Err(ended) => Err(ended),
            },
            // Rows of a copy that was refused.
            b'd' | b'c' | b'f' => Ok(true),
            kind => Err(Ended::Fatal(Failure::protocol(format!(
                "there is no message of type {kind}"
            )))),
        }
    }

    /// Passes over what was sent before the client learnt of a failure.
    async fn skip_to_sync(&mut self) -> Result<()> {
        self.wire.flush().await?;
        loop {
            let message = tokio::select! {
                message = tokio::time::timeout(IDLE, self.wire.message()) => message,
                () = stopped(&mut self.stop) => return Err(Ended::Fatal(stopping())),
            };
            match message.map_err(|_| Ended::Gone)?? {
                Some(message) if message.kind == b'S' => {
                    self.synced();
                    return Ok(());
                }
                Some(message) if message.kind == b'X' => return Err(Ended::Gone),
                Some(_) => {}
                None => return Err(Ended::Gone),
            }
        }
    }

    /// A group of messages ends.
    pub(super) fn synced(&mut self) {
        if self.transaction == Transaction::None {
            self.portals.clear();
        }
        self.ready();
    }

    fn ready(&mut self) {
        let state = match self.transaction {
            Transaction::None => b'I',
            Transaction::Open => b'T',
            Transaction::Failed => b'E',
        };
        self.wire.put(b'Z', |out| out.put_u8(state));
    }

    fn failed(&mut self, failure: &Failure) {
        if self.transaction == Transaction::Open {
            self.transaction = Transaction::Failed;
        }
        self.portals.clear();
        failure.put("ERROR", &mut self.wire);
    }

    /// One or more statements as text. The first that fails ends all.
    async fn query(&mut self, mut message: Message) -> Result<()> {
        let sql = message.body.text()?;
        let all = statements(&sql);
        if all.is_empty() {
            self.wire.put(b'I', |_| {});
        }
        for statement in all {
            match self.answer(statement).await {
                Ok(()) => {}
                Err(Ended::Failed(mut failure)) => {
                    let before = statement.as_ptr() as usize - sql.as_ptr() as usize;
                    let before = sql[..before].chars().count();
                    failure.position = failure.position.map(|position| position + before);
                    self.failed(&failure);
                    break;
                }
                Err(ended) => return Err(ended),
            }
        }
        if self.transaction == Transaction::None {
            self.portals.clear();
        }
        self.ready();
        Ok(())
    }

    /// What a statement asks. One that is refused whatever its values are is noted.
    pub(super) async fn asked(&mut self, sql: &str) -> Result<Asked> {
        match asked(sql) {
            Ok(asked) => Ok(asked),
            Err(failure) => {
                let desk = &self.gate.desk;
                desk.note_refused(&self.guest.who, Door::Postgres, sql)
                    .await
                    .map_err(|fault| Failure::of(fault, sql))?;
                Err(failure.into())
            }
        }
    }

    async fn answer(&mut self, sql: &str) -> Result<()> {
        match self.asked(sql).await? {
            Asked::Execute(name, arguments) => {
                let prepared = self.prepared.get(&name).cloned();
                let prepared = prepared.ok_or_else(|| no_statement(&name))?;
                if prepared.places.count != arguments.len() {
                    let message = format!("`{name}` has {} parameters", prepared.places.count);
                    return Err(Failure::new("42601", message).into());
                }
                let filled = prepared.places.filled(&prepared.sql, &arguments);
                let asked = self.asked(&filled).await?;
                self.describe_and_answer(asked, &filled).await
            }
            asked => self.describe_and_answer(asked, sql).await,
        }
    }

    async fn describe_and_answer(&mut self, asked: Asked, sql: &str) -> Result<()> {
        if let Asked::Fetch(name, count) = &asked {
            return self.fetch(name, *count, true, &[]).await;
        }
        match self.begun(asked, sql, &[]).await? {
            Begun::Answered(tag) => self.complete(&tag),
            Begun::Rows(mut found, verb) => {
                put_description(&mut self.wire, &found.schema, &[]);
                let (rows, _) = self.send(&mut found, &[], None).await?;
                self.complete(&format!("{verb} {rows}"));
            }
            Begun::Copied => {}
        }
        Ok(())
    }

    /// Answers a statement up to its rows; those of a cursor in the formats of `codes`.
    pub(super) async fn begun(&mut self, asked: Asked, sql: &str, codes: &[u16]) -> Result<Begun> {
        let is_end = matches!(asked, Asked::End(_) | Asked::RollbackTo);
        if self.transaction == Transaction::Failed && !is_end {
            let failure =
                Failure::new("25P02", "the transaction failed, and nothing is read in it");
            return Err(failure.with_hint("end it with ROLLBACK").into());
        }
        let tag = match asked {
            Asked::Nothing => String::new(),
            Asked::Done(tag) => tag.to_owned(),
            Asked::Begin => {
                self.transaction = Transaction::Open;
                "BEGIN".to_owned()
            }
            Asked::End(commits) => {
                let commits = commits && self.transaction != Transaction::Failed;
                self.transaction = Transaction::None;
                self.portals.clear();
                if commits { "COMMIT" } else { "ROLLBACK" }.to_owned()
            }
            Asked::RollbackTo => {
                if self.transaction == Transaction::Failed {
                    self.transaction = Transaction::Open;
                }
                "ROLLBACK".to_owned()
            }
            Asked::Show(name) => return Ok(Begun::Rows(shown(&name)?, "SHOW")),
            Asked::Lake(sql) => {
                return self
                    .lake(&sql)
                    .await
                    .map(|found| Begun::Rows(found, "SELECT"));
            }
            Asked::Catalog(sql) => {
                return self
                    .catalog(&sql)
                    .await
                    .map(|found| Begun::Rows(found, "SELECT"));
            }
            Asked::Copy(rows, copying) => {
                self.copy(*rows, &copying, sql).await?;
                return Ok(Begun::Copied);
            }
            Asked::Declare(name, rows) => self.declare(name, *rows, sql).await?,
            Asked::Fetch(name, count) => {
                self.fetch(&name, count, false, codes).await?;
                return Ok(Begun::Copied);
            }
            Asked::Move(name, count) => self.move_on(&name, count).await?,
            Asked::Close(name) => {
                match name {
                    Some(name) => drop(self.portals.remove(&name).ok_or_else(|| no_cursor(&name))?),
                    None => self.portals.clear(),
                }
                "CLOSE CURSOR".to_owned()
            }
            Asked::Prepare(name, sql) => {
                let places = Places::of(&sql)?;
                // What would only fail when it is executed.
                self.asked(&sql).await?;
                self.keep(name, Prepared::new(sql, places, Vec::new()))?;
                "PREPARE".to_owned()
            }
            Asked::Deallocate(name) => {
                match name {
                    Some(name) => {
                        self.prepared
                            .remove(&name)
                            .ok_or_else(|| no_statement(&name))?;
                    }
                    None => self.prepared.clear(),
                }
                "DEALLOCATE".to_owned()
            }
            Asked::Execute(name, _) => {
                let message = format!("EXECUTE of `{name}` is for the simple protocol");
                return Err(Failure::new("0A000", message).into());
            }
        };
        Ok(Begun::Answered(tag))
    }

    /// Keeps a statement under a name; the empty name is always free.
    pub(super) fn keep(&mut self, name: String, prepared: Prepared) -> Result<()> {
        if !name.is_empty() && self.prepared.contains_key(&name) {
            return Err(
                Failure::new("42P05", format!("there is a statement `{name}` already")).into(),
            );
        }
        if self.prepared.len() >= KEPT_MAX {
            let failure = Failure::new(
                "53400",
                format!("{KEPT_MAX} statements are prepared already"),
            );
            return Err(failure.with_hint("DEALLOCATE ALL forgets them").into());
        }
        self.prepared.insert(name, Arc::new(prepared));
        Ok(())
    }

    async fn lake(&mut self, sql: &str) -> Result<Found> {
        let (desk, who) = (Arc::clone(&self.gate.desk), self.principal().await?);
        let rows = async move { desk.run(&who, Door::Postgres, sql).await };
        let rows = self.beside(rows).await?;
        rows.map(Found::lake)
            .map_err(|fault| Failure::of(fault, sql).into())
    }

    async fn catalog(&mut self, sql: &str) -> Result<Found> {
        let (desk, who) = (Arc::clone(&self.gate.desk), self.principal().await?);
        let rows = async move { catalog::answer(&desk, &who, sql).await };
        let rows = self.beside(rows).await?;
        rows.map(|(schema, batches)| Found::made(schema, batches))
            .map_err(|fault| Failure::of(fault, sql).into())
    }

    /// The columns of a statement; `None` if it gives none.
    pub(super) async fn columns(&mut self, asked: &Asked) -> Result<Option<SchemaRef>> {
        let (desk, who) = (Arc::clone(&self.gate.desk), self.principal().await?);
        match asked {
            Asked::Lake(sql) => {
                let described = async { desk.describe(&who, sql).await };
                let described = self.beside(described).await?;
                described
                    .map(Some)
                    .map_err(|fault| Failure::of(fault, sql).into())
            }
            Asked::Catalog(sql) => {
                let described = async { catalog::describe(&desk, &who, sql).await };
                let described = self.beside(described).await?;
                described
                    .map(Some)
                    .map_err(|fault| Failure::of(fault, sql).into())
            }
            Asked::Show(name) => Ok(Some(shown(name)?.schema)),
            Asked::Fetch(name, _) => {
                let portal = self.portals.get(name).ok_or_else(|| no_cursor(name))?;
                Ok(portal.schema())
            }
            _ => Ok(None),
        }
    }

    /// Who asks, with the rights of this moment.
    pub(super) async fn principal(&mut self) -> Result<crate::principal::Principal> {
        let ended = || {
            let failure = Failure::new("28000", "this sign-in has ended");
            Err(Ended::Fatal(failure.with_hint("connect again")))
        };
        let guest = match self.gate.still(&self.guest).await {
            Ok(guest) => guest,
            Err(fault) if fault.kind == Kind::SignIn => return ended(),
            Err(fault) => return Err(fault.into()),
        };
        // Another user of the same name and password.
        if guest.who.id != self.guest.who.id {
            return ended();
        }
        // Rows that were asked for with other rights.
        if guest.who != self.guest.who {
            self.portals.clear();
        }
        self.guest = guest;
        Ok(self.guest.who.clone())
    }

    /// Does `work` unless it is cancelled, the client leaves, or the doors close.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.key.cancelled() => Err(Failure::cancelled().into()),
            () = stopped(&mut self.stop) => Err(Ended::Fatal(stopping())),
            done = work => Ok(done),
            () = self.wire.gone() => Err(Ended::Gone),
        }
    }

    /// Sends rows, at most `max`; how many, and whether they were the last.
    pub(super) async fn send(
        &mut self,
        found: &mut Found,
        formats: &[bool],
        max: Option<usize>,
    ) -> Result<(usize, bool)> {
        let types = found.types.clone();
        let mut count = 0;
        while max.is_none_or(|max| count < max) {
            if !found.has_row() {
                self.wire.flush_if_full().await?;
            }
            let next = match found.has_row() {
                true => found.next().await,
                false => self.beside(found.next()).await?,
            };
            let Some((batch, row)) = next? else {
                return Ok((count, true));
            };
            put_row(&mut self.wire, batch, row, &types, formats);
            self.wire.flush_if_full().await?;
            count += 1;
        }
        Ok((count, false))
    }

    pub(super) fn keep_portal(&mut self, name: String, portal: Portal) -> Result<()> {
        if self.portals.len() >= KEPT_MAX {
            return Err(
                Failure::new("53400", format!("{KEPT_MAX} portals are open already")).into(),
            );
        }
        self.portals.insert(name, portal);
        Ok(())
    }

    /// A statement is done.
    pub(super) fn complete(&mut self, tag: &str) {
        match tag {
            "" => self.wire.put(b'I', |_| {}),
            tag => self.wire.put(b'C', |out| put_text(out, tag)),
        }
    }
}

/// How far a statement came.
pub(super) enum Begun {
    /// Its tag; empty for no statement.
    Answered(String),
    /// Its rows, and the verb of its tag.
    Rows(Found, &'static str),
    /// The answer was sent with its tag.
    Copied,
}

fn stopping() -> Failure {
    Failure::new("57P01", "the server ends")
}

pub(super) fn no_statement(name: &str) -> Failure {
    Failure::new("26000", format!("there is no prepared statement `{name}`"))
}

pub(super) fn no_cursor(name: &str) -> Failure {
    Failure::new("34000", format!("there is no cursor `{name}`"))
}

/// A setting, as a row.
fn shown(name: &str) -> Result<Found, Failure> {
    if name == "all" {
        let column = |pick: fn(&(&'static str, &'static str)) -> &'static str| {
            StringArray::from_iter_values(settings::SETTINGS.iter().map(pick))
        };
        return texts(
            &["name", "setting"],
            vec![column(|pair| pair.0), column(|pair| pair.1)],
        );
    }
    let value = settings::setting(name);
    let value =
        value.ok_or_else(|| Failure::new("42704", format!("there is no setting `{name}`")))?;
    texts(&[name], vec![StringArray::from_iter_values([value])])
}

fn texts(names: &[&str], columns: Vec<StringArray>) -> Result<Found, Failure> {
    let fields: Vec<Field> = names
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let columns = columns
        .into_iter()
        .map(|column| Arc::new(column) as _)
        .collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
    let batch =
        batch.map_err(|error| Failure::of(Fault::internal("listing settings", error), ""))?;
    Ok(Found::made(schema, vec![batch]))
}
