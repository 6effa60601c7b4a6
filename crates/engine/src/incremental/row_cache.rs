//! Rows that statements read, cached for the run: several statements read the rows of
//! the same people.

use std::sync::Arc;

use arrow::array::RecordBatch;
use lake::TableId;

use super::keys::KeyFilter;
use super::partition_analysis::PartitionKey;

/// Rows of a published table with one of many keys.
#[derive(Clone)]
pub(super) struct CachedRows {
    pub(super) table: TableId,
    pub(super) key: PartitionKey,
    pub(super) filter: Arc<KeyFilter>,
    pub(super) rows: Arc<[RecordBatch]>,
}

impl CachedRows {
    pub(super) fn is_of(&self, table: &TableId, key: &PartitionKey) -> bool {
        self.table == *table && self.key == *key
    }
}
