//! What of a table may be shown to somebody who may not see personal values.
//!
//! - A column is masked if a contract, a landing definition or the table's own log
//!   calls it personal, if a personal value flows into it, or if it is a text made of
//!   a personal value, such as a pseudonym.
//! - Times are cut to the day: an exact one could be looked up elsewhere.
//! - Rows that people sent, or that are about everybody whether they agree or not, are
//!   of anybody: of these all landing texts are masked, and numbers that are long enough
//!   for a telephone.
//! - Of all other texts, those that look like an e-mail address or a telephone number
//!   are masked.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use evidence::Cell;
use query::system;

use crate::contract::lineage::{Influence, Lineage, Origin};

/// The longest text that is shown, in characters.
const TEXT_MAX: usize = 60;

/// As many digits as the shortest telephone number has.
const PHONE_DIGITS_MIN: usize = 7;

/// Whole numbers from here on may be telephone numbers.
const PHONE_MIN: u64 = 1_000_000;

/// Whole numbers in this range are shown as a day: the years 2001 to 2099 in epoch
/// milliseconds. Telephone numbers of that length are rare.
const INSTANTS: std::ops::Range<u64> = 1_000_000_000_000..4_100_000_000_000;

const MASKED_NOTE: &str = "(masked)";

/// Whose rows a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Of people who agree.
    Agreed,
    /// Of anybody, as they were sent.
    AsSent,
    /// Of anybody, in a table of ours: its texts are words of ours or personal.
    Derived,
    /// Of nobody: what runs noted.
    Notes,
}

/// How one column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnMask {
    pub(super) is_masked: bool,
    trust: Trust,
}

/// What is known of the columns of all tables.
pub(super) struct Masking<'a> {
    lineage: &'a Lineage,
}

impl<'a> Masking<'a> {
    pub(super) fn new(lineage: &'a Lineage) -> Self {
        Self { lineage }
    }

    /// The mask of a model's column. `logged` are the columns that its version calls
    /// personal.
    pub(super) fn of_model(
        &self,
        table: &str,
        column: &str,
        kind: &DataType,
        logged: &[String],
    ) -> ColumnMask {
        let origin = Origin {
            table: table.to_owned(),
            column: column.to_owned(),
        };
        // A text is masked also if a function hides the value that it is made of.
        let least = match kind.is_string() {
            true => Influence::Masked,
            false => Influence::Direct,
        };
        let is_personal = logged.iter().any(|name| name == column)
            || self.lineage.is_personal(&origin)
            || self.lineage.takes_personal_values(&origin, least);
        ColumnMask {
            is_masked: is_personal || is_opaque(kind),
            trust: Trust::Agreed,
        }
    }

    /// The mask of a column of which nobody knows what flows into it: of the texts, all
    /// are masked.
    pub(super) fn of_unknown(column: &str, kind: &DataType, logged: &[String]) -> ColumnMask {
        let is_personal = logged.iter().any(|name| name == column);
        ColumnMask {
            is_masked: is_personal || !is_plain(kind),
            trust: Trust::AsSent,
        }
    }

    /// The mask of a landing column.
    pub(super) fn of_landing(
        table: &catalog::LandingTable,
        column: &str,
        kind: &DataType,
    ) -> ColumnMask {
        let is_personal = table.personal().iter().any(|personal| personal == column);
        ColumnMask {
            is_masked: is_personal || !is_plain(kind),
            trust: Trust::AsSent,
        }
    }

    /// The mask of a system table's column.
    pub(super) fn of_system(table: &str, column: &str, kind: &DataType) -> ColumnMask {
        let personal = system::personal(table);
        ColumnMask {
            is_masked: personal.contains(&column) || is_opaque(kind),
            trust: match personal.is_empty() {
                true => Trust::Notes,
                false => Trust::Derived,
            },
        }
    }
}

/// Numbers, times and truth values.
fn is_plain(kind: &DataType) -> bool {
    kind.is_primitive() || *kind == DataType::Boolean
}

/// Bytes may be anything, and are no use to a reader.
fn is_opaque(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    )
}

impl ColumnMask {
    /// The value of a row as it is shown.
    pub(super) fn cell(self, values: &Arc<dyn Array>, row: usize) -> Cell {
        if values.is_null(row) {
            return Cell::Null;
        }
        if self.is_masked {
            return Cell::MASKED;
        }
        let is_of_anybody = self.trust == Trust::AsSent;
        if self.trust != Trust::Notes
            && let Some(numbers) = values.as_primitive_opt::<Int64Type>()
        {
            return whole_number(numbers.value(row), is_of_anybody);
        }
        let kind = values.data_type();
        if is_of_anybody && kind.is_numeric() && may_be_telephone(&values.slice(row, 1)) {
            return Cell::MASKED;
        }
        let text = text(values, row);
        if kind.is_temporal() {
            return Cell::Value(text.chars().take("2020-01-01".len()).collect());
        }
        let is_masked = match self.trust {
            Trust::Notes => text.contains('@'),
            _ => (kind.is_string() || kind.is_nested()) && looks_personal(&text),
        };
        match is_masked {
            true => Cell::MASKED,
            false => Cell::Value(shortened(&text)),
        }
    }
}

fn text(values: &Arc<dyn Array>, row: usize) -> String {
    // A long text is not formatted as a whole.
    if let Some(texts) = values.as_string_view_opt() {
        return texts.value(row).chars().take(1000).collect();
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(values.as_ref(), &options);
    let text = formatter.map(|formatter| formatter.value(row).to_string());
    text.unwrap_or_default()
}

/// A whole number: an instant as its day; of anybody, others only if they are too short
/// for a telephone.
fn whole_number(number: i64, is_of_anybody: bool) -> Cell {
    let size = number.unsigned_abs();
    let day = chrono::DateTime::from_timestamp_millis(number);
    match day.filter(|_| number > 0 && INSTANTS.contains(&size)) {
        Some(day) => Cell::Value(day.format("%Y-%m-%d").to_string()),
        None if is_of_anybody && size >= PHONE_MIN => Cell::MASKED,
        None => Cell::Value(number.to_string()),
    }
}

/// Whether the only number of `value`, of any numeric type, is long enough for a
/// telephone. What cannot be told may be one.
fn may_be_telephone(value: &dyn Array) -> bool {
    let Ok(number) = cast(value, &DataType::Float64) else {
        return true;
    };
    let number = number.as_primitive::<Float64Type>();
    number.is_null(0) || number.value(0).abs() >= PHONE_MIN as f64
}

/// A text at its longest as pages show it.
fn shortened(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(TEXT_MAX).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// A name or remark of somebody's, which should hold no personal value and might.
pub(super) fn of_note(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.contains('@') {
        true => MASKED_NOTE,
        false => word,
    });
    let text: Vec<&str> = words.collect();
    text.join(" ").chars().take(300).collect()
}

/// A definition as its author wrote it, without addresses in it.
pub(super) fn of_source(text: &str) -> String {
    let is_of_address = |c: char| c.is_alphanumeric() || "@._%+-".contains(c);
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !is_of_address(c)) {
        let word = piece.trim_end_matches(|c: char| !is_of_address(c));
        let parts = word.split_once('@');
        let is_address = |(name, domain): (&str, &str)| !name.is_empty() && domain.contains('.');
        match parts.is_some_and(is_address) {
            true => {
                out.push_str(MASKED_NOTE);
                out.push_str(&piece[word.len()..]);
            }
            false => out.push_str(piece),
        }
    }
    out
}

/// Whether a text may be an e-mail address or a telephone number.
fn looks_personal(text: &str) -> bool {
    if text.contains('@') {
        return true;
    }
    // Digits with what people write between them.
    let mut digits = 0;
    for c in text.chars() {
        match c {
            c if c.is_numeric() => digits += 1,
            ' ' | '-' | '.' | '/' | '(' | ')' | '+' | '\u{a0}' => {}
            _ => digits = 0,
        }
        if digits >= PHONE_DIGITS_MIN {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array,
        StringViewArray,
    };

    use super::*;

    const OPEN: ColumnMask = ColumnMask {
        is_masked: false,
        trust: Trust::Agreed,
    };

    #[test]
    fn texts_that_look_personal_are_masked() {
        for (text, expected) in [
            ("plain", "plain"),
            ("ann@example.com", "masked"),
            ("write to ann @ example", "masked"),
            ("+49 (170) 123-4567", "masked"),
            ("801.555.1212", "masked"),
            ("5551212", "masked"),
            ("555121", "555121"),
            ("2020-01", "2020-01"),
            ("sensor 12, step 34567", "sensor 12, step 34567"),
            ("１２３４５６７", "masked"),
        ] {
            let values: ArrayRef = Arc::new(StringViewArray::from(vec![text]));
            assert_eq!(shown(OPEN.cell(&values, 0)), expected, "{text}");
        }
    }

    #[test]
    fn times_are_cut_and_long_numbers_of_anybody_masked() {
        for (number, agreed, as_sent) in [
            (12, "12", "12"),
            (-999_999, "-999999", "-999999"),
            (1_594_000_000_123, "2020-07-06", "2020-07-06"),
            (491_701_234_567, "491701234567", "masked"),
            (8_015_551_212, "8015551212", "masked"),
            (-1_594_000_000_123, "-1594000000123", "masked"),
            (i64::MIN, "-9223372036854775808", "masked"),
        ] {
            let values: ArrayRef = Arc::new(Int64Array::from(vec![number]));
            let sent = ColumnMask {
                trust: Trust::AsSent,
                ..OPEN
            };
            assert_eq!(shown(OPEN.cell(&values, 0)), agreed);
            assert_eq!(shown(sent.cell(&values, 0)), as_sent);
        }
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 8_015_551_212.0]));
        let sent = ColumnMask {
            trust: Trust::AsSent,
            ..OPEN
        };
        assert_eq!(shown(sent.cell(&floats, 0)), "0.5");
        assert_eq!(shown(sent.cell(&floats, 1)), "masked");
        // Numbers of every type.
        for numbers in [
            Arc::new(Int32Array::from(vec![12, 5_551_212])) as ArrayRef,
            Arc::new(Float32Array::from(vec![12.0, 5_551_212.0])),
            Arc::new(
                Decimal128Array::from(vec![12, 5_551_212])
                    .with_precision_and_scale(20, 0)
                    .unwrap(),
            ),
        ] {
            let kind = numbers.data_type();
            assert_ne!(shown(sent.cell(&numbers, 0)), "masked", "{kind}");
            assert_eq!(shown(sent.cell(&numbers, 1)), "masked", "{kind}");
            assert_ne!(shown(OPEN.cell(&numbers, 1)), "masked", "{kind}");
        }
    }

    #[test]
    fn remarks_lose_addresses_and_stay_short() {
        assert_eq!(of_note("ask ann@example.com first"), "ask (masked) first");
        assert_eq!(of_note(&"x".repeat(1000)).len(), 300);
        assert_eq!(shortened(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn definitions_lose_addresses_alone() {
        for (text, expected) in [
            ("select 'ann@example.com' as a", "select '(masked)' as a"),
            (
                "-- ask ann.b+c@mail.example.org\nselect 1",
                "-- ask (masked)\nselect 1",
            ),
            ("split_part(email, '@', 1)", "split_part(email, '@', 1)"),
            ("like '%@example.com'", "like '(masked)'"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(of_source(text), expected);
        }
    }

    fn shown(cell: Cell) -> String {
        match cell {
            Cell::Value(text) => text,
            Cell::Null => "null".to_owned(),
            Cell::Masked { .. } => "masked".to_owned(),
        }
    }
}
