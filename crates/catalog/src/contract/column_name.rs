//! The name of a column in a contract, with its place for error messages.

use std::fmt;
use std::ops::Deref;

use crate::text::Spot;

/// The name of a column in a contract, in lower case, and its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnName {
    name: String,
    /// The line in the model's file, from 1.
    pub line: u32,
    /// The column in that line, from 1.
    pub column: u32,
}

impl ColumnName {
    pub(super) fn new(name: &str, spot: Spot) -> Option<ColumnName> {
        let name = name.trim().to_lowercase();
        (!name.is_empty()).then_some(ColumnName {
            name,
            line: spot.line,
            column: spot.column,
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl Deref for ColumnName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.name
    }
}

impl AsRef<str> for ColumnName {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl PartialEq<str> for ColumnName {
    fn eq(&self, other: &str) -> bool {
        self.name == other
    }
}

impl PartialEq<&str> for ColumnName {
    fn eq(&self, other: &&str) -> bool {
        self.name == *other
    }
}
