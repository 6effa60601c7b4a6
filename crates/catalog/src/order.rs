//! Topological order of the models, or the cycles that prevent one.

use std::collections::{BTreeMap, BTreeSet};

/// The keys of `reads`, each after the keys that it reads. Of several keys that
/// could come next, the least comes first. Values that are not keys need no
/// order.
///
/// # Errors
/// The cycles: each key reads the next, the last reads the first, and the least
/// key comes first.
pub(crate) fn build_order<K: Ord + Clone>(
    reads: &BTreeMap<K, BTreeSet<K>>,
) -> Result<Vec<K>, Vec<Vec<K>>> {
    let mut order = Vec::new();
    let mut cycles = Vec::new();
    let mut waiting: BTreeMap<&K, BTreeSet<&K>> = reads
        .iter()
        .map(|(key, read)| {
            (
                key,
                read.iter().filter(|r| reads.contains_key(*r)).collect(),
            )
        })
        .collect();
    while !waiting.is_empty() {
        let free = waiting.iter().find(|(_, read)| read.is_empty());
        let done = match free {
            Some((&key, _)) => {
                order.push(key.clone());
                vec![key]
            }
            None => {
                let cycle = find_cycle(&waiting);
                cycles.push(cycle.iter().map(|key| (*key).clone()).collect());
                cycle
            }
        };
        // Treat a cycle as built, so that the next one is found.
        for key in done {
            waiting.remove(key);
            waiting.values_mut().for_each(|read| {
                read.remove(key);
            });
        }
    }
    match cycles.is_empty() {
        true => Ok(order),
        false => Err(cycles),
    }
}

/// A cycle among keys that all wait for another one of them.
fn find_cycle<'a, K: Ord>(waiting: &BTreeMap<&'a K, BTreeSet<&'a K>>) -> Vec<&'a K> {
    let mut path: Vec<&K> = Vec::new();
    let mut next = waiting.keys().next().copied();
    while let Some(key) = next {
        if let Some(start) = path.iter().position(|seen| *seen == key) {
            let mut cycle = path.split_off(start);
            let least = (0..cycle.len()).min_by_key(|at| cycle[*at]).unwrap_or(0);
            cycle.rotate_left(least);
            return cycle;
        }
        path.push(key);
        next = waiting
            .get(key)
            .and_then(|read| read.iter().next().copied());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn graph(edges: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
        let mut reads = BTreeMap::new();
        for (key, read) in edges {
            let entry: &mut BTreeSet<String> = reads.entry(key.to_string()).or_default();
            entry.extend(read.split_whitespace().map(str::to_owned));
        }
        reads
    }

    #[test]
    fn what_is_read_comes_first() {
        let check = |edges: &[(&str, &str)], expected: Result<&str, &str>| {
            let joined = |keys: &[String]| keys.join(" ");
            let found = build_order(&graph(edges)).map(|order| joined(&order));
            let found = found.map_err(|cycles| {
                cycles
                    .iter()
                    .map(|c| joined(c))
                    .collect::<Vec<_>>()
                    .join("; ")
            });
            assert_eq!(
                found,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{edges:?}"
            );
        };
        check(&[], Ok(""));
        check(&[("b", ""), ("a", "")], Ok("a b"));
        check(&[("a", "b"), ("b", "landing")], Ok("b a"));
        check(&[("a", "c"), ("b", ""), ("c", "")], Ok("b c a"));
        check(&[("a", "b"), ("b", "a")], Err("a b"));
        check(
            &[("b", "c"), ("c", "d"), ("d", "b"), ("a", "b")],
            Err("b c d"),
        );
        check(&[("a", "a")], Err("a"));
        check(
            &[("a", "b"), ("b", "a"), ("x", "y"), ("y", "x a")],
            Err("a b; x y"),
        );
    }

    proptest! {
        #[test]
        fn every_key_is_ordered_or_on_the_way_to_a_cycle(
            edges in prop::collection::btree_map(0u8..12, prop::collection::btree_set(0u8..14, 0..4), 0..12)
        ) {
            match build_order(&edges) {
                Ok(order) => {
                    prop_assert_eq!(order.len(), edges.len());
                    for (at, key) in order.iter().enumerate() {
                        for read in edges[key].iter().filter(|read| edges.contains_key(read)) {
                            prop_assert!(order[..at].contains(read));
                        }
                    }
                }
                Err(cycles) => for cycle in cycles {
                    for (at, key) in cycle.iter().enumerate() {
                        prop_assert!(edges[key].contains(&cycle[(at + 1) % cycle.len()]));
                    }
                },
            }
        }
    }
}
