//! Values of partition columns, which stand in the names of folders, such as
//! `dt=2024-01-31/site=a/`.

use std::sync::Arc;

use arrow::datatypes::DataType;
use catalog::ColumnType;
use chrono::NaiveDate;
use datafusion::common::ScalarValue;

/// The folder of rows whose partition column is null.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// The values of a table's partition columns in the file `name`, a path below the
/// table's folder; and whether its folders name each of them. Others are null.
pub(super) fn partition_of(name: &str, columns: &[catalog::Column]) -> (Arc<[ScalarValue]>, bool) {
    let folders = name.rsplit_once('/').map_or("", |(folders, _)| folders);
    let mut is_whole = true;
    let values = columns.iter().map(|column| {
        let mut pairs = folders.split('/').filter_map(|part| part.split_once('='));
        let own = pairs.find(|(key, _)| decoded(key).eq_ignore_ascii_case(&column.name));
        let value = match own {
            Some((_, NULL_FOLDER)) => return null_of(column.kind),
            Some((_, text)) => value_of(column.kind, decoded(text)),
            None => None,
        };
        is_whole &= value.is_some();
        value.unwrap_or_else(|| null_of(column.kind))
    });
    let values = values.collect();
    (values, is_whole)
}

fn value_of(kind: ColumnType, text: String) -> Option<ScalarValue> {
    Some(match kind {
        ColumnType::Bigint => ScalarValue::Int64(Some(text.parse().ok()?)),
        ColumnType::Int => ScalarValue::Int32(Some(text.parse().ok()?)),
        ColumnType::Date => {
            let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
            let days = day.signed_duration_since(NaiveDate::default()).num_days();
            ScalarValue::Date32(Some(i32::try_from(days).ok()?))
        }
        _ => ScalarValue::Utf8View(Some(text)),
    })
}

/// A folder's name without the escapes of a URL.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = after.first_chunk::<2>().filter(|_| *byte == b'%');
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The folders of a partition with these values, such as `dt=2024-01-31/site=a`.
pub(super) fn partition_name(values: &[ScalarValue], columns: &[catalog::Column]) -> String {
    let parts = columns.iter().zip(values);
    let parts = parts.map(|(column, value)| match value.is_null() {
        true => format!("{}={NULL_FOLDER}", column.name),
        false => format!("{}={value}", column.name),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The type of a partition column.
pub(super) fn kind_of(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Bigint => DataType::Int64,
        ColumnType::Int => DataType::Int32,
        ColumnType::Date => DataType::Date32,
        _ => DataType::Utf8View,
    }
}

/// The null of a partition column's type.
pub(super) fn null_of(kind: ColumnType) -> ScalarValue {
    match kind {
        ColumnType::Bigint => ScalarValue::Int64(None),
        ColumnType::Int => ScalarValue::Int32(None),
        ColumnType::Date => ScalarValue::Date32(None),
        _ => ScalarValue::Utf8View(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_partition_values() {
        let column = |name: &str, kind| catalog::Column {
            name: name.to_owned(),
            kind,
            declared: kind,
            source: catalog::ColumnSource::Name,
            comment: None,
            line: 1,
        };
        let columns = [
            column("dt", ColumnType::Date),
            column("site", ColumnType::String),
        ];
        for (name, expected, whole) in [
            ("dt=2024-01-31/site=a/b.json", "2024-01-31 a", true),
            ("site=a/DT=2024-01-31/x/b.json", "2024-01-31 a", true),
            ("dt=2024-01-31/site=a%20b%2Fc/b", "2024-01-31 a b/c", true),
            ("dt=2024-01-31/site=/b", "2024-01-31 ", true),
            ("dt=2024-01-31/site=a=b/b", "2024-01-31 a=b", true),
            ("dt=2024-01-31/site=%zz%/b", "2024-01-31 %zz%", true),
            ("dt=__HIVE_DEFAULT_PARTITION__/site=a/b", "NULL a", true),
            ("dt=2024-01-32/site=a/b", "NULL a", false),
            ("dt=2024-01-31/b", "2024-01-31 NULL", false),
            ("dt=2024-01-31/site=a", "2024-01-31 NULL", false),
            ("2024/01/31/b", "NULL NULL", false),
        ] {
            let (values, is_whole) = partition_of(name, &columns);
            let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
            assert_eq!(
                (shown.join(" ").as_str(), is_whole),
                (expected, whole),
                "{name}"
            );
        }
    }
}
