//! Translates between Arrow column types and SQL type names.

use arrow::datatypes::{DataType, TimeUnit};

/// The SQL name of a type; Arrow's name where SQL has none.
pub fn name(kind: &DataType) -> String {
    let name = match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Int64 => "bigint",
        DataType::Int32 => "int",
        DataType::Int16 => "smallint",
        DataType::Int8 => "tinyint",
        DataType::Float64 => "double",
        DataType::Float32 => "float",
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        DataType::Timestamp(_, _) => "timestamp",
        DataType::BinaryView | DataType::Binary => "binary",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// Trino's name of a type, as `DESCRIBE` has it.
pub fn trino_name(kind: &DataType) -> String {
    trino::type_name(kind)
}

/// The Arrow type of a SQL name, as data files store it.
pub fn named(name: &str) -> Option<DataType> {
    Some(match name {
        "string" => DataType::Utf8View,
        "bigint" => DataType::Int64,
        "int" => DataType::Int32,
        "smallint" => DataType::Int16,
        "tinyint" => DataType::Int8,
        "double" => DataType::Float64,
        "float" => DataType::Float32,
        "boolean" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "binary" => DataType::BinaryView,
        _ => return None,
    })
}
