//! Zones and table names.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The zone of a table, in the order in which data moves through them. System
/// tables, such as `system.consent`, are not part of the project and have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// JSON files as they arrived.
    Landing,
    /// Rows of people who agree to research now.
    Trusted,
    /// Ready for science.
    Curated,
}

impl Zone {
    /// All zones, in order.
    pub const ALL: [Zone; 3] = [Zone::Landing, Zone::Trusted, Zone::Curated];

    /// The zone's name, which is also its folder's and its prefix in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Zone::Landing => "landing",
            Zone::Trusted => "trusted",
            Zone::Curated => "curated",
        }
    }

    /// The zone of that name; letter case is ignored.
    pub fn named(name: &str) -> Option<Zone> {
        Zone::ALL
            .into_iter()
            .find(|zone| zone.as_str().eq_ignore_ascii_case(name))
    }
}

/// The zone name under which system tables are read in SQL.
pub(crate) const SYSTEM: &str = "system";

/// Whether a name before a table's has a meaning of its own in SQL: a zone, the system
/// tables, the privacy views, or the engine's own. A database of such a name would hide it.
pub(crate) fn is_own_schema(name: &str) -> bool {
    let others = [SYSTEM, "privacy", "information_schema"];
    Zone::named(name).is_some() || others.iter().any(|own| own.eq_ignore_ascii_case(name))
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of a table: lower-case letters, digits and underscores, with a letter
/// first. It names a file in the project, a folder in the lake and a table in
/// SQL, and must be safe in all three.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(String);

/// The error of `TableName::from_str`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a table name: use lower-case letters, digits and underscores, with a letter first"
)]
pub struct BadTableName(pub String);

impl TableName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TableName {
    type Err = BadTableName;

    fn from_str(name: &str) -> Result<Self, BadTableName> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(letters) {
            Ok(TableName(name.to_owned()))
        } else {
            Err(BadTableName(name.to_owned()))
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for TableName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TableName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for TableName {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for TableName {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_are_lower_snake_case() {
        let check = |name: &str, expected: bool| {
            assert_eq!(TableName::from_str(name).is_ok(), expected, "{name:?}");
        };
        check("customer_trusted", true);
        check("t2", true);
        check("a", true);
        check("", false);
        check("2t", false);
        check("_t", false);
        check("Customer", false);
        check("customer-trusted", false);
        check("customer trusted", false);
        check("künde", false);
        check("../lake", false);
    }
}
