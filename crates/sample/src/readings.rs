//! How many readings a phone delivers at each instant, and what they say.
//!
//! A phone takes three readings per instant and delivers nearly all of them.
//! Those that go missing are handed out by quota, per cohort, so that totals
//! are exact. Research people have two quotas, before and since consent, and
//! nothing goes missing where two of them share an instant: what a join on time
//! alone makes of those is counted in `plan`.

use crate::lanes::INSTANTS;
use crate::plan::{OTHER_INSTANTS, Place, RESEARCH_INSTANTS, RESEARCH_INSTANTS_BEFORE};
use crate::random::Random;
use crate::shares::Quota;

/// Phone readings of one instant, at most.
const READINGS_MAX: usize = 3;

/// Phone readings that can go missing at one instant: one always arrives.
const MISSING_MAX: usize = READINGS_MAX - 1;

/// Phone readings of a cohort's research people before their consent.
const RESEARCH_READINGS_BEFORE: usize = 8_956;

/// The same since their consent.
const RESEARCH_READINGS_SINCE: usize = 32_025;

/// Phone readings of everyone else in a cohort.
const OTHER_READINGS: usize = 40_292;

/// What a phone can report: x and y of -1, 0 and 1, z of -1 and 0.
pub(super) const MOTIONS: usize = 18;

/// In how many goes a cohort's readings arrive; see `lines`.
pub(super) const DELIVERIES: usize = 3;

/// The quotas of missing readings of one cohort. Each comes out even, because
/// whoever comes last in it has room for what is carried, at most a handful: in
/// a whole cohort that is somebody with many more instants on that side of
/// their consent than the few they share.
pub(super) struct Missing {
    before: Quota,
    since: Quota,
    others: Quota,
}

/// All readings of one person's phone and device.
pub(super) struct Readings {
    /// By instant. Motions at one instant differ from one another.
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

impl Missing {
    /// For a cohort with these places.
    pub(super) fn new(places: &[Place]) -> Self {
        let research = || places.iter().filter_map(|place| place.before);
        let before: usize = research().sum();
        let research = research().count();
        let quota = |readings, of_instants, instants| {
            Quota::new(READINGS_MAX * of_instants - readings, of_instants, instants)
        };
        Missing {
            before: quota(RESEARCH_READINGS_BEFORE, RESEARCH_INSTANTS_BEFORE, before),
            since: quota(
                RESEARCH_READINGS_SINCE,
                RESEARCH_INSTANTS - RESEARCH_INSTANTS_BEFORE,
                research * INSTANTS - before,
            ),
            others: quota(
                OTHER_READINGS,
                OTHER_INSTANTS,
                (places.len() - research) * INSTANTS,
            ),
        }
    }

    /// Missing readings, by instant, of a research person. The first `before`
    /// instants lie before consent; `shared` has a bit for each instant that
    /// another research person has too.
    pub(super) fn of_research(
        &mut self,
        before: usize,
        shared: u32,
        random: &mut Random,
    ) -> [u8; INSTANTS] {
        let mut missing = [0; INSTANTS];
        let (early, late) = missing.split_at_mut(before);
        scatter(&mut self.before, early, shared, random);
        scatter(&mut self.since, late, shared >> before, random);
        missing
    }

    /// Missing readings, by instant, of a person without research consent.
    pub(super) fn of_other(&mut self, random: &mut Random) -> [u8; INSTANTS] {
        let mut missing = [0; INSTANTS];
        scatter(&mut self.others, &mut missing, 0, random);
        missing
    }
}

/// Takes what falls to these instants from the quota and puts it anywhere among
/// those whose bit in `full` is not set.
fn scatter(quota: &mut Quota, instants: &mut [u8], full: u32, random: &mut Random) {
    let mut open = [0; INSTANTS];
    let mut count = 0;
    for instant in (0..instants.len()).filter(|instant| full >> instant & 1 == 0) {
        open[count] = instant;
        count += 1;
    }
    let open = &open[..count];
    for nth in 0..quota.take(instants.len(), MISSING_MAX * open.len(), random) {
        // An instant missing two is rare unless there is no other room: draw
        // once more before taking one that misses something already.
        let mut pick = random.below(open.len() as u64) as usize;
        if instants[open[pick]] > 0 {
            pick = random.below(open.len() as u64) as usize;
        }
        // Walk on from a pick that is full. There is room: `nth` is below it.
        debug_assert!(nth < MISSING_MAX * open.len());
        while usize::from(instants[open[pick]]) == MISSING_MAX {
            pick = (pick + 1) % open.len();
        }
        instants[open[pick]] += 1;
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

/// Three motions, no two equal, all choices equally likely.
fn different_motions(random: &mut Random) -> [u8; READINGS_MAX] {
    let motions = MOTIONS as u64;
    let first = random.below(motions);
    let second = 1 + random.below(motions - 1);
    let third = 1 + random.below(motions - 2);
    let third = third + u64::from(third >= second);
    [0, second, third].map(|ahead| ((first + ahead) % motions) as u8)
}
