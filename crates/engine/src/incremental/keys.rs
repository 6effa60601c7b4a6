//! Keys as hashes, and rows that have them.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;
use landing::KeySet;

use super::scope::By;
use crate::content;
use query::landing::{Hashes, hash};

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
    /// The keys of a column of `batches`.
    pub(super) fn of<'a>(
        batches: impl IntoIterator<Item = &'a RecordBatch>,
        place: usize,
        by: By,
    ) -> Result<Self, ArrowError> {
        let mut touched = Self::default();
        for batch in batches {
            touched.take_in(batch.column(place), by)?;
        }
        Ok(touched)
    }

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

    /// Lets go of others' keys.
    pub(super) fn let_go(&mut self, others: &Self) {
        self.keys.retain(|key| !others.keys.contains(key));
    }

    /// Between which values all of them lie, where that is known.
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        self.range.filter(|_| !self.has_text && !self.has_null())
    }

    /// Whether rows without a value are among what is touched.
    pub(super) fn has_null(&self) -> bool {
        self.keys.contains(&NULL)
    }

    /// Whether all of its keys are among others.
    pub(super) fn is_within(&self, others: &Self) -> bool {
        self.keys.len() <= others.keys.len() && self.keys.iter().all(|key| others.contains(*key))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.keys.contains(&key)
    }
}

/// The key that a text stands for.
pub(super) fn key_of(text: &str, by: By) -> u64 {
    match by {
        By::Value => hash(text),
        By::Subject => hash(&privacy::normalize_subject(text)),
    }
}

fn mixed(bits: u64) -> u64 {
    bits.wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29)
}

/// The key of each row. Values that SQL may take for equal have equal keys.
pub(super) fn keys(column: &ArrayRef, by: By) -> Result<Vec<u64>, ArrowError> {
    if column.data_type().is_integer() {
        let values = cast(column, &DataType::Int64)?;
        let values = values.as_primitive::<Int64Type>();
        let key = |value: Option<i64>| value.map_or(NULL, |value| mixed(value as u64));
        return Ok(match values.null_count() {
            0 => values
                .values()
                .iter()
                .map(|value| key(Some(*value)))
                .collect(),
            _ => values.iter().map(key).collect(),
        });
    }
    if column.data_type().is_floating() {
        let values = cast(column, &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>().iter();
        let key = |value: f64| mixed(content::canonical_f64(value).to_bits());
        return Ok(values.map(|value| value.map_or(NULL, key)).collect());
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
                let key = key_of(text, by);
                last = Some((view, key));
                key
            }
        }
    };
    Ok((0..values.len()).map(&mut key).collect())
}

/// Which rows of a column have one of `wanted`.
pub(super) fn having(
    column: &ArrayRef,
    by: By,
    wanted: &Touched,
) -> Result<BooleanArray, ArrowError> {
    let found = match column.as_string_view_opt() {
        Some(texts) => {
            let mut seen = Seen::default();
            BooleanBuffer::collect_bool(texts.len(), |row| seen.is_wanted(texts, row, by, wanted))
        }
        None => {
            let keys = keys(column, by)?;
            BooleanBuffer::collect_bool(keys.len(), |row| wanted.contains(keys[row]))
        }
    };
    Ok(BooleanArray::new(found, None))
}

/// The rows that have one of `wanted` in `column`. Most often a batch has none,
/// or all.
pub(super) fn with_keys(
    batch: &RecordBatch,
    column: usize,
    by: By,
    wanted: &Touched,
) -> Result<RecordBatch, ArrowError> {
    let found = having(batch.column(column), by, wanted)?;
    match found.true_count() {
        0 => Ok(batch.slice(0, 0)),
        all if all == batch.num_rows() => Ok(batch.clone()),
        _ => filter_record_batch(batch, &found),
    }
}

/// What was found of texts by their views: a file's column mostly repeats the
/// few texts of its dictionary, each under one view, and many in a row.
struct Seen {
    last: (u128, bool),
    others: Vec<(u128, bool)>,
}

/// A power of two: places for what was found of texts.
const PLACES: usize = 2048;

impl Default for Seen {
    fn default() -> Self {
        // No view is all ones: its length would be beyond every buffer.
        Self {
            last: (u128::MAX, false),
            others: Vec::new(),
        }
    }
}

impl Seen {
    #[inline]
    fn is_wanted(&mut self, texts: &StringViewArray, row: usize, by: By, wanted: &Touched) -> bool {
        if texts.is_null(row) {
            return wanted.contains(NULL);
        }
        let view = texts.views()[row];
        if view != self.last.0 {
            self.last = (view, self.look_up(view, texts.value(row), by, wanted));
        }
        self.last.1
    }

    fn look_up(&mut self, view: u128, text: &str, by: By, wanted: &Touched) -> bool {
        if self.others.is_empty() {
            self.others = vec![(u128::MAX, false); PLACES];
        }
        let mixed = (view as u64 ^ (view >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = &mut self.others[(mixed >> 53) as usize];
        if place.0 != view {
            let key = key_of(text, by);
            *place = (view, wanted.contains(key));
        }
        place.1
    }
}

/// Keys for the readers of files.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) keys: Touched,
    pub(super) by: By,
}

impl KeySet for Wanted {
    fn contains(&self, text: &str) -> bool {
        self.keys.contains(key_of(text, self.by))
    }
}
