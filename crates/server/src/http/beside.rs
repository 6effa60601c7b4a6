//! What a server answers at its address besides the page and the API.

use std::fmt;
use std::sync::Arc;

use axum::Router;

/// What else the server answers at its address, by rules of its own: nobody signs in for it.
#[derive(Clone)]
pub struct Beside {
    /// The routes.
    pub routes: Router,
    /// What it counts, in the text format of Prometheus.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").finish_non_exhaustive()
    }
}
