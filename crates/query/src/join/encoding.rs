//! Encodes join keys of any type as the texts and integers that the table indexes.
//!
//! [`super::rule`] chooses the encoding of a join; [`super::exec`] and
//! [`super::probe`] apply it to the keys of both sides. Texts and integers, the keys
//! of nearly all joins, stay as they are. Two values are encoded alike if and only
//! if DataFusion's own join finds them equal.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewBuilder, make_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use datafusion::common::NullEquality;
use datafusion::common::utils::normalize_float_zero;

/// The encoding of a join's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Keys are texts or integers and stay as they are; a null equals nothing.
    Plain,
    /// Each key column is encoded by itself; a null equals nothing.
    Each,
    /// All key columns are encoded as one text; a null equals a null.
    Together,
}

impl Encoding {
    /// The encoding for keys of these types; `None` where there is none.
    pub(super) fn of(types: &[DataType], null_equality: NullEquality) -> Option<Self> {
        let is_plain = |kind: &DataType| encoded_alone(kind) == Alone::AsItIs;
        let encoding = match null_equality {
            NullEquality::NullEqualsNull => Self::Together,
            NullEquality::NullEqualsNothing if types.iter().all(is_plain) => Self::Plain,
            NullEquality::NullEqualsNothing => Self::Each,
        };
        let is_row =
            |kind: &&DataType| encoding == Self::Together || encoded_alone(kind) == Alone::AsRow;
        let rows: Vec<SortField> = types
            .iter()
            .filter(is_row)
            .map(|kind| SortField::new(kind.clone()))
            .collect();
        RowConverter::supports_fields(&rows).then_some(encoding)
    }

    /// The types of encoded keys.
    pub(super) fn types(self, types: &[DataType]) -> Vec<DataType> {
        match self {
            Self::Plain => types.to_vec(),
            Self::Each => types.iter().map(type_of_encoded).collect(),
            Self::Together => vec![DataType::Utf8View],
        }
    }

    /// The keys of some rows, encoded.
    ///
    /// # Errors
    /// Those of converting values.
    pub(super) fn encode(self, keys: Vec<ArrayRef>) -> Result<Vec<ArrayRef>, ArrowError> {
        match self {
            Self::Plain => Ok(keys),
            Self::Each => keys.iter().map(encode_alone).collect(),
            Self::Together => {
                let keys: Vec<ArrayRef> = keys.iter().map(normalize_float_zero).collect();
                Ok(vec![as_rows(&keys, |_| false)?])
            }
        }
    }
}

/// The encoding of one key column by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Alone {
    AsItIs,
    /// A lossless cast to this type.
    Cast(DataType),
    /// The same bits as a number of this type.
    Bits(DataType),
    /// The bytes of Arrow's row format, as a text.
    AsRow,
}

fn encoded_alone(kind: &DataType) -> Alone {
    match kind {
        DataType::Utf8View | DataType::Int64 | DataType::Int32 => Alone::AsItIs,
        DataType::Utf8 | DataType::LargeUtf8 => Alone::Cast(DataType::Utf8View),
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::UInt8
        | DataType::UInt16 => Alone::Cast(DataType::Int32),
        kind => match kind.primitive_width() {
            Some(4) => Alone::Bits(DataType::Int32),
            Some(8) => Alone::Bits(DataType::Int64),
            _ => Alone::AsRow,
        },
    }
}

fn type_of_encoded(kind: &DataType) -> DataType {
    match encoded_alone(kind) {
        Alone::AsItIs => kind.clone(),
        Alone::Cast(other) | Alone::Bits(other) => other,
        Alone::AsRow => DataType::Utf8View,
    }
}

fn encode_alone(key: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match encoded_alone(key.data_type()) {
        Alone::AsItIs => Ok(Arc::clone(key)),
        Alone::Cast(other) => cast(key, &other),
        Alone::Bits(other) => {
            // Zeros of both signs are equal.
            let bits = normalize_float_zero(key).to_data().into_builder();
            Ok(make_array(bits.data_type(other).build()?))
        }
        Alone::AsRow => {
            let nulls = key.logical_nulls();
            let key = normalize_float_zero(key);
            let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            as_rows(&[key], is_null)
        }
    }
}

/// Rows in Arrow's row format as hexadecimal texts, null where `is_null` holds.
fn as_rows(columns: &[ArrayRef], is_null: impl Fn(usize) -> bool) -> Result<ArrayRef, ArrowError> {
    let fields = columns
        .iter()
        .map(|column| SortField::new(column.data_type().clone()));
    let rows = RowConverter::new(fields.collect())?.convert_columns(columns)?;
    let mut texts = StringViewBuilder::with_capacity(rows.num_rows());
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        if is_null(place) {
            texts.append_null();
            continue;
        }
        text.clear();
        for byte in row.data() {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        texts.append_value(&text);
    }
    Ok(Arc::new(texts.finish()))
}
