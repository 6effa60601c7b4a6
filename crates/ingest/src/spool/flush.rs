//! When tables write what they hold although its files could still grow.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Shared by all tables of a spool. Whoever waits for room waits for files to be written:
/// so as long as somebody waits and nothing is being written, tables write at once.
#[derive(Debug, Default)]
pub(crate) struct Flush {
    now: Notify,
    /// How many wait for room.
    waiting: AtomicUsize,
    /// How many tables are writing, which gives room.
    writing: AtomicUsize,
}

/// Somebody waits for room until it is dropped.
pub(crate) struct Waiting<'f>(&'f Flush);

/// A table writes until it is dropped.
pub(crate) struct Writing<'f>(&'f Flush);

impl Flush {
    /// Lets every table that collects write now.
    pub(crate) fn now(&self) {
        self.now.notify_waiters();
    }

    /// Completes with the next [`Flush::now`], from the time of this call on.
    pub(crate) fn asked(&self) -> Notified<'_> {
        self.now.notified()
    }

    pub(crate) fn waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if self.writing.load(Ordering::SeqCst) == 0 {
            self.now();
        }
        Waiting(self)
    }

    pub(crate) fn writes(&self) -> Writing<'_> {
        self.writing.fetch_add(1, Ordering::SeqCst);
        Writing(self)
    }

    /// Whether somebody waits for room that nobody is about to give.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0 && self.writing.load(Ordering::SeqCst) == 0
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let others = self.0.writing.fetch_sub(1, Ordering::SeqCst) - 1;
        if others == 0 && self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.now();
        }
    }
}
