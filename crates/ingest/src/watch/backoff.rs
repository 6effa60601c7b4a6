//! Waiting longer after each failure, with a random part.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The pause before the next attempt. It doubles with each failure up to a maximum;
/// half of it is random, so that several waiting processes do not meet again.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// After the first failure about `first`, never more than `max`.
    pub(super) fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            failures: 0,
        }
    }

    /// Counts a failure and returns how long to wait.
    pub(super) fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(self.max);
        // Seeded by the system anew for each state.
        let random = RandomState::new().build_hasher().finish();
        let share = 0.5 + (random % 1024) as f64 / 2048.0;
        whole.mul_f64(share)
    }

    /// The next failure is the first again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_maximum_and_begin_again() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(1), seconds(60));
        for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let pause = backoff.next();
            assert!(
                pause >= seconds(expected) / 2 && pause <= seconds(expected),
                "{pause:?} of {expected} s"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= seconds(1));
    }
}
