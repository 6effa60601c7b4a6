//! A request to end work early, made from outside of it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A request that one command waits for. Whoever makes it can tell whether the
/// command has heard it: work that computes without a pause hears nothing.
#[derive(Debug, Default)]
pub struct Interrupt {
    notify: Notify,
    is_heard: AtomicBool,
}

impl Interrupt {
    /// Asks the command to end; it hears so as soon as it waits.
    pub fn request(&self) {
        self.notify.notify_one();
    }

    /// Waits for the request.
    pub async fn requested(&self) {
        self.notify.notified().await;
        self.is_heard.store(true, Ordering::Relaxed);
    }

    /// What follows takes a moment and is finished first: a publication, once
    /// begun, is not left to the next writer where that can be helped.
    pub(crate) fn finish_first(&self) {
        self.is_heard.store(true, Ordering::Relaxed);
    }

    /// Whether the command has begun to end, with or without the request.
    pub fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }
}
