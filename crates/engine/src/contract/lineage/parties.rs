//! Parties: the people and devices that columns name, and which of them are the same.

use std::collections::BTreeSet;

/// What a party is, and so how it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person, by e-mail address.
    Person,
    /// A device, by serial number.
    Device,
    /// Either: a personal column of a landing table without a known role.
    Either,
}

/// Number of a party.
pub(super) type Party = usize;

/// All parties of a SELECT.
#[derive(Default)]
pub(super) struct Parties {
    parties: Vec<PartyInfo>,
}

struct PartyInfo {
    kind: Kind,
    /// Whether it is a column of a model's table: it was checked there.
    is_checked: bool,
    /// Parties such that a check of any of them has checked this one.
    edges: Vec<Party>,
}

impl Parties {
    pub(super) fn push(&mut self, kind: Kind, is_checked: bool) -> Party {
        self.parties.push(PartyInfo {
            kind,
            is_checked,
            edges: Vec::new(),
        });
        self.parties.len() - 1
    }

    /// Records that a check of `other` has checked `party`.
    pub(super) fn add_edge(&mut self, party: Party, other: Party) {
        self.parties[party].edges.push(other);
    }

    pub(super) fn kind(&self, party: Party) -> Kind {
        self.parties[party].kind
    }

    /// Whether `party` is a column of a model's table.
    pub(super) fn is_of_model(&self, party: Party) -> bool {
        self.parties[party].is_checked
    }

    /// Whether `party` is checked when the parties in `checked` are, or was checked where a
    /// model was built.
    pub(super) fn is_checked(&self, party: Party, checked: &[Party]) -> bool {
        self.reaches(party, |found| {
            self.parties[found].is_checked || checked.contains(&found)
        })
    }

    /// Whether `party` is checked when the parties in `checked` are.
    pub(super) fn is_checked_by(&self, party: Party, checked: &[Party]) -> bool {
        self.reaches(party, |found| checked.contains(&found))
    }

    /// Whether a check of either party has checked the other.
    pub(super) fn are_same(&self, one: Party, other: Party) -> bool {
        self.is_checked_by(one, &[other]) && self.is_checked_by(other, &[one])
    }

    fn reaches(&self, party: Party, is_wanted: impl Fn(Party) -> bool) -> bool {
        let mut open = vec![party];
        let mut seen = BTreeSet::new();
        while let Some(party) = open.pop() {
            if is_wanted(party) {
                return true;
            }
            if seen.insert(party) {
                open.extend(&self.parties[party].edges);
            }
        }
        false
    }
}
