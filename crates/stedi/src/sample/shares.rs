//! Exact proportions: things handed out so that totals follow from whole
//! numbers instead of from luck.

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
    // compared by cross-multiplying. Kinds break ties.
    items.sort_by_key(|&(_, kind)| kind);
    items.sort_by(|&(odd, kind), &(other_odd, other_kind)| {
        (odd * shares[other_kind]).cmp(&(other_odd * shares[kind]))
    });
    items.into_iter().map(|(_, kind)| kind).collect()
}

/// Hands out `parts` for every `whole` units that pass, as evenly as whole
/// numbers allow: what is owed but not yet due, or finds no room, is carried
/// to the next. After `whole` units exactly `parts` have been handed out,
/// provided the last units had room.
pub(super) struct Quota {
    parts: usize,
    whole: usize,
    /// In `whole`ths of a part.
    owed: usize,
}

impl Quota {
    pub(super) fn new(parts: usize, whole: usize) -> Self {
        Quota {
            parts,
            whole,
            owed: 0,
        }
    }

    /// How many parts fall to the next `units`, of which at most `room` fit.
    pub(super) fn take(&mut self, units: usize, room: usize) -> usize {
        self.owed += self.parts * units;
        let due = (self.owed / self.whole).min(room);
        self.owed -= due * self.whole;
        due
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
    fn a_quota_carries_what_finds_no_room() {
        let mut quota = Quota::new(2, 4);
        let taken = [1, 1, 0, 1].map(|room| quota.take(1, room));
        assert_eq!(taken, [0, 1, 0, 1]);
    }
}
