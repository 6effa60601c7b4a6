//! Places for connections: a bounded number, of which those of strangers are given on.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// A bounded number of places for connections.
///
/// A connection is a stranger until it [settles](Place::settle): by its first request, or by
/// signing in. When all places are taken, a newcomer gets that of the stranger who came
/// first. So nobody keeps others out by opening connections and saying nothing: the one who
/// does loses them again as fast as they are opened.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    strangers: Arc<Mutex<Strangers>>,
}

#[derive(Debug, Default)]
struct Strangers {
    /// In the order in which they came; each is told when its place is given on.
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
    next: u64,
}

/// The place of a connection, until it is dropped.
#[derive(Debug)]
pub struct Place {
    number: u64,
    strangers: Arc<Mutex<Strangers>>,
    _taken: Option<OwnedSemaphorePermit>,
}

/// Ends when the place is given to another connection: then this one shall end. Never ends
/// once the connection is settled.
#[derive(Debug)]
pub struct GivenOn(Option<oneshot::Receiver<()>>);

impl Places {
    /// `count` places.
    pub fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            strangers: Arc::default(),
        }
    }

    /// Takes a place for a connection that was accepted. Waits where all who have one are
    /// settled.
    pub async fn take(&self) -> (Place, GivenOn) {
        let free = Arc::clone(&self.free);
        let taken = match Arc::clone(&free).try_acquire_owned() {
            Ok(taken) => Some(taken),
            Err(_) => {
                self.strangers().give_on();
                // Fails only if the semaphore is closed, which nobody does.
                free.acquire_owned().await.ok()
            }
        };
        let (give_on, given_on) = oneshot::channel();
        let mut strangers = self.strangers();
        let number = strangers.next;
        strangers.next += 1;
        strangers.waiting.insert(number, give_on);
        let place = Place {
            number,
            strangers: Arc::clone(&self.strangers),
            _taken: taken,
        };
        (place, GivenOn(Some(given_on)))
    }

    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Strangers {
    fn give_on(&mut self) {
        if let Some((_, first)) = self.waiting.pop_first() {
            // The connection may end at this moment by itself.
            _ = first.send(());
        }
    }
}

impl Place {
    /// Keeps the place until the connection ends.
    pub fn settle(&self) {
        let mut strangers = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        strangers.waiting.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Future for GivenOn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(told) = &mut self.0 else {
            return Poll::Pending;
        };
        match Pin::new(told).poll(context) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(_)) => {
                self.0 = None;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_over(wait: impl Future<Output = ()>) -> bool {
        tokio::time::timeout(Duration::from_millis(20), wait)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn the_stranger_who_came_first_gives_its_place_to_a_newcomer() {
        let places = Arc::new(Places::new(3));
        let (settled, mut kept) = places.take().await;
        settled.settle();
        let (first, mut of_first) = places.take().await;
        let (_second, mut of_second) = places.take().await;
        let others = Arc::clone(&places);
        let newcomer = tokio::spawn(async move { others.take().await });
        assert!(is_over(&mut of_first).await);
        assert!(!newcomer.is_finished());
        drop(first);
        let (newcomer, _) = newcomer.await.unwrap();
        assert!(!is_over(&mut of_second).await && !is_over(&mut kept).await);
        newcomer.settle();
        drop(settled);
        let _ = places.take().await;
        assert!(!is_over(&mut of_second).await);
    }

    #[tokio::test]
    async fn where_all_are_settled_a_newcomer_waits() {
        let places = Arc::new(Places::new(1));
        let (only, mut given_on) = places.take().await;
        only.settle();
        let others = Arc::clone(&places);
        let newcomer = tokio::spawn(async move { others.take().await });
        assert!(!is_over(&mut given_on).await);
        assert!(!newcomer.is_finished());
        drop(only);
        newcomer.await.unwrap();
    }
}
