//! The distinct instants of each device.

use std::ops::Range;

use super::pairs::{Pairs, join, shard_of, split};

/// Gathers device readings in any order, with repeats.
///
/// Needs 12 to 15 bytes per distinct (device, instant).
pub struct DeviceReadings {
    pairs: Pairs,
}

impl Default for DeviceReadings {
    fn default() -> Self {
        Self::new()
    }
}

impl DeviceReadings {
    /// No readings yet.
    pub fn new() -> Self {
        Self {
            pairs: Pairs::new(),
        }
    }

    /// Takes one reading of `device` at `instant` (epoch ms).
    pub fn push(&mut self, device: u32, instant: i64) {
        let (high, low) = split(instant);
        // Sixteen neighbours stay together: their shard's end result is
        // written in longer stretches.
        self.pairs
            .push(shard_of(u64::from(device >> 4)), [device, high, low]);
    }

    /// Takes all readings another thread has gathered.
    pub fn absorb(&mut self, other: Self) {
        self.pairs.absorb(other.pairs);
    }

    /// The distinct instants of each device, 8 bytes each.
    pub fn finish(self) -> DeviceInstants {
        let shards: Vec<_> = self.pairs.into_sorted().collect();
        let devices = shards
            .iter()
            .filter_map(|pairs| pairs.last())
            .map(|last| last[0] as usize + 1)
            .max()
            .unwrap_or(0);
        let mut starts = vec![0; devices + 1];
        for words in shards.iter().flatten() {
            starts[words[0] as usize + 1] += 1;
        }
        for device in 0..devices {
            starts[device + 1] += starts[device];
        }
        let mut instants = vec![0; starts[devices]];
        // Shard by shard, so that each is freed once it is written.
        for pairs in shards {
            for group in pairs.chunk_by(|a, b| a[0] == b[0]) {
                let start = starts[group[0][0] as usize];
                for (instant, words) in instants[start..].iter_mut().zip(group) {
                    *instant = join(words[1], words[2]);
                }
            }
        }
        DeviceInstants { starts, instants }
    }
}

/// The distinct instants of each device, ascending.
pub struct DeviceInstants {
    starts: Vec<usize>,
    instants: Vec<i64>,
}

impl DeviceInstants {
    /// One more than the highest device that reported.
    pub fn devices(&self) -> u32 {
        (self.starts.len() - 1) as u32
    }

    /// The distinct instants of `device` in epoch ms, ascending; none for a
    /// device that never reported.
    pub fn of(&self, device: u32) -> &[i64] {
        &self.instants[self.range(device)]
    }

    /// How many (device, instant) there are in all.
    pub fn total(&self) -> usize {
        self.instants.len()
    }

    /// Where the instants of `device` stand among all.
    pub(super) fn range(&self, device: u32) -> Range<usize> {
        if device < self.devices() {
            self.starts[device as usize]..self.starts[device as usize + 1]
        } else {
            0..0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_come_out_once_each_and_in_order() {
        let mut left = DeviceReadings::new();
        for (device, instant) in [(40, 5), (2, -7), (40, 3), (40, 5), (2, i64::MAX)] {
            left.push(device, instant);
        }
        let mut right = DeviceReadings::new();
        right.push(2, -7);
        right.push(2, 0);
        left.absorb(right);
        let devices = left.finish();
        for (device, expected) in [
            (2, &[-7, 0, i64::MAX][..]),
            (40, &[3, 5]),
            (3, &[]),
            (41, &[]),
            (u32::MAX, &[]),
        ] {
            assert_eq!(devices.of(device), expected);
        }
        assert_eq!((devices.devices(), devices.total()), (41, 5));
        assert_eq!(DeviceReadings::new().finish().devices(), 0);
    }
}
