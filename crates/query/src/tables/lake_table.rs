//! One version of a lake table as a DataFusion table.
//!
//! The scan is a plain Parquet scan over the version's files, so that every
//! optimisation that DataFusion has for Parquet applies.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use lake::{DataFile, TableId};
use object_store::ObjectMeta;

use crate::scan::ScanNumber;
use crate::tables::memory_table::MemoryTable;

/// Data files of a table, with their schema and what to read of them.
#[derive(Debug, Clone)]
pub struct LakeTable {
    /// Scanned in place of files if there are none.
    none: MemoryTable,
    /// The number of this scan in its statement.
    number: Option<ScanNumber>,
    store: ObjectStoreUrl,
    schema: SchemaRef,
    files: Arc<[DataFile]>,
    /// A column and the range of its values to read.
    between: Option<(String, (i64, i64))>,
    /// A row filter for the scan.
    meeting: Option<PhysicalExprRef>,
    /// Which row groups of the table's single file to read; `None` reads all.
    row_groups: Option<Arc<[bool]>>,
}

impl LakeTable {
    /// Reads `files` of `table`, found in the store registered as `store`.
    pub fn new(
        table: &TableId,
        store: ObjectStoreUrl,
        schema: SchemaRef,
        files: &[DataFile],
    ) -> Self {
        Self {
            // A Parquet scan without files would not know its table's name.
            none: MemoryTable::new(&table.zone, &table.name, Arc::clone(&schema), vec![vec![]]),
            number: None,
            store,
            schema,
            files: files.into(),
            between: None,
            meeting: None,
            row_groups: None,
        }
    }

    /// The table as scan `number` of a statement.
    pub fn numbered(&self, number: usize) -> Self {
        Self {
            none: self.none.numbered(number),
            number: Some(ScanNumber(number)),
            ..self.clone()
        }
    }

    /// Skips row groups without a value of `column` in `range`, both ends included.
    /// Rows outside the range may still be returned.
    pub fn between(mut self, column: &str, range: (i64, i64)) -> Self {
        self.between = Some((column.to_owned(), range));
        self
    }

    /// Filters rows by a condition on the table's columns: decodes the condition's
    /// columns first, other columns only for matching rows. Rows that do not match
    /// may still be returned.
    pub fn meeting(mut self, condition: PhysicalExprRef) -> Self {
        self.meeting = Some(condition);
        self
    }

    /// Reads only the marked row groups; the table must have a single file.
    pub fn in_row_groups(mut self, groups: Vec<bool>) -> Self {
        self.row_groups = Some(groups.into());
        self
    }

    fn predicate(&self) -> Option<PhysicalExprRef> {
        match (self.in_range(), self.meeting.clone()) {
            (Some(range), Some(condition)) => {
                Some(Arc::new(BinaryExpr::new(range, Operator::And, condition)))
            }
            (range, condition) => range.or(condition),
        }
    }

    fn in_range(&self) -> Option<PhysicalExprRef> {
        let (name, (low, high)) = self.between.as_ref()?;
        let place = self.schema.index_of(name).ok()?;
        let column = || Arc::new(Column::new(name, place)) as PhysicalExprRef;
        let value = |value: i64| {
            let value = ScalarValue::Int64(Some(value));
            let value = value.cast_to(self.schema.field(place).data_type()).ok()?;
            Some(Arc::new(Literal::new(value)) as PhysicalExprRef)
        };
        let compare = |operator, value| -> PhysicalExprRef {
            Arc::new(BinaryExpr::new(column(), operator, value))
        };
        Some(Arc::new(BinaryExpr::new(
            compare(Operator::GtEq, value(*low)?),
            Operator::And,
            compare(Operator::LtEq, value(*high)?),
        )))
    }

    fn rows(&self) -> usize {
        self.files.iter().map(|file| file.rows as usize).sum()
    }

    fn counted(&self, rows: usize) -> Statistics {
        Statistics {
            num_rows: Precision::Exact(rows),
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); self.schema.fields().len()],
        }
    }

    fn partitioned(&self, file: &DataFile) -> PartitionedFile {
        let meta = ObjectMeta {
            location: file.path.clone(),
            // Data files are never overwritten, so their age does not matter.
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size: file.bytes,
            e_tag: None,
            version: None,
        };
        let mut file = PartitionedFile::new_from_meta(meta)
            .with_statistics(Arc::new(self.counted(file.rows as usize)));
        if let Some(number) = self.number {
            file = file.with_extension(number);
        }
        let Some(groups) = &self.row_groups else {
            return file;
        };
        let access = groups.iter().map(|is_read| match is_read {
            true => RowGroupAccess::Scan,
            false => RowGroupAccess::Skip,
        });
        file.with_extension(ParquetAccessPlan::new(access.collect()))
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Row groups that cannot match are skipped; rows are filtered above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            // A scan without rows instead of an empty plan: the other side of a join
            // is still read and counted.
            return Ok(Arc::new(self.none.scanned(projection)?));
        }
        let files = self
            .files
            .iter()
            .map(|file| self.partitioned(file))
            .collect();
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let mut source = ParquetSource::new(Arc::clone(&self.schema));
        if let Some(predicate) = self.predicate() {
            source = source
                .with_predicate(predicate)
                .with_pushdown_filters(self.meeting.is_some());
        }
        let source = Arc::new(source);
        let config = FileScanConfigBuilder::new(self.store.clone(), source)
            .with_file_groups(groups)
            .with_statistics(self.counted(self.rows()))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.counted(self.rows()))
    }
}
