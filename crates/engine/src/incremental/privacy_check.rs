//! The privacy gates of an incremental run: counts people and devices that have rows in a
//! table without consent, among those that the change may concern.

use std::collections::HashSet;

use arrow::error::ArrowError;

use super::keys::KeySet;
use super::partition_analysis::{KeyKind, PartitionKey};
use super::people_changes::PeopleChanges;
use super::table_changes::TableChanges;
use crate::Error;
use crate::contract::subject_columns::SubjectKind;
use crate::subjects::in_force;
use query::system::DEVICE_OWNER;

impl TableChanges {
    /// How many people or devices have rows in a table that they may not have, of two
    /// groups: those with added rows, and those that lost their consent or owner.
    pub(crate) async fn count_refused(
        &self,
        table: &str,
        subject_kind: SubjectKind,
        column: &str,
        changes: &PeopleChanges,
        now_ms: i64,
    ) -> Result<Option<u64>, Error> {
        let failed = |error: ArrowError| Error::execution(table, error.into());
        let (key_kind, lost) = match subject_kind {
            SubjectKind::Subject => (KeyKind::Subject, &changes.withdrawn),
            SubjectKind::Device => (KeyKind::Value, &changes.lost_devices),
        };
        let mut with_added_rows = KeySet::default();
        if let Some(difference) = self.differences.get(table) {
            for batch in &difference.added {
                if let Some(names) = batch.column_by_name(column) {
                    with_added_rows
                        .add_column(names, key_kind)
                        .map_err(failed)?;
                }
            }
        }
        let allowed = match subject_kind {
            SubjectKind::Subject => self.consenting_people(&with_added_rows, now_ms).await?,
            SubjectKind::Device => {
                self.devices_of_consenting_owners(&with_added_rows, now_ms)
                    .await?
            }
        };
        let Some(allowed) = allowed else {
            return Ok(None);
        };
        let mut refused = with_added_rows;
        for name in &allowed {
            refused.hashes.remove(&query::landing::hash(name));
        }
        let key = PartitionKey::new(column, key_kind);
        let columns = [column.to_owned()];
        let Some(remaining) = self.rows_with_keys(table, &columns, &key, lost).await? else {
            return Ok(None);
        };
        for batch in &remaining.after {
            refused
                .add_column(batch.column(0), key_kind)
                .map_err(failed)?;
        }
        Ok(Some(refused.hashes.len() as u64))
    }

    /// Which of these devices have an owner who consents.
    async fn devices_of_consenting_owners(
        &self,
        devices: &KeySet,
        now_ms: i64,
    ) -> Result<Option<HashSet<String>>, Error> {
        let table = DEVICE_OWNER.full_name();
        let key = PartitionKey::new("serialnumber", KeyKind::Value);
        let columns = ["serialnumber", "subject"].map(str::to_owned);
        let Some(owners) = self.rows_with_keys(&table, &columns, &key, devices).await? else {
            return Ok(None);
        };
        let people = KeySet::of(&owners.after, 1, KeyKind::Subject);
        let people = people.map_err(|error| Error::execution(&table, error.into()))?;
        let Some(consenting) = self.consenting_people(&people, now_ms).await? else {
            return Ok(None);
        };
        let devices = owners
            .after
            .iter()
            .flat_map(|batch| in_force::devices_of(batch, |owner| consenting.contains(owner)));
        Ok(Some(devices.map(str::to_owned).collect()))
    }
}
