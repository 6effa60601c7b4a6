//! Who claims which device, by their newest record.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use catalog::PersonRecords;
use futures::StreamExt;

use crate::Error;
use crate::subjects::known::{Known, person};
use crate::subjects::person_records;
use query::Query;
use query::Session;
use query::interner::Interner;
use query::system::{DEVICE_CLAIM, long};

/// Who claims a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Nobody,
    One(u32),
    Several,
}

/// All claims.
#[derive(Debug)]
pub(super) struct Claimed {
    by_device: Vec<By>,
    /// By person.
    agrees: Vec<bool>,
}

impl Claimed {
    pub(super) fn by(&self, device: u32) -> By {
        let by = self.by_device.get(device as usize);
        by.copied().unwrap_or(By::Nobody)
    }

    /// Whether the person agrees to research now.
    pub(super) fn agrees(&self, person: u32) -> bool {
        self.agrees.get(person as usize).copied().unwrap_or(false)
    }

    /// Whether the device's readings are looked at though all claims be clear.
    pub(super) fn is_looked_at(&self, device: u32) -> bool {
        match self.by(device) {
            By::One(person) => self.agrees(person),
            _ => true,
        }
    }
}

/// Reads the claims, and gives them as rows of `system.device_claim`, too;
/// `people` and `devices` get their numbers.
pub(super) async fn read(
    session: &Session,
    records: &PersonRecords,
    people: &mut Interner,
    devices: &mut Interner,
    agreed: &Known,
) -> Result<(Claimed, RecordBatch), Error> {
    let records = session.query(&person_records::claim_query(records)).await?;
    // Several records may be the newest: each of them claims.
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
            let says = serials.is_valid(row) && !serials.value(row).trim().is_empty();
            if updated.value(row) == *time && says {
                let device = devices.number(serials.value(row));
                if !claims.contains(&device) {
                    claims.push(device);
                }
            }
        }
    }
    let mut by_device = vec![By::Nobody; devices.len()];
    for (person, (_, claims)) in newest.iter().enumerate() {
        for device in claims {
            let by = &mut by_device[*device as usize];
            *by = match *by {
                By::Nobody => By::One(person as u32),
                _ => By::Several,
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
    let agrees = people.iter().map(|name| agreed.contains(&person(name)));
    let claimed = Claimed {
        agrees: agrees.collect(),
        by_device,
    };
    Ok((claimed, rows))
}
