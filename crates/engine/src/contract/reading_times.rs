//! Finds the column of a model that holds the time of a device reading, unchanged.
//!
//! Planning uses it. A device may change owners; then a privacy gate checks each row of a
//! model against the owner at the row's time. That is possible only if the row holds one
//! reading and the reading's own time. A sum over readings has no such time.

use catalog::{Readings, Roles};
use datafusion::common::JoinType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, TableScan};

/// The index of that column in the output of `plan`; `None` if there is none, or if the plan
/// scans device readings more than once.
pub(crate) fn reading_time_column(roles: &Roles, plan: &LogicalPlan) -> Option<usize> {
    let mut scans = 0;
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            scans += u32::from(scanned_readings(roles, scan).is_some());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.ok()?;
    let columns = 0..plan.schema().fields().len();
    columns
        .filter(|_| scans == 1)
        .find(|column| is_time(roles, plan, *column))
}

fn scanned_readings<'r>(roles: &'r Roles, scan: &TableScan) -> Option<&'r Readings> {
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
        LogicalPlan::TableScan(scan) => scanned_readings(roles, scan).is_some_and(|readings| {
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
            let index = projection.input.schema().maybe_index_of_column(given);
            index.is_some_and(|index| is_time(roles, &projection.input, index))
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
