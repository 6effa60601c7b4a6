//! Finds out what changed about people: their consent, their claims of devices, and the
//! owners of devices. Each becomes the difference of a system table.

use std::sync::Arc;

use arrow::array::RecordBatch;
use catalog::PersonRecords;
use futures::TryStreamExt;

use super::columns::{column, people_error};
use super::consent_changes::ConsentChanges;
use super::keys::KeySet;
use super::partition_analysis::{KeyKind, PartitionKey};
use super::people_changes::{PeopleChanges, PeopleSource};
use super::table_changes::TableChanges;
use crate::Error;
use crate::subjects::{in_force, person_records};
use query::Query;
use query::Session;
use query::landing::hash;

impl TableChanges {
    /// Finds out what changed about people and records the differences of the system
    /// tables. `None` if that takes the records or readings of all people.
    pub(crate) async fn update_people(
        &mut self,
        from: &PeopleSource<'_>,
    ) -> Result<Option<PeopleChanges>, Error> {
        let project = Arc::clone(&self.before.tables().project);
        let records = project.roles().person_records();
        let people = self.touched_people(from, records).await?;
        let mut consent = ConsentChanges::default();
        let mut devices = KeySet::default();
        if !people.is_empty() {
            let records = match records {
                Some(records) => self.records_of(records, &people).await?,
                None => Some(Vec::new()),
            };
            let Some(records) = records else {
                return Ok(None);
            };
            let Some(changes) = self.update_consent(from, &people, &records).await? else {
                return Ok(None);
            };
            consent = changes;
            let Some(with_changed_claims) = self.update_claims(&people, &records).await? else {
                return Ok(None);
            };
            devices = with_changed_claims;
        }
        let lost_devices = self.update_owners(from, &consent.changed, devices).await?;
        Ok(lost_devices.map(|lost_devices| PeopleChanges {
            withdrawn: consent.withdrawn,
            lost_devices,
        }))
    }

    /// All records of these people, [`person_records::shaped`].
    async fn records_of(
        &self,
        records: &PersonRecords,
        people: &KeySet,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let key = PartitionKey::new(&records.subject, KeyKind::Subject);
        let columns = person_records::columns(records);
        let table = records.table.as_ref();
        let Some(rows) = self.rows_with_keys(table, &columns, &key, people).await? else {
            return Ok(None);
        };
        let shaped = rows
            .after
            .iter()
            .map(|batch| person_records::shaped(records, batch).map_err(people_error));
        shaped.collect::<Result<_, _>>().map(Some)
    }

    /// The people whose consent must be derived again: those with new records or entries,
    /// and those whose consent began or ended.
    async fn touched_people(
        &mut self,
        from: &PeopleSource<'_>,
        records: Option<&PersonRecords>,
    ) -> Result<KeySet, Error> {
        let mut people = KeySet::default();
        if let Some(records) = records
            && let Some(difference) = self.differences.get(records.table.as_ref())
        {
            for batch in difference.changed_rows() {
                let names = column(batch, &records.subject)?;
                people
                    .add_column(&names, KeyKind::Subject)
                    .map_err(people_error)?;
            }
        }
        for name in from.entered {
            people.insert(hash(name));
        }
        if !from.consent_began_or_ended {
            return Ok(people);
        }
        let sql = in_force::began_or_ended("subject", from.last_ms, from.now_ms);
        for batch in rows(&self.before, &sql).await? {
            for keys in [&mut people, &mut self.time_affected_people] {
                let subjects = batch.column(0);
                keys.add_column(subjects, KeyKind::Subject)
                    .map_err(people_error)?;
            }
        }
        Ok(people)
    }
}

async fn rows(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let stream = session.query(sql).await?.stream()?;
    Ok(stream.try_collect().await.map_err(Query::failed)?)
}
