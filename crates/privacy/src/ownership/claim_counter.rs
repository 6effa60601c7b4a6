//! Counts the instants that a device shares with the one person who claims it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::devices::DeviceInstants;

/// Counts, for each device with a claimant, the instants that both share.
///
/// Readings of people may come in any order, repeatedly, and from several threads.
/// Needs one bit per (device, instant) and 12 bytes per device and person.
pub struct ClaimCounter {
    devices: Arc<DeviceInstants>,
    /// The devices that person `p` claims are `claimed[starts[p]..starts[p + 1]]`.
    starts: Vec<u32>,
    claimed: Vec<u32>,
    shared: Vec<AtomicU64>,
    reported: Vec<AtomicU64>,
}

impl ClaimCounter {
    /// `claimants[d]` is the only claimant of device `d`. Devices beyond its end have
    /// none. A person may claim several devices.
    pub fn new(devices: Arc<DeviceInstants>, claimants: &[Option<u32>]) -> Self {
        let people = claimants
            .iter()
            .flatten()
            .max()
            .map_or(0, |&last| last as usize + 1);
        let mut starts = vec![0_u32; people + 1];
        for &person in claimants.iter().flatten() {
            starts[person as usize + 1] += 1;
        }
        for person in 0..people {
            starts[person + 1] += starts[person];
        }
        let mut next = starts.clone();
        let mut claimed = vec![0; starts[people] as usize];
        for (device, person) in claimants.iter().enumerate() {
            if let Some(person) = person {
                let place = &mut next[*person as usize];
                claimed[*place as usize] = device as u32;
                *place += 1;
            }
        }
        let bits = |count: usize| (0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self {
            shared: bits(devices.total()),
            reported: bits(people),
            devices,
            starts,
            claimed,
        }
    }

    /// Adds readings: `people[i]` reported at `instants[i]` (epoch ms). Skips people
    /// without a claim. Fastest if the readings of one person are adjacent.
    ///
    /// # Panics
    ///
    /// If the slices have different lengths.
    pub fn add_readings(&self, people: &[u32], instants: &[i64]) {
        assert_eq!(people.len(), instants.len());
        let mut at = 0;
        for run in people.chunk_by(|a, b| a == b) {
            let instants = &instants[at..at + run.len()];
            at += run.len();
            let claimed = self.devices_claimed_by(run[0]);
            if claimed.is_empty() {
                continue;
            }
            set(&self.reported, run[0] as usize);
            for &device in claimed {
                self.mark_device(device, instants);
            }
        }
    }

    /// How many instants of `device` its claimant shares, in the readings added so
    /// far. 0 without a claimant.
    pub fn shared_instants(&self, device: u32) -> u32 {
        let range = self.devices.range(device);
        let (first, last) = (range.start / 64, range.end.div_ceil(64));
        (first..last)
            .map(|word| {
                let mut bits = self.shared[word].load(Ordering::Relaxed);
                if word == first {
                    bits &= u64::MAX << (range.start % 64);
                }
                if word == range.end / 64 {
                    bits &= (1 << (range.end % 64)) - 1;
                }
                bits.count_ones()
            })
            .sum()
    }

    /// Whether a reading of `person`, a claimant, was added.
    pub fn has_reported(&self, person: u32) -> bool {
        self.reported
            .get(person as usize / 64)
            .is_some_and(|word| word.load(Ordering::Relaxed) >> (person % 64) & 1 == 1)
    }

    /// The devices that `person` claims.
    pub fn devices_claimed_by(&self, person: u32) -> &[u32] {
        let person = person as usize;
        match self.starts.get(person..) {
            Some([start, end, ..]) => &self.claimed[*start as usize..*end as usize],
            _ => &[],
        }
    }

    fn mark_device(&self, device: u32, instants: &[i64]) {
        let start = self.devices.range(device).start;
        let known = self.devices.of(device);
        let is_at = |place: usize, instant| known.get(place) == Some(instant);
        // If the person owns the device, their next reading is mostly at the next,
        // previous or same instant of the device.
        let mut place = 0_usize;
        let mut before = None;
        for instant in instants {
            if before == Some(instant) {
                continue;
            }
            before = Some(instant);
            let near = [place.wrapping_sub(1), place + 1, place];
            let found = near.into_iter().find(|near| is_at(*near, instant));
            if let Some(found) = found.or_else(|| known.binary_search(instant).ok()) {
                place = found;
                set(&self.shared, start + place);
            }
        }
    }
}

/// Sets a bit. It only reads a bit that is set already, so that threads can share
/// the cache line.
fn set(bits: &[AtomicU64], place: usize) {
    let (word, bit) = (&bits[place / 64], 1 << (place % 64));
    if word.load(Ordering::Relaxed) & bit == 0 {
        word.fetch_or(bit, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::devices::DeviceReadings;
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn counts_only_claimants() {
        let mut readings = DeviceReadings::new();
        for instant in 0..100 {
            readings.push(0, instant);
            readings.push(1, instant + 50);
            readings.push(3, instant);
        }
        let claims = ClaimCounter::new(Arc::new(readings.finish()), &[Some(7), Some(7), Some(2)]);
        claims.add_readings(&[7, 7, 7, 9, 2, 7], &[50, 60, 60, 61, 62, 1000]);
        for (device, expected) in [(0, 2), (1, 2), (2, 0), (3, 0), (9, 0)] {
            assert_eq!(claims.shared_instants(device), expected, "device {device}");
        }
        for (person, expected) in [(7, true), (2, true), (9, false), (1, false)] {
            assert_eq!(claims.has_reported(person), expected, "person {person}");
        }
        assert_eq!(claims.devices_claimed_by(7), [0, 1]);
    }

    proptest! {
        #[test]
        fn counts_equal_those_of_sets(
            devices in prop::collection::vec((0..12_u32, -40..40_i64), 0..300),
            people in prop::collection::vec((0..6_u32, -40..40_i64), 0..300),
            claimants in prop::collection::vec(prop::option::of(0..6_u32), 0..12),
        ) {
            let mut readings = DeviceReadings::new();
            for &(device, instant) in &devices {
                readings.push(device, instant);
            }
            let claims = ClaimCounter::new(Arc::new(readings.finish()), &claimants);
            let (persons, instants): (Vec<_>, Vec<_>) = people.iter().copied().unzip();
            let half = persons.len() / 2;
            std::thread::scope(|scope| {
                scope.spawn(|| claims.add_readings(&persons[..half], &instants[..half]));
                claims.add_readings(&persons[half..], &instants[half..]);
            });
            for device in 0..12_u32 {
                let own: HashSet<i64> =
                    devices.iter().filter(|r| r.0 == device).map(|r| r.1).collect();
                let claimant = claimants.get(device as usize).copied().flatten();
                let theirs: HashSet<i64> =
                    people.iter().filter(|r| Some(r.0) == claimant).map(|r| r.1).collect();
                prop_assert_eq!(claims.shared_instants(device) as usize, own.intersection(&theirs).count());
            }
        }
    }
}
