//! Values as Postgres sends them in binary.

use arrow::array::Array;
use bytes::{BufMut, BytesMut};

use super::text;
use super::types::{ColumnType, FLOAT4, INT2, INT4};
use super::value::{Value, value};

/// Days and microseconds from 1970 to 2000, where Postgres begins to count.
const EPOCH_DAYS: i64 = 10_957;
pub(super) const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

/// The sign of a negative numeric.
const NEGATIVE: u16 = 0x4000;

/// Writes a value of a column of type `column`.
pub(super) fn write(out: &mut BytesMut, value: &Value<'_>, column: ColumnType) {
    match value {
        Value::Bool(value) => out.put_u8(u8::from(*value)),
        Value::Integer(value) => match column.of {
            INT2 => out.put_i16(*value as i16),
            INT4 => out.put_i32(*value as i32),
            _ => out.put_i64(*value),
        },
        Value::Float4(value) => match column.of {
            FLOAT4 => out.put_f32(*value),
            _ => out.put_f64(f64::from(*value)),
        },
        Value::Float8(value) => out.put_f64(*value),
        Value::Numeric(digits) => numeric(out, digits),
        Value::Bytes(bytes) => out.put_slice(bytes),
        Value::Date(days) => out.put_i32((days - EPOCH_DAYS) as i32),
        Value::Time(micros) => out.put_i64(*micros),
        Value::Timestamp(micros) => out.put_i64(micros.saturating_sub(EPOCH_MICROS)),
        Value::Interval {
            months,
            days,
            micros,
        } => {
            out.put_i64(*micros);
            out.put_i32(*days);
            out.put_i32(*months);
        }
        Value::List(elements) if column.is_array => list(out, elements.as_ref(), column),
        Value::Text(text) => out.put_slice(text.as_bytes()),
        Value::List(_) | Value::Nested(..) | Value::Other(_) => {
            let mut written = String::new();
            text::write(&mut written, value, false);
            out.put_slice(written.as_bytes());
        }
    }
}

fn list(out: &mut BytesMut, elements: &dyn Array, column: ColumnType) {
    out.put_i32(i32::from(!elements.is_empty()));
    out.put_i32(i32::from(elements.null_count() > 0));
    out.put_u32(column.of.oid);
    if elements.is_empty() {
        return;
    }
    out.put_i32(elements.len() as i32);
    out.put_i32(1);
    let element = ColumnType {
        is_array: false,
        ..column
    };
    for row in 0..elements.len() {
        sized(out, |out| match value(elements, row) {
            Some(value) => {
                write(out, &value, element);
                true
            }
            None => false,
        });
    }
}

/// Writes a value behind its length; -1 where `write` says that there is none.
pub(super) fn sized(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> bool) {
    let start = out.len();
    out.put_i32(-1);
    if write(out) {
        let length = (out.len() - start - 4) as i32;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Digits in groups of four from the decimal point on.
fn numeric(out: &mut BytesMut, text: &str) {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let lead = whole.len().div_ceil(4) * 4 - whole.len();
    let mut digits = "0".repeat(lead) + whole;
    let mut weight = digits.len() as i16 / 4 - 1;
    digits.push_str(fraction);
    digits.push_str(&"0".repeat(fraction.len().div_ceil(4) * 4 - fraction.len()));
    let mut groups: Vec<u16> = digits
        .as_bytes()
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
        })
        .collect();
    let zeros = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..zeros);
    weight -= zeros as i16;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() {
        weight = 0;
    }
    out.put_u16(groups.len() as u16);
    out.put_i16(weight);
    out.put_u16(if negative { NEGATIVE } else { 0 });
    out.put_u16(fraction.len() as u16);
    for group in groups {
        out.put_u16(group);
    }
}

/// The digits of a numeric as it comes in binary; `None` for what is no number.
pub(super) fn numeric_text(mut bytes: &[u8]) -> Option<String> {
    use bytes::Buf;
    let count = bytes.try_get_u16().ok()?;
    let weight = i32::from(bytes.try_get_i16().ok()?);
    let sign = bytes.try_get_u16().ok()?;
    let scale = usize::from(bytes.try_get_u16().ok()?);
    if (sign & !NEGATIVE) != 0 || scale > 1000 || !(-250..250).contains(&weight) {
        return None;
    }
    let mut groups = Vec::new();
    for _ in 0..count {
        groups.push(bytes.try_get_u16().ok().filter(|group| *group < 10_000)?);
    }
    let group = |power: i32| {
        let index = usize::try_from(weight - power).ok();
        index
            .and_then(|index| groups.get(index))
            .copied()
            .unwrap_or(0)
    };
    let whole: String = (0..=weight.max(0))
        .rev()
        .map(|power| format!("{:04}", group(power)))
        .collect();
    let whole = whole.trim_start_matches('0');
    let fraction: String = (1..=scale.div_ceil(4) as i32)
        .map(|power| format!("{:04}", group(-power)))
        .collect();
    let mut text = String::from(if sign == NEGATIVE { "-" } else { "" });
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if scale > 0 {
        text.push('.');
        text.push_str(&fraction[..scale]);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_come_back_as_they_went() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1.25",
            "10000",
            "12345678.90120",
            "0.0001",
            "-0.00001234",
            "99999999999999999999999999999999999999",
        ] {
            let mut out = BytesMut::new();
            numeric(&mut out, text);
            assert_eq!(numeric_text(&out).as_deref(), Some(text));
        }
        for bytes in [
            &b""[..],
            &[0, 1, 0, 0, 0xC0, 0, 0, 0],
            &[0, 9, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(numeric_text(bytes), None);
        }
    }
}
