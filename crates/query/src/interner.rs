//! String interner: stores each text once and numbers texts in order of arrival.
//!
//! Device and consent derivation intern people and devices; joins intern the text
//! columns of their build side. Texts lie in a few large buffers. A column of
//! interned texts points into these buffers as Arrow string views do, so that each
//! row costs 16 bytes and no copy of its text.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::{ArrayRef, NullBufferBuilder, StringViewArray, make_view};
use arrow::buffer::{Buffer, ScalarBuffer};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// The number that stands for null.
pub const NO_TEXT: u32 = u32::MAX;

/// Minimum and maximum size of a buffer. Each buffer is as long as all before it
/// together. That keeps buffers few: concatenating batches of a column, Arrow
/// lists the buffers of every batch.
const BUFFER_BYTES: RangeInclusive<usize> = 1 << 20..=1 << 30;

/// The longest text that a view holds itself.
const INLINE_BYTES: usize = 12;

/// Texts, each stored once and numbered from zero.
#[derive(Debug, Default, Clone)]
pub struct Interner {
    /// Arrow string views into `buffers`, and behind the last of them into `open`.
    views: Vec<u128>,
    buffers: Vec<Buffer>,
    open: Vec<u8>,
    /// Part of each text's hash and its number. With the hash at hand, growing the
    /// table reads no text.
    known: HashTable<(u32, u32)>,
}

/// The hash by which texts are found.
#[inline(always)]
pub fn text_hash(text: &[u8]) -> u64 {
    xxh3_64(text)
}

/// The part of a hash that is stored.
#[inline(always)]
fn mark_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Spreads a mark over 64 bits: the hash table takes the slot from the lowest bits
/// and the tag from the highest.
#[inline(always)]
fn spread(mark: u32) -> u64 {
    u64::from(mark).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Interner {
    /// Interns `text` and returns its number; [`NO_TEXT`] if numbers run out.
    pub fn number(&mut self, text: &str) -> u32 {
        let mark = mark_of(text_hash(text.as_bytes()));
        if let Some(number) = self.marked(mark, text.as_bytes()) {
            return number;
        }
        let number = u32::try_from(self.views.len()).unwrap_or(NO_TEXT);
        if number == NO_TEXT {
            return NO_TEXT;
        }
        let room = self.open.capacity() - self.open.len();
        let is_apart = text.len() > INLINE_BYTES;
        if is_apart && text.len() > room {
            self.seal();
            let all: usize = self.buffers.iter().map(Buffer::len).sum();
            let (least, most) = (*BUFFER_BYTES.start(), *BUFFER_BYTES.end());
            self.open = Vec::with_capacity(all.clamp(least, most).max(text.len()));
        }
        let place = (self.buffers.len() as u32, self.open.len() as u32);
        if is_apart {
            self.open.extend_from_slice(text.as_bytes());
        }
        self.views
            .push(make_view(text.as_bytes(), place.0, place.1));
        self.known
            .insert_unique(spread(mark), (mark, number), |(mark, _)| spread(*mark));
        number
    }

    /// The number of `text`, if it was interned.
    pub fn find(&self, text: &str) -> Option<u32> {
        self.marked(mark_of(text_hash(text.as_bytes())), text.as_bytes())
    }

    #[inline(always)]
    fn marked(&self, mark: u32, text: &[u8]) -> Option<u32> {
        let is = |known: &(u32, u32)| known.0 == mark && self.is(known.1, text);
        self.known.find(spread(mark), is).map(|known| known.1)
    }

    /// The text that has `number`.
    pub fn text(&self, number: u32) -> &str {
        let text = self.bytes_of(&self.views[number as usize]);
        #[allow(unsafe_code, reason = "a check would read the whole text again")]
        // SAFETY: a whole `str` was copied there, and nothing overwrites it.
        unsafe {
            std::str::from_utf8_unchecked(text)
        }
    }

    /// All texts, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.views.len()).map(|number| self.text(number as u32))
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether no text was interned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the text that has `number` is `text`.
    #[inline(always)]
    pub fn is(&self, number: u32, text: &[u8]) -> bool {
        let view = &self.views[number as usize];
        *view as u32 as usize == text.len() && self.bytes_of(view) == text
    }

    /// The [hash](text_hash) of the text that has `number`.
    pub fn hash(&self, number: u32) -> u64 {
        text_hash(self.bytes_of(&self.views[number as usize]))
    }

    /// The bytes that a view points to.
    #[inline(always)]
    fn bytes_of<'a>(&'a self, view: &'a u128) -> &'a [u8] {
        let length = *view as u32 as usize;
        if length <= INLINE_BYTES {
            #[allow(unsafe_code, reason = "a view has no safe look at its bytes")]
            // SAFETY: a view of this length holds the bytes itself.
            return unsafe { StringViewArray::inline_value(view, length) };
        }
        let start = (*view >> 96) as usize;
        match self.buffers.get((*view >> 64) as u32 as usize) {
            Some(buffer) => &buffer.as_slice()[start..start + length],
            None => &self.open[start..start + length],
        }
    }

    /// Closes the open buffer, so that columns share it instead of copying it.
    pub fn seal(&mut self) {
        if !self.open.is_empty() {
            let last = std::mem::take(&mut self.open);
            self.buffers.push(Buffer::from_vec(last));
        }
    }

    /// Bytes in memory. Reserved and unwritten bytes do not count: the system has
    /// not backed them by memory.
    pub fn bytes(&self) -> usize {
        let buffers: usize = self.buffers.iter().map(Buffer::len).sum();
        buffers
            + self.open.len()
            + self.views.capacity() * size_of::<u128>()
            + self.known.allocation_size()
    }

    /// A column of the texts with these numbers; [`NO_TEXT`] becomes null.
    pub fn column(&self, numbers: impl Iterator<Item = u32>) -> ArrayRef {
        let rows = numbers.size_hint().0;
        let (mut views, mut nulls) = (Vec::with_capacity(rows), NullBufferBuilder::new(rows));
        for number in numbers {
            let is_there = number != NO_TEXT;
            nulls.append(is_there);
            views.push(match is_there {
                true => self.views[number as usize],
                false => 0,
            });
        }
        let mut buffers = self.buffers.clone();
        if !self.open.is_empty() {
            buffers.push(Buffer::from_slice_ref(&self.open));
        }
        #[allow(
            unsafe_code,
            reason = "a check of each view reads its whole text again"
        )]
        // SAFETY: `number` made each view of a `str` that was copied to where the
        // view points: one of the buffers, or the open one, which follows them.
        // Buffers are only ever added.
        let column = unsafe {
            StringViewArray::new_unchecked(ScalarBuffer::from(views), buffers, nulls.finish())
        };
        Arc::new(column)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    #[test]
    fn each_text_has_one_number_and_columns_share_them() {
        let mut texts = Interner::default();
        let long = |i: u32| format!("somebody.with.number.{i}@example.com");
        let all: Vec<String> = (0..80_000)
            .map(|i| match i % 4 {
                0 => i.to_string(),
                _ => long(i),
            })
            .chain([
                String::new(),
                "é".repeat(*BUFFER_BYTES.start()),
                "12 bytes long".into(),
            ])
            .collect();
        for (expected, text) in all.iter().enumerate() {
            assert_eq!(texts.find(text), None);
            assert_eq!(texts.number(text), expected as u32);
        }
        for sealed in [false, true] {
            if sealed {
                texts.seal();
            }
            assert!(texts.iter().eq(all.iter()));
            for (number, text) in (0..).zip(&all) {
                assert_eq!(texts.find(text), Some(number));
                assert_eq!(texts.number(text), number);
                assert_eq!(texts.hash(number), text_hash(text.as_bytes()));
                assert!(texts.is(number, text.as_bytes()) && !texts.is(number, b"another"));
            }
            let numbers = [80_001, 5, NO_TEXT, 80_000, 5];
            let column = texts.column(numbers.into_iter());
            let expected = numbers.map(|number| all.get(number as usize).map(String::as_str));
            assert!(column.as_string_view().iter().eq(expected));
            column.to_data().validate_full().unwrap();
        }
        assert_eq!(texts.len(), all.len());
    }
}
