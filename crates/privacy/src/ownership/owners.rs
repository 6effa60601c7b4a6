//! From counts to owners: the decision for one device.

use super::matcher::{BestMatch, Matcher};
use super::succession::{OwnershipPeriod, successive_owners};
use super::thresholds::{claim_holds, is_clear, may_have_changed_owner};

/// The claim of the one person who claims a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Who claims it.
    pub person: u32,
    /// How many of its instants they share.
    pub shared: u32,
}

/// Who owns a device that reported at `instants` (distinct epoch ms,
/// ascending), in order of time; nobody if that is not clear.
///
/// The first of these that applies:
/// - Owners in succession, each clear for a stretch of their own, unless one
///   person shares nine tenths of all instants. This comes before the claim:
///   whoever passed a device on may still be its claimant, and whoever got it
///   may already be.
/// - The claimant, if the claim holds for all instants. The record is taken
///   at its word even if somebody else shares more.
/// - The person sharing most, if clear.
///
/// A claimant whose claim holds for the later (or earlier) stretch alone owns
/// that stretch. A device where two people claim the serial has no `claim`.
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
        if let Some(stretches) = successive_owners(matcher, instants, claimant) {
            return stretches;
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

    /// `script` says for how many instants, a second apart, who reports.
    /// `claim`: who claims. Expected: who owns from which second to which,
    /// with support and runner-up; `*` marks what is claimed.
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
    fn whose_device_it_is() {
        // One person, matched or claimed.
        check(&[(30, "A")], "", "A 0.. 30/0");
        check(&[(30, "A")], "A", "A* 0.. 30/0");
        check(&[(7, "A"), (23, "AB")], "", "A 0.. 30/23");
        check(&[(3, ""), (27, "A")], "", "A 0.. 27/0");
        check(&[(7, ""), (23, "A")], "", "A 0.. 23/0");
        // Nobody, too little, too near to each other.
        check(&[], "A", "");
        check(&[(30, "")], "", "");
        check(&[(30, "")], "A", "");
        check(&[(4, "A")], "", "");
        check(&[(30, "AB")], "", "");
        check(&[(11, ""), (19, "A")], "", "");
        check(&[(4, "A"), (26, "AB")], "", "");
        // A claim asks for half and no lead.
        check(&[(4, "A")], "A", "A* 0.. 4/0");
        check(&[(30, "AB")], "B", "B* 0.. 30/30");
        check(&[(15, ""), (15, "A")], "A", "A* 0.. 15/0");
        check(&[(7, "A"), (23, "AB")], "B", "B* 0.. 23/30");
        // A claim that does not hold leaves the device to whom it is.
        check(&[(30, "A")], "B", "A 0.. 30/0");
        check(&[(20, "A"), (10, "AB")], "B", "A 0.. 30/10");
        // Passed on: whoever claims it, and though one alone would be clear.
        for claim in ["", "A", "B", "C"] {
            check(&[(20, "A"), (20, "B")], claim, "A 0..20 20/0, B 20.. 20/0");
            check(&[(30, "A"), (10, "B")], claim, "A 0..30 30/0, B 30.. 10/0");
        }
        // Nine tenths are one person's: the rest is not worth asking.
        check(&[(90, "A"), (10, "B")], "A", "A* 0.. 90/10");
        check(&[(90, "A"), (10, "B")], "", "A 0.. 90/10");
        // The claim holds for the later stretch alone.
        check(&[(20, ""), (15, "B")], "B", "B 20.. 15/0");
        check(&[(20, ""), (15, "B")], "", "");
        check(&[(20, "AC"), (15, "B")], "B", "");
    }
}
