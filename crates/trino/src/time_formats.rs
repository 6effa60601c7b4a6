//! Formats of times: MySQL's, which `date_format` and `date_parse` take, and Joda's, which
//! `format_datetime` and `parse_datetime` take.

use chrono::{Datelike, NaiveDate, Timelike};

use crate::fault::Fault;
use crate::time::{Time, offset_text};

/// A format, taken apart.
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Field { field: Field, width: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    ShortYear,
    Month,
    MonthName,
    ShortMonthName,
    Day,
    DayOfYear,
    /// 0 to 23.
    Hour,
    /// 1 to 12.
    Hour12,
    Minute,
    Second,
    /// So many digits behind the point.
    Fraction,
    HalfDay,
    WeekdayName,
    ShortWeekdayName,
    /// Monday is 1.
    Weekday,
    Week,
    WeekYear,
    Offset,
    OffsetColon,
    Zone,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// `%Y-%m-%d`.
pub(crate) fn mysql(format: &str) -> Result<Pattern, Fault> {
    let mut pieces = Pieces::default();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            pieces.literal(c);
            continue;
        }
        let Some(letter) = rest.next() else {
            pieces.literal('%');
            break;
        };
        match letter {
            'a' => pieces.field(Field::ShortWeekdayName, 0),
            'b' => pieces.field(Field::ShortMonthName, 0),
            'c' => pieces.field(Field::Month, 1),
            'd' => pieces.field(Field::Day, 2),
            'e' => pieces.field(Field::Day, 1),
            'f' => pieces.field(Field::Fraction, 6),
            'H' => pieces.field(Field::Hour, 2),
            'h' | 'I' => pieces.field(Field::Hour12, 2),
            'i' => pieces.field(Field::Minute, 2),
            'j' => pieces.field(Field::DayOfYear, 3),
            'k' => pieces.field(Field::Hour, 1),
            'l' => pieces.field(Field::Hour12, 1),
            'M' => pieces.field(Field::MonthName, 0),
            'm' => pieces.field(Field::Month, 2),
            'p' => pieces.field(Field::HalfDay, 0),
            'r' => {
                pieces.clock(Field::Hour12);
                pieces.literal(' ');
                pieces.field(Field::HalfDay, 0);
            }
            'S' | 's' => pieces.field(Field::Second, 2),
            'T' => pieces.clock(Field::Hour),
            'v' => pieces.field(Field::Week, 2),
            'W' => pieces.field(Field::WeekdayName, 0),
            'x' => pieces.field(Field::WeekYear, 4),
            'Y' => pieces.field(Field::Year, 4),
            'y' => pieces.field(Field::ShortYear, 2),
            'D' | 'U' | 'u' | 'V' | 'w' | 'X' => {
                return Err(Fault::new(
                    format!("%{letter} is not supported in a format of `date_format`"),
                    "Athena refuses %D, %U, %u, %V, %w and %X as well; write another one",
                ));
            }
            other => pieces.literal(other),
        }
    }
    Ok(pieces.finish())
}

/// What a field may be padded to, in characters.
const WIDTH_MAX: usize = 32;

/// `yyyy-MM-dd`; what stands in single quotes is taken as it is.
pub(crate) fn joda(format: &str) -> Result<Pattern, Fault> {
    let mut pieces = Pieces::default();
    let mut rest = format.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\'' {
            if rest.peek() == Some(&'\'') {
                rest.next();
                pieces.literal('\'');
                continue;
            }
            while let Some(quoted) = rest.next() {
                match quoted {
                    '\'' if rest.peek() == Some(&'\'') => {
                        rest.next();
                        pieces.literal('\'');
                    }
                    '\'' => break,
                    other => pieces.literal(other),
                }
            }
            continue;
        }
        if !c.is_ascii_alphabetic() {
            pieces.literal(c);
            continue;
        }
        let mut width = 1;
        while rest.peek() == Some(&c) {
            rest.next();
            width += 1;
        }
        if width > WIDTH_MAX {
            return Err(Fault::new(
                "a field of the format is too wide",
                "repeat a letter 32 times at most",
            ));
        }
        let (field, width) = match (c, width) {
            ('y' | 'Y' | 'u', 2) => (Field::ShortYear, 2),
            ('y' | 'Y' | 'u', width) => (Field::Year, width),
            ('M', 1 | 2) => (Field::Month, width),
            ('M', 3) => (Field::ShortMonthName, 0),
            ('M', _) => (Field::MonthName, 0),
            ('d', width) => (Field::Day, width),
            ('D', width) => (Field::DayOfYear, width),
            ('H', width) => (Field::Hour, width),
            ('h', width) => (Field::Hour12, width),
            ('m', width) => (Field::Minute, width),
            ('s', width) => (Field::Second, width),
            ('S', width) => (Field::Fraction, width),
            ('a', _) => (Field::HalfDay, 0),
            ('E', 1..=3) => (Field::ShortWeekdayName, 0),
            ('E', _) => (Field::WeekdayName, 0),
            ('e', width) => (Field::Weekday, width),
            ('w', width) => (Field::Week, width),
            ('x', width) => (Field::WeekYear, width),
            ('Z', 1) => (Field::Offset, 0),
            ('Z', 2) => (Field::OffsetColon, 0),
            ('z', _) | ('Z', _) => (Field::Zone, 0),
            _ => {
                return Err(Fault::new(
                    "the format has a letter that is not supported",
                    "the letters are y M d D H h m s S a E e w x Z z; put text in 'single quotes'",
                ));
            }
        };
        pieces.field(field, width);
    }
    Ok(pieces.finish())
}

#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn literal(&mut self, c: char) {
        match self.0.last_mut() {
            Some(Piece::Literal(text)) => text.push(c),
            _ => self.0.push(Piece::Literal(c.to_string())),
        }
    }

    fn field(&mut self, field: Field, width: usize) {
        self.0.push(Piece::Field { field, width });
    }

    /// Hours, minutes and seconds with `:` between.
    fn clock(&mut self, hour: Field) {
        self.field(hour, 2);
        for field in [Field::Minute, Field::Second] {
            self.literal(':');
            self.field(field, 2);
        }
    }

    fn finish(self) -> Pattern {
        Pattern(self.0)
    }
}

impl Pattern {
    /// The time in this format.
    pub(crate) fn write(&self, at: &Time) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Field { field, width } => out.push_str(&written(*field, *width, at)),
            }
        }
        out
    }

    /// The microseconds since the epoch of a text in this format; `None` for one that is
    /// not. What the format leaves out is that of 1970-01-01 00:00:00.
    pub(crate) fn read(&self, text: &str) -> Option<i64> {
        let mut rest = text;
        let mut found = Found::default();
        for (at, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Piece::Field { field, width } => {
                    let next_is_digits =
                        matches!(self.0.get(at + 1), Some(Piece::Field { width: 1.., .. }));
                    rest = found.take(*field, *width, next_is_digits, rest)?;
                }
            }
        }
        match rest.is_empty() {
            true => found.micros(),
            false => None,
        }
    }
}

fn written(field: Field, width: usize, at: &Time) -> String {
    let local = at.local;
    let hour12 = |hour: u32| {
        if hour.is_multiple_of(12) {
            12
        } else {
            hour % 12
        }
    };
    let number = |value: i64| match value < 0 {
        true => format!("-{:0width$}", -value),
        false => format!("{value:0width$}"),
    };
    let short = |name: &str| name[..3].to_owned();
    let month = MONTHS[local.month0() as usize];
    let weekday = WEEKDAYS[local.weekday().num_days_from_monday() as usize];
    match field {
        Field::Year => number(i64::from(local.year())),
        Field::ShortYear => number(i64::from(local.year().rem_euclid(100))),
        Field::Month => number(i64::from(local.month())),
        Field::MonthName => month.to_owned(),
        Field::ShortMonthName => short(month),
        Field::Day => number(i64::from(local.day())),
        Field::DayOfYear => number(i64::from(local.ordinal())),
        Field::Hour => number(i64::from(local.hour())),
        Field::Hour12 => number(i64::from(hour12(local.hour()))),
        Field::Minute => number(i64::from(local.minute())),
        Field::Second => number(i64::from(local.second())),
        Field::Fraction => {
            let digits = format!("{:09}", local.nanosecond());
            format!("{digits:0<width$}")[..width].to_owned()
        }
        Field::HalfDay => if local.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        Field::WeekdayName => weekday.to_owned(),
        Field::ShortWeekdayName => short(weekday),
        Field::Weekday => number(i64::from(local.weekday().number_from_monday())),
        Field::Week => number(i64::from(local.iso_week().week())),
        Field::WeekYear => number(i64::from(local.iso_week().year())),
        Field::Offset => offset_text(at.offset_seconds, ""),
        Field::OffsetColon => offset_text(at.offset_seconds, ":"),
        Field::Zone if at.offset_seconds == 0 => "UTC".to_owned(),
        Field::Zone => offset_text(at.offset_seconds, ":"),
    }
}

/// What a text says so far.
struct Found {
    year: i32,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    hour: u32,
    is_hour12: bool,
    is_afternoon: Option<bool>,
    minute: u32,
    second: u32,
    nanos: u32,
    offset_seconds: i32,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            year: 1970,
            month: 1,
            day: 1,
            day_of_year: None,
            hour: 0,
            is_hour12: false,
            is_afternoon: None,
            minute: 0,
            second: 0,
            nanos: 0,
            offset_seconds: 0,
        }
    }
}

impl Found {
    /// Takes a field off the beginning of `text`, and gives what is left.
    fn take<'a>(
        &mut self,
        field: Field,
        width: usize,
        next_is_digits: bool,
        text: &'a str,
    ) -> Option<&'a str> {
        let most = match field {
            Field::Year | Field::WeekYear if next_is_digits => width.max(4),
            Field::Year | Field::WeekYear => 9,
            Field::DayOfYear => 3,
            Field::Fraction => 9,
            _ => 2,
        };
        let number = || -> Option<(i64, &'a str)> {
            let signed = matches!(field, Field::Year) && text.starts_with('-');
            let digits = &text[usize::from(signed)..];
            let end = digits
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(digits.len());
            let end = end.min(most);
            let value: i64 = digits.get(..end)?.parse().ok()?;
            Some((if signed { -value } else { value }, &digits[end..]))
        };
        let name = |names: &[&str], length: Option<usize>| -> Option<(usize, &'a str)> {
            let fits = |name: &&str| {
                let name = &name[..length.unwrap_or(name.len())];
                text.get(..name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(name))
            };
            let at = names.iter().position(fits)?;
            Some((at, &text[length.unwrap_or(names[at].len())..]))
        };
        match field {
            Field::Year => {
                let (value, rest) = number()?;
                self.year = i32::try_from(value).ok()?;
                Some(rest)
            }
            Field::ShortYear => {
                let (value, rest) = number()?;
                // As MySQL takes them: 70 to 99 are of the last century.
                self.year = (if value < 70 { 2000 } else { 1900 }) + value as i32;
                Some(rest)
            }
            Field::MonthName | Field::ShortMonthName => {
                let length = (field == Field::ShortMonthName).then_some(3);
                let (at, rest) = name(&MONTHS, length)?;
                self.month = at as u32 + 1;
                Some(rest)
            }
            Field::WeekdayName => name(&WEEKDAYS, None).map(|(_, rest)| rest),
            Field::ShortWeekdayName => name(&WEEKDAYS, Some(3)).map(|(_, rest)| rest),
            Field::HalfDay => {
                let (at, rest) = name(&["AM", "PM"], None)?;
                self.is_afternoon = Some(at == 1);
                Some(rest)
            }
            Field::Offset | Field::OffsetColon | Field::Zone => self.offset(text),
            Field::Fraction => {
                let (value, rest) = number()?;
                let digits = text.len() - rest.len();
                self.nanos = u32::try_from(value * 10_i64.pow(9 - digits as u32)).ok()?;
                Some(rest)
            }
            _ => {
                let (value, rest) = number()?;
                let value = u32::try_from(value).ok()?;
                match field {
                    Field::Month => self.month = value,
                    Field::Day => self.day = value,
                    Field::DayOfYear => self.day_of_year = Some(value),
                    Field::Hour => self.hour = value,
                    Field::Hour12 => (self.hour, self.is_hour12) = (value, true),
                    Field::Minute => self.minute = value,
                    Field::Second => self.second = value,
                    // A week alone does not say which day.
                    _ => return None,
                }
                Some(rest)
            }
        }
    }

    fn offset<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        for utc in ["UTC", "Z"] {
            if let Some(rest) = text.strip_prefix(utc) {
                return Some(rest);
            }
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let hours: i32 = text.get(1..3)?.parse().ok()?;
        let rest = &text[3..];
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let minutes: i32 = rest.get(..2)?.parse().ok()?;
        self.offset_seconds = sign * (hours * 3600 + minutes * 60);
        Some(&rest[2..])
    }

    fn micros(&self) -> Option<i64> {
        let date = match self.day_of_year {
            Some(day) => NaiveDate::from_yo_opt(self.year, day)?,
            None => NaiveDate::from_ymd_opt(self.year, self.month, self.day)?,
        };
        let hour = match (self.is_hour12, self.is_afternoon) {
            (true, _) if !(1..=12).contains(&self.hour) => return None,
            (true, Some(true)) => self.hour % 12 + 12,
            (true, _) => self.hour % 12,
            (false, _) => self.hour,
        };
        let at = date.and_hms_nano_opt(hour, self.minute, self.second, self.nanos)?;
        let micros = at.and_utc().timestamp_micros();
        micros.checked_sub(i64::from(self.offset_seconds) * 1_000_000)
    }
}
