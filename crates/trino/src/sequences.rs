//! Arrays that are made of numbers, dates and timestamps: `sequence` and `repeat`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, TimestampMicrosecondArray, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{
    DataType, Date32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use chrono::{DateTime, Months};
use datafusion::common::Result;

use crate::fault::Fault;
use crate::nested::{LENGTH_MAX, TOTAL_MAX, list, list_of, too_long};
use crate::typed::Typed;

pub(crate) static FUNCTIONS: [Typed; 2] = [
    Typed {
        name: "sequence",
        aliases: &[],
        written: "sequence(start, stop) or sequence(start, stop, step)",
        coerce: |given| {
            let dates = given.iter().take(2).all(|of| *of == DataType::Date32);
            let integers = |of: &[DataType]| of.iter().all(DataType::is_integer);
            match given.len() {
                2 | 3 if integers(given) => Some(vec![DataType::Int64; given.len()]),
                2 if dates => Some(vec![DataType::Date32; 2]),
                3 if dates && given[2].is_integer() => {
                    Some(vec![DataType::Date32, DataType::Date32, DataType::Int64])
                }
                _ => coerced(given),
            }
        },
        returns: |given| list_of(given[0].clone()),
        call: |args, rows| match args.get(2).map(|step| step.data_type()) {
            Some(DataType::Interval(_)) => of_times(args, rows),
            _ => sequence(args, rows),
        },
    },
    Typed {
        name: "repeat",
        aliases: &[],
        written: "repeat(element, count)",
        coerce: |given| match given {
            [element, count] if count.is_integer() => Some(vec![element.clone(), DataType::Int64]),
            _ => None,
        },
        returns: |given| list_of(given[0].clone()),
        call: repeat,
    },
];

const DAY_US: i128 = 86_400_000_000;

/// The types that the arguments are brought to, if these are two of dates or timestamps
/// and an interval.
fn coerced(given: &[DataType]) -> Option<Vec<DataType>> {
    match given {
        [start, stop, DataType::Interval(_)] => {
            let is_time = |of: &DataType| matches!(of, DataType::Date32 | DataType::Timestamp(..));
            let interval = DataType::Interval(IntervalUnit::MonthDayNano);
            (is_time(start) && is_time(stop)).then(|| vec![start.clone(), start.clone(), interval])
        }
        _ => None,
    }
}

/// From the first instant to the second, both included. Months are added to the start, so
/// that the last days of months stay as near as they can be.
fn of_times(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let of = args[0].data_type();
    let zone = match of {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let instants = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
    let bounds = [cast(&args[0], &instants)?, cast(&args[1], &instants)?];
    let [starts, stops] = [0, 1].map(|at| bounds[at].as_primitive::<TimestampMicrosecondType>());
    let steps = args[2].as_primitive::<IntervalMonthDayNanoType>();
    let mut values: Vec<i64> = Vec::new();
    let (mut lengths, mut valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in 0..rows {
        let is_known = args.iter().all(|arg| arg.is_valid(row));
        valid.push(is_known);
        if !is_known {
            lengths.push(0);
            continue;
        }
        let (start, stop, step) = (starts.value(row), stops.value(row), steps.value(row));
        let fixed = i128::from(step.days) * DAY_US + i128::from(step.nanoseconds / 1000);
        let at = |count: i64| {
            after(
                start,
                i128::from(step.months) * i128::from(count),
                fixed * i128::from(count),
            )
        };
        let is_forward = match at(1) {
            Some(next) if next != start => next > start,
            _ => return Err(wrong_step().into()),
        };
        if start != stop && is_forward != (stop > start) {
            return Err(wrong_step().into());
        }
        let length = values.len();
        for count in 0.. {
            let Some(value) = at(count).filter(|value| match is_forward {
                true => *value <= stop,
                false => *value >= stop,
            }) else {
                break;
            };
            if count >= LENGTH_MAX || values.len() > TOTAL_MAX {
                return Err(too_long().into());
            }
            values.push(value);
        }
        lengths.push(values.len() - length);
    }
    let values: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone_opt(zone));
    let values = cast(&values, of)?;
    Ok(Arc::new(list(values, lengths, NullBuffer::from(valid))?))
}

/// Microseconds of the epoch, so many months and microseconds later; `None` out of range.
fn after(start: i64, months: i128, fixed: i128) -> Option<i64> {
    let start = match months {
        0 => start,
        months => {
            let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
            let instant = DateTime::from_timestamp_micros(start)?;
            let moved = match months > 0 {
                true => instant.checked_add_months(count)?,
                false => instant.checked_sub_months(count)?,
            };
            moved.timestamp_micros()
        }
    };
    i64::try_from(i128::from(start) + fixed).ok()
}

/// From the first number or date to the second, both included.
fn sequence(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let is_dates = *args[0].data_type() == DataType::Date32;
    let bound = |arg: &ArrayRef, row: usize| match is_dates {
        true => i64::from(arg.as_primitive::<Date32Type>().value(row)),
        false => arg.as_primitive::<Int64Type>().value(row),
    };
    let mut values: Vec<i64> = Vec::new();
    let (mut lengths, mut valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in 0..rows {
        let is_known = args.iter().all(|arg| arg.is_valid(row));
        valid.push(is_known);
        if !is_known {
            lengths.push(0);
            continue;
        }
        let (start, stop) = (bound(&args[0], row), bound(&args[1], row));
        let step = match args.get(2) {
            Some(steps) => steps.as_primitive::<Int64Type>().value(row),
            None if stop < start => -1,
            None => 1,
        };
        if step == 0 || (stop > start && step < 0) || (stop < start && step > 0) {
            return Err(wrong_step().into());
        }
        let count = (stop as i128 - start as i128) / step as i128 + 1;
        if count > i128::from(LENGTH_MAX) || values.len() > TOTAL_MAX {
            return Err(too_long().into());
        }
        values.extend((0..count as i64).map(|at| {
            // The product alone may be out of range.
            (i128::from(start) + i128::from(at) * i128::from(step)) as i64
        }));
        lengths.push(count as usize);
    }
    let values: ArrayRef = Arc::new(Int64Array::from(values));
    let values = match is_dates {
        true => cast(&cast(&values, &DataType::Int32)?, &DataType::Date32)?,
        false => values,
    };
    Ok(Arc::new(list(values, lengths, NullBuffer::from(valid))?))
}

fn wrong_step() -> Fault {
    Fault::new(
        "the step of a sequence does not lead from its start to its stop",
        "leave the step out, or give it the other sign",
    )
}

/// An array of one element, so many times.
fn repeat(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let counts = args[1].as_primitive::<Int64Type>();
    let (mut places, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        valid.push(counts.is_valid(row));
        let count = if counts.is_valid(row) {
            counts.value(row).max(0)
        } else {
            0
        };
        if count > LENGTH_MAX {
            return Err(too_long().into());
        }
        lengths.push(count as usize);
        places.extend(std::iter::repeat_n(row as u32, count as usize));
    }
    let values = take(&args[0], &UInt32Array::from(places), None)?;
    Ok(Arc::new(list(values, lengths, NullBuffer::from(valid))?))
}
