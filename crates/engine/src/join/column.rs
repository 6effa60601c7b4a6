//! Columns of the side of a join that is held in memory.
//!
//! Rows come in batches and are kept in blocks, so that a column of many
//! millions of rows never has to be copied to grow. Of texts, each is kept once
//! and rows hold its number. Of numbers, a full block keeps how far each is
//! from its least: instants of a few weeks take four bytes, distances two.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, make_array, make_view};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Rows of a block.
const BLOCK_ROWS: usize = 1 << 16;

/// The number that stands for a null text.
const NULL_TEXT: u32 = u32::MAX;

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

    /// `rows` times `value`.
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

/// Values of 64 bits, of which each full block takes as few as it can.
#[derive(Debug, Default)]
struct Packed {
    full: Vec<Block>,
    open: Vec<u64>,
}

/// Values as their distance from the least, which stands first.
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

    /// No further values will come.
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
        // As signed numbers: those around zero are near each other, too.
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

/// A column that is held.
#[derive(Debug)]
pub(super) struct Column {
    kind: DataType,
    values: Values,
    /// Rows that are null, in order; texts have a number for it.
    nulls: Vec<u32>,
}

#[derive(Debug)]
enum Values {
    Text { numbers: Blocks<u32>, texts: Texts },
    Wide(Packed),
    Narrow(Blocks<u32>),
}

impl Column {
    /// Whether columns of `kind` can be held.
    pub(super) fn holds(kind: &DataType) -> bool {
        matches!(kind, DataType::Utf8View)
            || kind
                .primitive_width()
                .is_some_and(|width| width == 4 || width == 8)
    }

    pub(super) fn new(kind: &DataType) -> Self {
        let values = match kind {
            DataType::Utf8View => Values::Text {
                numbers: Blocks::new(),
                texts: Texts::default(),
            },
            kind if kind.primitive_width() == Some(4) => Values::Narrow(Blocks::new()),
            _ => Values::Wide(Packed::default()),
        };
        Self {
            kind: kind.clone(),
            values,
            nulls: Vec::new(),
        }
    }

    /// Takes the rows of `array` in, which follow `rows` others.
    pub(super) fn append(&mut self, rows: usize, array: &dyn Array) -> Result<(), ArrowError> {
        if !matches!(self.values, Values::Text { .. })
            && let Some(nulls) = array.nulls()
        {
            let missing = (0..array.len()).filter(|row| nulls.is_null(*row));
            self.nulls.extend(missing.map(|row| (rows + row) as u32));
        }
        match &mut self.values {
            Values::Text { numbers, texts } => texts.append(numbers, array.as_string_view())?,
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
        }
        Ok(())
    }

    /// No further rows will come.
    pub(super) fn seal(&mut self) {
        match &mut self.values {
            Values::Text { texts, .. } => texts.seal(),
            Values::Wide(values) => values.seal(),
            Values::Narrow(_) => {}
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Text { numbers, texts } => numbers.bytes() + texts.bytes(),
            Values::Wide(packed) => packed.bytes(),
            Values::Narrow(blocks) => blocks.bytes(),
        };
        values + self.nulls.capacity() * size_of::<u32>()
    }

    pub(super) fn is_null(&self, row: u32) -> bool {
        match &self.values {
            Values::Text { numbers, .. } => numbers.get(row) == NULL_TEXT,
            _ => self.nulls.binary_search(&row).is_ok(),
        }
    }

    pub(super) fn is_integer(&self) -> bool {
        !matches!(self.values, Values::Text { .. })
    }

    /// Whether two rows hold the same value; a null equals none.
    pub(super) fn same(&self, one: u32, other: u32) -> bool {
        match &self.values {
            // Each text has one number.
            Values::Text { numbers, .. } => numbers.get(one) == numbers.get(other),
            _ => self.integer(one) == self.integer(other),
        }
    }

    /// An integer, also one of 32 bits.
    #[inline(always)]
    pub(super) fn integer(&self, row: u32) -> i64 {
        match &self.values {
            Values::Wide(packed) => packed.get(row) as i64,
            Values::Narrow(blocks) => i64::from(blocks.get(row) as i32),
            Values::Text { .. } => 0,
        }
    }

    /// Whether the text in `row` is `text`.
    #[inline(always)]
    pub(super) fn is_text(&self, row: u32, text: &[u8]) -> bool {
        match &self.values {
            Values::Text { numbers, texts } => {
                let number = numbers.get(row);
                number != NULL_TEXT && texts.is(number, text)
            }
            _ => false,
        }
    }

    /// The hash of the text in `row`, as [`hash_of_text`] gives it.
    pub(super) fn text_hash(&self, row: u32) -> u64 {
        match &self.values {
            Values::Text { numbers, texts } => match numbers.get(row) {
                NULL_TEXT => 0,
                number => texts.hash(number),
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
            Values::Text { numbers, texts } => return Ok(texts.gather(numbers, rows)),
            Values::Wide(packed) => {
                let values: Vec<u64> = rows.iter().map(|row| packed.get(*row)).collect();
                (Buffer::from_vec(values), nulls())
            }
            Values::Narrow(blocks) => {
                let values: Vec<u32> = rows.iter().map(|row| blocks.get(*row)).collect();
                (Buffer::from_vec(values), nulls())
            }
        };
        let data = arrow::array::ArrayData::builder(self.kind.clone())
            .len(rows.len())
            .add_buffer(values)
            .nulls(nulls);
        Ok(make_array(data.build()?))
    }
}

/// Texts, each once, numbered in order of their coming.
#[derive(Debug, Default)]
struct Texts {
    /// As Arrow views them: into `buffers`, the last of which still grows.
    views: Vec<u128>,
    buffers: Vec<Buffer>,
    open: Vec<u8>,
    known: HashTable<u32>,
}

impl Texts {
    /// Text is kept in buffers of at least so many bytes.
    const BUFFER_BYTES: usize = 1 << 20;

    fn append(
        &mut self,
        numbers: &mut Blocks<u32>,
        array: &StringViewArray,
    ) -> Result<(), ArrowError> {
        let mut last: Option<(u128, u32)> = None;
        for (row, view) in array.views().iter().enumerate() {
            let number = match last {
                // Equal views of one array are equal texts.
                Some((before, number)) if before == *view && array.is_valid(row) => number,
                _ if array.is_null(row) => NULL_TEXT,
                _ => self.number(array.value(row).as_bytes())?,
            };
            if number != NULL_TEXT {
                last = Some((*view, number));
            }
            numbers.push(number);
        }
        Ok(())
    }

    fn number(&mut self, text: &[u8]) -> Result<u32, ArrowError> {
        let hash = hash_of_text(text);
        if let Some(number) = self.known.find(hash, |known| self.is(*known, text)) {
            return Ok(*number);
        }
        let number = u32::try_from(self.views.len()).unwrap_or(NULL_TEXT);
        if number == NULL_TEXT {
            return Err(ArrowError::OffsetOverflowError(self.views.len()));
        }
        let room = self.open.capacity() - self.open.len();
        if text.len() > 12 && text.len() > room {
            self.seal();
            self.open = Vec::with_capacity(Self::BUFFER_BYTES.max(text.len()));
        }
        let place = (self.buffers.len() as u32, self.open.len() as u32);
        if text.len() > 12 {
            self.open.extend_from_slice(text);
        }
        let view = make_view(text, place.0, place.1);
        self.views.push(view);
        let Self {
            views,
            buffers,
            open,
            known,
        } = self;
        known.insert_unique(hash, number, |known| {
            with_text(views[*known as usize], buffers, open, hash_of_text)
        });
        Ok(number)
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.buffers
                .push(Buffer::from_vec(std::mem::take(&mut self.open)));
        }
    }

    #[inline(always)]
    fn is(&self, number: u32, text: &[u8]) -> bool {
        let view = self.views[number as usize];
        view as u32 as usize == text.len()
            && with_text(view, &self.buffers, &self.open, |known| known == text)
    }

    fn hash(&self, number: u32) -> u64 {
        let view = self.views[number as usize];
        with_text(view, &self.buffers, &self.open, hash_of_text)
    }

    fn bytes(&self) -> usize {
        let buffers: usize = self.buffers.iter().map(Buffer::capacity).sum();
        buffers + self.open.capacity() + self.views.capacity() * 16 + self.known.allocation_size()
    }

    fn gather(&self, numbers: &Blocks<u32>, rows: &[u32]) -> ArrayRef {
        let mut views = Vec::with_capacity(rows.len());
        let mut valid: Option<Vec<bool>> = None;
        for (place, row) in rows.iter().enumerate() {
            let number = numbers.get(*row);
            let null = number == NULL_TEXT;
            views.push(if null { 0 } else { self.views[number as usize] });
            if null {
                valid.get_or_insert_with(|| vec![true; rows.len()])[place] = false;
            }
        }
        let nulls = valid.map(NullBuffer::from);
        #[allow(
            unsafe_code,
            reason = "a check of each view reads its whole text again"
        )]
        // SAFETY: `number` makes the views, of text that came out of a
        // `StringViewArray` and was copied where the view points; buffers are
        // only ever added, and sealed before rows are gathered.
        let array = unsafe {
            StringViewArray::new_unchecked(ScalarBuffer::from(views), self.buffers.clone(), nulls)
        };
        Arc::new(array)
    }
}

/// The hash that texts are found by.
#[inline(always)]
pub(super) fn hash_of_text(text: &[u8]) -> u64 {
    xxh3_64(text)
}

/// Gives `work` the text that a view of [`Texts`] means.
#[inline(always)]
fn with_text<T>(view: u128, buffers: &[Buffer], open: &[u8], work: impl FnOnce(&[u8]) -> T) -> T {
    let length = view as u32 as usize;
    if length <= 12 {
        return work(&view.to_le_bytes()[4..4 + length]);
    }
    let start = (view >> 96) as usize;
    match buffers.get((view >> 64) as u32 as usize) {
        Some(buffer) => work(&buffer.as_slice()[start..start + length]),
        None => work(&open[start..start + length]),
    }
}
