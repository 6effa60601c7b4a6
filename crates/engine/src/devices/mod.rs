//! Whose device a device is: `system.device_owner`.
//!
//! Fulfilment once reused serial numbers, so what a customer record claims is
//! checked against the readings: a person and their device report the same
//! instants. How that is counted and decided is `privacy::ownership`'s; here it
//! is read, and the answer becomes a table.
//!
//! Where exactly one person claims each device that reports, only devices and
//! phones of people who agreed are looked at. As soon as one claim is not clear
//! or does not hold, everybody's are, since anybody may be the owner.

mod claims;
mod readings;
mod rows;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use privacy::ownership::{
    Claim, Claims, Owned, Stretch, claim_holds, contested, may_be_passed_on, owners,
};

use crate::consent::Consents;
use crate::landing::Source;
use crate::numbers::Numbers;
use crate::{Error, Session};
use claims::Claimed;
use readings::{Phones, Reported};

pub(crate) use claims::CLAIM_COLUMNS;

/// The landing table of what devices report: serial number and instant.
pub(crate) const DEVICES: (&str, [&str; 2]) = (
    "step_trainer_landing",
    ["serialnumber", "sensorreadingtime"],
);

/// The landing table of what people's phones report: person and instant.
pub(crate) const PHONES: (&str, [&str; 2]) = ("accelerometer_landing", ["user", "timestamp"]);

/// Derives the owners of all devices.
///
/// # Errors
/// [`Error::Execution`] or [`Error::Landing`] where landing cannot be read.
pub(crate) async fn derive(
    session: &Session,
    sources: &HashMap<String, Arc<Source>>,
    consents: &Consents,
) -> Result<RecordBatch, Error> {
    let (Some(devices), Some(phones)) = (sources.get(DEVICES.0), sources.get(PHONES.0)) else {
        return Ok(rows::table(&[], &Numbers::default(), &Numbers::default()));
    };
    let mut people = Numbers::default();
    let mut serials = Numbers::default();
    let claimed = claims::read(session, &mut people, &mut serials, consents).await?;
    let reading = Reading {
        session,
        devices,
        phones,
        claimed: &claimed,
    };
    // Most often every claim is clear, and half the people need not be read.
    if let Some(owners) = reading.owners(&mut people, &mut serials, false).await? {
        return Ok(rows::table(&owners, &people, &serials));
    }
    let owners = reading.owners(&mut people, &mut serials, true).await?;
    Ok(rows::table(&owners.unwrap_or_default(), &people, &serials))
}

/// What is known of one device, by one owner or by nobody.
#[derive(Debug, Clone, Copy)]
struct Found {
    device: u32,
    owner: Option<Owner>,
    valid_from: Option<i64>,
    valid_to: Option<i64>,
    last_reading: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    person: u32,
    claimed: bool,
    support: Option<u32>,
    runner_up: Option<u32>,
}

struct Reading<'a> {
    session: &'a Session,
    devices: &'a Arc<Source>,
    phones: &'a Arc<Source>,
    claimed: &'a Claimed,
}

impl Reading<'_> {
    /// The owners, looking at those who agreed alone or at `everybody`. `None`
    /// where the former is not enough.
    async fn owners(
        &self,
        people: &mut Numbers,
        serials: &mut Numbers,
        everybody: bool,
    ) -> Result<Option<Vec<Found>>, Error> {
        let Reported {
            instants,
            last,
            serials: known,
        } = readings::devices(
            self.session,
            self.devices,
            std::mem::take(serials),
            |device| everybody || self.claimed.is_looked_at(device),
        )
        .await?;
        *serials = known;
        let instants = Arc::new(instants);
        let reports = |device: u32| last.get(device as usize).copied().flatten();
        let claimants: Vec<Option<u32>> = (0..serials.len() as u32)
            .map(|device| match self.claimed.by(device) {
                claims::By::One(person) if everybody || self.claimed.agrees(person) => Some(person),
                _ => None,
            })
            .collect();
        let unclear = |device: u32| {
            reports(device).is_some() && !matches!(self.claimed.by(device), claims::By::One(_))
        };
        if !everybody && (0..serials.len() as u32).any(unclear) {
            return Ok(None);
        }

        let claims = Arc::new(Claims::new(Arc::clone(&instants), &claimants));
        let looked_at = Phones {
            session: self.session,
            source: self.phones,
        };
        let known = std::mem::take(people);
        *people = looked_at.mark(known, &claims, everybody).await?;

        let mut found = Vec::new();
        let mut open = Vec::new();
        for device in 0..serials.len() as u32 {
            let count = instants.of(device).len();
            let sole = |owner: Option<Owner>| Found {
                device,
                owner,
                valid_from: None,
                valid_to: None,
                last_reading: reports(device),
            };
            let claimed = |person: u32, support: Option<u32>| Owner {
                person,
                claimed: true,
                support,
                runner_up: None,
            };
            match (
                self.claimed.by(device),
                claimants.get(device as usize).copied().flatten(),
            ) {
                // Nobody's readings are looked at who did not agree.
                (claims::By::One(person), None) => found.push(sole(Some(claimed(person, None)))),
                (claims::By::One(_), Some(person)) => {
                    let shared = claims.shared(device);
                    let agreed = self.claimed.agrees(person).then_some(shared);
                    if count == 0 || !claims.has_reported(person) {
                        found.push(sole(Some(claimed(person, agreed))));
                    } else if claim_holds(count, shared) && !may_be_passed_on(count, shared) {
                        found.push(sole(Some(claimed(person, agreed))));
                    } else {
                        open.push((device, Some(Claim { person, shared })));
                    }
                }
                // Claimed by many and silent: there is nothing to tell it by.
                _ if count == 0 => {}
                _ => open.push((device, None)),
            }
        }
        if !everybody && !open.is_empty() {
            return Ok(None);
        }
        if !open.is_empty() {
            let wanted: Vec<u32> = open.iter().map(|(device, _)| *device).collect();
            let known = std::mem::take(people);
            let (known, gathered) = looked_at.gather(known, &instants, &wanted).await?;
            *people = known;
            let mut matcher = gathered.matcher();
            let mut stretches: Vec<(u32, Vec<Stretch>)> = Vec::new();
            for (device, claim) in open {
                stretches.push((device, owners(&mut matcher, instants.of(device), claim)));
            }
            drop(matcher);
            found.extend(settled(&instants, &claims, &found, stretches, |device| {
                reports(device)
            }));
        }
        Ok(Some(found))
    }
}

/// What was found by looking at the readings, less what another device of the
/// same person explains better.
fn settled(
    instants: &privacy::ownership::DeviceInstants,
    claims: &Claims,
    claimed: &[Found],
    stretches: Vec<(u32, Vec<Stretch>)>,
    reports: impl Fn(u32) -> Option<i64>,
) -> Vec<Found> {
    let mut owned: Vec<Owned> = claimed
        .iter()
        .filter_map(|found| {
            Some(Owned {
                device: found.device,
                person: found.owner?.person,
                support: claims.shared(found.device),
                claimed: true,
                valid_from: None,
                valid_to: None,
            })
        })
        .collect();
    let first = owned.len();
    for (device, stretches) in &stretches {
        owned.extend(stretches.iter().map(|stretch| stretch.of(*device)));
    }
    let taken_back = contested(instants, &owned);
    let mut place = first;
    let mut settled = Vec::new();
    for (device, stretches) in stretches {
        let several = stretches.len() > 1;
        let before = settled.len();
        for (at, stretch) in stretches.iter().enumerate() {
            let is_taken_back = taken_back.binary_search(&place).is_ok();
            place += 1;
            if is_taken_back {
                continue;
            }
            settled.push(Found {
                device,
                owner: Some(Owner {
                    person: stretch.owner.person,
                    claimed: stretch.claimed,
                    support: Some(stretch.owner.support),
                    runner_up: Some(stretch.owner.runner_up),
                }),
                valid_from: (several && at > 0).then_some(stretch.valid_from),
                valid_to: stretch.valid_to,
                last_reading: match stretch.valid_to {
                    None => reports(device),
                    Some(end) => {
                        let all = instants.of(device);
                        all[..all.partition_point(|at| *at < end)].last().copied()
                    }
                },
            });
        }
        if settled.len() == before {
            settled.push(Found {
                device,
                owner: None,
                valid_from: None,
                valid_to: None,
                last_reading: reports(device),
            });
        }
    }
    settled
}
