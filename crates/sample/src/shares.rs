//! Exact proportions: distributes items so that totals are fixed and do not depend
//! on chance.

use crate::random::Random;

/// A sequence that holds each index `i` of `shares` exactly `shares[i]` times, each
/// spread evenly, so that any prefix holds about its share of every kind.
///
/// The `j`-th of `n` items stands in the middle of the `j`-th of `n` equal parts of
/// the sequence. So rare kinds come in the middle rather than first or last, and
/// the most common kind comes first and last.
pub(super) fn spread_evenly<const KINDS: usize>(shares: [usize; KINDS]) -> Vec<usize> {
    let mut items: Vec<(usize, usize)> = (0..KINDS)
        .flat_map(|kind| (0..shares[kind]).map(move |item| (2 * item + 1, kind)))
        .collect();
    // An item's position is the fraction `odd / (2 * share)`. Fractions are
    // compared by cross-multiplying. The sort is stable: kinds break ties.
    items.sort_by(|&(odd, kind), &(other_odd, other_kind)| {
        (odd * shares[other_kind]).cmp(&(other_odd * shares[kind]))
    });
    items.into_iter().map(|(_, kind)| kind).collect()
}

/// Distributes `parts` over every `whole` units, in portions of uneven size. Parts
/// that are held back or do not fit are carried over to the next units, and the
/// last units get the rest: after `whole` units exactly `parts` are distributed,
/// provided that the last units have room for what was carried over.
pub(super) struct Quota {
    parts: usize,
    whole: usize,
    /// Units that are still to come.
    units: usize,
    /// Parts carried over, in units of 1/`whole`.
    carried: usize,
}

/// Maximum number of parts held back to make portions uneven. It is small, so that
/// the last units have room for them.
const HELD_BACK_MAX: usize = 6;

impl Quota {
    /// A quota for `units` units: `whole`, or fewer in an incomplete cohort.
    pub(super) fn new(parts: usize, whole: usize, units: usize) -> Self {
        Quota {
            parts,
            whole,
            units,
            carried: 0,
        }
    }

    /// The number of parts for the next `units`, at most `room`.
    pub(super) fn take(&mut self, units: usize, room: usize, random: &mut Random) -> usize {
        self.units -= units;
        self.carried += self.parts * units;
        let due = self.carried / self.whole;
        let held_back = match self.units {
            0 => 0,
            _ => random.below(due.min(HELD_BACK_MAX) as u64 + 1) as usize,
        };
        let portion = (due - held_back).min(room);
        self.carried -= portion * self.whole;
        portion
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_share_is_spread_evenly() {
        assert_eq!(spread_evenly([3, 3]), [0, 1, 0, 1, 0, 1]);
        assert_eq!(spread_evenly([5, 1, 1]), [0, 0, 0, 1, 2, 0, 0]);
        assert_eq!(spread_evenly([0, 2]), [1, 1]);
    }

    #[test]
    fn a_quota_distributes_everything() {
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
    fn a_quota_for_fewer_units_distributes_its_share() {
        let mut random = Random::new(1, 0);
        let mut quota = Quota::new(17, 100, 50);
        let portions: usize = (0..5).map(|_| quota.take(10, 10, &mut random)).sum();
        assert_eq!(portions, 8);
    }
}
