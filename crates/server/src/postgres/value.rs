//! One value of an Arrow array, in the units of Postgres.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::datatypes::{
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
};

const MICROS_A_SECOND: i64 = 1_000_000;

/// A value that is not null.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Integer(i64),
    Float4(f32),
    Float8(f64),
    /// Digits as text: `-12.340`.
    Numeric(String),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Days since 1970.
    Date(i64),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970.
    Timestamp(i64),
    Interval {
        months: i32,
        days: i32,
        micros: i64,
    },
    List(ArrayRef),
    /// A struct, a map or a list of those, at `row` of the array.
    Nested(&'a dyn Array, usize),
    /// What has no type here, as Arrow writes it.
    Other(String),
}

/// The value in `row`; `None` is null.
pub(super) fn value(array: &dyn Array, row: usize) -> Option<Value<'_>> {
    if array.is_null(row) {
        return None;
    }
    macro_rules! at {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row)
        };
    }
    Some(match array.data_type() {
        DataType::Null => return None,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Value::Integer(at!(Int8Type).into()),
        DataType::Int16 => Value::Integer(at!(Int16Type).into()),
        DataType::Int32 => Value::Integer(at!(Int32Type).into()),
        DataType::Int64 => Value::Integer(at!(Int64Type)),
        DataType::UInt8 => Value::Integer(at!(UInt8Type).into()),
        DataType::UInt16 => Value::Integer(at!(UInt16Type).into()),
        DataType::UInt32 => Value::Integer(at!(UInt32Type).into()),
        DataType::UInt64 => Value::Numeric(at!(UInt64Type).to_string()),
        DataType::Float16 => Value::Float4(at!(Float16Type).to_f32()),
        DataType::Float32 => Value::Float4(at!(Float32Type)),
        DataType::Float64 => Value::Float8(at!(Float64Type)),
        DataType::Decimal32(..) => {
            Value::Numeric(array.as_primitive::<Decimal32Type>().value_as_string(row))
        }
        DataType::Decimal64(..) => {
            Value::Numeric(array.as_primitive::<Decimal64Type>().value_as_string(row))
        }
        DataType::Decimal128(..) => {
            Value::Numeric(array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Decimal256(..) => {
            Value::Numeric(array.as_primitive::<Decimal256Type>().value_as_string(row))
        }
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row)),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Value::Bytes(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Value::Bytes(array.as_fixed_size_binary().value(row)),
        DataType::Date32 => Value::Date(at!(Date32Type).into()),
        DataType::Date64 => Value::Date(at!(Date64Type).div_euclid(86_400_000)),
        DataType::Time32(TimeUnit::Second) => {
            Value::Time(i64::from(at!(Time32SecondType)) * MICROS_A_SECOND)
        }
        DataType::Time32(_) => Value::Time(i64::from(at!(Time32MillisecondType)) * 1000),
        DataType::Time64(TimeUnit::Microsecond) => Value::Time(at!(Time64MicrosecondType)),
        DataType::Time64(_) => Value::Time(at!(Time64NanosecondType).div_euclid(1000)),
        DataType::Timestamp(unit, _) => Value::Timestamp(match unit {
            TimeUnit::Second => at!(TimestampSecondType).saturating_mul(MICROS_A_SECOND),
            TimeUnit::Millisecond => at!(TimestampMillisecondType).saturating_mul(1000),
            TimeUnit::Microsecond => at!(TimestampMicrosecondType),
            TimeUnit::Nanosecond => at!(TimestampNanosecondType).div_euclid(1000),
        }),
        DataType::Duration(unit) => Value::Interval {
            months: 0,
            days: 0,
            micros: match unit {
                TimeUnit::Second => at!(DurationSecondType).saturating_mul(MICROS_A_SECOND),
                TimeUnit::Millisecond => at!(DurationMillisecondType).saturating_mul(1000),
                TimeUnit::Microsecond => at!(DurationMicrosecondType),
                TimeUnit::Nanosecond => at!(DurationNanosecondType).div_euclid(1000),
            },
        },
        DataType::Interval(unit) => interval(array, row, *unit),
        DataType::List(field) | DataType::LargeList(field) if field.data_type().is_nested() => {
            Value::Nested(array, row)
        }
        DataType::List(_) => Value::List(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Value::List(array.as_list::<i64>().value(row)),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            return match value(dictionary.keys(), row)? {
                Value::Integer(key) => value(dictionary.values().as_ref(), key as usize),
                _ => None,
            };
        }
        DataType::Struct(_) | DataType::Map(..) | DataType::FixedSizeList(..) => {
            Value::Nested(array, row)
        }
        _ => Value::Other(
            arrow::util::display::array_value_to_string(array, row).unwrap_or_default(),
        ),
    })
}

fn interval(array: &dyn Array, row: usize, unit: IntervalUnit) -> Value<'_> {
    match unit {
        IntervalUnit::YearMonth => Value::Interval {
            months: array.as_primitive::<IntervalYearMonthType>().value(row),
            days: 0,
            micros: 0,
        },
        IntervalUnit::DayTime => {
            let value = array.as_primitive::<IntervalDayTimeType>().value(row);
            Value::Interval {
                months: 0,
                days: value.days,
                micros: i64::from(value.milliseconds) * 1000,
            }
        }
        IntervalUnit::MonthDayNano => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            Value::Interval {
                months: value.months,
                days: value.days,
                micros: value.nanoseconds.div_euclid(1000),
            }
        }
    }
}
