//! What the doors for tools share: who may come in, the channel they demand, and when
//! they close.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;

use crate::desk::{Desk, SIGN_IN, blocking};
use crate::fault::{Fault, Kind};
use crate::principal::{Door, Principal};
use crate::users::Users;

/// How long somebody waits who gave a wrong password.
const REFUSED_AFTER: Duration = Duration::from_millis(500);

/// Who may come in through a door for tools, and how.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Where statements are handed in.
    pub desk: Arc<Desk>,
    /// Those who may sign in; `None` where nobody signs in and all are `local`.
    pub users: Option<Arc<Users>>,
    /// Who asks where nobody signs in.
    pub local: Principal,
    /// The certificate; where there is one, nothing goes over an open channel.
    pub tls: Option<Arc<ServerConfig>>,
    /// Becomes true when the doors close.
    pub stop: watch::Receiver<bool>,
}

/// Somebody who came in.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) who: Principal,
    /// What was signed in with, to see whether it is still good; `None` for `local`.
    secret: Option<Arc<str>>,
}

impl Gate {
    /// Signs somebody in, and notes it. A wrong password is answered late, an unknown name
    /// like a wrong password.
    ///
    /// # Errors
    /// [`Kind::SignIn`] if name and secret do not fit; what fails here.
    pub(crate) async fn sign_in(
        &self,
        door: Door,
        name: &str,
        secret: &str,
    ) -> Result<Guest, Fault> {
        let found = self.known(name, secret).await;
        let Ok(Some(guest)) = found else {
            self.refused(door, name).await?;
            found?;
            tokio::time::sleep(REFUSED_AFTER).await;
            return Err(wrong_secret());
        };
        self.desk.note(&guest.who, door, SIGN_IN, "done").await?;
        Ok(guest)
    }

    /// The one who asks where nobody signs in.
    pub(crate) fn local(&self) -> Guest {
        Guest {
            who: self.local.clone(),
            secret: None,
        }
    }

    /// The same guest with the rights of this moment.
    ///
    /// # Errors
    /// [`Kind::SignIn`] if the user, the password or the token is gone.
    pub(crate) async fn still(&self, guest: &Guest) -> Result<Guest, Fault> {
        let Some(secret) = &guest.secret else {
            return Ok(guest.clone());
        };
        let known = self.known(&guest.who.name, secret).await?;
        known.ok_or_else(wrong_secret)
    }

    /// The user of a token that is its own name and password.
    ///
    /// # Errors
    /// As [`Gate::sign_in`].
    pub(crate) async fn of_token(&self, token: &str) -> Result<Guest, Fault> {
        let Some(users) = self.users.clone() else {
            return Ok(self.local());
        };
        let secret: Arc<str> = token.into();
        let asked = Arc::clone(&secret);
        let found = blocking(move || users.of_token(&asked)).await??;
        found
            .map(|who| Guest {
                who,
                secret: Some(secret),
            })
            .ok_or_else(wrong_secret)
    }

    async fn known(&self, name: &str, secret: &str) -> Result<Option<Guest>, Fault> {
        let Some(users) = self.users.clone() else {
            return Ok(Some(self.local()));
        };
        let (name, secret): (String, Arc<str>) = (name.to_owned(), secret.into());
        let asked = Arc::clone(&secret);
        let found = blocking(move || users.sign_in(&name, &asked)).await??;
        Ok(found.map(|who| Guest {
            who,
            secret: Some(secret),
        }))
    }

    /// Notes a refused sign-in.
    async fn refused(&self, door: Door, name: &str) -> Result<(), Fault> {
        let users = self.users.as_ref();
        match users.and_then(|users| users.principal(name).ok().flatten()) {
            Some(who) => self.desk.note(&who, door, SIGN_IN, "refused").await,
            None => self.desk.note_stranger(door).await,
        }
    }
}

fn wrong_secret() -> Fault {
    Fault::new(Kind::SignIn, "the name and the password do not fit")
        .with_hint("a token made with `stedi user token` is a password too")
}
