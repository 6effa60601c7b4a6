//! What all requests share.

use std::sync::Arc;
use std::time::Instant;

use super::queries::Queries;
use super::sessions::Sessions;
use crate::desk::Desk;
use crate::principal::Principal;
use crate::users::Users;

/// What all requests share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) desk: Arc<Desk>,
    pub(super) users: Option<Arc<Users>>,
    pub(super) local: Principal,
    pub(super) hosts: Vec<String>,
    pub(super) expect: Option<catalog::Expectations>,
    pub(super) sessions: Sessions,
    pub(super) queries: Queries,
    pub(super) is_secure: bool,
    pub(super) began: Instant,
}

impl App {
    pub(super) fn scheme(&self) -> &'static str {
        match self.is_secure {
            true => "https",
            false => "http",
        }
    }
}
