//! What the page about people and consent shows. No personal value is in it.

use serde::Serialize;

use crate::{Consent, Quarantined, RunCheck, Step, Zone};

/// Figures about people and consent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PrivacyPage {
    /// Consent as it is now, suspended people, devices. [`Consent::people`] is how many
    /// people have a consent that was ever noted.
    pub consent: Consent,
    /// How many people had a consent in force, by purpose.
    pub curves: Vec<ConsentCurve>,
    /// Whose rows came in, whose were left out and why, by table.
    pub flows: Vec<PeopleFlow>,
    /// The newest results of privacy gates.
    pub gates: Vec<RunCheck>,
    /// What suspends people: open quarantine entries of person records, by reason.
    pub suspending: Vec<Quarantined>,
    /// The table of person records, if the project declares one.
    pub person_records: Option<String>,
    /// Tables whose columns hold personal values, and which columns.
    pub personal: Vec<PersonalColumns>,
}

/// How many people had a consent in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentCurve {
    /// `research`, `public` or `friends`.
    pub purpose: String,
    /// At the end of each period in which something changed, oldest first.
    pub points: Vec<ConsentPoint>,
}

/// How many people had a consent in force at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentPoint {
    /// The instant.
    pub at_ms: i64,
    /// How many people.
    pub in_force: u64,
}

/// Whose rows a table is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeopleFlow {
    /// Where it stands.
    pub zone: Zone,
    /// Bare name.
    pub table: String,
    /// `people`, `devices`, or `groups` of an anonymous table.
    pub whose: String,
    /// Its rows.
    pub rows: Option<u64>,
    /// What came in, what was left out and why.
    pub steps: Vec<Step>,
}

/// The personal columns of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonalColumns {
    /// Where it stands.
    pub zone: Zone,
    /// Bare name.
    pub table: String,
    /// Their names.
    pub columns: Vec<String>,
}

/// How easily a person can be told from a table's rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SinglingOut {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Its people; `None` for an anonymous table.
    pub people: Option<u64>,
    /// Of an anonymous table: no group has fewer people, or its privacy gate would have
    /// refused it.
    pub groups_of_at_least: Option<u64>,
    /// For each column that others may know, such as a time or a birthday: how many rows
    /// have a value that only one person has.
    pub columns: Vec<TellingColumn>,
}

/// A column whose value alone may tell a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TellingColumn {
    /// The column.
    pub column: String,
    /// Rows with a value that only one person has.
    pub rows: u64,
    /// People with such a row.
    pub people: u64,
}
