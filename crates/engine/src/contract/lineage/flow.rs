//! The origins of a column, and how each influences its values.

use std::collections::BTreeMap;

use serde::Serialize;

/// How a column influences an output column, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Influence {
    /// It decides which rows there are, or which of several values is taken: a join key, a
    /// filter, a group key, a condition, an order.
    Indirect,
    /// Its value is used, but the result does not reveal it: a count, a comparison, a
    /// pseudonym.
    Masked,
    /// The result reveals its value, or part of it.
    Direct,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Origin {
    /// The table's name, with the prefix `system.` for a system table.
    pub table: String,
    /// The column.
    pub column: String,
}

/// How a value passes from its origin to the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) influence: Influence,
    /// Columns of the named SELECTs in between, starting at the origin.
    pub(crate) through: Vec<String>,
}

/// The origins of one column. If several paths lead from one origin, the strongest counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flow(BTreeMap<Origin, Step>);

impl Influence {
    /// For messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Influence::Indirect => "indirect",
            Influence::Masked => "masked",
            Influence::Direct => "direct",
        }
    }
}

impl Flow {
    /// The flow of a column that is read unchanged.
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

    /// Adds the origins of `other`, none of them stronger than `at_most`. Returns whether
    /// this adds or strengthens an origin.
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

    /// Records that values pass through `column` of a named SELECT.
    pub(crate) fn pass(&mut self, column: &str) {
        for step in self.0.values_mut() {
            if step.influence > Influence::Indirect {
                step.through.push(column.to_owned());
            }
        }
    }
}
