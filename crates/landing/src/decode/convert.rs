//! Converts JSON scalars to values of a column: without loss or not at all.
//!
//! The fast path and the general path both convert here, so that they cannot
//! differ.

use crate::reject::Reason;
use crate::schema::Type;

/// A value of a column that is not text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Long(i64),
    Int(i32),
    Double(f64),
    Float(f32),
    Date(i32),
    Timestamp(i64),
    Boolean(bool),
}

/// Why a value cannot be converted: the reason and the detail.
pub(crate) type Refusal = (Reason, &'static str);

const FRACTION: Refusal = (Reason::LossyNumber, "a fraction where an integer is due");
const RANGE: Refusal = (Reason::OutOfRange, "a number beyond the column's range");
const NO_NUMBER: Refusal = (Reason::TypeMismatch, "text that is not a number");
const NO_DATE: Refusal = (Reason::TypeMismatch, "text that is not a date");
const NO_TIME: Refusal = (Reason::TypeMismatch, "text that is not a time");
const NO_DAY: Refusal = (Reason::OutOfRange, "a day or time that does not exist");

const TOO_COARSE: Refusal = (
    Reason::TimeUnit,
    "a time in seconds where milliseconds are due",
);
const TOO_FINE: Refusal = (
    Reason::TimeUnit,
    "a time in microseconds or nanoseconds where milliseconds are due",
);

const FINER_THAN_MILLIS: Refusal = (Reason::LossyNumber, "a time finer than a millisecond");

const NOT_AFTER_1970: Refusal = (Reason::OutOfRange, "a time of zero or before 1970");

/// Converts a valid JSON number for a column that is not text.
pub(crate) fn from_number(kind: Type, token: &[u8]) -> Result<Value, Refusal> {
    match kind {
        Type::Long => integer(token).map(Value::Long),
        Type::Millis => {
            let value = integer(token)?;
            wrong_unit(value).map_or(Ok(Value::Long(value)), Err)
        }
        Type::Int => {
            i32::try_from(integer(token)?).map_or(Err(RANGE), |value| Ok(Value::Int(value)))
        }
        Type::Timestamp => epoch(token).map(Value::Timestamp),
        Type::Instant { is_checked } => instant(epoch(token)?, is_checked),
        Type::Double => double(token).map(Value::Double),
        Type::Float => {
            let value: f32 = ascii(token).parse().map_err(|_| NO_NUMBER)?;
            if value.is_finite() {
                Ok(Value::Float(value))
            } else {
                Err(RANGE)
            }
        }
        // As Athena reads it: days since 1970.
        Type::Date => {
            i32::try_from(integer(token)?).map_or(Err(RANGE), |days| Ok(Value::Date(days)))
        }
        Type::Boolean | Type::Text => Err((Reason::TypeMismatch, "a number where none is due")),
    }
}

/// Whether a text counts as converted: text is the only spelling of dates and times in
/// JSON.
#[inline]
pub(crate) fn is_text_converted(kind: Type) -> bool {
    !matches!(kind, Type::Date | Type::Timestamp | Type::Instant { .. })
}

/// Whether a number counts as converted: an integral float in an integer column.
#[inline]
pub(crate) fn is_converted(kind: Type, token: &[u8]) -> bool {
    matches!(
        kind,
        Type::Long | Type::Millis | Type::Instant { .. } | Type::Int | Type::Date | Type::Timestamp
    ) && token.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// Converts unescaped text for a column that is not text.
pub(crate) fn from_text(kind: Type, text: &[u8]) -> Result<Value, Refusal> {
    if text
        .iter()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
    {
        return Ok(Value::Null);
    }
    match kind {
        Type::Long | Type::Millis | Type::Int if is_integer(text) => from_number(kind, text),
        Type::Double | Type::Float if is_number(text) => from_number(kind, text),
        Type::Long | Type::Millis | Type::Int | Type::Double | Type::Float => Err(NO_NUMBER),
        Type::Date => date(text).map(Value::Date),
        Type::Timestamp | Type::Instant { .. } if is_number(text) => from_number(kind, text),
        Type::Timestamp => timestamp(text).map(Value::Timestamp),
        Type::Instant { is_checked } => instant(timestamp(text)?, is_checked),
        Type::Boolean => match text {
            b"true" => Ok(Value::Boolean(true)),
            b"false" => Ok(Value::Boolean(false)),
            _ => Err((Reason::TypeMismatch, "text that is not true or false")),
        },
        Type::Text => Err((Reason::TypeMismatch, "text")),
    }
}

/// Checks that an integer is plausible as epoch milliseconds. Seconds from 2001 on
/// would be days of early 1970; microseconds would be years beyond 5000.
pub(crate) fn wrong_unit(value: i64) -> Option<Refusal> {
    const MILLION: i64 = 1_000_000;
    // No record was written in 1970. As the oldest record of all it would change
    // nothing, and its content would be lost.
    if value <= 0 {
        Some(NOT_AFTER_1970)
    } else if (1_000 * MILLION..5_000 * MILLION).contains(&value) {
        Some(TOO_COARSE)
    } else if value >= 100 * MILLION * MILLION {
        Some(TOO_FINE)
    } else {
        None
    }
}

/// Converts epoch milliseconds for a column of instants.
fn instant(millis: i64, is_checked: bool) -> Result<Value, Refusal> {
    match wrong_unit(millis) {
        Some(refusal) if is_checked => Err(refusal),
        _ => Ok(Value::Long(millis)),
    }
}

/// Converts a valid JSON number to epoch milliseconds, as Athena reads numbers in
/// timestamp columns: an integer of 13 characters or more is milliseconds, a
/// shorter one and a fraction are seconds. Unlike there, a fraction that would be beyond
/// the year 5000 is milliseconds, too.
fn epoch(token: &[u8]) -> Result<i64, Refusal> {
    const MILLIS_LENGTH_MIN: usize = 13;
    if token.iter().all(|byte| matches!(byte, b'-' | b'0'..=b'9')) {
        let value = integer(token)?;
        return match token.len() >= MILLIS_LENGTH_MIN {
            true => Ok(value),
            false => Ok(value * 1000),
        };
    }
    let (negative, digits) = match token {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, token),
    };
    let finer = |refusal| match refusal {
        FRACTION => FINER_THAN_MILLIS,
        other => other,
    };
    let millis = scaled_decimal(negative, digits, 3).map_err(finer)?;
    // As seconds it would be beyond the year 5000: `1655564376361.0` is what became of
    // milliseconds in a program that has no integers with nulls.
    match millis.unsigned_abs() >= MILLIS_OF_SECONDS_MAX {
        true => scaled_decimal(negative, digits, 0).map_err(finer),
        false => Ok(millis),
    }
}

/// Seconds from here on are taken for milliseconds.
const MILLIS_OF_SECONDS_MAX: u64 = 100_000_000_000_000;

/// Converts `true` or `false` for a column that is not text.
pub(crate) fn from_boolean(kind: Type, value: bool) -> Result<Value, Refusal> {
    match kind {
        Type::Boolean => Ok(Value::Boolean(value)),
        _ => Err((Reason::TypeMismatch, "true or false where none is due")),
    }
}

/// Converts a valid JSON number to an integer. The common case, a few digits, comes
/// first.
fn integer(token: &[u8]) -> Result<i64, Refusal> {
    let (negative, digits) = match token {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, token),
    };
    if digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) {
        let value = digits
            .iter()
            .fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        return Ok(if negative { -value } else { value });
    }
    decimal(negative, digits)
}

/// Converts any JSON number to an integer: `digits` has a fraction, an exponent, or
/// many digits. The result is exact: the value is an integer times a power of ten.
fn decimal(negative: bool, digits: &[u8]) -> Result<i64, Refusal> {
    scaled_decimal(negative, digits, 0)
}

/// As [`decimal`], times `scale` powers of ten.
fn scaled_decimal(negative: bool, digits: &[u8], scale: i64) -> Result<i64, Refusal> {
    let (mantissa, exponent) = match digits.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&digits[..at], exponent(&digits[at + 1..])),
        None => (digits, 0),
    };
    let point = mantissa.iter().position(|b| *b == b'.');
    let significant = mantissa.iter().rposition(|b| matches!(b, b'1'..=b'9'));
    let Some(last) = significant else {
        return Ok(0);
    };
    // Power of ten of the last digit that is not zero.
    let trailing = match point {
        Some(at) if last < at => at as i64 - last as i64 - 1,
        Some(at) => at as i64 - last as i64,
        None => (mantissa.len() - 1 - last) as i64,
    };
    let power = trailing.saturating_add(exponent).saturating_add(scale);
    if power < 0 {
        return Err(FRACTION);
    }
    let mut value: i128 = 0;
    for digit in mantissa[..=last].iter().filter(|b| **b != b'.') {
        value = value * 10 + i128::from(digit - b'0');
        if value > i128::from(u64::MAX) {
            return Err(RANGE);
        }
    }
    for _ in 0..power {
        value *= 10;
        if value > i128::from(u64::MAX) {
            return Err(RANGE);
        }
    }
    let value = if negative { -value } else { value };
    i64::try_from(value).map_err(|_| RANGE)
}

/// The value of an exponent, capped where it does not matter: beyond a billion a
/// number other than zero exceeds any range.
fn exponent(text: &[u8]) -> i64 {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = digits.iter().fold(0i64, |value, digit| {
        (value * 10 + i64::from(digit - b'0')).min(1 << 60 >> 4)
    });
    if negative { -value } else { value }
}

/// The double nearest to a valid JSON number.
fn double(token: &[u8]) -> Result<f64, Refusal> {
    let value: f64 = ascii(token).parse().map_err(|_| NO_NUMBER)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(RANGE)
    }
}

/// Powers of ten that a double holds exactly.
pub(crate) const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The bytes of a number as a string; they are ASCII.
fn ascii(token: &[u8]) -> &str {
    std::str::from_utf8(token).unwrap_or("")
}

/// Whether the text spells a JSON integer exactly, so that converting it loses
/// nothing: no plus, no spaces, no leading zeros.
fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether the text spells a JSON number exactly.
fn is_number(text: &[u8]) -> bool {
    super::scan::skip_number(text, 0) == Some(text.len())
}

/// Converts `YYYY-MM-DD` to days since 1970. Leading zeros may be missing: birthdays
/// hold years such as 967.
fn date(text: &[u8]) -> Result<i32, Refusal> {
    let mut parts = text.split(|byte| *byte == b'-');
    let mut part = |length_max: usize| {
        let part = parts.next().filter(|part| !part.is_empty());
        let part = part.filter(|part| part.len() <= length_max);
        part.and_then(digits).ok_or(NO_DATE)
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    match parts.next() {
        None => days(year, month, day).ok_or(NO_DAY),
        Some(_) => Err(NO_DATE),
    }
}

/// Converts `YYYY-MM-DD HH:MM:SS`, also with `T`, a fraction, and `Z` or an offset,
/// to milliseconds since 1970 UTC.
fn timestamp(text: &[u8]) -> Result<i64, Refusal> {
    let clock_at = text
        .iter()
        .position(|byte| matches!(byte, b' ' | b'T' | b't'));
    let (day, rest) = text.split_at(clock_at.ok_or(NO_TIME)?);
    let (clock, tail) = rest.split_at_checked(9).ok_or(NO_TIME)?;
    let days = date(day).map_err(|refusal| match refusal {
        NO_DATE => NO_TIME,
        other => other,
    })?;
    let [b' ' | b'T' | b't', a, b, b':', c, d, b':', e, f] = *clock else {
        return Err(NO_TIME);
    };
    let hour = digits(&[a, b]).ok_or(NO_TIME)?;
    let minute = digits(&[c, d]).ok_or(NO_TIME)?;
    let second = digits(&[e, f]).ok_or(NO_TIME)?;
    if hour > 23 || minute > 59 || second > 59 {
        return Err(NO_DAY);
    }
    let (fraction, zone) = match tail {
        [b'.', rest @ ..] => {
            let end = rest
                .iter()
                .position(|b| !b.is_ascii_digit())
                .unwrap_or(rest.len());
            if end == 0 {
                return Err(NO_TIME);
            }
            rest.split_at(end)
        }
        _ => (&tail[..0], tail),
    };
    if fraction.iter().skip(3).any(|digit| *digit != b'0') {
        return Err(FINER_THAN_MILLIS);
    }
    let millis = (0..3).fold(0, |millis, i| {
        millis * 10 + i64::from(fraction.get(i).map_or(0, |digit| digit - b'0'))
    });
    let offset_minutes = match *zone {
        [] | [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), a, b, ref rest @ ..] => {
            let hours = digits(&[a, b]).ok_or(NO_TIME)?;
            let minutes = match *rest {
                [] => 0,
                [c, d] | [b':', c, d] => digits(&[c, d]).ok_or(NO_TIME)?,
                _ => return Err(NO_TIME),
            };
            if hours > 23 || minutes > 59 {
                return Err(NO_DAY);
            }
            let offset = hours * 60 + minutes;
            if sign == b'-' { -offset } else { offset }
        }
        _ => return Err(NO_TIME),
    };
    let minutes =
        (i64::from(days) * 24 + i64::from(hour)) * 60 + i64::from(minute - offset_minutes);
    Ok((minutes * 60 + i64::from(second)) * 1000 + millis)
}

/// The value of a few digits.
fn digits(text: &[u8]) -> Option<i32> {
    text.iter().try_fold(0, |value, byte| match byte {
        b'0'..=b'9' => Some(value * 10 + i32::from(byte - b'0')),
        _ => None,
    })
}

/// Days since 1970 of a day in the proleptic Gregorian calendar; `None` if the day
/// does not exist.
fn days(year: i32, month: i32, day: i32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March have the leap day at their end.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        fn check(token: &str, expected: Result<i64, Reason>) {
            let got = integer(token.as_bytes()).map_err(|(reason, _)| reason);
            assert_eq!(got, expected, "{token}");
        }
        check("0", Ok(0));
        check("-0", Ok(0));
        check("-0.0", Ok(0));
        check("1655564376361", Ok(1_655_564_376_361));
        check("1655564376361.0", Ok(1_655_564_376_361));
        check("1e3", Ok(1000));
        check("1.5e1", Ok(15));
        check("1500e-2", Ok(15));
        check("15.00e0", Ok(15));
        check("1501e-2", Err(Reason::LossyNumber));
        check("0.5", Err(Reason::LossyNumber));
        check("9223372036854775807", Ok(i64::MAX));
        check("-9223372036854775808", Ok(i64::MIN));
        check("9223372036854775808", Err(Reason::OutOfRange));
        check("-9223372036854775809", Err(Reason::OutOfRange));
        check("9223372036854775807.0", Ok(i64::MAX));
        check("9223372036854775807.5", Err(Reason::LossyNumber));
        check("922337203685477580.7e1", Ok(i64::MAX));
        check("0e99999999999999999999", Ok(0));
        check("1e99999999999999999999", Err(Reason::OutOfRange));
        check("1e-99999999999999999999", Err(Reason::LossyNumber));
        check("100000000000000000000e-2", Ok(1_000_000_000_000_000_000));
    }

    #[test]
    fn times() {
        fn check(text: &str, expected: Result<i64, Reason>) {
            let got = timestamp(text.as_bytes()).map_err(|(reason, _)| reason);
            assert_eq!(got, expected, "{text}");
        }
        check("1970-01-01 00:00:00", Ok(0));
        check("1970-01-01T00:00:01.5Z", Ok(1500));
        check("1970-01-01T00:00:00.001", Ok(1));
        check("1970-01-01T00:00:00.001000", Ok(1));
        check("1970-01-01T00:00:00.0010001", Err(Reason::LossyNumber));
        check("1970-01-01T01:00:00+01:00", Ok(0));
        check("1969-12-31T23:00:00-01:00", Ok(0));
        check("2022-06-18T15:00:44.103Z", Ok(1_655_564_444_103));
        check("1970-01-01T01:00:00+0100", Ok(0));
        check("1970-01-01T01:00:00.000+01", Ok(0));
        check("1970-01-01T01:00:00+01:0", Err(Reason::TypeMismatch));
        check("1970-01-01T01:00:00+", Err(Reason::TypeMismatch));
        check("2000-02-30 00:00:00", Err(Reason::OutOfRange));
        check("2000-02-29 24:00:00", Err(Reason::OutOfRange));
        check("2000-02-29", Err(Reason::TypeMismatch));
        check("2000-02-29 00:00:00 ", Err(Reason::TypeMismatch));
        check("2000-02-29 00:00:00.", Err(Reason::TypeMismatch));
        check("970-1-1 00:00:00", Ok(-31_556_908_800_000));
    }

    #[test]
    fn numbers_as_times() {
        fn check(token: &str, expected: Result<i64, Reason>) {
            let got = epoch(token.as_bytes()).map_err(|(reason, _)| reason);
            assert_eq!(got, expected, "{token}");
        }
        check("1655564376361", Ok(1_655_564_376_361));
        check("1655564376", Ok(1_655_564_376_000));
        check("-1655564376", Ok(-1_655_564_376_000));
        check("0", Ok(0));
        check("999999999999", Ok(999_999_999_999_000));
        check("1655564376.5", Ok(1_655_564_376_500));
        check("1.655564376361e9", Ok(1_655_564_376_361));
        check("1655564376.3615", Err(Reason::LossyNumber));
        check("1655564376361.0", Ok(1_655_564_376_361));
        check("1.655564376361e12", Ok(1_655_564_376_361));
        check("1655564376361.5", Err(Reason::LossyNumber));
        check("99999999999.0", Ok(99_999_999_999_000));
        check("9223372036854775807", Ok(i64::MAX));
        check("9223372036854775808", Err(Reason::OutOfRange));
        check("1e30", Err(Reason::OutOfRange));
    }

    #[test]
    fn dates() {
        assert_eq!(date(b"1970-01-01"), Ok(0));
        assert_eq!(date(b"1969-12-31"), Ok(-1));
        assert_eq!(date(b"2000-02-29"), Ok(11_016));
        assert_eq!(date(b"1399-01-01"), Ok(-208_553));
        assert_eq!(date(b"1900-02-29"), Err(NO_DAY));
        assert_eq!(date(b"967-01-01"), Ok(-366_338));
        assert_eq!(date(b"1-1-1"), Ok(-719_162));
        for text in [
            "",
            "-",
            "1970-01",
            "1970-01-01-01",
            "19700-01-01",
            "1970-001-01",
            "1970-1-+1",
        ] {
            assert_eq!(date(text.as_bytes()), Err(NO_DATE), "{text}");
        }
    }
}
