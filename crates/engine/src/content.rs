//! Hashes of rows: 128 bits each, to find equal rows, and their sum, to compare
//! tables.
//!
//! A hash is stable between machines and builds, as table logs keep their sum. In a
//! table of a billion rows, two different rows share a hash with a probability of
//! about 10⁻²¹, so equal hashes are taken for equal rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericByteViewArray, RecordBatch};
use arrow::datatypes::{
    ByteViewType, DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType,
};
use xxhash_rust::xxh3::xxh3_128;

const NULL: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;

/// One hash for each row of `batch`, whose columns have types that a table's
/// files hold. Equal floats have equal hashes: `-0.0` counts as `0.0`, and all
/// that is not a number as one.
pub(crate) fn hashes(batch: &RecordBatch) -> Vec<u128> {
    let mut hashes = vec![0u128; batch.num_rows()];
    for (position, column) in batch.columns().iter().enumerate() {
        let seed = (position as u128 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93_a076_1d64_78bd_642f);
        macro_rules! primitive {
            ($kind:ty, $bits:expr) => {{
                let values = column.as_primitive::<$kind>();
                mix_column(&mut hashes, column.as_ref(), seed, |row| {
                    $bits(values.value(row))
                })
            }};
        }
        match column.data_type() {
            DataType::Int8 => primitive!(Int8Type, |v| v as u128),
            DataType::Int16 => primitive!(Int16Type, |v| v as u128),
            DataType::Int32 => primitive!(Int32Type, |v| v as u128),
            DataType::Int64 => primitive!(Int64Type, |v| v as u128),
            DataType::Date32 => primitive!(Date32Type, |v| v as u128),
            DataType::Timestamp(_, _) => primitive!(TimestampMicrosecondType, |v| v as u128),
            DataType::Float32 => {
                primitive!(Float32Type, |v: f32| u128::from(canonical_f32(v).to_bits()))
            }
            DataType::Float64 => {
                primitive!(Float64Type, |v: f64| u128::from(canonical_f64(v).to_bits()))
            }
            DataType::Boolean => {
                let values = column.as_boolean();
                mix_column(&mut hashes, column.as_ref(), seed, |row| {
                    u128::from(values.value(row))
                });
            }
            DataType::BinaryView => mix_view_column(&mut hashes, column.as_binary_view(), seed),
            // Text; a layout has no other types.
            _ => mix_view_column(&mut hashes, column.as_string_view(), seed),
        }
    }
    hashes
}

/// The one float that tables store for all floats that count as equal.
pub(crate) fn canonical_f64(value: f64) -> f64 {
    if value.is_nan() {
        f64::NAN
    } else {
        value + 0.0
    }
}

/// The one float that tables store for all floats that count as equal.
pub(crate) fn canonical_f32(value: f32) -> f32 {
    if value.is_nan() {
        f32::NAN
    } else {
        value + 0.0
    }
}

/// A column as tables store it: floats that count as equal are equal bit by bit. So
/// it does not matter which of two equal rows is kept.
pub(crate) fn canonical(column: ArrayRef) -> ArrayRef {
    macro_rules! canonical_floats {
        ($kind:ty, $canonical:expr) => {{
            let values = column.as_primitive::<$kind>();
            let mut bits = values.values().iter();
            match bits.any(|v| v.to_bits() != $canonical(*v).to_bits()) {
                true => Arc::new(values.unary::<_, $kind>($canonical)),
                false => column,
            }
        }};
    }
    match column.data_type() {
        DataType::Float32 => canonical_floats!(Float32Type, canonical_f32),
        DataType::Float64 => canonical_floats!(Float64Type, canonical_f64),
        _ => column,
    }
}

fn mix_column(
    hashes: &mut [u128],
    column: &dyn Array,
    seed: u128,
    mut value: impl FnMut(usize) -> u128,
) {
    let some_null = column.null_count() > 0;
    for (row, hash) in hashes.iter_mut().enumerate() {
        let value = if some_null && column.is_null(row) {
            NULL
        } else {
            value(row)
        };
        *hash = mix(*hash ^ value, seed);
    }
}

/// Rows of one person mostly follow each other, and the reader gives equal
/// values of a run one view: their text is hashed once.
fn mix_view_column<T: ByteViewType>(
    hashes: &mut [u128],
    column: &GenericByteViewArray<T>,
    seed: u128,
) {
    let views = column.views();
    let mut last: Option<(u128, u128)> = None;
    mix_column(hashes, column, seed, |row| match last {
        Some((view, hash)) if view == views[row] => hash,
        _ => {
            let value: &[u8] = column.value(row).as_ref();
            let hash = xxh3_128(value);
            last = Some((views[row], hash));
            hash
        }
    });
}

/// Two 64-bit folded multiplications, each lane fed by both halves.
fn mix(value: u128, seed: u128) -> u128 {
    fn fold(a: u64, b: u64) -> u64 {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ ((product >> 64) as u64)
    }
    let (low, high) = (value as u64, (value >> 64) as u64);
    let (s, t) = (seed as u64, (seed >> 64) as u64);
    let a = fold(low ^ s, high ^ t ^ 0x8bb8_4b93_962e_acc9);
    let b = fold(
        high ^ s.rotate_left(32),
        low.rotate_left(23) ^ t ^ 0x2d35_8dcc_aa6c_78a5,
    );
    (u128::from(b) << 64) | u128::from(a ^ low.wrapping_mul(0x9fb2_1c65_1e98_df25))
}

/// Names a multiset of rows: the same in whatever order and batches they come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Content(u128);

impl Content {
    /// Adds rows by their hashes.
    pub(crate) fn add(&mut self, hashes: impl IntoIterator<Item = u128>) {
        for hash in hashes {
            self.0 = self.0.wrapping_add(hash);
        }
    }

    /// Removes rows that were added.
    pub(crate) fn remove(&mut self, other: Self) {
        self.0 = self.0.wrapping_sub(other.0);
    }

    /// Adds the rows of another part of the same table.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    /// As [`Content::to_text`] wrote it; `None` for another way of hashing.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("1-")?;
        u128::from_str_radix(digits, 16).ok().map(Self)
    }

    /// As it is kept in a table's log; the digit names the way of hashing.
    pub(crate) fn to_text(self) -> String {
        format!("1-{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use arrow::array::{Float64Array, Int64Array, StringViewArray};

    use super::*;

    fn batch(rows: &[(Option<&str>, Option<i64>, f64)]) -> RecordBatch {
        let text: StringViewArray = rows.iter().map(|row| row.0).collect();
        let long: Int64Array = rows.iter().map(|row| row.1).collect();
        let real: Float64Array = rows.iter().map(|row| Some(row.2)).collect();
        RecordBatch::try_from_iter([
            ("text", Arc::new(text) as ArrayRef),
            ("long", Arc::new(long)),
            ("real", Arc::new(real)),
        ])
        .unwrap()
    }

    #[test]
    fn equal_rows_and_only_equal_rows_share_a_hash() {
        let one = hashes(&batch(&[(Some("a"), Some(1), 0.0)]))[0];
        for (row, equal) in [
            ((Some("a"), Some(1), 0.0), true),
            ((Some("a"), Some(1), -0.0), true),
            ((Some("b"), Some(1), 0.0), false),
            ((Some("a"), Some(2), 0.0), false),
            ((Some("a"), None, 0.0), false),
            ((None, Some(1), 0.0), false),
            ((Some(""), Some(1), 0.0), false),
            ((Some("a"), Some(1), 1.0), false),
        ] {
            assert_eq!(hashes(&batch(&[row]))[0] == one, equal, "{row:?}");
        }
    }

    #[test]
    fn floats_that_are_equal_are_held_as_one() {
        let other_nan = f64::from_bits(0xfff8_0000_0000_0001);
        for (value, held) in [
            (0.0, 0.0),
            (-0.0, 0.0),
            (1.5, 1.5),
            (f64::MIN_POSITIVE, f64::MIN_POSITIVE),
            (f64::NEG_INFINITY, f64::NEG_INFINITY),
            (f64::NAN, f64::NAN),
            (other_nan, f64::NAN),
        ] {
            let column = canonical(Arc::new(Float64Array::from(vec![Some(value), None])));
            let column = column.as_primitive::<Float64Type>();
            assert_eq!(column.value(0).to_bits(), held.to_bits(), "{value}");
            assert!(column.is_null(1));
            let hash = |value| hashes(&batch(&[(None, None, value)]))[0];
            assert_eq!(hash(value), hash(held), "{value}");
        }
    }

    #[test]
    fn a_million_near_rows_have_a_million_hashes() {
        let mut all = HashSet::new();
        for block in 0..100i64 {
            let rows: Vec<_> = (0..10_000)
                .map(|i| (Some("u"), Some(block * 10_000 + i), (i % 3) as f64))
                .collect();
            all.extend(hashes(&batch(&rows)));
        }
        assert_eq!(all.len(), 1_000_000);
        // Either half alone is a good hash, too: shards and buckets use them.
        let halves: HashSet<u64> = all.iter().map(|hash| *hash as u64).collect();
        assert_eq!(halves.len(), 1_000_000);
        let halves: HashSet<u64> = all.iter().map(|hash| (hash >> 64) as u64).collect();
        assert_eq!(halves.len(), 1_000_000);
    }

    #[test]
    fn content_does_not_depend_on_order_but_on_how_often() {
        let (a, b) = ((Some("a"), Some(1), 0.5), (Some("b"), None, 1.5));
        let content = |rows: &[_]| {
            let mut content = Content::default();
            content.add(hashes(&batch(rows)));
            content.to_text()
        };
        assert_eq!(content(&[a, b]), content(&[b, a]));
        assert_ne!(content(&[a, b]), content(&[a, b, b]));
        assert_ne!(content(&[a]), content(&[b]));
    }
}
