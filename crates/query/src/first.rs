//! Keeps the first row of each group without sorting all rows.
//!
//! `row_number() over (partition by P order by O) = 1` is how a model keeps each
//! person's newest record. DataFusion sorts all rows for it. Where most groups have
//! one row, as customers do, the sort is nearly all of the work. The optimiser rule
//! [`FirstRowRule`] finds such windows and replaces them by [`FirstExec`], which
//! keeps the first row of each group in a hash table; it compares only rows of the
//! same group.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DynComparator, RecordBatch, UInt32Array, UInt64Array, make_comparator,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::window::StandardWindowExpr;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, PhysicalExpr, PhysicalExprRef, PhysicalSortExpr,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::distribution_requirements::InputDistributionRequirements;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, replace_children_if_necessary,
};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt, stream};
use hashbrown::HashTable;

/// Replaces windows of which a filter keeps only the first rows by [`FirstExec`].
/// Must run before the planner adds sorts for the windows.
#[derive(Debug)]
pub(crate) struct FirstRowRule;

impl PhysicalOptimizerRule for FirstRowRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            let first = node.downcast_ref::<FilterExec>().and_then(first_rows_alone);
            Ok(match first {
                Some(input) => Transformed::yes(replace_children_if_necessary(node, vec![input])?),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "stedi_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The filter's input with [`FirstExec`] in place of the window, if the filter
/// keeps rows number 1.
fn first_rows_alone(filter: &FilterExec) -> Option<Arc<dyn ExecutionPlan>> {
    let comparison = filter.predicate().downcast_ref::<BinaryExpr>()?;
    let number = comparison.left().downcast_ref::<Column>()?.index();
    let one = comparison.right().downcast_ref::<Literal>()?.value();
    let is_one = *comparison.op() == Operator::Eq && *one == ScalarValue::UInt64(Some(1));
    is_one.then(|| replaced(filter.input(), number))?
}

/// The plan with [`FirstExec`] in place of the window that computes the column at
/// position `number`.
fn replaced(plan: &Arc<dyn ExecutionPlan>, number: usize) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let below = projection.expr().get(number)?;
        let below = below.expr.downcast_ref::<Column>()?.index();
        let input = replaced(projection.input(), below)?;
        return replace_children_if_necessary(Arc::clone(plan), vec![input]).ok();
    }
    let window = plan.downcast_ref::<BoundedWindowAggExec>()?;
    let [expr] = window.window_expr() else {
        return None;
    };
    let function = expr.as_any().downcast_ref::<StandardWindowExpr>()?;
    let is_row_number = function
        .get_standard_func_expr()
        .name()
        .starts_with("row_number");
    let of_window = number == window.input().schema().fields().len();
    if !is_row_number || !of_window || expr.partition_by().is_empty() {
        return None;
    }
    Some(Arc::new(FirstExec::new(
        Arc::clone(window.input()),
        window.schema(),
        expr.partition_by().to_vec(),
        expr.order_by().to_vec(),
    )))
}

/// Outputs the first row of each group, followed by its row number 1.
pub struct FirstExec {
    input: Arc<dyn ExecutionPlan>,
    groups: Vec<PhysicalExprRef>,
    order: Vec<PhysicalSortExpr>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl FirstExec {
    fn new(
        input: Arc<dyn ExecutionPlan>,
        schema: SchemaRef,
        groups: Vec<PhysicalExprRef>,
        order: Vec<PhysicalSortExpr>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            input.output_partitioning().clone(),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            input,
            groups,
            order,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl fmt::Debug for FirstExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstExec({:?})", self.groups)
    }
}

impl DisplayAs for FirstExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |texts: Vec<String>| texts.join(", ");
        let groups = shown(self.groups.iter().map(ToString::to_string).collect());
        let order = shown(self.order.iter().map(ToString::to_string).collect());
        write!(f, "FirstExec: groups=[{groups}], order=[{order}]")
    }
}

impl ExecutionPlan for FirstExec {
    fn name(&self) -> &str {
        "FirstExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::KeyPartitioned(self.groups.clone())])
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expr in self
            .groups
            .iter()
            .chain(self.order.iter().map(|key| &key.expr))
        {
            if visit(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else {
            return Err(DataFusionError::Internal(
                "a plan without its input".to_owned(),
            ));
        };
        let (schema, groups, order) = (self.schema(), self.groups.clone(), self.order.clone());
        Ok(Arc::new(Self::new(input, schema, groups, order)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut input = self.input.execute(partition, Arc::clone(&context))?;
        let (groups, order) = (self.groups.clone(), self.order.clone());
        let (below, schema) = (self.input.schema(), self.schema());
        let out = Arc::clone(&schema);
        let counted = BaselineMetrics::new(&self.metrics, partition);
        let rows = async move {
            let reservation = MemoryConsumer::new("first rows").register(context.memory_pool());
            let mut batches = Vec::new();
            while let Some(batch) = input.next().await {
                let batch = batch?;
                // Each row is in memory twice while batches are concatenated; text
                // is shared by both copies.
                reservation.try_grow(2 * 16 * batch.num_rows() * batch.num_columns())?;
                batches.push(batch);
            }
            let all = concat_batches(&below, &batches)?;
            drop(batches);
            let first = first_of_each(&all, &groups, &order)?;
            let rows = match first.len() == all.num_rows() {
                true => all,
                false => take_record_batch(&all, &UInt32Array::from(first))?,
            };
            let mut columns = rows.columns().to_vec();
            counted.record_output(rows.num_rows());
            columns.push(Arc::new(UInt64Array::from(vec![1; rows.num_rows()])));
            let rows = RecordBatch::try_new(schema, columns)?;
            let size = context.session_config().batch_size();
            let starts = (0..rows.num_rows()).step_by(size);
            let parts: Vec<_> = starts
                .map(|start| Ok(rows.slice(start, size.min(rows.num_rows() - start))))
                .collect();
            Ok::<_, DataFusionError>(stream::iter(parts))
        };
        let stream = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(out, stream)))
    }
}

/// Positions of the first row of each group of `all`, ascending.
fn first_of_each(
    all: &RecordBatch,
    groups: &[PhysicalExprRef],
    order: &[PhysicalSortExpr],
) -> Result<Vec<u32>> {
    let evaluated = |expr: &PhysicalExprRef| -> Result<ArrayRef> {
        expr.evaluate(all)?.into_array(all.num_rows())
    };
    let keys: Vec<ArrayRef> = groups.iter().map(evaluated).collect::<Result<_>>()?;
    let same: Vec<DynComparator> = keys
        .iter()
        .map(|key| make_comparator(key, key, Default::default()))
        .collect::<std::result::Result<_, _>>()?;
    let before: Vec<DynComparator> = order
        .iter()
        .map(|key| {
            let values = evaluated(&key.expr)?;
            Ok(make_comparator(&values, &values, key.options)?)
        })
        .collect::<Result<_>>()?;

    let mut hashes = vec![0; all.num_rows()];
    create_hashes(&keys, &RandomState::default(), &mut hashes)?;
    let mut first: HashTable<u32> = HashTable::new();
    for (row, hash) in hashes.iter().enumerate() {
        let found = first.find_mut(*hash, |known| {
            same.iter()
                .all(|same| same(*known as usize, row) == Ordering::Equal)
        });
        match found {
            Some(known) => {
                let order = before.iter().map(|before| before(row, *known as usize));
                if order.into_iter().find(|order| order.is_ne()) == Some(Ordering::Less) {
                    *known = row as u32;
                }
            }
            None => {
                first.insert_unique(*hash, row as u32, |known| hashes[*known as usize]);
            }
        }
    }
    let mut rows: Vec<u32> = first.into_iter().collect();
    rows.sort_unstable();
    Ok(rows)
}
