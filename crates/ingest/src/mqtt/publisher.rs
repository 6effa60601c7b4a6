//! Publishes messages to a broker, for synthetic data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::link::{Link, Passed, Sender};
use super::source::MqttSource;

/// How long the first connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Pause before a lost connection is made again.
const PAUSE: Duration = Duration::from_millis(300);

/// What was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Messages that were handed in.
    pub sent: u64,
    /// Acknowledgements of the broker.
    pub acknowledged: u64,
}

/// The broker cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("cannot publish to the broker: {0}")]
pub struct PublisherError(String);

/// A connection that publishes with quality 1. A lost one is made again.
pub struct Publisher {
    sender: Sender,
    sent: u64,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    acknowledged: AtomicU64,
    is_ending: AtomicBool,
    changed: Notify,
}

impl Publisher {
    /// Connects.
    ///
    /// # Errors
    /// [`PublisherError`] where the first connection fails.
    pub async fn connect(source: &MqttSource) -> Result<Self, PublisherError> {
        let (mut link, sender) = Link::new(source);
        let first = timeout(CONNECT_TIME, link.next()).await;
        match first {
            Ok(Ok(_)) => {}
            Ok(Err(reason)) => return Err(PublisherError(reason)),
            Err(_) => return Err(PublisherError("no answer".to_owned())),
        }
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                match link.next().await {
                    Ok(Passed::Delivered) => {
                        shared.acknowledged.fetch_add(1, Ordering::Relaxed);
                        shared.changed.notify_one();
                    }
                    Ok(Passed::Disconnected) => return,
                    Ok(_) => {}
                    Err(_) if shared.is_ending.load(Ordering::Relaxed) => return,
                    Err(_) => sleep(PAUSE).await,
                }
            }
        });
        Ok(Self {
            sender,
            sent: 0,
            state,
            task,
        })
    }

    /// Hands in a message; waits while too many are not acknowledged.
    ///
    /// # Errors
    /// [`PublisherError`] once the connection takes no more.
    pub async fn publish(&mut self, topic: &str, payload: Vec<u8>) -> Result<(), PublisherError> {
        let sent = self.sender.publish(topic, payload).await;
        sent.map_err(|_| PublisherError("the connection has ended".to_owned()))?;
        self.sent += 1;
        Ok(())
    }

    /// Waits for the last acknowledgements, at most so long, and disconnects.
    pub async fn finish(self, patience: Duration) -> Published {
        let all = async {
            while self.state.acknowledged.load(Ordering::Relaxed) < self.sent {
                self.state.changed.notified().await;
            }
        };
        _ = timeout(patience, all).await;
        self.state.is_ending.store(true, Ordering::Relaxed);
        self.sender.disconnect().await;
        _ = timeout(Duration::from_millis(300), self.task).await;
        Published {
            sent: self.sent,
            acknowledged: self.state.acknowledged.load(Ordering::Relaxed),
        }
    }
}
