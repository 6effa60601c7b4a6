//! What the lake knows about one person's consent.

use std::collections::BTreeMap;

use engine::{Consent, Setup};
use pages::console::PersonPage;
use privacy::Personal;

use crate::fault::Fault;

pub(super) async fn look_up(setup: &Setup, email: &str) -> Result<PersonPage, Fault> {
    let known = engine::consent_status(setup, &Personal::new(email.to_owned())).await?;
    let intervals = known.intervals.iter().map(|(purpose, interval)| {
        (
            purpose.to_string(),
            interval.valid_from,
            interval.valid_to,
            interval.source.to_string(),
        )
    });
    let entries = known.entries.iter().map(|entry| {
        let act = match entry.act {
            Consent::Grant => "given",
            Consent::Withdraw => "withdrawn",
        };
        (
            entry.entered_ms,
            entry.purpose.to_string(),
            act.to_owned(),
            entry.at_ms,
        )
    });
    let mut suspended_by: BTreeMap<String, u64> = BTreeMap::new();
    for entry in &known.suspended_by {
        *suspended_by.entry(entry.reason.clone()).or_default() += 1;
    }
    Ok(PersonPage {
        email: privacy::normalize_subject(email).into_owned(),
        known_by: known.known_by.map(|by| by.as_str().to_owned()),
        intervals: intervals.collect(),
        entries: entries.collect(),
        suspended_by: suspended_by.into_iter().collect(),
    })
}
