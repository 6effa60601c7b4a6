//! Exact proportions: things handed out so that totals follow from whole
//! numbers instead of from luck.

use crate::random::Random;

/// A sequence that holds each index `i` of `shares` exactly `shares[i]` times,
/// each spread evenly, so that a prefix holds about its part of everything.
///
/// The `j`-th of `n` items stands in the middle of the `j`-th of `n` equal
/// parts of the sequence. Rare kinds thereby come in the middle rather than
/// first or last, and the commonest kind comes first and last.
pub(super) fn evenly<const KINDS: usize>(shares: [usize; KINDS]) -> Vec<usize> {
    let mut items: Vec<(usize, usize)> = (0..KINDS)
        .flat_map(|kind| (0..shares[kind]).map(move |item| (2 * item + 1, kind)))
        .collect();
    // An item's position is the fraction `odd / (2 * share)`; fractions are
    // compared by cross-multiplying. The sort is stable: kinds break ties.
    items.sort_by(|&(odd, kind), &(other_odd, other_kind)| {
        (odd * shares[other_kind]).cmp(&(other_odd * shares[kind]))
    });
    items.into_iter().map(|(_, kind)| kind).collect()
}

/// Hands out `parts` for every `whole` units that pass, in portions of uneven
/// size. What is held back, or finds no room, is carried to the next, and the
/// last gets all that is due: after `whole` units exactly `parts` have been
/// handed out, provided the last had room for what was carried.
pub(super) struct Quota {
    parts: usize,
    whole: usize,
    /// Units still to pass.
    units: usize,
    /// In `whole`ths of a part.
    owed: usize,
}

/// Parts held back to make portions uneven, at most. Small, so that whoever
/// comes last has room for them.
const HELD_BACK_MAX: usize = 6;

impl Quota {
    /// A quota for `units` units: `whole`, or fewer where a cohort is cut
    /// short.
    pub(super) fn new(parts: usize, whole: usize, units: usize) -> Self {
        Quota {
            parts,
            whole,
            units,
            owed: 0,
        }
    }

    /// How many parts fall to the next `units`, of which at most `room` fit.
    pub(super) fn take(&mut self, units: usize, room: usize, random: &mut Random) -> usize {
        self.units -= units;
        self.owed += self.parts * units;
        let due = self.owed / self.whole;
        let held_back = match self.units {
            0 => 0,
            _ => random.below(due.min(HELD_BACK_MAX) as u64 + 1) as usize,
        };
        let portion = (due - held_back).min(room);
        self.owed -= portion * self.whole;
        portion
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenly_spreads_each_share() {
        assert_eq!(evenly([3, 3]), [0, 1, 0, 1, 0, 1]);
        assert_eq!(evenly([5, 1, 1]), [0, 0, 0, 1, 2, 0, 0]);
        assert_eq!(evenly([0, 2]), [1, 1]);
    }

    #[test]
    fn a_quota_hands_out_everything_whatever_is_held_back() {
        for seed in 0..100 {
            let mut random = Random::new(seed, 0);
            let mut quota = Quota::new(17, 100, 100);
            let portions: Vec<usize> = (0..10)
                .map(|turn| quota.take(10, if turn == 4 { 0 } else { 10 }, &mut random))
                .collect();
            assert_eq!(portions[4], 0);
            assert_eq!(portions.iter().sum::<usize>(), 17, "{portions:?}");
        }
    }

    #[test]
    fn a_quota_cut_short_hands_out_what_is_due() {
        let mut random = Random::new(1, 0);
        let mut quota = Quota::new(17, 100, 50);
        let portions: usize = (0..5).map(|_| quota.take(10, 10, &mut random)).sum();
        assert_eq!(portions, 8);
    }
}
