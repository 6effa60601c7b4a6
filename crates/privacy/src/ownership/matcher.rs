//! Finds the person who shares most instants with a device.

use std::collections::HashMap;

use super::crowd_bitmaps::Bitmap;
use super::people_by_instant::PeopleByInstant;
use super::postings::{Posting, Postings};

/// The person with most shared instants, and the count of the runner-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestMatch {
    /// The person. Of several with equal counts, the lowest number; `runner_up` equals
    /// `support` then.
    pub person: u32,
    /// How many distinct instants the person shares.
    pub support: u32,
    /// How many the next person shares. 0 if there is none.
    pub runner_up: u32,
}

/// An answer that took this many steps is cached. Devices with equal instants, as
/// after a clock fault, are counted once then.
const CACHE_STEPS_MIN: usize = 4096;
const CACHE_LEN_MAX: usize = 1024;

/// Counts shared instants exactly. Each thread needs its own; see
/// [`PeopleByInstant::matcher`].
pub struct Matcher<'a> {
    people: &'a PeopleByInstant,
    postings: Postings<'a>,
    lists: Vec<Posting>,
    bitmaps: Vec<Bitmap>,
    /// The counts by person. Zero for all but those in `touched`.
    counts: Vec<u32>,
    touched: Vec<u32>,
    cache: HashMap<Box<[i64]>, Option<BestMatch>>,
}

impl PeopleByInstant {
    /// A matcher for one thread. Several may work at the same time. Needs 4 bytes per
    /// person.
    pub fn matcher(&self) -> Matcher<'_> {
        Matcher::new(self)
    }
}

impl<'a> Matcher<'a> {
    fn new(people: &'a PeopleByInstant) -> Self {
        Self {
            people,
            postings: Postings::new(&people.shards),
            lists: Vec::new(),
            bitmaps: Vec::new(),
            counts: vec![0; people.people],
            touched: Vec::new(),
            cache: HashMap::new(),
        }
    }

    /// The person who shares most of `instants` (distinct epoch ms, ascending, of a
    /// device that was in the filter). `None` if nobody shares any. Fastest if devices
    /// are passed in their order.
    pub fn best(&mut self, instants: &[i64]) -> Option<BestMatch> {
        let steps = self.look_up(instants);
        if steps < CACHE_STEPS_MIN {
            return self.count();
        }
        if let Some(known) = self.cache.get(instants) {
            return *known;
        }
        let best = self.count();
        if self.cache.len() == CACHE_LEN_MAX {
            self.cache.clear();
        }
        self.cache.insert(instants.into(), best);
        best
    }

    /// The people who share at least `support_min` of `instants`, each with the indices
    /// of the shared instants, ascending. `None` if this takes more than `steps_max`
    /// steps, one for each (person, instant) pair.
    pub(super) fn sharing(
        &mut self,
        instants: &[i64],
        support_min: u32,
        steps_max: usize,
    ) -> Option<Vec<(u32, Vec<u32>)>> {
        let found: Vec<_> = instants
            .iter()
            .map(|&instant| self.postings.find(instant))
            .collect();
        if found.iter().flatten().map(|list| list.len()).sum::<usize>() > steps_max {
            return None;
        }
        self.lists.clear();
        self.lists.extend(found.iter().flatten());
        self.count_lists();
        let mut sharing: Vec<(u32, Vec<u32>)> = Vec::new();
        self.touched.sort_unstable();
        for person in self.touched.drain(..) {
            let count = &mut self.counts[person as usize];
            if *count >= support_min {
                sharing.push((person, Vec::with_capacity(*count as usize)));
            }
            *count = 0;
        }
        for (place, list) in found.iter().enumerate() {
            for person in list.iter().flat_map(|&list| self.postings.people(list)) {
                if let Ok(at) = sharing.binary_search_by_key(&person, |known| known.0) {
                    sharing[at].1.push(place as u32);
                }
            }
        }
        Some(sharing)
    }

    /// Finds the people at each instant, as a list or a bitmap. Returns the number of
    /// steps needed to count them.
    fn look_up(&mut self, instants: &[i64]) -> usize {
        self.lists.clear();
        self.bitmaps.clear();
        let mut steps = 0;
        for &instant in instants {
            let Some(posting) = self.postings.find(instant) else {
                continue;
            };
            match self.people.crowds.bitmap(posting) {
                Some(bitmap) => {
                    steps += bitmap.tiles();
                    self.bitmaps.push(bitmap);
                }
                None => {
                    steps += posting.len();
                    self.lists.push(posting);
                }
            }
        }
        steps
    }

    /// The best person among those looked up.
    ///
    /// It suffices to compare the two leaders by bitmaps alone with everybody in a list:
    /// people in no list have only their bitmaps.
    fn count(&mut self) -> Option<BestMatch> {
        let mut leaders = Leaders::default();
        let crowds = &self.people.crowds;
        if !self.bitmaps.is_empty() {
            crowds.count_all(&self.bitmaps, |person, count| {
                leaders.offer(person, count);
                // People of later tiles have higher numbers, so a tie with the second
                // place changes nothing.
                leaders.second.1 + 1
            });
        }
        self.count_lists();
        let in_crowds = self.bitmaps.len() as u32;
        for person in self.touched.drain(..) {
            let mut count = std::mem::take(&mut self.counts[person as usize]);
            if in_crowds > 0 && count + in_crowds >= leaders.second.1 {
                count += crowds.count(&self.bitmaps, person);
            }
            leaders.offer(person, count);
        }
        let ((person, support), (_, runner_up)) = (leaders.first, leaders.second);
        (support > 0).then_some(BestMatch {
            person,
            support,
            runner_up,
        })
    }

    /// Counts the people in lists.
    fn count_lists(&mut self) {
        for &list in &self.lists {
            for person in self.postings.people(list) {
                let count = &mut self.counts[person as usize];
                if *count == 0 {
                    self.touched.push(person);
                }
                *count += 1;
            }
        }
    }
}

/// The two people with the highest counts. With equal counts the lower number leads.
/// A person may be offered again with a higher count.
#[derive(Default)]
struct Leaders {
    first: (u32, u32),
    second: (u32, u32),
}

impl Leaders {
    fn offer(&mut self, person: u32, count: u32) {
        let leads = |of: (u32, u32)| count > of.1 || count == of.1 && person < of.0;
        if count == 0 {
            // A count of 0 means an empty place.
        } else if self.first.1 > 0 && self.first.0 == person {
            self.first.1 = self.first.1.max(count);
        } else if leads(self.first) {
            self.second = self.first;
            self.first = (person, count);
        } else if leads(self.second) {
            self.second = (person, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::devices::DeviceReadings;
    use super::super::people_by_instant::{InstantFilter, PersonReadings};
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::sync::Arc;

    fn people_of(devices: &DeviceReadingsOf, people: &[(u32, i64)]) -> PeopleByInstant {
        let wanted: Vec<u32> = (0..devices.0.devices()).collect();
        let wanted = Arc::new(InstantFilter::new(&devices.0, &wanted));
        let mut halves = [
            PersonReadings::new(wanted.clone()),
            PersonReadings::new(wanted),
        ];
        for (i, &(person, instant)) in people.iter().enumerate() {
            halves[i % 2].push(person, instant);
        }
        let [mut left, right] = halves;
        left.merge(right);
        left.finish()
    }

    struct DeviceReadingsOf(super::super::devices::DeviceInstants);

    fn devices_of(readings: &[(u32, i64)]) -> DeviceReadingsOf {
        let mut devices = DeviceReadings::new();
        for &(device, instant) in readings {
            devices.push(device, instant);
        }
        DeviceReadingsOf(devices.finish())
    }

    /// By definition: intersections of sets of instants.
    fn naive(instants: &[i64], people: &[(u32, i64)]) -> Option<BestMatch> {
        let own: HashSet<i64> = instants.iter().copied().collect();
        let mut distinct: HashSet<(u32, i64)> = people.iter().copied().collect();
        distinct.retain(|reading| own.contains(&reading.1));
        let mut counts = HashMap::new();
        for (person, _) in distinct {
            *counts.entry(person).or_insert(0_u32) += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().map(|(p, c)| (c, p)).collect();
        counts.sort_unstable_by_key(|&(count, person)| (u32::MAX - count, person));
        let &(support, person) = counts.first()?;
        Some(BestMatch {
            person,
            support,
            runner_up: counts.get(1).map_or(0, |next| next.0),
        })
    }

    fn check(devices: &[(u32, i64)], people: &[(u32, i64)]) {
        let devices = devices_of(devices);
        let found = people_of(&devices, people);
        let mut matcher = found.matcher();
        for device in 0..devices.0.devices() {
            let instants = devices.0.of(device);
            let expected = naive(instants, people);
            assert_eq!(matcher.best(instants), expected, "device {device}");
            // Again, from the cache; then only the later half.
            assert_eq!(matcher.best(instants), expected, "device {device}");
            let half = &instants[instants.len() / 2..];
            assert_eq!(matcher.best(half), naive(half, people), "device {device}");
        }
    }

    proptest! {
        #[test]
        fn finds_the_same_as_sets(
            devices in prop::collection::vec((0..8_u32, -30..30_i64), 0..200),
            people in prop::collection::vec((0..9_u32, -30..30_i64), 0..400),
        ) {
            check(&devices, &people);
        }
    }

    proptest! {
        // In a debug build each case takes 10 ms or more.
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// With enough people for bitmaps, with lists beside them, and with numbers in
        /// several tiles.
        #[test]
        fn finds_the_same_as_sets_in_crowds(
            seed in any::<u64>(),
            people in 30..200_u32,
            spread in prop::sample::select(vec![1_u32, 5, 40]),
            instants in 1..60_u64,
        ) {
            let mut random = seed;
            let mut below = move |bound: u64| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 33) % bound
            };
            let mut at = Vec::new();
            for person in 0..people {
                for instant in 0..instants {
                    // Some instants are crowded, some are not.
                    if below(1 + instant % 5 * 4) == 0 {
                        at.push((person * spread, instant as i64 * 40_000));
                    }
                }
            }
            let devices: Vec<(u32, i64)> = (0..6)
                .flat_map(|device| (0..instants).map(move |i| (device, i as i64 * 40_000)))
                .filter(|_| below(4) > 0)
                .collect();
            check(&devices, &at);
        }
    }

    #[test]
    fn everybody_at_the_same_instants() {
        let at = |who: u32| (0..30).map(move |i| (who, 1_655_564_444_103 + i * 3_933));
        let mut people: Vec<_> = (0..2000).flat_map(at).collect();
        let devices: Vec<_> = (0..5).flat_map(at).collect();
        check(&devices, &people);
        // One person has one more instant.
        people.push((1222, 7));
        let mut devices = devices;
        devices.push((3, 7));
        check(&devices, &people);
    }

    /// Lists too sparse for bitmaps, and long enough for the cache.
    #[test]
    fn many_people_with_sparse_numbers() {
        let people: Vec<_> = (0..20)
            .flat_map(|i| (0..400).map(move |p| (p * 300 + i % 7 * 3, i64::from(i))))
            .collect();
        let devices: Vec<_> = (0..60).map(|i| (i % 3, i64::from(i / 3))).collect();
        check(&devices, &people);
    }

    #[test]
    fn sharing_returns_indices() {
        let devices = devices_of(&[(0, 1), (0, 2), (0, 3), (0, 9)]);
        let people = people_of(&devices, &[(4, 1), (4, 3), (4, 9), (5, 2), (5, 3), (6, 9)]);
        let mut matcher = people.matcher();
        let instants = [1, 2, 3, 9];
        assert_eq!(
            matcher.sharing(&instants, 2, 100),
            Some(vec![(4, vec![0, 2, 3]), (5, vec![1, 2])])
        );
        assert_eq!(matcher.sharing(&instants, 2, 5), None);
        assert_eq!(
            matcher.best(&instants),
            Some(BestMatch {
                person: 4,
                support: 3,
                runner_up: 2
            })
        );
    }
}
