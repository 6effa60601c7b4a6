//! Readings in real time: people of the same plan as in a sample, whose phones and trainers
//! report now.
//!
//! Each person's record comes first. Then the devices report in turn, each time a phone
//! reading and a trainer reading of the same instant, so that trusted and curated tables
//! grow. No two readings of a device have the same time.

use crate::cohort::{self, Person};
use crate::lines::{customer, number, text};
use crate::plan::{COHORT_PEOPLE, Plan};
use crate::random::Random;
use crate::record::{ConsentDate, CustomerRecord};
use crate::request::Sample;

/// How long before the stream people registered and agreed.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The first cohort of a stream: those before it are in samples, so that nobody is in both.
const FIRST_COHORT: u64 = Sample::CUSTOMERS_MAX / COHORT_PEOPLE as u64 + 1;

/// Cohorts of a seed, and seeds with people of their own: those of two seeds may be in one
/// lake.
const COHORTS: u64 = 2_000;
const SEEDS: u64 = 1_000_000;

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamSource {
    /// Customer records.
    Customer,
    /// Readings of phones.
    Accelerometer,
    /// Readings of trainers.
    StepTrainer,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamMessage {
    /// Where it goes.
    pub source: StreamSource,
    /// The number of its device; it tells nothing about a person.
    pub device: usize,
    /// One JSON object, without a line end.
    pub payload: Vec<u8>,
}

/// What was made so far, and what of it belongs into trusted tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTruth {
    /// Customer records.
    pub customers: u64,
    /// Of them, those with consent to research.
    pub customers_agreed: u64,
    /// Phone readings; as many trainer readings.
    pub readings: u64,
    /// Of them, those of people with consent to research.
    pub readings_agreed: u64,
}

/// A stream of readings.
pub struct Stream {
    people: Vec<Reporter>,
    random: Random,
    next: usize,
    truth: StreamTruth,
}

struct Reporter {
    person: Person,
    last_ms: u64,
}

impl Stream {
    /// A stream of so many people, each with one device. Memory grows with them. The same
    /// seed gives the same people.
    pub fn new(devices: usize, seed: u64) -> Self {
        let plan = Plan::new();
        let mut people = Vec::with_capacity(devices);
        for cohort in FIRST_COHORT + seed % SEEDS * COHORTS.. {
            let wanted = (devices - people.len()).min(COHORT_PEOPLE);
            if wanted == 0 {
                break;
            }
            let of_cohort = cohort::people(&plan, seed, cohort, wanted);
            people.extend(
                of_cohort
                    .into_iter()
                    .map(|person| Reporter { person, last_ms: 0 }),
            );
        }
        Self {
            people,
            random: Random::new(seed, u64::MAX),
            next: 0,
            truth: StreamTruth::default(),
        }
    }

    /// The record of each person, who registered a day before `now_ms`.
    pub fn customers(&mut self, now_ms: u64) -> Vec<StreamMessage> {
        let agreed_ms = now_ms.saturating_sub(DAY_MS);
        let mut messages = Vec::with_capacity(self.people.len());
        for (device, Reporter { person, .. }) in self.people.iter().enumerate() {
            let date = |agreed| match agreed {
                true => ConsentDate::At(agreed_ms),
                false => ConsentDate::Absent,
            };
            let record = CustomerRecord {
                registered_ms: agreed_ms,
                updated_ms: agreed_ms,
                research: date(person.consents.research),
                public: date(person.consents.public),
                friends: date(person.consents.friends),
                ..person.customer_record()
            };
            let mut payload = Vec::new();
            customer(&record, &mut payload);
            payload.truncate(payload.trim_ascii_end().len());
            messages.push(StreamMessage {
                source: StreamSource::Customer,
                device,
                payload,
            });
            self.truth.customers += 1;
            self.truth.customers_agreed += u64::from(person.consents.research);
        }
        messages
    }

    /// What the next device reports at `now_ms`: a phone reading and a trainer reading. If
    /// the device has reported in this millisecond, it is the next one that is free.
    pub fn readings(&mut self, now_ms: u64) -> [StreamMessage; 2] {
        let device = self.next;
        self.next = (device + 1) % self.people.len();
        let Reporter { person, last_ms } = &mut self.people[device];
        let at_ms = now_ms.max(*last_ms + 1);
        *last_ms = at_ms;
        let mut axis = |values: &'static [&'static str]| {
            values[self.random.below(values.len() as u64) as usize]
        };
        let (x, y, z) = (
            axis(&["-1.0", "0.0", "1.0"]),
            axis(&["-1.0", "0.0", "1.0"]),
            axis(&["-1.0", "0.0"]),
        );
        let mut phone = Vec::with_capacity(128);
        text(&mut phone, "{\"user\":\"", &person.email);
        phone.extend_from_slice(b"\",\"timestamp\":");
        number(&mut phone, at_ms);
        phone.extend_from_slice(format!(",\"x\":{x},\"y\":{y},\"z\":{z}}}").as_bytes());
        let mut trainer = Vec::with_capacity(128);
        trainer.extend_from_slice(b"{\"sensorReadingTime\":");
        number(&mut trainer, at_ms);
        text(&mut trainer, ",\"serialNumber\":\"", &person.serial_number);
        trainer.extend_from_slice(b"\",\"distanceFromObject\":");
        number(&mut trainer, 201 + self.random.below(100));
        trainer.push(b'}');
        self.truth.readings += 1;
        self.truth.readings_agreed += u64::from(person.consents.research);
        let message = |source, payload| StreamMessage {
            source,
            device,
            payload,
        };
        [
            message(StreamSource::Accelerometer, phone),
            message(StreamSource::StepTrainer, trainer),
        ]
    }

    /// What was made so far.
    pub fn truth(&self) -> StreamTruth {
        self.truth
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn devices_report_in_turn_and_never_twice_at_a_time() {
        let mut stream = Stream::new(1_000, 1);
        let customers = stream.customers(1_700_000_000_000);
        assert_eq!(customers.len(), 1_000);
        let mut seen = HashSet::new();
        for _ in 0..3_000 {
            for message in stream.readings(1_700_000_000_000) {
                assert!(seen.insert(message.payload));
            }
        }
        let truth = stream.truth();
        assert_eq!((truth.customers, truth.readings), (1_000, 3_000));
        assert_eq!(truth.readings_agreed, 3 * truth.customers_agreed);
        assert!((400..600).contains(&truth.customers_agreed));
    }
}
