//! What all requests share.

use std::sync::Arc;
use std::time::Instant;

use super::queries::Queries;
use super::sessions::Sessions;
use crate::desk::Desk;
use crate::gate::Gate;
use crate::operations::Operator;

/// What all requests share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) gate: Gate,
    pub(super) desk: Arc<Desk>,
    pub(super) hosts: Vec<String>,
    pub(super) expect: Option<catalog::Expectations>,
    pub(super) sessions: Sessions,
    pub(super) queries: Queries,
    /// What starts runs.
    pub(super) operator: Option<Arc<Operator>>,
    pub(super) began: Instant,
}

impl App {
    pub(super) fn scheme(&self) -> &'static str {
        match self.gate.tls.is_some() {
            true => "https",
            false => "http",
        }
    }
}
