//! One column of the build side of a join, stored compactly.
//!
//! Rows arrive in batches and are stored in blocks, so that a column of many
//! millions of rows is never copied to grow. Texts are interned: each is stored once
//! and rows hold its number. A full block of 64-bit numbers stores each number's
//! distance from the smallest one: instants of a few weeks take four bytes each,
//! distances two.

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, make_array, new_empty_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, UInt32Type, UInt64Type};
use arrow::error::ArrowError;

use crate::interner::{Interner, NO_TEXT};

/// Rows of a block.
const BLOCK_ROWS: usize = 1 << 16;

/// Values of one width, in blocks.
#[derive(Debug)]
pub(super) struct Blocks<T>(Vec<Vec<T>>);

impl<T: Copy> Blocks<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some(block) if block.len() < BLOCK_ROWS => block.push(value),
            _ => {
                // The first block grows as it needs: most sides are small.
                let mut block = Vec::with_capacity(if self.0.is_empty() { 0 } else { BLOCK_ROWS });
                block.push(value);
                self.0.push(block);
            }
        }
    }

    pub(super) fn extend(&mut self, mut values: &[T]) {
        while !values.is_empty() {
            if self.0.last().is_none_or(|block| block.len() == BLOCK_ROWS) {
                let room = if self.0.is_empty() { 0 } else { BLOCK_ROWS };
                self.0.push(Vec::with_capacity(room));
            }
            if let Some(block) = self.0.last_mut() {
                let (now, later) = values.split_at(values.len().min(BLOCK_ROWS - block.len()));
                block.extend_from_slice(now);
                values = later;
            }
        }
    }

    /// `rows` copies of `value`.
    pub(super) fn filled(value: T, rows: usize) -> Self {
        let starts = (0..rows).step_by(BLOCK_ROWS);
        Self(
            starts
                .map(|start| vec![value; BLOCK_ROWS.min(rows - start)])
                .collect(),
        )
    }

    pub(super) fn set(&mut self, row: u32, value: T) {
        self.0[row as usize / BLOCK_ROWS][row as usize % BLOCK_ROWS] = value;
    }

    #[inline(always)]
    pub(super) fn get(&self, row: u32) -> T {
        self.0[row as usize / BLOCK_ROWS][row as usize % BLOCK_ROWS]
    }

    fn bytes(&self) -> usize {
        let values: usize = self.0.iter().map(Vec::capacity).sum();
        values * size_of::<T>()
    }
}

/// 64-bit values; each full block uses as few bytes per value as it can.
#[derive(Debug, Default)]
struct Packed {
    full: Vec<Block>,
    open: Vec<u64>,
}

/// A full block: the smallest value, and each value's distance from it in two or
/// four bytes. Eight bytes hold the values themselves.
#[derive(Debug)]
enum Block {
    Two(u64, Box<[u16]>),
    Four(u64, Box<[u32]>),
    Eight(Box<[u64]>),
}

impl Packed {
    fn extend(&mut self, mut values: &[u64]) {
        while !values.is_empty() {
            let (now, later) = values.split_at(values.len().min(BLOCK_ROWS - self.open.len()));
            self.open.extend_from_slice(now);
            values = later;
            if self.open.len() == BLOCK_ROWS {
                self.full.push(Block::of(&self.open));
                self.open.clear();
            }
        }
    }

    /// Packs the last block; no further values may follow.
    fn seal(&mut self) {
        self.full.push(Block::of(&std::mem::take(&mut self.open)));
    }

    #[inline(always)]
    fn get(&self, row: u32) -> u64 {
        let (block, place) = (row as usize / BLOCK_ROWS, row as usize % BLOCK_ROWS);
        match self.full.get(block) {
            Some(Block::Two(least, distances)) => least.wrapping_add(distances[place].into()),
            Some(Block::Four(least, distances)) => least.wrapping_add(distances[place].into()),
            Some(Block::Eight(values)) => values[place],
            None => self.open[place],
        }
    }

    fn bytes(&self) -> usize {
        let block = |block: &Block| match block {
            Block::Two(_, distances) => 2 * distances.len(),
            Block::Four(_, distances) => 4 * distances.len(),
            Block::Eight(values) => 8 * values.len(),
        };
        self.full.iter().map(block).sum::<usize>() + 8 * self.open.capacity()
    }
}

impl Block {
    fn of(values: &[u64]) -> Self {
        // Signed, so that numbers around zero are close together too.
        let signed = || values.iter().map(|value| *value as i64);
        let least = signed().min().unwrap_or_default() as u64;
        let most = signed().max().unwrap_or_default() as u64;
        let distances = || values.iter().map(|value| value.wrapping_sub(least));
        match most.wrapping_sub(least) {
            0..=0xFFFF => Self::Two(least, distances().map(|far| far as u16).collect()),
            0x1_0000..=0xFFFF_FFFF => {
                Self::Four(least, distances().map(|far| far as u32).collect())
            }
            _ => Self::Eight(values.into()),
        }
    }
}

/// One column of the build side.
#[derive(Debug)]
pub(super) struct Column {
    kind: DataType,
    values: Values,
    /// Rows that are null. Unused for texts, whose nulls are [`NO_TEXT`].
    nulls: RowSet,
}

#[derive(Debug)]
enum Values {
    Text {
        numbers: Blocks<u32>,
        interner: Interner,
    },
    Wide(Packed),
    Narrow(Blocks<u32>),
    /// Any other type, as the arrays that arrived. Keys have none of these types.
    AsItCame(Arrays),
}

impl Column {
    pub(super) fn new(kind: &DataType) -> Self {
        let values = match (kind, kind.primitive_width()) {
            (DataType::Utf8View, _) => Values::Text {
                numbers: Blocks::new(),
                interner: Interner::default(),
            },
            (_, Some(4)) => Values::Narrow(Blocks::new()),
            (_, Some(8)) => Values::Wide(Packed::default()),
            _ => Values::AsItCame(Arrays::default()),
        };
        Self {
            kind: kind.clone(),
            values,
            nulls: RowSet::default(),
        }
    }

    /// Adds the rows of `array`, which follow `rows` earlier ones.
    pub(super) fn append(&mut self, rows: usize, array: &ArrayRef) -> Result<(), ArrowError> {
        if matches!(self.values, Values::Wide(_) | Values::Narrow(_))
            && let Some(nulls) = array.nulls()
        {
            let missing = (0..array.len()).filter(|row| nulls.is_null(*row));
            missing.for_each(|row| self.nulls.insert(rows + row));
        }
        match &mut self.values {
            Values::Text { numbers, interner } => {
                intern_rows(interner, numbers, array.as_string_view())?
            }
            Values::Wide(packed) => {
                let bits = array.to_data().into_builder().data_type(DataType::UInt64);
                let bits = make_array(bits.build()?);
                packed.extend(bits.as_primitive::<UInt64Type>().values());
            }
            Values::Narrow(blocks) => {
                let bits = array.to_data().into_builder().data_type(DataType::UInt32);
                let bits = make_array(bits.build()?);
                blocks.extend(bits.as_primitive::<UInt32Type>().values());
            }
            Values::AsItCame(arrays) => arrays.push(rows, array)?,
        }
        Ok(())
    }

    /// Ends the column; no further rows may follow.
    pub(super) fn seal(&mut self) {
        match &mut self.values {
            Values::Text { interner, .. } => interner.seal(),
            Values::Wide(values) => values.seal(),
            Values::Narrow(_) | Values::AsItCame(_) => {}
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Text { numbers, interner } => numbers.bytes() + interner.bytes(),
            Values::Wide(packed) => packed.bytes(),
            Values::Narrow(blocks) => blocks.bytes(),
            Values::AsItCame(arrays) => arrays.bytes,
        };
        values + self.nulls.bytes()
    }

    pub(super) fn is_null(&self, row: u32) -> bool {
        match &self.values {
            Values::Text { numbers, .. } => numbers.get(row) == NO_TEXT,
            _ => self.nulls.contains(row),
        }
    }

    pub(super) fn is_integer(&self) -> bool {
        !matches!(self.values, Values::Text { .. })
    }

    /// Whether two rows, neither of them null, have the same value.
    pub(super) fn same(&self, one: u32, other: u32) -> bool {
        match &self.values {
            // Each text has one number.
            Values::Text { numbers, .. } => numbers.get(one) == numbers.get(other),
            _ => self.integer(one) == self.integer(other),
        }
    }

    /// The integer in `row`, of 64 or 32 bits.
    #[inline(always)]
    pub(super) fn integer(&self, row: u32) -> i64 {
        match &self.values {
            Values::Wide(packed) => packed.get(row) as i64,
            Values::Narrow(blocks) => i64::from(blocks.get(row) as i32),
            Values::Text { .. } | Values::AsItCame(_) => 0,
        }
    }

    /// Whether the text in `row` is `text`.
    #[inline(always)]
    pub(super) fn is_text(&self, row: u32, text: &[u8]) -> bool {
        match &self.values {
            Values::Text { numbers, interner } => {
                let number = numbers.get(row);
                number != NO_TEXT && interner.is(number, text)
            }
            _ => false,
        }
    }

    /// The hash of the text in `row`, as [`crate::interner::text_hash`] gives it.
    pub(super) fn text_hash(&self, row: u32) -> u64 {
        match &self.values {
            Values::Text { numbers, interner } => match numbers.get(row) {
                NO_TEXT => 0,
                number => interner.hash(number),
            },
            _ => 0,
        }
    }

    /// The values of `rows`, in that order.
    pub(super) fn gather(&self, rows: &[u32]) -> Result<ArrayRef, ArrowError> {
        let nulls = || {
            (!self.nulls.is_empty()).then(|| {
                let valid = rows.iter().map(|row| !self.is_null(*row));
                NullBuffer::new(BooleanBuffer::from_iter(valid))
            })
        };
        let (values, nulls) = match &self.values {
            Values::Text { numbers, interner } => {
                return Ok(interner.column(rows.iter().map(|row| numbers.get(*row))));
            }
            Values::Wide(packed) => {
                let values: Vec<u64> = rows.iter().map(|row| packed.get(*row)).collect();
                (Buffer::from_vec(values), nulls())
            }
            Values::Narrow(blocks) => {
                let values: Vec<u32> = rows.iter().map(|row| blocks.get(*row)).collect();
                (Buffer::from_vec(values), nulls())
            }
            Values::AsItCame(arrays) => return arrays.gather(&self.kind, rows),
        };
        let data = arrow::array::ArrayData::builder(self.kind.clone())
            .len(rows.len())
            .add_buffer(values)
            .nulls(nulls);
        Ok(make_array(data.build()?))
    }
}

/// Arrays of one type, and the row number at which each begins.
#[derive(Debug, Default)]
struct Arrays {
    arrays: Vec<ArrayRef>,
    starts: Vec<usize>,
    bytes: usize,
}

impl Arrays {
    fn push(&mut self, start: usize, array: &ArrayRef) -> Result<(), ArrowError> {
        self.bytes += array.to_data().get_slice_memory_size()?;
        self.arrays.push(ArrayRef::clone(array));
        self.starts.push(start);
        Ok(())
    }

    fn gather(&self, kind: &DataType, rows: &[u32]) -> Result<ArrayRef, ArrowError> {
        if rows.is_empty() {
            return Ok(new_empty_array(kind));
        }
        let arrays: Vec<&dyn Array> = self.arrays.iter().map(AsRef::as_ref).collect();
        let places = rows.iter().map(|row| {
            let row = *row as usize;
            let array = self.starts.partition_point(|start| *start <= row) - 1;
            (array, row - self.starts[array])
        });
        interleave(&arrays, &places.collect::<Vec<_>>())
    }
}

/// Interns the texts of further rows and appends their numbers.
fn intern_rows(
    interner: &mut Interner,
    numbers: &mut Blocks<u32>,
    array: &StringViewArray,
) -> Result<(), ArrowError> {
    let mut last: Option<(u128, u32)> = None;
    for (row, view) in array.views().iter().enumerate() {
        if array.is_null(row) {
            numbers.push(NO_TEXT);
            continue;
        }
        let number = match last {
            // Within one array, equal views mean equal texts.
            Some((before, number)) if before == *view => number,
            _ => interner.number(array.value(row)),
        };
        if number == NO_TEXT {
            return Err(ArrowError::OffsetOverflowError(interner.len()));
        }
        last = Some((*view, number));
        numbers.push(number);
    }
    Ok(())
}

/// A set of rows.
#[derive(Debug, Default)]
pub(super) struct RowSet(Vec<u64>);

impl RowSet {
    pub(super) fn insert(&mut self, row: usize) {
        if self.0.len() <= row / 64 {
            self.0.resize(row / 64 + 1, 0);
        }
        self.0[row / 64] |= 1 << (row % 64);
    }

    /// Removes a row that the set contains.
    pub(super) fn remove(&mut self, row: usize) {
        self.0[row / 64] &= !(1 << (row % 64));
    }

    /// Whether no row was ever inserted.
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline(always)]
    pub(super) fn contains(&self, row: u32) -> bool {
        let bits = self.0.get(row as usize / 64).copied().unwrap_or(0);
        bits & 1 << (row % 64) != 0
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}
