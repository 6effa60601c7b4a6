//! Identifiers of lakes and tables.

use std::fmt;

use uuid::Uuid;

/// Identifies a lake, also after its folder was moved. A copy of a lake has
/// the id of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LakeId(Uuid);

impl LakeId {
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for LakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

/// Identifies a table of a lake. Printed as `trusted/customer_trusted`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// `trusted`, `curated` or `system`.
    pub zone: String,
    /// The name of the table's folder in the zone.
    pub name: String,
}

impl TableId {
    /// The table `name` of `zone`.
    pub fn new(zone: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            zone: zone.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.zone, self.name)
    }
}
