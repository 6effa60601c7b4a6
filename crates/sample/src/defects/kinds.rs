//! The kinds of defects that a sample can have.

use clap::ValueEnum;
use serde::Serialize;

/// A kind of defect. The comments of the variants are help texts of the command
/// line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Customer records carry one of 30 reused serial numbers
    Serials,
    /// Readings and records arrive again
    Duplicates,
    /// People agree by a later record, after some of their readings
    LateConsent,
    /// A later record lacks the date; some people give it again
    Withdrawals,
    /// Records and readings arrive in any order, older ones after newer
    OutOfOrder,
    /// Lines cut off, glued together, with garbage between, of other types
    Malformed,
}

/// The defects of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defects {
    /// In order, each once.
    kinds: Vec<Defect>,
}

impl Defects {
    /// `kinds` may be in any order and have repetitions.
    pub fn new(kinds: &[Defect]) -> Self {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        Defects { kinds }
    }

    /// Whether there are no defects.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// In order, each once.
    pub(super) fn kinds(&self) -> &[Defect] {
        &self.kinds
    }

    pub(super) fn has(&self, kind: Defect) -> bool {
        self.kinds.contains(&kind)
    }
}
