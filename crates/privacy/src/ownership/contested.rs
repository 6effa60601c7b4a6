//! Finds owners to discard because another device of the same person explains the
//! shared instants.

use std::collections::HashMap;

use super::devices::DeviceInstants;

/// A person's ownership of a device, for all its instants or for a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// The device.
    pub device: u32,
    /// Its owner.
    pub person: u32,
    /// How many instants of the period they share.
    pub support: u32,
    /// Whether the person's record claims the device and the claim holds. A claimed
    /// ownership is never contested, but may contest others.
    pub claimed: bool,
    /// The first instant of the period, epoch ms. `None`: the first of the device.
    pub valid_from: Option<i64>,
    /// The first instant after the period. `None`: it has no end.
    pub valid_to: Option<i64>,
}

impl Ownership {
    fn instants<'a>(&self, devices: &'a DeviceInstants) -> &'a [i64] {
        let all = devices.of(self.device);
        let place = |of: i64| all.partition_point(|&instant| instant < of);
        &all[self.valid_from.map_or(0, place)..self.valid_to.map_or(all.len(), place)]
    }
}

/// The indices in `owned` of ownerships to discard, ascending: those in which the
/// person is only the stranger with the most shared instants.
///
/// If the owner's phone was never read, a stranger whose own device is a twin (23 of
/// 30 instants in the reference data) shares most, and the match looks clear. But the
/// stranger shares their own device even better. So of two devices of one person, the
/// one with the smaller share is discarded if
/// - at least half of the instants shared with it are also instants of the other
///   device, and
/// - the person shares less than nine tenths of it. For a period, the share is that
///   of all instants of the device: a stranger's period is where the two devices
///   report together, and its own share looks perfect.
///
/// A person who really uses two devices at the same time shares both well and keeps
/// both. `owned` must include claimed devices, because the stranger's own device
/// mostly is one.
pub fn find_contested(devices: &DeviceInstants, owned: &[Ownership]) -> Vec<usize> {
    let mut of_person: HashMap<u32, Vec<usize>> = HashMap::new();
    // Almost everyone has only one device, and few ownerships are doubtful.
    for (index, one) in owned.iter().enumerate() {
        if is_doubtful(devices, one) {
            of_person.entry(one.person).or_default().push(index);
        }
    }
    if of_person.is_empty() {
        return Vec::new();
    }
    let mut indices: Vec<usize> = Vec::new();
    for (other_index, other) in owned.iter().enumerate() {
        for &index in of_person.get(&other.person).map_or(&[][..], |all| all) {
            if index != other_index && is_explained(devices, &owned[index], other) {
                indices.push(index);
            }
        }
    }
    indices.sort_unstable();
    indices.dedup();
    indices
}

fn is_doubtful(devices: &DeviceInstants, one: &Ownership) -> bool {
    !one.claimed && (one.support as usize) * 10 < devices.of(one.device).len() * 9
}

fn is_explained(devices: &DeviceInstants, one: &Ownership, other: &Ownership) -> bool {
    let (own, others) = (one.instants(devices), other.instants(devices));
    let has_smaller_share = one.support as usize * others.len()
        <= other.support as usize * devices.of(one.device).len();
    if one.device == other.device || !has_smaller_share {
        return false;
    }
    let both = own
        .iter()
        .filter(|instant| others.binary_search(instant).is_ok())
        .count();
    both * 2 >= one.support as usize
}

#[cfg(test)]
mod tests {
    use super::super::devices::DeviceReadings;
    use super::*;

    #[test]
    fn the_device_with_the_smaller_share_is_discarded() {
        // Device 0 reports at 0..30. Device 1 is a twin for 23 of 30 instants. Device 2
        // reports at other times.
        let mut devices = DeviceReadings::new();
        for i in 0..30 {
            devices.push(0, i);
            devices.push(1, if i < 23 { i } else { i + 100 });
            devices.push(2, i + 1000);
        }
        let devices = devices.finish();
        let owned = |device, person, support| Ownership {
            device,
            person,
            support,
            claimed: false,
            valid_from: None,
            valid_to: None,
        };
        let claimed = |mut one: Ownership| {
            one.claimed = true;
            one
        };
        let within = |mut one: Ownership, from, to| {
            (one.valid_from, one.valid_to) = (from, to);
            one
        };
        for (name, owned, expected) in [
            ("twin", vec![owned(0, 7, 30), owned(1, 7, 23)], vec![1]),
            (
                "twin first",
                vec![owned(1, 7, 23), owned(0, 7, 30)],
                vec![0],
            ),
            (
                "own device is claimed",
                vec![owned(1, 7, 23), claimed(owned(0, 7, 27))],
                vec![0],
            ),
            (
                "twin is claimed",
                vec![claimed(owned(1, 7, 23)), owned(0, 7, 30)],
                vec![],
            ),
            (
                "other people",
                vec![owned(0, 7, 30), owned(1, 8, 23)],
                vec![],
            ),
            (
                "both well shared",
                vec![owned(0, 7, 30), owned(1, 7, 28)],
                vec![],
            ),
            (
                "other times",
                vec![owned(0, 7, 30), owned(2, 7, 22)],
                vec![],
            ),
            (
                "other periods",
                vec![
                    within(owned(1, 7, 7), Some(100), None),
                    within(owned(1, 7, 15), None, Some(100)),
                ],
                vec![],
            ),
            (
                "twin for a period",
                vec![within(owned(1, 7, 23), None, Some(100)), owned(0, 7, 27)],
                vec![0],
            ),
            (
                "changed owner",
                vec![within(owned(2, 7, 15), None, Some(1015)), owned(0, 7, 30)],
                vec![],
            ),
            ("alone", vec![owned(1, 7, 23)], vec![]),
        ] {
            assert_eq!(find_contested(&devices, &owned), expected, "{name}");
        }
    }
}
