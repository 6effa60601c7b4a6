//! What depends on types, as Trino computes it: a cast to an integer rounds, a sum, difference
//! or product of integers that does not fit is an error, and a timestamp as a text has a
//! space and milliseconds, and a map has the key that it is asked for.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::functions::math::expr_fn::round;
use datafusion::logical_expr::expr::{BinaryExpr, Cast, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, ScalarUDF};

/// The rewrite of all expressions of a plan.
#[derive(Debug)]
pub(crate) struct ExactTypes {
    /// As the session calls it, with its limit.
    pub(crate) array_join: Arc<ScalarUDF>,
}

impl FunctionRewrite for ExactTypes {
    fn name(&self) -> &str {
        "exact_types"
    }

    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::Cast(cast) if is_rounded(&cast.expr, cast.field.data_type(), schema) => {
                Transformed::yes(Expr::Cast(Cast {
                    expr: Box::new(round(vec![*cast.expr])),
                    ..cast
                }))
            }
            Expr::Cast(cast) if is_written(&cast.expr, cast.field.data_type(), schema) => {
                Transformed::yes(trino::timestamp_text().call(vec![*cast.expr]))
            }
            Expr::TryCast(mut cast) if is_rounded(&cast.expr, cast.field.data_type(), schema) => {
                *cast.expr = round(vec![*cast.expr]);
                Transformed::yes(Expr::TryCast(cast))
            }
            Expr::Cast(cast) if is_date_of_text(&cast.expr, cast.field.data_type(), schema) => {
                Transformed::yes(trino::text_date(false).call(vec![*cast.expr]))
            }
            Expr::TryCast(cast) if is_date_of_text(&cast.expr, cast.field.data_type(), schema) => {
                Transformed::yes(trino::text_date(true).call(vec![*cast.expr]))
            }
            Expr::ScalarFunction(mut function) if is_whole(&function, schema) => {
                match function.args.pop() {
                    Some(whole) => Transformed::yes(whole),
                    None => Transformed::no(Expr::ScalarFunction(function)),
                }
            }
            Expr::ScalarFunction(mut function) if is_of_elements(&function, schema) => {
                function.args.reverse();
                Transformed::yes(self.array_join.call(function.args))
            }
            Expr::ScalarFunction(function) if is_key(&function, schema) => {
                Transformed::yes(trino::subscript().call(function.args))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if is_checked(&left, op, &right, schema) =>
            {
                Transformed::yes(trino::checked_operator(op, *left, *right))
            }
            other => Transformed::no(other),
        })
    }
}

fn is_rounded(expr: &Expr, to: &DataType, schema: &DFSchema) -> bool {
    let is_fraction = |of: &DataType| of.is_floating() || of.is_decimal();
    to.is_integer() && expr.get_type(schema).is_ok_and(|of| is_fraction(&of))
}

/// Whether a call takes the value of a map's key, as `map['key']` is planned. DataFusion
/// gives null for a key that the map does not have.
fn is_key(function: &ScalarFunction, schema: &DFSchema) -> bool {
    let is_map = |map: &Expr| matches!(map.get_type(schema), Ok(DataType::Map(_, _)));
    function.name() == "get_field" && matches!(function.args.as_slice(), [map, _] if is_map(map))
}

/// A text as a date: DataFusion takes no year of three digits.
fn is_date_of_text(expr: &Expr, to: &DataType, schema: &DFSchema) -> bool {
    *to == DataType::Date32 && expr.get_type(schema).is_ok_and(|of| of.is_string())
}

/// Whether a call rounds an integer, which stays one. DataFusion gives a double.
fn is_whole(function: &ScalarFunction, schema: &DFSchema) -> bool {
    let is_integer = |of: &Expr| of.get_type(schema).is_ok_and(|of| of.is_integer());
    matches!(function.name(), "floor" | "ceil")
        && matches!(function.args.as_slice(), [of] if is_integer(of))
}

/// Whether a call of `concat_ws` takes the elements of an array. DataFusion writes the
/// array as one text.
fn is_of_elements(function: &ScalarFunction, schema: &DFSchema) -> bool {
    let is_list = |of: &Expr| matches!(of.get_type(schema), Ok(DataType::List(_)));
    function.name() == "concat_ws" && matches!(function.args.as_slice(), [_, list] if is_list(list))
}

fn is_written(expr: &Expr, to: &DataType, schema: &DFSchema) -> bool {
    to.is_string()
        && expr
            .get_type(schema)
            .is_ok_and(|of| matches!(of, DataType::Timestamp(_, _)))
}

fn is_checked(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply)
        && integer(right, schema)
            .zip(integer(left, schema))
            .is_some_and(|(right, left)| trino::common_integer(&left, &right).is_some())
}

/// The type of an expression whose parts are rewritten already, if it may be an integer.
/// An operator that was left as it is has no integers, so that a long chain of them is not
/// typed anew at each.
fn integer(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    match expr {
        Expr::BinaryExpr(binary)
            if matches!(
                binary.op,
                Operator::Plus | Operator::Minus | Operator::Multiply
            ) =>
        {
            None
        }
        // How wide it is does not matter here.
        Expr::ScalarFunction(function) if trino::is_checked_operator(&function.func) => {
            Some(DataType::Int64)
        }
        other => other.get_type(schema).ok(),
    }
}
