//! Thresholds: which counts of shared instants are enough to name an owner.

use super::matcher::BestMatch;

/// The least number of shared instants, however small the device.
///
/// In the reference data 821 of 956 devices share an instant with a stranger by
/// chance, and 40 share two or more. So a device with one to four instants cannot
/// prove an owner. It has none unless its claim holds.
pub const SUPPORT_MIN: u32 = 5;

/// The least lead of the best person over the runner-up, for a device with so many
/// `instants`: 15 % of them, rounded up, and at least 3.
///
/// Two things bring a stranger near the owner. One is chance: of all pairs of
/// strangers in the reference data, 3,142 share one instant and 32 share two. The
/// minimum of 3 is for these, in small devices. The other is structure: twins, which
/// report at nearly the same rate, share long periods (23, 19, 9 of 30 instants). The
/// owner then leads by the few instants that the stranger does not share. Losses
/// affect these as well: of 30 instants, losses of 5 % on both sides take 3 from the
/// owner, with a standard deviation of 1.6. A lead of 5 of 30 is three deviations. The
/// owners of the twins with 23 instants lead by 7 without losses and can still pass.
///
/// Measured on the reference data with 5 % of the readings of both sides missing,
/// duplicated, shifted by a few ms or by up to a minute, or all three kinds together
/// (test `losses_over_many_seeds`, 2.3 million decisions): no wrong owner; 99.97 % or
/// more of the owners found for each kind, 99.59 % for all together. With a lead of
/// 20 %, half as many again are missed; with 25 %, always the twins.
pub fn lead_min(instants: usize) -> usize {
    (instants * 3).div_ceil(20).max(3)
}

/// Whether the person of `best` clearly owns a device with so many distinct
/// `instants`. All of these must hold:
///
/// - The person shares at least [`SUPPORT_MIN`] instants.
/// - The person shares at least two thirds of the instants. With losses of 5 % on
///   both sides an owner still shares nine tenths; with 5 % missing and 5 % shifted
///   on both sides, 81 to 86 %. So 99.5 % of the owners pass. A threshold of one half
///   finds 0.4 % more of them. But if the owner's phone was never read, it gives twice
///   as many devices to the nearest stranger.
/// - The person leads the runner-up by [`lead_min`].
///
/// A stranger may still pass if the owner reported nothing; see
/// [`find_contested`](super::find_contested()).
pub fn is_clear(instants: usize, best: BestMatch) -> bool {
    let (support, runner_up) = (best.support as usize, best.runner_up as usize);
    best.support >= SUPPORT_MIN
        && support * 3 >= instants * 2
        && support >= runner_up + lead_min(instants)
}

/// Whether the claim of the only claimant holds: the person shares at least half of
/// the device's instants. The record is evidence as well, so there is no least
/// support and no lead. The caller must first check that both reported anything; see
/// [`ClaimCounter::has_reported`](super::ClaimCounter::has_reported). A device or a
/// claimant without readings does not contradict the claim.
pub fn claim_holds(instants: usize, shared: u32) -> bool {
    shared as usize * 2 >= instants
}

/// Whether to search for successive owners of a device whose owner shares `shared` of
/// its `instants`: if that is less than nine tenths.
pub fn may_have_changed_owner(instants: usize, shared: u32) -> bool {
    (shared as usize) * 10 < instants * 9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_owners() {
        for (instants, support, runner_up, expected) in [
            // As in the reference data: plain, and beside the nearest twin.
            (30, 30, 1, true),
            (30, 30, 23, true),
            // Losses of 5 % on both sides.
            (30, 27, 2, true),
            (30, 27, 20, true),
            (27, 25, 20, true),
            // The least lead, and one less.
            (30, 28, 23, true),
            (30, 27, 23, false),
            (100, 90, 75, true),
            (100, 90, 76, false),
            // Two thirds, and one less.
            (30, 20, 0, true),
            (30, 19, 0, false),
            // Nobody else; two people with equal counts.
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
    fn thresholds_of_claims() {
        for (instants, shared, holds, may_change) in [
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
                may_change,
                "{shared}/{instants}"
            );
        }
    }
}
