//! `serials`: the fulfilment bug, which wrote few serial numbers again and
//! again.

use crate::cohort::{Person, serial_number};
use crate::random::Random;
use crate::request::Sample;

/// Serial numbers that fulfilment used.
const SERIALS: u64 = 30;

/// The reused serial numbers. Half belong to devices that report: of these
/// every other one is also claimed by its owner, and the rest by strangers
/// alone. The other half belong to nothing that reports.
///
/// Each is claimed at least twice where there are two people or more, so that
/// no claim stands alone; samples of fewer than 60 people reuse fewer.
pub(super) struct ReusedSerials {
    serials: Vec<String>,
}

impl ReusedSerials {
    /// `people` are the first cohort.
    pub(super) fn new(sample: &Sample, people: &[Person], random: &mut Random) -> Self {
        let count = (sample.customers / 2).clamp(1, SERIALS) as usize;
        // The `n`-th person and every `count`-th after that claim the `n`-th.
        let serials = (0..count).map(|number| match number {
            _ if number >= count / 2 => {
                serial_number(sample.seed, u64::MAX - number as u64, random)
            }
            _ if number % 2 == 0 => people[number].serial_number.clone(),
            _ => people[count + number + 1].serial_number.clone(),
        });
        ReusedSerials {
            serials: serials.collect(),
        }
    }

    /// What the records of the `number`-th person of the sample carry.
    pub(super) fn claimed(&self, number: u64) -> &str {
        &self.serials[(number % self.serials.len() as u64) as usize]
    }
}
