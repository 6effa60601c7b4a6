//! Suggestions for misspelt names: "did you mean ...?"

use strsim::osa_distance;

/// The candidate most similar to `name`, or `None` if none is similar enough.
/// Letter case is ignored. Similar means one edit per three letters (a letter
/// added, removed or changed, or two swapped). Without such a candidate, it is the
/// only candidate that begins with `name`. Ties go to the first in alphabetical
/// order, so that a message is the same every time.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let letters = name.chars().count();
    let slips_max = (letters / 3).max(1);

    let mut best: Option<(usize, &str)> = None;
    let mut begun: Vec<&str> = Vec::new();
    for candidate in candidates {
        let lowered = candidate.to_lowercase();
        // A one-letter name is one edit from every other one-letter name.
        let slips = osa_distance(&name, &lowered);
        if slips <= slips_max && slips < letters {
            best = Some(best.map_or((slips, candidate), |b| b.min((slips, candidate))));
        }
        if letters >= 3 && lowered.starts_with(&name) {
            begun.push(candidate);
        }
    }
    match (best, begun.as_slice()) {
        (Some((_, candidate)), _) => Some(candidate),
        (None, [only]) => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_someone_meant() {
        let tables = [
            "customer_landing",
            "customer_trusted",
            "customer_curated",
            "accelerometer_trusted",
            "step_trainer_trusted",
            "user",
            "x",
            "y",
        ];
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(nearest(name, tables.into_iter()), expected, "{name:?}");
        };
        check("customers_trusted", Some("customer_trusted"));
        check("custommer_landing", Some("customer_landing"));
        check("Customer_Truste", Some("customer_trusted"));
        check("costumer_trusted", Some("customer_trusted"));
        check("accelerometer", Some("accelerometer_trusted")); // the only one it begins
        check("customer", None); // three begin so
        check("usre", Some("user")); // swapped
        check("z", None);
        check("", None);
        check("weather", None);
        assert_eq!(nearest("ab", ["ac", "aa"].into_iter()), Some("aa"));
    }
}
