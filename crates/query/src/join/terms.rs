//! What a join computes: kind, keys, filter and output columns.
//!
//! [`JoinRule`](super::JoinRule) derives the [`Terms`] from the plan; the operator
//! and its probes follow them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExprRef;
use parking_lot::RwLock;

use super::encoding::Encoding;
use super::table::{Key, Table, hash};

/// Which rows a join outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Every pair of matching rows.
    Inner,
    /// Each row of the build side that has a partner, once.
    BuildSemi,
    /// Each row of the probe side that has a partner, once.
    ProbeSemi,
}

/// A column of one of the sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SideColumn {
    /// Position among [`Terms::build_columns`].
    Build(usize),
    /// Position among the columns of the probe side.
    Probe(usize),
}

/// Kind, keys, filter and output of a join.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) kind: Kind,
    /// Pairs of keys: one of the build side, one of the probe side.
    pub(super) on: Vec<(PhysicalExprRef, PhysicalExprRef)>,
    pub(super) encoding: Encoding,
    /// Positions of the build side's columns that the join needs.
    pub(super) build_columns: Vec<usize>,
    pub(super) output: Vec<SideColumn>,
    /// A further condition on pairs.
    pub(super) filter: Option<Filter>,
    /// Lets the landing reader skip rows that cannot match.
    pub(super) keys: Option<Arc<BuildKeys>>,
}

/// A condition on pairs.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) condition: PhysicalExprRef,
    /// The columns that the condition uses, in the order of `schema`.
    pub(super) columns: Vec<SideColumn>,
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

/// The keys of a join's build side, for the landing reader of the probe side. The
/// reader starts when the table is loaded and skips rows without a partner.
#[derive(Debug)]
pub(super) struct BuildKeys {
    table: RwLock<Option<Arc<Table>>>,
    /// Whether the join compares people (`subject(email)`) rather than texts.
    of_subject: bool,
}

impl BuildKeys {
    pub(super) fn new(of_subject: bool) -> Self {
        Self {
            table: RwLock::default(),
            of_subject,
        }
    }

    /// Makes the loaded table known to the reader.
    pub(super) fn set_table(&self, table: &Arc<Table>) {
        *self.table.write() = Some(Arc::clone(table));
    }
}

impl landing::KeySet for BuildKeys {
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
