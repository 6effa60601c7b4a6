//! Drops duplicates of affected rows, for models that keep one of several equal rows.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::difference::{RowCounts, distinct, filter_by_hash, row_count, row_counts};
use super::evaluate::Computed;
use super::keys::KeySet;
use super::partition_analysis::{KeyKind, PartitionKey};
use super::table_changes::TableChanges;
use crate::Error;

impl TableChanges {
    /// Keeps one of several equal rows before the change, and after it. After the change,
    /// it also drops rows that equal an unaffected row of the table. Returns how many
    /// rows it dropped of each.
    pub(crate) async fn drop_duplicates(
        &self,
        table: &str,
        before: &mut Computed,
        after: &mut Computed,
    ) -> Result<Option<[u64; 2]>, Error> {
        let failed = |error: ArrowError| Error::execution(table, error.into());
        let (old, dropped_before) = distinct(&before.rows).map_err(failed)?;
        let (new, mut dropped_after) = distinct(&after.rows).map_err(failed)?;
        // A row that is in both is in the table once already.
        let unchanged = row_counts(&old);
        let added = filter_by_hash(&new, |hash| !unchanged.contains_key(&hash)).map_err(failed)?;
        let Some(published) = self.published_row_counts(table, &added).await? else {
            return Ok(None);
        };
        let kept = filter_by_hash(&new, |hash| {
            unchanged.contains_key(&hash) || !published.contains_key(&hash)
        });
        let kept = kept.map_err(failed)?;
        dropped_after += row_count(&new) - row_count(&kept);
        (before.rows, after.rows) = (old, kept);
        Ok(Some([dropped_before, dropped_after]))
    }

    /// The published rows of a table that may equal one of `rows`: those with one of
    /// their values in the first integer column.
    async fn published_row_counts(
        &self,
        table: &str,
        rows: &[RecordBatch],
    ) -> Result<Option<RowCounts>, Error> {
        let failed = |error: ArrowError| Error::execution(table, error.into());
        let Some(first) = rows.first() else {
            return Ok(Some(RowCounts::default()));
        };
        let schema = first.schema();
        let fields = schema.fields();
        let mut types = fields.iter().map(|field| field.data_type());
        let index = types
            .position(|data_type| *data_type == DataType::Int64)
            .unwrap_or_default();
        let key = PartitionKey::new(fields[index].name(), KeyKind::Value);
        let keys = KeySet::of(rows, index, key.kind).map_err(failed)?;
        let columns: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let found = self.rows_with_keys(table, &columns, &key, &keys).await?;
        Ok(found.map(|found| row_counts(&found.before)))
    }
}
