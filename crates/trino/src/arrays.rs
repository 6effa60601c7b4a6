//! Functions of arrays. Positions count from 1.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, MutableArrayData,
    StringViewArray, UInt32Array, make_array, make_comparator,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{SortOptions, sort_to_indices, take};
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use crate::fault::Fault;
use crate::nested::{
    LENGTH_MAX, TOTAL_MAX, element_type, entry, item, list, list_of, ranges, rows_of, too_long,
};
use crate::typed::Typed;
use crate::udf::udf;

pub(crate) static FUNCTIONS: [Typed; 10] = [
    Typed {
        name: "contains",
        aliases: &[],
        written: "contains(array, element)",
        coerce: list_and_element,
        returns: |_| DataType::Boolean,
        call: contains,
    },
    Typed {
        name: "array_position",
        aliases: &[],
        written: "array_position(array, element)",
        coerce: list_and_element,
        returns: |_| DataType::Int64,
        call: position,
    },
    Typed {
        name: "element_at",
        aliases: &[],
        written: "element_at(array, index) or element_at(map, key)",
        coerce: |given| match given {
            [list, index] if index.is_integer() => {
                Some(vec![list_of(item(list)?.clone()), DataType::Int64])
            }
            [map @ DataType::Map(..), _] => Some(vec![map.clone(), entry(map)?.0.clone()]),
            _ => None,
        },
        returns: |given| element_type(&given[0]),
        call: |args, rows| match args[0].data_type() {
            DataType::Map(..) => crate::maps::element_at(args, rows, false),
            _ => element(args, rows, false),
        },
    },
    Typed {
        name: "subscript",
        aliases: &[],
        written: "array[index] or map[key]",
        coerce: |given| match given {
            [map @ DataType::Map(..), _] => Some(vec![map.clone(), entry(map)?.0.clone()]),
            [list, index] if index.is_integer() => {
                Some(vec![list_of(item(list)?.clone()), DataType::Int64])
            }
            _ => None,
        },
        returns: |given| element_type(&given[0]),
        call: |args, rows| match args[0].data_type() {
            DataType::Map(..) => crate::maps::element_at(args, rows, true),
            _ => element(args, rows, true),
        },
    },
    Typed {
        name: "array_join",
        aliases: &[],
        written: "array_join(array, delimiter) or array_join(array, delimiter, null_replacement)",
        coerce: |given| match given {
            [list, delimiter] if delimiter.is_string() => {
                Some(vec![list_of(joined(item(list)?)?), DataType::Utf8View])
            }
            [list, delimiter, replacement] if delimiter.is_string() && replacement.is_string() => {
                Some(vec![
                    list_of(joined(item(list)?)?),
                    DataType::Utf8View,
                    DataType::Utf8View,
                ])
            }
            _ => None,
        },
        returns: |_| DataType::Utf8View,
        call: join,
    },
    Typed {
        name: "arrays_overlap",
        aliases: &[],
        written: "arrays_overlap(array, array)",
        coerce: |given| match given {
            [one, other] => {
                let item = comparison_coercion(item(one)?, item(other)?)?;
                Some(vec![list_of(item.clone()), list_of(item)])
            }
            _ => None,
        },
        returns: |_| DataType::Boolean,
        call: overlap,
    },
    Typed {
        name: "slice",
        aliases: &[],
        written: "slice(array, start, length)",
        coerce: |given| match given {
            [list, start, length] if start.is_integer() && length.is_integer() => Some(vec![
                list_of(item(list)?.clone()),
                DataType::Int64,
                DataType::Int64,
            ]),
            _ => None,
        },
        returns: |given| given[0].clone(),
        call: slice,
    },
    Typed {
        name: "trim_array",
        aliases: &[],
        written: "trim_array(array, count)",
        coerce: |given| match given {
            [list, count] if count.is_integer() => {
                Some(vec![list_of(item(list)?.clone()), DataType::Int64])
            }
            _ => None,
        },
        returns: |given| given[0].clone(),
        call: trim,
    },
    Typed {
        name: "array_sort",
        aliases: &[],
        written: "array_sort(array)",
        coerce: |given| match given {
            [list] => Some(vec![list_of(item(list)?.clone())]),
            _ => None,
        },
        returns: |given| given[0].clone(),
        call: sort,
    },
    Typed {
        name: "ngrams",
        aliases: &[],
        written: "ngrams(array(varchar), n)",
        coerce: |given| match given {
            [list, count] if item(list)?.is_string() && count.is_integer() => {
                Some(vec![list_of(DataType::Utf8View), DataType::Int64])
            }
            _ => None,
        },
        returns: |_| list_of(list_of(DataType::Utf8View)),
        call: ngrams,
    },
];

/// The function of `array[index]` and `map[key]`.
pub fn subscript() -> ScalarUDF {
    named("subscript")
}

/// The function `array_join(array, delimiter)`.
pub fn array_join() -> ScalarUDF {
    named("array_join")
}

fn named(name: &str) -> ScalarUDF {
    match FUNCTIONS.iter().find(|function| function.name == name) {
        Some(function) => udf(function),
        None => unreachable!("the table above lists it"),
    }
}

/// An array, and a value of the type of its elements.
fn list_and_element(given: &[DataType]) -> Option<Vec<DataType>> {
    match given {
        [list, element] => {
            let item = comparison_coercion(item(list)?, element)?;
            Some(vec![list_of(item.clone()), item])
        }
        _ => None,
    }
}

/// The one type that arrays of several types are brought to.
pub(crate) fn common_list(given: &[DataType]) -> Option<DataType> {
    let mut items = given.iter().map(item);
    let first = items.next()??.clone();
    let common = items.try_fold(first, |common, next| comparison_coercion(&common, next?))?;
    Some(list_of(common))
}

/// Elements that `array_join` writes as text.
fn joined(item: &DataType) -> Option<DataType> {
    (item.is_string()
        || item.is_numeric()
        || item.is_temporal()
        || matches!(item, DataType::Boolean | DataType::Null))
    .then_some(DataType::Utf8View)
}

/// True if an element is equal, null if none is and one is null.
fn contains(args: &[ArrayRef], _: usize) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let (elements, wanted) = (rows_of(lists.values())?, rows_of(&args[1])?);
    let found = ranges(lists).enumerate().map(|(row, range)| {
        let range = range.filter(|_| args[1].is_valid(row))?;
        let mut has_null = false;
        for at in range {
            match lists.values().is_null(at) {
                true => has_null = true,
                false if elements.row(at) == wanted.row(row) => return Some(true),
                false => {}
            }
        }
        (!has_null).then_some(false)
    });
    Ok(Arc::new(found.collect::<BooleanArray>()))
}

/// The position of the first equal element; 0 if there is none.
fn position(args: &[ArrayRef], _: usize) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let (elements, wanted) = (rows_of(lists.values())?, rows_of(&args[1])?);
    let found = ranges(lists).enumerate().map(|(row, range)| {
        let mut range = range.filter(|_| args[1].is_valid(row))?;
        let start = range.start;
        let is_it =
            |at: &usize| lists.values().is_valid(*at) && elements.row(*at) == wanted.row(row);
        Some(range.find(is_it).map_or(0, |at| (at - start) as i64 + 1))
    });
    Ok(Arc::new(found.collect::<Int64Array>()))
}

/// The element at an index. A negative one counts from the end where a function is
/// called; a subscript must be one that the array has.
fn element(args: &[ArrayRef], rows: usize, is_subscript: bool) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let indices = args[1].as_primitive::<Int64Type>();
    let mut places: Vec<Option<u32>> = Vec::with_capacity(rows);
    for (row, range) in ranges(lists).enumerate() {
        let Some(range) = range.filter(|_| indices.is_valid(row)) else {
            places.push(None);
            continue;
        };
        let (index, length) = (indices.value(row), range.len() as i64);
        let place = match index {
            0 => return Err(Fault::new("an array index is 0", "indices count from 1").into()),
            1.. if index <= length => Some(range.start + index as usize - 1),
            ..0 if !is_subscript && index >= -length => {
                Some(range.end - index.unsigned_abs() as usize)
            }
            _ if is_subscript => {
                return Err(Fault::new(
                    "an array has no element at that index",
                    "write element_at(array, index) for null in its place",
                )
                .into());
            }
            _ => None,
        };
        places.push(place.map(|place| place as u32));
    }
    Ok(take(lists.values(), &UInt32Array::from(places), None)?)
}

/// Nulls are left out, or written as the replacement.
fn join(args: &[ArrayRef], _: usize) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let elements = lists.values().as_string_view();
    let delimiters = args[1].as_string_view();
    let replacements = args.get(2).map(|arg| arg.as_string_view());
    let texts = ranges(lists).enumerate().map(|(row, range)| {
        let range = range.filter(|_| delimiters.is_valid(row))?;
        let replacement = match replacements {
            None => None,
            Some(texts) if texts.is_null(row) => return None,
            Some(texts) => Some(texts.value(row)),
        };
        let texts = range.filter_map(|at| match elements.is_valid(at) {
            true => Some(elements.value(at)),
            false => replacement,
        });
        Some(texts.collect::<Vec<_>>().join(delimiters.value(row)))
    });
    Ok(Arc::new(texts.collect::<StringViewArray>()))
}

/// True if both have an element; null if neither has one in common and one has a null.
fn overlap(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (one, other): (&ListArray, &ListArray) = (args[0].as_list(), args[1].as_list());
    let converter = RowConverter::new(vec![SortField::new(one.values().data_type().clone())])?;
    let left = converter.convert_columns(std::slice::from_ref(one.values()))?;
    let right = converter.convert_columns(std::slice::from_ref(other.values()))?;
    let pairs = ranges(one).zip(ranges(other)).take(rows);
    let found = pairs.map(|(mine, theirs)| {
        let (mine, theirs) = (mine?, theirs?);
        let known: HashSet<_> = mine
            .clone()
            .filter(|at| one.values().is_valid(*at))
            .map(|at| left.row(at))
            .collect();
        if theirs
            .clone()
            .any(|at| other.values().is_valid(at) && known.contains(&right.row(at)))
        {
            return Some(true);
        }
        let is_empty = mine.is_empty() || theirs.is_empty();
        let has_null = mine.clone().any(|at| one.values().is_null(at))
            || theirs.clone().any(|at| other.values().is_null(at));
        (is_empty || !has_null).then_some(false)
    });
    Ok(Arc::new(found.collect::<BooleanArray>()))
}

/// Lists of ranges of the elements of `lists`.
fn of_ranges(lists: &ListArray, ranges: &[Option<std::ops::Range<usize>>]) -> Result<ArrayRef> {
    let data = lists.values().to_data();
    let mut values = MutableArrayData::new(vec![&data], true, data.len());
    for range in ranges.iter().flatten() {
        values.try_extend(0, range.start, range.end)?;
    }
    let lengths = ranges
        .iter()
        .map(|range| range.as_ref().map_or(0, ExactSizeIterator::len));
    let valid: NullBuffer = ranges
        .iter()
        .map(Option::is_some)
        .collect::<Vec<_>>()
        .into();
    Ok(Arc::new(list(
        make_array(values.freeze()),
        lengths.collect(),
        valid,
    )?))
}

/// A negative start counts from the end; a start outside of the array gives none.
fn slice(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let (starts, lengths) = (
        args[1].as_primitive::<Int64Type>(),
        args[2].as_primitive::<Int64Type>(),
    );
    let mut found = Vec::with_capacity(rows);
    for (row, range) in ranges(lists).enumerate() {
        let Some(range) = range.filter(|_| starts.is_valid(row) && lengths.is_valid(row)) else {
            found.push(None);
            continue;
        };
        let (start, length) = (starts.value(row), lengths.value(row));
        if start == 0 || length < 0 {
            return Err(Fault::new(
                "the start of `slice` is 0, or its length negative",
                "elements count from 1, or from -1 from the end",
            )
            .into());
        }
        let from = match start > 0 {
            true => range.start as i128 + i128::from(start) - 1,
            false => range.end as i128 + i128::from(start),
        };
        let is_within = (range.start as i128..range.end as i128).contains(&from);
        found.push(Some(match is_within {
            true => {
                let end = (from + i128::from(length)).min(range.end as i128);
                from as usize..end as usize
            }
            false => range.start..range.start,
        }));
    }
    of_ranges(lists, &found)
}

/// Without so many elements of the end.
fn trim(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let counts = args[1].as_primitive::<Int64Type>();
    let mut found = Vec::with_capacity(rows);
    for (row, range) in ranges(lists).enumerate() {
        let Some(range) = range.filter(|_| counts.is_valid(row)) else {
            found.push(None);
            continue;
        };
        let count = usize::try_from(counts.value(row))
            .ok()
            .filter(|count| *count <= range.len());
        let count = count.ok_or_else(|| {
            Fault::new(
                "`trim_array` takes away more elements than there are, or fewer than none",
                "write slice(array, 1, length)",
            )
        })?;
        found.push(Some(range.start..range.end - count));
    }
    of_ranges(lists, &found)
}

/// In ascending order, nulls last.
fn sort(args: &[ArrayRef], _: usize) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let options = SortOptions {
        descending: false,
        nulls_first: false,
    };
    let mut places: Vec<u32> = Vec::with_capacity(lists.values().len());
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for range in ranges(lists) {
        valid.push(range.is_some());
        let range = range.unwrap_or(0..0);
        lengths.push(range.len());
        let elements = lists.values().slice(range.start, range.len());
        match sort_to_indices(&elements, Some(options), None) {
            Ok(order) => places.extend(order.values().iter().map(|at| at + range.start as u32)),
            // Arrays and rows have no order of their own in Arrow's kernel.
            Err(_) => {
                let compare = make_comparator(&elements, &elements, options)?;
                let mut order: Vec<usize> = (0..elements.len()).collect();
                order.sort_by(|one, other| compare(*one, *other));
                places.extend(order.into_iter().map(|at| (at + range.start) as u32));
            }
        }
    }
    let values = take(lists.values(), &UInt32Array::from(places), None)?;
    Ok(Arc::new(list(values, lengths, NullBuffer::from(valid))?))
}

/// All stretches of `n` elements; the whole array if it is shorter.
fn ngrams(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let lists: &ListArray = args[0].as_list();
    let counts = args[1].as_primitive::<Int64Type>();
    let (mut stretches, mut lengths, mut valid) =
        (Vec::new(), Vec::new(), Vec::with_capacity(rows));
    for (row, range) in ranges(lists).enumerate() {
        let range = range.filter(|_| counts.is_valid(row));
        valid.push(range.is_some());
        let Some(range) = range else {
            lengths.push(0);
            continue;
        };
        let Ok(n @ 1..) = usize::try_from(counts.value(row)) else {
            return Err(Fault::new("`ngrams` takes one element or more", "write 1 or more").into());
        };
        let before = stretches.len();
        if range.len() <= n {
            stretches.push(Some(range));
        } else if (range.len() - n + 1).saturating_mul(n) > LENGTH_MAX as usize * 10
            || stretches.len().saturating_mul(n) > TOTAL_MAX
        {
            return Err(too_long().into());
        } else {
            stretches.extend((range.start..=range.end - n).map(|at| Some(at..at + n)));
        }
        lengths.push(stretches.len() - before);
    }
    let values = of_ranges(lists, &stretches)?;
    Ok(Arc::new(list(values, lengths, NullBuffer::from(valid))?))
}

/// Arrays behind each other; null if any is.
pub(crate) fn concat(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let lists: Vec<&ListArray> = args.iter().map(|arg| arg.as_list()).collect();
    let datas: Vec<_> = lists.iter().map(|list| list.values().to_data()).collect();
    let sources: Vec<_> = datas.iter().collect();
    let mut values = MutableArrayData::new(sources, true, 0);
    let (mut lengths, mut valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in 0..rows {
        let is_known = lists.iter().all(|list| list.is_valid(row));
        valid.push(is_known);
        let mut length = 0;
        for (number, list) in lists.iter().enumerate().filter(|_| is_known) {
            let (start, end) = (
                list.offsets()[row] as usize,
                list.offsets()[row + 1] as usize,
            );
            values.try_extend(number, start, end)?;
            length += end - start;
        }
        lengths.push(length);
    }
    Ok(Arc::new(list(
        make_array(values.freeze()),
        lengths,
        NullBuffer::from(valid),
    )?))
}
