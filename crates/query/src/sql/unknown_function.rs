//! The error about a function that does not exist, with what to write instead.

use std::collections::BTreeSet;

use datafusion::execution::SessionState;

use crate::redaction;

/// The message and hint for an unknown function. The planner's own suggestion is
/// not used: it may be far off, and it varies from call to call.
pub(crate) fn no_function(state: &SessionState, name: &str) -> (String, String) {
    /// Functions of other engines, and what to write instead.
    const ELSEWHERE: [(&str, &str); 8] = [
        ("convert", "write CAST(value AS type)"),
        ("group_concat", "write string_agg(text, ',')"),
        ("if", "write CASE WHEN condition THEN this ELSE that END"),
        ("iff", "write CASE WHEN condition THEN this ELSE that END"),
        ("isnull", "write coalesce(value, otherwise)"),
        ("len", "write length(text)"),
        ("listagg", "write string_agg(text, ',')"),
        ("to_number", "write CAST(text AS double)"),
    ];
    let shown = redaction::shown(name);
    if state.window_functions().contains_key(name) {
        return (
            format!("the function `{shown}` looks at other rows and needs an OVER clause"),
            format!("write {shown}(...) over (partition by ... order by ...)"),
        );
    }
    let message = format!("there is no function `{shown}`");
    if let Some((_, hint)) = ELSEWHERE.iter().find(|(known, _)| *known == name) {
        return (message, (*hint).to_owned());
    }
    let scalar = state.scalar_functions().keys();
    let aggregate = state.aggregate_functions().keys();
    let window = state.window_functions().keys();
    // Sorted, so that of equally near names always the same one is suggested.
    let names: BTreeSet<&str> = scalar
        .chain(aggregate)
        .chain(window)
        .map(String::as_str)
        .collect();
    let hint = match catalog::nearest(name, names.into_iter()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`show functions` lists all functions".to_owned(),
    };
    (message, hint)
}
