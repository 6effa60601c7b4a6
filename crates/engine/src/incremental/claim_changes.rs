//! Changes of `system.device_claim`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use privacy::normalize_subject;

use super::columns::{people_error, system_columns};
use super::difference::Difference;
use super::keys::KeySet;
use super::partition_analysis::{KeyKind, PartitionKey};
use super::table_changes::TableChanges;
use crate::Error;
use crate::subjects::person_records;
use query::landing::hash;
use query::system::{DEVICE_CLAIM, long, text};

/// A claimed device and its claimant.
pub(super) type Claim = (String, String);

impl TableChanges {
    /// Derives the claims of these people again from their `records`, and records the
    /// difference. Returns the devices with changed claims; `None` if the present claims
    /// cannot be found.
    pub(super) async fn update_claims(
        &mut self,
        people: &KeySet,
        records: &[RecordBatch],
    ) -> Result<Option<KeySet>, Error> {
        let table = DEVICE_CLAIM.full_name();
        let columns = system_columns(&DEVICE_CLAIM);
        let by_subject = PartitionKey::new("subject", KeyKind::Subject);
        let published = self
            .rows_with_keys(&table, &columns, &by_subject, people)
            .await?;
        let Some(published) = published else {
            return Ok(None);
        };
        let old: BTreeSet<Claim> = claims_in(&published.before)
            .map(|(claim, _)| claim)
            .collect();
        let new = newest_claims(records);
        let mut devices = KeySet::default();
        for (serial, _) in old.symmetric_difference(&new) {
            devices.insert(hash(serial));
        }
        if devices.is_empty() {
            return Ok(Some(devices));
        }
        let by_device = PartitionKey::new("serialnumber", KeyKind::Value);
        let published = self
            .rows_with_keys(&table, &columns, &by_device, &devices)
            .await?;
        let Some(published) = published else {
            return Ok(None);
        };
        // Claims of other people to the same devices stay.
        let all_claims = claims_in(&published.before).map(|(claim, _)| claim);
        let mut claims: BTreeSet<Claim> = all_claims
            .filter(|(_, person)| !people.contains(hash(person)))
            .collect();
        claims.extend(
            new.into_iter()
                .filter(|(serial, _)| devices.contains(hash(serial))),
        );
        let now = claim_rows(&claims);
        let difference = Difference::between(&published.before, &[now]).map_err(people_error)?;
        self.record(table, difference);
        Ok(Some(devices))
    }
}

/// All claims to some devices as rows of `system.device_claim`.
fn claim_rows(claims: &BTreeSet<Claim>) -> RecordBatch {
    let mut claimants: BTreeMap<&str, i64> = BTreeMap::new();
    for (serial, _) in claims {
        *claimants.entry(serial).or_default() += 1;
    }
    DEVICE_CLAIM.batch(vec![
        text(claims.iter().map(|(serial, _)| serial.as_str())),
        text(claims.iter().map(|(_, person)| person.as_str())),
        long(
            claims
                .iter()
                .map(|(serial, _)| claimants.get(serial.as_str()).copied()),
        ),
    ])
}

/// The claims in rows of `system.device_claim`, each with the number of claimants of its
/// device.
pub(super) fn claims_in(rows: &[RecordBatch]) -> impl Iterator<Item = (Claim, i64)> {
    rows.iter().flat_map(|batch| {
        let (serials, people) = (
            batch.column(0).as_string_view(),
            batch.column(1).as_string_view(),
        );
        let claimants = batch.column(2).as_primitive::<Int64Type>();
        (0..batch.num_rows()).map(|row| {
            let claim = (serials.value(row).to_owned(), people.value(row).to_owned());
            (claim, claimants.value(row))
        })
    })
}

/// The claims of each person's newest records, out of [`person_records::shaped`] records.
/// Several records may be the newest.
fn newest_claims(records: &[RecordBatch]) -> BTreeSet<Claim> {
    let mut newest: HashMap<String, (i64, BTreeSet<String>)> = HashMap::new();
    for batch in records {
        let emails = batch.column(person_records::SUBJECT).as_string_view();
        let serials = batch.column(person_records::DEVICE).as_string_view();
        let times = batch.column(person_records::TIME);
        let times = times.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let person = normalize_subject(emails.value(row));
            if person.is_empty() {
                continue;
            }
            let time = times.value(row);
            let (newest_time, claims) = newest
                .entry(person.into_owned())
                .or_insert_with(|| (i64::MIN, BTreeSet::new()));
            if time > *newest_time {
                *newest_time = time;
                claims.clear();
            }
            let names_device = serials.is_valid(row) && !serials.value(row).trim().is_empty();
            if time == *newest_time && names_device {
                claims.insert(serials.value(row).to_owned());
            }
        }
    }
    let people = newest.into_iter();
    people
        .flat_map(|(person, (_, claims))| {
            claims
                .into_iter()
                .map(move |serial| (serial, person.clone()))
        })
        .collect()
}
