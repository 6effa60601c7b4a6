//! What one column takes from others, and how.

use std::collections::BTreeMap;

use serde::Serialize;

/// How a column takes part in what comes out, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Influence {
    /// It decides which rows there are or which of several values is taken: a
    /// join key, a filter, a group key, a condition, an order.
    Indirect,
    /// Its value goes in, and cannot be read off what comes out: a count, a
    /// comparison, a pseudonym.
    Masked,
    /// Its value goes in, as it is or changed.
    Direct,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Origin {
    /// The table's own name; `system.` stands before a system table's.
    pub table: String,
    /// The column.
    pub column: String,
}

/// How a value got here from its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) influence: Influence,
    /// Columns of the SELECTs in between, the one next to the origin first.
    pub(crate) through: Vec<String>,
}

/// The origins of one column. Of several ways from one origin the strongest
/// counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flow(BTreeMap<Origin, Step>);

impl Influence {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Influence::Indirect => "indirect",
            Influence::Masked => "masked",
            Influence::Direct => "direct",
        }
    }
}

impl Flow {
    /// A column that is read as it is.
    pub(crate) fn of(origin: Origin) -> Self {
        let step = Step {
            influence: Influence::Direct,
            through: Vec::new(),
        };
        Self(BTreeMap::from([(origin, step)]))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Origin, &Step)> {
        self.0.iter()
    }

    /// Takes in `other`, none of it stronger than `at_most`. Tells whether
    /// anything grew.
    pub(crate) fn add(&mut self, other: &Flow, at_most: Influence) -> bool {
        let mut grew = false;
        for (origin, step) in &other.0 {
            let influence = step.influence.min(at_most);
            let known = self.0.get(origin);
            if known.is_none_or(|known| known.influence < influence) {
                let through = match influence {
                    Influence::Indirect => Vec::new(),
                    _ => step.through.clone(),
                };
                let step = Step { influence, through };
                self.0.insert(origin.clone(), step);
                grew = true;
            }
        }
        grew
    }

    /// Notes that values now stand in `column` of a SELECT with a name.
    pub(crate) fn pass(&mut self, column: &str) {
        for step in self.0.values_mut() {
            if step.influence > Influence::Indirect {
                step.through.push(column.to_owned());
            }
        }
    }
}
