//! The optimiser rule that replaces DataFusion's hash joins by [`JoinExec`].
//!
//! It accepts inner and semi joins whose keys have an [`Encoding`], decides which
//! side is the build side, and hands the build side's keys to a landing scan on the
//! probe side.

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
use super::terms::{BuildKeys, Filter, Kind, SideColumn, Terms};
use crate::functions::SUBJECT;
use crate::landing::LandingScan;
use crate::{plan_tables, scan, system};

/// Replaces hash joins by [`JoinExec`] where it supports them.
#[derive(Debug)]
pub struct JoinRule;

impl PhysicalOptimizerRule for JoinRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(
                match node.downcast_ref::<HashJoinExec>().and_then(replacement) {
                    Some(join) => Transformed::yes(Arc::new(join) as Arc<dyn ExecutionPlan>),
                    None => Transformed::no(node),
                },
            )
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

fn replacement(join: &HashJoinExec) -> Option<JoinExec> {
    let kind = match (join.join_type(), join.partition_mode()) {
        (JoinType::Inner, _) => Kind::Inner,
        (JoinType::RightSemi, _) => Kind::ProbeSemi,
        // Emits its rows in one partition, after the probe side has ended.
        (JoinType::LeftSemi, PartitionMode::CollectLeft) => Kind::BuildSemi,
        _ => return None,
    };
    if join.fetch().is_some() || join.null_aware {
        return None;
    }
    let sides = Sides::of(join, kind);
    let (build, probe) = (&sides.build, &sides.probe);
    let types = |(of_build, of_probe): &(PhysicalExprRef, PhysicalExprRef)| {
        let of_build = of_build.data_type(&build.schema()).ok()?;
        let of_probe = of_probe.data_type(&probe.schema()).ok()?;
        (of_build == of_probe).then_some(of_build)
    };
    let types: Vec<DataType> = sides.on.iter().map(types).collect::<Option<_>>()?;
    let encoding = Encoding::of(&types, join.null_equality())?;

    let (left, right) = (join.left().schema(), join.right().schema());
    let of_left = (0..left.fields().len()).map(|column| sides.origin(JoinSide::Left, column));
    let of_right = (0..right.fields().len()).map(|column| sides.origin(JoinSide::Right, column));
    let of_join: Vec<SideColumn> = match kind {
        Kind::Inner => of_left.chain(of_right).collect(),
        Kind::BuildSemi => of_left.collect(),
        Kind::ProbeSemi => of_right.collect(),
    };
    let wanted = match &join.projection {
        Some(projection) => projection.iter().map(|column| of_join[*column]).collect(),
        None => of_join,
    };
    // The table keeps only columns that the output or the filter uses.
    let mut columns: Vec<usize> = Vec::new();
    let mut keep = |column: SideColumn| match column {
        SideColumn::Build(column) => {
            let place = columns.iter().position(|build| *build == column);
            SideColumn::Build(place.unwrap_or_else(|| {
                columns.push(column);
                columns.len() - 1
            }))
        }
        probe_column => probe_column,
    };
    let output = wanted.into_iter().map(&mut keep).collect();
    let mut filter = None;
    if let Some(condition) = join.filter() {
        let origin = |column: &ColumnIndex| match column.side {
            JoinSide::None => None,
            side => Some(keep(sides.origin(side, column.index))),
        };
        filter = Some(Filter {
            condition: Arc::clone(condition.expression()),
            columns: condition
                .column_indices()
                .iter()
                .map(origin)
                .collect::<Option<_>>()?,
            schema: Arc::clone(condition.schema()),
        });
    }
    let mut terms = Terms {
        kind,
        on: sides.on.clone(),
        encoding,
        build_columns: columns,
        output,
        filter,
        keys: None,
    };
    let mut probe = Arc::clone(probe);
    if encoding == Encoding::Plain
        && let [(_, key)] = &sides.on[..]
        && let Some((narrowed, keys)) = narrow(&probe, key, false)
    {
        probe = narrowed;
        terms.keys = Some(keys);
    }
    Some(JoinExec::new(
        without_repartitioning(build),
        probe,
        terms,
        sides.properties,
    ))
}

/// Which side of a join is the build side, and which the probe side.
struct Sides {
    build: Arc<dyn ExecutionPlan>,
    probe: Arc<dyn ExecutionPlan>,
    on: Vec<(PhysicalExprRef, PhysicalExprRef)>,
    is_left_build: bool,
    properties: Arc<PlanProperties>,
}

impl Sides {
    /// The left side is the build side, as planned, with one exception: an inner
    /// join of landing tables with system tables builds on the system tables. The
    /// planner guesses how many rows a condition keeps; its guess made a table of
    /// every column of every customer to join it with one consent each.
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
        // No operator above may rely on the planned partitioning or order.
        let planned = join.properties();
        let is_free = planned.output_ordering().is_none()
            && !matches!(planned.partitioning, Partitioning::Hash(..));
        if !arrives || !is_free {
            return Self {
                build: Arc::clone(left),
                probe: Arc::clone(right),
                on: join.on().to_vec(),
                is_left_build: true,
                properties: Arc::clone(planned),
            };
        }
        let probe = without_repartitioning(left);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(join.schema()),
            Partitioning::UnknownPartitioning(probe.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let on = join.on().iter().cloned();
        Self {
            build: Arc::clone(right),
            probe,
            on: on.map(|(left, right)| (right, left)).collect(),
            is_left_build: false,
            properties: Arc::new(properties),
        }
    }

    /// A column of the left or right side as one of the build or probe side.
    fn origin(&self, side: JoinSide, column: usize) -> SideColumn {
        match (side == JoinSide::Left) == self.is_left_build {
            true => SideColumn::Build(column),
            false => SideColumn::Probe(column),
        }
    }
}

/// The plan without repartitioning at its root. All partitions of the build side
/// end up in one table, so how they were split or merged does not matter.
fn without_repartitioning(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if let Some(together) = plan.downcast_ref::<CoalescePartitionsExec>()
        && together.fetch().is_none()
    {
        return without_repartitioning(together.input());
    }
    match plan.downcast_ref::<RepartitionExec>() {
        Some(divided) => without_repartitioning(divided.input()),
        None => Arc::clone(plan),
    }
}

/// Replaces a landing scan in the probe side by one that skips rows whose `key`
/// the build side lacks. `None` where the key is no column of a landing table.
///
/// A filter between scan and join prevents this: a row that fails both filter and
/// join is counted for the filter, and must be however the table is read.
fn narrow(
    plan: &Arc<dyn ExecutionPlan>,
    key: &PhysicalExprRef,
    of_subject: bool,
) -> Option<(Arc<dyn ExecutionPlan>, Arc<BuildKeys>)> {
    if let Some(call) = key.downcast_ref::<ScalarFunctionExpr>() {
        // The subject of a subject is that subject.
        return (call.name() == SUBJECT).then(|| narrow(plan, call.args().first()?, true))?;
    }
    let column = key.downcast_ref::<Column>()?.index();
    if let Some(scan) = plan.downcast_ref::<LandingScan>() {
        let keys = Arc::new(BuildKeys::new(of_subject));
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

    /// The tables on the build side of the join nearest to the root.
    fn build(plan: &Arc<dyn ExecutionPlan>) -> Option<BTreeSet<(String, String)>> {
        if let Some(join) = plan.downcast_ref::<JoinExec>() {
            return Some(plan_tables::tables(join.sides().0));
        }
        plan.children().into_iter().find_map(build)
    }

    #[tokio::test]
    async fn system_tables_are_the_build_side_of_joins_with_landing_tables() {
        let lakehouse = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
        let setup = Setup::nowhere(Project::read(&lakehouse).unwrap());
        let session = Session::to_plan_in(&setup).unwrap();
        let rows = 1000;
        let texts = || text((0..rows).map(|_| "somebody"));
        let longs = || long((0..rows).map(Some));
        let known = CONSENT.batch(vec![texts(), texts(), longs(), longs(), texts()]);
        // By row counts alone, the landing table would be the build side.
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
            assert_eq!(build(&plan), Some(BTreeSet::from([expected])), "{sql}");
        }
    }
}
