//! What the page of input that could not be read shows. Neither bytes nor names of files are
//! in it: both may hold personal values.

use serde::Serialize;

use crate::Quarantined;

/// Input that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QuarantinePage {
    /// All of it, by table and reason.
    pub totals: Vec<Quarantined>,
    /// Single entries, those of one page.
    pub entries: Vec<QuarantinedEntry>,
    /// How many entries come before them.
    pub offset: u64,
    /// How many entries there are.
    pub count: u64,
}

/// One stretch of input that could not be read, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantinedEntry {
    /// Names the entry.
    pub id: String,
    /// The landing table.
    pub table: String,
    /// A word.
    pub reason: String,
    /// More words.
    pub detail: String,
    /// The line of its file, from 1.
    pub line: u64,
    /// Bytes.
    pub bytes: u64,
    /// How many places it stands for.
    pub places: u64,
    /// Whether somebody gave it up.
    pub is_dropped: bool,
}
