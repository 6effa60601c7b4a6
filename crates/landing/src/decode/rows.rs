//! The rows being built: one builder per column, and the batches done.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, RecordBatchOptions, TimestampMillisecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::SchemaRef;

use super::convert::Value;
use crate::schema::{Spec, Type};

/// A batch ends early when this many bytes of text had to be copied, so that
/// views can address them and memory stays bounded.
const COPIED_BYTES_MAX: usize = 32 << 20;

/// Builds the rows of one segment.
pub(crate) struct Rows<'a> {
    spec: &'a Spec,
    schema: &'a SchemaRef,
    /// The segment, into which text is viewed without being copied.
    segment: Buffer,
    columns: Vec<Column>,
    /// Complete rows since the last batch.
    rows: usize,
    copied: usize,
    batches: Vec<RecordBatch>,
    /// Values converted in the row being built.
    pub(crate) converted: u64,
    /// The text of the key that decides whether the row is kept.
    pub(crate) keep: KeepText,
    /// The last key asked for, and whether it is kept.
    last_key: Vec<u8>,
    last_kept: bool,
}

/// What the row being built holds in the column of [`crate::Keep`].
pub(crate) enum KeepText {
    Null,
    /// At a place among the bytes being decoded.
    At(usize, usize),
    Copied(Vec<u8>),
}

struct Column {
    /// Whether the projection wants it.
    built: bool,
    data: Data,
    /// Rows that are null. Their slot in `data` holds a default.
    nulls: Vec<u32>,
}

enum Data {
    Text { views: Vec<u128>, copied: Vec<u8> },
    Long(Vec<i64>),
    Int(Vec<i32>),
    Double(Vec<f64>),
    Float(Vec<f32>),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Boolean(Vec<bool>),
}

/// Where the bytes of an object lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In the segment, at the same offsets.
    Segment,
    /// Elsewhere: text must be copied.
    Elsewhere,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(spec: &'a Spec, schema: &'a SchemaRef, segment: Buffer) -> Rows<'a> {
        // Growing step by step would copy and touch memory again; a row has
        // some twenty bytes at least.
        let capacity = spec.limits.batch_rows.min(segment.len() / 20);
        let mut columns: Vec<Column> = spec
            .schema
            .columns
            .iter()
            .map(|column| Column {
                built: spec.projection.is_none(),
                data: Data::new(column.kind, capacity),
                nulls: Vec::new(),
            })
            .collect();
        for index in spec.projection.iter().flatten() {
            columns[*index].built = true;
        }
        Rows {
            spec,
            schema,
            segment,
            columns,
            rows: 0,
            copied: 0,
            batches: Vec::new(),
            converted: 0,
            keep: KeepText::Null,
            last_kept: spec
                .keep
                .as_ref()
                .is_some_and(|keep| keep.keys.contains("")),
            last_key: Vec::new(),
        }
    }

    /// The text of a column: `bytes[start..end]`, without escapes.
    #[inline(always)]
    pub(crate) fn text(
        &mut self,
        index: usize,
        bytes: &[u8],
        start: usize,
        end: usize,
        source: Source,
    ) {
        if let Some(keep) = &self.spec.keep
            && keep.column == index
        {
            self.keep = KeepText::At(start, end);
        }
        let column = &mut self.columns[index];
        if !column.built {
            return;
        }
        if let Data::Text { views, copied } = &mut column.data {
            let text = &bytes[start..end];
            if text.len() <= 12 {
                views.push(view::inline(text));
            } else if source == Source::Segment {
                let view = view::outside(text, 0, start);
                // Records of one person or device mostly follow each other.
                // Equal text gets the same view, by which whoever comes next
                // tells a run of equal values without looking at the text.
                let same = views.last().copied().filter(|last| {
                    view::looks_like(*last, view) && bytes.get(view::place(*last)) == Some(text)
                });
                views.push(same.unwrap_or(view));
            } else {
                views.push(view::outside(text, 1, copied.len()));
                copied.extend_from_slice(text);
                self.copied += text.len();
            }
        }
    }

    /// The text of a column that had escapes.
    pub(crate) fn unescaped(&mut self, index: usize, text: &[u8]) {
        let keep = self
            .spec
            .keep
            .as_ref()
            .is_some_and(|keep| keep.column == index);
        self.text(index, text, 0, text.len(), Source::Elsewhere);
        if keep {
            self.keep = KeepText::Copied(text.to_vec());
        }
    }

    /// The value of a column that is not text.
    #[inline(always)]
    pub(crate) fn value(&mut self, index: usize, value: Value) {
        let rows = self.rows;
        let column = &mut self.columns[index];
        if !column.built {
            return;
        }
        match (&mut column.data, value) {
            (Data::Long(values), Value::Long(value)) => values.push(value),
            (Data::Double(values), Value::Double(value)) => values.push(value),
            (Data::Int(values), Value::Int(value)) => values.push(value),
            (Data::Float(values), Value::Float(value)) => values.push(value),
            (Data::Date(values), Value::Date(value)) => values.push(value),
            (Data::Timestamp(values), Value::Timestamp(value)) => values.push(value),
            (Data::Boolean(values), Value::Boolean(value)) => values.push(value),
            // Conversion gives values of the column's type or nulls.
            (data, _) => {
                data.push_default();
                column.nulls.push(rows as u32);
            }
        }
    }

    /// Null for a column.
    pub(crate) fn null(&mut self, index: usize) {
        self.value(index, Value::Null);
    }

    /// Whether the row being built is to be kept. `bytes` are those that
    /// [`KeepText::At`] points into.
    #[inline(always)]
    pub(crate) fn is_kept(&mut self, bytes: &[u8]) -> bool {
        let Some(keep) = &self.spec.keep else {
            return true;
        };
        let text = match &self.keep {
            KeepText::Null => return false,
            KeepText::At(start, end) => &bytes[*start..*end],
            KeepText::Copied(text) => text,
        };
        // A device sends its readings one after the other: mostly the key is
        // that of the row before.
        if self.last_key != text {
            self.last_key.clear();
            self.last_key.extend_from_slice(text);
            self.last_kept = std::str::from_utf8(text).is_ok_and(|text| keep.keys.contains(text));
        }
        self.last_kept
    }

    /// The row is complete.
    #[inline(always)]
    pub(crate) fn commit(&mut self) {
        self.rows += 1;
        self.converted = 0;
        self.keep = KeepText::Null;
        if self.rows >= self.spec.limits.batch_rows.max(1) || self.copied >= COPIED_BYTES_MAX {
            self.flush();
        }
    }

    /// The row is given up.
    pub(crate) fn rollback(&mut self) {
        for column in &mut self.columns {
            column.data.truncate(self.rows);
            while column
                .nulls
                .last()
                .is_some_and(|row| *row as usize >= self.rows)
            {
                column.nulls.pop();
            }
        }
        self.converted = 0;
        self.keep = KeepText::Null;
    }

    fn flush(&mut self) {
        if self.rows == 0 {
            return;
        }
        let mut arrays: Vec<Option<ArrayRef>> = self
            .columns
            .iter_mut()
            .map(|column| {
                column
                    .built
                    .then(|| column.finish(self.rows, &self.segment))
            })
            .collect();
        let all: Vec<usize>;
        let order = match &self.spec.projection {
            Some(order) => order,
            None => {
                all = (0..arrays.len()).collect();
                &all
            }
        };
        let columns = order
            .iter()
            .filter_map(|index| arrays[*index].clone())
            .collect();
        arrays.clear();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        match RecordBatch::try_new_with_options(Arc::clone(self.schema), columns, &options) {
            Ok(batch) => self.batches.push(batch),
            Err(error) => unreachable!("columns of one length and the schema's types: {error}"),
        }
        self.rows = 0;
        self.copied = 0;
    }

    pub(crate) fn finish(mut self) -> Vec<RecordBatch> {
        self.flush();
        self.batches
    }
}

impl Column {
    fn finish(&mut self, rows: usize, segment: &Buffer) -> ArrayRef {
        let nulls = (!self.nulls.is_empty()).then(|| {
            let mut valid = vec![0xFF_u8; rows.div_ceil(8)];
            for row in self.nulls.drain(..) {
                valid[row as usize / 8] &= !(1 << (row % 8));
            }
            NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(valid), 0, rows))
        });
        match &mut self.data {
            Data::Text { views, copied } => {
                let buffers = vec![segment.clone(), Buffer::from_vec(std::mem::take(copied))];
                view::array(take(views).into(), buffers, nulls)
            }
            Data::Long(values) => Arc::new(Int64Array::new(scalars(values), nulls)),
            Data::Int(values) => Arc::new(Int32Array::new(scalars(values), nulls)),
            Data::Double(values) => Arc::new(Float64Array::new(scalars(values), nulls)),
            Data::Float(values) => Arc::new(Float32Array::new(scalars(values), nulls)),
            Data::Date(values) => Arc::new(Date32Array::new(scalars(values), nulls)),
            Data::Timestamp(values) => {
                Arc::new(TimestampMillisecondArray::new(scalars(values), nulls))
            }
            Data::Boolean(values) => {
                let values = BooleanBuffer::from(take(values));
                Arc::new(BooleanArray::new(values, nulls))
            }
        }
    }
}

/// The values, leaving room for as many.
fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let capacity = values.len();
    std::mem::replace(values, Vec::with_capacity(capacity))
}

fn scalars<T: arrow::datatypes::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    ScalarBuffer::from(take(values))
}

impl Data {
    fn new(kind: Type, capacity: usize) -> Data {
        match kind {
            Type::Text => Data::Text {
                views: Vec::with_capacity(capacity),
                copied: Vec::new(),
            },
            Type::Long => Data::Long(Vec::with_capacity(capacity)),
            Type::Int => Data::Int(Vec::with_capacity(capacity)),
            Type::Double => Data::Double(Vec::with_capacity(capacity)),
            Type::Float => Data::Float(Vec::with_capacity(capacity)),
            Type::Date => Data::Date(Vec::with_capacity(capacity)),
            Type::Timestamp => Data::Timestamp(Vec::with_capacity(capacity)),
            Type::Boolean => Data::Boolean(Vec::with_capacity(capacity)),
        }
    }

    fn push_default(&mut self) {
        match self {
            Data::Text { views, .. } => views.push(0),
            Data::Long(values) | Data::Timestamp(values) => values.push(0),
            Data::Int(values) | Data::Date(values) => values.push(0),
            Data::Double(values) => values.push(0.0),
            Data::Float(values) => values.push(0.0),
            Data::Boolean(values) => values.push(false),
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Data::Text { views, .. } => views.truncate(rows),
            Data::Long(values) | Data::Timestamp(values) => values.truncate(rows),
            Data::Int(values) | Data::Date(values) => values.truncate(rows),
            Data::Double(values) => values.truncate(rows),
            Data::Float(values) => values.truncate(rows),
            Data::Boolean(values) => values.truncate(rows),
        }
    }
}

/// Views of text.
mod view {
    use super::{Arc, ArrayRef, Buffer, NullBuffer, ScalarBuffer};
    use arrow::array::StringViewArray;

    /// At most twelve bytes lie in the view itself.
    #[inline(always)]
    pub(super) fn inline(text: &[u8]) -> u128 {
        let mut view = [0; 16];
        view[0] = text.len() as u8;
        view[4..4 + text.len()].copy_from_slice(text);
        u128::from_le_bytes(view)
    }

    /// More lie in a buffer at an offset, their first four in the view too.
    #[inline(always)]
    pub(super) fn outside(text: &[u8], buffer: u32, offset: usize) -> u128 {
        let prefix = u32::from_le_bytes([text[0], text[1], text[2], text[3]]);
        text.len() as u32 as u128
            | u128::from(prefix) << 32
            | u128::from(buffer) << 64
            | (offset as u128) << 96
    }

    /// Whether two views outside have the same length, beginning and buffer.
    #[inline(always)]
    pub(super) fn looks_like(one: u128, other: u128) -> bool {
        const OFFSET_BITS: u32 = 32;
        (one ^ other) << OFFSET_BITS == 0
    }

    /// Where the text of a view outside lies in its buffer.
    #[inline(always)]
    pub(super) fn place(view: u128) -> std::ops::Range<usize> {
        let start = (view >> 96) as usize;
        start..start + view as u32 as usize
    }

    /// The array of such views.
    #[allow(
        unsafe_code,
        reason = "checking every view again costs a third of the time to decode"
    )]
    pub(super) fn array(
        views: ScalarBuffer<u128>,
        buffers: Vec<Buffer>,
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        #[cfg(any(debug_assertions, test))]
        {
            let checked = StringViewArray::try_new(views.clone(), buffers.clone(), nulls.clone());
            assert!(checked.is_ok(), "{checked:?}");
        }
        // SAFETY: views are made by `inline` and `outside` alone, from text
        // that lies where they point: in the segment (buffer 0), which is
        // shorter than `SEGMENT_BYTES_MAX`, or in the copied bytes (buffer
        // 1), of which there are fewer than 4 GiB. That text is UTF-8: the
        // decoder checks the segment, or each object of a segment that is not
        // UTF-8 as a whole, before it commits a row, and strings end only at
        // ASCII bytes.
        Arc::new(unsafe { StringViewArray::new_unchecked(views, buffers, nulls) })
    }
}
