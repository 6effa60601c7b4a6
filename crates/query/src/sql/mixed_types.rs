//! Refuses to compare a text with a number, as Trino does.
//!
//! DataFusion casts one of the two, and `sharewithresearchasofdate <> ''` fails on the
//! first row, or compares texts where numbers are meant.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Spans};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use crate::Error;
use crate::redaction;

/// Checks all expressions of a plan.
///
/// # Errors
/// [`Error::Sql`] for the first expression that mixes a text and a number.
pub(crate) fn refuse(plan: &LogicalPlan) -> Result<(), Error> {
    let mut found = None;
    let visited = plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        for expr in node.expressions() {
            expr.apply(|expr| {
                let mut pairs = pairs(expr).into_iter();
                found = pairs.find_map(|(one, other)| mixed(one, other, &schema));
                Ok(stop_if(found.is_some()))
            })?;
            if found.is_some() {
                break;
            }
        }
        Ok(stop_if(found.is_some()))
    });
    match (visited, found) {
        (Ok(_), Some(error)) => Err(error),
        // What cannot be walked is judged where it is planned.
        _ => Ok(()),
    }
}

fn stop_if(is_found: bool) -> TreeNodeRecursion {
    match is_found {
        true => TreeNodeRecursion::Stop,
        false => TreeNodeRecursion::Continue,
    }
}

/// Operands that an expression computes with each other.
fn pairs(expr: &Expr) -> Vec<(&Expr, &Expr)> {
    match expr {
        Expr::BinaryExpr(binary)
            if binary.op.is_numerical_operators() || binary.op.supports_propagation() =>
        {
            vec![(&binary.left, &binary.right)]
        }
        Expr::InList(list) => list.list.iter().map(|one| (&*list.expr, one)).collect(),
        Expr::Between(between) => vec![
            (&*between.expr, &*between.low),
            (&*between.expr, &*between.high),
        ],
        _ => Vec::new(),
    }
}

fn mixed(left: &Expr, right: &Expr, schema: &DFSchema) -> Option<Error> {
    let (left_type, right_type) = (type_of(left, schema)?, type_of(right, schema)?);
    let (number, number_type, text) = match (left_type.is_string(), right_type.is_string()) {
        (false, true) if left_type.is_numeric() => (left, left_type, right),
        (true, false) if right_type.is_numeric() => (right, right_type, left),
        _ => return None,
    };
    let number_name = name(number);
    let type_name = trino::type_name(&number_type);
    let hint = match text {
        Expr::Literal(..) => format!(
            "write a number without quotes, `{number_name} IS NOT NULL` for one that is there, \
             or CAST({number_name} AS varchar)"
        ),
        _ => format!("write CAST({number_name} AS varchar), or CAST the text AS {type_name}"),
    };
    Some(Error::Sql {
        message: format!("`{number_name}` is a {type_name} and cannot be used with a text here"),
        hint: Some(hint),
        place: place(number).or_else(|| place(text)),
    })
}

/// The type of an expression. Of a chain of operators it is that of the last operand, so
/// that a long chain is not typed anew at each of its operators.
fn type_of(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    match expr {
        Expr::BinaryExpr(binary) if binary.op.is_numerical_operators() => {
            type_of(&binary.right, schema)
        }
        _ => expr.get_type(schema).ok(),
    }
}

/// A column's name; another expression goes by what it is.
fn name(expr: &Expr) -> &str {
    match expr {
        Expr::Column(column) => redaction::shown(column.name()),
        Expr::Alias(alias) => name(&alias.expr),
        _ => "the number",
    }
}

/// Line and column of a column.
fn place(expr: &Expr) -> Option<(u64, u64)> {
    let spans: &Spans = match expr {
        Expr::Column(column) => column.spans(),
        _ => return None,
    };
    let start = spans.first()?.start;
    Some((start.line, start.column))
}
