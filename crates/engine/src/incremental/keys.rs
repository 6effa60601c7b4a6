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

/// The key of each row.
pub(super) fn keys(column: &ArrayRef, by: By) -> Result<Vec<u64>, ArrowError> {
    if column.data_type().is_integer() {
        let values = cast(column, &DataType::Int64)?;
        let values = values.as_primitive::<Int64Type>();
        let key = |value: Option<i64>| {
            value.map_or(NULL, |value| {
                (value as u64).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29)
            })
        };
        return Ok(values.iter().map(key).collect());
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
    wanted: &Hashes,
) -> Result<BooleanArray, ArrowError> {
    let keys = keys(batch.column(column), by)?;
    Ok(keys.iter().map(|key| Some(wanted.contains(key))).collect())
}

/// The rows that have one of `wanted` in `column`.
pub(super) fn with_keys(
    batch: &RecordBatch,
    column: usize,
    by: By,
    wanted: &Hashes,
) -> Result<RecordBatch, ArrowError> {
    filter_record_batch(batch, &having(batch, column, by, wanted)?)
}

/// Keys for the reader of landing files.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) keys: Hashes,
    pub(super) by: By,
}

impl KeySet for Wanted {
    fn contains(&self, text: &str) -> bool {
        self.keys.contains(&match self.by {
            By::Value => hash(text),
            By::Subject => hash(&privacy::subject(text)),
        })
    }
}
