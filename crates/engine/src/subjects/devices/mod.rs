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
    Claim, ClaimCounter, DeviceInstants, Ownership, OwnershipPeriod, claim_holds, find_contested,
    may_have_changed_owner, owners,
};

use crate::Error;
use crate::subjects::known::Known;
use claims::{By, Claimed};
use query::Session;
use query::interner::Interner;
use query::landing::{Listener, Source};
use readings::{Claimants, Phones, ReadingFiles, Reported};
use rows::{Found, Owner};

/// The search for owners, begun before the models that read phones and ended
/// behind them: what they read need not be read twice.
pub(crate) struct Search {
    claimed: Claimed,
    devices: Vec<ReadingFiles>,
    phones: Vec<ReadingFiles>,
    begun: Option<Begun>,
    serials: Interner,
}

/// What was read of devices, and who claims them.
struct Begun {
    instants: Arc<DeviceInstants>,
    last: Vec<Option<i64>>,
    claimants: Arc<Claimants>,
    /// The sole claimant of each device, as far as they are looked at.
    by_device: Vec<Option<u32>>,
}

impl Search {
    /// Reads claims and devices; gives the rows of `system.device_claim`, too.
    /// `None` where there are no person records or no readings of devices.
    ///
    /// # Errors
    /// [`Error::Query`] where landing cannot be read.
    pub(crate) async fn begin(
        session: &Session,
        sources: &HashMap<String, Arc<Source>>,
        agreed: &Known,
    ) -> Result<Option<(Self, RecordBatch)>, Error> {
        let roles = session.tables().project.roles();
        let devices = ReadingFiles::listed(roles.device_readings(), sources);
        let Some(records) = roles.person_records().filter(|_| !devices.is_empty()) else {
            return Ok(None);
        };
        let (mut people, mut serials) = (Interner::default(), Interner::default());
        let (claimed, rows) =
            claims::read(session, records, &mut people, &mut serials, agreed).await?;
        let mut search = Self {
            claimed,
            devices,
            phones: ReadingFiles::listed(roles.person_readings(), sources),
            begun: None,
            serials,
        };
        search.begun = Some(search.read_devices(session, people, false).await?);
        Ok(Some((search, rows)))
    }

    /// Who wants to hear what phones reported, and the landing table of that. Of
    /// several tables nothing is heard: each is read.
    pub(crate) fn listener(&self) -> Option<(&str, Arc<dyn Listener>)> {
        let begun = self.begun.as_ref()?;
        let [phones] = self.phones.as_slice() else {
            return None;
        };
        let table = phones.table.table.as_ref();
        Some((table, Arc::clone(&begun.claimants) as _))
    }

    /// Whether all has been heard that the usual case needs.
    pub(crate) fn has_heard(&self) -> bool {
        let begun = self.begun.as_ref();
        begun.is_some_and(|begun| begun.claimants.have_been_heard())
    }

    /// The rows of `system.device_owner`.
    ///
    /// # Errors
    /// As [`Search::begin`].
    pub(crate) async fn end(mut self, session: &Session) -> Result<RecordBatch, Error> {
        let Some(begun) = self.begun.take() else {
            return Ok(rows::table(&[], &Interner::default(), &Interner::default()));
        };
        // Most often every claim is clear, and half the people need not be read.
        if self.all_clear(&begun) {
            if !begun.claimants.have_been_heard() {
                self.phones(session).mark(&begun.claimants).await?;
            }
            let (found, open) = self.by_claim(&begun);
            if open.is_empty() {
                return Ok(rows::table(&found, &begun.claimants.people, &self.serials));
            }
        }
        let people = begun.claimants.people.clone();
        drop(begun);
        let begun = self.read_devices(session, people, true).await?;
        self.phones(session).mark(&begun.claimants).await?;
        self.by_readings(session, begun).await
    }

    fn phones<'a>(&'a self, session: &'a Session) -> Phones<'a> {
        Phones {
            session,
            tables: &self.phones,
        }
    }

    /// Reads devices, those of people who agreed alone or of `everybody`.
    async fn read_devices(
        &mut self,
        session: &Session,
        people: Interner,
        everybody: bool,
    ) -> Result<Begun, Error> {
        let claimed = &self.claimed;
        let serials = std::mem::take(&mut self.serials);
        let Reported {
            instants,
            last,
            serials,
        } = readings::devices(session, &self.devices, serials, |device| {
            everybody || claimed.is_looked_at(device)
        })
        .await?;
        let instants = Arc::new(instants);
        let by_device: Vec<Option<u32>> = (0..serials.len() as u32)
            .map(|device| match claimed.by(device) {
                By::One(person) if everybody || claimed.agrees(person) => Some(person),
                _ => None,
            })
            .collect();
        let claims = ClaimCounter::new(Arc::clone(&instants), &by_device);
        self.serials = serials;
        Ok(Begun {
            instants,
            last,
            claimants: Arc::new(Claimants::new(people, claims, everybody, &self.phones)),
            by_device,
        })
    }

    /// Whether exactly one person claims each device that reports.
    fn all_clear(&self, begun: &Begun) -> bool {
        let mut reporting = begun
            .last
            .iter()
            .enumerate()
            .filter(|(_, last)| last.is_some());
        reporting.all(|(device, _)| matches!(self.claimed.by(device as u32), By::One(_)))
    }

    /// Devices whose claims hold, and those to be found by their readings.
    fn by_claim(&self, begun: &Begun) -> (Vec<Found>, Vec<(u32, Option<Claim>)>) {
        let mut found = Vec::new();
        let mut open = Vec::new();
        let claims = &begun.claimants.claims;
        for (device, looked_at) in (0..).zip(&begun.by_device) {
            // The table is of devices that report.
            if begun.last.get(device as usize).copied().flatten().is_none() {
                continue;
            }
            let count = begun.instants.of(device).len();
            let mut settle = |person: u32, support: Option<u32>| {
                let owner = Owner {
                    person,
                    claimed: true,
                    support,
                    runner_up: None,
                };
                found.push(Found {
                    owner: Some(owner),
                    ..begun.nobodys(device)
                });
            };
            match (self.claimed.by(device), *looked_at) {
                // Nobody's readings are looked at who did not agree.
                (By::One(person), None) => settle(person, None),
                (By::One(_), Some(person)) => {
                    let shared = claims.shared_instants(device);
                    let silent = count == 0 || !claims.has_reported(person);
                    let holds =
                        claim_holds(count, shared) && !may_have_changed_owner(count, shared);
                    if silent || holds {
                        settle(person, self.claimed.agrees(person).then_some(shared));
                    } else {
                        open.push((device, Some(Claim { person, shared })));
                    }
                }
                // Claimed by many and silent: there is nothing to tell it by.
                _ if count == 0 => {}
                _ => open.push((device, None)),
            }
        }
        (found, open)
    }

    /// Looks at everybody's readings for devices whose claim is not clear.
    async fn by_readings(&self, session: &Session, begun: Begun) -> Result<RecordBatch, Error> {
        let (mut found, open) = self.by_claim(&begun);
        let wanted: Vec<u32> = open.iter().map(|(device, _)| *device).collect();
        let Begun {
            instants,
            last,
            claimants,
            ..
        } = begun;
        let people = claimants.people.clone();
        let (people, gathered) = self
            .phones(session)
            .gather(people, &instants, &wanted)
            .await?;
        let mut matcher = gathered.matcher();
        let stretches: Vec<(u32, Vec<OwnershipPeriod>)> = open
            .into_iter()
            .map(|(device, claim)| (device, owners(&mut matcher, instants.of(device), claim)))
            .collect();
        let reports = |device: u32| last.get(device as usize).copied().flatten();
        let mut matched = settled(&instants, &claimants.claims, &found, stretches, reports);
        for owner in matched.iter_mut().filter_map(|found| found.owner.as_mut()) {
            // What was counted of somebody who did not agree is not told.
            if owner.claimed && !self.claimed.agrees(owner.person) {
                (owner.support, owner.runner_up) = (None, None);
            }
        }
        found.extend(matched);
        Ok(rows::table(&found, &people, &self.serials))
    }
}

impl Begun {
    fn nobodys(&self, device: u32) -> Found {
        Found {
            device,
            owner: None,
            valid_from: None,
            valid_to: None,
            last_reading: self.last.get(device as usize).copied().flatten(),
        }
    }
}

/// What was found by looking at the readings, less what another device of the
/// same person explains better.
fn settled(
    instants: &DeviceInstants,
    claims: &ClaimCounter,
    claimed: &[Found],
    stretches: Vec<(u32, Vec<OwnershipPeriod>)>,
    reports: impl Fn(u32) -> Option<i64>,
) -> Vec<Found> {
    let mut owned: Vec<Ownership> = claimed
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
    let first = owned.len();
    for (device, stretches) in &stretches {
        owned.extend(stretches.iter().map(|stretch| stretch.of(*device)));
    }
    let taken_back = find_contested(instants, &owned);
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
