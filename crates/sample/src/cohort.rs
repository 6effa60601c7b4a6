//! The people of one cohort: the plan's places filled in by chance.

use crate::lanes::{INSTANTS, LANES_MAX, Lane, Times};
use crate::names::{DOMAINS, FIRST, LAST};
use crate::plan::{Agreement, COHORT_PEOPLE, Place, Plan, Update};
use crate::random::{Random, mix};
use crate::readings::{Missing, Readings};
use crate::record::{ConsentDate, CustomerRecord};

/// A person with their device and everything that is known of both.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
    /// Ten digits.
    pub(super) phone: String,
    /// From 967 to 1999; landing shows it without leading zeros.
    pub(super) birth_year: u64,
    /// A UUID.
    pub(super) serial_number: String,
    pub(super) record: Record,
    pub(super) agreement: Agreement,
    pub(super) times: Times,
    pub(super) readings: Readings,
}

/// The dates of a customer record, in epoch milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) registered_ms: u64,
    pub(super) updated_ms: u64,
    /// When the person agreed to what their agreement names, if to anything.
    pub(super) agreed_ms: u64,
}

impl Person {
    /// The person's one record.
    pub(super) fn customer_record(&self) -> CustomerRecord<'_> {
        let date = |agreed| match agreed {
            true => ConsentDate::At(self.record.agreed_ms),
            false => ConsentDate::LeftOut,
        };
        CustomerRecord {
            name: &self.name,
            email: &self.email,
            phone: &self.phone,
            birth_year: self.birth_year,
            serial_number: &self.serial_number,
            registered_ms: self.record.registered_ms,
            updated_ms: self.record.updated_ms,
            research: date(self.agreement.research),
            public: date(self.agreement.public),
            friends: date(self.agreement.friends),
        }
    }
}

/// The first `count` people of a cohort, in the order in which they are
/// written: any.
pub(super) fn people(plan: &Plan, seed: u64, cohort: u64, count: usize) -> Vec<Person> {
    let mut random = Random::new(seed, cohort);
    let lanes: Vec<Lane> = plan
        .lanes
        .iter()
        .enumerate()
        .map(|(number, kind)| Lane::new(cohort, number, kind.shape, kind.places(), &mut random))
        .collect();
    debug_assert!(lanes.len() <= LANES_MAX);
    let mut names: Vec<(&str, &str)> = FIRST
        .iter()
        .flat_map(|first| LAST.iter().map(move |last| (*first, *last)))
        .collect();
    random.shuffle(&mut names);

    let places = &plan.places[..count];
    let mut missing = Missing::new(places);
    let mut people: Vec<Person> = places
        .iter()
        .zip(names)
        .enumerate()
        .map(|(index, (place, (first, last)))| {
            let lane = &lanes[place.lane];
            let times = lane.times(place.device);
            let missing = match place.before {
                Some(before) => {
                    let research = plan.lanes[place.lane].research;
                    let shared = lane.meetings(place.device, research);
                    missing.of_research(before, shared, &mut random)
                }
                None => missing.of_other(&mut random),
            };
            let number = cohort * COHORT_PEOPLE as u64 + index as u64;
            let domain = DOMAINS[random.below(DOMAINS.len() as u64) as usize];
            Person {
                name: format!("{first} {last}"),
                email: email(first, last, cohort, domain),
                phone: phone(&mut random),
                birth_year: 967 + random.below(2000 - 967),
                serial_number: serial_number(seed, number, &mut random),
                record: Record::new(place, times, &mut random),
                agreement: place.agreement,
                times,
                readings: Readings::new(missing, &mut random),
            }
        })
        .collect();
    random.shuffle(&mut people);
    people
}

// Within a cohort nobody has the name of another.
const _: () = assert!(FIRST.len() * LAST.len() >= COHORT_PEOPLE);

/// Names are different within a cohort; from the second on, its number keeps
/// them apart from those of the others.
fn email(first: &str, last: &str, cohort: u64, domain: &str) -> String {
    match cohort {
        0 => format!("{first}.{last}@{domain}"),
        _ => format!("{first}.{last}{}@{domain}", cohort + 1),
    }
}

/// One of the hundred numbers that are nobody's.
pub(super) fn phone(random: &mut Random) -> String {
    format!("80155501{:02}", random.below(100))
}

/// A UUID of version 4's layout. Of its 122 free bits 64 are the person's
/// number, mixed beyond recognition but never alike for two numbers; the
/// others are drawn.
pub(super) fn serial_number(seed: u64, number: u64, random: &mut Random) -> String {
    let unique = mix(number.wrapping_add(mix(seed)));
    let drawn = random.next();
    format!(
        "{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}",
        unique & 0xFFFF_FFFF,
        unique >> 32 & 0xFFFF,
        unique >> 48 & 0xFFF,
        8 | drawn & 0x3,
        unique >> 60 | (drawn >> 2 & 0xFF) << 4,
        drawn >> 10 & 0xFFFF_FFFF_FFFF,
    )
}

impl Record {
    fn new(place: &Place, times: Times, random: &mut Random) -> Self {
        let before = place.before.unwrap_or_else(|| random.below(13) as usize);
        let agreed_ms = agreed(before, times, random);
        let later_ms = 59_000 + random.below(10_000);
        let (registered_ms, updated_ms) = match place.update {
            Update::Agreed => (agreed_ms - later_ms, agreed_ms),
            Update::Ticked => (agreed_ms - 1, agreed_ms - 1),
            Update::Never => (agreed_ms, agreed_ms),
        };
        Record {
            registered_ms,
            updated_ms,
            agreed_ms,
        }
    }
}

/// A time with exactly `before` of the instants before it. One in eight is an
/// instant to the millisecond: a reading taken then is taken under consent.
fn agreed(before: usize, times: Times, random: &mut Random) -> u64 {
    let exact = random.below(8) == 0;
    match before {
        INSTANTS => times.at(INSTANTS - 1) + 1 + random.below(10_000),
        _ if exact => times.at(before),
        _ => times.at(before) - random.below(times.step_ms),
    }
}
