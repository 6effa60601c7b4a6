//! Rows in memory as a table, with the table's name known to the scan.
//!
//! Like DataFusion's own memory table, but the ledger can tell which table a scan
//! reads. The name lies beside the schema, not in its metadata: plans are rejected
//! if the metadata of their schemas differs.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr};
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, Partitioning};

use crate::scan::ScannedTable;

/// A table of rows in memory.
#[derive(Debug, Clone)]
pub struct MemoryTable {
    table: ScannedTable,
    schema: SchemaRef,
    /// Positions of the columns in memory, where not all of them are.
    columns: Option<Arc<[usize]>>,
    partitions: Arc<[Vec<RecordBatch>]>,
}

impl MemoryTable {
    /// A table with these rows, which have all columns of `schema`.
    pub fn new(
        zone: &str,
        table: &str,
        schema: SchemaRef,
        partitions: Vec<Vec<RecordBatch>>,
    ) -> Self {
        Self {
            table: ScannedTable::of(zone, table),
            schema,
            columns: None,
            partitions: partitions.into(),
        }
    }

    /// The same rows as the columns at positions `columns` of a table with `schema`.
    /// A statement may name the other columns, but not read them.
    pub fn of_columns(self, schema: SchemaRef, columns: Vec<usize>) -> Self {
        Self {
            schema,
            columns: Some(columns.into()),
            ..self
        }
    }

    /// The table as scan `number` of a statement.
    pub fn numbered(&self, number: usize) -> Self {
        let mut numbered = self.clone();
        numbered.table.number = Some(number);
        numbered
    }

    /// A scan of the rows, with the columns at `projection`.
    pub fn scanned(&self, projection: Option<&Vec<usize>>) -> Result<DataSourceExec> {
        let (schema, projection) = match &self.columns {
            None => (Arc::clone(&self.schema), projection.cloned()),
            Some(held) => {
                let all = (0..self.schema.fields().len()).collect();
                let place = |wanted: &usize| held.iter().position(|column| column == wanted);
                let places = projection.unwrap_or(&all).iter().map(place);
                let Some(places) = places.collect::<Option<Vec<usize>>>() else {
                    return internal_err!("a column of {} is not held", self.table.table);
                };
                (Arc::new(self.schema.project(held)?), Some(places))
            }
        };
        let held = MemorySourceConfig::try_new(&self.partitions, schema, projection)?;
        Ok(DataSourceExec::new(Arc::new(MemorySource {
            table: self.table.clone(),
            held,
        })))
    }
}

#[async_trait]
impl TableProvider for MemoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.scanned(projection)?))
    }
}

/// The source of a [`MemoryTable`]'s scan.
#[derive(Debug, Clone)]
pub struct MemorySource {
    /// The table that the rows belong to.
    pub table: ScannedTable,
    held: MemorySourceConfig,
}

impl MemorySource {
    /// Number of rows.
    pub fn rows(&self) -> u64 {
        let batches = self.held.partitions().iter().flatten();
        batches.map(|batch| batch.num_rows() as u64).sum()
    }

    /// The same table over a changed source.
    fn with(&self, held: Arc<dyn DataSource>) -> Option<Arc<dyn DataSource>> {
        let held = (held.as_ref() as &dyn Any).downcast_ref::<MemorySourceConfig>()?;
        Some(Arc::new(Self {
            table: self.table.clone(),
            held: held.clone(),
        }))
    }
}

impl DataSource for MemorySource {
    fn open(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.held.open(partition, context)
    }

    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.held.fmt_as(kind, f)
    }

    fn repartitioned(
        &self,
        partitions: usize,
        bytes_min: usize,
        ordering: Option<LexOrdering>,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        let held = self.held.repartitioned(partitions, bytes_min, ordering)?;
        Ok(held.and_then(|held| self.with(held)))
    }

    fn output_partitioning(&self) -> Partitioning {
        self.held.output_partitioning()
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        self.held.eq_properties()
    }

    fn scheduling_type(&self) -> SchedulingType {
        self.held.scheduling_type()
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        self.held.partition_statistics(partition)
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        self.held.with_fetch(limit).and_then(|held| self.with(held))
    }

    fn fetch(&self) -> Option<usize> {
        self.held.fetch()
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        let held = self.held.try_swapping_with_projection(projection)?;
        Ok(held.and_then(|held| self.with(held)))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
}
