//! The task of one landing table: collects records, writes their files, and acknowledges.

use std::future::ready;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::flush::Flush;
use super::folder::{Folder, NewFile};
use super::record::{Limits, Receipt, Record, Room};
use super::shape::Shape;
use crate::counts::{Counts, add};
use crate::events::{Event, Events};
use crate::keys::{Claim, Keys};

/// The first pause after a failure, and the longest.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How long it is tried to write what is left once the spool is closed.
const LAST_TRIES: Duration = Duration::from_millis(700);

/// The most files of records that are no JSON object that are written at once.
const ALONE_MAX: usize = 256;

/// What a table's task is sent.
pub(crate) enum Incoming {
    Record(Record),
    /// Nothing more is to be waited for.
    Close,
}

/// One landing table.
pub(crate) struct Table {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) folder: Arc<Folder>,
    pub(crate) limits: Limits,
    pub(crate) flush: Arc<Flush>,
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) events: Events,
    pub(crate) names: Names,
}

/// Records that are written together.
#[derive(Default)]
struct Batch {
    lines: Vec<u8>,
    alone: Vec<Bytes>,
    records: u64,
    claims: Vec<Claim>,
    receipts: Vec<Receipt>,
    room: Vec<Room>,
}

impl Batch {
    fn add(&mut self, record: Record) {
        for shape in record.shapes {
            match shape {
                Shape::Line(line) => {
                    self.lines.extend_from_slice(&line);
                    self.lines.push(b'\n');
                }
                Shape::Alone(bytes) => self.alone.push(bytes),
                Shape::Empty => continue,
            }
            self.records += 1;
        }
        self.claims.extend(record.claim);
        self.receipts.push(record.receipt);
        self.room.push(record.room);
    }

    fn is_full(&self, limits: &Limits) -> bool {
        let alone: usize = self.alone.iter().map(Bytes::len).sum();
        self.lines.len() + alone >= limits.file_bytes || self.alone.len() >= ALONE_MAX
    }
}

impl Table {
    /// Writes what comes until the channel is closed.
    pub(crate) async fn run(mut self, mut incoming: mpsc::UnboundedReceiver<Incoming>) {
        let mut closed = None;
        while let Some(first) = incoming.recv().await {
            let began = Instant::now();
            let mut batch = Batch::default();
            let mut until = began;
            match first {
                Incoming::Record(record) => {
                    until += record.linger;
                    batch.add(record);
                }
                Incoming::Close => closed = Some(began),
            }
            if closed.is_none() {
                closed = self.collect(&mut batch, until, &mut incoming).await;
            }
            if closed.is_some() {
                incoming.close();
                while let Ok(Incoming::Record(record)) = incoming.try_recv() {
                    batch.add(record);
                }
            }
            if batch.receipts.is_empty() {
                continue;
            }
            self.write(batch, began, closed).await;
        }
    }

    /// Adds what comes until it is time to write; says when the spool was closed, if it was.
    async fn collect(
        &self,
        batch: &mut Batch,
        mut until: Instant,
        incoming: &mut mpsc::UnboundedReceiver<Incoming>,
    ) -> Option<Instant> {
        let flushed = self.flush.asked();
        let mut flushed = std::pin::pin!(flushed);
        while !batch.is_full(&self.limits) {
            tokio::select! {
                biased;
                next = incoming.recv() => match next {
                    Some(Incoming::Record(record)) => {
                        until = until.min(Instant::now() + record.linger);
                        batch.add(record);
                    }
                    Some(Incoming::Close) | None => return Some(Instant::now()),
                },
                // What has come so far is in the batch.
                () = ready(()), if self.flush.is_wanted() => return None,
                () = flushed.as_mut() => return None,
                () = sleep_until(until) => return None,
            }
        }
        None
    }

    /// Writes a batch however long it takes, and acknowledges it. Once the spool is closed,
    /// it is tried for a short time only: what is not written is not acknowledged.
    async fn write(&mut self, batch: Batch, began: Instant, closed: Option<Instant>) {
        let Batch {
            lines,
            alone,
            records,
            claims,
            receipts,
            room,
        } = batch;
        let (files, main) = self.files(lines, &alone);
        let flush = Arc::clone(&self.flush);
        let writing = flush.writes();
        let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
        let alone = alone.len() as u64;
        let claims: Arc<[Claim]> = claims.into();
        let file_of_claims = files.iter().map(|file| file.name.clone()).next_back();
        let mut pause = PAUSE;
        let mut has_failed = false;
        loop {
            let commit = self.commit(&claims, file_of_claims.clone());
            let written = self.folder.write(files.clone(), commit);
            let written = match closed {
                Some(at) => match timeout_at(at + LAST_TRIES, written).await {
                    Ok(written) => written,
                    Err(_) => return,
                },
                None => written.await,
            };
            let Err(fault) = written else { break };
            add(&self.counts.tables[self.number].1.failures, 1);
            has_failed = true;
            if closed.is_some_and(|at| at.elapsed() + pause >= LAST_TRIES) {
                return;
            }
            self.events.tell(Event::NotWritten {
                table: self.name.clone(),
                reason: fault.to_string(),
                retry_ms: pause.as_millis() as u64,
            });
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        if let Some(keys) = &self.keys {
            keys.done(&claims, file_of_claims.as_deref());
        }
        // The next records find room while these are acknowledged.
        drop(room);
        drop(writing);
        let counts = &self.counts.tables[self.number].1;
        for (count, more) in [
            (&counts.records, records),
            (&counts.alone, alone),
            (&counts.files, files.len() as u64),
            (&counts.bytes, bytes as u64),
        ] {
            add(count, more);
        }
        for receipt in receipts {
            receipt();
        }
        if has_failed {
            self.events.tell(Event::WrittenAgain {
                table: self.name.clone(),
            });
        }
        self.events.tell(Event::Written {
            table: self.name.clone(),
            file: main,
            records,
            alone,
            bytes: bytes as u64,
            took_ms: began.elapsed().as_millis() as u64,
            untold: 0,
        });
    }

    /// The files of a batch, and the name of the one with lines. That one is the last to
    /// be made.
    fn files(&mut self, lines: Vec<u8>, alone: &[Bytes]) -> (Vec<NewFile>, Option<String>) {
        let mut files: Vec<NewFile> = alone
            .iter()
            .map(|bytes| NewFile {
                name: self.names.next("-alone"),
                bytes: bytes.clone(),
            })
            .collect();
        let main = (!lines.is_empty()).then(|| self.names.next(""));
        if let Some(name) = &main {
            files.push(NewFile {
                name: name.clone(),
                bytes: lines.into(),
            });
        }
        (files, main)
    }

    /// Notes the keys of a batch together with the file that proves that it was written:
    /// the last one that is named.
    fn commit(
        &self,
        claims: &Arc<[Claim]>,
        file: Option<String>,
    ) -> impl FnOnce() -> io::Result<()> + Send + 'static {
        let keys = self.keys.clone();
        let (claims, table) = (Arc::clone(claims), self.name.clone());
        move || match (keys, file) {
            (Some(keys), Some(file)) if !claims.is_empty() => keys.note(&claims, &table, &file),
            _ => Ok(()),
        }
    }
}

/// Makes names of files: the time, the writer and a number.
pub(crate) struct Names {
    prefix: String,
    number: u64,
}

impl Names {
    /// Names of a writer that started at `start`.
    pub(crate) fn new(writer: &str, start: SystemTime) -> Self {
        let start: DateTime<Utc> = start.into();
        Self {
            prefix: format!("listen-{}-{writer}", start.format("%Y%m%dT%H%M%SZ")),
            number: 0,
        }
    }

    fn next(&mut self, what: &str) -> String {
        self.number += 1;
        format!("{}-{:08}{what}.json", self.prefix, self.number)
    }
}
