//! Functions of maps.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, MapBuilder, StringViewBuilder, StructArray,
    UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;

use crate::fault::Fault;
use crate::nested::{entry, item, list_of, map_array, map_of};
use crate::strings::empty_delimiter;
use crate::typed::Typed;

pub(crate) static FUNCTIONS: [Typed; 5] = [
    Typed {
        name: "map",
        aliases: &[],
        written: "map(array_of_keys, array_of_values)",
        coerce: |given| match given {
            [keys, values] => Some(vec![
                list_of(item(keys)?.clone()),
                list_of(item(values)?.clone()),
            ]),
            _ => None,
        },
        returns: |given| match given {
            [keys, values] => map_of(element(keys), element(values)),
            _ => DataType::Null,
        },
        call: map,
    },
    Typed {
        name: "map_concat",
        aliases: &[],
        written: "map_concat(map, map)",
        coerce: |given| {
            let first = given.first()?;
            let is_same = |map: &DataType| entry(map).is_some() && map == first;
            (given.len() > 1 && given.iter().all(is_same)).then(|| given.to_vec())
        },
        returns: |given| match entry(&given[0]) {
            Some((key, value)) => map_of(key.clone(), value.clone()),
            None => DataType::Null,
        },
        call: map_concat,
    },
    Typed {
        name: "map_entries",
        aliases: &[],
        written: "map_entries(map)",
        coerce: |given| (given.len() == 1 && entry(&given[0]).is_some()).then(|| given.to_vec()),
        returns: |given| match entry(&given[0]) {
            Some((key, value)) => list_of(DataType::Struct(pair(key, value))),
            None => DataType::Null,
        },
        call: map_entries,
    },
    Typed {
        name: "map_from_entries",
        aliases: &[],
        written: "map_from_entries(array_of_rows_of_two)",
        coerce: |given| match given {
            [list] => match item(list)? {
                DataType::Struct(fields) if fields.len() == 2 => {
                    Some(vec![list_of(item(list)?.clone())])
                }
                _ => None,
            },
            _ => None,
        },
        returns: |given| match element(&given[0]) {
            DataType::Struct(fields) if fields.len() == 2 => {
                map_of(fields[0].data_type().clone(), fields[1].data_type().clone())
            }
            _ => DataType::Null,
        },
        call: map_from_entries,
    },
    Typed {
        name: "split_to_map",
        aliases: &[],
        written: "split_to_map(text, entry_delimiter, key_value_delimiter)",
        coerce: |given| {
            (given.len() == 3 && given.iter().all(DataType::is_string))
                .then(|| vec![DataType::Utf8View; 3])
        },
        returns: |_| texts(),
        call: split_to_map,
    },
];

/// map(varchar, varchar).
fn texts() -> DataType {
    map_of(DataType::Utf8View, DataType::Utf8View)
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

/// The type of an array's elements.
fn element(list: &DataType) -> DataType {
    item(list).cloned().unwrap_or(DataType::Null)
}

/// The fields of an entry as a row, which Trino gives no names.
fn pair(key: &DataType, value: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("c0", key.clone(), true),
        Field::new("c1", value.clone(), true),
    ])
}

/// A null array gives a null map; arrays of different lengths are an error.
fn map(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (keys, values): (&ListArray, &ListArray) = (args[0].as_list(), args[1].as_list());
    let (mut key_places, mut value_places) = (Vec::new(), Vec::new());
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let is_known = keys.is_valid(row) && values.is_valid(row);
        valid.push(is_known);
        if !is_known {
            lengths.push(0);
            continue;
        }
        if keys.value_length(row) != values.value_length(row) {
            return Err(Fault::new(
                "`map` was given arrays of different lengths",
                "write slice(array, 1, length) for the longer one",
            )
            .into());
        }
        let range = |list: &ListArray| {
            let offsets = list.value_offsets();
            offsets[row] as u32..offsets[row + 1] as u32
        };
        key_places.extend(range(keys));
        value_places.extend(range(values));
        lengths.push(keys.value_length(row) as usize);
    }
    map_array(
        take(keys.values(), &UInt32Array::from(key_places), None)?,
        take(values.values(), &UInt32Array::from(value_places), None)?,
        lengths,
        Some(&NullBuffer::from(valid)),
    )
}

/// Of equal keys, the value of the last map counts.
fn map_concat(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let maps: Vec<&MapArray> = args.iter().map(|arg| arg.as_map()).collect();
    let converter = RowConverter::new(vec![SortField::new(maps[0].key_type().clone())])?;
    let known = maps
        .iter()
        .map(|map| converter.convert_columns(std::slice::from_ref(map.keys())))
        .collect::<Result<Vec<_>, _>>()?;
    let mut places: Vec<(usize, usize)> = Vec::new();
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let is_known = maps.iter().all(|map| map.is_valid(row));
        valid.push(is_known);
        let start = places.len();
        let mut own: HashMap<_, usize> = HashMap::new();
        for (which, map) in maps.iter().enumerate().filter(|_| is_known) {
            let offsets = map.value_offsets();
            for at in offsets[row] as usize..offsets[row + 1] as usize {
                match own.entry(known[which].row(at)) {
                    Entry::Occupied(place) => places[*place.get()] = (which, at),
                    Entry::Vacant(place) => {
                        place.insert(places.len());
                        places.push((which, at));
                    }
                }
            }
        }
        lengths.push(places.len() - start);
    }
    let keys: Vec<&dyn Array> = maps.iter().map(|map| map.keys().as_ref()).collect();
    let values: Vec<&dyn Array> = maps.iter().map(|map| map.values().as_ref()).collect();
    map_array(
        interleave(&keys, &places)?,
        interleave(&values, &places)?,
        lengths,
        Some(&NullBuffer::from(valid)),
    )
}

fn map_entries(args: &[ArrayRef], _: usize) -> Result<ArrayRef> {
    let maps = args[0].as_map();
    let columns = vec![Arc::clone(maps.keys()), Arc::clone(maps.values())];
    let fields = pair(maps.key_type(), maps.value_type());
    let entries = StructArray::try_new(fields, columns, None)?;
    let field = Field::new_list_field(entries.data_type().clone(), true);
    Ok(Arc::new(ListArray::try_new(
        Arc::new(field),
        maps.offsets().clone(),
        Arc::new(entries),
        maps.nulls().cloned(),
    )?))
}

fn map_from_entries(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let pairs = lists.values().as_struct();
    let (mut places, mut lengths) = (Vec::new(), Vec::new());
    let offsets = lists.value_offsets();
    for row in 0..rows {
        let range = match lists.is_valid(row) {
            true => offsets[row] as u32..offsets[row + 1] as u32,
            false => 0..0,
        };
        if range.clone().any(|at| pairs.is_null(at as usize)) {
            return Err(Fault::new(
                "an entry of `map_from_entries` is null",
                "leave such entries out, by filter(array, x -> x IS NOT NULL)",
            )
            .into());
        }
        lengths.push(range.len());
        places.extend(range);
    }
    let places = UInt32Array::from(places);
    map_array(
        take(pairs.column(0), &places, None)?,
        take(pairs.column(1), &places, None)?,
        lengths,
        lists.nulls(),
    )
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
