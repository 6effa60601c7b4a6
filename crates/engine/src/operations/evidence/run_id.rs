//! Ids of runs, as parts of statements.

use std::fmt;

/// The id of a run: letters and digits, so that it can be a part of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunId(String);

impl RunId {
    /// `None` for what no run is called.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_id = !text.is_empty() && text.len() <= 64;
        let is_id = is_id && text.chars().all(|c| c.is_ascii_alphanumeric());
        is_id.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
