//! Keys as hashes, and the rows that have them.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;

use super::partition_analysis::KeyKind;
use crate::content;
use query::landing::{Hashes, hash};

/// The key of rows without a value: nulls are one group.
const NULL: u64 = 0x9e37_79b9_7f4a_7c15;

/// A set of keys, such as those that a change touches.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet {
    pub(super) hashes: Hashes,
    /// The smallest and greatest value, if all are integers.
    range: Option<(i64, i64)>,
    has_text: bool,
}

impl KeySet {
    /// The keys of a column of `batches`.
    pub(super) fn of<'a>(
        batches: impl IntoIterator<Item = &'a RecordBatch>,
        index: usize,
        kind: KeyKind,
    ) -> Result<Self, ArrowError> {
        let mut keys = Self::default();
        for batch in batches {
            keys.add_column(batch.column(index), kind)?;
        }
        Ok(keys)
    }

    /// Adds the keys of a column.
    pub(super) fn add_column(
        &mut self,
        column: &ArrayRef,
        kind: KeyKind,
    ) -> Result<(), ArrowError> {
        self.hashes.extend(row_keys(column, kind)?);
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

    /// Adds a key that is already a hash.
    pub(super) fn insert(&mut self, key: u64) {
        self.has_text = true;
        self.hashes.insert(key);
    }

    /// Removes the keys of another set.
    pub(super) fn remove_all(&mut self, others: &Self) {
        self.hashes.retain(|key| !others.hashes.contains(key));
    }

    /// The range of values that all keys lie in, if it is known.
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        self.range.filter(|_| !self.has_text && !self.has_null())
    }

    /// Whether the set contains the key of rows without a value.
    pub(super) fn has_null(&self) -> bool {
        self.hashes.contains(&NULL)
    }

    /// Whether the other set contains all keys of this one.
    pub(super) fn is_subset_of(&self, others: &Self) -> bool {
        self.hashes.len() <= others.hashes.len()
            && self.hashes.iter().all(|key| others.contains(*key))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.hashes.contains(&key)
    }
}

/// The key of a text value.
pub(super) fn text_key(text: &str, kind: KeyKind) -> u64 {
    match kind {
        KeyKind::Value => hash(text),
        KeyKind::Subject => hash(&privacy::normalize_subject(text)),
    }
}

fn mixed(bits: u64) -> u64 {
    bits.wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29)
}

/// The key of each row. Values that SQL may treat as equal have equal keys.
pub(super) fn row_keys(column: &ArrayRef, kind: KeyKind) -> Result<Vec<u64>, ArrowError> {
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
    // Consecutive rows mostly have the same person.
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
                let key = text_key(text, kind);
                last = Some((view, key));
                key
            }
        }
    };
    Ok((0..values.len()).map(&mut key).collect())
}

/// A mask of the rows whose key is one of `wanted`.
pub(super) fn key_mask(
    column: &ArrayRef,
    kind: KeyKind,
    wanted: &KeySet,
) -> Result<BooleanArray, ArrowError> {
    let found = match column.as_string_view_opt() {
        Some(texts) => {
            let mut cache = LookupCache::default();
            BooleanBuffer::collect_bool(texts.len(), |row| cache.contains(texts, row, kind, wanted))
        }
        None => {
            let keys = row_keys(column, kind)?;
            BooleanBuffer::collect_bool(keys.len(), |row| wanted.contains(keys[row]))
        }
    };
    Ok(BooleanArray::new(found, None))
}

/// The rows whose key is one of `wanted`. Mostly no row of a batch has one, or every
/// row.
pub(super) fn filter_by_keys(
    batch: &RecordBatch,
    column: usize,
    kind: KeyKind,
    wanted: &KeySet,
) -> Result<RecordBatch, ArrowError> {
    let found = key_mask(batch.column(column), kind, wanted)?;
    match found.true_count() {
        0 => Ok(batch.slice(0, 0)),
        all if all == batch.num_rows() => Ok(batch.clone()),
        _ => filter_record_batch(batch, &found),
    }
}

/// A cache of lookups by string view. A file's column mostly repeats the few texts of
/// its dictionary, each with one view, and often the same text in consecutive rows.
struct LookupCache {
    last: (u128, bool),
    others: Vec<(u128, bool)>,
}

/// The number of cache slots, a power of two.
const CACHE_SLOTS: usize = 2048;

impl Default for LookupCache {
    fn default() -> Self {
        // No view is all ones: its length would be beyond every buffer.
        Self {
            last: (u128::MAX, false),
            others: Vec::new(),
        }
    }
}

impl LookupCache {
    #[inline]
    fn contains(
        &mut self,
        texts: &StringViewArray,
        row: usize,
        kind: KeyKind,
        wanted: &KeySet,
    ) -> bool {
        if texts.is_null(row) {
            return wanted.contains(NULL);
        }
        let view = texts.views()[row];
        if view != self.last.0 {
            self.last = (view, self.look_up(view, texts.value(row), kind, wanted));
        }
        self.last.1
    }

    fn look_up(&mut self, view: u128, text: &str, kind: KeyKind, wanted: &KeySet) -> bool {
        if self.others.is_empty() {
            self.others = vec![(u128::MAX, false); CACHE_SLOTS];
        }
        let mixed = (view as u64 ^ (view >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = &mut self.others[(mixed >> 53) as usize];
        if slot.0 != view {
            let key = text_key(text, kind);
            *slot = (view, wanted.contains(key));
        }
        slot.1
    }
}

/// Keys that file readers filter rows by.
#[derive(Debug)]
pub(super) struct KeyFilter {
    pub(super) keys: KeySet,
    pub(super) kind: KeyKind,
}

impl landing::KeySet for KeyFilter {
    fn contains(&self, text: &str) -> bool {
        self.keys.contains(text_key(text, self.kind))
    }
}
