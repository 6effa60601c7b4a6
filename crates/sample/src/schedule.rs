//! When devices report, and which devices report at the same time.
//!
//! A device reports 30 times, at `start + k * step`. Two devices *meet* if they
//! report in the same millisecond. A join on time alone pairs strangers whose
//! devices meet, so the number of meetings must be exact.
//!
//! Devices are divided into *groups* of at most eight. Devices of one group meet as
//! the group's pattern says; devices of different groups never meet:
//! - A group belongs to a session. Sessions start every [`SESSION_MS`], and a group
//!   lasts less than two sessions.
//! - Groups that can overlap in time, those of one session and the next, have
//!   different remainders modulo [`CLOCKS`]. They keep them, because every step is
//!   a multiple of [`CLOCKS`].

use crate::random::Random;

/// Number of reports of one device.
pub(super) const INSTANTS: usize = 30;

/// Maximum number of devices of a group.
const DEVICES_MAX: usize = 8;

/// Time between the starts of two sessions.
const SESSION_MS: u64 = 100_800;

/// Sessions of one cohort; a cohort lasts 42 minutes.
const SESSIONS: usize = 25;

/// Groups of one session.
const GROUPS_PER_SESSION: usize = 7;

/// Number of groups with different remainders: those of two sessions.
const CLOCKS: u64 = 2 * GROUPS_PER_SESSION as u64;

/// Maximum number of groups of a cohort.
pub(super) const GROUPS_MAX: usize = SESSIONS * GROUPS_PER_SESSION;

/// The start of the first session: 2022-06-18T14:20:00Z.
const FIRST_SESSION_MS: u64 = 1_655_562_000_000;

// A session keeps the remainders of the session before.
const _: () = assert!(SESSION_MS.is_multiple_of(CLOCKS));

/// How the devices of a group meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MeetingPattern {
    /// Devices with even numbers step by 29 units, and those with odd numbers by
    /// 30. Each even one meets each odd one exactly once: within 29 * 30 units, two
    /// remainders modulo 29 and 30 agree on one position (the Chinese remainder
    /// theorem), and 30 reports of either device cover those units. Devices on the
    /// same side have different remainders, so they never meet.
    Crossing,
    /// All devices meet once, at the same instant, and no two of them meet
    /// elsewhere: no two steps have a common divisor that would make them meet
    /// again within 30 reports.
    Star,
    /// Two devices with the same step. The second one starts so late that they
    /// share `shared` instants.
    Pair {
        /// From 1 to 29.
        shared: usize,
    },
    /// One device that meets no other.
    Alone,
}

/// Steps of a star's devices, in units. They are pairwise coprime, and the greater
/// of any two is at least 30, so that two devices meet again no sooner than after
/// 30 reports of the other one.
const STAR_STEPS: [u64; 5] = [29, 30, 31, 37, 41];

/// Minimum and maximum length of a group's unit of time, in [`CLOCKS`]: 70 to 126
/// ms, which makes steps of 2 to 5 seconds.
const UNIT_CLOCKS_MIN: u64 = 5;
const UNIT_CLOCKS_MAX: u64 = 9;

/// The devices of one group and their schedules.
pub(super) struct DeviceGroup {
    start_ms: u64,
    unit_ms: u64,
    schedules: [Schedule; DEVICES_MAX],
}

/// When one device reports, in units of its group.
#[derive(Clone, Copy, Default)]
struct Schedule {
    first: u64,
    step: u64,
}

impl DeviceGroup {
    /// The `number`-th group of a cohort, with this many devices.
    pub(super) fn new(
        cohort: u64,
        number: usize,
        pattern: MeetingPattern,
        devices: usize,
        random: &mut Random,
    ) -> Self {
        let schedules = pattern.schedules(devices, random);
        let units = schedules[..devices].iter().map(Schedule::last).max();
        let units = units.expect("a group has devices");

        let session = cohort * SESSIONS as u64 + (number / GROUPS_PER_SESSION) as u64;
        let clock =
            (session % 2) * GROUPS_PER_SESSION as u64 + (number % GROUPS_PER_SESSION) as u64;
        let room_clocks = 2 * SESSION_MS / CLOCKS - 1;
        let unit_clocks_max = UNIT_CLOCKS_MAX.min(room_clocks / units);
        let unit_clocks = UNIT_CLOCKS_MIN + random.below(unit_clocks_max - UNIT_CLOCKS_MIN + 1);
        let delay_clocks = random.below(room_clocks - units * unit_clocks + 1);
        DeviceGroup {
            start_ms: FIRST_SESSION_MS + session * SESSION_MS + clock + delay_clocks * CLOCKS,
            unit_ms: unit_clocks * CLOCKS,
            schedules,
        }
    }

    /// The report times of a device.
    pub(super) fn times(&self, device: usize) -> ReportTimes {
        let schedule = self.schedules[device];
        ReportTimes {
            start_ms: self.start_ms + schedule.first * self.unit_ms,
            step_ms: schedule.step * self.unit_ms,
        }
    }

    /// The reports of a device that coincide with one of the group's first `others`
    /// devices (itself excluded): bit `k` for the `k`-th report.
    pub(super) fn shared_instants(&self, device: usize, others: usize) -> u32 {
        let schedule = self.schedules[device];
        (0..INSTANTS)
            .filter(|&instant| {
                let position = schedule.first + instant as u64 * schedule.step;
                (0..others)
                    .any(|other| other != device && self.schedules[other].reports_at(position))
            })
            .fold(0, |bits, instant| bits | 1 << instant)
    }
}

/// The report times of a device: `start_ms + k * step_ms` for `k` from 0 to 29.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReportTimes {
    pub(super) start_ms: u64,
    pub(super) step_ms: u64,
}

impl ReportTimes {
    pub(super) fn at(&self, instant: usize) -> u64 {
        self.start_ms + instant as u64 * self.step_ms
    }
}

impl MeetingPattern {
    fn schedules(self, devices: usize, random: &mut Random) -> [Schedule; DEVICES_MAX] {
        let mut schedules = [Schedule::default(); DEVICES_MAX];
        match self {
            MeetingPattern::Crossing => {
                for side in 0..2 {
                    let step = 29 + side as u64;
                    let phase = random.below(step);
                    // Up to four devices on each side: three times 9 is less than
                    // either step, so phases differ.
                    let stride = 1 + random.below(9);
                    for nth in 0..devices.saturating_sub(side).div_ceil(2) {
                        schedules[2 * nth + side] = Schedule {
                            first: (phase + nth as u64 * stride) % step,
                            step,
                        };
                    }
                }
            }
            MeetingPattern::Star => {
                // The meeting is one of the 13th to 18th reports of each device.
                let meeting = 17 * STAR_STEPS[devices - 1];
                for (schedule, step) in schedules.iter_mut().zip(STAR_STEPS).take(devices) {
                    let earlier = 12 + random.below(6);
                    *schedule = Schedule {
                        first: meeting - earlier * step,
                        step,
                    };
                }
            }
            MeetingPattern::Pair { shared } => {
                let step = 29;
                let lag = (INSTANTS - shared) as u64 * step;
                schedules[0] = Schedule { first: 0, step };
                schedules[1] = Schedule { first: lag, step };
            }
            MeetingPattern::Alone => schedules[0] = Schedule { first: 0, step: 29 },
        }
        schedules
    }
}

impl Schedule {
    fn last(&self) -> u64 {
        self.first + (INSTANTS as u64 - 1) * self.step
    }

    fn reports_at(&self, position: u64) -> bool {
        (self.first..=self.last()).contains(&position)
            && (position - self.first).is_multiple_of(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the number of meetings between the first device and each other one,
    /// for many seeds.
    fn check(pattern: MeetingPattern, devices: usize, expected: &[u32]) {
        for seed in 0..500 {
            let group = DeviceGroup::new(
                seed,
                seed as usize % GROUPS_MAX,
                pattern,
                devices,
                &mut Random::new(seed, 0),
            );
            let met: Vec<u32> = (1..devices)
                .map(|other| {
                    let alone = DeviceGroup {
                        schedules: {
                            let mut schedules = group.schedules;
                            schedules[1] = schedules[other];
                            schedules
                        },
                        ..group
                    };
                    alone.shared_instants(0, 2).count_ones()
                })
                .collect();
            assert_eq!(met, expected, "{pattern:?}, seed {seed}");
        }
    }

    #[test]
    fn devices_meet_as_the_pattern_says() {
        check(MeetingPattern::Crossing, 8, &[1, 0, 1, 0, 1, 0, 1]);
        check(MeetingPattern::Star, 3, &[1, 1]);
        check(MeetingPattern::Star, 5, &[1, 1, 1, 1]);
        check(MeetingPattern::Pair { shared: 23 }, 2, &[23]);
        check(MeetingPattern::Pair { shared: 2 }, 2, &[2]);
        check(MeetingPattern::Alone, 1, &[]);
    }

    #[test]
    fn groups_that_overlap_have_different_clocks() {
        let mut random = Random::new(3, 0);
        let clock = |cohort, number| {
            let mut random = Random::new(9, number as u64);
            let group = DeviceGroup::new(cohort, number, MeetingPattern::Crossing, 8, &mut random);
            (group.start_ms - FIRST_SESSION_MS) % CLOCKS
        };
        for _ in 0..100 {
            let number = random.below(GROUPS_MAX as u64 - 14) as usize;
            let clocks: std::collections::BTreeSet<u64> = (number / 7 * 7..number / 7 * 7 + 14)
                .map(|number| clock(0, number))
                .collect();
            assert_eq!(clocks.len(), 14);
        }
        // The last session of a cohort and the first of the next cohort.
        assert_ne!(clock(0, GROUPS_MAX - 7), clock(1, 0));
    }
}
