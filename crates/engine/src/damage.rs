//! Damage found in a lake, as reports show it.

use serde::Serialize;

/// Something that is broken, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// A table with its zone, or another object of the lake.
    pub object: String,
    /// What is wrong with it, in words.
    pub what: String,
    /// What `stedi repair` does about it.
    pub remedy: &'static str,
}

/// `trusted.customer_trusted: file part-...parquet is missing`
impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.object, self.what)
    }
}

/// The check that an object of the lake is as it was published.
pub const INTACT: &str = "intact";
