//! Finds successive owners of a device that changed hands.

use super::contested::Ownership;
use super::matcher::{BestMatch, Matcher};
use super::thresholds::{SUPPORT_MIN, claim_holds, is_clear};

/// A time during which one person owned a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnershipPeriod {
    /// The owner, with counts over the instants of this period only.
    pub owner: BestMatch,
    /// The number of distinct instants of the device in this period.
    pub instants: usize,
    /// The first instant, epoch ms.
    pub valid_from: i64,
    /// The first instant after the period. `None` for the last period.
    pub valid_to: Option<i64>,
    /// Whether the owner is known from the record. Otherwise it is from the instants.
    pub claimed: bool,
}

impl OwnershipPeriod {
    /// The ownership of `device` in this period, for
    /// [`find_contested`](super::find_contested()).
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

/// A device with more (person, instant) pairs is not searched. This limits the time
/// for a device to about a millisecond.
const STEPS_MAX: usize = 1 << 18;

/// A device with more candidates is not searched. They must fit into one word of bits
/// per instant.
const CANDIDATES_MAX: usize = 63;

/// The points of an instant: for an owner who shares it, and for no owner. So "no
/// owner" wins where everybody shares less than half.
const SHARED: i64 = 2;
const NO_OWNER: i64 = 1;

/// The points that a change of owner costs. A period must gain more than the least
/// support, so that chance does not split a period.
const CHANGE_COST: i64 = SHARED * SUPPORT_MIN as i64;

/// The successive owners of a device with these `instants` (distinct epoch ms,
/// ascending), in order of time. `None` if there is no clear answer.
///
/// [`owners`](super::owners()) decides when to search.
///
/// - Of all splits into consecutive periods it takes the one whose owners share most
///   instants, less the cost of each change.
/// - Each period must have a clear owner by [`is_clear`], over its own instants and
///   against all people. With one doubtful period there is no answer.
/// - The owner of one period shares less than half of each other period: the
///   previous owner of a device no longer reports with it. Otherwise a stranger with a
///   twin would get a period in which the owner lost some readings.
/// - `claimant` is the only person who claims the device. If the claim does not hold
///   for the whole device, periods without an owner are allowed beside periods of the
///   claimant only, because a record supports those. In other cases a period without
///   an owner means no answer: a stranger with a twin shares 23 instants in a row, and
///   would own that period if the owner's phone was never read.
/// - An instant that both of two successive owners share, or neither, belongs to the
///   earlier one.
/// - With too many people (`STEPS_MAX`, `CANDIDATES_MAX`) there is no answer.
/// - The numbering of people makes no difference.
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
    // Among equally good splits the order of candidates decides. Sort them by what they
    // share: people are numbered by the order in which readings happened to arrive.
    candidates.sort_by(|a, b| a.1.cmp(&b.1));
    let runs = split(instants.len(), &candidates);
    // Whether another owner shares half of a period.
    let is_shared = |run: Run| {
        let owns = |person| runs.iter().any(|run| run.owner == Some(person));
        candidates.iter().any(|(person, places)| {
            let within = places.partition_point(|&place| (place as usize) < run.end)
                - places.partition_point(|&place| (place as usize) < run.start);
            Some(*person) != run.owner && within * 2 >= run.end - run.start && owns(*person)
        })
    };
    let mut periods: Vec<OwnershipPeriod> = Vec::new();
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
        periods.push(OwnershipPeriod {
            owner,
            instants: own.len(),
            valid_from: instants[run.start],
            valid_to: runs.get(at + 1).map(|next| instants[next.start]),
            claimed: false,
        });
    }
    if unowned == 0 {
        return (periods.len() > 1).then_some(periods);
    }
    let shared = candidates
        .iter()
        .find(|known| Some(known.0) == claimant)
        .map_or(0, |known| known.1.len() as u32);
    let is_backed_by_record =
        all_claimants && !periods.is_empty() && !claim_holds(instants.len(), shared);
    is_backed_by_record.then_some(periods)
}

/// Consecutive instants, by index, of one owner or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    start: usize,
    end: usize,
    owner: Option<u32>,
}

/// The split with most points, by dynamic programming. For each instant and candidate
/// it computes the points of the best split up to here that ends with this owner. That
/// owner was either the owner at the previous instant, or follows on the best split.
fn split(instants: usize, candidates: &[(u32, Vec<u32>)]) -> Vec<Run> {
    let mut shares = vec![0_u64; instants];
    for (candidate, (_, places)) in candidates.iter().enumerate() {
        for &place in places {
            shares[place as usize] |= 1 << candidate;
        }
    }
    let no_owner = candidates.len();
    let mut points = vec![0_i64; no_owner + 1];
    // Per instant: the candidates that become the owner here, and their predecessor.
    let mut changed = vec![(0_u64, 0_usize); instants];
    for (place, shared) in shares.iter().enumerate() {
        if place > 0 {
            let from = leader(&points);
            let after_change = points[from] - CHANGE_COST;
            changed[place].1 = from;
            for (owner, points) in points.iter_mut().enumerate() {
                // With equal points the later change wins, so that a doubtful instant
                // belongs to the earlier owner.
                if after_change >= *points {
                    *points = after_change;
                    changed[place].0 |= 1 << owner;
                }
            }
        }
        for (owner, points) in points.iter_mut().enumerate() {
            *points += match shared >> owner & 1 {
                _ if owner == no_owner => NO_OWNER,
                1 => SHARED,
                _ => 0,
            };
        }
    }
    let mut owner = leader(&points);
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

/// The first candidate with most points.
fn leader(points: &[i64]) -> usize {
    let mut first = 0;
    for (owner, &value) in points.iter().enumerate() {
        if value > points[first] {
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

    /// People by letters: person `A` reported at instant `i` if text `i` contains an
    /// `A`.
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

    /// `script`: for how many instants which people report. `expected`: the owners, each
    /// with the first instant and the first one after.
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
        let found = found.map(|periods| {
            periods
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
    fn successive_owners_are_found() {
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
        // Three owners; one owner who gets it back.
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
        // Missing instants within a period and at the change; both share the change.
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
        // A stranger shares some instants with both.
        check(
            &[(8, "A"), (3, "AC"), (9, "A"), (8, "B"), (3, "BC"), (9, "B")],
            None,
            Some(two),
        );
    }

    #[test]
    fn unclear_successions() {
        // One owner; a second period that is too short; no owner.
        check(&[(30, "A")], None, None);
        check(&[(30, "A"), (4, "B")], None, None);
        check(&[(30, "")], None, None);
        // Two people with equal counts, for the whole or for one period.
        check(&[(30, "AB")], None, None);
        check(&[(20, "A"), (20, "BC")], None, None);
        // The owner lost some readings where a stranger has a twin.
        check(&[(6, "AC"), (5, "C"), (12, "AC"), (7, "A")], None, None);
        // They take turns.
        check(
            &[(1, "A"), (1, "B"), (1, "A"), (1, "B"), (1, "A"), (1, "B")].repeat(6),
            None,
            None,
        );
        // A stranger shares a period of a device whose owner never reported.
        check(&[(23, "C"), (7, "")], None, None);
        check(&[(10, ""), (20, "C")], Some('A'), None);
    }

    #[test]
    fn claims_for_one_period() {
        check(&[(20, ""), (15, "A")], Some('A'), Some(&[('A', 20, None)]));
        check(
            &[(15, "A"), (20, "")],
            Some('A'),
            Some(&[('A', 0, Some(15))]),
        );
        // The claim holds for the whole: half is shared.
        check(&[(15, ""), (15, "A")], Some('A'), None);
        // Without a claim, no period beside one without an owner.
        check(&[(12, "B"), (20, ""), (12, "A")], Some('A'), None);
    }

    proptest! {
        /// Renumbers the same people.
        #[test]
        fn numbering_of_people_makes_no_difference(
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
            for period in expected.iter_mut().flatten() {
                period.owner.person = renumbered(period.owner.person);
            }
            prop_assert_eq!(found(&renumbered), expected);
        }
    }
}
