//! A table of a shipped name of which nobody can tell what its columns mean.

use std::fmt;

/// What such a table lacks, and what would say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRoles {
    /// The table.
    pub table: String,
    /// The columns of the shipped table that it lacks.
    pub missing: Vec<String>,
    /// The same as a definition would declare them.
    pub columns: String,
    /// The models that read the table.
    pub readers: String,
    /// The properties that would say it, with gaps.
    pub properties: String,
}

impl UnknownRoles {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        format!(
            "add {} to the columns; or say in TBLPROPERTIES what your columns mean: {}",
            self.columns, self.properties
        )
    }
}

impl fmt::Display for UnknownRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing: Vec<_> = self
            .missing
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        write!(
            f,
            "`{}` has no column {}, and no property says which columns mean the same; {} reads the table",
            self.table,
            missing.join(" and "),
            self.readers
        )
    }
}
