//! The error about a function that does not exist, with what to write instead.

use std::collections::BTreeSet;

use datafusion::execution::SessionState;

use crate::redaction;

/// Functions of other engines, and of Trino where there is none here, and what to write
/// instead.
const ELSEWHERE: [(&str, &str); 38] = [
    (
        "approx_most_frequent",
        "write count(*) with GROUP BY, ORDER BY and LIMIT",
    ),
    (
        "checksum",
        "write sum(from_big_endian_64(xxhash64(to_utf8(text))))",
    ),
    (
        "combinations",
        "write UNNEST of the array twice, with WHERE a < b",
    ),
    (
        "contains_sequence",
        "write strpos(array_join(array, ','), '1,2') > 0",
    ),
    (
        "json_array",
        "write concat('[', array_join(array, ','), ']')",
    ),
    ("json_object", "write concat('{\"name\":\"', text, '\"}')"),
    (
        "entropy",
        "write -sum(p * log2(p)) over a subquery with the shares p",
    ),
    ("unix_timestamp", "write to_unixtime(timestamp)"),
    (
        "from_unixtime_nanos",
        "write from_unixtime(nanoseconds / 1e9)",
    ),
    ("date_sub", "write date_add('day', -1, date)"),
    ("datediff", "write date_diff('day', from, to)"),
    ("dateadd", "write date_add('day', 1, date)"),
    ("getdate", "write current_timestamp"),
    (
        "get_json_object",
        "write json_extract_scalar(text, '$.name')",
    ),
    ("collect_list", "write array_agg(value)"),
    ("collect_set", "write array_agg(DISTINCT value)"),
    ("explode", "write CROSS JOIN UNNEST(array) AS t (value)"),
    ("size", "write cardinality(array)"),
    ("convert", "write CAST(value AS type)"),
    (
        "group_concat",
        "write listagg(text, ',') WITHIN GROUP (ORDER BY text)",
    ),
    ("iff", "write if(condition, this, that)"),
    ("isnull", "write coalesce(value, otherwise)"),
    (
        "json_exists",
        "write json_extract(text, '$.name') IS NOT NULL",
    ),
    ("json_query", "write json_extract(text, '$.name')"),
    ("json_value", "write json_extract_scalar(text, '$.name')"),
    ("len", "write length(text)"),
    ("map_union", "write array_agg(map)"),
    (
        "map_zip_with",
        "write element_at(one, key) and element_at(other, key)",
    ),
    (
        "multimap_from_entries",
        "write map(array_of_keys, array_of_values)",
    ),
    (
        "numeric_histogram",
        "write width_bucket(x, low, high, n) and count(*) with GROUP BY",
    ),
    ("parse_duration", "write INTERVAL '1' DAY"),
    (
        "reduce_agg",
        "write an aggregate such as sum() or array_agg()",
    ),
    (
        "shuffle",
        "write array_agg(element ORDER BY random()) over UNNEST",
    ),
    (
        "split_to_multimap",
        "write split(text, ';') and split_part(entry, '=', 1)",
    ),
    ("string_split", "write split(text, ',')"),
    (
        "to_milliseconds",
        "write date_diff('millisecond', from, to)",
    ),
    ("to_number", "write CAST(text AS double)"),
    ("word_stem", "no function here knows the stems of words"),
];

/// The message and hint for an unknown function. The planner's own suggestion is
/// not used: it may be far off, and it varies from call to call.
pub(crate) fn no_function(state: &SessionState, name: &str) -> (String, String) {
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
