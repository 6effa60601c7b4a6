//! [`JoinExec`], the join operator: loads the build side, then probes it.
//!
//! Each partition of the output first waits for the shared build-side table, which
//! the first one loads, and then runs a [`Probe`] over its partition of the probe
//! side.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::runtime::{JoinSet, SpawnedTask};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, PhysicalExprRef};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;

use super::encoding::Encoding;
use super::probe::Probe;
use super::progress::Progress;
use super::table::{Rows, Table};
use super::terms::{Kind, Terms, values_of};
use crate::functions::SUBJECT;

/// Hash join of a build side, loaded into memory, with a streamed probe side.
pub struct JoinExec {
    build: Arc<dyn ExecutionPlan>,
    probe: Arc<dyn ExecutionPlan>,
    terms: Terms,
    properties: Arc<PlanProperties>,
    progress: Arc<Progress>,
}

/// Row counts of a join.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Rows of the probe side.
    pub probe_rows: u64,
    /// Rows of the probe side without a partner.
    pub probe_unmatched: u64,
    /// Rows of the build side.
    pub build_rows: u64,
    /// Rows of the build side without a partner.
    pub build_unmatched: u64,
    /// Pairs found by an inner join.
    pub pairs: u64,
}

impl JoinExec {
    pub(super) fn new(
        build: Arc<dyn ExecutionPlan>,
        probe: Arc<dyn ExecutionPlan>,
        terms: Terms,
        properties: Arc<PlanProperties>,
    ) -> Self {
        let progress = Progress::new(probe.output_partitioning().partition_count());
        Self {
            build,
            probe,
            terms,
            properties,
            progress: Arc::new(progress),
        }
    }

    /// The counts so far; complete once all output streams have ended.
    pub fn account(&self) -> Account {
        let table = self.progress.table.get().map(|(table, _)| table);
        let build_rows = table.map_or(0, |table| u64::from(table.rows()));
        let probe_rows = self.progress.probe_rows.load(Ordering::Relaxed);
        Account {
            probe_rows,
            probe_unmatched: probe_rows - self.progress.probe_matched.load(Ordering::Relaxed),
            build_rows,
            build_unmatched: build_rows - table.map_or(0, |table| table.matched_rows()),
            pairs: self.progress.pairs.load(Ordering::Relaxed),
        }
    }

    /// Which rows come out.
    pub fn kind(&self) -> Kind {
        self.terms.kind
    }

    /// The build side and the probe side.
    pub fn sides(&self) -> (&Arc<dyn ExecutionPlan>, &Arc<dyn ExecutionPlan>) {
        (&self.build, &self.probe)
    }

    /// Whether the join compares people: a key is a call of the function
    /// `subject`, or a column named after it.
    pub fn is_of_people(&self) -> bool {
        let keys = self
            .terms
            .on
            .iter()
            .flat_map(|(build, probe)| [build, probe]);
        keys.into_iter()
            .any(|key| key.to_string().starts_with(SUBJECT))
    }
}

impl DisplayAs for JoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<String> = self
            .terms
            .on
            .iter()
            .map(|(build, probe)| format!("{build} = {probe}"))
            .collect();
        write!(
            f,
            "JoinExec: kind={:?}, on=[{}]",
            self.terms.kind,
            on.join(", ")
        )?;
        if let Some(filter) = &self.terms.filter {
            write!(f, ", filter={}", filter.condition)?;
        }
        if self.terms.keys.is_some() {
            f.write_str(", keys=reader")?;
        }
        Ok(())
    }
}

impl fmt::Debug for JoinExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinExec({:?})", self.terms)
    }
}

impl ExecutionPlan for JoinExec {
    fn name(&self) -> &str {
        "JoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.build, &self.probe]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for (build, probe) in &self.terms.on {
            for key in [build, probe] {
                if visit(key)? == TreeNodeRecursion::Stop {
                    return Ok(TreeNodeRecursion::Stop);
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.pop(), children.pop()) {
            (Some(probe), Some(build), None) => Ok(Arc::new(Self::new(
                build,
                probe,
                self.terms.clone(),
                Arc::clone(&self.properties),
            ))),
            _ => Err(DataFusionError::Internal("a join has two sides".to_owned())),
        }
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(
            Arc::clone(&self.build),
            Arc::clone(&self.probe),
            self.terms.clone(),
            Arc::clone(&self.properties),
        )))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let build = Arc::clone(&self.build);
        let probe = Arc::clone(&self.probe);
        let (terms, progress) = (self.terms.clone(), Arc::clone(&self.progress));
        let schema = self.schema();
        let batch_rows = context.session_config().batch_size();
        let begin = async move {
            let load = || build_table(build, &terms, Arc::clone(&context));
            let (table, _) = progress.table.get_or_try_init(load).await?;
            let table = Arc::clone(table);
            let probe = probe.execute(partition, context)?;
            let probe = Probe::new(terms, table, progress, schema, probe, batch_rows);
            Ok::<_, DataFusionError>(stream::try_unfold(probe, |mut probe| async move {
                Ok(probe.next().await?.map(|batch| (batch, probe)))
            }))
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            stream::once(begin).try_flatten(),
        )))
    }
}

/// Loads the build side, all its partitions at once.
async fn build_table(
    build: Arc<dyn ExecutionPlan>,
    terms: &Terms,
    context: Arc<TaskContext>,
) -> Result<(Arc<Table>, MemoryReservation)> {
    let reservation = MemoryConsumer::new("join").register(context.memory_pool());
    let columns = BuildColumns::of(terms);
    let types = columns.types(&build.schema())?;
    let rows = Rows::new(&types, columns.keys.clone());
    let rows = Arc::new(Mutex::new((rows, reservation)));

    let mut tasks = JoinSet::new();
    for partition in 0..build.output_partitioning().partition_count() {
        let mut stream = build.execute(partition, Arc::clone(&context))?;
        let (columns, rows) = (columns.clone(), Arc::clone(&rows));
        tasks.spawn(async move {
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                let values = columns.values(&batch)?;
                let (rows, reservation) = &mut *rows.lock();
                rows.append(&values, batch.num_rows())?;
                reservation.try_resize(rows.bytes())?;
            }
            Ok::<_, DataFusionError>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| {
            DataFusionError::Execution(format!("a join ended early: {error}"))
        })??;
    }
    let Some(rows) = Arc::into_inner(rows) else {
        return Err(DataFusionError::Internal(
            "a join's rows are still in use".to_owned(),
        ));
    };
    let (rows, reservation) = rows.into_inner();
    reservation.try_grow(rows.index_bytes())?;
    let table = SpawnedTask::spawn_blocking(move || Arc::new(rows.into_table()))
        .await
        .map_err(|error| DataFusionError::Execution(format!("a join ended early: {error}")))?;
    if let Some(keys) = &terms.keys {
        keys.set_table(&table);
    }
    Ok((table, reservation))
}

/// The columns of the build-side table: those of [`Terms::build_columns`], then
/// keys that are not among them.
#[derive(Clone)]
struct BuildColumns {
    plain: Vec<PhysicalExprRef>,
    /// Keys that are stored in addition, encoded.
    encoded: Vec<PhysicalExprRef>,
    encoding: Encoding,
    /// Positions of the keys among all these columns.
    keys: Vec<usize>,
}

impl BuildColumns {
    fn of(terms: &Terms) -> Self {
        let plain = |column: &usize| Arc::new(Column::new("build", *column)) as PhysicalExprRef;
        let mut columns = Self {
            plain: terms.build_columns.iter().map(plain).collect(),
            encoded: Vec::new(),
            encoding: terms.encoding,
            keys: Vec::new(),
        };
        for (key, _) in &terms.on {
            let column = key.downcast_ref::<Column>().map(Column::index);
            let kept = terms
                .build_columns
                .iter()
                .position(|kept| Some(*kept) == column);
            match kept.filter(|_| terms.encoding == Encoding::Plain) {
                Some(kept) => columns.keys.push(kept),
                None => {
                    let place = terms.build_columns.len() + columns.encoded.len();
                    columns.encoded.push(Arc::clone(key));
                    columns.keys.push(place);
                }
            }
        }
        if terms.encoding == Encoding::Together {
            columns.keys.truncate(1);
        }
        columns
    }

    fn types(&self, schema: &Schema) -> Result<Vec<DataType>> {
        let types = |columns: &[PhysicalExprRef]| -> Result<Vec<DataType>> {
            let columns = columns.iter();
            columns.map(|column| column.data_type(schema)).collect()
        };
        let mut all = types(&self.plain)?;
        if !self.encoded.is_empty() {
            all.extend(self.encoding.types(&types(&self.encoded)?));
        }
        Ok(all)
    }

    fn values(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let mut values = values_of(&self.plain, batch)?;
        if !self.encoded.is_empty() {
            let keys = values_of(&self.encoded, batch)?;
            values.extend(self.encoding.encode(keys)?);
        }
        Ok(values)
    }
}
