//! The column of a model that gives the time of a device's reading unchanged.
//!
//! Of a device that was passed on, each row of a model is checked against the owner at the
//! time of the row. So that time must be the reading's own, and the row must hold one
//! reading alone: a sum over a device's readings has none.

use catalog::{Readings, Roles};
use datafusion::common::JoinType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, TableScan};

/// The position of that column among those of `plan`; `None` if there is none, or if the
/// plan reads device readings more than once.
pub(crate) fn position(roles: &Roles, plan: &LogicalPlan) -> Option<usize> {
    let mut scans = 0;
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            scans += u32::from(readings(roles, scan).is_some());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.ok()?;
    let columns = 0..plan.schema().fields().len();
    columns
        .filter(|_| scans == 1)
        .find(|column| is_time(roles, plan, *column))
}

fn readings<'r>(roles: &'r Roles, scan: &TableScan) -> Option<&'r Readings> {
    let mut readings = roles.device_readings().iter();
    let is_landing = scan
        .table_name
        .schema()
        .is_none_or(|zone| zone == "landing");
    readings.find(|readings| is_landing && readings.table == *scan.table_name.table())
}

/// Whether a column of a plan is the time of a reading, row by row.
fn is_time(roles: &Roles, plan: &LogicalPlan, column: usize) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => readings(roles, scan).is_some_and(|readings| {
            let field = scan.projected_schema.fields().get(column);
            field.is_some_and(|field| *field.name() == readings.time)
        }),
        LogicalPlan::SubqueryAlias(alias) => is_time(roles, &alias.input, column),
        LogicalPlan::Filter(filter) => is_time(roles, &filter.input, column),
        LogicalPlan::Sort(sort) => is_time(roles, &sort.input, column),
        LogicalPlan::Limit(limit) => is_time(roles, &limit.input, column),
        LogicalPlan::Distinct(Distinct::All(input)) => is_time(roles, input, column),
        LogicalPlan::Projection(projection) => {
            let mut expr = projection.expr.get(column);
            while let Some(Expr::Alias(alias)) = expr {
                expr = Some(&alias.expr);
            }
            let Some(Expr::Column(given)) = expr else {
                return false;
            };
            let place = projection.input.schema().maybe_index_of_column(given);
            place.is_some_and(|place| is_time(roles, &projection.input, place))
        }
        LogicalPlan::Join(join) => {
            use JoinType::{LeftAnti, LeftMark, LeftSemi, RightAnti, RightMark, RightSemi};
            let width = join.left.schema().fields().len();
            match join.join_type {
                RightSemi | RightAnti | RightMark => is_time(roles, &join.right, column),
                LeftSemi | LeftAnti | LeftMark => is_time(roles, &join.left, column),
                _ if column < width => is_time(roles, &join.left, column),
                _ => is_time(roles, &join.right, column - width),
            }
        }
        // A grouping or a window combines readings.
        _ => false,
    }
}
