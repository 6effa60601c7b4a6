//! Text views, as Arrow's `Utf8View` arrays hold them.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewArray};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};

/// Text up to this length is stored in the view itself.
pub(super) const INLINE_BYTES_MAX: usize = 12;

/// The view of short text.
#[inline(always)]
pub(super) fn inline(text: &[u8]) -> u128 {
    let mut view = [0; 16];
    view[0] = text.len() as u8;
    view[4..4 + text.len()].copy_from_slice(text);
    u128::from_le_bytes(view)
}

/// The view of longer text, which is stored in the buffer at `offset`. The view
/// repeats its first four bytes.
#[inline(always)]
pub(super) fn in_buffer(text: &[u8], offset: usize) -> u128 {
    let prefix = u32::from_le_bytes([text[0], text[1], text[2], text[3]]);
    text.len() as u32 as u128 | u128::from(prefix) << 32 | (offset as u128) << 96
}

/// Whether two views of longer text have the same length and first bytes.
#[inline(always)]
pub(super) fn may_be_equal(one: u128, other: u128) -> bool {
    const OFFSET_BITS: u32 = 32;
    (one ^ other) << OFFSET_BITS == 0
}

/// The range of the buffer that holds the text of a view.
#[inline(always)]
pub(super) fn range(view: u128) -> std::ops::Range<usize> {
    let start = (view >> 96) as usize;
    start..start + view as u32 as usize
}

/// Builds the array of such views.
#[allow(
    unsafe_code,
    reason = "checking every view again costs a third of the time to decode"
)]
pub(super) fn array(
    views: ScalarBuffer<u128>,
    text: Vec<u8>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let buffers = vec![Buffer::from_vec(text)];
    #[cfg(any(debug_assertions, test))]
    {
        let checked = StringViewArray::try_new(views.clone(), buffers.clone(), nulls.clone());
        assert!(checked.is_ok(), "{checked:?}");
    }
    // SAFETY: views are made by `inline` and `in_buffer` alone, from text that is
    // stored where they point: in the one buffer, which has fewer than 4 GiB. That
    // text is UTF-8: the decoder checks the segment, or each object of a segment
    // that is not UTF-8 as a whole, before it commits a row, and strings end only
    // at ASCII bytes.
    Arc::new(unsafe { StringViewArray::new_unchecked(views, buffers, nulls) })
}
