//! Parameters of a statement: their values as literals, put where `$1` stands.
//!
//! The desk takes statements without parameters. A literal says the same as a value bound
//! to a plan, and what is logged of a statement shows neither.

use std::fmt::Write;

use bytes::{Buf, Bytes};

use super::binary::{EPOCH_MICROS, numeric_text};
use super::failure::Failure;
use super::text;
use super::types::{self, PgType};
use super::value::Value;
use crate::sql_text::quoted;

/// The most elements of an array that is a parameter.
const ELEMENTS_MAX: usize = 10_000;

/// A value of a parameter as a literal. `of` is the type that the client names, or that
/// was found for it.
pub(super) fn literal(of: u32, is_binary: bool, value: Option<&Bytes>) -> Result<String, Failure> {
    let Some(bytes) = value else {
        return Ok(match types::of_oid(of).and_then(sql_type) {
            Some(name) => format!("CAST(NULL AS {name})"),
            None => "NULL".to_owned(),
        });
    };
    match (types::element_of(of), is_binary) {
        (Some(element), true) => array_of_binary(element, bytes.clone()),
        (Some(element), false) => array_of_text(element, utf8(bytes)?),
        (None, true) => {
            let of = types::of_oid(of).ok_or_else(|| unknown_type(of))?;
            of_text(of, &text_of_binary(of, bytes)?)
        }
        (None, false) => of_text(types::of_oid(of).unwrap_or(types::TEXT), utf8(bytes)?),
    }
}

/// A value of a type that stands for all: it is planned with, and never computed.
pub(super) fn sample(of: PgType) -> String {
    let text = match of {
        types::BOOL => "t",
        types::DATE => "2000-01-01",
        types::TIMESTAMP | types::TIMESTAMPTZ => "2000-01-01 00:00:00",
        types::TIME => "00:00:00",
        types::BYTEA => "\\x00",
        _ => "1",
    };
    of_text(of, text).unwrap_or_else(|_| "NULL".to_owned())
}

fn unknown_type(of: u32) -> Failure {
    Failure::new("0A000", format!("parameters of type {of} cannot be read"))
        .with_hint("send the value as text, and cast it in the statement")
}

fn wrong(of: PgType) -> Failure {
    Failure::new("22P02", format!("a parameter is no {}", of.sql_name))
}

fn utf8(bytes: &Bytes) -> Result<&str, Failure> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'));
    text.ok_or_else(|| Failure::new("22021", "a parameter is no text in UTF-8"))
}

/// The name that our SQL has for a type, to cast a null to.
fn sql_type(of: PgType) -> Option<&'static str> {
    Some(match of {
        types::BOOL => "boolean",
        types::INT2 | types::INT4 | types::INT8 | types::OID => "bigint",
        types::FLOAT4 | types::FLOAT8 => "double",
        types::TEXT | types::VARCHAR | types::BPCHAR | types::NAME => "varchar",
        types::DATE => "date",
        types::TIMESTAMP | types::TIMESTAMPTZ => "timestamp",
        _ => return None,
    })
}

fn of_text(of: PgType, text: &str) -> Result<String, Failure> {
    let trimmed = text.trim();
    Ok(match of {
        types::BOOL => match trimmed.to_ascii_lowercase().as_str() {
            "t" | "true" | "on" | "yes" | "y" | "1" => "true".to_owned(),
            "f" | "false" | "off" | "no" | "n" | "0" => "false".to_owned(),
            _ => return Err(wrong(of)),
        },
        types::INT2 | types::INT4 | types::INT8 | types::OID => {
            match trimmed.parse::<i64>().map_err(|_| wrong(of))? {
                // A minus before the largest number is not a number.
                i64::MIN => format!("CAST('{}' AS bigint)", i64::MIN),
                number if number < 0 => format!("({number})"),
                number => number.to_string(),
            }
        }
        types::FLOAT4 | types::FLOAT8 => {
            let number = trimmed.parse::<f64>().map_err(|_| wrong(of))?;
            match number.is_finite() {
                true => format!("CAST('{number:e}' AS double)"),
                false => format!("CAST('{number}' AS double)"),
            }
        }
        types::NUMERIC => {
            let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
            let is_number = digits.chars().all(|c| c.is_ascii_digit() || c == '.')
                && digits.matches('.').count() <= 1
                && digits.contains(|c: char| c.is_ascii_digit());
            match is_number {
                true => decimal(trimmed, digits),
                false => return Err(wrong(of)),
            }
        }
        types::BYTEA => match trimmed.strip_prefix("\\x") {
            Some(hex) if hex.len() % 2 == 0 && hex.bytes().all(|c| c.is_ascii_hexdigit()) => {
                format!("X'{hex}'")
            }
            Some(_) => return Err(wrong(of)),
            None => bytes_literal(text.as_bytes()),
        },
        types::DATE => format!("DATE {}", quoted(trimmed)),
        types::TIMESTAMP => format!("TIMESTAMP {}", quoted(trimmed)),
        types::TIMESTAMPTZ => format!(
            "TIMESTAMP {}",
            quoted(&in_utc(trimmed).ok_or_else(|| wrong(of))?)
        ),
        types::TIME => format!("TIME {}", quoted(trimmed)),
        _ => quoted(text),
    })
}

/// A decimal of as many digits as it has.
fn decimal(text: &str, digits: &str) -> String {
    let scale = digits
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let precision = digits
        .chars()
        .filter(char::is_ascii_digit)
        .count()
        .max(scale + 1);
    match precision <= 38 {
        true => format!("CAST('{text}' AS decimal({precision}, {scale}))"),
        false => format!("CAST('{text}' AS double)"),
    }
}

fn bytes_literal(bytes: &[u8]) -> String {
    format!("X'{}'", door::hex(bytes))
}

/// An instant with an offset as one of UTC.
fn in_utc(text: &str) -> Option<String> {
    for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"] {
        if let Ok(instant) = chrono::DateTime::parse_from_str(text, format) {
            return Some(
                instant
                    .naive_utc()
                    .format("%Y-%m-%d %H:%M:%S%.6f")
                    .to_string(),
            );
        }
    }
    // Without an offset it is one of UTC already: that is our time zone.
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    let is_instant = |format: &&str| chrono::NaiveDateTime::parse_from_str(text, format).is_ok();
    formats.iter().any(is_instant).then(|| text.to_owned())
}

/// What a value in binary is in text.
fn text_of_binary(of: PgType, bytes: &Bytes) -> Result<String, Failure> {
    let mut rest = bytes.clone();
    let short = |_: bytes::TryGetError| wrong(of);
    let value = match of {
        types::BOOL => Value::Bool(rest.try_get_u8().map_err(short)? != 0),
        types::INT2 => Value::Integer(rest.try_get_i16().map_err(short)?.into()),
        types::INT4 => Value::Integer(rest.try_get_i32().map_err(short)?.into()),
        types::OID => Value::Integer(rest.try_get_u32().map_err(short)?.into()),
        types::INT8 => Value::Integer(rest.try_get_i64().map_err(short)?),
        types::FLOAT4 => Value::Float4(rest.try_get_f32().map_err(short)?),
        types::FLOAT8 => Value::Float8(rest.try_get_f64().map_err(short)?),
        types::NUMERIC => {
            let digits = numeric_text(&rest.split_off(0)).ok_or_else(|| wrong(of))?;
            Value::Numeric(digits)
        }
        types::DATE => Value::Date(i64::from(rest.try_get_i32().map_err(short)?) + 10_957),
        types::TIME => Value::Time(rest.try_get_i64().map_err(short)?),
        types::TIMESTAMP | types::TIMESTAMPTZ => {
            let micros = rest.try_get_i64().map_err(short)?;
            Value::Timestamp(micros.checked_add(EPOCH_MICROS).ok_or_else(|| wrong(of))?)
        }
        types::BYTEA => Value::Bytes(bytes),
        types::UUID => return uuid(bytes).ok_or_else(|| wrong(of)),
        types::JSONB => return Ok(utf8(&bytes.slice(1.min(bytes.len())..))?.to_owned()),
        types::INTERVAL => return Err(unknown_type(of.oid)),
        _ => return Ok(utf8(bytes)?.to_owned()),
    };
    if !matches!(of, types::BYTEA) && rest.has_remaining() {
        return Err(wrong(of));
    }
    let mut text = String::new();
    text::write(&mut text, &value, false);
    Ok(text)
}

fn uuid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        let dash = if matches!(index, 4 | 6 | 8 | 10) {
            "-"
        } else {
            ""
        };
        _ = write!(text, "{dash}{byte:02x}");
    }
    Some(text)
}

fn array_of_binary(element: PgType, mut bytes: Bytes) -> Result<String, Failure> {
    let short = |_: bytes::TryGetError| wrong(element);
    let dimensions = bytes.try_get_i32().map_err(short)?;
    bytes.try_get_i32().map_err(short)?;
    bytes.try_get_u32().map_err(short)?;
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = bytes.try_get_i32().map_err(short)?;
            bytes.try_get_i32().map_err(short)?;
            count
        }
        _ => return Err(no_nested_arrays()),
    };
    let mut literals = Vec::new();
    for _ in 0..usize::try_from(count)
        .unwrap_or(usize::MAX)
        .min(ELEMENTS_MAX + 1)
    {
        let length = bytes.try_get_i32().map_err(short)?;
        let value = match usize::try_from(length) {
            Err(_) => None,
            Ok(length) if length <= bytes.len() => Some(bytes.split_to(length)),
            Ok(_) => return Err(wrong(element)),
        };
        literals.push(literal(element.oid, true, value.as_ref())?);
    }
    array(literals)
}

/// `{1,"a b",NULL}`.
fn array_of_text(element: PgType, text: &str) -> Result<String, Failure> {
    let inner = text
        .trim()
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    let mut rest = inner.ok_or_else(|| wrong(element))?.chars().peekable();
    let mut literals = Vec::new();
    while rest.peek().is_some() {
        let (mut value, mut was_quoted) = (String::new(), false);
        if rest.next_if_eq(&'"').is_some() {
            was_quoted = true;
            loop {
                match rest.next().ok_or_else(|| wrong(element))? {
                    '"' => break,
                    '\\' => value.extend(rest.next()),
                    c => value.push(c),
                }
            }
        }
        while let Some(c) = rest.next_if(|c| *c != ',') {
            match c {
                '{' | '"' => return Err(no_nested_arrays()),
                c => value.push(c),
            }
        }
        rest.next();
        literals.push(match !was_quoted && value.eq_ignore_ascii_case("null") {
            true => "NULL".to_owned(),
            false => of_text(element, &value)?,
        });
    }
    array(literals)
}

fn array(literals: Vec<String>) -> Result<String, Failure> {
    match literals.len() <= ELEMENTS_MAX {
        true => Ok(format!("ARRAY[{}]", literals.join(", "))),
        false => Err(Failure::new(
            "54000",
            format!("an array has more than {ELEMENTS_MAX} elements"),
        )),
    }
}

fn no_nested_arrays() -> Failure {
    Failure::new("0A000", "arrays of arrays cannot be parameters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_mean_the_value_and_nothing_else() {
        for (of, text, expected) in [
            (types::INT8.oid, "-5", Some("(-5)")),
            (types::INT8.oid, "1 or 1=1", None),
            (
                types::INT4.oid,
                "-9223372036854775808",
                Some("CAST('-9223372036854775808' AS bigint)"),
            ),
            (types::TEXT.oid, "it's; drop", Some("'it''s; drop'")),
            (0, "x'--", Some("'x''--'")),
            (types::BOOL.oid, "t", Some("true")),
            (types::BOOL.oid, "perhaps", None),
            (types::FLOAT8.oid, "1.5", Some("CAST('1.5e0' AS double)")),
            (types::FLOAT8.oid, "NaN", Some("CAST('NaN' AS double)")),
            (
                types::NUMERIC.oid,
                "-1.25",
                Some("CAST('-1.25' AS decimal(3, 2))"),
            ),
            (types::NUMERIC.oid, "1') --", None),
            (types::BYTEA.oid, "\\x00FF", Some("X'00FF'")),
            (types::BYTEA.oid, "\\x0'", None),
            (types::DATE.oid, "2024-02-29'", Some("DATE '2024-02-29'''")),
            (
                types::TIMESTAMPTZ.oid,
                "2024-01-31 12:00:00+02",
                Some("TIMESTAMP '2024-01-31 10:00:00.000000'"),
            ),
            (types::TIMESTAMPTZ.oid, "soon", None),
            (
                types::INT8.array,
                "{1,-2,NULL}",
                Some("ARRAY[1, (-2), NULL]"),
            ),
            (
                types::TEXT.array,
                r#"{a,"b\"','",NULL,"null"}"#,
                Some(r#"ARRAY['a', 'b"'',''', NULL, 'null']"#),
            ),
            (types::TEXT.array, "{{a}}", None),
        ] {
            let found = literal(of, false, Some(&Bytes::from(text.to_owned()))).ok();
            assert_eq!(found.as_deref(), expected, "{of} {text}");
        }
        let zero = literal(0, false, Some(&Bytes::from_static(b"a\0b")));
        assert!(zero.is_err());
    }

    #[test]
    fn binary_values_of_any_length_are_read_or_refused() {
        let five = 5i64.to_be_bytes();
        assert_eq!(
            literal(types::INT8.oid, true, Some(&Bytes::copy_from_slice(&five))).unwrap(),
            "5"
        );
        for of in types::ALL.iter().flat_map(|of| [of.oid, of.array]) {
            for length in 0..40 {
                _ = literal(of, true, Some(&Bytes::from(vec![0xff; length])));
                _ = literal(of, true, Some(&Bytes::from(vec![0; length])));
            }
        }
    }
}
