//! Functions whose results do not reveal their arguments.
//!
//! Any function that is not listed here counts as one that outputs its arguments, for text,
//! numbers and all other types. So a new function cannot make personal values public before
//! somebody has examined it.

/// Functions that compare their arguments, with a Boolean result.
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

/// Aggregates with one figure for many values as their result, including `min` and `max`.
/// Not included: aggregates that list values or pick one by its position, and
/// `approx_percentile_cont_with_weight`, because weights can pick a value.
const FIGURES: [&str; 31] = [
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "grouping",
    "max",
    "median",
    "min",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "sum",
    "var",
    "var_pop",
];

/// The function whose result is a person's pseudonym.
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

/// Whether an aggregate's result is one figure for many values.
pub(super) fn is_figure(aggregate: &str) -> bool {
    FIGURES.contains(&aggregate)
}
