//! Rows that statements asked for, kept for the run: several statements ask for
//! the same people.

use std::sync::Arc;

use arrow::array::RecordBatch;
use lake::TableId;

use super::keys::Wanted;
use super::scope::KeyOf;

/// Rows that were asked for, of a table as it stood.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) table: TableId,
    pub(super) key: KeyOf,
    pub(super) wanted: Arc<Wanted>,
    pub(super) rows: Arc<[RecordBatch]>,
}

impl Asked {
    pub(super) fn is_of(&self, table: &TableId, key: &KeyOf) -> bool {
        self.table == *table && self.key == *key
    }
}
