//! Which functions give something about a value that it cannot be read off.
//!
//! Whatever is not listed here is taken to hand its arguments on, whether it
//! gives text, numbers or anything else: a function that nobody has looked at
//! must not make personal values public.

/// Functions that compare their arguments: true or false comes out.
const PREDICATES: [&str; 9] = [
    "array_has",
    "array_has_all",
    "array_has_any",
    "contains",
    "ends_with",
    "isnan",
    "iszero",
    "regexp_like",
    "starts_with",
];

/// Aggregates that count.
const COUNTS: [&str; 4] = ["approx_distinct", "count", "grouping", "regr_count"];

/// The function that gives a person's pseudonym.
const PSEUDONYM: &str = "pseudonym";

/// Whether a function masks its arguments.
pub(super) fn masks(function: &str) -> bool {
    function == PSEUDONYM
}

/// Whether a function compares its arguments.
pub(super) fn compares(function: &str) -> bool {
    PREDICATES.contains(&function)
}

/// Whether an aggregate counts its arguments.
pub(super) fn counts(aggregate: &str) -> bool {
    COUNTS.contains(&aggregate)
}
