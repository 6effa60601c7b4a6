//! Collects device readings into the distinct instants of each device.

use std::ops::Range;

/// The number of instants in a block.
const BLOCK_LEN: usize = 1 << 16;

/// The number of readings that are collected before repetitions are removed.
const CAPACITY_MIN: usize = 1 << 20;

/// Collects device readings in any order, with repetitions.
///
/// Readings are appended as they come: 8 bytes each, and 8 bytes for each run of one
/// device. They are sorted once at the end, because sorting on the way would move each
/// reading many times. Memory stays within a few times what the distinct (device,
/// instant) pairs need, however often they are repeated.
pub struct DeviceReadings {
    /// In blocks, so that growing copies nothing.
    instants: Vec<Vec<i64>>,
    /// The devices of the instants: a device and the length of its run.
    runs: Vec<(u32, u32)>,
    len: usize,
    /// Repetitions are removed when `len` reaches it.
    capacity: usize,
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
            instants: Vec::new(),
            runs: Vec::new(),
            len: 0,
            capacity: CAPACITY_MIN,
        }
    }

    /// Adds one reading of `device` at `instant` (epoch ms).
    pub fn push(&mut self, device: u32, instant: i64) {
        if self.len >= self.capacity {
            self.remove_repetitions();
        }
        match self.runs.last_mut() {
            Some((last, len)) if *last == device && *len < u32::MAX => *len += 1,
            _ => self.runs.push((device, 1)),
        }
        match self.instants.last_mut() {
            Some(block) if block.len() < block.capacity() => block.push(instant),
            _ => {
                let mut block = Vec::with_capacity(BLOCK_LEN);
                block.push(instant);
                self.instants.push(block);
            }
        }
        self.len += 1;
    }

    /// Adds all readings that another thread collected.
    pub fn merge(&mut self, other: Self) {
        self.instants.extend(other.instants);
        self.runs.extend(other.runs);
        self.len += other.len;
    }

    /// The distinct instants of each device, 8 bytes each.
    pub fn finish(self) -> DeviceInstants {
        let devices = self.runs.iter().map(|(device, _)| *device as usize + 1);
        let devices = devices.max().unwrap_or(0);
        let mut starts = vec![0; devices + 1];
        for (device, len) in &self.runs {
            starts[*device as usize + 1] += *len as usize;
        }
        for device in 0..devices {
            starts[device + 1] += starts[device];
        }
        let mut next = starts.clone();
        let mut instants = vec![0; self.len];
        let mut remaining = self.instants.into_iter().flatten();
        for (device, len) in self.runs {
            let place = &mut next[device as usize];
            let run = &mut instants[*place..*place + len as usize];
            for (instant, own) in run.iter_mut().zip(&mut remaining) {
                *instant = own;
            }
            *place += len as usize;
        }
        let mut kept = 0;
        for device in 0..devices {
            let own = starts[device]..starts[device + 1];
            instants[own.clone()].sort_unstable();
            starts[device] = kept;
            let mut last = None;
            for place in own {
                let instant = instants[place];
                if last != Some(instant) {
                    instants[kept] = instant;
                    kept += 1;
                    last = Some(instant);
                }
            }
        }
        starts[devices] = kept;
        instants.truncate(kept);
        instants.shrink_to_fit();
        DeviceInstants { starts, instants }
    }

    #[cold]
    fn remove_repetitions(&mut self) {
        let DeviceInstants { starts, instants } = std::mem::take(self).finish();
        let devices = starts.windows(2).map(|ends| (ends[1] - ends[0]) as u32);
        let runs = (0..).zip(devices).filter(|(_, len)| *len > 0);
        *self = Self {
            runs: runs.collect(),
            len: instants.len(),
            capacity: CAPACITY_MIN.max(2 * instants.len()),
            instants: vec![instants],
        };
    }
}

/// The distinct instants of each device, ascending.
pub struct DeviceInstants {
    starts: Vec<usize>,
    instants: Vec<i64>,
}

impl DeviceInstants {
    /// One more than the highest device with readings.
    pub fn devices(&self) -> u32 {
        (self.starts.len() - 1) as u32
    }

    /// The distinct instants of `device` in epoch ms, ascending. Empty for a device
    /// without readings.
    pub fn of(&self, device: u32) -> &[i64] {
        &self.instants[self.range(device)]
    }

    /// The number of (device, instant) pairs.
    pub fn total(&self) -> usize {
        self.instants.len()
    }

    /// The range of the instants of `device` among all instants.
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
    fn instants_are_distinct_and_sorted() {
        let mut left = DeviceReadings::new();
        for (device, instant) in [(40, 5), (2, -7), (40, 3), (40, 5), (2, i64::MAX)] {
            left.push(device, instant);
        }
        let mut right = DeviceReadings::new();
        right.push(2, -7);
        right.push(2, 0);
        left.merge(right);
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

    #[test]
    fn repetitions_take_no_memory() {
        let mut readings = DeviceReadings::new();
        for round in 0..40 {
            for instant in 0..100_000 {
                readings.push(instant as u32 % 7, instant - round % 2);
            }
        }
        assert!(readings.len <= CAPACITY_MIN, "{}", readings.len);
        let devices = readings.finish();
        assert_eq!(devices.devices(), 7);
        assert_eq!(devices.total(), 200_000);
        for device in 0..7 {
            assert!(devices.of(device).is_sorted());
        }
    }
}
