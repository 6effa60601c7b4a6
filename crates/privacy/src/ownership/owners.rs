//! Decides the owners of one device from claims and counts.

use super::matcher::{BestMatch, Matcher};
use super::succession::{OwnershipPeriod, successive_owners};
use super::thresholds::{claim_holds, is_clear, may_have_changed_owner};

/// The claim of the only person who claims a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The claimant.
    pub person: u32,
    /// How many instants of the device the claimant shares.
    pub shared: u32,
}

/// The owners of a device that reported at `instants` (distinct epoch ms, ascending),
/// in order of time. Empty if no owner is clear.
///
/// The first of these that applies:
/// - Successive owners, each clear for a period, unless one person shares nine tenths
///   of all instants. This comes before the claim, because the claimant may be the
///   previous owner or the next one.
/// - The claimant, if the claim holds for all instants, even if another person shares
///   more: the record is believed.
/// - The person with most shared instants, if clear.
///
/// A claimant whose claim holds only for the later or earlier period owns that period.
/// A device whose serial number two people claim has no `claim`.
pub fn owners(
    matcher: &mut Matcher<'_>,
    instants: &[i64],
    claim: Option<Claim>,
) -> Vec<OwnershipPeriod> {
    let Some(&valid_from) = instants.first() else {
        return Vec::new();
    };
    let count = instants.len();
    let best = matcher.best(instants);
    let held = claim.filter(|claim| claim_holds(count, claim.shared));
    let clear = best.filter(|best| is_clear(count, *best));
    let shared = held.map_or(clear.map_or(0, |best| best.support), |claim| claim.shared);
    if may_have_changed_owner(count, shared) {
        let claimant = claim.map(|claim| claim.person);
        if let Some(periods) = successive_owners(matcher, instants, claimant) {
            return periods;
        }
    }
    let claimed = held.map(|claim| BestMatch {
        person: claim.person,
        support: claim.shared,
        runner_up: match best {
            Some(best) if best.person == claim.person => best.runner_up,
            Some(best) => best.support,
            None => 0,
        },
    });
    let whole = claimed.or(clear).map(|owner| OwnershipPeriod {
        owner,
        instants: count,
        valid_from,
        valid_to: None,
        claimed: claimed.is_some(),
    });
    whole.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::succession::tests::people;
    use super::*;

    /// `script`: for how many instants, a second apart, which people report. `claim`: the
    /// claimant. `expected`: the owners, from which second to which, with support and
    /// runner-up. `*` marks a claimed period.
    fn check(script: &[(usize, &str)], claim: &str, expected: &str) {
        let at: Vec<&str> = script
            .iter()
            .flat_map(|&(times, who)| std::iter::repeat_n(who, times))
            .collect();
        let claim = claim.bytes().next().map(|letter| Claim {
            person: u32::from(letter - b'A'),
            shared: at
                .iter()
                .filter(|who| who.as_bytes().contains(&letter))
                .count() as u32,
        });
        let (instants, people) = people(&at);
        let found: Vec<String> = owners(&mut people.matcher(), &instants, claim)
            .iter()
            .map(|s| {
                format!(
                    "{}{} {}..{} {}/{}",
                    (b'A' + s.owner.person as u8) as char,
                    if s.claimed { "*" } else { "" },
                    s.valid_from / 1000,
                    s.valid_to
                        .map_or(String::new(), |to| (to / 1000).to_string()),
                    s.owner.support,
                    s.owner.runner_up,
                )
            })
            .collect();
        assert_eq!(found.join(", "), expected, "{script:?}, claim {claim:?}");
    }

    #[test]
    fn owners_of_a_device() {
        // One person, by counts or by claim.
        check(&[(30, "A")], "", "A 0.. 30/0");
        check(&[(30, "A")], "A", "A* 0.. 30/0");
        check(&[(7, "A"), (23, "AB")], "", "A 0.. 30/23");
        check(&[(3, ""), (27, "A")], "", "A 0.. 27/0");
        check(&[(7, ""), (23, "A")], "", "A 0.. 23/0");
        // No owner: nobody, too little support, too small a lead.
        check(&[], "A", "");
        check(&[(30, "")], "", "");
        check(&[(30, "")], "A", "");
        check(&[(4, "A")], "", "");
        check(&[(30, "AB")], "", "");
        check(&[(11, ""), (19, "A")], "", "");
        check(&[(4, "A"), (26, "AB")], "", "");
        // A claim needs half of the instants and no lead.
        check(&[(4, "A")], "A", "A* 0.. 4/0");
        check(&[(30, "AB")], "B", "B* 0.. 30/30");
        check(&[(15, ""), (15, "A")], "A", "A* 0.. 15/0");
        check(&[(7, "A"), (23, "AB")], "B", "B* 0.. 23/30");
        // A claim that does not hold has no effect.
        check(&[(30, "A")], "B", "A 0.. 30/0");
        check(&[(20, "A"), (10, "AB")], "B", "A 0.. 30/10");
        // A changed owner is found whoever claims the device, and even if one person
        // alone would be clear.
        for claim in ["", "A", "B", "C"] {
            check(&[(20, "A"), (20, "B")], claim, "A 0..20 20/0, B 20.. 20/0");
            check(&[(30, "A"), (10, "B")], claim, "A 0..30 30/0, B 30.. 10/0");
        }
        // One person shares nine tenths: no search for successive owners.
        check(&[(90, "A"), (10, "B")], "A", "A* 0.. 90/10");
        check(&[(90, "A"), (10, "B")], "", "A 0.. 90/10");
        // The claim holds only for the later period.
        check(&[(20, ""), (15, "B")], "B", "B 20.. 15/0");
        check(&[(20, ""), (15, "B")], "", "");
        check(&[(20, "AC"), (15, "B")], "B", "");
    }
}
