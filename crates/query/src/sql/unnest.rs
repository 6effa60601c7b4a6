//! `UNNEST` in FROM, as Trino means it: over columns of the tables before it, over maps and
//! arrays of rows, with ordinality.
//!
//! DataFusion plans such an UNNEST as a correlated subquery and cannot run it. So it is
//! planned here in one known shape, and [`joined`] turns a join with that shape into an
//! unnesting of the join's left side.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    Column, DFSchema, ExprSchema, NullHandling, Result, ScalarValue, TableReference, UnnestOptions,
};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_nested::expr_fn::{map_keys, map_values};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Unnest,
};
use sqlparser::ast::{TableAlias, TableFactor};

use crate::Error;
use crate::error::external;

/// Numbers the lists of all statements, so that their names are unique within each.
static LISTS: AtomicUsize = AtomicUsize::new(0);

/// Plans `UNNEST(...)`.
#[derive(Debug)]
pub(crate) struct UnnestPlanner;

impl RelationPlanner for UnnestPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::UNNEST {
            alias,
            array_exprs,
            with_offset: false,
            with_offset_alias: None,
            with_ordinality,
        } = relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let nothing = DFSchema::empty();
        let mut lists = Vec::new();
        for expr in array_exprs {
            let expr = context.sql_expr_to_logical_expr(expr, &nothing)?;
            match expr.get_type(&nothing)? {
                DataType::Map(_, _) => {
                    lists.push(map_keys(expr.clone()));
                    lists.push(map_values(expr));
                }
                DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => {
                    lists.push(expr);
                }
                _ => return Err(external(not_a_list())),
            }
        }
        if lists.is_empty() {
            return Err(external(not_a_list()));
        }
        if with_ordinality {
            lists.push(trino::ordinals().call(lists.clone()));
        }
        let aliases = alias.iter().flat_map(|alias| &alias.columns);
        let names = aliases.map(|column| context.normalize_ident(column.name.clone()));
        let plan = planned(lists, names.collect())?;
        let alias = alias.map(|alias| TableAlias {
            columns: Vec::new(),
            ..alias
        });
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}

fn not_a_list() -> Error {
    Error::sql(
        "UNNEST takes arrays and maps",
        "write UNNEST(array_column) or UNNEST(split(text, ','))",
    )
}

/// One row for each element of `lists`, side by side.
fn planned(lists: Vec<Expr>, names: Vec<String>) -> Result<LogicalPlan> {
    let first = LISTS.fetch_add(lists.len(), Ordering::Relaxed);
    let named = |at: usize| format!("list {}", first + at);
    let columns: Vec<Column> = (0..lists.len())
        .map(|at| Column::from_name(named(at)))
        .collect();
    let inner = lists
        .into_iter()
        .zip(0..)
        .map(|(list, at)| list.alias(named(at)));
    let plan = LogicalPlanBuilder::empty(true)
        .project(inner.collect::<Vec<_>>())?
        .unnest_columns_with_options(columns.clone(), options(NullHandling::Drop))?
        .build()?;
    let mut values = Vec::new();
    for column in columns {
        let of = plan
            .schema()
            .field_from_column(&column)?
            .data_type()
            .clone();
        let column = Expr::Column(column);
        match of {
            DataType::Struct(fields) => values.extend(
                fields
                    .iter()
                    .map(|field| get_field(column.clone(), field.name().as_str())),
            ),
            _ => values.push(column),
        }
    }
    if !names.is_empty() && names.len() != values.len() {
        return Err(external(Error::sql(
            format!(
                "UNNEST gives {} columns here, and {} names are written",
                values.len(),
                names.len()
            ),
            "write one name for each: UNNEST(array) AS t (value)",
        )));
    }
    let values = values.into_iter().zip(0..).map(|(value, at)| {
        let name = names.get(at).cloned();
        value.alias(name.unwrap_or_else(|| format!("_col{at}")))
    });
    LogicalPlanBuilder::from(plan)
        .project(values.collect::<Vec<_>>())?
        .build()
}

fn options(null_handling: NullHandling) -> UnnestOptions {
    UnnestOptions {
        null_handling,
        recursions: Vec::new(),
    }
}

/// The plan with each join of a relation and an UNNEST of its columns turned into an
/// unnesting.
///
/// # Errors
/// [`Error::Sql`] for a join that cannot be turned.
pub(crate) fn joined(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) => match unnesting(&join)? {
            Some(plan) => Ok(Transformed::yes(plan)),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        other => Ok(Transformed::no(other)),
    })
    .map(|transformed| transformed.data)
}

fn unnesting(join: &Join) -> Result<Option<LogicalPlan>> {
    let (alias, right) = match join.right.as_ref() {
        LogicalPlan::SubqueryAlias(aliased) => {
            (Some(aliased.alias.clone()), aliased.input.as_ref())
        }
        other => (None, other),
    };
    let LogicalPlan::Subquery(subquery) = right else {
        return Ok(None);
    };
    let Some((outer, unnest, inner)) = parts(&subquery.subquery) else {
        return Ok(None);
    };
    let is_true =
        |filter: &Expr| matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    let is_free = join.on.is_empty() && join.filter.as_ref().is_none_or(is_true);
    let null_handling = match join.join_type {
        JoinType::Inner if is_free => NullHandling::Drop,
        JoinType::Left if is_free => NullHandling::PreserveAndExpandEmpty,
        _ => {
            return Err(external(Error::sql(
                "a join with UNNEST takes no condition",
                "write CROSS JOIN UNNEST(...) with WHERE, or LEFT JOIN UNNEST(...) ON TRUE",
            )));
        }
    };
    let left = join.left.schema();
    let own: Vec<Expr> = left.columns().into_iter().map(Expr::Column).collect();
    let mut lists = own.clone();
    for expr in &inner.expr {
        lists.push(resolved(expr.clone(), left)?);
    }
    let columns = unnest.exec_columns.clone();
    let mut values = own;
    values.extend(outer.expr.iter().map(|expr| renamed(expr, &alias)));
    LogicalPlanBuilder::from(Arc::clone(&join.left))
        .project(lists)?
        .unnest_columns_with_options(columns, options(null_handling))?
        .project(values)?
        .build()
        .map(Some)
}

/// The projections and the unnesting that [`planned`] made.
fn parts(plan: &LogicalPlan) -> Option<(&Projection, &Unnest, &Projection)> {
    let LogicalPlan::Projection(outer) = plan else {
        return None;
    };
    let LogicalPlan::Unnest(unnest) = outer.input.as_ref() else {
        return None;
    };
    let LogicalPlan::Projection(inner) = unnest.input.as_ref() else {
        return None;
    };
    matches!(inner.input.as_ref(), LogicalPlan::EmptyRelation(_)).then_some((outer, unnest, inner))
}

/// References to the left side of the join as its columns.
fn resolved(expr: Expr, left: &DFSchema) -> Result<Expr> {
    expr.transform(|expr| match expr {
        Expr::OuterReferenceColumn(_, column) if left.has_column(&column) => {
            Ok(Transformed::yes(Expr::Column(column)))
        }
        other => Ok(Transformed::no(other)),
    })
    .map(|transformed| transformed.data)
}

/// A column of the result under the alias of the UNNEST.
fn renamed(expr: &Expr, alias: &Option<TableReference>) -> Expr {
    let name = expr.schema_name().to_string();
    expr.clone().unalias().alias_qualified(alias.clone(), name)
}
