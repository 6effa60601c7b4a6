//! What all requests share.

use std::sync::Arc;
use std::time::Instant;

use evidence::Overview;

use super::beside::Beside;
use super::queries::Queries;
use super::sessions::Sessions;
use super::shared::Shared;
use crate::desk::Desk;
use crate::fault::{Fault, Kind};
use crate::gate::Gate;
use crate::operations::Operator;
use crate::saved::Saved;

/// What all requests share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) gate: Gate,
    pub(super) desk: Arc<Desk>,
    pub(super) hosts: Vec<String>,
    pub(super) expect: Option<catalog::Expectations>,
    /// The figures of the first page, whoever asks.
    pub(super) overview: Shared<Overview>,
    pub(super) saved: Option<Arc<Saved>>,
    pub(super) sessions: Sessions,
    pub(super) queries: Queries,
    /// What starts runs.
    pub(super) operator: Option<Arc<Operator>>,
    /// What is answered beside the page and the API.
    pub(super) beside: Option<Beside>,
    pub(super) began: Instant,
}

impl App {
    /// Where statements are saved.
    ///
    /// # Errors
    /// If there is no place for them.
    pub(super) fn saved(&self) -> Result<Arc<Saved>, Fault> {
        self.saved.clone().ok_or_else(|| {
            Fault::new(Kind::Failed, "this server saves no statements")
                .with_hint("start it with --saved FILE")
        })
    }

    pub(super) fn scheme(&self) -> &'static str {
        match self.gate.tls.is_some() {
            true => "https",
            false => "http",
        }
    }
}
