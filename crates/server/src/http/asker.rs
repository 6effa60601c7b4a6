//! Who sends a request: by a token, by a session of the page, or by being on this machine
//! where nobody signs in.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::answer::Refused;
use super::app::App;
use crate::desk::blocking;
use crate::fault::{Fault, Kind};
use crate::principal::Principal;

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) principal: Principal,
    /// What forms of this asker must send.
    pub(super) csrf: String,
}

impl Asker {
    async fn of(app: &App, headers: &HeaderMap) -> Result<Self, Fault> {
        let Some(users) = &app.gate.users else {
            return Ok(Self {
                principal: app.gate.local.clone(),
                csrf: app.sessions.csrf(""),
            });
        };
        if let Some(bearer) = headers.get(header::AUTHORIZATION) {
            let token = bearer.to_str().ok().and_then(|text| text.split_once(' '));
            let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            let token = token.map(|(_, token)| token.to_owned()).unwrap_or_default();
            let users = Arc::clone(users);
            let found = blocking(move || users.of_token(&token)).await??;
            let refused = || {
                Fault::new(Kind::SignIn, "the token is wrong, expired or revoked")
                    .with_hint("`stedi user token` makes one")
            };
            return Ok(Self {
                principal: found.ok_or_else(refused)?,
                csrf: String::new(),
            });
        }
        let refused = || {
            Fault::new(Kind::SignIn, "nobody is signed in")
                .with_hint("sign in on the page, or send a token: `Authorization: Bearer ...`")
        };
        let token = app.sessions.token(headers).ok_or_else(refused)?;
        let user = app.sessions.of(&token).ok_or_else(refused)?;
        // A user that was removed, added anew, or whose role changed, signs in again.
        let principal = users.principal(&user.name)?;
        let principal = principal.filter(|now| *now == user);
        Ok(Self {
            principal: principal.ok_or_else(refused)?,
            csrf: app.sessions.csrf(&token),
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
