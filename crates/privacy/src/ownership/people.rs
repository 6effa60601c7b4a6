//! Who reported at an instant, for all instants that need an owner.

use std::sync::Arc;

use super::crowd::Crowds;
use super::devices::DeviceInstants;
use super::matcher::Matcher;
use super::pairs::{Pairs, SHARDS, Words, shard_of, split};

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
    /// Counts for one thread; several may count at once. Needs 4 bytes per
    /// person.
    pub fn matcher(&self) -> Matcher<'_> {
        Matcher::new(self)
    }

    /// How many (person, instant) were kept.
    pub fn total(&self) -> usize {
        self.shards.iter().map(Vec::len).sum()
    }
}

/// The people of one instant: a range of a shard.
#[derive(Clone, Copy)]
pub(super) struct Posting {
    pub(super) shard: u8,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Posting {
    pub(super) fn len(self) -> usize {
        self.end - self.start
    }
}

/// Finds instants by galloping from where the last one was found: the
/// instants of a device, and those of its neighbours, lie close together.
pub(super) struct Postings<'a> {
    shards: &'a [Vec<Words>],
    cursors: [usize; SHARDS],
}

impl<'a> Postings<'a> {
    pub(super) fn new(people: &'a PeopleByInstant) -> Self {
        Self {
            shards: &people.shards,
            cursors: [0; SHARDS],
        }
    }

    pub(super) fn find(&mut self, instant: i64) -> Option<Posting> {
        let shard = shard_at(instant);
        let pairs = &self.shards[shard];
        let wanted = split(instant);
        let start = gallop(pairs, self.cursors[shard], |w| (w[0], w[1]) < wanted);
        self.cursors[shard] = start;
        if pairs.get(start).is_none_or(|w| (w[0], w[1]) != wanted) {
            return None;
        }
        let end = gallop(pairs, start, |w| (w[0], w[1]) <= wanted);
        Some(Posting {
            shard: shard as u8,
            start,
            end,
        })
    }

    pub(super) fn people(&self, posting: Posting) -> impl Iterator<Item = u32> + use<'a> {
        self.shards[posting.shard as usize][posting.start..posting.end]
            .iter()
            .map(|words| words[2])
    }
}

/// Blocks of a minute stay together in a shard.
fn shard_at(instant: i64) -> usize {
    shard_of((instant >> 16) as u64)
}

/// The first place where `before` is false; `before` is true up to some place
/// and false from there on. Steps double from `from` in either direction.
fn gallop(pairs: &[Words], from: usize, before: impl Fn(&Words) -> bool) -> usize {
    let from = from.min(pairs.len());
    let mut step = 1;
    let (mut low, mut high) = (from, from);
    if pairs.get(from).is_some_and(&before) {
        while high < pairs.len() && before(&pairs[high]) {
            low = high + 1;
            high = (high + step).min(pairs.len());
            step *= 2;
        }
    } else {
        while low > 0 && !before(&pairs[low - 1]) {
            high = low - 1;
            low = low.saturating_sub(step);
            step *= 2;
        }
    }
    low = low.min(high);
    low + pairs[low..high].partition_point(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn galloping_finds_what_a_search_finds() {
        for size in [0, 1, 2, 3, 17, 64] {
            let pairs: Vec<Words> = (0..size).map(|i| [0, i / 3 * 2, i]).collect();
            for from in 0..=pairs.len() + 1 {
                for wanted in 0..50 {
                    assert_eq!(
                        gallop(&pairs, from, |w| w[1] < wanted),
                        pairs.partition_point(|w| w[1] < wanted),
                        "size {size}, from {from}, wanted {wanted}"
                    );
                }
            }
        }
    }
}
