//! Parts of a statement that have no rows whatever they compute.
//!
//! Most of what tools ask about is not there at all: indexes, keys, triggers, policies. A
//! SELECT that reads such a table has no rows. It is replaced by one of the same columns,
//! and what it would have computed need not be known here.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, Ident, JoinOperator, Query, Select, SelectItem, SetExpr, TableFactor,
    TableWithJoins, Value, ValueWithSpan,
};

use super::names::{normal, qualified};
use super::tables;

const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "every",
    "json_agg",
    "max",
    "min",
    "string_agg",
    "sum",
];

/// Replaces what has no rows in a query whose subqueries have been looked at.
pub(super) fn prune(query: &mut Query) {
    if !in_body(&mut query.body) {
        return;
    }
    if let SetExpr::Select(_) = query.body.as_ref() {
        query.order_by = None;
    }
}

/// Whether something was replaced.
fn in_body(body: &mut SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            let has_no_rows = select.from.iter().any(joins_have_no_rows);
            has_no_rows && empty(select)
        }
        SetExpr::SetOperation { left, right, .. } => {
            let (left, right) = (in_body(left), in_body(right));
            left || right
        }
        _ => false,
    }
}

/// Whether a query was replaced.
pub(super) fn has_no_rows(query: &Query) -> bool {
    match query.body.as_ref() {
        SetExpr::Select(select) => {
            let is_false = |expr: &Expr| {
                matches!(
                    expr,
                    Expr::Value(ValueWithSpan {
                        value: Value::Boolean(false),
                        ..
                    })
                )
            };
            select.from.is_empty() && select.selection.as_ref().is_some_and(is_false)
        }
        _ => false,
    }
}

fn joins_have_no_rows(from: &TableWithJoins) -> bool {
    let mut is_empty = factor_has_no_rows(&from.relation);
    for join in &from.joins {
        let right = factor_has_no_rows(&join.relation);
        is_empty = match &join.join_operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => {
                is_empty || right
            }
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => is_empty,
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => right,
            JoinOperator::FullOuter(_) => is_empty && right,
            _ => return false,
        };
    }
    is_empty
}

fn factor_has_no_rows(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, .. } => {
            let (schema, name) = qualified(name);
            tables::is_empty(schema.as_deref(), &name)
        }
        TableFactor::Derived { subquery, .. } => has_no_rows(subquery),
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => joins_have_no_rows(table_with_joins),
        _ => false,
    }
}

/// Makes it a SELECT of nulls that never gives a row, if its columns can be told.
fn empty(select: &mut Select) -> bool {
    let is_grouped = !matches!(&select.group_by, datafusion::sql::sqlparser::ast::GroupByExpr::Expressions(by, _) if by.is_empty());
    let mut projection = Vec::new();
    for item in &select.projection {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, Ident::with_quote('"', name_of(expr))),
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.clone()),
            _ => return false,
        };
        if !is_grouped && is_aggregate(expr) {
            return false;
        }
        projection.push(SelectItem::ExprWithAlias {
            expr: Expr::value(Value::Null),
            alias: name,
        });
    }
    select.projection = projection;
    select.distinct = None;
    select.from.clear();
    select.group_by =
        datafusion::sql::sqlparser::ast::GroupByExpr::Expressions(Vec::new(), Vec::new());
    select.having = None;
    select.selection = Some(Expr::value(Value::Boolean(false)));
    true
}

fn is_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => {
            function.over.is_none() && AGGREGATES.contains(&qualified(&function.name).1.as_str())
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) | Expr::UnaryOp { expr, .. } => {
            is_aggregate(expr)
        }
        Expr::BinaryOp { left, right, .. } => is_aggregate(left) || is_aggregate(right),
        _ => false,
    }
}

/// The name that Postgres gives a column without one.
pub(super) fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => normal(name),
        Expr::CompoundIdentifier(names) => names.last().map(normal).unwrap_or_default(),
        Expr::Function(function) => match function.args {
            FunctionArguments::Subquery(_) => "array".to_owned(),
            _ => qualified(&function.name).1,
        },
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => name_of(inner),
        Expr::Cast {
            expr: inner,
            data_type,
            ..
        } => match name_of(inner).as_str() {
            "?column?" => data_type.to_string().to_ascii_lowercase(),
            name => name.to_owned(),
        },
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::UnnamedExpr(expr)] => name_of(expr),
                [SelectItem::ExprWithAlias { alias, .. }] => normal(alias),
                _ => "?column?".to_owned(),
            },
            _ => "?column?".to_owned(),
        },
        _ => "?column?".to_owned(),
    }
}
