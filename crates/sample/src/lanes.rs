//! When devices report, and which of them meet.
//!
//! A device reports 30 times, at `start + k * step`. Two devices *meet* where
//! they report in the same millisecond; strangers who meet are what makes a
//! join on time alone go wrong, so how often that happens must be exact.
//!
//! Devices are grouped into *lanes* of at most eight. Devices of one lane meet
//! as the lane's shape says; devices of different lanes never meet:
//! - A lane belongs to a session. Sessions start every [`SESSION_MS`], and a
//!   lane lasts less than two of them.
//! - Lanes that can overlap, those of one session and the next, have different
//!   remainders modulo [`CLOCKS`], and keep them because every step is a
//!   multiple of [`CLOCKS`].

use crate::random::Random;

/// Reports of one device.
pub(super) const INSTANTS: usize = 30;

/// Devices of one lane, at most.
const PLACES_MAX: usize = 8;

/// Time between the starts of two sessions.
const SESSION_MS: u64 = 100_800;

/// Sessions of one cohort; a cohort's window of time is 42 minutes.
const SESSIONS: usize = 25;

/// Lanes of one session.
const LANES_PER_SESSION: usize = 7;

/// Lanes that can be told apart by their times' remainder: those of two
/// sessions.
const CLOCKS: u64 = 2 * LANES_PER_SESSION as u64;

/// Lanes for which a cohort has room.
pub(super) const LANES_MAX: usize = SESSIONS * LANES_PER_SESSION;

/// The start of the first session: 2022-06-18T14:20:00Z.
const FIRST_SESSION_MS: u64 = 1_655_562_000_000;

// A session's length keeps the remainders of the one before.
const _: () = assert!(SESSION_MS.is_multiple_of(CLOCKS));

/// How the devices of a lane meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Devices on even places step by 29 units and those on odd places by 30.
    /// Each even one meets each odd one exactly once: within 29 * 30 units, two
    /// remainders modulo 29 and 30 agree on one position (the Chinese remainder
    /// theorem), and 30 reports of either device cover those units. Devices on
    /// one side have different remainders, so they never meet.
    Crossing,
    /// All devices meet once, at one instant, and no two of them anywhere else:
    /// their steps have no common divisor that would bring them together again
    /// within 30 reports.
    Star,
    /// Two devices with the same step, the second starting so late that they
    /// share `shared` instants.
    Pair {
        /// From 1 to 29.
        shared: usize,
    },
    /// A device that meets nobody.
    Alone,
}

/// Steps of a star's devices, in units: pairwise without a common divisor, and
/// of any two the greater is at least 30, so that they meet again no sooner
/// than after 30 reports of the other.
const STAR_STEPS: [u64; 5] = [29, 30, 31, 37, 41];

/// A unit of a lane's time is this many [`CLOCKS`]: 70 to 126 ms, which makes
/// steps of 2 to 5 seconds.
const UNIT_CLOCKS_MIN: u64 = 5;
const UNIT_CLOCKS_MAX: u64 = 9;

/// The devices of one lane and their times.
pub(super) struct Lane {
    start_ms: u64,
    unit_ms: u64,
    rhythms: [Rhythm; PLACES_MAX],
}

/// When one device reports, in units of its lane.
#[derive(Clone, Copy, Default)]
struct Rhythm {
    first: u64,
    step: u64,
}

impl Lane {
    /// The `number`-th lane of a cohort, with `places` devices.
    pub(super) fn new(
        cohort: u64,
        number: usize,
        shape: Shape,
        places: usize,
        random: &mut Random,
    ) -> Self {
        let rhythms = shape.rhythms(places, random);
        let units = rhythms[..places].iter().map(Rhythm::last).max();
        let units = units.expect("a lane has places");

        let session = cohort * SESSIONS as u64 + (number / LANES_PER_SESSION) as u64;
        let clock = (session % 2) * LANES_PER_SESSION as u64 + (number % LANES_PER_SESSION) as u64;
        let room_clocks = 2 * SESSION_MS / CLOCKS - 1;
        let unit_clocks_max = UNIT_CLOCKS_MAX.min(room_clocks / units);
        let unit_clocks = UNIT_CLOCKS_MIN + random.below(unit_clocks_max - UNIT_CLOCKS_MIN + 1);
        let delay_clocks = random.below(room_clocks - units * unit_clocks + 1);
        Lane {
            start_ms: FIRST_SESSION_MS + session * SESSION_MS + clock + delay_clocks * CLOCKS,
            unit_ms: unit_clocks * CLOCKS,
            rhythms,
        }
    }

    /// The time of the device's first report, and the step to the next.
    pub(super) fn times(&self, place: usize) -> Times {
        let rhythm = self.rhythms[place];
        Times {
            start_ms: self.start_ms + rhythm.first * self.unit_ms,
            step_ms: rhythm.step * self.unit_ms,
        }
    }

    /// Which reports of the device coincide with one of the lane's first
    /// `others` devices (itself apart): bit `k` for the `k`-th.
    pub(super) fn meetings(&self, place: usize, others: usize) -> u32 {
        let rhythm = self.rhythms[place];
        (0..INSTANTS)
            .filter(|&instant| {
                let position = rhythm.first + instant as u64 * rhythm.step;
                (0..others).any(|other| other != place && self.rhythms[other].reports_at(position))
            })
            .fold(0, |bits, instant| bits | 1 << instant)
    }
}

/// A device's instants: `start_ms + k * step_ms` for `k` from 0 to 29.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start_ms: u64,
    pub(super) step_ms: u64,
}

impl Times {
    pub(super) fn at(&self, instant: usize) -> u64 {
        self.start_ms + instant as u64 * self.step_ms
    }
}

impl Shape {
    fn rhythms(self, places: usize, random: &mut Random) -> [Rhythm; PLACES_MAX] {
        let mut rhythms = [Rhythm::default(); PLACES_MAX];
        match self {
            Shape::Crossing => {
                for side in 0..2 {
                    let step = 29 + side as u64;
                    let phase = random.below(step);
                    // Up to four devices per side: three times 9 stays below
                    // either step, so phases differ.
                    let stride = 1 + random.below(9);
                    for nth in 0..places.saturating_sub(side).div_ceil(2) {
                        rhythms[2 * nth + side] = Rhythm {
                            first: (phase + nth as u64 * stride) % step,
                            step,
                        };
                    }
                }
            }
            Shape::Star => {
                // The meeting is one of the 13th to 18th reports of each.
                let meeting = 17 * STAR_STEPS[places - 1];
                for (rhythm, step) in rhythms.iter_mut().zip(STAR_STEPS).take(places) {
                    let earlier = 12 + random.below(6);
                    *rhythm = Rhythm {
                        first: meeting - earlier * step,
                        step,
                    };
                }
            }
            Shape::Pair { shared } => {
                let step = 29;
                let lag = (INSTANTS - shared) as u64 * step;
                rhythms[0] = Rhythm { first: 0, step };
                rhythms[1] = Rhythm { first: lag, step };
            }
            Shape::Alone => rhythms[0] = Rhythm { first: 0, step: 29 },
        }
        rhythms
    }
}

impl Rhythm {
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

    /// Meetings between the first and each other device, over many draws.
    fn check(shape: Shape, places: usize, expected: &[u32]) {
        for seed in 0..500 {
            let lane = Lane::new(
                seed,
                seed as usize % LANES_MAX,
                shape,
                places,
                &mut Random::new(seed, 0),
            );
            let met: Vec<u32> = (1..places)
                .map(|other| {
                    let alone = Lane {
                        rhythms: {
                            let mut rhythms = lane.rhythms;
                            rhythms[1] = rhythms[other];
                            rhythms
                        },
                        ..lane
                    };
                    alone.meetings(0, 2).count_ones()
                })
                .collect();
            assert_eq!(met, expected, "{shape:?}, seed {seed}");
        }
    }

    #[test]
    fn devices_meet_as_the_shape_says() {
        check(Shape::Crossing, 8, &[1, 0, 1, 0, 1, 0, 1]);
        check(Shape::Star, 3, &[1, 1]);
        check(Shape::Star, 5, &[1, 1, 1, 1]);
        check(Shape::Pair { shared: 23 }, 2, &[23]);
        check(Shape::Pair { shared: 2 }, 2, &[2]);
        check(Shape::Alone, 1, &[]);
    }

    #[test]
    fn lanes_that_overlap_have_different_clocks() {
        let mut random = Random::new(3, 0);
        let clock = |cohort, number| {
            let mut random = Random::new(9, number as u64);
            let lane = Lane::new(cohort, number, Shape::Crossing, 8, &mut random);
            (lane.start_ms - FIRST_SESSION_MS) % CLOCKS
        };
        for _ in 0..100 {
            let number = random.below(LANES_MAX as u64 - 14) as usize;
            let clocks: std::collections::BTreeSet<u64> = (number / 7 * 7..number / 7 * 7 + 14)
                .map(|number| clock(0, number))
                .collect();
            assert_eq!(clocks.len(), 14);
        }
        // A cohort's last session and the next cohort's first.
        assert_ne!(clock(0, LANES_MAX - 7), clock(1, 0));
    }
}
