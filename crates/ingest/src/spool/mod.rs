//! Collects records and writes them into landing files. A record is acknowledged after its
//! file is whole, written through to the disk and named, never before.
//!
//! Each landing table has a task of its own ([`table`]): it collects records up to a size or
//! an age, writes them ([`folder`]), and then acknowledges each one. What it cannot write it
//! tries again, and acknowledges nothing meanwhile. What all tables hold is bounded: whoever
//! brings a record first waits for room ([`Spool::room`]).

mod flush;
mod folder;
mod record;
mod shape;
mod table;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lake::Location;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use self::flush::Flush;
use self::folder::Folder;
pub use self::folder::WriteFault;
pub use self::record::Limits;
pub(crate) use self::record::{Record, Room};
pub(crate) use self::shape::Shape;
use self::table::{Incoming, Names, Table};
use crate::counts::Counts;
use crate::events::Events;
use crate::keys::Keys;

/// What room is counted in.
const ROOM_UNIT: usize = 1 << 10;

/// A landing table and where its files are.
#[derive(Debug, Clone)]
pub struct Target {
    /// The table's name.
    pub table: String,
    /// Where its files are.
    pub place: Location,
}

/// The spool; see the module. Cheap to clone.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
}

struct Shared {
    incoming: Vec<mpsc::UnboundedSender<Incoming>>,
    names: Vec<String>,
    room: Arc<Semaphore>,
    room_units: usize,
    flush: Arc<Flush>,
    counts: Arc<Counts>,
    events: Events,
    limits: Limits,
}

/// The tasks of a spool, which end once it is closed and all is written.
pub struct Writers {
    tasks: JoinSet<()>,
}

/// The spool is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

impl Spool {
    /// Opens the places of the targets and starts to write. With `keys`, records may have
    /// idempotency keys.
    ///
    /// # Errors
    /// [`WriteFault`] where a place cannot be used.
    pub async fn open(
        targets: Vec<Target>,
        limits: Limits,
        keys: Option<Arc<Keys>>,
        events: Events,
    ) -> Result<(Self, Writers), WriteFault> {
        let process = door::hex(&door::random::<6>());
        // Two tables may have one place.
        let writer = |number: usize| format!("{process}{number:02}");
        let names: Vec<String> = targets.iter().map(|target| target.table.clone()).collect();
        let counts = Arc::new(Counts::of_tables(names.iter().cloned()));
        let flush = Arc::new(Flush::default());
        let mut folders = Vec::new();
        for (number, target) in targets.into_iter().enumerate() {
            folders.push(Arc::new(Folder::open(target.place, &writer(number))?));
        }
        if let Some(keys) = &keys {
            settle(keys, &names, &folders).await?;
        }
        let (mut incoming, mut tasks) = (Vec::new(), JoinSet::new());
        for (number, folder) in folders.into_iter().enumerate() {
            let (sender, receiver) = mpsc::unbounded_channel();
            incoming.push(sender);
            let table = Table {
                number,
                name: names[number].clone(),
                folder,
                limits,
                flush: Arc::clone(&flush),
                keys: keys.clone(),
                counts: Arc::clone(&counts),
                events: events.clone(),
                names: Names::new(&writer(number), SystemTime::now()),
            };
            tasks.spawn(table.run(receiver));
        }
        let room_units = (limits.held_bytes / ROOM_UNIT).max(1);
        let shared = Shared {
            incoming,
            names,
            room: Arc::new(Semaphore::new(room_units)),
            room_units,
            flush,
            counts,
            events,
            limits,
        };
        let spool = Self {
            shared: Arc::new(shared),
        };
        Ok((spool, Writers { tasks }))
    }

    /// The place of a table among the targets.
    pub(crate) fn table(&self, name: &str) -> Option<usize> {
        self.shared.names.iter().position(|known| known == name)
    }

    /// Waits until there is room for a record of so many bytes. One that is larger than all
    /// the room waits until nothing else is held. While somebody waits, what is held is written
    /// without waiting for more.
    pub(crate) async fn room(&self, bytes: usize) -> Room {
        let units = (bytes / ROOM_UNIT + 1).min(self.shared.room_units);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let room = || Arc::clone(&self.shared.room);
        if let Ok(permit) = room().try_acquire_many_owned(units) {
            return Room::new(permit);
        }
        let _waiting = self.shared.flush.waits();
        match room().acquire_many_owned(units).await {
            Ok(permit) => Room::new(permit),
            Err(_) => unreachable!("the semaphore is never closed"),
        }
    }

    /// Hands in a record.
    ///
    /// # Errors
    /// [`Closed`]: it is not going to be written.
    pub(crate) fn put(&self, record: Record) -> Result<(), Closed> {
        let incoming = &self.shared.incoming[record.table];
        incoming.send(Incoming::Record(record)).map_err(|_| Closed)
    }

    /// Hands in one message that nobody waits for, once there is room.
    ///
    /// # Panics
    /// If there is no such target.
    pub async fn write(&self, table: &str, message: Vec<u8>) {
        let table = self
            .table(table)
            .unwrap_or_else(|| panic!("{table} is no target"));
        let shapes = vec![Shape::of(message.into())];
        let room = self.room(bytes_of(&shapes)).await;
        // A spool that is closed writes nothing more, as asked.
        _ = self.put(Record {
            table,
            shapes,
            linger: self.file_age(),
            claim: None,
            receipt: Box::new(|| {}),
            room,
        });
    }

    /// Lets everything that waits be written now.
    pub(crate) fn flush(&self) {
        self.shared.flush.now();
    }

    /// Takes no more records; what is there is written now.
    pub fn close(&self) {
        for incoming in &self.shared.incoming {
            // A table whose task ended has nothing to write.
            _ = incoming.send(Incoming::Close);
        }
    }

    /// What arrived so far.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.shared.counts
    }

    pub(crate) fn events(&self) -> &Events {
        &self.shared.events
    }

    /// How long a record may wait for others.
    pub(crate) fn file_age(&self) -> Duration {
        self.shared.limits.file_age
    }
}

impl Writers {
    /// Waits until everything is written.
    pub async fn done(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("tables", &self.shared.names)
            .finish_non_exhaustive()
    }
}

/// Looks which files are in their place whose keys an earlier process noted.
async fn settle(keys: &Keys, names: &[String], folders: &[Arc<Folder>]) -> Result<(), WriteFault> {
    let mut there = HashSet::new();
    for (table, file) in keys.unsettled() {
        let folder = names.iter().position(|name| *name == table);
        // Records of a table that is no target any more may be sent again.
        let Some(folder) = folder.map(|at| &folders[at]) else {
            continue;
        };
        if folder.has(&file).await? {
            there.insert(file);
        }
    }
    keys.settle(&there).map_err(|error| WriteFault {
        place: "the journal of idempotency keys".to_owned(),
        reason: error.to_string(),
    })
}

/// The bytes of files that a payload becomes.
pub(crate) fn bytes_of(shapes: &[Shape]) -> usize {
    let bytes = shapes.iter().map(|shape| match shape {
        Shape::Line(bytes) | Shape::Alone(bytes) => Bytes::len(bytes) + 1,
        Shape::Empty => 0,
    });
    bytes.sum()
}
