//! Claims of devices, from the newest records of people.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use catalog::PersonRecords;
use futures::StreamExt;

use crate::Error;
use crate::subjects::name_hashes::{NameHashes, hash_name};
use crate::subjects::person_records;
use query::Query;
use query::Session;
use query::interner::Interner;
use query::system::{DEVICE_CLAIM, long};

/// The claimants of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimedBy {
    Nobody,
    One(u32),
    Several,
}

/// All claims.
#[derive(Debug)]
pub(super) struct Claims {
    by_device: Vec<ClaimedBy>,
    /// ClaimedBy person: whether the person consents to research now.
    consents: Vec<bool>,
}

impl Claims {
    pub(super) fn claimed_by(&self, device: u32) -> ClaimedBy {
        let claimed_by = self.by_device.get(device as usize);
        claimed_by.copied().unwrap_or(ClaimedBy::Nobody)
    }

    /// Whether the person consents to research now.
    pub(super) fn consents(&self, person: u32) -> bool {
        self.consents.get(person as usize).copied().unwrap_or(false)
    }

    /// Whether the readings of a device are examined even if all claims are clear.
    pub(super) fn is_examined(&self, device: u32) -> bool {
        match self.claimed_by(device) {
            ClaimedBy::One(person) => self.consents(person),
            _ => true,
        }
    }
}

/// Reads all claims. Returns them, and as rows of `system.device_claim`. Numbers the people
/// and devices named in them.
pub(super) async fn read(
    session: &Session,
    records: &PersonRecords,
    people: &mut Interner,
    devices: &mut Interner,
    consenting: &NameHashes,
) -> Result<(Claims, RecordBatch), Error> {
    let records = session.query(&person_records::claim_query(records)).await?;
    // Several records may be the newest. Then each of them claims its device.
    let mut newest: Vec<(i64, Vec<u32>)> = Vec::new();
    let mut batches = records.stream()?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Query::failed)?;
        let subjects = batch.column(0).as_string_view();
        let updated = batch.column(1).as_primitive::<Int64Type>();
        let serials = batch.column(2).as_string_view();
        for row in 0..batch.num_rows() {
            let person = people.number(subjects.value(row)) as usize;
            if newest.len() <= person {
                newest.resize(person + 1, (i64::MIN, Vec::new()));
            }
            let (time, claims) = &mut newest[person];
            if updated.value(row) > *time {
                *time = updated.value(row);
                claims.clear();
            }
            let names_device = serials.is_valid(row) && !serials.value(row).trim().is_empty();
            if updated.value(row) == *time && names_device {
                let device = devices.number(serials.value(row));
                if !claims.contains(&device) {
                    claims.push(device);
                }
            }
        }
    }
    let mut by_device = vec![ClaimedBy::Nobody; devices.len()];
    for (person, (_, claims)) in newest.iter().enumerate() {
        for device in claims {
            let claimed_by = &mut by_device[*device as usize];
            *claimed_by = match *claimed_by {
                ClaimedBy::Nobody => ClaimedBy::One(person as u32),
                _ => ClaimedBy::Several,
            };
        }
    }
    let mut claimants = vec![0_i64; devices.len()];
    for device in newest.iter().flat_map(|(_, claims)| claims) {
        claimants[*device as usize] += 1;
    }
    let claims = || {
        let people = (0..).zip(&newest);
        people.flat_map(|(person, (_, claims))| claims.iter().map(move |device| (person, *device)))
    };
    let rows = DEVICE_CLAIM.batch(vec![
        devices.column(claims().map(|(_, device)| device)),
        people.column(claims().map(|(person, _)| person)),
        long(claims().map(|(_, device)| Some(claimants[device as usize]))),
    ]);
    let consents = people
        .iter()
        .map(|name| consenting.contains(&hash_name(name)));
    let all_claims = Claims {
        consents: consents.collect(),
        by_device,
    };
    Ok((all_claims, rows))
}
