//! Which joins of a plan are ours.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinSide, JoinType, NullEquality};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExprRef, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::utils::ColumnIndex;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;

use super::column;
use super::exec::{Filter, JoinExec, Keys, Kind, Origin, Terms};
use crate::functions::SUBJECT;
use crate::landing::LandingScan;

/// Puts [`JoinExec`] in the place of hash joins that it serves.
#[derive(Debug)]
pub(crate) struct Joins;

impl PhysicalOptimizerRule for Joins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match node.downcast_ref::<HashJoinExec>().and_then(ours) {
                Some(join) => Transformed::yes(Arc::new(join) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "stedi_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn ours(join: &HashJoinExec) -> Option<JoinExec> {
    let kind = match (join.join_type(), join.partition_mode()) {
        (JoinType::Inner, _) => Kind::Inner,
        (JoinType::RightSemi, _) => Kind::ReadSemi,
        // Its rows come out in one partition, when the other side has ended.
        (JoinType::LeftSemi, PartitionMode::CollectLeft) => Kind::HeldSemi,
        _ => return None,
    };
    let plain = (join.filter().is_none() || kind == Kind::Inner)
        && join.fetch().is_none()
        && !join.null_aware
        && join.null_equality() == NullEquality::NullEqualsNothing;
    let (held, read) = (join.left(), join.right());
    let fits = |(left, right): &(PhysicalExprRef, PhysicalExprRef)| {
        let types = (
            left.data_type(&held.schema()),
            right.data_type(&read.schema()),
        );
        matches!(
            types,
            (Ok(left), Ok(right)) if left == right
                && matches!(left, DataType::Utf8View | DataType::Int64 | DataType::Int32)
        )
    };
    if !plain || !join.on().iter().all(fits) {
        return None;
    }

    let (left_width, right_width) = (held.schema().fields().len(), read.schema().fields().len());
    let of_join: Vec<Origin> = match kind {
        Kind::Inner => (0..left_width)
            .map(Origin::Held)
            .chain((0..right_width).map(Origin::Read))
            .collect(),
        Kind::HeldSemi => (0..left_width).map(Origin::Held).collect(),
        Kind::ReadSemi => (0..right_width).map(Origin::Read).collect(),
    };
    let wanted = match &join.projection {
        Some(projection) => projection.iter().map(|column| of_join[*column]).collect(),
        None => of_join,
    };
    // Only what comes out, or is asked about, is held.
    let mut columns: Vec<usize> = Vec::new();
    let mut hold = |origin: Origin| match origin {
        Origin::Held(column) => {
            let place = columns.iter().position(|held| *held == column);
            Origin::Held(place.unwrap_or_else(|| {
                columns.push(column);
                columns.len() - 1
            }))
        }
        read => read,
    };
    let output = wanted.into_iter().map(&mut hold).collect();
    let mut filter = None;
    if let Some(asked) = join.filter() {
        let origin = |column: &ColumnIndex| match column.side {
            JoinSide::Left => Some(hold(Origin::Held(column.index))),
            JoinSide::Right => Some(Origin::Read(column.index)),
            JoinSide::None => None,
        };
        filter = Some(Filter {
            condition: Arc::clone(asked.expression()),
            columns: asked
                .column_indices()
                .iter()
                .map(origin)
                .collect::<Option<_>>()?,
            schema: Arc::clone(asked.schema()),
        });
    }
    let schema = held.schema();
    if !columns
        .iter()
        .all(|held| column::Column::holds(schema.field(*held).data_type()))
    {
        return None;
    }

    let mut terms = Terms {
        kind,
        on: join.on().to_vec(),
        held: columns,
        output,
        filter,
        keys: None,
    };
    let mut read = Arc::clone(read);
    if let [(_, key)] = join.on()
        && let Some((narrowed, keys)) = narrow(&read, key, false)
    {
        read = narrowed;
        terms.keys = Some(keys);
    }
    let properties = Arc::clone(join.properties());
    Some(JoinExec::new(undivided(held), read, terms, properties))
}

/// All partitions of the held side end up in one table: how it was divided or
/// brought together before does not matter.
fn undivided(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if let Some(together) = plan.downcast_ref::<CoalescePartitionsExec>()
        && together.fetch().is_none()
    {
        return undivided(together.input());
    }
    match plan.downcast_ref::<RepartitionExec>() {
        Some(divided) => undivided(divided.input()),
        None => Arc::clone(plan),
    }
}

/// The side that is read with a reader that passes over rows whose `key` the
/// other side does not have, if a landing table's column is the key.
fn narrow(
    plan: &Arc<dyn ExecutionPlan>,
    key: &PhysicalExprRef,
    of_subject: bool,
) -> Option<(Arc<dyn ExecutionPlan>, Arc<Keys>)> {
    if let Some(call) = key.downcast_ref::<ScalarFunctionExpr>() {
        // The subject of a subject is that subject.
        return (call.name() == SUBJECT).then(|| narrow(plan, call.args().first()?, true))?;
    }
    let column = key.downcast_ref::<Column>()?.index();
    if let Some(scan) = plan.downcast_ref::<LandingScan>() {
        let keys = Arc::new(Keys::new(of_subject));
        let set: Arc<dyn landing::KeySet> = Arc::clone(&keys) as _;
        return Some((Arc::new(scan.narrowed(column, set)?), keys));
    }
    let below: PhysicalExprRef = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        Arc::clone(&projection.expr().get(column)?.expr)
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let column = match filter.projection() {
            Some(projection) => *projection.get(column)?,
            None => column,
        };
        Arc::new(Column::new("key", column))
    } else if plan.is::<RepartitionExec>() || plan.is::<CooperativeExec>() {
        Arc::clone(key)
    } else {
        return None;
    };
    let [input] = plan.children()[..] else {
        return None;
    };
    let (input, keys) = narrow(input, &below, of_subject)?;
    let plan = replace_children_if_necessary(Arc::clone(plan), vec![input]).ok()?;
    Some((plan, keys))
}
