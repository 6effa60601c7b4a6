//! Finds out how the result of a statement depends on the time of the run.
//!
//! Uses the plan before optimisation, because the optimiser replaces functions of the time by
//! constants. Using the plan and not the text, spelling does not matter: spaces, comments,
//! letter case, other names of the same function.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, Operator, TableScan, Volatility};

use query::system;
use query::system::CONSENT;

/// How a statement depends on the time of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimeUse {
    /// Not at all.
    None,
    /// Only through comparisons that decide which intervals of `system.consent` have begun
    /// or ended. As time passes, the
    /// result changes only for people whose consent begins or ends.
    Consent,
    /// In any other way.
    Other,
}

/// The columns of `system.consent` with the begin and end of an interval.
const BOUNDS: [&str; 2] = ["valid_from", "valid_to"];

impl TimeUse {
    /// Of a statement's plan, as it was before any optimisation.
    pub(crate) fn of(plan: &LogicalPlan) -> Self {
        let mut found = Self::None;
        match trace(plan, &mut found) {
            Ok(_) => found,
            // A plan that is not understood may depend on the time in any way.
            Err(_) => Self::Other,
        }
    }
}

/// For each output column of `plan`, whether it is the begin or end of an interval of
/// `system.consent`. Records in `found` how the plan depends on the time.
fn trace(plan: &LogicalPlan, found: &mut TimeUse) -> Result<Vec<bool>> {
    let mut inputs = Vec::new();
    for input in plan.inputs() {
        inputs.push(trace(input, found)?);
    }
    plan.apply_subqueries(|subquery| {
        trace(subquery, found)?;
        // That includes the subqueries in it.
        Ok(TreeNodeRecursion::Jump)
    })?;
    let schema = merge_schema(&plan.inputs());
    let all: Vec<bool> = inputs.concat();
    for expr in plan.expressions() {
        record_time_use(&expr, &schema, &all, found)?;
    }
    let width = plan.schema().fields().len();
    let are_bounds = match plan {
        LogicalPlan::TableScan(scan) => bounds_of(scan),
        LogicalPlan::Projection(projection) => {
            let exprs = projection.expr.iter();
            exprs.map(|expr| is_bound(expr, &schema, &all)).collect()
        }
        LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Window(_) => all,
        LogicalPlan::Join(join) => match (join.join_type, inputs.as_slice()) {
            (JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark, [left, _]) => {
                left.clone()
            }
            (JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark, [_, right]) => {
                right.clone()
            }
            _ => all,
        },
        _ => Vec::new(),
    };
    Ok(resized(are_bounds, width))
}

fn resized(mut columns: Vec<bool>, width: usize) -> Vec<bool> {
    columns.resize(width, false);
    columns
}

fn bounds_of(scan: &TableScan) -> Vec<bool> {
    let is_consent =
        scan.table_name.schema() == Some(system::ZONE) && scan.table_name.table() == CONSENT.name();
    let fields = scan.projected_schema.fields().iter();
    fields
        .map(|field| is_consent && BOUNDS.contains(&field.name().as_str()))
        .collect()
}

/// Whether an expression outputs the begin or end of an interval.
fn is_bound(expr: &Expr, schema: &DFSchema, bounds: &[bool]) -> bool {
    match expr {
        Expr::Alias(alias) => is_bound(&alias.expr, schema, bounds),
        Expr::Column(column) => index_of(column, schema)
            .and_then(|index| bounds.get(index).copied())
            .unwrap_or_default(),
        _ => false,
    }
}

fn index_of(column: &Column, schema: &DFSchema) -> Option<usize> {
    schema.maybe_index_of_column(column)
}

/// Records how one expression depends on the time.
fn record_time_use(
    expr: &Expr,
    schema: &DFSchema,
    bounds: &[bool],
    found: &mut TimeUse,
) -> Result<()> {
    expr.apply(|expr| {
        if compares_bound_with_time(expr, schema, bounds) {
            *found = TimeUse::Consent.max(*found);
            return Ok(TreeNodeRecursion::Jump);
        }
        if is_time(expr) {
            *found = TimeUse::Other;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Whether an expression is a function with the same value throughout a run, and another value
/// in the next one.
fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.signature().volatility == Volatility::Stable)
}

/// Whether an expression compares the time with the begin or end of an interval, so that its
/// value changes exactly at that instant.
fn compares_bound_with_time(expr: &Expr, schema: &DFSchema, bounds: &[bool]) -> bool {
    let Expr::BinaryExpr(compared) = expr else {
        return false;
    };
    let (left, right) = (compared.left.as_ref(), compared.right.as_ref());
    match compared.op {
        Operator::LtEq | Operator::Gt => is_bound(left, schema, bounds) && is_time(right),
        Operator::GtEq | Operator::Lt => is_time(left) && is_bound(right, schema, bounds),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use catalog::Project;

    use super::*;
    use crate::contract::planning as models;
    use query::Session;
    use query::Setup;

    #[tokio::test]
    async fn statements_that_depend_on_the_time() {
        let lakehouse = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
        let setup = Setup::nowhere(Project::read(&lakehouse).unwrap());
        let session = Session::to_plan_in(&setup).unwrap();
        let all: Vec<_> = setup.project.models().iter().collect();
        let planned = models::plan(&session, &all).await.unwrap();
        for planned in &planned {
            let expected = match planned.model.name.as_ref() {
                "customer_trusted" => TimeUse::Consent,
                _ => TimeUse::None,
            };
            assert_eq!(planned.time, expected, "{}", planned.model.name);
        }
        let (none, consent, other) = (TimeUse::None, TimeUse::Consent, TimeUse::Other);
        let of_consent = "select subject from system.consent";
        for (sql, expected) in [
            (of_consent.to_owned(), none),
            ("select 'now()' as today -- now()".to_owned(), none),
            // Which consents have begun, or have not ended.
            (format!("{of_consent} where valid_from <= run_time()"), consent),
            (format!("{of_consent} where RUN_TIME ( ) >= valid_from"), consent),
            (format!("{of_consent} where run_time() < valid_to"), consent),
            (
                format!("{of_consent} where valid_to is null or not valid_to > run_time()"),
                consent,
            ),
            (
                "with c as (select subject as s, valid_from as f from system.consent) \
                 select a.x from accelerometer_trusted a join c on c.s = a.user and c.f <= run_time()"
                    .to_owned(),
                consent,
            ),
            (
                "select x from accelerometer_trusted where user in \
                 (select subject from system.consent where valid_from <= run_time())"
                    .to_owned(),
                consent,
            ),
            // These change only after the end, or have another value at it.
            (format!("{of_consent} where valid_from < run_time()"), other),
            (format!("{of_consent} where valid_from = run_time()"), other),
            (format!("{of_consent} where valid_from + 1 <= run_time()"), other),
            ("select run_time() as at from system.consent".to_owned(), other),
            (
                "select x from accelerometer_trusted where timestamp <= run_time()".to_owned(),
                other,
            ),
            (
                "select max(valid_from) as at from system.consent having max(valid_from) <= run_time()"
                    .to_owned(),
                other,
            ),
            (
                "select x from accelerometer_trusted where timestamp in \
                 (select valid_from from system.consent where valid_from < run_time())"
                    .to_owned(),
                other,
            ),
            // By whatever name.
            ("select now ( ) as at".to_owned(), other),
            ("select current_timestamp as at".to_owned(), other),
            ("select CURRENT_DATE as at".to_owned(), other),
            ("select today() as at".to_owned(), other),
            ("select current_time as at".to_owned(), other),
            ("select x from accelerometer_trusted order by now()".to_owned(), other),
        ] {
            let plan = session.plan(&sql).await.unwrap();
            assert_eq!(TimeUse::of(&plan), expected, "{sql}");
        }
    }
}
