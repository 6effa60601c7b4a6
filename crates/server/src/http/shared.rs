//! Figures that cost much and are the same for everybody: requests that wait for them at one
//! time share them.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Mutex;

/// The newest figures, and when their gathering began.
pub(super) struct Shared<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl<T> Shared<T> {
    /// Figures that `gather` began to gather after this was called: whoever asks gets nothing
    /// older than the question. Those who ask while others gather take turns in the order in
    /// which they came, and most find what they need already gathered.
    ///
    /// # Errors
    /// What `gather` says; the next one who waits tries again.
    pub(super) async fn of<E>(
        &self,
        gather: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let asked = Instant::now();
        let mut newest = self.0.lock().await;
        if let Some((began, figures)) = newest.as_ref()
            && *began >= asked
        {
            return Ok(Arc::clone(figures));
        }
        let began = Instant::now();
        let figures = Arc::new(gather().await?);
        *newest = Some((began, Arc::clone(&figures)));
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_waits_shares_and_who_comes_later_gets_newer_figures() {
        let (shared, count) = (Shared::default(), AtomicUsize::new(0));
        let ask = || {
            shared.of(async || {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok::<_, ()>(count.fetch_add(1, Ordering::Relaxed))
            })
        };
        // The first gathers; the others wait, and one of them gathers for all.
        let all = futures::future::join_all((0..8).map(|_| ask())).await;
        let all: Vec<usize> = all.into_iter().map(|figures| *figures.unwrap()).collect();
        assert_eq!(all, [0, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(*ask().await.unwrap(), 2);
        let failed = shared.of(async || Err::<usize, _>("no")).await;
        assert_eq!(failed, Err("no"));
        assert_eq!(*ask().await.unwrap(), 3);
    }
}
