//! Hints for privacy gates.

use evidence::Gate;

/// What a failed check counts: people or devices for the gates that count them.
pub(crate) fn violations_of(check: &str) -> &'static str {
    match Gate::of_name(check) {
        Some(Gate::Consent) => "people without a research consent in force",
        Some(Gate::OwnersConsent) => "devices whose owner has no consent in force",
        Some(Gate::Groups) => "smaller groups",
        Some(Gate::OwnersConsentThen | Gate::TrainingRows) | None => "rows",
    }
}

/// What to do about a privacy gate that failed; `None` for a check of a contract.
pub(crate) fn of_gate(check: &str) -> Option<&'static str> {
    Some(match Gate::of_name(check)? {
        Gate::Consent => {
            "keep only people who agreed: join customer_trusted by subject(...), or system.consent \
             where purpose = 'research'; no contract switches this check off"
        }
        Gate::OwnersConsent => {
            "keep only devices of people who agreed: join system.device_owner, and its subject with \
             customer_trusted; no contract switches this check off"
        }
        Gate::OwnersConsentThen => {
            "output the time of the reading unchanged, and keep readings from valid_from to valid_to \
             of system.device_owner; no contract switches this check off"
        }
        Gate::TrainingRows => {
            "output pairs of machine_learning_curated where same_owner, taken while the person agreed, \
             with times from the person's first reading; give a table of another kind another name"
        }
        Gate::Groups => {
            "group by fewer columns, or leave small groups out: \
             having count(distinct subject(...)) >= 5; no contract switches this check off"
        }
    })
}
