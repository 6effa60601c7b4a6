//! TOML with the place of every key and value in the file, also inside an SQL
//! comment. Contracts and expectations are read through it.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::errors::{Error, ErrorKind, Errors};
use crate::text::Spot;

/// A TOML text and where in which file it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TomlSource<'a> {
    file: &'a str,
    text: &'a str,
    start: Spot,
}

/// A key with its value.
pub(crate) struct Entry<'a, 'v> {
    pub(crate) source: TomlSource<'a>,
    pub(crate) key: &'v str,
    pub(crate) key_spot: Spot,
    pub(crate) value: &'v DeValue<'a>,
    pub(crate) value_spot: Spot,
    value_offset: usize,
}

impl<'a> TomlSource<'a> {
    /// The document in `text`, or all its syntax errors.
    pub(crate) fn parse(
        file: &'a str,
        text: &'a str,
        start: Spot,
    ) -> Result<(TomlSource<'a>, DeTable<'a>), Errors> {
        let source = TomlSource { file, text, start };
        let (document, faults) = DeTable::parse_recoverable(text);
        if faults.is_empty() {
            return Ok((source, document.into_inner()));
        }
        let errors = faults.iter().map(|fault| {
            let spot = source.spot(fault.span().map_or(0, |span| span.start));
            let reason = fault.message().to_owned();
            Error::at(file, spot, ErrorKind::Toml { reason })
        });
        Err(errors.collect::<Vec<_>>().into())
    }

    /// The entries of a table in the order of the file.
    pub(crate) fn entries<'v>(self, table: &'v DeTable<'a>) -> Vec<Entry<'a, 'v>> {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| Entry {
                source: self,
                key: key.get_ref(),
                key_spot: self.spot(key.span().start),
                value: value.get_ref(),
                value_spot: self.spot(value.span().start),
                value_offset: value.span().start,
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_spot);
        entries
    }

    pub(crate) fn error(self, spot: Spot, kind: ErrorKind) -> Error {
        Error::at(self.file, spot, kind)
    }

    /// The place in the file of a byte of the text.
    pub(crate) fn spot(self, offset: usize) -> Spot {
        self.start.after(self.text, offset)
    }

    /// The place of the content of the string literal at `offset`: after its
    /// quotes, and after a line break that follows three quotes.
    fn content_spot(self, offset: usize) -> Spot {
        let literal = &self.text[offset..];
        let quotes = [
            "\"\"\"\r\n",
            "'''\r\n",
            "\"\"\"\n",
            "'''\n",
            "\"\"\"",
            "'''",
        ];
        let quote = quotes.iter().find(|quote| literal.starts_with(**quote));
        self.spot(offset + quote.map_or(1, |quote| quote.len()))
    }
}

impl<'a, 'v> Entry<'a, 'v> {
    /// The value, if it is a string.
    pub(crate) fn text(&self) -> Option<&'v str> {
        self.value.as_str()
    }

    /// The place of the content of a string value.
    pub(crate) fn text_spot(&self) -> Spot {
        self.source.content_spot(self.value_offset)
    }

    /// The value, if it is an integer in the range of `i64`.
    pub(crate) fn whole_number(&self) -> Option<i64> {
        whole_number(self.value)
    }

    /// The elements of an array, each with its place.
    pub(crate) fn elements(&self) -> Option<Vec<(&'v DeValue<'a>, Spot)>> {
        let array = self.value.as_array()?;
        let source = self.source;
        let element =
            |value: &'v Spanned<DeValue<'a>>| (value.get_ref(), source.spot(value.span().start));
        Some(array.iter().map(element).collect())
    }

    /// An error about this entry's value.
    pub(crate) fn bad(&self, expected: &'static str) -> Error {
        self.bad_at(self.value_spot, expected)
    }

    /// The error that part of this entry's value is not as expected.
    pub(crate) fn bad_at(&self, spot: Spot, expected: &'static str) -> Error {
        let key = self.key.to_owned();
        self.source
            .error(spot, ErrorKind::BadValue { key, expected })
    }

    /// The error that this entry's key is unknown.
    pub(crate) fn unknown(&self, within: &'static str, known: &'static [&'static str]) -> Error {
        let key = self.key.to_owned();
        let kind = ErrorKind::UnknownKey { key, within, known };
        self.source.error(self.key_spot, kind)
    }
}

/// An integer that fits.
pub(crate) fn whole_number(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    let digits: Cow<'_, str> = match integer.as_str().contains('_') {
        true => integer.as_str().replace('_', "").into(),
        false => integer.as_str().into(),
    };
    i64::from_str_radix(&digits, integer.radix()).ok()
}

/// A float, if it is a number.
pub(crate) fn float(value: &DeValue<'_>) -> Option<f64> {
    let written = value.as_float()?.as_str().replace('_', "");
    written.parse().ok().filter(|number: &f64| !number.is_nan())
}
