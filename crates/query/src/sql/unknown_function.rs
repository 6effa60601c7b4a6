//! What to write in place of a function that does not exist.

use std::collections::BTreeSet;

use datafusion::execution::SessionState;

use crate::redaction;

/// What is said of a function that there is not. The planner's own suggestion
/// is the nearest of all names, however far, and another one each time.
pub(crate) fn no_function(state: &SessionState, name: &str) -> (String, String) {
    /// Functions of other engines, and what stands for them here.
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
            format!("the function `{shown}` looks at other rows, and is not told at which"),
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
    // Of equally near names the first one is given: it must always be the same.
    let names: BTreeSet<&str> = scalar
        .chain(aggregate)
        .chain(window)
        .map(String::as_str)
        .collect();
    let hint = match catalog::nearest(name, names.into_iter()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`show functions` lists what there is".to_owned(),
    };
    (message, hint)
}
