//! Takes back matches that another device of the same person explains.

use std::collections::HashMap;

use super::devices::DeviceInstants;

/// A device found to be a person's, for all its instants or for a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// The device.
    pub device: u32,
    /// Its owner.
    pub person: u32,
    /// How many instants of the stretch they share.
    pub support: u32,
    /// Whether the person's record claims the device and the claim holds.
    /// What is claimed contests others and is never contested.
    pub claimed: bool,
    /// The stretch's first instant, epoch ms; `None`: from the first on.
    pub valid_from: Option<i64>,
    /// The first instant after it; `None`: to the last.
    pub valid_to: Option<i64>,
}

impl Ownership {
    fn instants<'a>(&self, devices: &'a DeviceInstants) -> &'a [i64] {
        let all = devices.of(self.device);
        let place = |of: i64| all.partition_point(|&instant| instant < of);
        &all[self.valid_from.map_or(0, place)..self.valid_to.map_or(all.len(), place)]
    }
}

/// The places in `owned` that must be taken back, ascending: matches in which
/// the person is only the nearest stranger.
///
/// If an owner's phone was never read, nobody outdoes the stranger whose own
/// device ticks alike (23 of 30 instants in the reference data), and the match
/// looks clear. But the stranger has a device of their own, which reports
/// those same instants and which they share better. So of two devices that
/// are found to be one person's, the one shared worse is taken back if
/// - at least half of what the person shares with it are instants that the
///   other one reports, too, and
/// - they share less than nine tenths of it. A match for a stretch counts
///   against all instants of the device: a stranger's stretch is where the two
///   devices tick alike, and looks perfect by itself.
///
/// A person who really uses two devices at once shares both as well, and
/// keeps both. Claimed devices belong in `owned` also: a stranger's own
/// device is mostly a claimed one.
pub fn find_contested(devices: &DeviceInstants, owned: &[Ownership]) -> Vec<usize> {
    let mut of_person: HashMap<u32, Vec<usize>> = HashMap::new();
    // Almost everyone has one device, and most of it needs no look.
    for (place, one) in owned.iter().enumerate() {
        if is_doubtful(devices, one) {
            of_person.entry(one.person).or_default().push(place);
        }
    }
    if of_person.is_empty() {
        return Vec::new();
    }
    let mut places: Vec<usize> = Vec::new();
    for (other_place, other) in owned.iter().enumerate() {
        for &place in of_person.get(&other.person).map_or(&[][..], |all| all) {
            if place != other_place && is_explained(devices, &owned[place], other) {
                places.push(place);
            }
        }
    }
    places.sort_unstable();
    places.dedup();
    places
}

fn is_doubtful(devices: &DeviceInstants, one: &Ownership) -> bool {
    !one.claimed && (one.support as usize) * 10 < devices.of(one.device).len() * 9
}

fn is_explained(devices: &DeviceInstants, one: &Ownership, other: &Ownership) -> bool {
    let (own, others) = (one.instants(devices), other.instants(devices));
    let shared_worse = one.support as usize * others.len()
        <= other.support as usize * devices.of(one.device).len();
    if one.device == other.device || !shared_worse {
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
    fn the_device_shared_worse_is_taken_back() {
        // Device 0 reports at 0..30, device 1 ticks alike for 23 of 30, and
        // device 2 is used at another time.
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
                "both as well",
                vec![owned(0, 7, 30), owned(1, 7, 28)],
                vec![],
            ),
            (
                "other times",
                vec![owned(0, 7, 30), owned(2, 7, 22)],
                vec![],
            ),
            (
                "other stretches",
                vec![
                    within(owned(1, 7, 7), Some(100), None),
                    within(owned(1, 7, 15), None, Some(100)),
                ],
                vec![],
            ),
            (
                "twin for a stretch",
                vec![within(owned(1, 7, 23), None, Some(100)), owned(0, 7, 27)],
                vec![0],
            ),
            (
                "passed on",
                vec![within(owned(2, 7, 15), None, Some(1015)), owned(0, 7, 30)],
                vec![],
            ),
            ("alone", vec![owned(1, 7, 23)], vec![]),
        ] {
            assert_eq!(find_contested(&devices, &owned), expected, "{name}");
        }
    }
}
