//! Statements from their submission to their last row.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{Any, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{CancelStatus, FlightInfo, Ticket};
use bytes::Bytes;
use door::stopped;
use futures::stream;
use prost::Message;
use tokio::task::AbortHandle;
use tonic::Status;

use super::columns::{RowStream, encoded, plain, plain_batch};
use super::kept::Kept;
use super::status::status;
use crate::desk::Rows;
use crate::gate::Gate;
use crate::principal::{Door, Principal};
use crate::sql_text::Places;

/// The statements of all users.
#[derive(Default)]
pub(super) struct Statements {
    /// Those whose rows were not fetched yet.
    pub(super) submitted: Kept<Arc<str>>,
    pub(super) prepared: Kept<Prepared>,
    running: Arc<Kept<AbortHandle>>,
}

/// A prepared statement.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) sql: Arc<str>,
    pub(super) places: Arc<Places>,
    pub(super) literals: Option<Arc<[String]>>,
}

impl Prepared {
    /// The statement with its values, or with nulls where none are bound.
    pub(super) fn filled(&self) -> String {
        self.places
            .filled(&self.sql, self.literals.as_deref().unwrap_or_default())
    }
}

impl Statements {
    /// What a statement gives, and a ticket for it.
    pub(super) async fn submit(
        &self,
        gate: &Gate,
        who: &Principal,
        sql: &str,
    ) -> Result<(SchemaRef, Ticket), Status> {
        let schema = gate.desk.describe(who, sql).await.map_err(status)?;
        let handle = self.submitted.keep(&who.name, sql.into()).map_err(status)?;
        let ticket = TicketStatementQuery {
            statement_handle: handle,
        };
        Ok((plain(&schema), Ticket::new(ticket.as_any().encode_to_vec())))
    }

    pub(super) async fn fetch(
        &self,
        gate: &Gate,
        who: &Principal,
        handle: &Bytes,
        sql: &str,
    ) -> Result<RowStream, Status> {
        let rows = gate
            .desk
            .run(who, Door::Flight, sql)
            .await
            .map_err(status)?;
        self.running
            .keep_as(handle, &who.name, rows.canceller())
            .map_err(status)?;
        let fetching = Fetching {
            schema: plain(rows.schema()),
            rows,
            stop: gate.stop.clone(),
            running: Arc::clone(&self.running),
            handle: handle.clone(),
            owner: Arc::clone(&who.name),
        };
        let schema = Arc::clone(&fetching.schema);
        let batches = stream::try_unfold(fetching, |mut fetching| async {
            Ok(fetching.next().await?.map(|batch| (batch, fetching)))
        });
        Ok(encoded(schema, batches))
    }

    pub(super) fn cancel(&self, who: &Principal, info: Option<FlightInfo>) -> CancelStatus {
        let mut cancelled = CancelStatus::NotCancellable;
        for endpoint in info.unwrap_or_default().endpoint {
            let ticket = endpoint
                .ticket
                .and_then(|ticket| Any::decode(ticket.ticket).ok());
            let ticket = ticket.and_then(|any| any.unpack::<TicketStatementQuery>().ok().flatten());
            let Some(TicketStatementQuery {
                statement_handle: handle,
            }) = ticket
            else {
                continue;
            };
            let is_waiting = self.submitted.take(&handle, &who.name).is_some();
            let running = self.running.take(&handle, &who.name);
            if is_waiting || running.is_some() {
                cancelled = CancelStatus::Cancelled;
            }
            if let Some(running) = running {
                running.abort();
            }
        }
        cancelled
    }
}

/// Rows on their way to a client.
struct Fetching {
    schema: SchemaRef,
    rows: Rows,
    stop: tokio::sync::watch::Receiver<bool>,
    running: Arc<Kept<AbortHandle>>,
    handle: Bytes,
    owner: Arc<str>,
}

impl Fetching {
    async fn next(&mut self) -> Result<Option<RecordBatch>, FlightError> {
        let next = tokio::select! {
            next = self.rows.next() => next,
            () = stopped(&mut self.stop) => {
                return Err(Status::unavailable("the server ends").into());
            }
        };
        match next.transpose().map_err(status)? {
            Some(batch) => Ok(Some(plain_batch(&batch, &self.schema)?)),
            None => Ok(None),
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.running.take(&self.handle, &self.owner);
    }
}

pub(super) fn no_statement() -> Status {
    Status::not_found("there is no statement of that handle, or not any more")
}
