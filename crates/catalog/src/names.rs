//! How tables are called: zones and table names.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The three rooms a table of the project can stand in, in the order data moves
/// through them. (System tables are not the project's: they are known by name
/// alone, as `system.consent`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// What arrived, as it lies.
    Landing,
    /// People who agree to research now.
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

    /// The zone of that name, in any letter case.
    pub fn named(name: &str) -> Option<Zone> {
        Zone::ALL
            .into_iter()
            .find(|zone| zone.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of a table: lower-case words of letters, digits and underscores,
/// beginning with a letter. It is the file's name in the project, the folder's
/// in the lake and the table's in SQL, so it must be safe in all three.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(String);

/// What `TableName::from_str` refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no table name: lower-case letters, digits and underscores, a letter first")]
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
