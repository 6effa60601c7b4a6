//! What went wrong, as every door can tell it.

use std::fmt;

use serde::Serialize;

use crate::users::UsersError;

/// The kind of a fault. Doors give their own codes for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The statement or the request is wrong.
    Wrong,
    /// There is no such table, query or page.
    Missing,
    /// Nobody is signed in.
    SignIn,
    /// The role may not do that.
    Forbidden,
    /// A limit of time, memory, rows or size was met.
    Limit,
    /// Too much is asked for at once; later it may work.
    Busy,
    /// It was cancelled.
    Cancelled,
    /// Something failed here or in the store.
    Failed,
}

/// What went wrong, and what to do. Without values from the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The kind.
    pub kind: Kind,
    /// What happened.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the statement: line and column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<(u64, u64)>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// A fault without a hint.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            place: None,
        }
    }

    /// The same with a hint.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A fault of this process.
    pub(crate) fn internal(what: &str, error: impl fmt::Display) -> Self {
        tracing::error!("{what}: {error}");
        Self::new(Kind::Failed, format!("{what} failed"))
            .with_hint("try again; the server's log has the cause")
    }
}

impl From<UsersError> for Fault {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::Busy => {
                Self::new(Kind::Busy, error.to_string()).with_hint("try again in a minute")
            }
            other => Self::internal("reading users", other),
        }
    }
}
