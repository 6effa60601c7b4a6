//! Builds rows into record batches: one array builder for each column.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, RecordBatchOptions, TimestampMillisecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::SchemaRef;

use super::convert::Value;
use super::text_view as view;
use crate::schema::{Spec, Type};

/// A batch ends early when it holds this many bytes of text, so that views can
/// address the text and memory stays bounded.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// Builds the rows of one segment.
pub(crate) struct RowBuilder<'a> {
    spec: &'a Spec,
    schema: &'a SchemaRef,
    columns: Vec<Column>,
    /// Complete rows since the last batch.
    rows: usize,
    /// Bytes of text since the last batch.
    text_bytes: usize,
    batches: Vec<RecordBatch>,
    /// Values converted in the current row.
    pub(crate) converted: u64,
    /// Whether the current row holds any value.
    has_values: bool,
    /// What the row filter says of the current row.
    kept: Kept,
    /// The last key that was looked up, and the result.
    last_key: Vec<u8>,
    last_kept: Kept,
}

/// The row filter's decision on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// The key has not been read yet, or is null.
    Unknown,
    Yes,
    /// The row is left out: its values need not be built.
    No,
}

struct Column {
    /// Whether the column is in the projection.
    projected: bool,
    data: Data,
    /// Rows that are null. Their slot in `data` holds a default.
    nulls: Vec<u32>,
}

enum Data {
    Text { views: Vec<u128>, text: Vec<u8> },
    Long(Vec<i64>),
    Int(Vec<i32>),
    Double(Vec<f64>),
    Float(Vec<f32>),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Boolean(Vec<bool>),
}

impl<'a> RowBuilder<'a> {
    pub(crate) fn new(
        spec: &'a Spec,
        schema: &'a SchemaRef,
        segment_bytes: usize,
    ) -> RowBuilder<'a> {
        // Growing step by step would copy data and touch memory again. A row has at
        // least some twenty bytes.
        let capacity = spec.limits.batch_rows.min(segment_bytes / 20);
        let mut columns: Vec<Column> = spec
            .schema
            .columns
            .iter()
            .map(|column| Column {
                projected: spec.projection.is_none(),
                data: Data::new(column.kind, capacity),
                nulls: Vec::new(),
            })
            .collect();
        for index in spec.projection.iter().flatten() {
            columns[*index].projected = true;
        }
        let mut rows = RowBuilder {
            spec,
            schema,
            columns,
            rows: 0,
            text_bytes: 0,
            batches: Vec::new(),
            converted: 0,
            has_values: false,
            kept: Kept::Unknown,
            last_kept: Kept::Unknown,
            last_key: Vec::new(),
        };
        rows.look_up(b"");
        rows
    }

    /// Appends unescaped text to a column. The text is copied, so that a batch does
    /// not keep the segment in memory. Readings of one person or device mostly
    /// follow each other, so equal text in consecutive rows is copied once. Such
    /// rows have the same view, which lets later operators detect a run of equal
    /// values without comparing the text.
    #[inline(always)]
    pub(crate) fn push_text(&mut self, index: usize, value: &[u8]) {
        if let Some(keep) = &self.spec.keep
            && keep.column == index
        {
            self.apply_filter(value);
        }
        let column = &mut self.columns[index];
        if !column.projected || self.kept == Kept::No {
            return;
        }
        self.has_values = true;
        if let Data::Text { views, text } = &mut column.data {
            if value.len() <= view::INLINE_BYTES_MAX {
                views.push(view::inline(value));
                return;
            }
            let view = view::in_buffer(value, text.len());
            let same = views.last().copied().filter(|last| {
                view::may_be_equal(*last, view)
                    && text
                        .get(view::range(*last))
                        .is_some_and(|before| equal(before, value))
            });
            if same.is_none() {
                text.extend_from_slice(value);
                self.text_bytes += value.len();
            }
            views.push(same.unwrap_or(view));
        }
    }

    /// Appends a value to a column that is not text.
    #[inline(always)]
    pub(crate) fn push_value(&mut self, index: usize, value: Value) {
        let rows = self.rows;
        let column = &mut self.columns[index];
        if !column.projected || self.kept == Kept::No {
            return;
        }
        self.has_values = true;
        match (&mut column.data, value) {
            (Data::Long(values), Value::Long(value)) => values.push(value),
            (Data::Double(values), Value::Double(value)) => values.push(value),
            (Data::Int(values), Value::Int(value)) => values.push(value),
            (Data::Float(values), Value::Float(value)) => values.push(value),
            (Data::Date(values), Value::Date(value)) => values.push(value),
            (Data::Timestamp(values), Value::Timestamp(value)) => values.push(value),
            (Data::Boolean(values), Value::Boolean(value)) => values.push(value),
            // Conversion returns values of the column's type, or nulls.
            (data, _) => {
                data.push_default();
                column.nulls.push(rows as u32);
            }
        }
    }

    /// Appends a null to a column.
    pub(crate) fn push_null(&mut self, index: usize) {
        self.push_value(index, Value::Null);
    }

    /// Whether the row filter keeps the current row, whose values are all known.
    #[inline(always)]
    pub(crate) fn is_kept(&self) -> bool {
        self.spec.keep.is_none() || self.kept == Kept::Yes
    }

    /// Applies the row filter to the key of the current row.
    #[inline(always)]
    fn apply_filter(&mut self, key: &[u8]) {
        // A device sends its readings one after the other: mostly the key is that
        // of the row before.
        if self.last_key != key {
            self.look_up(key);
        }
        self.kept = self.last_kept;
        if self.kept == Kept::No {
            self.discard_values();
        }
    }

    fn look_up(&mut self, key: &[u8]) {
        let keep = self.spec.keep.as_ref();
        let text = std::str::from_utf8(key).ok();
        let kept = keep
            .zip(text)
            .is_some_and(|(keep, text)| keep.keys.contains(text));
        self.last_kept = if kept { Kept::Yes } else { Kept::No };
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
    }

    /// Completes the current row.
    #[inline(always)]
    pub(crate) fn commit(&mut self) {
        self.rows += 1;
        self.begin_row();
        if self.rows >= self.spec.limits.batch_rows.max(1) || self.text_bytes >= TEXT_BYTES_MAX {
            self.flush();
        }
    }

    /// Discards the current row.
    #[inline(always)]
    pub(crate) fn rollback(&mut self) {
        self.discard_values();
        self.begin_row();
    }

    fn begin_row(&mut self) {
        self.converted = 0;
        self.has_values = false;
        self.kept = Kept::Unknown;
    }

    /// Removes the values of the current row, if it has any.
    #[inline(always)]
    fn discard_values(&mut self) {
        if std::mem::take(&mut self.has_values) {
            self.truncate();
        }
    }

    #[inline(never)]
    fn truncate(&mut self) {
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
    }

    fn flush(&mut self) {
        if self.rows == 0 {
            return;
        }
        let mut arrays: Vec<Option<ArrayRef>> = self
            .columns
            .iter_mut()
            .map(|column| column.projected.then(|| column.finish(self.rows)))
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
        self.text_bytes = 0;
    }

    pub(crate) fn finish(mut self) -> Vec<RecordBatch> {
        self.flush();
        self.batches
    }
}

impl Column {
    fn finish(&mut self, rows: usize) -> ArrayRef {
        let nulls = (!self.nulls.is_empty()).then(|| {
            let mut valid = vec![0xFF_u8; rows.div_ceil(8)];
            for row in self.nulls.drain(..) {
                valid[row as usize / 8] &= !(1 << (row % 8));
            }
            NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(valid), 0, rows))
        });
        match &mut self.data {
            Data::Text { views, text } => view::array(take(views).into(), take(text), nulls),
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

/// Whether two texts of the same length, longer than a view holds, are equal. Most
/// are so short that calling `memcmp` would cost more. They are compared in words,
/// the last of which may overlap the one before.
#[inline(always)]
fn equal(one: &[u8], other: &[u8]) -> bool {
    const WORD: usize = size_of::<u64>();
    let (words, others) = (one.as_chunks::<WORD>().0, other.as_chunks().0);
    one.last_chunk::<WORD>() == other.last_chunk()
        && words.iter().zip(others).all(|(word, other)| word == other)
}

/// Takes the values and reserves space for as many.
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
                text: Vec::new(),
            },
            Type::Long | Type::Millis | Type::Instant { .. } => {
                Data::Long(Vec::with_capacity(capacity))
            }
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
