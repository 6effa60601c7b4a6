//! Which connection a request to cancel means.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

/// The connections whose statements can be cancelled.
#[derive(Debug, Default)]
pub(super) struct Cancels {
    next: AtomicI32,
    keys: Mutex<HashMap<i32, (u32, watch::Sender<()>)>>,
}

/// The key of one connection, until it ends.
pub(super) struct Key {
    cancels: Arc<Cancels>,
    pub(super) number: i32,
    pub(super) secret: u32,
    asked: watch::Receiver<()>,
}

impl Cancels {
    /// A key for a new connection.
    pub(super) fn key(self: &Arc<Self>) -> Key {
        let number = self.next.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let secret = u32::from_be_bytes(door::random());
        let (send, asked) = watch::channel(());
        self.keys.lock().insert(number, (secret, send));
        Key {
            cancels: Arc::clone(self),
            number,
            secret,
            asked,
        }
    }

    /// Cancels what the connection of that key computes, if there is one.
    pub(super) fn cancel(&self, number: i32, secret: u32) {
        if let Some((of, send)) = self.keys.lock().get(&number)
            && *of == secret
        {
            send.send_replace(());
        }
    }
}

impl Key {
    /// Forgets requests that came while nothing was computed.
    pub(super) fn forget(&mut self) {
        self.asked.mark_unchanged();
    }

    /// Ends when the statement is to be cancelled.
    pub(super) async fn cancelled(&mut self) {
        if self.asked.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.cancels.keys.lock().remove(&self.number);
    }
}
