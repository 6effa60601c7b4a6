//! A landing table that DataFusion can read.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use catalog::{Roles, TableRoles};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Column;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::stream;
use lake::Location;
use landing::{Decoder, Keep, KeySet, Limits, Spec};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::feed::{self, Delivery, Order};
use super::file_columns::{FileColumn, HIDDEN, Layout, keep_files};
use super::partition::partition_name;
use super::{Intake, Source, Whose};
use crate::error::external;

/// Hears the readings of a landing table on their way to a model, so that they
/// need not be read twice.
pub trait Listener: fmt::Debug + Send + Sync {
    /// Names of the columns that it hears, a text and a number; `None` if it hears none.
    fn columns(&self) -> Option<[&str; 2]>;

    /// Told before a scan begins: whose rows it leaves out.
    fn narrowed(&self, keys: &Arc<dyn KeySet>);

    /// A batch of the two columns.
    fn hear(&self, names: &StringViewArray, numbers: &Int64Array);

    /// One of so many partitions of a scan has ended.
    fn ended(&self, partitions: usize);
}

/// A landing table: its files are listed and read each time it is scanned.
#[derive(Debug, Clone)]
pub struct LandingTable {
    definition: catalog::LandingTable,
    roles: TableRoles,
    landing: Location,
    /// The columns of its files' records.
    schema: Arc<landing::Schema>,
    /// The columns that follow from the file of a row.
    of_file: Vec<FileColumn>,
    intake: Arc<Intake>,
    listed: Option<Arc<Source>>,
    /// By whom rows will be looked for later, where that is to be noted.
    whose: Option<Whose>,
    listener: Option<Arc<dyn Listener>>,
    /// As which scan of a statement it is read.
    number: Option<usize>,
}

impl LandingTable {
    /// The landing table of that definition below `landing`; readings are booked in `intake`.
    ///
    /// `roles` are those of the project that the table is part of.
    pub fn new(
        table: &catalog::LandingTable,
        roles: &Roles,
        landing: &Location,
        intake: Arc<Intake>,
    ) -> Self {
        let roles = roles.of(table.name.as_ref()).cloned().unwrap_or_default();
        Self {
            definition: table.clone(),
            landing: landing.clone(),
            schema: Arc::new(schema(table, &roles)),
            of_file: FileColumn::partitions_of(table),
            roles,
            intake,
            listed: None,
            whose: None,
            listener: None,
            number: None,
        }
    }

    /// As the scan of that number in a statement.
    pub fn numbered(&self, number: usize) -> Self {
        Self {
            number: Some(number),
            ..self.clone()
        }
    }

    /// With the columns that tell the place of a row's file, which `*` does not mean.
    pub fn with_hidden_columns(mut self) -> Self {
        self.of_file.extend(HIDDEN);
        self
    }

    /// With the files that were found earlier, so that one run reads one list.
    pub fn with_source(mut self, source: Arc<Source>) -> Self {
        self.listed = Some(source);
        self
    }

    /// Notes for each file whose rows it holds, by the names in `column`.
    pub fn noting(mut self, column: &str, of_people: bool) -> Self {
        let mut columns = self.definition.columns.iter();
        let column = columns.position(|own| own.name == column);
        // Rows without a name would be passed over, so there must be none.
        self.whose = column
            .filter(|column| {
                self.schema
                    .columns
                    .get(*column)
                    .is_some_and(|own| own.required)
            })
            .map(|column| Whose { column, of_people });
        self
    }

    /// With somebody who hears its rows where a scan has the columns for it.
    pub fn with_listener(mut self, listener: Arc<dyn Listener>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// The partitions that its folders name, in order.
    ///
    /// # Errors
    /// As [`LandingTable::list`].
    pub async fn partitions(&self) -> std::result::Result<Vec<String>, crate::Error> {
        let columns = self.definition.partition_columns();
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let source = self.list().await?;
        let files = source.files.iter();
        let names: BTreeSet<String> = files
            .map(|file| partition_name(&file.partition, columns))
            .collect();
        Ok(names.into_iter().collect())
    }

    /// The layout of a scan and what its decoder builds. Without a column that follows
    /// from the file, the decoder builds all of them.
    fn layout(
        &self,
        projection: Option<&Vec<usize>>,
        schema: &SchemaRef,
    ) -> (Option<Arc<Layout>>, Option<Vec<usize>>) {
        let own = self.schema.columns.len();
        let all: Vec<usize>;
        let projection = match projection {
            Some(projection) if projection.iter().all(|index| *index < own) => {
                return (None, Some(projection.clone()));
            }
            None if self.of_file.is_empty() => return (None, None),
            Some(projection) => projection,
            None => {
                all = (0..own + self.of_file.len()).collect();
                &all
            }
        };
        let (layout, built) = Layout::new(projection, own, &self.of_file, Arc::clone(schema));
        (Some(Arc::new(layout)), Some(built))
    }

    /// The table without any file.
    ///
    /// # Errors
    /// As [`Source::empty`].
    pub fn without_files(&self) -> std::result::Result<Source, crate::Error> {
        Source::empty(&self.landing, &self.definition)
    }

    /// Lists the table's files.
    pub async fn list(&self) -> std::result::Result<Source, crate::Error> {
        Source::list(&self.landing, &self.definition).await
    }
}

/// The reader's schema for a landing table of the catalog.
///
/// The time that orders a person's records has a type of its own: a record whose time
/// is in another unit may be a withdrawal that would be ordered before all others, or
/// a grant after them. It is quarantined, and its person is suspended.
fn schema(table: &catalog::LandingTable, roles: &TableRoles) -> landing::Schema {
    use catalog::{ColumnSource, ColumnType};
    let orders_records =
        |column: &str| roles.has_consent() && roles.time.as_deref() == Some(column);
    let columns = table
        .data_columns()
        .iter()
        .map(|column| landing::Column {
            name: column.name.clone(),
            key: match &column.source {
                ColumnSource::Nowhere => landing::Key::None,
                _ if table.has_exact_keys => landing::Key::Exact(column.json_key().to_owned()),
                _ => landing::Key::AnyCase(column.json_key().to_owned()),
            },
            kind: match column.kind {
                ColumnType::String => landing::Type::Text,
                ColumnType::Bigint if column.declared == ColumnType::Timestamp => {
                    landing::Type::Instant {
                        is_checked: orders_records(&column.name),
                    }
                }
                ColumnType::Bigint if orders_records(&column.name) => landing::Type::Millis,
                ColumnType::Bigint => landing::Type::Long,
                ColumnType::Int => landing::Type::Int,
                ColumnType::Float => landing::Type::Float,
                ColumnType::Double => landing::Type::Double,
                ColumnType::Date => landing::Type::Date,
                ColumnType::Timestamp => landing::Type::Timestamp,
                ColumnType::Boolean => landing::Type::Boolean,
            },
            required: table.required().contains(&column.name),
            // What a value says of whose row it is, when, and by which consent must not
            // be lost with the row kept.
            is_strict: table.required().contains(&column.name) || roles.has_role(&column.name),
        })
        .collect();
    landing::Schema { columns }
}

#[async_trait]
impl TableProvider for LandingTable {
    fn schema(&self) -> SchemaRef {
        if self.of_file.is_empty() {
            return self.schema.arrow();
        }
        let own = self.schema.arrow();
        let of_file = self.of_file.iter().map(|column| Arc::new(column.field()));
        let fields: Vec<_> = own.fields().iter().cloned().chain(of_file).collect();
        Arc::new(arrow::datatypes::Schema::new(fields))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let is_of_file = |column: &Column| self.of_file.iter().any(|own| own.name() == column.name);
        let prunes = |filter: &&Expr| {
            // A run notes every file that there is.
            self.listed.is_none()
                && !filter.is_volatile()
                && !filter.column_refs().is_empty()
                && filter.column_refs().into_iter().all(is_of_file)
        };
        let filters = filters.iter();
        Ok(filters
            .map(|filter| match prunes(filter) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let source = match &self.listed {
            Some(source) => Arc::clone(source),
            None => {
                let mut source = self.list().await.map_err(external)?;
                // Its rows would be missing.
                if let Some(fault) = source.fault() {
                    return Err(external(fault));
                }
                keep_files(&mut source.files, &self.of_file, filters, state);
                Arc::new(source)
            }
        };
        let schema = match projection {
            Some(columns) => Arc::new(self.schema().project(columns)?),
            None => self.schema(),
        };
        let (layout, projection) = self.layout(projection, &schema);
        let partitions = state.config().target_partitions();
        let order = Order {
            decoder: Decoder::new(Spec {
                schema: Arc::clone(&self.schema),
                projection,
                keep: None,
                limits: Limits {
                    batch_rows: state.config().batch_size(),
                    ..Limits::default()
                },
                finder: super::named_people::finder(&self.roles),
            }),
            source,
            layout,
            whose: self.whose,
            intake: Arc::clone(&self.intake),
            at_once: 2 * partitions,
            buffers: Arc::default(),
            rows: Arc::default(),
            passed_over: Arc::default(),
        };
        let mut scan = LandingScan::new(order, schema, partitions);
        scan.number = self.number;
        if let Some(listener) = &self.listener
            && let Some(columns) = listener.columns()
        {
            let places = columns.map(|column| scan.schema().index_of(column).ok());
            if let [Some(names), Some(numbers)] = places {
                scan.listener = Some((Arc::clone(listener), names, numbers));
            }
        }
        Ok(Arc::new(scan))
    }
}

/// Reads landing files. All partitions share one feed: whichever asks next
/// gets the next batches, so that none waits while another has work left.
pub struct LandingScan {
    order: Order,
    properties: Arc<PlanProperties>,
    partitions: usize,
    listener: Option<(Arc<dyn Listener>, usize, usize)>,
    number: Option<usize>,
    /// Ends of a feed that partitions have not taken yet.
    ends: Mutex<HashMap<usize, Arc<Shared>>>,
}

/// A feed begins when its first batch is asked for: by then a join has its
/// other side, and nothing is decoded that nobody wants yet.
struct Shared {
    order: Mutex<Option<Order>>,
    receiver: tokio::sync::Mutex<Option<(mpsc::Receiver<Delivery>, SpawnedTask<()>)>>,
}

impl Shared {
    async fn next(&self) -> Option<Delivery> {
        let mut receiver = self.receiver.lock().await;
        if receiver.is_none() {
            let order = self.order.lock().take()?;
            let (sink, source) = mpsc::channel(order.at_once);
            *receiver = Some((source, feed::begin(order, sink)));
        }
        receiver.as_mut()?.0.recv().await
    }
}

impl LandingScan {
    fn new(order: Order, schema: SchemaRef, partitions: usize) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            order,
            properties: Arc::new(properties),
            partitions,
            listener: None,
            number: None,
            ends: Mutex::default(),
        }
    }

    fn with_order(&self, order: Order) -> Self {
        Self {
            listener: self.listener.clone(),
            number: self.number,
            ..Self::new(order, self.schema(), self.partitions)
        }
    }

    /// The landing table.
    pub fn table(&self) -> &str {
        &self.order.source.table
    }

    /// As which scan of a statement it is read.
    pub fn number(&self) -> Option<usize> {
        self.number
    }

    /// Rows given out so far, and rows passed over for the join above.
    pub fn counted(&self) -> (u64, u64) {
        let order = &self.order;
        (
            order.rows.load(Ordering::Relaxed),
            order.passed_over.load(Ordering::Relaxed),
        )
    }

    /// The scan without the rows whose text in `column` is not among `keys`.
    /// They are counted, and nobody sees them. `None` where the column is no
    /// text, or rows are passed over already.
    pub fn narrowed(&self, column: usize, keys: Arc<dyn KeySet>) -> Option<Self> {
        let spec = self.order.decoder.spec();
        let column = match &self.order.layout {
            Some(layout) => layout.decoded(column)?,
            None => column,
        };
        let column = match &spec.projection {
            Some(projection) => *projection.get(column)?,
            None => column,
        };
        let is_text = spec.schema.columns.get(column)?.kind == landing::Type::Text;
        if !is_text || spec.keep.is_some() {
            return None;
        }
        if let Some((listener, ..)) = &self.listener {
            listener.narrowed(&keys);
        }
        let decoder = Decoder::new(Spec {
            keep: Some(Keep { column, keys }),
            ..spec.clone()
        });
        let order = Order {
            decoder,
            ..self.order.clone()
        };
        Some(self.with_order(order))
    }

    /// The end of a feed for `partition`. A plan that is executed again gets a
    /// feed of its own.
    fn end(&self, partition: usize) -> Arc<Shared> {
        let mut ends = self.ends.lock();
        if let Some(end) = ends.remove(&partition) {
            return end;
        }
        let shared = Arc::new(Shared {
            order: Mutex::new(Some(self.order.clone())),
            receiver: tokio::sync::Mutex::default(),
        });
        ends.clear();
        for other in (0..self.partitions).filter(|other| *other != partition) {
            ends.insert(other, Arc::clone(&shared));
        }
        shared
    }
}

impl fmt::Debug for LandingScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LandingScan({})", self.order.source.table)
    }
}

impl DisplayAs for LandingScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.order.source;
        write!(
            f,
            "LandingScan: table={}, files={}, bytes={}",
            source.table,
            source.files.len(),
            source.bytes()
        )
    }
}

impl ExecutionPlan for LandingScan {
    fn name(&self) -> &str {
        "LandingScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_order(self.order.clone())))
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition >= self.partitions {
            return Err(DataFusionError::Internal(format!(
                "no partition {partition}"
            )));
        }
        let end = self.end(partition);
        let partitions = self.partitions;
        let start = (
            end,
            Vec::<RecordBatch>::new().into_iter(),
            self.listener.clone(),
        );
        let batches = stream::unfold(start, move |(end, mut ready, listener)| async move {
            loop {
                if let Some(batch) = ready.next() {
                    if let Some((listener, names, numbers)) = &listener {
                        let numbers = batch.column(*numbers).as_primitive();
                        listener.hear(batch.column(*names).as_string_view(), numbers);
                    }
                    return Some((Ok(batch), (end, ready, listener)));
                }
                match end.next().await {
                    Some(Ok(batches)) => ready = batches.into_iter(),
                    Some(Err(error)) => return Some((Err(error), (end, ready, None))),
                    None => {
                        let (listener, ..) = listener?;
                        listener.ended(partitions);
                        return None;
                    }
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            batches,
        )))
    }
}
