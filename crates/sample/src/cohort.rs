//! The people of one cohort: the plan, filled in at random.

use crate::names::{DOMAINS, FIRST, LAST};
use crate::plan::{COHORT_PEOPLE, ConsentTiming, Consents, PersonPlan, Plan};
use crate::random::{Random, mix};
use crate::readings::{MissingQuotas, Readings};
use crate::record::{ConsentDate, CustomerRecord};
use crate::schedule::{DeviceGroup, GROUPS_MAX, INSTANTS, ReportTimes};

/// A person: record, device and readings.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
    /// Ten digits.
    pub(super) phone: String,
    /// From 967 to 1999; landing has it without leading zeros.
    pub(super) birth_year: u64,
    /// A UUID.
    pub(super) serial_number: String,
    pub(super) record: RecordDates,
    pub(super) consents: Consents,
    pub(super) times: ReportTimes,
    pub(super) readings: Readings,
}

/// The dates of a customer record, in epoch milliseconds.
#[derive(Clone, Copy)]
pub(super) struct RecordDates {
    pub(super) registered_ms: u64,
    pub(super) updated_ms: u64,
    /// When the person consented to the purposes in `consents`, if to any.
    pub(super) agreed_ms: u64,
}

impl Person {
    /// The person's only customer record.
    pub(super) fn customer_record(&self) -> CustomerRecord<'_> {
        let date = |agreed| match agreed {
            true => ConsentDate::At(self.record.agreed_ms),
            false => ConsentDate::Absent,
        };
        CustomerRecord {
            name: &self.name,
            email: &self.email,
            phone: &self.phone,
            birth_year: self.birth_year,
            serial_number: &self.serial_number,
            registered_ms: self.record.registered_ms,
            updated_ms: self.record.updated_ms,
            research: date(self.consents.research),
            public: date(self.consents.public),
            friends: date(self.consents.friends),
        }
    }
}

/// The first `count` people of a cohort, in the random order in which they are
/// written.
pub(super) fn people(plan: &Plan, seed: u64, cohort: u64, count: usize) -> Vec<Person> {
    let mut random = Random::new(seed, cohort);
    let groups: Vec<DeviceGroup> = plan
        .groups
        .iter()
        .enumerate()
        .map(|(number, kind)| {
            DeviceGroup::new(cohort, number, kind.pattern, kind.devices(), &mut random)
        })
        .collect();
    debug_assert!(groups.len() <= GROUPS_MAX);
    let mut names: Vec<(&str, &str)> = FIRST
        .iter()
        .flat_map(|first| LAST.iter().map(move |last| (*first, *last)))
        .collect();
    random.shuffle(&mut names);

    let planned = &plan.people[..count];
    let mut missing = MissingQuotas::new(planned);
    let mut people: Vec<Person> = planned
        .iter()
        .zip(names)
        .enumerate()
        .map(|(index, (person, (first, last)))| {
            let group = &groups[person.group];
            let times = group.times(person.device);
            let missing = match person.instants_before {
                Some(before) => {
                    let research = plan.groups[person.group].research;
                    let shared = group.shared_instants(person.device, research);
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
                record: RecordDates::new(person, times, &mut random),
                consents: person.consents,
                times,
                readings: Readings::new(missing, &mut random),
            }
        })
        .collect();
    random.shuffle(&mut people);
    people
}

// Within a cohort, no two people have the same name.
const _: () = assert!(FIRST.len() * LAST.len() >= COHORT_PEOPLE);

/// The e-mail address. Names are unique within a cohort. From the second cohort on,
/// its number makes addresses unique among cohorts.
fn email(first: &str, last: &str, cohort: u64, domain: &str) -> String {
    match cohort {
        0 => format!("{first}.{last}@{domain}"),
        _ => format!("{first}.{last}{}@{domain}", cohort + 1),
    }
}

/// One of the hundred fictional phone numbers.
pub(super) fn phone(random: &mut Random) -> String {
    format!("80155501{:02}", random.below(100))
}

/// A UUID in the layout of version 4. Of its 122 free bits, 64 are the person's
/// number, mixed so that two numbers never give the same bits; the others are
/// random.
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

impl RecordDates {
    fn new(person: &PersonPlan, times: ReportTimes, random: &mut Random) -> Self {
        let before = person
            .instants_before
            .unwrap_or_else(|| random.below(13) as usize);
        let agreed_ms = agreed(before, times, random);
        let later_ms = 59_000 + random.below(10_000);
        let (registered_ms, updated_ms) = match person.consent_timing {
            ConsentTiming::WithUpdate => (agreed_ms - later_ms, agreed_ms),
            ConsentTiming::AfterRegistration => (agreed_ms - 1, agreed_ms - 1),
            ConsentTiming::WithRegistration => (agreed_ms, agreed_ms),
        };
        RecordDates {
            registered_ms,
            updated_ms,
            agreed_ms,
        }
    }
}

/// A time with exactly `before` of the instants before it. One in eight is equal to
/// an instant, to the millisecond: a reading taken then is under consent.
fn agreed(before: usize, times: ReportTimes, random: &mut Random) -> u64 {
    let exact = random.below(8) == 0;
    match before {
        INSTANTS => times.at(INSTANTS - 1) + 1 + random.below(10_000),
        _ if exact => times.at(before),
        _ => times.at(before) - random.below(times.step_ms),
    }
}
