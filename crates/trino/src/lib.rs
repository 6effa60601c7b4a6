//! Trino's SQL functions for DataFusion, with the semantics of Athena engine version 3.
//!
//! Functions are grouped as in Trino's reference. [`scalar_functions`] gives those that
//! DataFusion does not have, or gives another meaning to; a session registers them over
//! its own. A call that cannot be computed ends in a [`Fault`], which quotes no value
//! from the data.

mod aggregates;
mod arithmetic;
mod arrays;
mod bytes;
mod conditions;
mod dates;
mod elements;
mod fault;
mod formats;
mod function;
mod json;
mod lambdas;
mod maps;
mod moments;
mod nested;
mod numbers;
mod regexps;
mod sequences;
mod strings;
mod sums;
mod time;
mod time_formats;
mod typed;
mod udf;
mod urls;
mod zones;

use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF};

pub use arithmetic::{checked_operator, common_integer, is_checked_operator};
pub use arrays::{array_join, subscript};
pub use conditions::type_name;
pub use dates::{text_date, timestamp_text};
pub use elements::ordinals;
pub use fault::Fault;
pub use formats::format_bytes;

/// All scalar functions of this crate.
pub fn scalar_functions() -> Vec<ScalarUDF> {
    let by_row = strings::FUNCTIONS
        .iter()
        .chain(&regexps::FUNCTIONS)
        .chain(&numbers::FUNCTIONS)
        .chain(&bytes::FUNCTIONS)
        .chain(&json::FUNCTIONS)
        .chain(&urls::FUNCTIONS)
        .map(|function| udf::udf(function));
    let typed = dates::FUNCTIONS
        .iter()
        .chain(&arrays::FUNCTIONS)
        .chain(&elements::FUNCTIONS)
        .chain(&sequences::FUNCTIONS)
        .chain(&maps::FUNCTIONS)
        .chain(&conditions::FUNCTIONS)
        .chain(&formats::FUNCTIONS)
        .map(|function| udf::udf(function));
    by_row.chain(typed).chain(zones::functions()).collect()
}

/// All functions of this crate that take lambdas.
pub fn lambda_functions() -> Vec<HigherOrderUDF> {
    lambdas::functions()
}

/// All aggregate functions of this crate.
pub fn aggregate_functions() -> Vec<AggregateUDF> {
    let mut functions = aggregates::functions();
    functions.push(sums::sum());
    functions
}
