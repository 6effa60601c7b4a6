//! Counts the people in each group that a SELECT outputs.
//!
//! The plan's aggregations get additional columns that count people. The counts pass through
//! the nodes above up to the output rows. So a HAVING, for example, filters the counts as it
//! does the rows.

use std::sync::Arc;

use super::masking;
use super::parties::{Kind, Party};
use super::people::{PeopleTracer, RelationPeople};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema};
use datafusion::functions_aggregate::count::count_distinct;
use datafusion::functions_aggregate::expr_fn::{count, min};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, Projection,
    ScalarUDF, lit, when,
};
use evidence::GROUP_PEOPLE_MIN;
use query::functions;

/// The name of the counting columns; no other column has such a name.
const COUNT_NAME: &str = "people counted for privacy";

/// A plan with counts of people after its columns.
struct Counted {
    plan: LogicalPlan,
    counts: Vec<Column>,
}

/// A plan that outputs one number: how many rows of `plan` are groups of too few people.
/// `None` if `plan` does not group all people whose rows it reads, or if they cannot be
/// counted.
pub(super) fn too_small(people: &mut PeopleTracer<'_>, plan: &LogicalPlan) -> Option<LogicalPlan> {
    let counted = counted(people, plan, &functions::subject())?;
    let few = counted.counts.into_iter().map(|count| {
        let count = Expr::Column(count);
        // A group without people tells about nobody.
        count
            .clone()
            .gt(lit(0_i64))
            .and(count.lt(lit(GROUP_PEOPLE_MIN)))
    });
    let any = few.reduce(Expr::or).unwrap_or_else(|| lit(false));
    LogicalPlanBuilder::from(counted.plan)
        .filter(any)
        .and_then(|plan| plan.aggregate(Vec::<Expr>::new(), vec![count(lit(1_i64))]))
        .and_then(LogicalPlanBuilder::build)
        .ok()
}

/// Whether the people of each group can be counted.
pub(super) fn can_be_counted(people: &mut PeopleTracer<'_>, plan: &LogicalPlan) -> bool {
    counted(people, plan, &functions::subject()).is_some()
}

fn counted(
    people: &mut PeopleTracer<'_>,
    plan: &LogicalPlan,
    subject: &Arc<ScalarUDF>,
) -> Option<Counted> {
    if people.trace(plan).sources.is_empty() {
        return Some(Counted {
            plan: plan.clone(),
            counts: Vec::new(),
        });
    }
    match plan {
        LogicalPlan::Projection(projection) => {
            let has_subquery = |expr: &Expr| {
                expr.exists(|expr| {
                    Ok(matches!(
                        expr,
                        Expr::ScalarSubquery(_)
                            | Expr::InSubquery(_)
                            | Expr::SetComparison(_)
                            | Expr::Exists(_)
                    ))
                })
                .unwrap_or(true)
            };
            if projection.expr.iter().any(has_subquery) {
                return None;
            }
            let input = counted(people, &projection.input, subject)?;
            let counts = input.counts.into_iter().map(Expr::Column);
            let exprs = projection.expr.iter().cloned().chain(counts).collect();
            let projection = Projection::try_new(exprs, Arc::new(input.plan)).ok()?;
            Some(with_counts(LogicalPlan::Projection(projection), plan))
        }
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(Distinct::All(_))
        | LogicalPlan::SubqueryAlias(_) => {
            let [below] = plan.inputs()[..] else {
                return None;
            };
            let input = counted(people, below, subject)?;
            let same = plan
                .with_new_exprs(plan.expressions(), vec![input.plan])
                .ok()?;
            Some(with_counts(same, plan))
        }
        LogicalPlan::Aggregate(aggregate) => counted_groups(people, aggregate, plan, subject),
        _ => None,
    }
}

fn counted_groups(
    people: &mut PeopleTracer<'_>,
    aggregate: &Aggregate,
    plan: &LogicalPlan,
    subject: &Arc<ScalarUDF>,
) -> Option<Counted> {
    if !aggregate.aggr_expr.iter().all(is_figure) {
        return None;
    }
    let relation = people.trace(&aggregate.input);
    let groups = counted(people, &aggregate.input, subject).filter(|_| {
        let mut sources = relation.sources.iter();
        sources.all(|source| source.is_combined)
    });
    let (input, counting): (LogicalPlan, Vec<Expr>) = match groups {
        Some(groups) => (groups.plan, smallest_counts(groups.counts)?),
        None => (
            aggregate.input.as_ref().clone(),
            distinct_counts(people, aggregate, &relation, subject)?,
        ),
    };
    let counting = counting
        .into_iter()
        .enumerate()
        .map(|(number, count)| count.alias(format!("{COUNT_NAME} {number}")));
    let aggregates = aggregate.aggr_expr.iter().cloned().chain(counting);
    let aggregate = Aggregate::try_new(
        Arc::new(input),
        aggregate.group_expr.clone(),
        aggregates.collect(),
    );
    Some(with_counts(LogicalPlan::Aggregate(aggregate.ok()?), plan))
}

/// Counts for groups of groups. A group has at least as many people as the smallest of its
/// groups that has any.
fn smallest_counts(counts: Vec<Column>) -> Option<Vec<Expr>> {
    let smallest = counts.into_iter().map(|count| {
        let count = Expr::Column(count);
        let if_any = when(count.clone().gt(lit(0_i64)), count).end().ok()?;
        Some(min(if_any))
    });
    smallest.collect()
}

/// Counts for groups of people's rows: the distinct parties of each source, of all rows and
/// of the rows that have a value for each aggregate.
fn distinct_counts(
    people: &PeopleTracer<'_>,
    aggregate: &Aggregate,
    relation: &RelationPeople,
    subject: &Arc<ScalarUDF>,
) -> Option<Vec<Expr>> {
    let schema = aggregate.input.schema();
    let picks = |expr| may_pick_by_name(expr, schema, &relation.columns);
    if aggregate.aggr_expr.iter().any(picks) {
        return None;
    }
    let parties = people.parties();
    let mut columns = Vec::new();
    for source in &relation.sources {
        let named = relation.columns.iter().enumerate();
        let column = named
            .filter_map(|(index, party)| Some((index, (*party)?)))
            .find(|(_, party)| {
                let mut of_source = source.parties.iter();
                of_source.any(|of_source| parties.is_checked_by(*of_source, &[*party]))
            })
            .filter(|_| !source.is_combined)?;
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let mut with_values = Vec::new();
    for has_value in aggregate.aggr_expr.iter().filter_map(has_value) {
        if !with_values.contains(&has_value) {
            with_values.push(has_value);
        }
    }
    let mut counts = Vec::new();
    for (index, party) in columns {
        let column = Expr::Column(Column::from(schema.qualified_field(index)));
        let all = count_distinct(match parties.kind(party) {
            Kind::Person => subject.call(vec![column]),
            Kind::Device | Kind::Either => column,
        });
        // An aggregate of values that only a few people have tells about these few.
        for has_value in &with_values {
            let count = all.clone().distinct().filter(has_value.clone());
            counts.push(count.build().ok()?);
        }
        counts.push(all);
    }
    Some(counts)
}

/// Whether an aggregate outputs one figure for the values in a group, not the values.
fn is_figure(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_figure(&alias.expr),
        Expr::AggregateFunction(call) => masking::is_figure(call.func.name()),
        _ => false,
    }
}

/// The condition for rows that have a value for an aggregate; `None` if all have.
fn has_value(expr: &Expr) -> Option<Expr> {
    let call = match expr {
        Expr::Alias(alias) => return has_value(&alias.expr),
        Expr::AggregateFunction(call) => call,
        _ => return None,
    };
    let args = call.params.args.iter();
    let args = args.filter(|arg| !matches!(arg, Expr::Literal(..)));
    let are_not_null = args.map(|arg| arg.clone().is_not_null());
    let filter = call.params.filter.as_deref().cloned();
    are_not_null.chain(filter).reduce(Expr::and)
}

/// Whether an aggregate may output a value of one person in a group, because it uses their
/// names for more than counting.
fn may_pick_by_name(expr: &Expr, schema: &DFSchema, columns: &[Option<Party>]) -> bool {
    let call = match expr {
        Expr::Alias(alias) => return may_pick_by_name(&alias.expr, schema, columns),
        Expr::AggregateFunction(call) => call,
        _ => return true,
    };
    let args = match masking::counts(call.func.name()) {
        true => &[][..],
        false => &call.params.args,
    };
    let order = call.params.order_by.iter().map(|sort| &sort.expr);
    let used = args.iter().chain(call.params.filter.as_deref());
    let used = used.chain(order);
    let mut used = used.flat_map(Expr::column_refs);
    used.any(|column| {
        let index = schema.maybe_index_of_column(column);
        index.is_none_or(|index| columns.get(index).is_none_or(Option::is_some))
    })
}

/// A plan whose counts are the columns after those of `original`.
fn with_counts(plan: LogicalPlan, original: &LogicalPlan) -> Counted {
    let width = original.schema().fields().len();
    let counts = (width..plan.schema().fields().len())
        .map(|index| Column::from(plan.schema().qualified_field(index)));
    Counted {
        counts: counts.collect(),
        plan,
    }
}
