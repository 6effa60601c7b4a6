//! What a program that started this one is told while it works: one JSON object for each
//! event, each on a line of standard error, instead of bars and text.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Instant;

use serde::Serialize;

/// When events were asked for; unset where people read standard error.
static BEGAN: OnceLock<Instant> = OnceLock::new();

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event<'a> {
    /// The lake is locked for the run of this id.
    Locked { run: &'a str },
    /// All tables that will be built, in order; takes the place of an earlier list.
    Plan { tables: &'a [String] },
    /// A table is being built.
    Begin { table: &'a str },
    /// How many rows of a table are written so far.
    Rows { table: &'a str, rows: u64 },
    /// A table is built.
    End { table: &'a str, rows: u64 },
    /// The checks begin.
    Check,
    /// The release is being made visible.
    Publish,
    /// The tables that were published; none if nothing changed.
    Published { tables: &'a [String] },
    /// `error`, `warning`, `hint`, `note` or `info`, in words. A hint follows what it is
    /// about.
    Message { level: &'a str, text: &'a str },
}

/// An event, and when it was: milliseconds since the command began.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event<'a>,
    ms: u64,
}

/// From now on, events are written and messages are events.
pub(crate) fn write_events() {
    BEGAN.get_or_init(Instant::now);
}

/// Whether events are written.
pub(crate) fn writes_events() -> bool {
    BEGAN.get().is_some()
}

/// Writes an event, if events are written.
pub(crate) fn tell(event: &Event<'_>) {
    let Some(began) = BEGAN.get() else { return };
    let ms = began.elapsed().as_millis() as u64;
    let Ok(mut line) = serde_json::to_vec(&Line { event, ms }) else {
        return;
    };
    line.push(b'\n');
    // In one piece, because threads write at the same time. If it cannot be written, there
    // is nobody left to tell.
    let _ = io::stderr().lock().write_all(&line);
}

/// Writes a message as events: one for each of its lines that has a level of its own.
pub(super) fn tell_message(text: &str) {
    let mut told: Vec<(&str, String)> = Vec::new();
    for line in text.split('\n') {
        let levels = ["error", "warning", "hint", "note"].into_iter();
        let mut named = levels.filter_map(|level| {
            let rest = line.strip_prefix(level)?.strip_prefix(": ")?;
            Some((level, rest))
        });
        match (named.next(), told.last_mut()) {
            (Some((level, rest)), _) => told.push((level, rest.to_owned())),
            (None, Some((_, begun))) => *begun += &format!("\n{line}"),
            (None, None) => told.push(("info", line.to_owned())),
        }
    }
    for (level, text) in &told {
        tell(&Event::Message { level, text });
    }
}
