//! `format`: texts by a pattern, as Java's `String.format` takes it.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::Result;

use crate::fault::Fault;
use crate::typed::Typed;

/// Widths and precisions that a pattern may ask for.
const SIZE_MAX: usize = 1_000;

pub(crate) static FUNCTIONS: [Typed; 1] = [Typed {
    name: "format",
    aliases: &[],
    written: "format('%s has %d', text, number)",
    coerce: |given| match given {
        [pattern, values @ ..] if pattern.is_string() && !values.is_empty() => {
            let values = values.iter().map(|of| match of {
                DataType::Boolean => DataType::Utf8View,
                of if of.is_integer() => DataType::Int64,
                of if of.is_numeric() => DataType::Float64,
                of if of.is_string() || of.is_null() => DataType::Utf8View,
                DataType::Date32 => DataType::Utf8View,
                _ => DataType::Null,
            });
            let values: Vec<DataType> = values.collect();
            // Other types have texts of their own in Java.
            (!values.contains(&DataType::Null))
                .then(|| [DataType::Utf8View].into_iter().chain(values).collect())
        }
        _ => None,
    },
    returns: |_| DataType::Utf8View,
    call,
}];

fn call(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let patterns = args[0].as_string_view();
    let texts = args[1..]
        .iter()
        .map(|arg| cast(arg, &DataType::Utf8View))
        .collect::<Result<Vec<_>, _>>()?;
    let mut out = StringViewBuilder::with_capacity(rows);
    for row in 0..rows {
        if patterns.is_null(row) {
            out.append_null();
            continue;
        }
        let values: Vec<Value<'_>> = args[1..]
            .iter()
            .zip(&texts)
            .map(|(arg, text)| match arg.data_type() {
                _ if arg.is_null(row) => Value::Null,
                DataType::Int64 => Value::Integer(arg.as_primitive::<Int64Type>().value(row)),
                DataType::Float64 => Value::Double(arg.as_primitive::<Float64Type>().value(row)),
                _ => Value::Text(text.as_string_view().value(row)),
            })
            .collect();
        out.append_value(written(patterns.value(row), &values)?);
    }
    Ok(Arc::new(out.finish()))
}

enum Value<'a> {
    Null,
    Integer(i64),
    Double(f64),
    Text(&'a str),
}

fn wrong() -> Fault {
    Fault::new(
        "the pattern of `format` does not fit its values, or is not supported",
        "write %s for any value, %d for integers, %.2f for doubles, with the flags `-`, `0` and `,`",
    )
}

fn written(pattern: &str, values: &[Value<'_>]) -> Result<String, Fault> {
    let mut out = String::new();
    let mut letters = pattern.chars().peekable();
    let mut values = values.iter();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let (mut is_left, mut is_padded, mut is_grouped) = (false, false, false);
        while let Some(flag) = letters.next_if(|letter| "-0,".contains(*letter)) {
            match flag {
                '-' => is_left = true,
                '0' => is_padded = true,
                _ => is_grouped = true,
            }
        }
        let width = size(&mut letters)?.unwrap_or(0);
        let precision = match letters.next_if_eq(&'.') {
            None => None,
            Some(_) => Some(size(&mut letters)?.ok_or_else(wrong)?),
        };
        let mut next = || values.next().ok_or_else(wrong);
        let text = match (letters.next(), precision) {
            (Some('%'), None) => "%".to_owned(),
            (Some('n'), None) => "\n".to_owned(),
            (Some('s'), precision) => match next()? {
                Value::Null => "null".to_owned(),
                Value::Integer(value) => value.to_string(),
                Value::Double(value) => format!("{value:?}"),
                Value::Text(text) => (*text).to_owned(),
            }
            .chars()
            .take(precision.unwrap_or(usize::MAX))
            .collect(),
            (Some('d'), None) => match next()? {
                Value::Null => "null".to_owned(),
                Value::Integer(value) => grouped(&value.to_string(), is_grouped),
                _ => return Err(wrong()),
            },
            (Some('f'), precision) => match next()? {
                Value::Null => "null".to_owned(),
                Value::Double(value) if value.is_finite() => {
                    grouped(&format!("{:.*}", precision.unwrap_or(6), value), is_grouped)
                }
                _ => return Err(wrong()),
            },
            _ => return Err(wrong()),
        };
        let missing = width.saturating_sub(text.chars().count());
        match (is_left, is_padded, text.strip_prefix('-')) {
            (true, _, _) => out.extend(text.chars().chain(std::iter::repeat_n(' ', missing))),
            (false, true, Some(digits)) => {
                out.push('-');
                out.extend(std::iter::repeat_n('0', missing).chain(digits.chars()));
            }
            (false, true, None) => {
                out.extend(std::iter::repeat_n('0', missing).chain(text.chars()));
            }
            (false, false, _) => {
                out.extend(std::iter::repeat_n(' ', missing).chain(text.chars()));
            }
        }
    }
    Ok(out)
}

/// The width or precision that comes next, if there is one.
fn size(letters: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, Fault> {
    let mut digits = String::new();
    while let Some(digit) = letters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    match digits.parse::<usize>() {
        Ok(size) if size <= SIZE_MAX => Ok(Some(size)),
        Err(_) if digits.is_empty() => Ok(None),
        _ => Err(wrong()),
    }
}

/// Bytes that `format` may write of a pattern, at most, besides its values: the pattern
/// and its widths and precisions. `%1000n` writes a thousand bytes of six.
pub fn format_bytes(pattern: &str) -> u64 {
    let parts = pattern.split('%').skip(1);
    let sizes = parts.map(|part| {
        let part = part.trim_start_matches(['-', '0', ',']);
        let numbers = part.split(|letter: char| !letter.is_ascii_digit());
        // Larger ones are refused.
        let numbers = numbers.take(2).map(|number| number.parse().unwrap_or(0));
        numbers
            .map(|size: u64| size.min(SIZE_MAX as u64))
            .sum::<u64>()
    });
    pattern.len() as u64 + sizes.sum::<u64>()
}

/// Digits with a comma before each three of them, if so asked.
fn grouped(number: &str, is_grouped: bool) -> String {
    if !is_grouped {
        return number.to_owned();
    }
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (digits, String::new()),
    };
    let mut out = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + &fraction
}
