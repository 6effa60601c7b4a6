//! Privacy gates by the names under which `system.checks` and reports have them.

/// The smallest number of people in a group of an anonymous table. Values of a smaller
/// group would tell too much about its members.
pub const GROUP_PEOPLE_MIN: i64 = 5;

/// A check that no contract can switch off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The people of a table have a research consent in force.
    Consent,
    /// The devices of a table have an owner with a consent in force.
    OwnersConsent,
    /// The reading of a device that was passed on is from the time of a consenting owner.
    OwnersConsentThen,
    /// The groups of an anonymous table are large enough.
    Groups,
    /// The training set has only allowed rows.
    TrainingRows,
}

impl Gate {
    /// All of them.
    pub const ALL: [Gate; 5] = [
        Gate::Consent,
        Gate::OwnersConsent,
        Gate::OwnersConsentThen,
        Gate::Groups,
        Gate::TrainingRows,
    ];

    /// Its name as a check.
    pub fn name(self) -> &'static str {
        match self {
            Gate::Consent => "privacy: consent in force",
            Gate::OwnersConsent => "privacy: owner's consent in force",
            Gate::OwnersConsentThen => "privacy: owner's consent at the time",
            Gate::Groups => "privacy: groups of 5 people or more",
            Gate::TrainingRows => "privacy: rows that may be there",
        }
    }

    /// The gate of that name; `None` for a check of a contract.
    pub fn of_name(check: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gate| gate.name() == check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_have_names_of_their_own() {
        for gate in Gate::ALL {
            assert_eq!(Gate::of_name(gate.name()), Some(gate));
        }
        let size = format!("groups of {GROUP_PEOPLE_MIN} people");
        assert!(Gate::Groups.name().contains(&size));
    }
}
