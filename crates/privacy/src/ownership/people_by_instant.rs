//! Collects readings of people into an index from instants to people, for the
//! instants of devices without a known owner.

use std::sync::Arc;

use super::crowd_bitmaps::Crowds;
use super::devices::DeviceInstants;
use super::pairs::{Pairs, Words, split};
use super::postings::shard_at;

/// A fast filter for instants of devices without a known owner.
///
/// It has one bit per instant modulo a power of two. False positives cost memory but
/// change no count. Neighbouring instants have neighbouring bits, which suits the order
/// of readings.
pub struct InstantFilter {
    bits: Vec<u64>,
}

impl InstantFilter {
    /// A filter for the instants of `wanted` devices. Needs one or two bytes per instant.
    pub fn new(devices: &DeviceInstants, wanted: &[u32]) -> Self {
        let total: usize = wanted.iter().map(|&device| devices.of(device).len()).sum();
        let size = (total * 8).next_power_of_two().max(64);
        let mut bits = vec![0; size / 64];
        for &instant in wanted.iter().flat_map(|&device| devices.of(device)) {
            let place = instant as usize % size;
            bits[place / 64] |= 1 << (place % 64);
        }
        Self { bits }
    }

    /// Whether one of the devices may have reported at `instant`. `false` is certain.
    pub fn may_contain(&self, instant: i64) -> bool {
        let place = instant as usize % (self.bits.len() * 64);
        self.bits[place / 64] >> (place % 64) & 1 == 1
    }
}

/// Collects readings of people in any order, with repetitions. Keeps those that pass
/// the filter.
///
/// Needs 12 to 15 bytes per distinct (person, instant) pair kept. Each thread collects
/// its own; [`PersonReadings::merge`] combines them.
pub struct PersonReadings {
    wanted: Arc<InstantFilter>,
    pairs: Pairs,
}

impl PersonReadings {
    /// No readings yet. Readings that pass `wanted` will be kept.
    pub fn new(wanted: Arc<InstantFilter>) -> Self {
        Self {
            wanted,
            pairs: Pairs::new(),
        }
    }

    /// Adds one reading of `person` at `instant` (epoch ms).
    pub fn push(&mut self, person: u32, instant: i64) {
        if self.wanted.may_contain(instant) {
            let (high, low) = split(instant);
            self.pairs.push(shard_at(instant), [high, low, person]);
        }
    }

    /// Adds all readings that another thread collected.
    pub fn merge(&mut self, other: Self) {
        self.pairs.merge(other.pairs);
    }

    /// The index. Needs 12 bytes per (person, instant) pair, and up to 8 more where many
    /// people report at the same milliseconds.
    pub fn finish(self) -> PeopleByInstant {
        let shards: Vec<_> = self.pairs.into_sorted().collect();
        let people = shards
            .iter()
            .flatten()
            .map(|words| words[2] as usize + 1)
            .max()
            .unwrap_or(0);
        let crowds = Crowds::new(&shards);
        PeopleByInstant {
            shards,
            people,
            crowds,
        }
    }
}

/// An index from instants to the people who reported at them.
pub struct PeopleByInstant {
    /// For each shard, (instant, person) pairs, ascending.
    pub(super) shards: Vec<Vec<Words>>,
    /// One more than the highest person.
    pub(super) people: usize,
    pub(super) crowds: Crowds,
}

impl PeopleByInstant {
    /// The number of (person, instant) pairs kept.
    pub fn total(&self) -> usize {
        self.shards.iter().map(Vec::len).sum()
    }
}
