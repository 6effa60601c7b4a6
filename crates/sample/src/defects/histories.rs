//! What each person's records say over time, and when that puts a consent to
//! research in force: `late-consent`, `withdrawals` and `out-of-order`.
//!
//! The intervals are written down together with the records that make them,
//! case by case, rather than derived from the records: they are what a
//! derivation is to be compared with.

use std::io;

use super::kinds::{Defect, Defects};
use crate::cohort::{Person, phone};
use crate::lanes::INSTANTS;
use crate::lines::{self, LineSink};
use crate::random::Random;
use crate::record::ConsentDate;

/// One in so many of those with consent, and of those without, is changed by a
/// defect: within a cohort the first, the ninth and so on.
const CHANGED_ONE_IN: usize = 8;

/// `out-of-order` takes others than those that consent defects take.
const NEWER_FROM: usize = 4;

/// JSON that says *not given*, besides no key.
const VOIDS: [&str; 4] = ["null", "0", "\"\"", "-1"];

/// One person's records in order of `lastUpdateDate`, and what follows.
pub(super) struct History {
    pub(super) records: Vec<Record>,
    /// When consent to research was in force, in order.
    pub(super) research: Vec<Interval>,
    /// The defect that made this person's history another.
    pub(super) changed_by: Option<Defect>,
}

/// A record, where it differs from the person's own one.
pub(super) struct Record {
    pub(super) updated_ms: u64,
    pub(super) research: ConsentDate,
    /// Another phone number, so that it shows which record is the newest.
    pub(super) phone: Option<String>,
}

/// From `from_ms`, to before `to_ms`, in epoch milliseconds; open without it.
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

/// The histories of a cohort, in the order of `people`; `chance` gives each
/// defect its own.
pub(super) fn histories(
    people: &[Person],
    defects: &Defects,
    chance: impl Fn(Defect) -> Random,
) -> Vec<History> {
    let mut withdrawing = chance(Defect::Withdrawals);
    let mut agreeing = chance(Defect::LateConsent);
    let mut renewing = chance(Defect::OutOfOrder);
    let (mut agreed, mut others) = (0, 0);
    people
        .iter()
        .map(|person| {
            let research = person.agreement.research;
            let counter = if research { &mut agreed } else { &mut others };
            let nth = *counter / CHANGED_ONE_IN;
            let place = *counter % CHANGED_ONE_IN;
            *counter += 1;
            match place {
                0 if research && defects.has(Defect::Withdrawals) => {
                    withdrawal(person, nth, &mut withdrawing)
                }
                0 if !research && defects.has(Defect::LateConsent) => {
                    late(person, nth, &mut agreeing)
                }
                NEWER_FROM if defects.has(Defect::OutOfOrder) => newer(person, &mut renewing),
                _ => unchanged(person),
            }
        })
        .collect()
}

/// Writes every person's first record, then every second one, and so on.
/// `serial` tells the serial number that records carry instead of the device's.
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
    let research = person.agreement.research;
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

/// Agrees by a second record, after 13 or more of the 30 readings, and dated
/// after the first record: that one is from before the 14th.
fn late(person: &Person, nth: usize, random: &mut Random) -> History {
    let first_ms = person.record.updated_ms;
    let agreed_ms = around(person, 13, random);
    debug_assert!(first_ms < agreed_ms);
    // Every other one is sent some time after the date it carries.
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

/// Withdraws by a second record: after the first reading under consent and
/// before the last where there are two, and at once where there are none.
fn withdrawal(person: &Person, nth: usize, random: &mut Random) -> History {
    let agreed_ms = person.record.agreed_ms;
    let under = (0..INSTANTS).position(|instant| person.times.at(instant) >= agreed_ms);
    let withdrawn_ms = match under {
        Some(first) if first + 1 < INSTANTS => around(person, first + 1, random),
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
        // For good, though another record of that very instant has the date:
        // the one without it counts.
        1 => {
            records.push(Record::new(withdrawn_ms, given));
            vec![held]
        }
        // Gives again, as of a later date.
        2 => {
            records.push(Record::new(again_ms, ConsentDate::At(carried_ms)));
            vec![held, open(carried_ms)]
        }
        // Gives again by a record that carries the date from before the
        // withdrawal: that cannot undo it, so consent holds from the record on.
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

/// A second record with another phone number, of which the first is the
/// opposite: whoever takes the one that arrives last gets half of them wrong.
fn newer(person: &Person, random: &mut Random) -> History {
    let agreed_ms = person.record.agreed_ms;
    let first_ms = person.record.updated_ms;
    let newer_ms = first_ms.max(agreed_ms) + 1 + random.below(30 * 60_000);
    let given = ConsentDate::At(agreed_ms);
    let held = Interval {
        from_ms: agreed_ms,
        to_ms: Some(newer_ms),
    };
    let (first, second, research) = match person.agreement.research {
        true => (ConsentDate::LeftOut, given, vec![open(agreed_ms)]),
        false => (given, ConsentDate::LeftOut, vec![held]),
    };
    let mut newer = Record::new(newer_ms, second);
    newer.phone = Some(phone(random));
    History {
        records: vec![Record::new(first_ms, first), newer],
        research,
        changed_by: Some(Defect::OutOfOrder),
    }
}

/// A time after the reading before `first` and up to the last reading. One in
/// four is a reading's to the millisecond, where it shows whether an end
/// belongs to an interval.
fn around(person: &Person, first: usize, random: &mut Random) -> u64 {
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

/// In each of the ways in turn.
fn not_given(nth: usize) -> ConsentDate {
    match nth % (VOIDS.len() + 1) {
        0 => ConsentDate::LeftOut,
        way => ConsentDate::Void(VOIDS[way - 1]),
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
