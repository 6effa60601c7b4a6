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

/// Aggregates that give one figure of many values. `min` and `max` are among
/// them. Those that list values, or pick one by its place, are not, nor is
/// `approx_percentile_cont_with_weight`, whose weights pick.
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

/// Whether an aggregate gives one figure of many values.
pub(super) fn gives_a_figure(aggregate: &str) -> bool {
    FIGURES.contains(&aggregate)
}
