//! Who reported at an instant, for all instants that need an owner.

use std::sync::Arc;

use super::crowd_bitmaps::Crowds;
use super::devices::DeviceInstants;
use super::pairs::{Pairs, Words, split};
use super::postings::shard_at;

/// Says cheaply of an instant that no device without an owner reported it.
///
/// One bit per instant modulo a power of two: it lets some others through,
/// which costs memory and changes no count. Neighbouring instants have
/// neighbouring bits, as neighbouring readings do.
pub struct InstantFilter {
    bits: Vec<u64>,
}

impl InstantFilter {
    /// The instants of `wanted` devices; one byte or two for each.
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

    /// False only if none of the devices reported at `instant`.
    pub fn may_contain(&self, instant: i64) -> bool {
        let place = instant as usize % (self.bits.len() * 64);
        self.bits[place / 64] >> (place % 64) & 1 == 1
    }
}

/// Gathers readings of people in any order, with repeats, and keeps those
/// that may meet a device without an owner.
///
/// Needs 12 to 15 bytes per distinct (person, instant) kept. Threads gather
/// each into their own and then [`PersonReadings::merge`].
pub struct PersonReadings {
    wanted: Arc<InstantFilter>,
    pairs: Pairs,
}

impl PersonReadings {
    /// No readings yet; those at `wanted` instants will be kept.
    pub fn new(wanted: Arc<InstantFilter>) -> Self {
        Self {
            wanted,
            pairs: Pairs::new(),
        }
    }

    /// Takes one reading of `person` at `instant` (epoch ms).
    pub fn push(&mut self, person: u32, instant: i64) {
        if self.wanted.may_contain(instant) {
            let (high, low) = split(instant);
            self.pairs.push(shard_at(instant), [high, low, person]);
        }
    }

    /// Takes all readings another thread has gathered.
    pub fn merge(&mut self, other: Self) {
        self.pairs.merge(other.pairs);
    }

    /// The people at each instant: 12 bytes per (person, instant), and up to
    /// 8 more where crowds report the same milliseconds.
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

/// Who reported at which instant.
pub struct PeopleByInstant {
    /// Per shard (instant, person), ascending.
    pub(super) shards: Vec<Vec<Words>>,
    /// One more than the highest person.
    pub(super) people: usize,
    pub(super) crowds: Crowds,
}

impl PeopleByInstant {
    /// How many (person, instant) were kept.
    pub fn total(&self) -> usize {
        self.shards.iter().map(Vec::len).sum()
    }
}
