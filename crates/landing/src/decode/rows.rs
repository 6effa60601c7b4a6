//! The rows being built: one builder per column, and the batches done.

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
/// address them and memory stays bounded.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// Builds the rows of one segment.
pub(crate) struct Rows<'a> {
    spec: &'a Spec,
    schema: &'a SchemaRef,
    columns: Vec<Column>,
    /// Complete rows since the last batch.
    rows: usize,
    /// Bytes of text since the last batch.
    text_bytes: usize,
    batches: Vec<RecordBatch>,
    /// Values converted in the row being built.
    pub(crate) converted: u64,
    /// Whether the row being built holds any value.
    begun: bool,
    /// What is known of the row being built by the column of [`crate::Keep`].
    kept: Kept,
    /// The last key asked for, and whether it is kept.
    last_key: Vec<u8>,
    last_kept: Kept,
}

/// Whether a row is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// Its key has not come yet, or is null.
    Unknown,
    Yes,
    /// Its values need not be built.
    No,
}

struct Column {
    /// Whether the projection wants it.
    built: bool,
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

impl<'a> Rows<'a> {
    pub(crate) fn new(spec: &'a Spec, schema: &'a SchemaRef, segment_bytes: usize) -> Rows<'a> {
        // Growing step by step would copy and touch memory again; a row has
        // some twenty bytes at least.
        let capacity = spec.limits.batch_rows.min(segment_bytes / 20);
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
        let mut rows = Rows {
            spec,
            schema,
            columns,
            rows: 0,
            text_bytes: 0,
            batches: Vec::new(),
            converted: 0,
            begun: false,
            kept: Kept::Unknown,
            last_kept: Kept::Unknown,
            last_key: Vec::new(),
        };
        rows.look_up(b"");
        rows
    }

    /// The text of a column, without escapes. It is copied, so that nobody who
    /// holds a batch holds the segment: readings of one person or device mostly
    /// follow each other, and equal text in a row is copied once. Its rows have
    /// the same view, by which whoever comes next tells a run of equal values
    /// without looking at the text.
    #[inline(always)]
    pub(crate) fn text(&mut self, index: usize, value: &[u8]) {
        if let Some(keep) = &self.spec.keep
            && keep.column == index
        {
            self.decide(value);
        }
        let column = &mut self.columns[index];
        if !column.built || self.kept == Kept::No {
            return;
        }
        self.begun = true;
        if let Data::Text { views, text } = &mut column.data {
            if value.len() <= view::INLINE_BYTES_MAX {
                views.push(view::inline(value));
                return;
            }
            let view = view::outside(value, text.len());
            let same = views.last().copied().filter(|last| {
                view::looks_like(*last, view)
                    && text
                        .get(view::place(*last))
                        .is_some_and(|before| equal(before, value))
            });
            if same.is_none() {
                text.extend_from_slice(value);
                self.text_bytes += value.len();
            }
            views.push(same.unwrap_or(view));
        }
    }

    /// The value of a column that is not text.
    #[inline(always)]
    pub(crate) fn value(&mut self, index: usize, value: Value) {
        let rows = self.rows;
        let column = &mut self.columns[index];
        if !column.built || self.kept == Kept::No {
            return;
        }
        self.begun = true;
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

    /// Whether the row being built, which has all its values, is kept.
    #[inline(always)]
    pub(crate) fn is_kept(&self) -> bool {
        self.spec.keep.is_none() || self.kept == Kept::Yes
    }

    /// Decides by its key whether the row being built is kept.
    #[inline(always)]
    fn decide(&mut self, key: &[u8]) {
        // A device sends its readings one after the other: mostly the key is
        // that of the row before.
        if self.last_key != key {
            self.look_up(key);
        }
        self.kept = self.last_kept;
        if self.kept == Kept::No {
            self.give_up();
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

    /// The row is complete.
    #[inline(always)]
    pub(crate) fn commit(&mut self) {
        self.rows += 1;
        self.begin();
        if self.rows >= self.spec.limits.batch_rows.max(1) || self.text_bytes >= TEXT_BYTES_MAX {
            self.flush();
        }
    }

    /// The row is given up.
    #[inline(always)]
    pub(crate) fn rollback(&mut self) {
        self.give_up();
        self.begin();
    }

    fn begin(&mut self) {
        self.converted = 0;
        self.begun = false;
        self.kept = Kept::Unknown;
    }

    /// Takes the values of the row being built away, if it has any yet.
    #[inline(always)]
    fn give_up(&mut self) {
        if std::mem::take(&mut self.begun) {
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
            .map(|column| column.built.then(|| column.finish(self.rows)))
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

/// Whether two texts of one length, longer than a view holds, are the same.
/// Short enough mostly that calling out to compare memory would cost more: in
/// words, the last of which may overlap the one before.
#[inline(always)]
fn equal(one: &[u8], other: &[u8]) -> bool {
    const WORD: usize = size_of::<u64>();
    let (words, others) = (one.as_chunks::<WORD>().0, other.as_chunks().0);
    one.last_chunk::<WORD>() == other.last_chunk()
        && words.iter().zip(others).all(|(word, other)| word == other)
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
                text: Vec::new(),
            },
            Type::Long | Type::Millis => Data::Long(Vec::with_capacity(capacity)),
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
