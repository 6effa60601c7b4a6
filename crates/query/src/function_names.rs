//! Keeps the meaning of function names when a session state is built again.
//!
//! A session registers Trino's functions after DataFusion's, and some have names or aliases
//! of DataFusion's: `date_format` is an alias of DataFusion's `to_char`, for example.
//! `SessionStateBuilder::new_from_existing` registers all functions again in the order of a
//! hash map, so that such a name would mean one function or the other by chance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;

/// A builder of the same state, in which every name of a function means what it means in
/// `state`.
pub(crate) fn rebuild(state: SessionState) -> SessionStateBuilder {
    let scalar = in_order(state.scalar_functions(), |function| {
        (function.name(), function.aliases())
    });
    let lambda = in_order(state.higher_order_functions(), |function| {
        (function.name(), function.aliases())
    });
    let aggregate = in_order(state.aggregate_functions(), |function| {
        (function.name(), function.aliases())
    });
    let window = in_order(state.window_functions(), |function| {
        (function.name(), function.aliases())
    });
    SessionStateBuilder::new_from_existing(state)
        .with_scalar_functions(scalar)
        .with_higher_order_functions(lambda)
        .with_aggregate_functions(aggregate)
        .with_window_functions(window)
}

/// The functions of a map, in an order in which registering them gives the same map: each
/// comes before the functions that have taken one of its names.
fn in_order<'m, F: 'm>(
    map: impl IntoIterator<Item = (&'m String, &'m Arc<F>)>,
    names: impl Fn(&F) -> (&str, &[String]),
) -> Vec<Arc<F>> {
    let by_name: BTreeMap<&str, &Arc<F>> = map
        .into_iter()
        .map(|(name, function)| (name.as_str(), function))
        .collect();
    let (mut seen, mut last_first) = (BTreeSet::new(), Vec::new());
    for function in by_name.values() {
        add(function, &by_name, &names, &mut seen, &mut last_first);
    }
    last_first.reverse();
    last_first
}

/// Adds the functions that have taken names of `function`, then `function` itself.
fn add<F>(
    function: &Arc<F>,
    by_name: &BTreeMap<&str, &Arc<F>>,
    names: &impl Fn(&F) -> (&str, &[String]),
    seen: &mut BTreeSet<*const F>,
    last_first: &mut Vec<Arc<F>>,
) {
    if !seen.insert(Arc::as_ptr(function)) {
        return;
    }
    let (name, aliases) = names(function);
    for name in aliases.iter().map(String::as_str).chain([name]) {
        if let Some(owner) = by_name.get(name) {
            add(owner, by_name, names, seen, last_first);
        }
    }
    last_first.push(Arc::clone(function));
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    /// What each name means, told by what a function accepts: Trino's `date_trunc` and
    /// DataFusion's have the same name.
    fn meanings(state: &SessionState) -> BTreeMap<String, String> {
        let scalar = state.scalar_functions().iter();
        let scalar = scalar.map(|(name, f)| (name.clone(), f.name(), f.aliases(), f.signature()));
        let aggregate = state.aggregate_functions().iter();
        let aggregate =
            aggregate.map(|(name, f)| (name.clone(), f.name(), f.aliases(), f.signature()));
        scalar
            .chain(aggregate)
            .map(|(name, own, aliases, signature)| {
                (name, format!("{own} {aliases:?} {signature:?}"))
            })
            .collect()
    }

    #[test]
    fn names_keep_their_meaning() {
        let context = SessionContext::new();
        for function in trino::scalar_functions() {
            context.register_udf(function);
        }
        for function in trino::aggregate_functions() {
            context.register_udaf(function);
        }
        let mut state = context.state();
        let expected = meanings(&state);
        assert!(expected["date_format"].starts_with("date_format "));
        // Each state has a map with an order of its own.
        for _ in 0..20 {
            state = rebuild(state).build();
            assert_eq!(meanings(&state), expected);
        }
    }
}
