//! Tokens of those who signed in with a name and a password: what a client sends with
//! every later call.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::gate::Guest;
use door::{hex, random};

/// How long a token is good without being used.
const UNUSED: Duration = Duration::from_secs(3600);

/// How long a token is good at all.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// Tokens at once; the one that was unused longest makes room.
const BEARERS_MAX: usize = 10_000;

/// The tokens that are good. Only their hashes are kept.
#[derive(Default)]
pub(super) struct Bearers(Mutex<HashMap<[u8; 32], Bearer>>);

struct Bearer {
    guest: Guest,
    since: Instant,
    used: Instant,
}

impl Bearers {
    /// A new token for somebody who signed in.
    pub(super) fn token(&self, guest: Guest) -> String {
        let token = hex(&random::<32>());
        let now = Instant::now();
        let mut bearers = self.0.lock();
        bearers.retain(|_, bearer| bearer.is_good(now));
        if bearers.len() >= BEARERS_MAX {
            let oldest = bearers.iter().min_by_key(|(_, bearer)| bearer.used);
            let oldest = oldest.map(|(hash, _)| *hash);
            oldest.and_then(|hash| bearers.remove(&hash));
        }
        let bearer = Bearer {
            guest,
            since: now,
            used: now,
        };
        bearers.insert(hash(&token), bearer);
        token
    }

    /// Who has that token.
    pub(super) fn guest(&self, token: &str) -> Option<Guest> {
        let now = Instant::now();
        let mut bearers = self.0.lock();
        let bearer = bearers.get_mut(&hash(token))?;
        if !bearer.is_good(now) {
            return None;
        }
        bearer.used = now;
        Some(bearer.guest.clone())
    }
}

impl Bearer {
    fn is_good(&self, now: Instant) -> bool {
        now.duration_since(self.used) < UNUSED && now.duration_since(self.since) < GOOD_FOR
    }
}

fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}
