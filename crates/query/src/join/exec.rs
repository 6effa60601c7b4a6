//! The operator.

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

/// Joins the rows of one side, held in memory, with those of the other as they
/// are read.
pub struct JoinExec {
    held: Arc<dyn ExecutionPlan>,
    read: Arc<dyn ExecutionPlan>,
    terms: Terms,
    properties: Arc<PlanProperties>,
    progress: Arc<Progress>,
}

/// What a join did, in rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Of the side that was read.
    pub probe_rows: u64,
    /// Of them, how many found no partner.
    pub probe_unmatched: u64,
    /// Of the side that was held.
    pub build_rows: u64,
    /// Of them, how many found no partner.
    pub build_unmatched: u64,
    /// Pairs found.
    pub pairs: u64,
}

impl JoinExec {
    pub(super) fn new(
        held: Arc<dyn ExecutionPlan>,
        read: Arc<dyn ExecutionPlan>,
        terms: Terms,
        properties: Arc<PlanProperties>,
    ) -> Self {
        let progress = Progress::new(read.output_partitioning().partition_count());
        Self {
            held,
            read,
            terms,
            properties,
            progress: Arc::new(progress),
        }
    }

    /// What the join has done so far; complete once its streams have ended.
    pub fn account(&self) -> Account {
        let table = self.progress.table.get().map(|(table, _)| table);
        let held = table.map_or(0, |table| u64::from(table.rows()));
        let read = self.progress.read.load(Ordering::Relaxed);
        Account {
            probe_rows: read,
            probe_unmatched: read - self.progress.matched.load(Ordering::Relaxed),
            build_rows: held,
            build_unmatched: held - table.map_or(0, |table| table.met()),
            pairs: self.progress.pairs.load(Ordering::Relaxed),
        }
    }

    /// Which rows come out.
    pub fn kind(&self) -> Kind {
        self.terms.kind
    }

    /// The side that is held, and the one that is read.
    pub fn sides(&self) -> (&Arc<dyn ExecutionPlan>, &Arc<dyn ExecutionPlan>) {
        (&self.held, &self.read)
    }

    /// Whether persons are compared: keys that are, or come out of, the
    /// function `subject`.
    pub fn is_of_people(&self) -> bool {
        let keys = self.terms.on.iter().flat_map(|(held, read)| [held, read]);
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
            .map(|(held, read)| format!("{held} = {read}"))
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
        vec![&self.held, &self.read]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for (held, read) in &self.terms.on {
            for key in [held, read] {
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
            (Some(read), Some(held), None) => Ok(Arc::new(Self::new(
                held,
                read,
                self.terms.clone(),
                Arc::clone(&self.properties),
            ))),
            _ => Err(DataFusionError::Internal("a join has two sides".to_owned())),
        }
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(
            Arc::clone(&self.held),
            Arc::clone(&self.read),
            self.terms.clone(),
            Arc::clone(&self.properties),
        )))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let held = Arc::clone(&self.held);
        let read = Arc::clone(&self.read);
        let (terms, progress) = (self.terms.clone(), Arc::clone(&self.progress));
        let schema = self.schema();
        let batch_rows = context.session_config().batch_size();
        let begin = async move {
            let build = || build(held, &terms, Arc::clone(&context));
            let (table, _) = progress.table.get_or_try_init(build).await?;
            let table = Arc::clone(table);
            let read = read.execute(partition, context)?;
            let probe = Probe::new(terms, table, progress, schema, read, batch_rows);
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

/// Reads the held side to its end, with all its partitions at once.
async fn build(
    held: Arc<dyn ExecutionPlan>,
    terms: &Terms,
    context: Arc<TaskContext>,
) -> Result<(Arc<Table>, MemoryReservation)> {
    let reservation = MemoryConsumer::new("join").register(context.memory_pool());
    let columns = HeldColumns::of(terms);
    let types = columns.types(&held.schema())?;
    let rows = Rows::new(&types, columns.keys.clone());
    let rows = Arc::new(Mutex::new((rows, reservation)));

    let mut tasks = JoinSet::new();
    for partition in 0..held.output_partitioning().partition_count() {
        let mut stream = held.execute(partition, Arc::clone(&context))?;
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
            "a join's rows are still held".to_owned(),
        ));
    };
    let (rows, reservation) = rows.into_inner();
    reservation.try_grow(rows.index_bytes())?;
    let table = SpawnedTask::spawn_blocking(move || Arc::new(rows.into_table()))
        .await
        .map_err(|error| DataFusionError::Execution(format!("a join ended early: {error}")))?;
    if let Some(keys) = &terms.keys {
        keys.give(&table);
    }
    Ok((table, reservation))
}

/// What is held of a row. The columns of [`Terms::held`] come first; a key that
/// is one of them is not held twice.
#[derive(Clone)]
struct HeldColumns {
    plain: Vec<PhysicalExprRef>,
    /// Keys that are held beside those, encoded.
    encoded: Vec<PhysicalExprRef>,
    encoding: Encoding,
    /// Which of all these columns are the keys.
    keys: Vec<usize>,
}

impl HeldColumns {
    fn of(terms: &Terms) -> Self {
        let plain = |column: &usize| Arc::new(Column::new("held", *column)) as PhysicalExprRef;
        let mut columns = Self {
            plain: terms.held.iter().map(plain).collect(),
            encoded: Vec::new(),
            encoding: terms.encoding,
            keys: Vec::new(),
        };
        for (key, _) in &terms.on {
            let column = key.downcast_ref::<Column>().map(Column::index);
            let held = terms.held.iter().position(|held| Some(*held) == column);
            match held.filter(|_| terms.encoding == Encoding::Plain) {
                Some(held) => columns.keys.push(held),
                None => {
                    let place = terms.held.len() + columns.encoded.len();
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
