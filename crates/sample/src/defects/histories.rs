//! Each person's records over time, and the intervals in which consent to research
//! is in force: the defects `late-consent`, `withdrawals` and `out-of-order`.
//!
//! The intervals are stated together with the records that cause them, case by
//! case, and not derived from the records: they are what a derivation is compared
//! with.

use std::io;

use super::kinds::{Defect, Defects};
use crate::cohort::{Person, phone};
use crate::lines::{self, LineSink};
use crate::random::Random;
use crate::record::ConsentDate;
use crate::schedule::INSTANTS;

/// Of the people with consent, and of those without, a defect changes one in this
/// many: within a cohort the first, the ninth and so on.
const CHANGED_ONE_IN: usize = 8;

/// `out-of-order` changes other people than the consent defects.
const NEWER_RECORD_AT: usize = 4;

/// JSON values that mean *not given*, besides an absent key.
const NOT_GIVEN: [&str; 4] = ["null", "0", "\"\"", "-1"];

/// One person's records in order of `lastUpdateDate`, and the consent that follows.
pub(super) struct History {
    pub(super) records: Vec<Record>,
    /// The intervals of consent to research, in order.
    pub(super) research: Vec<Interval>,
    /// The defect that changed this person's history.
    pub(super) changed_by: Option<Defect>,
}

/// A record: the fields that may differ from the person's own record.
pub(super) struct Record {
    pub(super) updated_ms: u64,
    pub(super) research: ConsentDate,
    /// Another phone number, which shows whether the newest record was used.
    pub(super) phone: Option<String>,
}

/// From `from_ms` until just before `to_ms`, in epoch milliseconds. `None`: still
/// open.
#[derive(Clone, Copy)]
pub(super) struct Interval {
    pub(super) from_ms: u64,
    pub(super) to_ms: Option<u64>,
}

impl History {
    /// Whether consent is in force today.
    pub(super) fn in_force(&self) -> bool {
        self.research
            .last()
            .is_some_and(|interval| interval.to_ms.is_none())
    }

    /// Whether consent was in force at `time_ms`.
    pub(super) fn held_at(&self, time_ms: u64) -> bool {
        self.research.iter().any(|interval| {
            interval.from_ms <= time_ms && interval.to_ms.is_none_or(|to_ms| time_ms < to_ms)
        })
    }
}

/// The histories of a cohort, in the order of `people`. `random_for` gives the
/// random numbers of a defect.
pub(super) fn histories(
    people: &[Person],
    defects: &Defects,
    random_for: impl Fn(Defect) -> Random,
) -> Vec<History> {
    let mut withdrawal_random = random_for(Defect::Withdrawals);
    let mut late_random = random_for(Defect::LateConsent);
    let mut newer_random = random_for(Defect::OutOfOrder);
    let (mut agreed, mut others) = (0, 0);
    people
        .iter()
        .map(|person| {
            let research = person.consents.research;
            let counter = if research { &mut agreed } else { &mut others };
            let nth = *counter / CHANGED_ONE_IN;
            let place = *counter % CHANGED_ONE_IN;
            *counter += 1;
            match place {
                0 if research && defects.has(Defect::Withdrawals) => {
                    withdrawal(person, nth, &mut withdrawal_random)
                }
                0 if !research && defects.has(Defect::LateConsent) => {
                    late_consent(person, nth, &mut late_random)
                }
                NEWER_RECORD_AT if defects.has(Defect::OutOfOrder) => {
                    newer_record(person, &mut newer_random)
                }
                _ => unchanged(person),
            }
        })
        .collect()
}

/// Writes the first record of every person, then every second one, and so on.
/// `serial` returns the serial number that a person's records have instead of the
/// device's.
pub(super) fn lines<'a>(
    people: &'a [Person],
    histories: &[History],
    serial: impl Fn(usize) -> Option<&'a str>,
    lines: &mut impl LineSink,
) -> io::Result<()> {
    let rounds = histories.iter().map(|history| history.records.len()).max();
    for round in 0..rounds.unwrap_or(0) {
        for (index, (person, history)) in people.iter().zip(histories).enumerate() {
            let Some(record) = history.records.get(round) else {
                continue;
            };
            let mut sent = person.customer_record();
            sent.updated_ms = record.updated_ms;
            sent.research = record.research;
            sent.phone = record.phone.as_deref().unwrap_or(sent.phone);
            sent.serial_number = serial(index).unwrap_or(sent.serial_number);
            lines::customer(&sent, lines.line(index)?);
        }
    }
    Ok(())
}

fn unchanged(person: &Person) -> History {
    let record = person.record;
    let research = person.consents.research;
    History {
        records: vec![Record::new(
            record.updated_ms,
            person.customer_record().research,
        )],
        research: research
            .then(|| open(record.agreed_ms))
            .into_iter()
            .collect(),
        changed_by: None,
    }
}

/// Consents with a second record, after 13 or more of the 30 readings. It is dated
/// after the first record, which is from before the 14th reading.
fn late_consent(person: &Person, nth: usize, random: &mut Random) -> History {
    let first_ms = person.record.updated_ms;
    let agreed_ms = time_of_change(person, 13, random);
    debug_assert!(first_ms < agreed_ms);
    // Every other record is sent some time after its consent date.
    let sent_ms = agreed_ms + (nth % 2) as u64 * random.below(60_000);
    History {
        records: vec![
            Record::new(first_ms, not_given(nth)),
            Record::new(sent_ms, ConsentDate::At(agreed_ms)),
        ],
        research: vec![open(agreed_ms)],
        changed_by: Some(Defect::LateConsent),
    }
}

/// Withdraws with a second record: after the first reading under consent and before
/// the last one if there are two, and at once if there are none.
fn withdrawal(person: &Person, nth: usize, random: &mut Random) -> History {
    let agreed_ms = person.record.agreed_ms;
    let under = (0..INSTANTS).position(|instant| person.times.at(instant) >= agreed_ms);
    let withdrawn_ms = match under {
        Some(first) if first + 1 < INSTANTS => time_of_change(person, first + 1, random),
        _ => agreed_ms.max(person.times.at(INSTANTS - 1)) + 1 + random.below(60_000),
    };
    let again_ms = withdrawn_ms + 2 + random.below(10 * person.times.step_ms);
    let carried_ms = withdrawn_ms + 1 + random.below(again_ms - withdrawn_ms);
    let held = Interval {
        from_ms: agreed_ms,
        to_ms: Some(withdrawn_ms),
    };

    let given = ConsentDate::At(agreed_ms);
    let mut records = vec![
        Record::new(person.record.updated_ms, given),
        Record::new(withdrawn_ms, not_given(nth / 4)),
    ];
    let research = match nth % 4 {
        // For good.
        0 => vec![held],
        // For good, although another record of the same instant has the date: the
        // record without it counts.
        1 => {
            records.push(Record::new(withdrawn_ms, given));
            vec![held]
        }
        // Consents again, as of a later date.
        2 => {
            records.push(Record::new(again_ms, ConsentDate::At(carried_ms)));
            vec![held, open(carried_ms)]
        }
        // Consents again with a record that has the date from before the
        // withdrawal. That cannot undo the withdrawal, so consent is in force from
        // the record on.
        _ => {
            records.push(Record::new(again_ms, given));
            vec![held, open(again_ms)]
        }
    };
    History {
        records,
        research,
        changed_by: Some(Defect::Withdrawals),
    }
}

/// A second record with another phone number and the opposite consent. A reader
/// that uses the record that arrives last gets half of these people wrong.
fn newer_record(person: &Person, random: &mut Random) -> History {
    let agreed_ms = person.record.agreed_ms;
    let first_ms = person.record.updated_ms;
    let newer_ms = first_ms.max(agreed_ms) + 1 + random.below(30 * 60_000);
    let given = ConsentDate::At(agreed_ms);
    let held = Interval {
        from_ms: agreed_ms,
        to_ms: Some(newer_ms),
    };
    let (first, second, research) = match person.consents.research {
        true => (ConsentDate::Absent, given, vec![open(agreed_ms)]),
        false => (given, ConsentDate::Absent, vec![held]),
    };
    let mut newer = Record::new(newer_ms, second);
    newer.phone = Some(phone(random));
    History {
        records: vec![Record::new(first_ms, first), newer],
        research,
        changed_by: Some(Defect::OutOfOrder),
    }
}

/// A random time after the reading before `first` and up to the last reading. One
/// in four is equal to the time of a reading, to the millisecond, which shows
/// whether the end of an interval belongs to it.
fn time_of_change(person: &Person, first: usize, random: &mut Random) -> u64 {
    let instant = first + random.below((INSTANTS - first) as u64) as usize;
    let early = match random.below(4) {
        0 => 0,
        _ => random.below(person.times.step_ms),
    };
    person.times.at(instant) - early
}

fn open(from_ms: u64) -> Interval {
    Interval {
        from_ms,
        to_ms: None,
    }
}

/// A consent date that is not given, in each of the spellings in turn.
fn not_given(nth: usize) -> ConsentDate {
    match nth % (NOT_GIVEN.len() + 1) {
        0 => ConsentDate::Absent,
        way => ConsentDate::NotGiven(NOT_GIVEN[way - 1]),
    }
}

impl Record {
    fn new(updated_ms: u64, research: ConsentDate) -> Self {
        Record {
            updated_ms,
            research,
            phone: None,
        }
    }
}
