//! Changes of `system.consent`.

use std::collections::HashSet;

use arrow::array::RecordBatch;

use super::columns::{people_error, system_columns};
use super::difference::Difference;
use super::keys::KeySet;
use super::partition_analysis::{KeyKind, PartitionKey};
use super::people_changes::PeopleSource;
use super::table_changes::TableChanges;
use crate::Error;
use crate::subjects::consent::{self, Register};
use crate::subjects::in_force;
use query::landing::hash;
use query::system::CONSENT;

/// People whose consent to research changed.
#[derive(Default)]
pub(super) struct ConsentChanges {
    /// People who began or ceased to consent.
    pub(super) changed: KeySet,
    /// People who ceased to consent.
    pub(super) withdrawn: KeySet,
}

impl TableChanges {
    /// Derives the consent of these people again from their `records`, and records the
    /// difference. `None` if their present consent cannot be found.
    pub(super) async fn update_consent(
        &mut self,
        from: &PeopleSource<'_>,
        people: &KeySet,
        records: &[RecordBatch],
    ) -> Result<Option<ConsentChanges>, Error> {
        let by_hand: Register = from
            .register
            .iter()
            .filter(|((person, _), _)| people.contains(hash(person)))
            .map(|(subject_and_purpose, entries)| (subject_and_purpose.clone(), entries.clone()))
            .collect();
        let now = consent::derive_some(records, from.now_ms, &by_hand, from.suspended);
        let table = CONSENT.full_name();
        let key = PartitionKey::new("subject", KeyKind::Subject);
        let published = self
            .rows_with_keys(&table, &system_columns(&CONSENT), &key, people)
            .await?;
        let Some(published) = published else {
            return Ok(None);
        };
        let now = vec![now.rows];
        let old = consenting(&published.before, from.last_ms);
        let new = consenting(&now, from.now_ms);
        let mut changes = ConsentChanges::default();
        for person in old.symmetric_difference(&new) {
            changes.changed.insert(hash(person));
        }
        for person in old.difference(&new) {
            changes.withdrawn.insert(hash(person));
        }
        let difference = Difference::between(&published.before, &now).map_err(people_error)?;
        self.record(table, difference);
        Ok(Some(changes))
    }

    /// Which of these people consent to research at `now_ms`.
    pub(super) async fn consenting_people(
        &self,
        people: &KeySet,
        now_ms: i64,
    ) -> Result<Option<HashSet<String>>, Error> {
        let key = PartitionKey::new("subject", KeyKind::Subject);
        let (table, columns) = (CONSENT.full_name(), system_columns(&CONSENT));
        let consents = self.rows_with_keys(&table, &columns, &key, people).await?;
        Ok(consents.map(|consents| consenting(&consents.after, now_ms)))
    }
}

/// The people in rows of `system.consent` whose consent to research is in force at
/// `now_ms`.
fn consenting(rows: &[RecordBatch], now_ms: i64) -> HashSet<String> {
    let people = rows
        .iter()
        .flat_map(|batch| in_force::consenting_people(batch, now_ms));
    people.map(str::to_owned).collect()
}
