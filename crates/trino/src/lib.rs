//! Trino's SQL functions for DataFusion, with the semantics of Athena engine version 3.
//!
//! Functions are grouped as in Trino's reference. [`scalar_functions`] gives those that
//! DataFusion does not have, or gives another meaning to; a session registers them over
//! its own. A call that cannot be computed ends in a [`Fault`], which quotes no value
//! from the data.

mod arithmetic;
mod arrays;
mod bytes;
mod conditions;
mod dates;
mod fault;
mod function;
mod json;
mod maps;
mod numbers;
mod regexps;
mod strings;
mod time;
mod time_formats;
mod typed;
mod udf;
mod urls;
mod zones;

use datafusion::logical_expr::ScalarUDF;

pub use arithmetic::{checked_operator, common_integer, is_checked_operator};
pub use arrays::ordinals;
pub use conditions::type_name;
pub use fault::Fault;

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
        .chain(&maps::FUNCTIONS)
        .chain(&conditions::FUNCTIONS)
        .map(|function| udf::udf(function));
    by_row.chain(typed).chain(zones::functions()).collect()
}
