//! Prints lists: as tables for people, as CSV and JSON for programs.

use anyhow::Result;
use comfy_table::Color;
use engine::Verdict;
use serde::Serialize;

use super::message::say;
use super::number::grouped;
use super::out::{put, put_escaped, put_json};
use super::sheet::{CUT, Sheet, Value};
use crate::args::Format;
use crate::settings::Settings;

/// One value of a printed list.
pub(crate) enum Field {
    /// Text.
    Text(String),
    /// Grouped by thousands for people, plain for programs. If missing: a dash
    /// for people, nothing for programs.
    Number(Option<i64>),
    /// Seconds.
    Seconds(f64),
    /// In colour if the terminal shows it.
    Verdict(Verdict),
}

impl Field {
    /// A text that may be missing.
    pub(crate) fn text(text: Option<&str>) -> Self {
        Field::Text(text.unwrap_or_default().to_owned())
    }

    /// A count that may be missing.
    pub(crate) fn count(count: impl Into<Option<u64>>) -> Self {
        Field::Number(count.into().and_then(|count| i64::try_from(count).ok()))
    }

    fn value(&self) -> Value {
        match self {
            Field::Text(text) => Value::new(text),
            Field::Number(Some(number)) => {
                let sign = if *number < 0 { "-" } else { "" };
                Value::new(&format!("{sign}{}", grouped(number.unsigned_abs())))
            }
            Field::Number(None) => Value::new("-"),
            Field::Seconds(seconds) => Value::new(&format!("{seconds:.2}")),
            Field::Verdict(verdict) => {
                let color = match verdict {
                    Verdict::Ok => Color::Green,
                    Verdict::Warn => Color::Yellow,
                    Verdict::Fail => Color::Red,
                };
                Value::colored(&verdict.to_string(), color)
            }
        }
    }

    fn csv(&self) -> String {
        match self {
            Field::Text(text) if text.contains([',', '"', '\n', '\r']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Field::Text(text) => text.clone(),
            Field::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
            Field::Seconds(seconds) => format!("{seconds:.3}"),
            Field::Verdict(verdict) => verdict.to_string(),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Field::Number(_) | Field::Seconds(_))
    }
}

/// Prints `items` in the format that the user wants. Tables and CSV have
/// `headings` and the values that `fields` gives; JSON is each item itself.
pub(crate) fn put_list<T: Serialize>(
    settings: &Settings,
    headings: &[&str],
    items: &[T],
    fields: impl Fn(&T) -> Vec<Field>,
) -> Result<()> {
    match settings.format.value {
        Format::Table => put_table(settings, headings, items, fields),
        Format::Json => put_json(&items),
        Format::Ndjson => items.iter().try_for_each(put_json),
        Format::Csv => {
            let rows = items.iter().map(|item| {
                let values: Vec<String> = fields(item).iter().map(Field::csv).collect();
                format!("{}\n", values.join(","))
            });
            put_escaped(&format!(
                "{}\n{}",
                headings.join(","),
                rows.collect::<String>()
            ))
        }
    }
}

/// Prints the table for people.
fn put_table<T>(
    settings: &Settings,
    headings: &[&str],
    items: &[T],
    fields: impl Fn(&T) -> Vec<Field>,
) -> Result<()> {
    let mut sheet = Sheet::new(settings, headings);
    for (position, item) in items.iter().enumerate() {
        let fields = fields(item);
        if position == 0 {
            let numbers = fields
                .iter()
                .enumerate()
                .filter(|(_, field)| field.is_number());
            sheet.numbers(numbers.map(|(column, _)| column));
        }
        sheet.row(fields.iter().map(Field::value).collect());
    }
    let drawn = sheet.draw();
    put(&drawn.text)?;
    if drawn.is_cut {
        say(settings, CUT);
    }
    Ok(())
}
