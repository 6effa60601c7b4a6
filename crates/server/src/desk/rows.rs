//! The rows of a statement, computed while they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use query::{Meter, Query};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::limits::{Limits, out_of_time, too_many_rows};
use super::record::Record;
use super::turns::{Threads, Turn};
use crate::fault::{Fault, Kind};

/// Batches that are computed ahead of their reader.
const AHEAD: usize = 2;

/// How long a statement keeps its turn while its reader takes no rows.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same for one that holds much memory, and so cannot wait without a turn; then it ends.
const PATIENCE_MAX: Duration = Duration::from_secs(30);

/// The most memory of a statement that waits without a turn.
const LIGHT_BYTES: u64 = 8 << 20;

/// The rows of a statement, in order.
#[derive(Debug)]
pub struct Rows {
    schema: SchemaRef,
    batches: mpsc::Receiver<Sent>,
    task: tokio::task::AbortHandle,
    /// Let go when the rows are.
    _threads: Threads,
    deadline: Instant,
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

impl Rows {
    /// The rows of a statement, whose number is added to `all` that were read.
    pub(super) fn of(
        started: Started,
        record: Record,
        deadline: Instant,
        limits: &Limits,
        all: Arc<AtomicU64>,
    ) -> Self {
        Self {
            _threads: started.threads,
            schema: started.schema,
            batches: started.batches,
            task: started.task,
            deadline,
            time: limits.time,
            rows_max: limits.rows,
            is_cut: false,
            record,
            reading: Reading {
                meter: Some(started.meter),
                all,
            },
        }
    }

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
                let rows = self.record.rows() + batch.num_rows() as u64;
                if rows > self.rows_max {
                    self.task.abort();
                    self.is_cut = true;
                    return Some(Err(self.record.failed(too_many_rows(self.rows_max))));
                }
                self.record.handed_out(rows);
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

/// A statement that was planned and is computed.
pub(super) struct Started {
    schema: SchemaRef,
    meter: Meter,
    batches: mpsc::Receiver<Sent>,
    task: tokio::task::AbortHandle,
    threads: Threads,
}

impl Started {
    /// Plans and then computes a query on `threads`. It has `time` for that, until `deadline`.
    pub(super) async fn of(
        planned: impl Future<Output = Result<Query, Fault>> + Send + 'static,
        threads: Threads,
        deadline: Instant,
        time: Duration,
    ) -> Result<Self, Fault> {
        let (plan, plan_of) = oneshot::channel();
        let (send, batches) = mpsc::channel(AHEAD);
        let turn = Arc::clone(threads.turn());
        let task = threads.spawn(async move {
            let query = match planned.await {
                Ok(query) => query,
                Err(fault) => {
                    _ = plan.send(Err(fault));
                    return;
                }
            };
            if plan.send(Ok((query.schema(), query.meter()))).is_err() {
                return;
            }
            let computed = compute(&query, &send, &turn);
            let last = match tokio::time::timeout_at(deadline, computed).await {
                Ok(Ok(())) => Sent::End,
                Ok(Err(fault)) => Sent::Failed(fault),
                Err(_) => Sent::Failed(out_of_time(time)),
            };
            drop(query);
            turn.end();
            _ = send.send(last).await;
        });
        let (schema, meter) = match tokio::time::timeout_at(deadline, plan_of).await {
            Ok(Ok(planned)) => planned?,
            Ok(Err(_)) => return Err(Fault::internal("planning", "its task ended")),
            Err(_) => return Err(out_of_time(time)),
        };
        Ok(Self {
            schema,
            meter,
            batches,
            task: task.abort_handle(),
            threads,
        })
    }
}

/// Sends the rows of a query. Ends early if nobody reads them.
async fn compute(query: &Query, send: &mpsc::Sender<Sent>, turn: &Turn) -> Result<(), Fault> {
    let mut stream = query.stream()?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(Query::failed)?;
        if batch.num_rows() == 0 {
            continue;
        }
        let Some(place) = place(query, send, turn).await? else {
            break;
        };
        place.send(Sent::Rows(batch));
    }
    Ok(())
}

/// Waits for the reader to have a place for a batch; `None` if there is no reader. Others
/// have the turn meanwhile, unless the statement holds much memory: then the reader must not
/// be long.
async fn place<'s>(
    query: &Query,
    send: &'s mpsc::Sender<Sent>,
    turn: &Turn,
) -> Result<Option<mpsc::Permit<'s, Sent>>, Fault> {
    if let Ok(place) = tokio::time::timeout(PATIENCE, send.reserve()).await {
        return Ok(place.ok());
    }
    let held = query.meter().usage().memory_bytes;
    if held <= LIGHT_BYTES && turn.lend() {
        let place = send.reserve().await.ok();
        turn.take_back().await?;
        return Ok(place);
    }
    match tokio::time::timeout(PATIENCE_MAX, send.reserve()).await {
        Ok(place) => Ok(place.ok()),
        Err(_) => Err(Fault::new(
            Kind::Limit,
            format!("nobody took its rows for {} s", PATIENCE_MAX.as_secs()),
        )
        .with_hint("read the rows without a pause, or let the statement sort and join less")),
    }
}
