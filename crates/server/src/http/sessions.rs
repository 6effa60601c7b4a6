//! Sessions of the page.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use parking_lot::Mutex;

use crate::principal::Principal;
use door::{hex, random};

/// How long a session lasts after it was used last.
const SESSION_TIME: Duration = Duration::from_secs(12 * 3600);

/// Sessions that are remembered; the one that was not used for longest makes room.
const SESSIONS_MAX: usize = 10_000;

/// The cookie of a session. Where TLS is used, browsers keep it to this host.
const COOKIE: &str = "stedi_session";
const SECURE_COOKIE: &str = "__Host-stedi_session";

/// Sessions of the page.
#[derive(Debug)]
pub(super) struct Sessions {
    key: [u8; 32],
    known: Mutex<HashMap<[u8; 32], Session>>,
    is_secure: bool,
}

#[derive(Debug)]
struct Session {
    user: Principal,
    used: Instant,
}

impl Sessions {
    pub(super) fn new(is_secure: bool) -> Self {
        Self {
            key: random(),
            known: Mutex::default(),
            is_secure,
        }
    }

    /// The token of forms that belong to a session; without one, to this process.
    pub(super) fn csrf(&self, session: &str) -> String {
        let hash = blake3::keyed_hash(&self.key, session.as_bytes());
        hash.to_hex()[..32].to_owned()
    }

    pub(super) fn of(&self, token: &str) -> Option<Principal> {
        let mut known = self.known.lock();
        let id = *blake3::hash(token.as_bytes()).as_bytes();
        let session = known.get_mut(&id)?;
        if session.used.elapsed() > SESSION_TIME {
            known.remove(&id);
            return None;
        }
        session.used = Instant::now();
        Some(session.user.clone())
    }

    /// A session for `user`: the value of a `Set-Cookie` header.
    pub(super) fn begin(&self, user: &Principal) -> String {
        let token = hex(&random::<32>());
        let mut known = self.known.lock();
        known.retain(|_, session| session.used.elapsed() <= SESSION_TIME);
        if known.len() >= SESSIONS_MAX {
            let oldest = known.iter().min_by_key(|(_, session)| session.used);
            let oldest = oldest.map(|(id, _)| *id);
            oldest.map(|id| known.remove(&id));
        }
        known.insert(
            *blake3::hash(token.as_bytes()).as_bytes(),
            Session {
                user: user.clone(),
                used: Instant::now(),
            },
        );
        self.cookie(&token, SESSION_TIME.as_secs())
    }

    /// Ends the session of a request: the value of a `Set-Cookie` header.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(token) = self.token(headers) {
            let id = *blake3::hash(token.as_bytes()).as_bytes();
            self.known.lock().remove(&id);
        }
        self.cookie("", 0)
    }

    fn cookie(&self, token: &str, seconds: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!(
            "{}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}",
            self.cookie_name()
        )
    }

    fn cookie_name(&self) -> &'static str {
        match self.is_secure {
            true => SECURE_COOKIE,
            false => COOKIE,
        }
    }

    /// The token in the cookie of a request.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut cookies = cookies.filter_map(|line| line.to_str().ok());
        cookies.find_map(|line| {
            let mut pairs = line
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='));
            let found = pairs.find(|(name, _)| *name == self.cookie_name());
            found.map(|(_, value)| value.to_owned())
        })
    }
}
