//! Values as Postgres writes them in text, with `DateStyle` ISO and times in UTC.

use std::fmt::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;

use super::value::{Value, value};

/// Writes a value that stands in a column of its type.
pub(super) fn write(out: &mut String, value: &Value<'_>, has_zone: bool) {
    // Writing to a text never fails.
    _ = match value {
        Value::Bool(value) => out.write_str(if *value { "t" } else { "f" }),
        Value::Integer(value) => write!(out, "{value}"),
        Value::Float4(value) => float(out, f64::from(*value), value.to_string()),
        Value::Float8(value) => float(out, *value, value.to_string()),
        Value::Numeric(digits) => out.write_str(digits),
        Value::Text(text) => out.write_str(text),
        Value::Other(text) => out.write_str(text),
        Value::Bytes(bytes) => {
            out.push_str("\\x");
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        Value::Date(days) => date(out, *days),
        Value::Time(micros) => time(out, *micros),
        Value::Timestamp(micros) => timestamp(out, *micros, has_zone),
        Value::Interval {
            months,
            days,
            micros,
        } => interval(out, *months, *days, *micros),
        Value::List(elements) => {
            list(out, elements.as_ref());
            Ok(())
        }
        Value::Nested(array, row) => {
            json(out, *array, *row);
            Ok(())
        }
    };
}

/// Whether values of an Arrow type are written with their offset from UTC.
pub(super) fn has_zone(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(_)))
}

fn float(out: &mut String, value: f64, shortest: String) -> std::fmt::Result {
    if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if value != 0.0 && !(1e-5..1e16).contains(&value.abs()) {
        write!(out, "{value:e}")
    } else {
        out.write_str(&shortest)
    }
}

fn date(out: &mut String, days: i64) -> std::fmt::Result {
    let (year, month, day) = civil(days);
    match year > 0 {
        true => write!(out, "{year:04}-{month:02}-{day:02}"),
        // There is no year 0: the year before 1 is 1 BC.
        false => write!(out, "{:04}-{month:02}-{day:02} BC", 1 - year),
    }
}

fn time(out: &mut String, micros: i64) -> std::fmt::Result {
    let seconds = micros.div_euclid(1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(out, "{hours:02}:{minutes:02}:{seconds:02}")?;
    fraction(out, micros.rem_euclid(1_000_000))
}

fn fraction(out: &mut String, micros: i64) -> std::fmt::Result {
    if micros == 0 {
        return Ok(());
    }
    let digits = format!("{micros:06}");
    write!(out, ".{}", digits.trim_end_matches('0'))
}

fn timestamp(out: &mut String, micros: i64, has_zone: bool) -> std::fmt::Result {
    const DAY: i64 = 86_400_000_000;
    let mut day = String::new();
    date(&mut day, micros.div_euclid(DAY))?;
    let (day, era) = match day.strip_suffix(" BC") {
        Some(day) => (day, " BC"),
        None => (day.as_str(), ""),
    };
    write!(out, "{day} ")?;
    time(out, micros.rem_euclid(DAY))?;
    write!(out, "{}{era}", if has_zone { "+00" } else { "" })
}

fn interval(out: &mut String, months: i32, days: i32, micros: i64) -> std::fmt::Result {
    let start = out.len();
    let part = |out: &mut String, count: i32, name: &str| match count {
        0 => Ok(()),
        1 | -1 => write!(out, "{count} {name} "),
        _ => write!(out, "{count} {name}s "),
    };
    part(out, months / 12, "year")?;
    part(out, months % 12, "mon")?;
    part(out, days, "day")?;
    if micros != 0 || out.len() == start {
        out.push_str(if micros < 0 { "-" } else { "" });
        let micros = micros.unsigned_abs() as i64;
        time(out, micros)?;
    }
    out.truncate(out.trim_end().len());
    Ok(())
}

/// Year, month and day of days since 1970, in the calendar that has always been Gregorian.
fn civil(days: i64) -> (i64, i64, i64) {
    // The year begins with March, so that the leap day is its last one.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// `{a,"b c",NULL}`.
fn list(out: &mut String, elements: &dyn Array) {
    let has_zone = has_zone(elements.data_type());
    out.push('{');
    for row in 0..elements.len() {
        if row > 0 {
            out.push(',');
        }
        let Some(value) = value(elements, row) else {
            out.push_str("NULL");
            continue;
        };
        let mut text = String::new();
        write(&mut text, &value, has_zone);
        let is_plain = !text.is_empty()
            && !text.eq_ignore_ascii_case("null")
            && !text.contains(|c: char| c.is_whitespace() || "{}\",\\".contains(c));
        if is_plain {
            out.push_str(&text);
            continue;
        }
        out.push('"');
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    }
    out.push('}');
}

/// A value as JSON.
fn json(out: &mut String, array: &dyn Array, row: usize) {
    match array.data_type() {
        _ if array.is_null(row) => out.push_str("null"),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let names = fields.iter().map(|field| field.name().as_str());
            let pairs = names
                .zip(columns)
                .map(|(name, column)| (name.to_owned(), column));
            object(
                out,
                pairs.map(|(name, column)| (name, column.as_ref(), row)),
            );
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let key = |row| {
                let mut text = String::new();
                if let Some(key) = value(keys.as_ref(), row) {
                    write(&mut text, &key, has_zone(keys.data_type()));
                }
                text
            };
            object(
                out,
                (0..entries.len()).map(|row| (key(row), values.as_ref(), row)),
            );
        }
        DataType::List(_) => json_list(out, array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => json_list(out, array.as_list::<i64>().value(row).as_ref()),
        DataType::FixedSizeList(..) => {
            json_list(out, array.as_fixed_size_list().value(row).as_ref());
        }
        data_type => match value(array, row) {
            None => out.push_str("null"),
            Some(Value::Bool(value)) => out.push_str(if value { "true" } else { "false" }),
            Some(value) => {
                let mut text = String::new();
                write(&mut text, &value, has_zone(data_type));
                let is_number = matches!(
                    value,
                    Value::Integer(_) | Value::Numeric(_) | Value::Float4(_) | Value::Float8(_)
                ) && text.ends_with(|c: char| c.is_ascii_digit());
                match is_number {
                    true => out.push_str(&text),
                    false => quoted(out, &text),
                }
            }
        },
    }
}

/// JSON of a list that no array type of Postgres holds.
fn json_list(out: &mut String, elements: &dyn Array) {
    out.push('[');
    for row in 0..elements.len() {
        if row > 0 {
            out.push(',');
        }
        json(out, elements, row);
    }
    out.push(']');
}

fn object<'a>(out: &mut String, pairs: impl Iterator<Item = (String, &'a dyn Array, usize)>) {
    out.push('{');
    for (index, (name, array, row)) in pairs.enumerate() {
        if index > 0 {
            out.push(',');
        }
        quoted(out, &name);
        out.push(':');
        json(out, array, row);
    }
    out.push('}');
}

fn quoted(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
