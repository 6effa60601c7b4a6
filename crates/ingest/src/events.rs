//! What happens while records arrive, for whoever watches. Nothing of a message, a topic
//! or a key is in an event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

/// Files of which a line is told each second; of others only the number.
const FILES_TOLD_MAX: u32 = 10;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Records are in landing files, and acknowledged.
    Written {
        /// The landing table.
        table: String,
        /// The file that has the records that are JSON objects; none if there are none.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// Records in all files.
        records: u64,
        /// Of them, those that are no JSON object and have files of their own.
        alone: u64,
        /// Bytes of all files.
        bytes: u64,
        /// Milliseconds from the first record's arrival until all were safe.
        took_ms: u64,
        /// Files before this one of which no line was told.
        untold: u64,
    },
    /// Files cannot be written; it is tried again. Nothing is acknowledged meanwhile.
    NotWritten {
        /// The landing table.
        table: String,
        /// Why.
        reason: String,
        /// After how many milliseconds it is tried again.
        retry_ms: u64,
    },
    /// Files can be written again.
    WrittenAgain {
        /// The landing table.
        table: String,
    },
    /// A broker has accepted the connection and the subscriptions.
    Connected {
        /// Whether the broker has kept the session, and what arrived meanwhile.
        session_present: bool,
    },
    /// The connection to a broker is lost, or cannot be made; it is tried again.
    Disconnected {
        /// Why.
        reason: String,
        /// After how many milliseconds it is tried again.
        retry_ms: u64,
    },
    /// Messages came of topics that no landing table takes any more, and were dropped.
    Unmapped {
        /// How many so far; told at powers of two.
        messages: u64,
    },
}

/// Where events go.
#[derive(Clone)]
pub struct Events {
    tell: Arc<dyn Fn(&Event) + Send + Sync>,
    told: Arc<Mutex<Told>>,
}

/// Files told in the current second.
struct Told {
    since: Instant,
    files: u32,
    untold: u64,
}

impl Events {
    /// Events go to `tell`, files at a bounded rate.
    pub fn to(tell: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self {
            tell: Arc::new(tell),
            told: Arc::new(Mutex::new(Told {
                since: Instant::now(),
                files: 0,
                untold: 0,
            })),
        }
    }

    pub(crate) fn tell(&self, mut event: Event) {
        if let Event::Written { untold, .. } = &mut event {
            let mut told = self.told.lock();
            if told.since.elapsed() >= Duration::from_secs(1) {
                (told.since, told.files) = (Instant::now(), 0);
            }
            if told.files >= FILES_TOLD_MAX {
                told.untold += 1;
                return;
            }
            told.files += 1;
            *untold = std::mem::take(&mut told.untold);
        }
        (self.tell)(&event);
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
