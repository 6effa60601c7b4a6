//! The `serials` defect: the fulfilment bug, which wrote the same few serial
//! numbers into many records.

use crate::cohort::{Person, serial_number};
use crate::random::Random;
use crate::request::Sample;

/// Number of serial numbers that fulfilment reused.
const SERIALS: u64 = 30;

/// The reused serial numbers. Half of them belong to devices that report: every
/// other one of these is claimed by its owner too, the rest by strangers alone. The
/// other half belong to no device that reports.
///
/// Each is claimed at least twice if there are two people or more, so that no claim
/// is the only one. Samples of fewer than 60 people reuse fewer.
pub(super) struct ReusedSerials {
    serials: Vec<String>,
}

impl ReusedSerials {
    /// `people` is the first cohort.
    pub(super) fn new(sample: &Sample, people: &[Person], random: &mut Random) -> Self {
        let count = (sample.customers / 2).clamp(1, SERIALS) as usize;
        // The `n`-th person and every `count`-th after that claim the `n`-th serial
        // number.
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

    /// The serial number in the records of the `number`-th person of the sample.
    pub(super) fn claimed(&self, number: u64) -> &str {
        &self.serials[(number % self.serials.len() as u64) as usize]
    }
}
