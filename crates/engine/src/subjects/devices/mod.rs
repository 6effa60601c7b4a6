//! Finds the owners of devices: `system.device_owner`.
//!
//! Two devices may share a serial number, so a person record's claim is checked against the
//! readings: a person and their device report at the same instants. The rules are in
//! `privacy::ownership`; this module reads the readings and makes the table.
//!
//! If exactly one person claims each device with readings, only the readings of consenting
//! people and their devices are examined. If one claim is not clear or does not hold, those
//! of everybody are, since anybody may be the owner.

mod claims;
mod readings;
mod rows;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use privacy::ownership::{
    Claim, ClaimCounter, DeviceInstants, Ownership, OwnershipPeriod, claim_holds, find_contested,
    may_have_changed_owner, owners,
};

use crate::Error;
use crate::subjects::name_hashes::NameHashes;
use claims::{ClaimedBy, Claims};
use query::Session;
use query::interner::Interner;
use query::landing::{Listener, Source};
use readings::{Claimants, PersonReadingFiles, ReadingFiles, Reported};
use rows::{FoundOwner, Owner};

/// The search for owners. It begins before the models that read people's readings and ends
/// after them, so that these readings need not be read twice.
pub(crate) struct OwnerSearch {
    claims: Claims,
    device_readings: Vec<ReadingFiles>,
    person_readings: Vec<ReadingFiles>,
    examined: Option<ExaminedDevices>,
    serials: Interner,
}

/// The readings of examined devices, and their claimants.
struct ExaminedDevices {
    instants: Arc<DeviceInstants>,
    last: Vec<Option<i64>>,
    claimants: Arc<Claimants>,
    /// The only claimant of each device, if the claimant's readings are examined.
    only_claimants: Vec<Option<u32>>,
}

impl OwnerSearch {
    /// Reads claims and readings of devices. Also returns the rows of
    /// `system.device_claim`. `None` if there are no person records or no readings of
    /// devices.
    ///
    /// # Errors
    /// [`Error::Query`] if landing cannot be read.
    pub(crate) async fn begin(
        session: &Session,
        sources: &HashMap<String, Arc<Source>>,
        consenting: &NameHashes,
    ) -> Result<Option<(Self, RecordBatch)>, Error> {
        let roles = session.tables().project.roles();
        let device_readings = ReadingFiles::listed(roles.device_readings(), sources);
        let records = roles.person_records();
        let Some(records) = records.filter(|_| !device_readings.is_empty()) else {
            return Ok(None);
        };
        let (mut people, mut serials) = (Interner::default(), Interner::default());
        let (claims, rows) =
            claims::read(session, records, &mut people, &mut serials, consenting).await?;
        let mut search = Self {
            claims,
            device_readings,
            person_readings: ReadingFiles::listed(roles.person_readings(), sources),
            examined: None,
            serials,
        };
        search.examined = Some(search.read_devices(session, people, false).await?);
        Ok(Some((search, rows)))
    }

    /// The landing table of people's readings, and the listener for scans of it. `None` if
    /// there are several such tables: they are read separately.
    pub(crate) fn listener(&self) -> Option<(&str, Arc<dyn Listener>)> {
        let examined = self.examined.as_ref()?;
        let [readings] = self.person_readings.as_slice() else {
            return None;
        };
        let table = readings.table.table.as_ref();
        Some((table, Arc::clone(&examined.claimants) as _))
    }

    /// Whether the listener has received all readings that clear claims need.
    pub(crate) fn has_read_claimants(&self) -> bool {
        let examined = self.examined.as_ref();
        examined.is_some_and(|examined| examined.claimants.are_read())
    }

    /// The rows of `system.device_owner`.
    ///
    /// # Errors
    /// As [`OwnerSearch::begin`].
    pub(crate) async fn end(mut self, session: &Session) -> Result<RecordBatch, Error> {
        let Some(examined) = self.examined.take() else {
            return Ok(rows::owner_rows(
                &[],
                &Interner::default(),
                &Interner::default(),
            ));
        };
        // Mostly every claim is clear. Then readings of people without consent need not be
        // read.
        if self.all_claims_are_clear(&examined) {
            if !examined.claimants.are_read() {
                let readings = self.person_reading_files(session);
                readings.count_shared(&examined.claimants).await?;
            }
            let (found, open) = self.owners_by_claim(&examined);
            if open.is_empty() {
                let people = &examined.claimants.people;
                return Ok(rows::owner_rows(&found, people, &self.serials));
            }
        }
        let people = examined.claimants.people.clone();
        drop(examined);
        let examined = self.read_devices(session, people, true).await?;
        let readings = self.person_reading_files(session);
        readings.count_shared(&examined.claimants).await?;
        self.owners_by_readings(session, examined).await
    }

    fn person_reading_files<'a>(&'a self, session: &'a Session) -> PersonReadingFiles<'a> {
        PersonReadingFiles {
            session,
            tables: &self.person_readings,
        }
    }

    /// Reads the readings of devices: all, or only those that clear claims need.
    async fn read_devices(
        &mut self,
        session: &Session,
        people: Interner,
        everybody: bool,
    ) -> Result<ExaminedDevices, Error> {
        let claims = &self.claims;
        let serials = std::mem::take(&mut self.serials);
        let Reported {
            instants,
            last,
            serials,
        } = readings::read_devices(session, &self.device_readings, serials, |device| {
            everybody || claims.is_examined(device)
        })
        .await?;
        let instants = Arc::new(instants);
        let only_claimants: Vec<Option<u32>> = (0..serials.len() as u32)
            .map(|device| match claims.claimed_by(device) {
                ClaimedBy::One(person) if everybody || claims.consents(person) => Some(person),
                _ => None,
            })
            .collect();
        let counter = ClaimCounter::new(Arc::clone(&instants), &only_claimants);
        self.serials = serials;
        let claimants = Claimants::new(people, counter, everybody, &self.person_readings);
        Ok(ExaminedDevices {
            instants,
            last,
            claimants: Arc::new(claimants),
            only_claimants,
        })
    }

    /// Whether exactly one person claims each device with readings.
    fn all_claims_are_clear(&self, examined: &ExaminedDevices) -> bool {
        let mut reporting = examined
            .last
            .iter()
            .enumerate()
            .filter(|(_, last)| last.is_some());
        reporting
            .all(|(device, _)| matches!(self.claims.claimed_by(device as u32), ClaimedBy::One(_)))
    }

    /// The owners whose claims hold, and the devices whose owners only readings can tell.
    fn owners_by_claim(
        &self,
        examined: &ExaminedDevices,
    ) -> (Vec<FoundOwner>, Vec<(u32, Option<Claim>)>) {
        let mut found = Vec::new();
        let mut open = Vec::new();
        let claims = &examined.claimants.claims;
        for (device, examined_claimant) in (0..).zip(&examined.only_claimants) {
            // Only devices with readings are in the table.
            if examined.last_reading(device).is_none() {
                continue;
            }
            let count = examined.instants.of(device).len();
            let mut push_owner = |person: u32, support: Option<u32>| {
                let owner = Owner {
                    person,
                    claimed: true,
                    support,
                    runner_up: None,
                };
                found.push(FoundOwner {
                    owner: Some(owner),
                    ..examined.without_owner(device)
                });
            };
            match (self.claims.claimed_by(device), *examined_claimant) {
                // Readings of people without consent are not examined.
                (ClaimedBy::One(person), None) => push_owner(person, None),
                (ClaimedBy::One(_), Some(person)) => {
                    let shared = claims.shared_instants(device);
                    let lacks_readings = count == 0 || !claims.has_reported(person);
                    let holds =
                        claim_holds(count, shared) && !may_have_changed_owner(count, shared);
                    if lacks_readings || holds {
                        let support = self.claims.consents(person).then_some(shared);
                        push_owner(person, support);
                    } else {
                        open.push((device, Some(Claim { person, shared })));
                    }
                }
                // Several claimants and no examined readings: the owner cannot be found.
                _ if count == 0 => {}
                _ => open.push((device, None)),
            }
        }
        (found, open)
    }

    /// Finds the owners of devices without a clear claim by the readings of all people.
    async fn owners_by_readings(
        &self,
        session: &Session,
        examined: ExaminedDevices,
    ) -> Result<RecordBatch, Error> {
        let (mut found, open) = self.owners_by_claim(&examined);
        let wanted: Vec<u32> = open.iter().map(|(device, _)| *device).collect();
        let ExaminedDevices {
            instants,
            last,
            claimants,
            ..
        } = examined;
        let people = claimants.people.clone();
        let (people, by_instant) = self
            .person_reading_files(session)
            .collect_at_instants(people, &instants, &wanted)
            .await?;
        let mut matcher = by_instant.matcher();
        let periods: Vec<(u32, Vec<OwnershipPeriod>)> = open
            .into_iter()
            .map(|(device, claim)| (device, owners(&mut matcher, instants.of(device), claim)))
            .collect();
        let last_reading = |device: u32| last.get(device as usize).copied().flatten();
        let mut matched =
            matched_owners(&instants, &claimants.claims, &found, periods, last_reading);
        for owner in matched.iter_mut().filter_map(|found| found.owner.as_mut()) {
            // Counts of readings of people without consent are not published.
            if owner.claimed && !self.claims.consents(owner.person) {
                (owner.support, owner.runner_up) = (None, None);
            }
        }
        found.extend(matched);
        Ok(rows::owner_rows(&found, &people, &self.serials))
    }
}

impl ExaminedDevices {
    fn last_reading(&self, device: u32) -> Option<i64> {
        self.last.get(device as usize).copied().flatten()
    }

    fn without_owner(&self, device: u32) -> FoundOwner {
        FoundOwner {
            device,
            owner: None,
            valid_from: None,
            valid_to: None,
            last_reading: self.last_reading(device),
        }
    }
}

/// The owners found by readings. Leaves out periods whose readings another device of the same
/// person explains better.
fn matched_owners(
    instants: &DeviceInstants,
    claims: &ClaimCounter,
    found_by_claim: &[FoundOwner],
    periods: Vec<(u32, Vec<OwnershipPeriod>)>,
    last_reading: impl Fn(u32) -> Option<i64>,
) -> Vec<FoundOwner> {
    let mut ownerships: Vec<Ownership> = found_by_claim
        .iter()
        .filter_map(|found| {
            Some(Ownership {
                device: found.device,
                person: found.owner?.person,
                support: claims.shared_instants(found.device),
                claimed: true,
                valid_from: None,
                valid_to: None,
            })
        })
        .collect();
    let mut index = ownerships.len();
    for (device, periods) in &periods {
        ownerships.extend(periods.iter().map(|period| period.of(*device)));
    }
    let contested = find_contested(instants, &ownerships);
    let mut found = Vec::new();
    for (device, periods) in periods {
        let has_several = periods.len() > 1;
        let count_before = found.len();
        for (number, period) in periods.iter().enumerate() {
            let is_contested = contested.binary_search(&index).is_ok();
            index += 1;
            if is_contested {
                continue;
            }
            found.push(FoundOwner {
                device,
                owner: Some(Owner {
                    person: period.owner.person,
                    claimed: period.claimed,
                    support: Some(period.owner.support),
                    runner_up: Some(period.owner.runner_up),
                }),
                valid_from: (has_several && number > 0).then_some(period.valid_from),
                valid_to: period.valid_to,
                last_reading: match period.valid_to {
                    None => last_reading(device),
                    Some(end) => {
                        let all = instants.of(device);
                        all[..all.partition_point(|at| *at < end)].last().copied()
                    }
                },
            });
        }
        if found.len() == count_before {
            found.push(FoundOwner {
                device,
                owner: None,
                valid_from: None,
                valid_to: None,
                last_reading: last_reading(device),
            });
        }
    }
    found
}
