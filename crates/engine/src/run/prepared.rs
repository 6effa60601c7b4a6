//! What a run has computed and checked, before any of it is visible.

use std::collections::BTreeMap;
use std::sync::Arc;

use lake::TableId;
use query::landing::TableIntake;
use serde::Serialize;

use super::derived::Written;
use crate::contract::report::Report;
use crate::incremental::Applied;
use crate::subjects::quarantine::Writing;
use crate::write::build::Built;
use crate::write::ledger::Totals;

/// Everything computed and checked, nothing visible.
pub(super) struct Prepared {
    pub(super) report: Report,
    pub(super) outcome: Outcome,
}

/// What a run made of what it found.
pub(super) enum Outcome {
    /// Nothing was new.
    Unchanged,
    /// What was new.
    Incremental(Box<IncrementalBuild>),
    /// All tables, or those that a changed model bears on.
    Full(Box<FullBuild>),
}

/// Tables, built anew.
pub(super) struct FullBuild {
    pub(super) built: BTreeMap<String, Built>,
    pub(super) intake: BTreeMap<String, TableIntake>,
    pub(super) derived: Vec<Written>,
    /// What could not be read.
    pub(super) quarantine: Arc<Writing>,
    /// Whether these are all tables there are to build.
    pub(super) builds_all: bool,
}

/// What a run took in, written and checked but not visible.
pub(super) struct IncrementalBuild {
    /// What was read, of new files alone.
    pub(super) intake: BTreeMap<String, TableIntake>,
    /// As in [`NewInput::known_again`].
    pub(super) known_again: BTreeMap<(String, String), String>,
    /// What could not be read of them.
    pub(super) quarantine: Arc<Writing>,
    /// Places that cannot be read, with those of earlier runs.
    pub(super) places: u64,
    pub(super) undecodable: Vec<String>,
    /// Derived tables and models that change, in the order they were built.
    pub(super) steps: Vec<Step>,
    /// By how much the account changes.
    pub(super) ledger: Totals,
}

/// A table that changes.
pub(super) struct Step {
    pub(super) table: TableId,
    pub(super) applied: Applied,
    pub(super) duplicates: u64,
    pub(super) started_ms: i64,
    pub(super) ended_ms: i64,
    pub(super) seconds: f64,
}

/// What a table that was built changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// There is no such table yet.
    New,
    /// Its columns are others.
    Columns,
    /// Its rows are others.
    Rows,
    /// Its rows are those that stand, its contract is another.
    Contract,
    /// Nothing.
    Nothing,
}
