//! What of each column may be drawn, and how it is read.

use arrow::datatypes::{DataType, SchemaRef};
use evidence::{ColumnFigures, TablePage};
use query::sql::parse::quote;
use query::sql_types;

/// Columns that are drawn; more would cost a scan too much, and nobody would look at them.
pub(super) const COLUMNS_MAX: usize = 24;

/// A column as its asker sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// SQL's name of its type.
    pub(super) kind: String,
    pub(super) comment: Option<String>,
    /// The landing tables that its values come from.
    pub(super) source: Option<String>,
    pub(super) reading: Reading,
}

/// How the values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As numbers.
    Number,
    /// As instants, epoch milliseconds.
    Instant,
    /// As texts: of a truth value, or of a text that is not personal.
    Text,
    Truth,
    /// Only counted: how many different texts there are.
    PersonalText,
    /// Not at all: personal numbers and dates are null under a mask, and tell people apart
    /// without one.
    Personal,
    /// Not at all: nested values and bytes.
    Opaque,
}

/// The columns of a table, as far as the asker sees them.
pub(super) fn columns(
    seen: &SchemaRef,
    page: &TablePage,
    is_personal: impl Fn(&arrow::datatypes::Field) -> bool,
) -> Vec<Column> {
    let fields = seen.fields().iter().map(|field| {
        let mut known = page.columns.iter();
        let known = known.find(|known| known.column == *field.name());
        let is_personal = is_personal(field) || known.is_some_and(|known| known.personal);
        Column {
            name: field.name().clone(),
            kind: sql_types::name(field.data_type()),
            comment: known.and_then(|known| known.comment.clone()),
            source: known.and_then(source),
            reading: reading(field.data_type(), is_personal),
        }
    });
    fields.collect()
}

fn reading(kind: &DataType, is_personal: bool) -> Reading {
    match kind {
        kind if kind.is_string() && is_personal => Reading::PersonalText,
        kind if kind.is_nested() || kind.is_binary() => Reading::Opaque,
        _ if is_personal => Reading::Personal,
        kind if kind.is_string() => Reading::Text,
        kind if kind.is_numeric() => Reading::Number,
        DataType::Boolean => Reading::Truth,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) => Reading::Instant,
        _ => Reading::Opaque,
    }
}

fn source(column: &ColumnFigures) -> Option<String> {
    let direct = column.landing.iter();
    let direct = direct.filter(|origin| origin.influence == "direct");
    let mut tables: Vec<&str> = direct.map(|origin| origin.table.as_str()).collect();
    tables.dedup();
    (!tables.is_empty()).then(|| tables.join(", "))
}

impl Column {
    /// Its values in SQL: numbers as doubles, instants as milliseconds, others as texts.
    pub(super) fn sql(&self) -> String {
        let name = quote(&self.name);
        match self.reading {
            Reading::Number => format!("cast({name} as double)"),
            // A time beyond what a timestamp holds, such as year 9999, is drawn like none.
            Reading::Instant => format!("try(to_unixtime(cast({name} as timestamp)) * 1e3)"),
            Reading::Truth => format!("cast({name} as varchar)"),
            _ => name,
        }
    }

    pub(super) fn is_numbers(&self) -> bool {
        matches!(self.reading, Reading::Number | Reading::Instant)
    }

    /// Whether its rows are looked at.
    pub(super) fn is_read(&self) -> bool {
        !matches!(self.reading, Reading::Personal | Reading::Opaque)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn what_is_personal_is_never_read_as_values() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (kind, plain, personal) in [
            (DataType::Utf8View, Reading::Text, Reading::PersonalText),
            (DataType::Utf8, Reading::Text, Reading::PersonalText),
            (DataType::Int64, Reading::Number, Reading::Personal),
            (DataType::Float32, Reading::Number, Reading::Personal),
            (DataType::Boolean, Reading::Truth, Reading::Personal),
            (DataType::Date32, Reading::Instant, Reading::Personal),
            (time, Reading::Instant, Reading::Personal),
            (DataType::Binary, Reading::Opaque, Reading::Opaque),
            (DataType::Null, Reading::Opaque, Reading::Personal),
        ] {
            assert_eq!(reading(&kind, false), plain, "{kind}");
            assert_eq!(reading(&kind, true), personal, "{kind}");
        }
    }
}
