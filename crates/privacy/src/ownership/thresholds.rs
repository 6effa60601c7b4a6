//! When a count is evidence enough.

use super::matcher::BestMatch;

/// Whoever shares fewer instants than this has matched nothing, however
/// small the device. In the reference data 821 of 956 devices share an instant
/// with a stranger by chance, and 40 share two or more: a device of one to four
/// instants proves nobody. So it is nobody's, unless its claim holds.
pub const SUPPORT_MIN: u32 = 5;

/// By how much the person sharing most must lead over the next one, for a
/// device of so many `instants`: 15 % of them, rounded up, and at least 3.
///
/// Two things can put a stranger near the owner. One is chance: of all pairs
/// of strangers in the reference data 3,142 share one instant and 32 two. The
/// least lead of 3 is about these, in small devices. The other is structure:
/// devices that tick at nearly the same rate share long stretches (23, 19, 9
/// of 30). Owner and stranger then share the same instants but for a few, and
/// the lead is just those few. Losses hit these few as well: of 30 instants,
/// 5 % on both sides take 3 from the owner, with a standard deviation of 1.6.
/// A lead of 5 of 30 is three such deviations, and the twins of 23, who lead by
/// 7 without losses, can still pass.
///
/// Measured on the reference data with 5 % of both sides' readings missing,
/// duplicated, shifted by a few ms or by up to a minute, or all three kinds at
/// once (the test `losses_over_many_seeds`, 2.3 million decisions): no wrong
/// owner, and 99.97 % or more found for each kind, 99.59 % for all at once.
/// With 20 % half as many again are missed, with 25 % always the twins.
pub fn lead_min(instants: usize) -> usize {
    (instants * 3).div_ceil(20).max(3)
}

/// Whether the person of `best` is the device's owner beyond doubt, for a
/// device of so many distinct `instants`.
///
/// All of:
/// - they share at least [`SUPPORT_MIN`] instants;
/// - they share at least two thirds of the instants: with losses of 5 % on
///   both sides an owner still shares nine tenths, and with 5 % missing and
///   5 % shifted on both sides 81 to 86 %, so that 99.5 % of owners pass. A
///   half finds 0.4 % more of those, but where the owner's phone was never
///   read, it gives twice as many devices to the stranger next to them;
/// - they lead over the next person by [`lead_min`].
///
/// A person who only takes the place of an owner who reported nothing may
/// still pass, see [`contested`](super::find_contested()).
pub fn is_clear(instants: usize, best: BestMatch) -> bool {
    let (support, runner_up) = (best.support as usize, best.runner_up as usize);
    best.support >= SUPPORT_MIN
        && support * 3 >= instants * 2
        && support >= runner_up + lead_min(instants)
}

/// Whether the claim of the one person who claims a device holds: they share
/// at least half of its instants. The record is evidence of its own, so no
/// least support and no lead are asked. A device that reported nothing, or a
/// claimant who did, contradicts nothing: that is for the caller to ask
/// first, see [`ClaimCounter::has_reported`](super::ClaimCounter::has_reported).
pub fn claim_holds(instants: usize, shared: u32) -> bool {
    shared as usize * 2 >= instants
}

/// Whether a device is worth asking for owners in succession, though its
/// owner shares `shared` of its instants: less than nine tenths are.
pub fn may_have_changed_owner(instants: usize, shared: u32) -> bool {
    (shared as usize) * 10 < instants * 9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_clear() {
        for (instants, support, runner_up, expected) in [
            // As in the reference data: plain, and beside the nearest twin.
            (30, 30, 1, true),
            (30, 30, 23, true),
            // Losses of 5 % on both sides.
            (30, 27, 2, true),
            (30, 27, 20, true),
            (27, 25, 20, true),
            // The lead is what it must be at least, and one less.
            (30, 28, 23, true),
            (30, 27, 23, false),
            (100, 90, 75, true),
            (100, 90, 76, false),
            // Two thirds, and one less.
            (30, 20, 0, true),
            (30, 19, 0, false),
            // Nobody else was there; two who cannot be told apart.
            (30, 30, 0, true),
            (30, 30, 30, false),
            // Tiny devices.
            (1, 1, 0, false),
            (2, 2, 0, false),
            (3, 3, 0, false),
            (4, 4, 0, false),
            (5, 5, 0, true),
            (5, 5, 2, true),
            (5, 5, 3, false),
            (6, 5, 2, true),
            (7, 5, 2, true),
            (8, 5, 2, false),
        ] {
            let best = BestMatch {
                person: 0,
                support,
                runner_up,
            };
            assert_eq!(
                is_clear(instants, best),
                expected,
                "{support} of {instants}, next {runner_up}"
            );
        }
    }

    #[test]
    fn what_a_claim_asks() {
        for (instants, shared, holds, passed_on) in [
            (30, 30, true, false),
            (30, 27, true, false),
            (30, 26, true, true),
            (30, 15, true, true),
            (30, 14, false, true),
            (1, 1, true, false),
            (1, 0, false, true),
            (0, 0, true, false),
        ] {
            assert_eq!(claim_holds(instants, shared), holds, "{shared}/{instants}");
            assert_eq!(
                may_have_changed_owner(instants, shared),
                passed_on,
                "{shared}/{instants}"
            );
        }
    }
}
