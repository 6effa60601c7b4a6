//! Functions of all elements of an array, or of arrays side by side.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, StringViewArray, StructArray, UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use crate::nested::{element_type, item, list, list_of, one_list, ranges, rows_of};
use crate::typed::Typed;
use crate::udf::udf;

pub(crate) static FUNCTIONS: [Typed; 5] = [
    Typed {
        name: "cardinality",
        aliases: &[],
        written: "cardinality(array) or cardinality(map)",
        coerce: |given| match given {
            [map @ DataType::Map(..)] => Some(vec![map.clone()]),
            [list] => Some(vec![list_of(item(list)?.clone())]),
            _ => None,
        },
        returns: |_| DataType::Int64,
        call: cardinality,
    },
    Typed {
        name: "array_max",
        aliases: &[],
        written: "array_max(array)",
        coerce: one_list,
        returns: |given| element_type(&given[0]),
        call: |args, rows| extreme(args, rows, true),
    },
    Typed {
        name: "array_min",
        aliases: &[],
        written: "array_min(array)",
        coerce: one_list,
        returns: |given| element_type(&given[0]),
        call: |args, rows| extreme(args, rows, false),
    },
    Typed {
        name: "reverse",
        aliases: &[],
        written: "reverse(text) or reverse(array)",
        coerce: |given| match given {
            [text] if text.is_string() || text.is_null() => Some(vec![DataType::Utf8View]),
            _ => one_list(given),
        },
        returns: |given| given[0].clone(),
        call: reverse,
    },
    Typed {
        name: "zip",
        aliases: &[],
        written: "zip(array, array)",
        coerce: |given| {
            let lists = given.iter().map(|list| Some(list_of(item(list)?.clone())));
            lists
                .collect::<Option<Vec<_>>>()
                .filter(|lists| lists.len() > 1)
        },
        returns: |given| list_of(DataType::Struct(zipped(given))),
        call: zip,
    },
];

/// Numbers from 1 to the length of the longest of some arrays, for UNNEST WITH ORDINALITY.
static ORDINALS: Typed = Typed {
    name: "ordinals",
    aliases: &[],
    written: "ordinals(array)",
    coerce: |given| {
        given
            .iter()
            .map(|list| Some(list_of(item(list)?.clone())))
            .collect()
    },
    returns: |_| list_of(DataType::Int64),
    call: |args, rows| {
        let longest = |row: usize| {
            let lengths = args.iter().map(|arg| {
                let lists: &ListArray = arg.as_list();
                if lists.is_valid(row) {
                    lists.value_length(row) as usize
                } else {
                    0
                }
            });
            lengths.max().unwrap_or(0)
        };
        let lengths: Vec<usize> = (0..rows).map(longest).collect();
        let numbers = lengths.iter().flat_map(|length| 1..=*length as i64);
        let numbers: ArrayRef = Arc::new(numbers.collect::<Int64Array>());
        Ok(Arc::new(list(
            numbers,
            lengths,
            NullBuffer::new_valid(rows),
        )?))
    },
};

/// The function that numbers the elements of arrays; a statement does not name it.
pub fn ordinals() -> ScalarUDF {
    udf(&ORDINALS)
}

/// How many elements an array, or entries a map, has.
fn cardinality(args: &[ArrayRef], _: usize) -> Result<ArrayRef> {
    let (offsets, nulls) = match args[0].data_type() {
        DataType::Map(..) => (args[0].as_map().offsets(), args[0].nulls()),
        _ => (args[0].as_list::<i32>().offsets(), args[0].nulls()),
    };
    let lengths = offsets.lengths().map(|length| length as i64);
    Ok(Arc::new(Int64Array::new(lengths.collect(), nulls.cloned())))
}

/// The greatest or least element; null where one is null, or there is none.
fn extreme(args: &[ArrayRef], rows: usize, is_max: bool) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let elements = rows_of(lists.values())?;
    let mut places: Vec<Option<u32>> = Vec::with_capacity(rows);
    for range in ranges(lists) {
        let range = range.unwrap_or(0..0);
        let has_null = range.clone().any(|at| lists.values().is_null(at));
        let by = |at: &usize| elements.row(*at);
        let best = match is_max {
            true => range.max_by_key(by),
            false => range.min_by_key(by),
        };
        places.push(best.filter(|_| !has_null).map(|at| at as u32));
    }
    Ok(take(lists.values(), &UInt32Array::from(places), None)?)
}

fn reverse(args: &[ArrayRef], _: usize) -> Result<ArrayRef> {
    if let Some(texts) = args[0].as_string_view_opt() {
        let reversed = texts
            .iter()
            .map(|text| text.map(|text| text.chars().rev().collect::<String>()));
        return Ok(Arc::new(reversed.collect::<StringViewArray>()));
    }
    let lists: &ListArray = args[0].as_list();
    let (mut places, mut lengths) = (Vec::new(), Vec::new());
    for range in ranges(lists) {
        let range = range.unwrap_or(0..0);
        lengths.push(range.len());
        places.extend(range.rev().map(|at| at as u32));
    }
    let values = take(lists.values(), &UInt32Array::from(places), None)?;
    let nulls = lists.nulls().cloned();
    let nulls = nulls.unwrap_or_else(|| NullBuffer::new_valid(lists.len()));
    Ok(Arc::new(list(values, lengths, nulls)?))
}

/// The fields of the rows that `zip` makes.
fn zipped(lists: &[DataType]) -> Fields {
    let fields = lists.iter().enumerate();
    let field = |(at, list)| Field::new(format!("c{at}"), element_type(list), true);
    fields.map(field).collect()
}

/// Rows of the elements at the same place, with nulls for those of shorter arrays.
fn zip(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let lists: Vec<&ListArray> = args.iter().map(|arg| arg.as_list()).collect();
    let mut places: Vec<Vec<Option<u32>>> = vec![Vec::new(); lists.len()];
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let is_known = lists.iter().all(|list| list.is_valid(row));
        valid.push(is_known);
        let longest = lists
            .iter()
            .map(|list| list.value_length(row) as usize)
            .max();
        let length = longest.filter(|_| is_known).unwrap_or(0);
        for (list, places) in lists.iter().zip(&mut places) {
            let (start, end) = (list.value_offsets()[row], list.value_offsets()[row + 1]);
            let at = (0..length).map(|at| start as u32 + at as u32);
            places.extend(at.map(|at| (at < end as u32).then_some(at)));
        }
        lengths.push(length);
    }
    let columns = lists
        .iter()
        .zip(places)
        .map(|(list, places)| Ok(take(list.values(), &UInt32Array::from(places), None)?));
    let types: Vec<DataType> = args.iter().map(|arg| arg.data_type().clone()).collect();
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let pairs = StructArray::try_new(zipped(&types), columns, None)?;
    Ok(Arc::new(list(Arc::new(pairs), lengths, valid.into())?))
}
