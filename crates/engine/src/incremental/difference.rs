//! The rows by which a table changed.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;

use crate::content;
use query::identity_hash::IdentityHasher;

/// How many rows there are of each row hash.
pub(super) type RowCounts = HashMap<u128, u64, BuildHasherDefault<IdentityHasher>>;

/// Removed and added rows of a table. No row is in both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Difference {
    pub(super) removed: Vec<RecordBatch>,
    pub(super) added: Vec<RecordBatch>,
}

impl Difference {
    /// Only added rows.
    pub(crate) fn of_added(added: Vec<RecordBatch>) -> Self {
        Self {
            removed: Vec::new(),
            added,
        }
    }

    /// The change from `before` to `after`, as multisets.
    pub(crate) fn between(
        before: &[RecordBatch],
        after: &[RecordBatch],
    ) -> Result<Self, ArrowError> {
        // If one side is empty, there is nothing to compare.
        if row_count(before) == 0 || row_count(after) == 0 {
            return Ok(Self {
                removed: before.to_vec(),
                added: after.to_vec(),
            });
        }
        Ok(Self {
            removed: subtract(before, row_counts(after))?,
            added: subtract(after, row_counts(before))?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        row_count(&self.removed) == 0 && row_count(&self.added) == 0
    }

    /// All removed and added rows.
    pub(super) fn changed_rows(&self) -> impl Iterator<Item = &RecordBatch> {
        self.removed.iter().chain(&self.added)
    }

    /// How many nulls a column has in removed rows, and in added rows.
    pub(crate) fn null_counts(&self, column: &str) -> (u64, u64) {
        let nulls = |batches: &[RecordBatch]| -> u64 {
            let columns = batches.iter().filter_map(|b| b.column_by_name(column));
            columns.map(|column| column.null_count() as u64).sum()
        };
        (nulls(&self.removed), nulls(&self.added))
    }

    /// The change in these columns alone. It may be smaller: rows that differ only in
    /// other columns cancel out.
    pub(super) fn project_columns(&self, columns: &[usize]) -> Result<Self, ArrowError> {
        let project = |batches: &[RecordBatch]| -> Result<Vec<RecordBatch>, ArrowError> {
            batches.iter().map(|batch| batch.project(columns)).collect()
        };
        Self::between(&project(&self.removed)?, &project(&self.added)?)
    }
}

pub(super) fn row_count(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

pub(super) fn row_counts(batches: &[RecordBatch]) -> RowCounts {
    let mut row_counts = RowCounts::default();
    for batch in batches {
        for hash in content::hashes(batch) {
            *row_counts.entry(hash).or_default() += 1;
        }
    }
    row_counts
}

/// `batches` without the rows of `subtrahend`, each removed as often as it is counted
/// there.
pub(super) fn subtract(
    batches: &[RecordBatch],
    mut subtrahend: RowCounts,
) -> Result<Vec<RecordBatch>, ArrowError> {
    if subtrahend.is_empty() {
        return Ok(batches.to_vec());
    }
    filter_by_hash(batches, |hash| match subtrahend.get_mut(&hash) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    })
}

/// Each row once, and the number of rows left out.
pub(super) fn distinct(batches: &[RecordBatch]) -> Result<(Vec<RecordBatch>, u64), ArrowError> {
    let mut seen = RowCounts::default();
    let once = filter_by_hash(batches, |hash| seen.insert(hash, 1).is_none())?;
    let left_out = row_count(batches) - row_count(&once);
    Ok((once, left_out))
}

/// The rows whose hashes `keep` accepts. It is called for all rows in order.
pub(super) fn filter_by_hash(
    batches: &[RecordBatch],
    mut keep: impl FnMut(u128) -> bool,
) -> Result<Vec<RecordBatch>, ArrowError> {
    let kept = batches.iter().map(|batch| {
        let mask = content::hashes(batch).into_iter().map(&mut keep).map(Some);
        filter_record_batch(batch, &mask.collect::<BooleanArray>())
    });
    let mut kept = kept.collect::<Result<Vec<_>, _>>()?;
    kept.retain(|batch| batch.num_rows() > 0);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn batches(values: &[i64]) -> Vec<RecordBatch> {
        let of = |values: &[i64]| {
            let column = Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
            RecordBatch::try_from_iter([("n", column)]).unwrap()
        };
        values.chunks(2).map(of).collect()
    }

    fn values(batches: &[RecordBatch]) -> Vec<i64> {
        let columns = batches.iter();
        columns
            .flat_map(|batch| {
                batch
                    .column(0)
                    .as_primitive::<Int64Type>()
                    .values()
                    .to_vec()
            })
            .collect()
    }

    #[test]
    fn removed_and_added_rows() {
        for (before, after, removed, added) in [
            (&[][..], &[][..], &[][..], &[][..]),
            (&[1, 2, 3], &[3, 1, 2], &[], &[]),
            (&[1, 1, 2], &[1, 2, 2], &[1], &[2]),
            (&[1, 2], &[], &[1, 2], &[]),
            (&[], &[4, 4], &[], &[4, 4]),
        ] {
            let found = Difference::between(&batches(before), &batches(after)).unwrap();
            assert_eq!(values(&found.removed), removed, "{before:?} {after:?}");
            assert_eq!(values(&found.added), added, "{before:?} {after:?}");
        }
        let (once, left_out) = distinct(&batches(&[1, 2, 1, 1])).unwrap();
        assert_eq!((values(&once), left_out), (vec![1, 2], 2));
    }
}
