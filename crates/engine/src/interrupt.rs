//! A request from outside to end a command early, such as Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A request to end that one command waits for. The requester can tell whether the
/// command has noticed it: work that computes without a pause does not.
#[derive(Debug, Default)]
pub struct Interrupt {
    notify: Notify,
    is_heard: AtomicBool,
}

impl Interrupt {
    /// Asks the command to end; it notices as soon as it waits.
    pub fn request(&self) {
        self.notify.notify_one();
    }

    /// Waits for the request.
    pub async fn requested(&self) {
        self.notify.notified().await;
        self.is_heard.store(true, Ordering::Relaxed);
    }

    /// Marks the request as noticed before it comes: what follows, a publication,
    /// takes a moment and is finished first rather than left to the next writer.
    pub(crate) fn finish_first(&self) {
        self.is_heard.store(true, Ordering::Relaxed);
    }

    /// Whether the command has begun to end, with or without the request.
    pub fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }
}
