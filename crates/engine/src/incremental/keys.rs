//! Keys as hashes, and rows that have them.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use landing::KeySet;

use super::scope::By;
use crate::landing::{Hashes, hash};

/// The key of what has none: nulls are one group.
const NULL: u64 = 0x9e37_79b9_7f4a_7c15;

/// The keys that a change touches.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched {
    pub(super) keys: Hashes,
    /// Least and greatest, where all are integers.
    range: Option<(i64, i64)>,
    has_text: bool,
}

impl Touched {
    /// Takes in the keys of a column.
    pub(super) fn take_in(&mut self, column: &ArrayRef, by: By) -> Result<(), ArrowError> {
        self.keys.extend(keys(column, by)?);
        if !column.data_type().is_integer() {
            self.has_text |= !column.is_empty();
            return Ok(());
        }
        let values = cast(column, &DataType::Int64)?;
        for value in values.as_primitive::<Int64Type>().iter().flatten() {
            let (low, high) = self.range.unwrap_or((value, value));
            self.range = Some((low.min(value), high.max(value)));
        }
        Ok(())
    }

    /// Takes in a key by its hash alone.
    pub(super) fn insert(&mut self, key: u64) {
        self.has_text = true;
        self.keys.insert(key);
    }

    /// Between which values all of them lie, where that is known.
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        self.range
            .filter(|_| !self.has_text && !self.keys.contains(&NULL))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.keys.contains(&key)
    }
}

/// The key of each row.
pub(super) fn keys(column: &ArrayRef, by: By) -> Result<Vec<u64>, ArrowError> {
    if column.data_type().is_integer() {
        let values = cast(column, &DataType::Int64)?;
        let values = values.as_primitive::<Int64Type>();
        let key = |value: Option<i64>| {
            value.map_or(NULL, |value| {
                (value as u64)
                    .wrapping_mul(0xd6e8_feb8_6659_fd93)
                    .rotate_left(29)
            })
        };
        return Ok(match values.null_count() {
            0 => values
                .values()
                .iter()
                .map(|value| key(Some(*value)))
                .collect(),
            _ => values.iter().map(key).collect(),
        });
    }
    let values = cast(column, &DataType::Utf8View)?;
    let values = values.as_string_view();
    // Rows of one person mostly follow each other.
    let mut last: Option<(u128, u64)> = None;
    let mut key = |row: usize| {
        if values.is_null(row) {
            return NULL;
        }
        let view = values.views()[row];
        match last {
            Some((known, key)) if known == view => key,
            _ => {
                let text = values.value(row);
                let key = match by {
                    By::Value => hash(text),
                    By::Subject => hash(&privacy::subject(text)),
                };
                last = Some((view, key));
                key
            }
        }
    };
    Ok((0..values.len()).map(&mut key).collect())
}

/// Which rows of a batch have one of `wanted` in `column`.
pub(super) fn having(
    batch: &RecordBatch,
    column: usize,
    by: By,
    wanted: &Touched,
) -> Result<BooleanArray, ArrowError> {
    let keys = keys(batch.column(column), by)?;
    Ok(keys.iter().map(|key| Some(wanted.contains(*key))).collect())
}

/// The rows that have one of `wanted` in `column`. Most often a batch has none,
/// which is told without a mask.
pub(super) fn with_keys(
    batch: &RecordBatch,
    column: usize,
    by: By,
    wanted: &Touched,
) -> Result<RecordBatch, ArrowError> {
    let keys = keys(batch.column(column), by)?;
    match keys.iter().any(|key| wanted.contains(*key)) {
        true => {
            let mask = keys.iter().map(|key| Some(wanted.contains(*key)));
            filter_record_batch(batch, &mask.collect::<BooleanArray>())
        }
        false => Ok(batch.slice(0, 0)),
    }
}

/// Keys for the reader of landing files.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) keys: Touched,
    pub(super) by: By,
}

impl KeySet for Wanted {
    fn contains(&self, text: &str) -> bool {
        self.keys.contains(match self.by {
            By::Value => hash(text),
            By::Subject => hash(&privacy::subject(text)),
        })
    }
}
