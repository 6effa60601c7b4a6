//! Functions of dates and timestamps.
//!
//! A timestamp with a zone is an instant, whose fields are those of its zone's clock; one
//! without is a reading of some clock, and as in Trino the session's zone is UTC.
//! Timestamps are computed in microseconds, and weeks begin on Monday.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::compute::{DatePart, cast, date_part};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone,
    Timelike, Utc,
};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use crate::fault::Fault;
use crate::time::Time;
use crate::typed::Typed;
use crate::udf::udf;

/// One of the fields of a date or timestamp.
macro_rules! field {
    ($name:literal, $aliases:expr, $call:expr) => {
        Typed {
            name: $name,
            aliases: $aliases,
            written: concat!($name, "(timestamp)"),
            coerce: one_time,
            returns: |_| DataType::Int64,
            call: $call,
        }
    };
}

pub(crate) static FUNCTIONS: [Typed; 30] = [
    field!("year", &[], |args, _| part(args, DatePart::Year, 0)),
    field!("quarter", &[], |args, _| part(args, DatePart::Quarter, 0)),
    field!("month", &[], |args, _| part(args, DatePart::Month, 0)),
    field!("week", &["week_of_year"], |args, _| part(
        args,
        DatePart::Week,
        0
    )),
    field!("day", &["day_of_month"], |args, _| part(
        args,
        DatePart::Day,
        0
    )),
    field!("day_of_week", &["dow"], |args, _| part(
        args,
        DatePart::DayOfWeekMonday0,
        1
    )),
    field!("day_of_year", &["doy"], |args, _| part(
        args,
        DatePart::DayOfYear,
        0
    )),
    field!("hour", &[], |args, _| part(args, DatePart::Hour, 0)),
    field!("minute", &[], |args, _| part(args, DatePart::Minute, 0)),
    field!("second", &[], |args, _| part(args, DatePart::Second, 0)),
    field!("year_of_week", &["yow"], |args, rows| each(
        args,
        rows,
        |at| Some(i64::from(at.local.date().iso_week().year()))
    )),
    field!("millisecond", &[], |args, rows| each(
        args,
        rows,
        |at| Some(i64::from(at.local.nanosecond() / 1_000_000))
    )),
    field!("timezone_hour", &[], |args, rows| each(args, rows, |at| {
        Some(i64::from(at.offset_seconds / 3600))
    })),
    field!("timezone_minute", &[], |args, rows| each(
        args,
        rows,
        |at| Some(i64::from(at.offset_seconds / 60 % 60))
    )),
    Typed {
        name: "date",
        aliases: &[],
        written: "date(text) or date(timestamp)",
        coerce: |given| match given {
            [text] if text.is_string() => Some(vec![DataType::Utf8View]),
            _ => one_time(given),
        },
        returns: |_| DataType::Date32,
        call: |args, rows| to_dates(args, rows, false, Some),
    },
    Typed {
        name: "last_day_of_month",
        aliases: &[],
        written: "last_day_of_month(timestamp)",
        coerce: one_time,
        returns: |_| DataType::Date32,
        call: |args, rows| {
            to_dates(args, rows, false, |date| {
                let first = date.with_day(1)?;
                first.checked_add_months(Months::new(1))?.pred_opt()
            })
        },
    },
    Typed {
        name: "date_add",
        aliases: &[],
        written: "date_add('day', 1, timestamp)",
        coerce: |given| match given {
            [unit, count, time] if unit.is_string() && count.is_integer() => {
                Some(vec![DataType::Utf8View, DataType::Int64, time_type(time)?])
            }
            _ => None,
        },
        returns: |given| given[2].clone(),
        call: date_add,
    },
    Typed {
        name: "date_diff",
        aliases: &[],
        written: "date_diff('day', from, to)",
        coerce: |given| match given {
            [unit, from, to] if unit.is_string() => {
                let (from, to) = (time_type(from)?, time_type(to)?);
                let both = if from == to {
                    from
                } else {
                    instant_of(&from, &to)
                };
                Some(vec![DataType::Utf8View, both.clone(), both])
            }
            _ => None,
        },
        returns: |_| DataType::Int64,
        call: date_diff,
    },
    Typed {
        name: "date_trunc",
        aliases: &[],
        written: "date_trunc('day', timestamp)",
        coerce: |given| match given {
            [unit, time] if unit.is_string() => Some(vec![DataType::Utf8View, time_type(time)?]),
            _ => None,
        },
        returns: |given| given[1].clone(),
        call: date_trunc,
    },
    Typed {
        name: "from_unixtime",
        aliases: &[],
        written: "from_unixtime(seconds)",
        coerce: |given| match given {
            [seconds] if seconds.is_numeric() || seconds.is_null() => Some(vec![DataType::Float64]),
            _ => None,
        },
        returns: |_| utc(),
        call: |args, _| {
            let seconds = args[0].as_primitive::<Float64Type>();
            let micros = seconds.iter().map(|seconds| match seconds {
                None => Ok(None),
                Some(seconds) => micros_of_seconds(seconds).map(Some),
            });
            let micros = micros.collect::<Result<Vec<_>, Fault>>()?;
            let micros = TimestampMicrosecondArray::from(micros);
            Ok(Arc::new(micros.with_timezone("UTC")))
        },
    },
    Typed {
        name: "from_unixtime_nanos",
        aliases: &[],
        written: "from_unixtime_nanos(nanoseconds)",
        coerce: |given| match given {
            [nanos] if nanos.is_integer() || nanos.is_null() => Some(vec![DataType::Int64]),
            _ => None,
        },
        returns: |_| utc(),
        call: |args, _| {
            let nanos = args[0].as_primitive::<Int64Type>();
            let micros = nanos.iter().map(|nanos| Some(nanos?.div_euclid(1000)));
            Ok(Arc::new(
                micros
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("UTC"),
            ))
        },
    },
    Typed {
        name: "to_unixtime",
        aliases: &[],
        written: "to_unixtime(timestamp)",
        coerce: one_time,
        returns: |_| DataType::Float64,
        call: |args, rows| {
            let times = Times::of(&args[0])?;
            let seconds = (0..rows).map(|row| times.micros(row).map(|micros| micros as f64 / 1e6));
            Ok(Arc::new(seconds.collect::<Float64Array>()))
        },
    },
    Typed {
        name: "to_iso8601",
        aliases: &[],
        written: "to_iso8601(timestamp)",
        coerce: one_time,
        returns: |_| DataType::Utf8View,
        call: |args, rows| texts(args, rows, |at| at.iso8601()),
    },
    Typed {
        name: "from_iso8601_timestamp",
        aliases: &[],
        written: "from_iso8601_timestamp(text)",
        coerce: one_text,
        returns: |_| utc(),
        call: |args, rows| parsed(args, rows, iso8601),
    },
    Typed {
        name: "from_iso8601_date",
        aliases: &[],
        written: "from_iso8601_date(text)",
        coerce: one_text,
        returns: |_| DataType::Date32,
        call: |args, rows| to_dates(args, rows, false, Some),
    },
    Typed {
        name: "current_timezone",
        aliases: &[],
        written: "current_timezone()",
        coerce: |given| given.is_empty().then(Vec::new),
        returns: |_| DataType::Utf8View,
        call: |_, rows| Ok(Arc::new(StringViewArray::from(vec!["UTC"; rows]))),
    },
    Typed {
        name: "date_format",
        aliases: &[],
        written: "date_format(timestamp, '%Y-%m-%d')",
        coerce: time_and_format,
        returns: |_| DataType::Utf8View,
        call: |args, rows| formatted(args, rows, crate::time_formats::mysql),
    },
    Typed {
        name: "format_datetime",
        aliases: &[],
        written: "format_datetime(timestamp, 'yyyy-MM-dd')",
        coerce: time_and_format,
        returns: |_| DataType::Utf8View,
        call: |args, rows| formatted(args, rows, crate::time_formats::joda),
    },
    Typed {
        name: "date_parse",
        aliases: &[],
        written: "date_parse(text, '%Y-%m-%d')",
        coerce: text_and_format,
        returns: |_| DataType::Timestamp(TimeUnit::Microsecond, None),
        call: |args, rows| read(args, rows, crate::time_formats::mysql, None),
    },
    Typed {
        name: "parse_datetime",
        aliases: &[],
        written: "parse_datetime(text, 'yyyy-MM-dd')",
        coerce: text_and_format,
        returns: |_| utc(),
        call: |args, rows| read(args, rows, crate::time_formats::joda, Some("UTC")),
    },
];

/// timestamp with time zone, at UTC.
fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The type in which a date or timestamp is computed.
fn time_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::Date32 | DataType::Date64 => Some(DataType::Date32),
        DataType::Timestamp(_, zone) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::Null => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        _ => None,
    }
}

/// The type in which two different types of time are compared.
fn instant_of(one: &DataType, other: &DataType) -> DataType {
    match (one, other) {
        (DataType::Timestamp(_, Some(_)), _) | (_, DataType::Timestamp(_, Some(_))) => utc(),
        _ => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

fn one_time(given: &[DataType]) -> Option<Vec<DataType>> {
    match given {
        [time] => Some(vec![time_type(time)?]),
        _ => None,
    }
}

fn one_text(given: &[DataType]) -> Option<Vec<DataType>> {
    match given {
        [text] if text.is_string() || text.is_null() => Some(vec![DataType::Utf8View]),
        _ => None,
    }
}

fn time_and_format(given: &[DataType]) -> Option<Vec<DataType>> {
    match given {
        [time, format] if format.is_string() => Some(vec![time_type(time)?, DataType::Utf8View]),
        _ => None,
    }
}

fn text_and_format(given: &[DataType]) -> Option<Vec<DataType>> {
    match given {
        [text, format] if (text.is_string() || text.is_null()) && format.is_string() => {
            Some(vec![DataType::Utf8View, DataType::Utf8View])
        }
        _ => None,
    }
}

/// A column of dates or timestamps.
struct Times<'a> {
    array: &'a ArrayRef,
    zone: Option<Tz>,
}

impl<'a> Times<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        let zone = match array.data_type() {
            DataType::Timestamp(_, Some(zone)) => Some(Tz::from_str(zone)?),
            _ => None,
        };
        Ok(Self { array, zone })
    }

    fn is_date(&self) -> bool {
        *self.array.data_type() == DataType::Date32
    }

    /// Microseconds since the epoch.
    fn micros(&self, row: usize) -> Option<i64> {
        if self.array.is_null(row) {
            return None;
        }
        Some(match self.is_date() {
            true => i64::from(self.array.as_primitive::<Date32Type>().value(row)) * MICROS_PER_DAY,
            false => self
                .array
                .as_primitive::<TimestampMicrosecondType>()
                .value(row),
        })
    }

    fn at(&self, row: usize) -> Option<Time> {
        let utc = DateTime::from_timestamp_micros(self.micros(row)?)?.naive_utc();
        let (local, offset_seconds) = match &self.zone {
            None => (utc, 0),
            Some(zone) => {
                let offset = zone.offset_from_utc_datetime(&utc).fix().local_minus_utc();
                (utc + TimeDelta::seconds(i64::from(offset)), offset)
            }
        };
        Some(Time {
            local,
            offset_seconds,
            is_date: self.is_date(),
            has_zone: self.zone.is_some(),
        })
    }

    /// The microseconds of what the zone's clock shows; the earlier instant where it shows
    /// it twice, the later clock where it never does.
    fn micros_of(&self, local: NaiveDateTime) -> Option<i64> {
        let Some(zone) = &self.zone else {
            return Some(local.and_utc().timestamp_micros());
        };
        let found = zone.from_local_datetime(&local).earliest();
        let found = found.or_else(|| {
            zone.from_local_datetime(&(local + TimeDelta::hours(1)))
                .earliest()
        });
        found.map(|at| at.with_timezone(&Utc).timestamp_micros())
    }

    /// A column of the same type.
    fn column(&self, micros: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        match self.array.data_type() {
            DataType::Timestamp(_, zone) => {
                let array: TimestampMicrosecondArray = micros.collect();
                Arc::new(array.with_timezone_opt(zone.clone()))
            }
            _ => {
                let days = micros.map(|micros| Some(micros?.div_euclid(MICROS_PER_DAY) as i32));
                Arc::new(days.collect::<Date32Array>())
            }
        }
    }
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

fn part(args: &[ArrayRef], part: DatePart, more: i64) -> Result<ArrayRef> {
    let found = cast(&date_part(&args[0], part)?, &DataType::Int64)?;
    let found = found.as_primitive::<Int64Type>();
    Ok(Arc::new(found.unary::<_, Int64Type>(|value| value + more)))
}

fn each(args: &[ArrayRef], rows: usize, of: fn(&Time) -> Option<i64>) -> Result<ArrayRef> {
    let times = Times::of(&args[0])?;
    let values = (0..rows).map(|row| of(&times.at(row)?));
    Ok(Arc::new(values.collect::<Int64Array>()))
}

fn texts(args: &[ArrayRef], rows: usize, of: impl Fn(&Time) -> String) -> Result<ArrayRef> {
    let times = Times::of(&args[0])?;
    let values = (0..rows).map(|row| Some(of(&times.at(row)?)));
    Ok(Arc::new(values.collect::<StringViewArray>()))
}

fn to_dates(
    args: &[ArrayRef],
    rows: usize,
    is_try: bool,
    of: impl Fn(NaiveDate) -> Option<NaiveDate>,
) -> Result<ArrayRef> {
    let epoch = NaiveDate::default();
    let days = |date: NaiveDate| date.signed_duration_since(epoch).num_days() as i32;
    let mut dates = Vec::with_capacity(rows);
    if args[0].data_type().is_string() {
        for text in args[0].as_string_view() {
            let date = match text.map(|text| text.trim().parse::<NaiveDate>()) {
                None => None,
                Some(Ok(date)) => Some(date),
                Some(Err(_)) if is_try => None,
                Some(Err(_)) => return Err(no_time("date", "2024-01-31").into()),
            };
            dates.push(date.and_then(&of).map(days));
        }
    } else {
        let times = Times::of(&args[0])?;
        dates.extend((0..rows).map(|row| of(times.at(row)?.local.date()).map(days)));
    }
    Ok(Arc::new(Date32Array::from(dates)))
}

fn no_time(what: &str, example: &str) -> Fault {
    Fault::new(
        format!("a text that is no {what} was given to a function of times"),
        format!("it is written as {example}; TRY(...) gives null in its place"),
    )
}

/// Each text as a timestamp at UTC.
fn parsed(args: &[ArrayRef], rows: usize, of: fn(&str) -> Option<i64>) -> Result<ArrayRef> {
    let texts = args[0].as_string_view();
    let mut micros = Vec::with_capacity(rows);
    for text in texts {
        micros.push(match text.map(of) {
            None => None,
            Some(Some(found)) => Some(found),
            Some(None) => return Err(no_time("timestamp", "2024-01-31T12:00:00Z").into()),
        });
    }
    Ok(Arc::new(
        TimestampMicrosecondArray::from(micros).with_timezone("UTC"),
    ))
}

/// ISO 8601: a date, and a time with or without an offset.
fn iso8601(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_micros());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"] {
        if let Ok(at) = DateTime::parse_from_str(text, format) {
            return Some(at.timestamp_micros());
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y%m%dT%H%M%S"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, format) {
            return Some(at.and_utc().timestamp_micros());
        }
    }
    let date = text.trim_end_matches('T').parse::<NaiveDate>().ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// A unit of time, in the words of `date_add`, `date_diff` and `date_trunc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Micros(i64),
    Days(i64),
    Months(i32),
}

fn unit(text: &str) -> Result<Unit, Fault> {
    Ok(match text.to_lowercase().as_str() {
        "millisecond" => Unit::Micros(1_000),
        "second" => Unit::Micros(1_000_000),
        "minute" => Unit::Micros(60_000_000),
        "hour" => Unit::Micros(3_600_000_000),
        "day" => Unit::Days(1),
        "week" => Unit::Days(7),
        "month" => Unit::Months(1),
        "quarter" => Unit::Months(3),
        "year" => Unit::Months(12),
        _ => {
            return Err(Fault::new(
                "the unit of time is not known",
                "the units are 'millisecond', 'second', 'minute', 'hour', 'day', 'week', \
                 'month', 'quarter' and 'year'",
            ));
        }
    })
}

/// The unit of a row; most statements name one for all rows.
struct Units<'a>(&'a StringViewArray);

impl Units<'_> {
    fn at(&self, row: usize) -> Result<Option<Unit>, Fault> {
        match self.0.is_null(row) {
            true => Ok(None),
            false => unit(self.0.value(row)).map(Some),
        }
    }
}

/// Seconds as microseconds, in whole milliseconds.
fn micros_of_seconds(seconds: f64) -> Result<i64, Fault> {
    let millis = (seconds * 1000.0).round();
    let micros = (millis.abs() < i64::MAX as f64).then(|| (millis as i64).checked_mul(1000));
    micros.flatten().ok_or_else(out_of_range)
}

fn out_of_range() -> Fault {
    Fault::new(
        "a time is out of range",
        "times lie between the years -262143 and 262142",
    )
}

fn moved(local: NaiveDateTime, unit: Unit, count: i64) -> Option<NaiveDateTime> {
    match unit {
        Unit::Micros(micros) => {
            local.checked_add_signed(TimeDelta::microseconds(micros.checked_mul(count)?))
        }
        Unit::Days(days) => {
            let days = days.checked_mul(count)?;
            match days < 0 {
                true => local.checked_sub_days(Days::new(days.unsigned_abs())),
                false => local.checked_add_days(Days::new(days.unsigned_abs())),
            }
        }
        Unit::Months(months) => {
            let months = i64::from(months).checked_mul(count)?;
            let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
            match months < 0 {
                true => local.checked_sub_months(count),
                false => local.checked_add_months(count),
            }
        }
    }
}

fn date_add(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let units = Units(args[0].as_string_view());
    let counts = args[1].as_primitive::<Int64Type>();
    let times = Times::of(&args[2])?;
    let mut micros = Vec::with_capacity(rows);
    for row in 0..rows {
        let (Some(unit), Some(at), false) = (units.at(row)?, times.at(row), counts.is_null(row))
        else {
            micros.push(None);
            continue;
        };
        if times.is_date() && matches!(unit, Unit::Micros(_)) {
            return Err(Fault::new(
                "a date has no hours, minutes or seconds to add to",
                "write CAST(date AS timestamp) first",
            )
            .into());
        }
        let count = counts.value(row);
        // Hours are added to the instant, days and months to what the clock shows.
        let found = match unit {
            Unit::Micros(length) => {
                let more = length.checked_mul(count);
                times
                    .micros(row)
                    .zip(more)
                    .and_then(|(at, more)| at.checked_add(more))
            }
            _ => moved(at.local, unit, count).and_then(|local| times.micros_of(local)),
        };
        micros.push(Some(found.ok_or_else(out_of_range)?));
    }
    Ok(times.column(micros.into_iter()))
}

/// Whole units from the first time to the second.
fn date_diff(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let units = Units(args[0].as_string_view());
    let (from, to) = (Times::of(&args[1])?, Times::of(&args[2])?);
    let mut counts = Vec::with_capacity(rows);
    for row in 0..rows {
        let (Some(unit), Some(start), Some(end)) = (units.at(row)?, from.at(row), to.at(row))
        else {
            counts.push(None);
            continue;
        };
        let between = end.local.signed_duration_since(start.local);
        counts.push(Some(match unit {
            Unit::Micros(length) => {
                let (start, end) = (from.micros(row), to.micros(row));
                let micros = end
                    .zip(start)
                    .and_then(|(end, start)| end.checked_sub(start));
                micros.ok_or_else(out_of_range)? / length
            }
            Unit::Days(days) => between.num_days() / days,
            Unit::Months(months) => whole_months(start.local, end.local) / i64::from(months),
        }));
    }
    Ok(Arc::new(Int64Array::from(counts)))
}

fn whole_months(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    if from > to {
        return -whole_months(to, from);
    }
    let months = |at: NaiveDateTime| i64::from(at.year()) * 12 + i64::from(at.month0());
    let count = months(to) - months(from);
    let reaches = moved(from, Unit::Months(1), count).is_some_and(|at| at <= to);
    count - i64::from(!reaches)
}

fn date_trunc(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let units = args[0].as_string_view();
    let times = Times::of(&args[1])?;
    let mut micros = Vec::with_capacity(rows);
    for row in 0..rows {
        let (false, Some(at)) = (units.is_null(row), times.at(row)) else {
            micros.push(None);
            continue;
        };
        let name = units.value(row).to_lowercase();
        let unit = unit(&name)?;
        let date = at.local.date();
        let begins = |date: Option<NaiveDate>| date.and_then(|date| date.and_hms_opt(0, 0, 0));
        let local = match unit {
            Unit::Micros(length) => {
                let micros = at.local.and_utc().timestamp_micros();
                DateTime::from_timestamp_micros(micros - micros.rem_euclid(length))
                    .map(|at| at.naive_utc())
            }
            Unit::Days(1) => begins(Some(date)),
            Unit::Days(_) => {
                let since_monday = u64::from(date.weekday().num_days_from_monday());
                begins(date.checked_sub_days(Days::new(since_monday)))
            }
            Unit::Months(12) => begins(NaiveDate::from_ymd_opt(date.year(), 1, 1)),
            Unit::Months(length) => {
                let month = date.month0() / length as u32 * length as u32 + 1;
                begins(NaiveDate::from_ymd_opt(date.year(), month, 1))
            }
        };
        let found = local.and_then(|local| times.micros_of(local));
        micros.push(Some(found.ok_or_else(out_of_range)?));
    }
    Ok(times.column(micros.into_iter()))
}

/// A pattern of a format, read once for a column with one format.
type Format = fn(&str) -> Result<crate::time_formats::Pattern, Fault>;

fn formatted(args: &[ArrayRef], rows: usize, format: Format) -> Result<ArrayRef> {
    let times = Times::of(&args[0])?;
    let formats = args[1].as_string_view();
    let mut last: Option<(&str, crate::time_formats::Pattern)> = None;
    let mut out = Vec::with_capacity(rows);
    for row in 0..rows {
        let (Some(at), false) = (times.at(row), formats.is_null(row)) else {
            out.push(None);
            continue;
        };
        let text = formats.value(row);
        if last.as_ref().is_none_or(|(known, _)| *known != text) {
            last = Some((text, format(text)?));
        }
        out.push(last.as_ref().map(|(_, pattern)| pattern.write(&at)));
    }
    Ok(Arc::new(out.into_iter().collect::<StringViewArray>()))
}

fn read(args: &[ArrayRef], rows: usize, format: Format, zone: Option<&str>) -> Result<ArrayRef> {
    let (texts, formats) = (args[0].as_string_view(), args[1].as_string_view());
    let mut last: Option<(&str, crate::time_formats::Pattern)> = None;
    let mut out = Vec::with_capacity(rows);
    for row in 0..rows {
        if texts.is_null(row) || formats.is_null(row) {
            out.push(None);
            continue;
        }
        let text = formats.value(row);
        if last.as_ref().is_none_or(|(known, _)| *known != text) {
            last = Some((text, format(text)?));
        }
        let found = last
            .as_ref()
            .and_then(|(_, pattern)| pattern.read(texts.value(row)));
        let found = found.ok_or_else(|| {
            Fault::new(
                "a text is not written in the format that is given",
                "leave such rows out, or write TRY(...) for null in their place",
            )
        })?;
        out.push(Some(found));
    }
    let array = TimestampMicrosecondArray::from(out);
    Ok(Arc::new(array.with_timezone_opt(zone)))
}

/// A timestamp as Trino casts it to a text: `2020-02-29 10:11:12.345`, and behind it the
/// zone, if it has one.
static TIMESTAMP_TEXT: Typed = Typed {
    name: "timestamp_text",
    aliases: &[],
    written: "timestamp_text(timestamp)",
    coerce: |given| match given {
        [of @ DataType::Timestamp(_, _)] => Some(vec![of.clone()]),
        _ => None,
    },
    returns: |_| DataType::Utf8View,
    call: |args, rows| {
        const FORMAT: &str = "%Y-%m-%d %H:%M:%S%.3f";
        let zone = match args[0].data_type() {
            DataType::Timestamp(_, Some(zone)) => format!(" {}", written_zone(zone)),
            _ => String::new(),
        };
        let options = FormatOptions::new()
            .with_timestamp_format(Some(FORMAT))
            .with_timestamp_tz_format(Some(FORMAT));
        let values = ArrayFormatter::try_new(args[0].as_ref(), &options)?;
        let texts = (0..rows)
            .map(|row| (!args[0].is_null(row)).then(|| format!("{}{zone}", values.value(row))));
        Ok(Arc::new(texts.collect::<StringViewArray>()))
    },
};

fn written_zone(zone: &str) -> &str {
    match zone {
        "+00:00" | "Z" => "UTC",
        zone => zone,
    }
}

/// The cast of a timestamp to a text; a statement does not name it.
pub fn timestamp_text() -> ScalarUDF {
    udf(&TIMESTAMP_TEXT)
}

/// The cast of a text to a date, also of a year of three digits; a statement does not name
/// it.
static TEXT_DATE: Typed = Typed {
    name: "text_date",
    aliases: &[],
    written: "CAST(text AS date)",
    coerce: |given| matches!(given, [_]).then(|| vec![DataType::Utf8View]),
    returns: |_| DataType::Date32,
    call: |args, rows| to_dates(args, rows, false, Some),
};

/// As [`TEXT_DATE`], with null for a text that is no date.
static TRIED_TEXT_DATE: Typed = Typed {
    name: "tried_text_date",
    aliases: &[],
    written: "TRY_CAST(text AS date)",
    coerce: |given| matches!(given, [_]).then(|| vec![DataType::Utf8View]),
    returns: |_| DataType::Date32,
    call: |args, rows| to_dates(args, rows, true, Some),
};

/// The cast of a text to a date, which is null for other texts if it is tried.
pub fn text_date(is_tried: bool) -> ScalarUDF {
    udf(match is_tried {
        true => &TRIED_TEXT_DATE,
        false => &TEXT_DATE,
    })
}
