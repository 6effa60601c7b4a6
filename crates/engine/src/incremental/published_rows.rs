//! Reads the rows of published tables that have one of many keys.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_expr::expressions::Column;
use lake::DataFile;

use super::key_filter_expr::KeyFilterExpr;
use super::keys::{KeyFilter, KeySet, filter_by_keys, text_key};
use super::partition_analysis::PartitionKey;
use super::row_cache::CachedRows;
use super::table_changes::{PublishedTable, TableChanges};
use crate::Error;
use crate::stored::stored;
use query::partitions::each_batch;
use query::tables::lake_table::LakeTable;

/// Where in a file the rows with some keys may be.
pub(super) enum RowLocation {
    Nowhere,
    /// In the row groups marked true.
    RowGroups(Vec<bool>),
    Anywhere,
}

impl TableChanges {
    /// The rows of a published table whose `key`, the column at `key_index`, is one of
    /// `wanted`. They have the columns at `columns`.
    pub(super) async fn published_rows(
        &self,
        table: &PublishedTable,
        columns: &[usize],
        (key_index, key): (usize, &PartitionKey),
        wanted: &KeySet,
    ) -> Result<Vec<RecordBatch>, Error> {
        let failed = |error: ArrowError| Error::execution(&table.id.name, error.into());
        let cached = {
            let cached_rows = self.cached_rows.lock();
            let mut of_key = cached_rows.iter().filter(|rows| rows.is_of(&table.id, key));
            of_key
                .find(|rows| wanted.is_subset_of(&rows.filter.keys))
                .cloned()
        };
        let cached = match cached {
            Some(cached) => cached,
            None => {
                self.read_into_cache(table, (key_index, key), wanted)
                    .await?
            }
        };
        let has_other_keys = cached.filter.keys.hashes.len() > wanted.hashes.len();
        let mut found = Vec::new();
        for batch in cached.rows.iter() {
            let batch = match has_other_keys {
                true => &filter_by_keys(batch, key_index, key.kind, wanted).map_err(failed)?,
                false => batch,
            };
            found.push(batch.project(columns).map_err(failed)?);
        }
        Ok(found)
    }

    /// Reads such rows with all their columns and caches them: several statements need
    /// rows of the same people and devices.
    async fn read_into_cache(
        &self,
        table: &PublishedTable,
        (key_index, key): (usize, &PartitionKey),
        wanted: &KeySet,
    ) -> Result<CachedRows, Error> {
        let filter = Arc::new(KeyFilter {
            keys: wanted.clone(),
            kind: key.kind,
        });
        let files = table.version.as_ref().map_or(&[][..], |v| &v.files);
        let mut rows = Vec::new();
        for file in files {
            let location = self.locate_rows(table, file, key_index, key, &filter.keys);
            let provider = match location.await? {
                RowLocation::Nowhere => continue,
                RowLocation::RowGroups(groups) => {
                    self.lake_table(table, file)?.in_row_groups(groups)
                }
                RowLocation::Anywhere => self.lake_table(table, file)?,
            };
            let read = self.read(table, provider, (key_index, key), &filter);
            rows.extend(read.await?);
        }
        let cached = CachedRows {
            table: table.id.clone(),
            key: key.clone(),
            filter,
            rows: rows.into(),
        };
        self.cached_rows.lock().push(cached.clone());
        Ok(cached)
    }

    /// Where in a file rows may be whose key, the column at `key_index`, is one of
    /// `wanted`. Uses only statistics and dictionaries, no rows.
    pub(super) async fn locate_rows(
        &self,
        table: &PublishedTable,
        file: &DataFile,
        key_index: usize,
        key: &PartitionKey,
        wanted: &KeySet,
    ) -> Result<RowLocation, Error> {
        if !may_hold(file, &key.column, wanted) {
            return Ok(RowLocation::Nowhere);
        }
        let field = table.schema.field(key_index);
        // Only text columns have dictionaries. For numbers, the reader skips row groups
        // by the range of the keys.
        if *field.data_type() != DataType::Utf8View || wanted.has_null() {
            return Ok(RowLocation::Anywhere);
        }
        let is_wanted = |text: &str| wanted.contains(text_key(text, key.kind));
        let lake = &self.before.tables().lake;
        let groups = lake.row_groups_may_contain(file, field, is_wanted).await?;
        Ok(match groups.contains(&true) {
            true => RowLocation::RowGroups(groups),
            false => RowLocation::Nowhere,
        })
    }

    /// The rows of `provider` whose key, the column at `key_index`, is in the filter.
    async fn read(
        &self,
        table: &PublishedTable,
        mut provider: LakeTable,
        (key_index, key): (usize, &PartitionKey),
        filter: &Arc<KeyFilter>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let failed = |error: DataFusionError| Error::execution(&table.id.name, error);
        let column: PhysicalExprRef = Arc::new(Column::new(&key.column, key_index));
        provider = provider.meeting(Arc::new(KeyFilterExpr::new(column, Arc::clone(filter))));
        if let Some(range) = filter.keys.range() {
            provider = provider.between(&key.column, range);
        }
        let state = self.before.state();
        let scan = provider.scan(&state, None, &[], None).await;
        let scan = scan.map_err(failed)?;
        let mut found = Vec::new();
        let reading = each_batch(&scan, self.before.task_context(), |batch| {
            let batch = stored(&table.schema, &batch)?;
            // A reader may leave the filter to its caller.
            let batch = filter_by_keys(&batch, key_index, key.kind, &filter.keys)?;
            if batch.num_rows() > 0 {
                found.push(batch);
            }
            Ok(())
        });
        reading.await.map_err(failed)?;
        Ok(found)
    }

    fn lake_table(&self, table: &PublishedTable, file: &DataFile) -> Result<LakeTable, Error> {
        table.in_files(&self.before, std::slice::from_ref(file))
    }
}

/// Whether a file can hold any of `wanted` by the statistics of the column.
fn may_hold(file: &DataFile, column: &str, wanted: &KeySet) -> bool {
    let (Some((low, high)), Some(stats)) = (wanted.range(), &file.stats) else {
        return true;
    };
    let stats: serde_json::Value = serde_json::from_str(stats).unwrap_or_default();
    let bound = |side: &str| stats[side][column].as_i64();
    match (bound("minValues"), bound("maxValues")) {
        (Some(min), Some(max)) => min <= high && low <= max,
        _ => true,
    }
}
