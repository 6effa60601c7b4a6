//! Secrets as argon2id hashes, and a verifier that hashes one at a time and remembers
//! what it verified.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use parking_lot::Mutex;

use crate::private_file::Stamp;

/// How long a secret that was verified needs no hashing again.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

/// The most answers that are remembered.
const VERIFIED_MAX: usize = 10_000;

/// Secrets that are hashed or wait for it at once; more are turned away.
const WAITING_MAX: usize = 32;

/// The hash that is compared for names that do not exist, so that it takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Too many secrets wait to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sign in at once")]
pub struct TooMany;

/// Compares secrets with hashes.
#[derive(Debug)]
pub struct Verifier {
    verified: Mutex<HashMap<[u8; 32], (Instant, Stamp)>>,
    /// Keyed, so that what is remembered is no hash of a password.
    key: [u8; 32],
    /// One at a time: each takes 19 MiB and some milliseconds.
    hashing: Mutex<()>,
    /// Secrets that are hashed or wait for it.
    waiting: AtomicUsize,
}

impl Default for Verifier {
    fn default() -> Self {
        Self {
            verified: Mutex::default(),
            key: random(),
            hashing: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Verifier {
    /// Whether a secret has that hash. Without a hash it takes as long, and says no. What
    /// was verified is remembered for a minute, while the file of the hashes has the same
    /// `stamp`.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn fits(&self, secret: &str, hash: Option<&str>, stamp: Stamp) -> Result<bool, TooMany> {
        struct Waiting<'w>(&'w AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let of = hash.unwrap_or(NOBODY);
        let mut asked = secret.as_bytes().to_vec();
        asked.extend(of.as_bytes());
        let asked = *blake3::keyed_hash(&self.key, &asked).as_bytes();
        if self.is_verified(&asked, stamp) {
            return Ok(true);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= WAITING_MAX {
            return Err(TooMany);
        }
        let _one = self.hashing.lock();
        // Another request of the same user may have been hashed meanwhile.
        if self.is_verified(&asked, stamp) {
            return Ok(true);
        }
        let Ok(parsed) = PasswordHash::new(of) else {
            return Ok(false);
        };
        let verified = Argon2::default().verify_password(secret.as_bytes(), &parsed);
        if verified.is_err() || hash.is_none() {
            return Ok(false);
        }
        let mut known = self.verified.lock();
        if known.len() >= VERIFIED_MAX {
            known.clear();
        }
        known.insert(asked, (Instant::now(), stamp));
        Ok(true)
    }

    fn is_verified(&self, asked: &[u8; 32], stamp: Stamp) -> bool {
        let verified = self.verified.lock();
        let found = verified.get(asked);
        found.is_some_and(|(at, then)| at.elapsed() < VERIFIED_FOR && *then == stamp)
    }
}

/// The hash of a secret, as it is stored.
pub fn hashed(secret: &str) -> String {
    let salt = SaltString::encode_b64(&random::<16>())
        .unwrap_or_else(|error| unreachable!("16 bytes are a salt: {error}"));
    Argon2::default()
        .hash_password(secret.as_bytes(), &salt)
        .unwrap_or_else(|error| unreachable!("any text has a hash: {error}"))
        .to_string()
}

/// Random bytes of the system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .unwrap_or_else(|error| unreachable!("the system has random numbers: {error}"));
    bytes
}

/// Whether a text is a name that a secret may belong to: 1 to 32 of the characters a-z, 0-9,
/// `.` and `-`. A token holds the name between underscores.
pub fn is_name(name: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    (1..=32).contains(&name.len()) && name.chars().all(is_of_name)
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
