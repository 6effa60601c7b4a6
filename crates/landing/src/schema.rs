//! What a landing table looks like and what a reader wants of it.
//!
//! The engine builds a [`Spec`] per scan out of a table's `CREATE EXTERNAL
//! TABLE` and the plan's projection, and hands it to [`crate::Decoder`].

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};

use crate::reject::Finder;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Text, as Arrow `Utf8View`.
    Text,
    /// A 64-bit integer.
    Long,
    /// An instant as epoch milliseconds, as a 64-bit integer. What is seconds,
    /// microseconds or nanoseconds of this century is refused.
    Millis,
    /// A 32-bit integer.
    Int,
    /// A 64-bit float.
    Double,
    /// A 32-bit float.
    Float,
    /// A calendar date, as Arrow `Date32`.
    Date,
    /// An instant in milliseconds without a zone (read as UTC), as Arrow
    /// `Timestamp(Millisecond, None)`.
    Timestamp,
    /// True or false.
    Boolean,
}

impl Type {
    /// The Arrow type that holds it.
    pub fn arrow(self) -> DataType {
        match self {
            Type::Text => DataType::Utf8View,
            Type::Long | Type::Millis => DataType::Int64,
            Type::Int => DataType::Int32,
            Type::Double => DataType::Float64,
            Type::Float => DataType::Float32,
            Type::Date => DataType::Date32,
            Type::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Type::Boolean => DataType::Boolean,
        }
    }
}

/// A column of a landing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The column's name in lower case. Keys match it whatever the case of
    /// their ASCII letters.
    pub name: String,
    /// What it holds.
    pub kind: Type,
    /// Whether an object without it (or with a null) is quarantined.
    pub required: bool,
}

impl Column {
    /// A column that may be absent.
    pub fn optional(name: impl Into<String>, kind: Type) -> Column {
        Column {
            name: name.into(),
            kind,
            required: false,
        }
    }

    /// A column every object must carry.
    pub fn required(name: impl Into<String>, kind: Type) -> Column {
        Column {
            name: name.into(),
            kind,
            required: true,
        }
    }
}

/// The columns of a landing table, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The columns. Names are unique.
    pub columns: Vec<Column>,
}

impl Schema {
    /// The Arrow schema of all columns; every field is nullable, also those of
    /// required columns, so that it is the one that SQL sees.
    pub fn arrow(&self) -> SchemaRef {
        self.project(0..self.columns.len())
    }

    /// The Arrow schema of the columns at `indices`, in that order.
    pub(crate) fn project(&self, indices: impl IntoIterator<Item = usize>) -> SchemaRef {
        let fields: Vec<Field> = indices
            .into_iter()
            .map(|i| Field::new(&self.columns[i].name, self.columns[i].kind.arrow(), true))
            .collect();
        Arc::new(arrow::datatypes::Schema::new(fields))
    }
}

/// How much of one object the reader is willing to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Objects longer than this many bytes are quarantined as `too_large` and
    /// never held whole.
    pub object_bytes_max: usize,
    /// Objects nested deeper than this are quarantined as `too_deep`; the
    /// object itself is level 1. At most 128, greater values count as 128.
    pub depth_max: usize,
    /// Rows per record batch, at most.
    pub batch_rows: usize,
    /// What is quarantined and longer than this many bytes is described by its
    /// hash instead of its bytes.
    pub quarantine_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            object_bytes_max: 16 << 20,
            depth_max: 64,
            batch_rows: 8192,
            quarantine_bytes_max: 64 << 10,
        }
    }
}

/// Keys that a join or a filter keeps.
pub trait KeySet: Send + Sync + fmt::Debug {
    /// Whether rows with this text, as it stands in the file, are kept.
    fn contains(&self, text: &str) -> bool;
}

/// Keep only the rows whose text column is in a set of keys. Other rows are
/// checked like any row, then dropped without being built and counted in
/// [`crate::Tally::filtered`]. A null is in no set.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Index of the column among [`Schema::columns`]; it must be
    /// [`Type::Text`], and need not be projected.
    pub column: usize,
    /// The keys.
    pub keys: Arc<dyn KeySet>,
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The table's columns. All of them are checked, so that which rows there
    /// are never depends on the projection.
    pub schema: Arc<Schema>,
    /// Columns to build, in this order; `None` builds all.
    pub projection: Option<Vec<usize>>,
    /// Which rows to keep; `None` keeps all.
    pub keep: Option<Keep>,
    /// Limits on objects and batches.
    pub limits: Limits,
    /// What looks into rejected bytes that are not kept.
    pub finder: Option<Arc<dyn Finder>>,
}

impl Spec {
    /// All columns and all rows of a table, with the default limits.
    pub fn all(schema: Arc<Schema>) -> Spec {
        Spec {
            schema,
            projection: None,
            keep: None,
            limits: Limits::default(),
            finder: None,
        }
    }
}
