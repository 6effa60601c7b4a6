//! Tables for people, laid out as text and cut to the terminal.
//!
//! The terminal's line breaks would tear a wide table apart. Long texts are cut
//! instead, the widest first. If that is not enough, the last columns are left
//! out: few columns with whole names say more than many with parts of them.
//! Numbers are never cut, because a part of a number is another number.

use std::io::{self, IsTerminal};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape::escaped;
use super::terminal;
use crate::settings::Settings;

/// A text is not cut to less than this: names of tables fit.
const TEXT_WIDTH_MIN: usize = 24;

/// Likewise in the last column that is shown, and in headings of numbers.
const REST_WIDTH_MIN: usize = 8;

/// Borders and padding: three characters for each column, and one more.
const BORDER_WIDTH: usize = 3;

/// Marks what is left out.
const ELLIPSIS: char = '…';

/// The message beside a table that was cut.
pub(super) const CUT: &str = "hint: the table is cut to the terminal; --wide shows all of it";

/// A table that is being put together: headings, then rows of values.
pub(super) struct Sheet {
    headings: Vec<String>,
    are_numbers: Vec<bool>,
    rows: Vec<Vec<Value>>,
    color: bool,
    /// How wide a line may be; `None` for tables that are shown whole.
    width_max: Option<usize>,
}

/// A value as it is shown, and the colour that it has where colour is wanted.
pub(super) struct Value {
    text: String,
    color: Option<Color>,
}

impl Value {
    /// Characters that would move the terminal are shown as escapes.
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: escaped(text).into_owned(),
            color: None,
        }
    }

    pub(super) fn colored(text: &str, color: Color) -> Self {
        Self {
            color: Some(color),
            ..Self::new(text)
        }
    }
}

/// A table as text.
pub(super) struct Drawn {
    pub(super) text: String,
    /// Whether a text was cut or a column was left out.
    pub(super) is_cut: bool,
}

impl Sheet {
    pub(super) fn new(settings: &Settings, headings: &[&str]) -> Self {
        let size = terminal::of_stdout().filter(|_| !settings.wide);
        Self {
            color: settings.color && io::stdout().is_terminal(),
            width_max: size.map(|size| size.columns),
            ..Self::whole(headings)
        }
    }

    /// A table that is shown whole, without colour.
    pub(super) fn whole(headings: &[&str]) -> Self {
        Self {
            headings: headings.iter().map(|h| escaped(h).into_owned()).collect(),
            are_numbers: vec![false; headings.len()],
            rows: Vec::new(),
            color: false,
            width_max: None,
        }
    }

    /// Sets columns of numbers, which are aligned to the right and never cut.
    pub(super) fn numbers(&mut self, columns: impl Iterator<Item = usize>) {
        for column in columns {
            if let Some(is_number) = self.are_numbers.get_mut(column) {
                *is_number = true;
            }
        }
    }

    pub(super) fn row(&mut self, values: Vec<Value>) {
        self.rows.push(values);
    }

    pub(super) fn draw(self) -> Drawn {
        let widths = self.widths();
        let fitted = match self.width_max {
            Some(width_max) => fit(&widths, width_max),
            None => Fit::whole(&widths),
        };
        let is_cut = fitted.is_cut(&widths);
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if self.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let rest = || fitted.leaves_out(&widths).then(|| Cell::new(ELLIPSIS));
        let shown = self.headings.iter().zip(&fitted.shown);
        let headings = shown.map(|(heading, width)| {
            let cell = Cell::new(cut(heading, *width));
            match self.color {
                true => cell.add_attribute(Attribute::Bold),
                false => cell,
            }
        });
        table.set_header(headings.chain(rest()));
        for values in &self.rows {
            let shown = values.iter().zip(&fitted.shown);
            let cells = shown.map(|(value, width)| {
                let cell = Cell::new(cut(&value.text, *width));
                match value.color.filter(|_| self.color) {
                    Some(color) => cell.fg(color),
                    None => cell,
                }
            });
            table.add_row(cells.chain(rest()));
        }
        for (position, _) in self.are_numbers.iter().enumerate().filter(|(_, is)| **is) {
            if let Some(column) = table.column_mut(position) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Drawn {
            text: format!("{table}\n"),
            is_cut,
        }
    }

    fn widths(&self) -> Vec<Width> {
        let mut widths: Vec<Width> = self
            .headings
            .iter()
            .zip(&self.are_numbers)
            .map(|(heading, is_number)| Width::of(width(heading), *is_number, REST_WIDTH_MIN))
            .collect();
        for values in &self.rows {
            for (column, value) in values.iter().enumerate().take(widths.len()) {
                let value = Width::of(width(&value.text), self.are_numbers[column], usize::MAX);
                widths[column] = widths[column].max(value);
            }
        }
        widths
    }
}

/// The width of a column.
#[derive(Debug, Clone, Copy)]
struct Width {
    /// Of its whole values.
    natural: usize,
    /// The least that it is cut to.
    least: usize,
    /// Likewise if it is the last one that is shown.
    least_as_last: usize,
}

impl Width {
    fn of(natural: usize, is_number: bool, number_min: usize) -> Self {
        let least = |text_min| natural.min(if is_number { number_min } else { text_min });
        Self {
            natural,
            least: least(TEXT_WIDTH_MIN),
            least_as_last: least(REST_WIDTH_MIN),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            natural: self.natural.max(other.natural),
            least: self.least.max(other.least),
            least_as_last: self.least_as_last.max(other.least_as_last),
        }
    }
}

/// The columns that are shown, the first ones, with their widths.
#[derive(Debug, PartialEq, Eq)]
struct Fit {
    shown: Vec<usize>,
}

impl Fit {
    fn whole(widths: &[Width]) -> Self {
        Self {
            shown: widths.iter().map(|width| width.natural).collect(),
        }
    }

    fn leaves_out(&self, widths: &[Width]) -> bool {
        self.shown.len() < widths.len()
    }

    fn is_cut(&self, widths: &[Width]) -> bool {
        let mut columns = self.shown.iter().zip(widths);
        self.leaves_out(widths) || columns.any(|(shown, width)| *shown < width.natural)
    }
}

/// Fits columns into lines of `width_max`. The first column is shown in any
/// case.
fn fit(widths: &[Width], width_max: usize) -> Fit {
    let fitted = (1..=widths.len())
        .rev()
        .find_map(|columns| fit_first(widths, columns, width_max));
    fitted.unwrap_or_else(|| Fit {
        shown: widths
            .iter()
            .take(1)
            .map(|width| width.least_as_last)
            .collect(),
    })
}

/// Fits the first `columns`, if their least widths fit.
fn fit_first(widths: &[Width], columns: usize, width_max: usize) -> Option<Fit> {
    let mark = match columns < widths.len() {
        true => BORDER_WIDTH + 1,
        false => 0,
    };
    let room = width_max.checked_sub(BORDER_WIDTH * columns + 1 + mark)?;
    let shown = &widths[..columns];
    let least = |column: usize| match column + 1 == columns {
        true => shown[column].least_as_last,
        false => shown[column].least,
    };
    // No text is wider than the limit: the largest limit that fits.
    let limited = |limit: usize| {
        let columns = shown.iter().enumerate();
        columns.map(move |(column, width)| width.natural.min(least(column).max(limit)))
    };
    // A larger limit than the room cuts no text to fit, however wide a text is.
    let widest = shown.iter().map(|width| width.natural).max().unwrap_or(0);
    let limit = (0..=widest.min(room))
        .rev()
        .find(|limit| limited(*limit).sum::<usize>() <= room)?;
    Some(Fit {
        shown: limited(limit).collect(),
    })
}

/// The width of the longest line.
fn width(text: &str) -> usize {
    text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
}

/// `text` with each line cut to `width_max`.
fn cut(text: &str, width_max: usize) -> String {
    if width(text) <= width_max {
        return text.to_owned();
    }
    let lines = text.lines().map(|line| {
        if line.width() <= width_max {
            return line.to_owned();
        }
        let mut shown = String::new();
        let mut left = width_max.saturating_sub(1);
        for c in line.chars() {
            let wide = c.width().unwrap_or(0);
            if wide > left {
                break;
            }
            left -= wide;
            shown.push(c);
        }
        shown.push(ELLIPSIS);
        shown
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_cut_widest_first_and_then_left_out() {
        // Texts by their widths; negative widths are of numbers.
        for (columns, width_max, expected) in [
            (&[5, 5][..], 80, &[5, 5][..]),
            (&[40, 5], 40, &[28, 5]),
            (&[40, 40], 67, &[30, 30]),
            (&[40, 9, 40], 80, &[30, 9, 30]),
            (&[40, 40], 50, &[24, 19]),
            (&[24, -9, 50], 51, &[24, -9, 8]),
            (&[24, -9, 50], 50, &[24, -9]),
            (&[-12, 40], 30, &[-12, 11]),
            (&[-12, -12, 40], 35, &[-12, -12]),
            (&[20, 20, 20, 20], 60, &[20, 20]),
            (&[20, 20], 20, &[12]),
            (&[20, 20], 5, &[8]),
            (&[-30], 10, &[-30]),
            (&[i32::MAX, 5], 40, &[28, 5]),
            (&[], 10, &[]),
        ] {
            let widths: Vec<Width> = columns
                .iter()
                .map(|column: &i32| {
                    Width::of(column.unsigned_abs() as usize, *column < 0, usize::MAX)
                })
                .collect();
            let fitted = fit(&widths, width_max);
            let expected: Vec<usize> = expected
                .iter()
                .map(|w: &i32| w.unsigned_abs() as usize)
                .collect();
            assert_eq!(fitted.shown, expected, "{columns:?} in {width_max}");
        }
    }

    #[test]
    fn texts_are_cut_by_their_width_on_the_terminal() {
        for (text, width_max, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("李李李", 6, "李李李"),
            ("李李李", 5, "李李…"),
            ("李李李", 4, "李…"),
            ("one\ntwo and more", 6, "one\ntwo a…"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, width_max), expected, "{text} in {width_max}");
        }
    }
}
