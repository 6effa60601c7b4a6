//! Which joins of a plan are ours.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinSide, JoinType};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExprRef, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, replace_children_if_necessary,
};
use datafusion::physical_plan::joins::utils::ColumnIndex;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};

use super::encoding::Encoding;
use super::exec::JoinExec;
use super::terms::{Filter, Keys, Kind, Origin, Terms};
use crate::functions::SUBJECT;
use crate::landing::LandingScan;
use crate::{plan_tables, scan, system};

/// Puts [`JoinExec`] in the place of hash joins that it serves.
#[derive(Debug)]
pub struct Joins;

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
        (JoinType::RightSemi, _) => Kind::ProbeSemi,
        // Its rows come out in one partition, when the other side has ended.
        (JoinType::LeftSemi, PartitionMode::CollectLeft) => Kind::BuildSemi,
        _ => return None,
    };
    if join.fetch().is_some() || join.null_aware {
        return None;
    }
    let sides = Sides::of(join, kind);
    let (held, read) = (&sides.held, &sides.read);
    let types = |(of_held, of_read): &(PhysicalExprRef, PhysicalExprRef)| {
        let of_held = of_held.data_type(&held.schema()).ok()?;
        let of_read = of_read.data_type(&read.schema()).ok()?;
        (of_held == of_read).then_some(of_held)
    };
    let types: Vec<DataType> = sides.on.iter().map(types).collect::<Option<_>>()?;
    let encoding = Encoding::of(&types, join.null_equality())?;

    let (left, right) = (join.left().schema(), join.right().schema());
    let of_left = (0..left.fields().len()).map(|column| sides.origin(JoinSide::Left, column));
    let of_right = (0..right.fields().len()).map(|column| sides.origin(JoinSide::Right, column));
    let of_join: Vec<Origin> = match kind {
        Kind::Inner => of_left.chain(of_right).collect(),
        Kind::BuildSemi => of_left.collect(),
        Kind::ProbeSemi => of_right.collect(),
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
            JoinSide::None => None,
            side => Some(hold(sides.origin(side, column.index))),
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
    let mut terms = Terms {
        kind,
        on: sides.on.clone(),
        encoding,
        held: columns,
        output,
        filter,
        keys: None,
    };
    let mut read = Arc::clone(read);
    if encoding == Encoding::Plain
        && let [(_, key)] = &sides.on[..]
        && let Some((narrowed, keys)) = narrow(&read, key, false)
    {
        read = narrowed;
        terms.keys = Some(keys);
    }
    Some(JoinExec::new(
        undivided(held),
        read,
        terms,
        sides.properties,
    ))
}

/// Which side of a join is held, and which is read.
struct Sides {
    held: Arc<dyn ExecutionPlan>,
    read: Arc<dyn ExecutionPlan>,
    on: Vec<(PhysicalExprRef, PhysicalExprRef)>,
    is_left_held: bool,
    properties: Arc<PlanProperties>,
}

impl Sides {
    /// As planned, the left side is held, but for an inner join of what arrived
    /// with what the system knows of people and devices: that is held, and what
    /// arrived passes by. The plan goes by guesses at how many rows conditions
    /// leave, and held every column of every customer against a consent each.
    fn of(join: &HashJoinExec, kind: Kind) -> Self {
        let (left, right) = (join.left(), join.right());
        let zones = |plan| {
            let tables = plan_tables::tables(plan).into_iter();
            tables.map(|(zone, _)| zone).collect::<BTreeSet<_>>()
        };
        let arrives = kind == Kind::Inner
            && *join.partition_mode() == PartitionMode::CollectLeft
            && zones(left).contains(scan::LANDING)
            && zones(right).into_iter().eq([system::ZONE.to_owned()]);
        // Nobody above may count on how the other side was divided or sorted.
        let planned = join.properties();
        let is_free = planned.output_ordering().is_none()
            && !matches!(planned.partitioning, Partitioning::Hash(..));
        if !arrives || !is_free {
            return Self {
                held: Arc::clone(left),
                read: Arc::clone(right),
                on: join.on().to_vec(),
                is_left_held: true,
                properties: Arc::clone(planned),
            };
        }
        let read = undivided(left);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(join.schema()),
            Partitioning::UnknownPartitioning(read.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let on = join.on().iter().cloned();
        Self {
            held: Arc::clone(right),
            read,
            on: on.map(|(left, right)| (right, left)).collect(),
            is_left_held: false,
            properties: Arc::new(properties),
        }
    }

    /// Where a column of the left or the right side comes from.
    fn origin(&self, side: JoinSide, column: usize) -> Origin {
        match (side == JoinSide::Left) == self.is_left_held {
            true => Origin::Held(column),
            false => Origin::Read(column),
        }
    }
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
/// other side does not have, if a landing table's column is the key. Not through a
/// filter: of a row that neither would let pass, the account tells the filter,
/// however the table is read.
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arrow::array::RecordBatch;
    use catalog::Project;

    use super::*;
    use crate::system::{CONSENT, long, text};
    use crate::tables::memory_table::MemoryTable;
    use crate::{Session, Setup};

    /// The tables on the side that is held, of the join nearest to the root.
    fn held(plan: &Arc<dyn ExecutionPlan>) -> Option<BTreeSet<(String, String)>> {
        if let Some(join) = plan.downcast_ref::<JoinExec>() {
            return Some(plan_tables::tables(join.sides().0));
        }
        plan.children().into_iter().find_map(held)
    }

    #[tokio::test]
    async fn what_the_system_knows_is_held_and_what_arrived_passes_by() {
        let lakehouse = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
        let setup = Setup::nowhere(Project::read(&lakehouse).unwrap());
        let session = Session::to_plan_in(&setup).unwrap();
        let rows = 1000;
        let texts = || text((0..rows).map(|_| "somebody"));
        let longs = || long((0..rows).map(Some));
        let known = CONSENT.batch(vec![texts(), texts(), longs(), longs(), texts()]);
        // By their numbers, what arrived would be held each time.
        let arrived = known.slice(0, 10);
        let put = |zone: &str, table: &str, rows: &RecordBatch| {
            let rows = MemoryTable::new(zone, table, rows.schema(), vec![vec![rows.clone()]]);
            session.tables().put(table, Arc::new(rows));
        };
        session.tables().put_derived(&CONSENT, &known).unwrap();
        put(scan::LANDING, "customer_landing", &arrived);
        put("trusted", "customer_trusted", &known);
        for (from, expected) in [
            (
                "customer_landing a join system.consent b",
                ("system", "consent"),
            ),
            (
                "system.consent b join customer_landing a",
                ("system", "consent"),
            ),
            (
                "customer_landing a join customer_trusted b",
                ("landing", "customer_landing"),
            ),
        ] {
            let sql = format!("select a.purpose, b.source from {from} on a.subject = b.subject");
            let plan = session.query(&sql).await.unwrap().into_plan();
            let expected = (expected.0.to_owned(), expected.1.to_owned());
            assert_eq!(held(&plan), Some(BTreeSet::from([expected])), "{sql}");
        }
    }
}
