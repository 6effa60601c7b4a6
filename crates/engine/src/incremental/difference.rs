//! By which rows a table differs from what it was.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;

use crate::content;
use query::identity_hash::IdentityHasher;

/// Hashes of rows, and how many there are of each.
pub(super) type Counted = HashMap<u128, u64, BuildHasherDefault<IdentityHasher>>;

/// Rows that went and rows that came; none is in both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Difference {
    pub(super) gone: Vec<RecordBatch>,
    pub(super) come: Vec<RecordBatch>,
}

impl Difference {
    /// Rows that came alone.
    pub(crate) fn of_come(come: Vec<RecordBatch>) -> Self {
        Self {
            gone: Vec::new(),
            come,
        }
    }

    /// From what was to what is, as multisets.
    pub(crate) fn between(
        before: &[RecordBatch],
        after: &[RecordBatch],
    ) -> Result<Self, ArrowError> {
        // Of one side alone there is nothing to compare.
        if count(before) == 0 || count(after) == 0 {
            return Ok(Self {
                gone: before.to_vec(),
                come: after.to_vec(),
            });
        }
        Ok(Self {
            gone: without(before, counted(after))?,
            come: without(after, counted(before))?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        count(&self.gone) == 0 && count(&self.come) == 0
    }

    /// All rows that went or came.
    pub(super) fn touched(&self) -> impl Iterator<Item = &RecordBatch> {
        self.gone.iter().chain(&self.come)
    }

    /// Nulls in a column of rows that went, and of rows that came.
    pub(crate) fn nulls(&self, column: &str) -> (u64, u64) {
        let nulls = |batches: &[RecordBatch]| -> u64 {
            let columns = batches.iter().filter_map(|b| b.column_by_name(column));
            columns.map(|column| column.null_count() as u64).sum()
        };
        (nulls(&self.gone), nulls(&self.come))
    }

    /// The same of some columns alone, where other columns may have hidden that
    /// nothing changed.
    pub(super) fn of_columns(&self, columns: &[usize]) -> Result<Self, ArrowError> {
        let some = |batches: &[RecordBatch]| -> Result<Vec<RecordBatch>, ArrowError> {
            batches.iter().map(|batch| batch.project(columns)).collect()
        };
        Self::between(&some(&self.gone)?, &some(&self.come)?)
    }
}

pub(super) fn count(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

pub(super) fn counted(batches: &[RecordBatch]) -> Counted {
    let mut counted = Counted::default();
    for batch in batches {
        for hash in content::hashes(batch) {
            *counted.entry(hash).or_default() += 1;
        }
    }
    counted
}

/// `batches` less the rows of `other`, each as often as it is there.
pub(super) fn without(
    batches: &[RecordBatch],
    mut other: Counted,
) -> Result<Vec<RecordBatch>, ArrowError> {
    if other.is_empty() {
        return Ok(batches.to_vec());
    }
    keeping(batches, |hash| match other.get_mut(&hash) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    })
}

/// Each row once, and how many were left out.
pub(super) fn distinct(batches: &[RecordBatch]) -> Result<(Vec<RecordBatch>, u64), ArrowError> {
    let mut seen = Counted::default();
    let once = keeping(batches, |hash| seen.insert(hash, 1).is_none())?;
    let left_out = count(batches) - count(&once);
    Ok((once, left_out))
}

/// The rows of whose hashes `keep` says yes, asked in order.
pub(super) fn keeping(
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
    fn what_went_and_what_came() {
        for (before, after, gone, come) in [
            (&[][..], &[][..], &[][..], &[][..]),
            (&[1, 2, 3], &[3, 1, 2], &[], &[]),
            (&[1, 1, 2], &[1, 2, 2], &[1], &[2]),
            (&[1, 2], &[], &[1, 2], &[]),
            (&[], &[4, 4], &[], &[4, 4]),
        ] {
            let found = Difference::between(&batches(before), &batches(after)).unwrap();
            assert_eq!(values(&found.gone), gone, "{before:?} {after:?}");
            assert_eq!(values(&found.come), come, "{before:?} {after:?}");
        }
        let (once, left_out) = distinct(&batches(&[1, 2, 1, 1])).unwrap();
        assert_eq!((values(&once), left_out), (vec![1, 2], 2));
    }
}
