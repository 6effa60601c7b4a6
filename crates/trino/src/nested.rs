//! Arrays and maps as Arrow holds them: their types, their parts, and how they are made.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, GenericListArray, ListArray, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;

use crate::fault::Fault;

/// What one array may hold, made from a number alone.
pub(crate) const LENGTH_MAX: i64 = 10_000;

/// What all arrays of a batch may hold together, made from numbers alone.
pub(crate) const TOTAL_MAX: usize = 8_000_000;

/// The type of an array's elements.
pub(crate) fn item(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

/// The type of what an array or a map holds.
pub(crate) fn element_type(of: &DataType) -> DataType {
    let value = entry(of).map(|(_, value)| value);
    value.or(item(of)).cloned().unwrap_or(DataType::Null)
}

pub(crate) fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

/// Values as bytes that are equal if the values are.
pub(crate) fn rows_of(array: &ArrayRef) -> Result<arrow::row::Rows> {
    let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
    Ok(converter.convert_columns(std::slice::from_ref(array))?)
}

/// Where the elements of each array begin and end among all elements.
pub(crate) fn ranges(lists: &ListArray) -> impl Iterator<Item = Option<Range<usize>>> {
    let offsets = lists.offsets();
    (0..lists.len()).map(move |row| {
        lists
            .is_valid(row)
            .then(|| offsets[row] as usize..offsets[row + 1] as usize)
    })
}

pub(crate) fn too_long() -> Fault {
    Fault::new(
        format!("an array of more than {LENGTH_MAX} elements would be made of a number"),
        "make a shorter one",
    )
}

pub(crate) fn list(values: ArrayRef, lengths: Vec<usize>, nulls: NullBuffer) -> Result<ListArray> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(GenericListArray::try_new(
        field,
        offsets,
        values,
        Some(nulls),
    )?)
}

pub(crate) fn one_list(given: &[DataType]) -> Option<Vec<DataType>> {
    match given {
        [list] => Some(vec![list_of(item(list)?.clone())]),
        _ => None,
    }
}

/// The type of a map.
pub(crate) fn map_of(key: DataType, value: DataType) -> DataType {
    let fields = vec![
        Field::new("keys", key, false),
        Field::new("values", value, true),
    ];
    let entries = Field::new("entries", DataType::Struct(fields.into()), false);
    DataType::Map(Arc::new(entries), false)
}

/// The types of a map's keys and values.
pub(crate) fn entry(map: &DataType) -> Option<(&DataType, &DataType)> {
    match map {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                Some((fields[0].data_type(), fields[1].data_type()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Maps of entries that follow each other.
///
/// # Errors
/// [`Fault`] for a null key, and for two equal keys of a map.
pub(crate) fn map_array(
    keys: ArrayRef,
    values: ArrayRef,
    lengths: Vec<usize>,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef> {
    if keys.null_count() > 0 || *keys.data_type() == DataType::Null && !keys.is_empty() {
        return Err(Fault::new(
            "a key of a map is null",
            "leave such entries out, or write coalesce(key, ...)",
        )
        .into());
    }
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let known = converter.convert_columns(std::slice::from_ref(&keys))?;
    let mut first = 0;
    for length in &lengths {
        let mut seen = std::collections::HashSet::with_capacity(*length);
        if !(first..first + length).all(|at| seen.insert(known.row(at))) {
            return Err(Fault::new(
                "two keys of a map are equal",
                "write map_agg, multimap_agg or map_concat, which take equal keys",
            )
            .into());
        }
        first += length;
    }
    let DataType::Map(field, _) = map_of(keys.data_type().clone(), values.data_type().clone())
    else {
        return Err(Fault::new("this is no map", "write map(keys, values)").into());
    };
    let fields = match field.data_type() {
        DataType::Struct(fields) => fields.clone(),
        _ => Fields::empty(),
    };
    Ok(Arc::new(MapArray::try_new(
        field,
        OffsetBuffer::from_lengths(lengths),
        StructArray::try_new(fields, vec![keys, values], None)?,
        nulls.cloned(),
        false,
    )?))
}
