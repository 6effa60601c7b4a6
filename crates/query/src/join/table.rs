//! The build side of a join in memory: its rows, and an index from key to rows.
//!
//! [`Rows`] collects the rows; [`Rows::into_table`] builds the hash index. The
//! finished [`Table`] is shared by all partitions of the probe side, which look
//! keys up and mark rows as matched.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::column::{Blocks, Column, RowSet};
use crate::interner::text_hash;

/// No row.
const NONE: u32 = u32::MAX;

/// Keys whose slots are fetched together, see [`Table::fetch`].
const FETCHED: u32 = 64;

/// Collects the rows of a [`Table`].
#[derive(Debug)]
pub(super) struct Rows {
    columns: Vec<Column>,
    /// Positions of the key columns.
    keys: Vec<usize>,
    rows: usize,
}

/// All rows of the build side, indexed by key.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    /// Positions of the key columns.
    keys: Vec<usize>,
    rows: u32,
    /// Hash table with open addressing. A slot holds the upper half of a key's
    /// hash and the first row with that key.
    slots: Vec<(u32, u32)>,
    /// For each row, the next row with the same key; absent if keys are unique.
    next: Option<Blocks<u32>>,
    /// Rows that are the first with their key.
    first: RowSet,
    /// Rows that found a partner.
    matched: Vec<AtomicU64>,
}

/// The value of one key column to look up. Nulls match nothing and are not
/// looked up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'a> {
    Text(&'a [u8]),
    Integer(i64),
}

impl Key<'_> {
    /// Whether `column` has this value in `row`, where it is not null.
    #[inline(always)]
    fn is_in(self, column: &Column, row: u32) -> bool {
        match self {
            Key::Text(text) => column.is_text(row, text),
            Key::Integer(value) => column.integer(row) == value,
        }
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        match self {
            Key::Text(text) => text_hash(text),
            Key::Integer(value) => mix(value as u64),
        }
    }
}

/// Hash of a key of one or more columns.
#[inline(always)]
pub(super) fn hash<'a>(keys: impl Iterator<Item = Key<'a>>) -> u64 {
    keys.fold(0, |hash, key| mix(hash ^ key.hash()))
}

#[inline(always)]
fn mix(value: u64) -> u64 {
    let product = u128::from(value ^ 0x9e37_79b9_7f4a_7c15) * u128::from(0xd6e8_feb8_6659_fd93_u64);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Rows {
    /// No rows yet. `keys` are the positions of the key columns.
    pub(super) fn new(columns: &[DataType], keys: Vec<usize>) -> Self {
        Self {
            columns: columns.iter().map(Column::new).collect(),
            keys,
            rows: 0,
        }
    }

    /// Adds the rows of a batch.
    pub(super) fn append(&mut self, columns: &[ArrayRef], rows: usize) -> Result<(), ArrowError> {
        if self.rows + rows >= NONE as usize {
            return Err(ArrowError::ComputeError(format!(
                "more than {NONE} rows on the build side of a join"
            )));
        }
        for (column, array) in self.columns.iter_mut().zip(columns) {
            column.append(self.rows, array)?;
        }
        self.rows += rows;
        Ok(())
    }

    /// Bytes in memory so far.
    pub(super) fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }

    /// Bytes that the index will need in addition.
    pub(super) fn index_bytes(&self) -> usize {
        slots_for(self.rows) * size_of::<(u32, u32)>() + self.rows / 4
    }

    /// Builds the index.
    pub(super) fn into_table(mut self) -> Table {
        self.columns.iter_mut().for_each(Column::seal);
        let mut table = Table {
            slots: vec![(0, NONE); slots_for(self.rows)],
            matched: (0..self.rows.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
            rows: self.rows as u32,
            next: None,
            first: RowSet::default(),
            keys: self.keys,
            columns: self.columns,
        };
        // Backwards, so that the rows of one key are chained in order.
        let mut hashes = Vec::with_capacity(FETCHED as usize);
        let mut end = table.rows;
        while end > 0 {
            let start = end.saturating_sub(FETCHED);
            hashes.clear();
            hashes.extend((start..end).map(|row| table.hash_of(row)));
            table.fetch(hashes.iter().copied());
            for (row, hash) in (start..end).zip(&hashes).rev() {
                table.insert(row, *hash);
            }
            end = start;
        }
        table
    }
}

/// A power of two that leaves an eighth of the slots free.
fn slots_for(rows: usize) -> usize {
    (rows + rows / 7 + 1).next_power_of_two()
}

impl Table {
    fn hash_of(&self, row: u32) -> u64 {
        self.keys().fold(0, |hash, column| {
            let own = match column.is_integer() {
                true => Key::Integer(column.integer(row)).hash(),
                false => column.text_hash(row),
            };
            mix(hash ^ own)
        })
    }

    fn insert(&mut self, row: u32, hash: u64) {
        if self.keys().any(|key| key.is_null(row)) {
            return;
        }
        self.first.insert(row as usize);
        let (mut slot, tag) = self.place(hash);
        loop {
            let (known, first) = self.slots[slot];
            if first == NONE {
                self.slots[slot] = (tag, row);
                return;
            }
            if known == tag && self.keys().all(|column| column.same(first, row)) {
                let rows = self.rows as usize;
                let next = self.next.get_or_insert_with(|| Blocks::filled(NONE, rows));
                next.set(row, first);
                self.first.remove(first as usize);
                self.slots[slot].1 = row;
                return;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    #[inline(always)]
    fn keys(&self) -> impl Iterator<Item = &Column> {
        self.keys.iter().map(|key| &self.columns[*key])
    }

    #[inline(always)]
    fn place(&self, hash: u64) -> (usize, u32) {
        (hash as usize & (self.slots.len() - 1), (hash >> 32) as u32)
    }

    /// Reads the first slot of each hash, so that it is in the processor's cache.
    /// The slots of a large table are not. Reads issued together overlap, while
    /// [`Table::find`] waits for each read before it issues the next.
    #[inline(always)]
    pub(super) fn fetch(&self, hashes: impl Iterator<Item = u64>) {
        let seen = hashes.fold(0, |seen, hash| seen ^ self.slots[self.place(hash).0].1);
        std::hint::black_box(seen);
    }

    /// The first row whose key is `keys`; `hash` is their [`hash`](fn@hash).
    #[inline(always)]
    pub(super) fn find<'a>(
        &self,
        hash: u64,
        keys: impl Iterator<Item = Key<'a>> + Clone,
    ) -> Option<u32> {
        let (mut slot, tag) = self.place(hash);
        loop {
            let (known, row) = self.slots[slot];
            if row == NONE {
                return None;
            }
            if known == tag {
                let mut pairs = self.keys().zip(keys.clone());
                if pairs.all(|(column, key)| key.is_in(column, row)) {
                    return Some(row);
                }
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// Whether `row` is the first row with `key`. Both sides of a join mostly have
    /// the same order: a probe that found one row tries the next row first, which
    /// avoids reading slots that are in no cache.
    #[inline(always)]
    pub(super) fn begins(&self, row: u32, key: Key<'_>) -> bool {
        let [place] = self.keys[..] else {
            return false;
        };
        self.first.contains(row) && key.is_in(&self.columns[place], row)
    }

    /// The row after `row` with the same key.
    #[inline(always)]
    pub(super) fn after(&self, row: u32) -> Option<u32> {
        let next = self.next.as_ref()?.get(row);
        (next != NONE).then_some(next)
    }

    /// Marks a row as matched.
    #[inline(always)]
    pub(super) fn mark_matched(&self, row: u32) {
        if !self.is_matched(row) {
            self.matched[row as usize / 64].fetch_or(1 << (row % 64), Ordering::Relaxed);
        }
    }

    /// Marks all rows with the same key as matched; `first` is the first of them.
    #[inline(always)]
    pub(super) fn mark_all_matched(&self, first: u32) {
        if self.is_matched(first) {
            return;
        }
        let mut row = Some(first);
        while let Some(one) = row {
            self.mark_matched(one);
            row = self.after(one);
        }
    }

    /// Whether any key occurs more than once.
    pub(super) fn has_repeats(&self) -> bool {
        self.next.is_some()
    }

    pub(super) fn is_matched(&self, row: u32) -> bool {
        self.matched[row as usize / 64].load(Ordering::Relaxed) & (1 << (row % 64)) != 0
    }

    /// How many rows found a partner.
    pub(super) fn matched_rows(&self) -> u64 {
        let ones = |bits: &AtomicU64| u64::from(bits.load(Ordering::Relaxed).count_ones());
        self.matched.iter().map(ones).sum()
    }

    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    /// The values of a column in `rows`.
    pub(super) fn gather(&self, column: usize, rows: &[u32]) -> Result<ArrayRef, ArrowError> {
        self.columns[column].gather(rows)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    fn table(keys: &[(Option<&str>, Option<i64>)]) -> Table {
        let types = [DataType::Utf8View, DataType::Int64];
        let mut rows = Rows::new(&types, vec![0, 1]);
        for part in keys.chunks(3) {
            let texts: ArrayRef =
                Arc::new(part.iter().map(|key| key.0).collect::<StringViewArray>());
            let longs: ArrayRef = Arc::new(part.iter().map(|key| key.1).collect::<Int64Array>());
            let arrays = [texts, longs];
            rows.append(&arrays, part.len()).unwrap();
        }
        rows.into_table()
    }

    fn found(table: &Table, text: &str, long: i64) -> Vec<u32> {
        let keys = [Key::Text(text.as_bytes()), Key::Integer(long)];
        let mut row = table.find(hash(keys.into_iter()), keys.into_iter());
        let mut rows = Vec::new();
        while let Some(one) = row {
            rows.push(one);
            row = table.after(one);
        }
        rows
    }

    #[test]
    fn keys_find_their_rows_in_order_and_nulls_none() {
        let long = "a text of more than twelve bytes";
        let table = table(&[
            (Some("a"), Some(1)),
            (Some(long), Some(1)),
            (None, Some(1)),
            (Some("a"), None),
            (Some(long), Some(1)),
            (Some("a"), Some(2)),
            (Some(""), Some(1)),
            (Some(long), Some(1)),
        ]);
        for (text, integer, expected) in [
            ("a", 1, vec![0]),
            ("a", 2, vec![5]),
            ("a", 3, vec![]),
            ("", 1, vec![6]),
            (long, 1, vec![1, 4, 7]),
            (long, 2, vec![]),
            ("a text of more than twelve bytez", 1, vec![]),
        ] {
            assert_eq!(found(&table, text, integer), expected, "{text} {integer}");
        }
        table.mark_all_matched(1);
        assert_eq!(table.matched_rows(), 3);
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some(long), None, Some("a")]));
        assert_eq!(&table.gather(0, &[4, 2, 5]).unwrap(), &texts);
        let longs: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(2)]));
        assert_eq!(&table.gather(1, &[3, 5]).unwrap(), &longs);
    }

    #[test]
    fn rows_that_begin_with_a_key() {
        let longs: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None, Some(5), Some(0)]));
        let mut rows = Rows::new(&[DataType::Int64], vec![0]);
        rows.append(&[longs], 4).unwrap();
        let table = rows.into_table();
        for (row, key, expected) in [
            (0, 5, true),
            (0, 4, false),
            (1, 0, false),
            (2, 5, false),
            (3, 0, true),
            (4, 0, false),
            (NONE, 0, false),
        ] {
            assert_eq!(
                table.begins(row, Key::Integer(key)),
                expected,
                "{row} {key}"
            );
        }
    }

    #[test]
    fn many_keys_over_several_blocks() {
        // Numbers close together, far apart, and around zero.
        let number = |i: i64| match i >> 16 {
            0 => i % 2,
            1 => i << 8,
            2 => (i << 40) - (1 << 50),
            _ => 7 - i % 16,
        };
        let keys: Vec<(Option<String>, Option<i64>)> = (0..200_000)
            .map(|i| {
                (
                    Some(format!("person-{}@example.com", i / 2)),
                    Some(number(i)),
                )
            })
            .collect();
        let borrowed: Vec<_> = keys
            .iter()
            .map(|(text, long)| (text.as_deref(), *long))
            .collect();
        let table = table(&borrowed);
        for (row, (text, long)) in borrowed.iter().enumerate().step_by(997) {
            assert_eq!(found(&table, text.unwrap(), long.unwrap()), [row as u32]);
            let held: ArrayRef = Arc::new(Int64Array::from(vec![*long]));
            assert_eq!(&table.gather(1, &[row as u32]).unwrap(), &held);
        }
        assert_eq!(table.rows(), 200_000);
    }
}
