//! Functions of maps.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapBuilder, StringViewBuilder, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;

use crate::fault::Fault;
use crate::strings::empty_delimiter;
use crate::typed::Typed;

pub(crate) static FUNCTIONS: [Typed; 1] = [Typed {
    name: "split_to_map",
    aliases: &[],
    written: "split_to_map(text, entry_delimiter, key_value_delimiter)",
    coerce: |given| {
        (given.len() == 3 && given.iter().all(DataType::is_string))
            .then(|| vec![DataType::Utf8View; 3])
    },
    returns: |_| texts(),
    call: split_to_map,
}];

/// map(varchar, varchar).
fn texts() -> DataType {
    let fields = vec![
        Field::new("keys", DataType::Utf8View, false),
        Field::new("values", DataType::Utf8View, true),
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

/// The value of a key. A key that the map does not have gives null, or an error where it
/// `must_be_there`.
pub(crate) fn element_at(args: &[ArrayRef], rows: usize, must_be_there: bool) -> Result<ArrayRef> {
    let maps = args[0].as_map();
    let converter = RowConverter::new(vec![SortField::new(args[1].data_type().clone())])?;
    let known = converter.convert_columns(std::slice::from_ref(maps.keys()))?;
    let wanted = converter.convert_columns(std::slice::from_ref(&args[1]))?;
    let mut places = Vec::with_capacity(rows);
    for row in 0..rows {
        if maps.is_null(row) || args[1].is_null(row) {
            places.push(None);
            continue;
        }
        let offsets = maps.value_offsets();
        let mut entries = offsets[row] as usize..offsets[row + 1] as usize;
        let found = entries.find(|at| known.row(*at) == wanted.row(row));
        if found.is_none() && must_be_there {
            return Err(Fault::new(
                "a map has no such key",
                "write element_at(map, key) for null in its place",
            )
            .into());
        }
        places.push(found.map(|at| at as u32));
    }
    Ok(take(maps.values(), &UInt32Array::from(places), None)?)
}

fn split_to_map(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let columns = [0, 1, 2].map(|at| args[at].as_string_view());
    let names = arrow::array::MapFieldNames {
        entry: "entries".to_owned(),
        key: "keys".to_owned(),
        value: "values".to_owned(),
    };
    let mut out = MapBuilder::new(
        Some(names),
        StringViewBuilder::new(),
        StringViewBuilder::new(),
    );
    for row in 0..rows {
        if columns.iter().any(|column| column.is_null(row)) {
            out.append(false)?;
            continue;
        }
        let [text, between_entries, between] = columns.map(|column| column.value(row));
        if between_entries.is_empty() || between.is_empty() {
            return Err(empty_delimiter("split_to_map").into());
        }
        let mut known = std::collections::HashSet::new();
        for part in text.split(between_entries).filter(|part| !part.is_empty()) {
            let Some((key, value)) = part.split_once(between) else {
                return Err(Fault::new(
                    "an entry of `split_to_map` has no delimiter between key and value",
                    "leave such rows out, or write TRY(...) for null in their place",
                )
                .into());
            };
            if !known.insert(key) {
                return Err(Fault::new(
                    "two entries of `split_to_map` have one key",
                    "leave such rows out, or write TRY(...) for null in their place",
                )
                .into());
            }
            out.keys().append_value(key);
            out.values().append_value(value);
        }
        out.append(true)?;
    }
    Ok(Arc::new(out.finish()))
}
