//! Who sends a request: by a token, by a session of the page, or by being on this machine
//! where nobody signs in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::App;
use super::answer::Refused;
use crate::fault::{Fault, Kind};
use crate::principal::Principal;
use crate::users::{Users, hex, random};

/// How long a session lasts after it was used last.
const SESSION_TIME: Duration = Duration::from_secs(12 * 3600);

/// Sessions that are remembered; the one that was not used for longest makes room.
const SESSIONS_MAX: usize = 10_000;

/// Sign-ins that are looked at or wait at once.
const SIGN_INS_MAX: usize = 32;

/// What a wrong password costs.
const REFUSAL_TIME: Duration = Duration::from_millis(500);

/// The cookie of a session. Where TLS is used, browsers keep it to this host.
const COOKIE: &str = "stedi_session";
const SECURE_COOKIE: &str = "__Host-stedi_session";

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) principal: Principal,
    /// What forms of this asker must send.
    pub(super) csrf: String,
    /// Whether the asker is whoever is on this machine.
    pub(super) is_local: bool,
}

/// Sessions of the page.
#[derive(Debug)]
pub(super) struct Sessions {
    key: [u8; 32],
    known: Mutex<HashMap<[u8; 32], Session>>,
    sign_ins: Semaphore,
    is_secure: bool,
}

#[derive(Debug)]
struct Session {
    user: Arc<str>,
    used: Instant,
}

impl Sessions {
    pub(super) fn new(is_secure: bool) -> Self {
        Self {
            key: random(),
            known: Mutex::default(),
            sign_ins: Semaphore::new(SIGN_INS_MAX),
            is_secure,
        }
    }

    /// The token of forms that belong to a session; without one, to this process.
    pub(super) fn csrf(&self, session: &str) -> String {
        let hash = blake3::keyed_hash(&self.key, session.as_bytes());
        hash.to_hex()[..32].to_owned()
    }

    fn of(&self, token: &str) -> Option<Arc<str>> {
        let mut known = self.known.lock();
        let id = *blake3::hash(token.as_bytes()).as_bytes();
        let session = known.get_mut(&id)?;
        if session.used.elapsed() > SESSION_TIME {
            known.remove(&id);
            return None;
        }
        session.used = Instant::now();
        Some(Arc::clone(&session.user))
    }

    /// A session for `user`: the value of a `Set-Cookie` header.
    pub(super) fn begin(&self, user: &Arc<str>) -> String {
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
                user: Arc::clone(user),
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

    /// Looks at a name and a password on a thread of its own.
    ///
    /// # Errors
    /// For a wrong pair, after a while; if too many come at once; if users cannot be read.
    pub(super) async fn sign_in(
        &self,
        users: &Arc<Users>,
        name: String,
        secret: String,
    ) -> Result<Principal, Fault> {
        let Ok(_turn) = self.sign_ins.try_acquire() else {
            return Err(Fault::new(Kind::Busy, "too many people sign in at once")
                .with_hint("try again in a minute"));
        };
        let users = Arc::clone(users);
        let found = blocking(move || users.sign_in(&name, &secret)).await?;
        match found.map_err(|error| Fault::internal("reading users", error))? {
            Some(principal) => Ok(principal),
            None => {
                tokio::time::sleep(REFUSAL_TIME).await;
                Err(Fault::new(Kind::SignIn, "name and password do not fit"))
            }
        }
    }
}

/// Runs what would hold up other requests on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fault::internal("the request", error))
}

impl Asker {
    async fn of(app: &App, headers: &HeaderMap) -> Result<Self, Fault> {
        let Some(users) = &app.users else {
            return Ok(Self {
                principal: app.local.clone(),
                csrf: app.sessions.csrf(""),
                is_local: true,
            });
        };
        let unread = |error| Fault::internal("reading users", error);
        if let Some(bearer) = headers.get(header::AUTHORIZATION) {
            let token = bearer
                .to_str()
                .ok()
                .and_then(|text| text.strip_prefix("Bearer "));
            let token = token.map(str::to_owned).unwrap_or_default();
            let Ok(_turn) = app.sessions.sign_ins.try_acquire() else {
                return Err(Fault::new(Kind::Busy, "too many tokens come at once"));
            };
            let users = Arc::clone(users);
            let found = blocking(move || users.of_token(&token))
                .await?
                .map_err(unread)?;
            let refused = || {
                Fault::new(Kind::SignIn, "the token is wrong, expired or revoked")
                    .with_hint("`stedi user token` makes one")
            };
            return Ok(Self {
                principal: found.ok_or_else(refused)?,
                csrf: String::new(),
                is_local: false,
            });
        }
        let refused = || {
            Fault::new(Kind::SignIn, "nobody is signed in")
                .with_hint("sign in on the page, or send a token: `Authorization: Bearer ...`")
        };
        let token = app.sessions.token(headers).ok_or_else(refused)?;
        let user = app.sessions.of(&token).ok_or_else(refused)?;
        // A user that was removed, or whose role changed, is noticed at once.
        let principal = users.principal(&user).map_err(unread)?;
        Ok(Self {
            principal: principal.ok_or_else(refused)?,
            csrf: app.sessions.csrf(&token),
            is_local: false,
        })
    }

    /// # Errors
    /// If a form did not send what this asker's forms have.
    pub(super) fn check_csrf(&self, sent: &str) -> Result<(), Fault> {
        let own = blake3::hash(self.csrf.as_bytes());
        match !self.csrf.is_empty() && own == blake3::hash(sent.as_bytes()) {
            true => Ok(()),
            false => Err(
                Fault::new(Kind::Forbidden, "the form is of another session")
                    .with_hint("open the page again, and send it once more"),
            ),
        }
    }
}

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let asker = Self::of(app, &parts.headers).await;
        // A nested router sees only a part of the path.
        let whole = parts.extensions.get::<OriginalUri>();
        let uri = whole.map_or(&parts.uri, |OriginalUri(uri)| uri);
        asker.map_err(|fault| Refused::at(fault, uri))
    }
}
