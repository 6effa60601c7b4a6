//! What a join joins, and what comes out of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExprRef;
use parking_lot::RwLock;

use super::encoding::Encoding;
use super::table::{Key, Table, hash};

/// Which rows come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each pair.
    Inner,
    /// Each row of the held side with a partner, once.
    BuildSemi,
    /// Each row of the read side with a partner, once.
    ProbeSemi,
}

/// Where a column of the output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Among the columns held.
    Held(usize),
    /// Among the columns of the side that is read.
    Read(usize),
}

/// What a join joins, and what comes out.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) kind: Kind,
    /// Keys of the side that is held, and of the side that is read.
    pub(super) on: Vec<(PhysicalExprRef, PhysicalExprRef)>,
    pub(super) encoding: Encoding,
    /// Columns of the held side that are needed, by position.
    pub(super) held: Vec<usize>,
    pub(super) output: Vec<Origin>,
    /// What else must hold of a pair.
    pub(super) filter: Option<Filter>,
    /// The join's reader passes over rows that cannot match, see [`Keys`].
    pub(super) keys: Option<Arc<Keys>>,
}

/// A condition on pairs.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) condition: PhysicalExprRef,
    /// The columns that the condition speaks of, by `schema`.
    pub(super) columns: Vec<Origin>,
    pub(super) schema: SchemaRef,
}

/// The values of `columns` in a batch.
pub(super) fn values_of<'a>(
    columns: impl IntoIterator<Item = &'a PhysicalExprRef>,
    batch: &RecordBatch,
) -> Result<Vec<ArrayRef>> {
    columns
        .into_iter()
        .map(|column| column.evaluate(batch)?.into_array(batch.num_rows()))
        .collect()
}

/// The keys of a join's held side, for the reader of the other one. It begins
/// to read once they are known; rows it passes over would find no partner.
#[derive(Debug)]
pub(super) struct Keys {
    table: RwLock<Option<Arc<Table>>>,
    /// Whether the join compares persons rather than texts.
    of_subject: bool,
}

impl Keys {
    pub(super) fn new(of_subject: bool) -> Self {
        Self {
            table: RwLock::default(),
            of_subject,
        }
    }

    /// Gives the reader the table whose keys it may look for.
    pub(super) fn give(&self, table: &Arc<Table>) {
        *self.table.write() = Some(Arc::clone(table));
    }
}

impl landing::KeySet for Keys {
    fn contains(&self, text: &str) -> bool {
        let table = self.table.read();
        let Some(table) = table.as_ref() else {
            return true;
        };
        let subject;
        let text = if self.of_subject {
            subject = privacy::normalize_subject(text);
            subject.as_ref()
        } else {
            text
        };
        let key = std::iter::once(Key::Text(text.as_bytes()));
        table.find(hash(key.clone()), key).is_some()
    }
}
