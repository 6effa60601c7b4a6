//! Columns of a landing table, and the specification of a read.
//!
//! `query` builds a [`Spec`] for each scan from the table's `CREATE EXTERNAL TABLE`
//! and the projection of the plan, and passes it to [`crate::Decoder`].

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};

use crate::reject::Finder;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Text, as Arrow `Utf8View`.
    Text,
    /// A 64-bit integer.
    Long,
    /// An instant as epoch milliseconds, as a 64-bit integer. Values that are
    /// seconds, microseconds or nanoseconds of this century are rejected.
    Millis,
    /// An instant in any spelling that [`Type::Timestamp`] accepts, as epoch
    /// milliseconds in a 64-bit integer.
    Instant {
        /// Whether values are rejected that [`Type::Millis`] rejects.
        is_checked: bool,
    },
    /// A 32-bit integer.
    Int,
    /// A 64-bit float.
    Double,
    /// A 32-bit float.
    Float,
    /// A calendar date, as Arrow `Date32`.
    Date,
    /// An instant in milliseconds without a time zone (read as UTC), as Arrow
    /// `Timestamp(Millisecond, None)`.
    Timestamp,
    /// True or false.
    Boolean,
}

impl Type {
    /// The Arrow type of its values.
    pub fn arrow(self) -> DataType {
        match self {
            Type::Text => DataType::Utf8View,
            Type::Long | Type::Millis | Type::Instant { .. } => DataType::Int64,
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
    /// Name in lower case.
    pub name: String,
    /// The keys of objects whose values it takes.
    pub key: Key,
    /// Type of its values.
    pub kind: Type,
    /// Whether objects in which it is absent or null are quarantined.
    pub required: bool,
    /// Whether an object is quarantined if the column does not accept its value.
    /// Otherwise the value alone is quarantined, as a misfit, and is null in the
    /// row.
    pub is_strict: bool,
}

/// Which keys of objects a column takes its values from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// This key, regardless of the case of ASCII letters.
    AnyCase(String),
    /// This key and no other spelling.
    Exact(String),
    /// None: the column is null in all rows.
    None,
}

impl Key {
    /// Whether it is this key.
    #[inline]
    pub fn is(&self, key: &[u8]) -> bool {
        match self {
            Key::AnyCase(own) => own.as_bytes().eq_ignore_ascii_case(key),
            Key::Exact(own) => own.as_bytes() == key,
            Key::None => false,
        }
    }
}

impl Column {
    /// A column that may be absent, under its name in any letter case. Values that
    /// it does not accept are null.
    pub fn optional(name: impl Into<String>, kind: Type) -> Column {
        let name = name.into();
        Column {
            key: Key::AnyCase(name.clone()),
            name,
            kind,
            required: false,
            is_strict: false,
        }
    }

    /// As [`Column::optional`]; an object with a value that the column does not
    /// accept is quarantined.
    pub fn strict(name: impl Into<String>, kind: Type) -> Column {
        Column {
            is_strict: true,
            ..Column::optional(name, kind)
        }
    }

    /// As [`Column::strict`], for a column that every object must have.
    pub fn required(name: impl Into<String>, kind: Type) -> Column {
        Column {
            required: true,
            ..Column::strict(name, kind)
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
    /// The Arrow schema of all columns, as SQL sees it: every field is nullable,
    /// those of required columns included.
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

/// Limits on objects, batches and quarantined bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Objects longer than this many bytes are quarantined as `too_large` and
    /// never held whole.
    pub object_bytes_max: usize,
    /// Objects nested deeper than this are quarantined as `too_deep`; the object
    /// itself is level 1. At most 128; greater values count as 128.
    pub depth_max: usize,
    /// Maximum number of rows of a record batch.
    pub batch_rows: usize,
    /// Of rejected stretches longer than this many bytes, only a hash is kept.
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

/// A set of keys, given by a join or a filter.
pub trait KeySet: Send + Sync + fmt::Debug {
    /// Whether rows with this key are kept. `text` is the value as the file has it.
    fn contains(&self, text: &str) -> bool;
}

/// Row filter: keeps only rows whose key is in a set. Other objects are checked
/// like any object, but not built, and counted in [`crate::Tally::filtered`]. A
/// null is in no set.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Index of the key column in [`Schema::columns`]. The column must be
    /// [`Type::Text`] and need not be projected.
    pub column: usize,
    /// The keys.
    pub keys: Arc<dyn KeySet>,
}

/// What a decoder reads: table, projection, row filter and limits.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The table's columns. All of them are checked, so that the projection never
    /// decides which objects are rows.
    pub schema: Arc<Schema>,
    /// Indices of the columns to build, in this order; `None` builds all.
    pub projection: Option<Vec<usize>>,
    /// The row filter; `None` keeps all rows.
    pub keep: Option<Keep>,
    /// Limits on objects and batches.
    pub limits: Limits,
    /// Searches rejected bytes of which only a hash is kept.
    pub finder: Option<Arc<dyn Finder>>,
}

impl Spec {
    /// Reads all columns and all rows of a table, with the default limits.
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
