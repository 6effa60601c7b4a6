//! What a run has computed and checked, before any of it is visible. The ways of
//! [`super::prepare`] give it, [`super::publish`] takes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use lake::TableId;
use query::landing::TableIntake;

use super::derived::Written;
use crate::contract::report::Report;
use crate::incremental::Applied;
use crate::subjects::quarantine_writer::QuarantineWriter;
use crate::write::build::Built;
use crate::write::ledger::Totals;

/// A run whose results are computed and checked and not visible.
pub(super) struct Prepared {
    pub(super) report: Report,
    pub(super) outcome: Outcome,
}

/// How much a run computed, and its results.
pub(super) enum Outcome {
    /// Nothing was new.
    Unchanged,
    /// The rows that follow from new input.
    Incremental(Box<IncrementalBuild>),
    /// All tables, or changed models and those that follow from them.
    Full(Box<FullBuild>),
}

impl Outcome {
    /// Number and size of the landing files that were read.
    pub(super) fn files_read(&self) -> (u64, u64) {
        let intake = match self {
            Outcome::Unchanged => return (0, 0),
            Outcome::Incremental(build) => &build.intake,
            Outcome::Full(build) => &build.intake,
        };
        let files = intake.values().flat_map(|read| &read.files);
        files.fold((0, 0), |(count, bytes), file| {
            (count + 1, bytes + file.bytes)
        })
    }
}

/// Tables that were built from all their input.
pub(super) struct FullBuild {
    pub(super) built: BTreeMap<String, Built>,
    pub(super) intake: BTreeMap<String, TableIntake>,
    pub(super) derived: Vec<Written>,
    /// What could not be read.
    pub(super) quarantine: Arc<QuarantineWriter>,
    /// Whether every table of the run was built.
    pub(super) builds_all: bool,
}

/// What an incremental run computed: written and checked, not visible.
pub(super) struct IncrementalBuild {
    /// What was read of the new files.
    pub(super) intake: BTreeMap<String, TableIntake>,
    /// As in [`NewInput::known_again`].
    pub(super) known_again: BTreeMap<(String, String), String>,
    /// What could not be read of them.
    pub(super) quarantine: Arc<QuarantineWriter>,
    /// Places that cannot be read, with those of earlier runs.
    pub(super) places: u64,
    pub(super) undecodable: Vec<String>,
    /// Derived tables and models that change, in the order they were built.
    pub(super) steps: Vec<Step>,
    /// By how much the ledger changes.
    pub(super) ledger: Totals,
}

/// A table that an incremental run changes.
pub(super) struct Step {
    pub(super) table: TableId,
    pub(super) applied: Applied,
    pub(super) duplicates: u64,
    pub(super) started_ms: i64,
    pub(super) ended_ms: i64,
    pub(super) seconds: f64,
}
