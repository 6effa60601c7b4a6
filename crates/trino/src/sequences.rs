//! Sequences of dates and timestamps, with an interval as their step.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use chrono::{DateTime, Months};
use datafusion::common::Result;

use crate::arrays::{LENGTH_MAX, TOTAL_MAX, list, too_long, wrong_step};

const DAY_US: i128 = 86_400_000_000;

/// The types that the arguments are brought to, if these are two of dates or timestamps
/// and an interval.
pub(crate) fn coerced(given: &[DataType]) -> Option<Vec<DataType>> {
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
pub(crate) fn of_times(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
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
