//! How many people each row of a SELECT tells of, where it groups them.
//!
//! Beside the groups of a plan people are counted, and the count is carried up
//! to the rows that come out, through what leaves rows out and what computes
//! columns of them. What is written between the grouping and the end, such as a
//! HAVING, applies to the counts as it does to the rows.

use std::sync::Arc;

use super::masking;
use super::people::{Kind, Party, People};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema};
use datafusion::functions_aggregate::count::count_distinct;
use datafusion::functions_aggregate::expr_fn::{count, min};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, Projection,
    ScalarUDF, lit, when,
};
use query::functions;

/// Fewer people than this in a group, and what is told of the group is told of
/// them.
pub(crate) const GROUP_PEOPLE_MIN: i64 = 5;

/// What the counts are called; a column of that name is in nobody's way.
const COUNTS: &str = "people counted for privacy";

/// A plan with counts of people behind its columns.
struct Counted {
    plan: LogicalPlan,
    counts: Vec<Column>,
}

/// A plan that gives one number: how many rows of `plan` tell of too few people.
/// `None` where `plan` does not group all people whose rows it reads, or they
/// cannot be counted where it does.
pub(super) fn too_small(people: &mut People<'_>, plan: &LogicalPlan) -> Option<LogicalPlan> {
    let counted = counted(people, plan, &functions::subject())?;
    let few = counted.counts.into_iter().map(|count| {
        let count = Expr::Column(count);
        // A group of nobody tells of nobody.
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
pub(super) fn can_be_counted(people: &mut People<'_>, plan: &LogicalPlan) -> bool {
    counted(people, plan, &functions::subject()).is_some()
}

fn counted(
    people: &mut People<'_>,
    plan: &LogicalPlan,
    subject: &Arc<ScalarUDF>,
) -> Option<Counted> {
    if people.of(plan).sources.is_empty() {
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
            Some(last(LogicalPlan::Projection(projection), plan))
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
            Some(last(same, plan))
        }
        LogicalPlan::Aggregate(aggregate) => of_groups(people, aggregate, plan, subject),
        _ => None,
    }
}

fn of_groups(
    people: &mut People<'_>,
    aggregate: &Aggregate,
    plan: &LogicalPlan,
    subject: &Arc<ScalarUDF>,
) -> Option<Counted> {
    if !aggregate.aggr_expr.iter().all(gives_a_figure) {
        return None;
    }
    let relation = people.of(&aggregate.input);
    // Groups of groups tell of at least as many people as the smallest of them
    // that tells of any.
    let groups = counted(people, &aggregate.input, subject).filter(|_| {
        let mut sources = relation.sources.iter();
        sources.all(|source| source.crowd)
    });
    let (input, counting): (LogicalPlan, Vec<Expr>) = match groups {
        Some(groups) => {
            let least = groups.counts.into_iter().map(|one| {
                let one = Expr::Column(one);
                let any = when(one.clone().gt(lit(0_i64)), one).end().ok()?;
                Some(min(any))
            });
            (groups.plan, least.collect::<Option<_>>()?)
        }
        None => {
            let schema = aggregate.input.schema();
            let picks = |expr| picks_by_name(expr, schema, &relation.columns);
            if aggregate.aggr_expr.iter().any(picks) {
                return None;
            }
            let mut places = Vec::new();
            for source in &relation.sources {
                let columns = relation.columns.iter().enumerate();
                let place = columns
                    .filter_map(|(place, party)| Some((place, (*party)?)))
                    .find(|(_, party)| {
                        let mut own = source.parties.iter();
                        own.any(|own| people.is_checked_by(*own, &[*party]))
                    })
                    .filter(|_| !source.crowd)?;
                if !places.contains(&place) {
                    places.push(place);
                }
            }
            let mut contributing = Vec::new();
            for rows in aggregate.aggr_expr.iter().filter_map(rows_of) {
                if !contributing.contains(&rows) {
                    contributing.push(rows);
                }
            }
            let mut counting = Vec::new();
            for (place, party) in places {
                let column = Expr::Column(Column::from(schema.qualified_field(place)));
                let all = count_distinct(match people.kind(party) {
                    Kind::Person => subject.call(vec![column]),
                    Kind::Device | Kind::Either => column,
                });
                // What only a few give a value to is told of those few.
                for rows in &contributing {
                    counting.push(all.clone().distinct().filter(rows.clone()).build().ok()?);
                }
                counting.push(all);
            }
            (aggregate.input.as_ref().clone(), counting)
        }
    };
    let counting = counting
        .into_iter()
        .enumerate()
        .map(|(number, count)| count.alias(format!("{COUNTS} {number}")));
    let aggregates = aggregate.aggr_expr.iter().cloned().chain(counting);
    let aggregate = Aggregate::try_new(
        Arc::new(input),
        aggregate.group_expr.clone(),
        aggregates.collect(),
    );
    Some(last(LogicalPlan::Aggregate(aggregate.ok()?), plan))
}

/// Whether an aggregate gives one figure of the values in a group, not the values.
fn gives_a_figure(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => gives_a_figure(&alias.expr),
        Expr::AggregateFunction(call) => masking::gives_a_figure(call.func.name()),
        _ => false,
    }
}

/// Which rows of a group give an aggregate a value; `None` where all do.
fn rows_of(expr: &Expr) -> Option<Expr> {
    let call = match expr {
        Expr::Alias(alias) => return rows_of(&alias.expr),
        Expr::AggregateFunction(call) => call,
        _ => return None,
    };
    let args = call.params.args.iter();
    let args = args.filter(|arg| !matches!(arg, Expr::Literal(..)));
    let given = args.map(|arg| arg.clone().is_not_null());
    let filter = call.params.filter.as_deref().cloned();
    given.chain(filter).reduce(Expr::and)
}

/// Whether an aggregate may give what belongs to one of the people in a group, as
/// it looks at their names for more than to count them.
fn picks_by_name(expr: &Expr, schema: &DFSchema, columns: &[Option<Party>]) -> bool {
    let call = match expr {
        Expr::Alias(alias) => return picks_by_name(&alias.expr, schema, columns),
        Expr::AggregateFunction(call) => call,
        _ => return true,
    };
    let args = match masking::counts(call.func.name()) {
        true => &[][..],
        false => &call.params.args,
    };
    let order = call.params.order_by.iter().map(|sort| &sort.expr);
    let looked_at = args.iter().chain(call.params.filter.as_deref());
    let looked_at = looked_at.chain(order);
    let mut looked_at = looked_at.flat_map(Expr::column_refs);
    looked_at.any(|column| {
        let place = schema.maybe_index_of_column(column);
        place.is_none_or(|place| columns.get(place).is_none_or(Option::is_some))
    })
}

/// The columns that `plan` has behind those of `before` are counts.
fn last(plan: LogicalPlan, before: &LogicalPlan) -> Counted {
    let own = before.schema().fields().len();
    let counts = (own..plan.schema().fields().len())
        .map(|place| Column::from(plan.schema().qualified_field(place)));
    Counted {
        counts: counts.collect(),
        plan,
    }
}
