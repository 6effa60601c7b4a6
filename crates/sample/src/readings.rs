//! Readings of phones and Step Trainers: how many, and their values.
//!
//! A phone takes three readings at each instant and delivers nearly all of them.
//! Missing ones are distributed by quotas of the cohort, so that totals are exact.
//! People with research consent have two quotas, before and since consent. No
//! reading is missing where two of them share an instant, because `plan` counts
//! what a join on time alone makes of these readings.

use crate::plan::{OTHER_INSTANTS, PersonPlan, RESEARCH_INSTANTS, RESEARCH_INSTANTS_BEFORE};
use crate::random::Random;
use crate::schedule::INSTANTS;
use crate::shares::Quota;

/// Maximum number of phone readings at one instant.
const READINGS_MAX: usize = 3;

/// Maximum number of phone readings missing at one instant: one is always
/// delivered.
const MISSING_MAX: usize = READINGS_MAX - 1;

/// Phone readings of a cohort before consent, of people who consent to research.
const RESEARCH_READINGS_BEFORE: usize = 8_956;

/// Phone readings of a cohort since consent, of people who consent to research.
const RESEARCH_READINGS_SINCE: usize = 32_025;

/// Phone readings of everyone else in a cohort.
const OTHER_READINGS: usize = 40_292;

/// Number of motions that a phone can report: x and y of -1, 0 and 1, z of -1 and
/// 0.
pub(super) const MOTIONS: usize = 18;

/// Number of deliveries of a cohort's readings; see `lines`.
pub(super) const DELIVERIES: usize = 3;

/// The quotas of missing readings of one cohort. Each quota is used up exactly,
/// because the last person in it has room for what is carried over, a handful at
/// most. In a complete cohort, this person has many more instants on that side of
/// consent than shared ones.
pub(super) struct MissingQuotas {
    before: Quota,
    since: Quota,
    others: Quota,
}

/// All readings of one person's phone and device.
pub(super) struct Readings {
    /// By instant. All motions at one instant are different.
    pub(super) phone: [[Option<PhoneReading>; READINGS_MAX]; INSTANTS],
    /// By instant.
    pub(super) trainer: [TrainerReading; INSTANTS],
}

/// One phone reading.
#[derive(Clone, Copy, Default)]
pub(super) struct PhoneReading {
    /// Below [`MOTIONS`].
    pub(super) motion: u8,
    /// Below [`DELIVERIES`].
    pub(super) delivery: u8,
}

/// One reading of a Step Trainer.
#[derive(Clone, Copy, Default)]
pub(super) struct TrainerReading {
    /// From 201 to 300.
    pub(super) distance: u16,
    /// Below [`DELIVERIES`].
    pub(super) delivery: u8,
}

impl MissingQuotas {
    /// The quotas for a cohort of these people.
    pub(super) fn new(people: &[PersonPlan]) -> Self {
        let research = || people.iter().filter_map(|person| person.instants_before);
        let before: usize = research().sum();
        let research = research().count();
        let quota = |readings, of_instants, instants| {
            Quota::new(READINGS_MAX * of_instants - readings, of_instants, instants)
        };
        MissingQuotas {
            before: quota(RESEARCH_READINGS_BEFORE, RESEARCH_INSTANTS_BEFORE, before),
            since: quota(
                RESEARCH_READINGS_SINCE,
                RESEARCH_INSTANTS - RESEARCH_INSTANTS_BEFORE,
                research * INSTANTS - before,
            ),
            others: quota(
                OTHER_READINGS,
                OTHER_INSTANTS,
                (people.len() - research) * INSTANTS,
            ),
        }
    }

    /// The number of missing readings at each instant, of a person with research
    /// consent. The first `before` instants are before consent; `shared` has a bit
    /// for each instant that another person with research consent shares.
    pub(super) fn of_research(
        &mut self,
        before: usize,
        shared: u32,
        random: &mut Random,
    ) -> [u8; INSTANTS] {
        let mut missing = [0; INSTANTS];
        let (early, late) = missing.split_at_mut(before);
        distribute(&mut self.before, early, shared, random);
        distribute(&mut self.since, late, shared >> before, random);
        missing
    }

    /// The number of missing readings at each instant, of a person without research
    /// consent.
    pub(super) fn of_other(&mut self, random: &mut Random) -> [u8; INSTANTS] {
        let mut missing = [0; INSTANTS];
        distribute(&mut self.others, &mut missing, 0, random);
        missing
    }
}

/// Takes these instants' part of the quota and distributes it at random among the
/// instants whose bit in `excluded` is not set.
fn distribute(quota: &mut Quota, instants: &mut [u8], excluded: u32, random: &mut Random) {
    let mut free = [0; INSTANTS];
    let mut count = 0;
    for instant in (0..instants.len()).filter(|instant| excluded >> instant & 1 == 0) {
        free[count] = instant;
        count += 1;
    }
    let free = &free[..count];
    for nth in 0..quota.take(instants.len(), MISSING_MAX * free.len(), random) {
        // An instant that misses two readings is rare unless nothing else is free:
        // draw again once before choosing an instant that misses one already.
        let mut pick = random.below(free.len() as u64) as usize;
        if instants[free[pick]] > 0 {
            pick = random.below(free.len() as u64) as usize;
        }
        // If the instant is full, take the next one. There is room: `nth` is below
        // it.
        debug_assert!(nth < MISSING_MAX * free.len());
        while usize::from(instants[free[pick]]) == MISSING_MAX {
            pick = (pick + 1) % free.len();
        }
        instants[free[pick]] += 1;
    }
}

impl Readings {
    /// Readings at every instant, less the missing ones.
    pub(super) fn new(missing: [u8; INSTANTS], random: &mut Random) -> Self {
        let mut phone = [[None; READINGS_MAX]; INSTANTS];
        let mut trainer = [TrainerReading::default(); INSTANTS];
        for instant in 0..INSTANTS {
            let motions = different_motions(random);
            let delivered = READINGS_MAX - usize::from(missing[instant]);
            for (reading, motion) in phone[instant].iter_mut().zip(motions).take(delivered) {
                *reading = Some(PhoneReading {
                    motion,
                    delivery: random.below(DELIVERIES as u64) as u8,
                });
            }
            trainer[instant] = TrainerReading {
                distance: 201 + random.below(100) as u16,
                delivery: random.below(DELIVERIES as u64) as u8,
            };
        }
        Readings { phone, trainer }
    }
}

/// Three different motions, all choices equally likely.
fn different_motions(random: &mut Random) -> [u8; READINGS_MAX] {
    let motions = MOTIONS as u64;
    let first = random.below(motions);
    let second = 1 + random.below(motions - 1);
    let third = 1 + random.below(motions - 2);
    let third = third + u64::from(third >= second);
    [0, second, third].map(|ahead| ((first + ahead) % motions) as u8)
}
