//! A device passed on: owners in succession.

use super::contested::Ownership;
use super::matcher::{BestMatch, Matcher};
use super::thresholds::{SUPPORT_MIN, claim_holds, is_clear};

/// A time in which a device was one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnershipPeriod {
    /// Who owned it then, counted over the stretch's instants alone.
    pub owner: BestMatch,
    /// How many distinct instants the stretch has.
    pub instants: usize,
    /// Its first instant, epoch ms.
    pub valid_from: i64,
    /// The first instant that is no longer theirs; `None` for the last.
    pub valid_to: Option<i64>,
    /// Whether the record tells the owner; otherwise the instants do.
    pub claimed: bool,
}

impl OwnershipPeriod {
    /// The stretch as one of `device`, to be [contested](super::find_contested()).
    pub fn of(&self, device: u32) -> Ownership {
        Ownership {
            device,
            person: self.owner.person,
            support: self.owner.support,
            claimed: self.claimed,
            valid_from: Some(self.valid_from),
            valid_to: self.valid_to,
        }
    }
}

/// A crowd with more (person, instant) than this is not searched. It bounds
/// what a device costs to about a millisecond.
const STEPS_MAX: usize = 1 << 18;

/// Candidates beyond this many (and beyond one word of bits per instant) are
/// a crowd, too.
const CANDIDATES_MAX: usize = 63;

/// What an instant is worth in half points: to a person who shares it, and
/// to nobody. So nobody wins where everyone shares less than half.
const SHARED: i64 = 2;
const NOBODY: i64 = 1;

/// What a change of owner costs, in half points. A stretch has to gain more
/// than the least support, so chance does not split one.
const CHANGE: i64 = SHARED * SUPPORT_MIN as i64;

/// Owners in succession of a device with these `instants` (distinct epoch ms,
/// ascending), in order of time; `None` if there is no such split.
///
/// [`owners`](super::owners()) asks where this is worth asking.
///
/// - Of all splits into consecutive stretches, the one whose owners share
///   most instants, each change counting against it.
/// - Each stretch must have a clear owner by [`is_clear`], over its own
///   instants and against all people. One doubtful stretch and there is no
///   answer at all.
/// - Whoever owns one stretch shares less than half of each other one: who
///   passed a device on no longer reports with it. Else a stranger whose device
///   ticks alike would get the stretch in which the owner lost some readings.
/// - `claimant` is the one person who claims the device. If the claim does not
///   hold for the whole, stretches that are nobody's may stand beside theirs,
///   and theirs alone: a record backs them. Without it, stretches that are
///   nobody's give no answer: a stranger whose device ticks alike shares 23
///   instants in a row, and would own that stretch if the owner's phone was
///   never read.
/// - An instant that both of two successive owners share, or neither, belongs
///   to the earlier one.
/// - In a crowd (`STEPS_MAX`, `CANDIDATES_MAX`) there is no answer.
/// - How people are numbered makes no difference.
pub(super) fn successive_owners(
    matcher: &mut Matcher<'_>,
    instants: &[i64],
    claimant: Option<u32>,
) -> Option<Vec<OwnershipPeriod>> {
    if instants.len() < SUPPORT_MIN as usize {
        return None;
    }
    let mut candidates = matcher.sharing(instants, SUPPORT_MIN, STEPS_MAX)?;
    if candidates.is_empty() || candidates.len() > CANDIDATES_MAX {
        return None;
    }
    // Of splits worth the same the order decides: by what is shared, as people
    // are numbered by whose reading happened to come first.
    candidates.sort_by(|a, b| a.1.cmp(&b.1));
    let runs = split(instants.len(), &candidates);
    // Whether another of the owners shares half of a stretch.
    let is_shared = |run: Run| {
        let owns = |person| runs.iter().any(|run| run.owner == Some(person));
        candidates.iter().any(|(person, places)| {
            let within = places.partition_point(|&place| (place as usize) < run.end)
                - places.partition_point(|&place| (place as usize) < run.start);
            Some(*person) != run.owner && within * 2 >= run.end - run.start && owns(*person)
        })
    };
    let mut stretches: Vec<OwnershipPeriod> = Vec::new();
    let mut unowned = 0;
    let mut all_claimants = true;
    for (at, run) in runs.iter().enumerate() {
        let Some(person) = run.owner else {
            unowned += 1;
            continue;
        };
        let own = &instants[run.start..run.end];
        let owner = matcher.best(own)?;
        if owner.person != person || !is_clear(own.len(), owner) || is_shared(*run) {
            return None;
        }
        all_claimants &= Some(person) == claimant;
        stretches.push(OwnershipPeriod {
            owner,
            instants: own.len(),
            valid_from: instants[run.start],
            valid_to: runs.get(at + 1).map(|next| instants[next.start]),
            claimed: false,
        });
    }
    if unowned == 0 {
        return (stretches.len() > 1).then_some(stretches);
    }
    let shared = candidates
        .iter()
        .find(|known| Some(known.0) == claimant)
        .map_or(0, |known| known.1.len() as u32);
    let backed = all_claimants && !stretches.is_empty() && !claim_holds(instants.len(), shared);
    backed.then_some(stretches)
}

/// Consecutive instants, by place, of one owner or of nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    start: usize,
    end: usize,
    owner: Option<u32>,
}

/// The split worth most. For each instant and candidate: what is the best
/// split worth that ends with this owner here? Either the owner was the same
/// one instant before, or the best of all changed to them.
fn split(instants: usize, candidates: &[(u32, Vec<u32>)]) -> Vec<Run> {
    let mut shares = vec![0_u64; instants];
    for (candidate, (_, places)) in candidates.iter().enumerate() {
        for &place in places {
            shares[place as usize] |= 1 << candidate;
        }
    }
    let nobody = candidates.len();
    let mut worth = vec![0_i64; nobody + 1];
    // Per instant: who changed to their owner here, and whom from.
    let mut changed = vec![(0_u64, 0_usize); instants];
    for (place, shared) in shares.iter().enumerate() {
        if place > 0 {
            let from = leader(&worth);
            let after_change = worth[from] - CHANGE;
            changed[place].1 = from;
            for (owner, worth) in worth.iter_mut().enumerate() {
                // At equal worth the change comes late, so that a doubtful
                // instant stays with the earlier owner.
                if after_change >= *worth {
                    *worth = after_change;
                    changed[place].0 |= 1 << owner;
                }
            }
        }
        for (owner, worth) in worth.iter_mut().enumerate() {
            *worth += match shared >> owner & 1 {
                _ if owner == nobody => NOBODY,
                1 => SHARED,
                _ => 0,
            };
        }
    }
    let mut owner = leader(&worth);
    let mut runs = Vec::new();
    let mut end = instants;
    for place in (0..instants).rev() {
        let first = place == 0 || changed[place].0 >> owner & 1 == 1;
        if first {
            runs.push(Run {
                start: place,
                end,
                owner: candidates.get(owner).map(|known| known.0),
            });
            end = place;
            owner = changed[place].1;
        }
    }
    runs.reverse();
    runs
}

/// The first of those worth most.
fn leader(worth: &[i64]) -> usize {
    let mut first = 0;
    for (owner, &value) in worth.iter().enumerate() {
        if value > worth[first] {
            first = owner;
        }
    }
    first
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::devices::DeviceReadings;
    use super::super::people_by_instant::{InstantFilter, PeopleByInstant, PersonReadings};
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// PeopleByInstant by letters: person `A` reported at instant `i` if text `i`
    /// holds an `A`.
    pub(in super::super) fn people(instants: &[&str]) -> (Vec<i64>, PeopleByInstant) {
        let mut devices = DeviceReadings::new();
        (0..instants.len()).for_each(|i| devices.push(0, i as i64 * 1000));
        let devices = devices.finish();
        let mut people = PersonReadings::new(Arc::new(InstantFilter::new(&devices, &[0])));
        for (i, who) in instants.iter().enumerate() {
            for person in who.bytes() {
                people.push(u32::from(person - b'A'), i as i64 * 1000);
            }
        }
        (devices.of(0).to_vec(), people.finish())
    }

    /// `script` says for how many instants who reports; `expected` gives the
    /// owners, each with the first of their instants and the first after.
    fn check(
        script: &[(usize, &str)],
        claimant: Option<char>,
        expected: Option<&[(char, usize, Option<usize>)]>,
    ) {
        let instants: Vec<&str> = script
            .iter()
            .flat_map(|&(times, who)| std::iter::repeat_n(who, times))
            .collect();
        let (instants, people) = people(&instants);
        let number = |person: char| person as u32 - 'A' as u32;
        let found = successive_owners(&mut people.matcher(), &instants, claimant.map(number));
        let found = found.map(|stretches| {
            stretches
                .iter()
                .map(|s| (s.owner.person, s.valid_from, s.valid_to))
                .collect::<Vec<_>>()
        });
        let expected = expected.map(|owners| {
            owners
                .iter()
                .map(|&(who, from, to)| {
                    (
                        number(who),
                        from as i64 * 1000,
                        to.map(|to| to as i64 * 1000),
                    )
                })
                .collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{script:?}, claimed by {claimant:?}");
    }

    #[test]
    fn owners_in_succession() {
        let two: &[_] = &[('A', 0, Some(20)), ('B', 20, None)];
        check(&[(20, "A"), (30, "B")], None, Some(two));
        // The record may name either, or somebody else.
        check(&[(20, "A"), (30, "B")], Some('A'), Some(two));
        check(&[(20, "A"), (30, "B")], Some('B'), Some(two));
        check(&[(20, "A"), (30, "B")], Some('C'), Some(two));
        // The claim holds for nine tenths of it, then another takes over.
        check(
            &[(70, "A"), (10, "B")],
            Some('A'),
            Some(&[('A', 0, Some(70)), ('B', 70, None)]),
        );
        // Three owners, and one who gets it back.
        check(
            &[(15, "A"), (15, "B"), (15, "C")],
            None,
            Some(&[('A', 0, Some(15)), ('B', 15, Some(30)), ('C', 30, None)]),
        );
        check(
            &[(15, "A"), (15, "B"), (15, "A")],
            None,
            Some(&[('A', 0, Some(15)), ('B', 15, Some(30)), ('A', 30, None)]),
        );
        // Missing instants within and at the seam; both at the seam.
        check(
            &[
                (9, "A"),
                (1, ""),
                (10, "A"),
                (2, ""),
                (12, "B"),
                (1, ""),
                (9, "B"),
            ],
            None,
            Some(&[('A', 0, Some(22)), ('B', 22, None)]),
        );
        check(
            &[(20, "A"), (2, "AB"), (20, "B")],
            None,
            Some(&[('A', 0, Some(22)), ('B', 22, None)]),
        );
        // A stranger who meets both now and then.
        check(
            &[(8, "A"), (3, "AC"), (9, "A"), (8, "B"), (3, "BC"), (9, "B")],
            None,
            Some(two),
        );
    }

    #[test]
    fn what_is_no_succession() {
        // One owner; too short a second stretch; nobody.
        check(&[(30, "A")], None, None);
        check(&[(30, "A"), (4, "B")], None, None);
        check(&[(30, "")], None, None);
        // Two who cannot be told apart, for all or for one stretch.
        check(&[(30, "AB")], None, None);
        check(&[(20, "A"), (20, "BC")], None, None);
        // The owner lost some readings where a stranger ticks alike.
        check(&[(6, "AC"), (5, "C"), (12, "AC"), (7, "A")], None, None);
        // They take turns.
        check(
            &[(1, "A"), (1, "B"), (1, "A"), (1, "B"), (1, "A"), (1, "B")].repeat(6),
            None,
            None,
        );
        // A stranger shares a stretch of a device whose owner never reported.
        check(&[(23, "C"), (7, "")], None, None);
        check(&[(10, ""), (20, "C")], Some('A'), None);
    }

    #[test]
    fn a_claim_for_a_stretch_alone() {
        check(&[(20, ""), (15, "A")], Some('A'), Some(&[('A', 20, None)]));
        check(
            &[(15, "A"), (20, "")],
            Some('A'),
            Some(&[('A', 0, Some(15))]),
        );
        // It holds for the whole: half is shared.
        check(&[(15, ""), (15, "A")], Some('A'), None);
        // Whoever claims nothing gets no stretch beside nobody's.
        check(&[(12, "B"), (20, ""), (12, "A")], Some('A'), None);
    }

    proptest! {
        /// The numbers are another order of the same people.
        #[test]
        fn how_people_are_numbered_makes_no_difference(
            script in prop::collection::vec((1..9_usize, 0..16_u8), 1..8),
            claimant in prop::option::of(0..4_u32),
            shift in 1..4_u32,
            turn in any::<bool>(),
        ) {
            let renumbered = |person: u32| match turn {
                true => (3 - person + shift) % 4,
                false => (person + shift) % 4,
            };
            let found = |number: &dyn Fn(u32) -> u32| {
                let who = |set: u8| -> String {
                    let people = (0..4_u32).filter(|person| set >> person & 1 == 1);
                    people.map(|person| (b'A' + number(person) as u8) as char).collect()
                };
                let at: Vec<String> = script
                    .iter()
                    .flat_map(|(times, set)| std::iter::repeat_n(who(*set), *times))
                    .collect();
                let at: Vec<&str> = at.iter().map(String::as_str).collect();
                let (instants, people) = people(&at);
                successive_owners(&mut people.matcher(), &instants, claimant.map(number))
            };
            let mut expected = found(&|person| person);
            for stretch in expected.iter_mut().flatten() {
                stretch.owner.person = renumbered(stretch.owner.person);
            }
            prop_assert_eq!(found(&renumbered), expected);
        }
    }
}
