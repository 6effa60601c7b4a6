//! Translates column types: from a SELECT to data files, and between Arrow and
//! Delta.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake_core::kernel::{DataType as DeltaType, PrimitiveType, StructField, StructType};

use crate::error::Error;
use crate::ids::TableId;

/// The Arrow types of a table's files for the result of a SELECT: text as views,
/// integers unchanged, timestamps in microseconds UTC.
///
/// # Errors
/// [`Error::UnsupportedType`] for a type without a counterpart in plain Delta.
pub(crate) fn file_schema(table: &TableId, schema: &Schema) -> Result<SchemaRef, Error> {
    let fields = schema
        .fields()
        .iter()
        .map(|field| {
            let kind = match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
                    DataType::Utf8View
                }
                DataType::Dictionary(_, value)
                    if matches!(**value, DataType::Utf8 | DataType::Utf8View) =>
                {
                    DataType::Utf8View
                }
                DataType::UInt8 => DataType::Int16,
                DataType::UInt16 => DataType::Int32,
                // Unsigned numbers are counts, which never exceed an Int64.
                DataType::UInt32 | DataType::UInt64 => DataType::Int64,
                DataType::Timestamp(_, _) => {
                    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
                }
                DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                    DataType::BinaryView
                }
                kind @ (DataType::Boolean
                | DataType::Int8
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::Float32
                | DataType::Float64
                | DataType::Date32) => kind.clone(),
                other => {
                    return Err(Error::UnsupportedType {
                        table: table.clone(),
                        column: field.name().clone(),
                        kind: other.to_string(),
                    });
                }
            };
            // All columns are nullable in Delta. Contracts say which must not be null,
            // and relaxing one then needs no new schema.
            Ok(Field::new(field.name(), kind, true))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// The Delta schema of a table whose files have `file_schema`.
pub(crate) fn delta_schema(table: &TableId, file_schema: &Schema) -> Result<StructType, Error> {
    let fields: Vec<StructField> = file_schema
        .fields()
        .iter()
        .map(|field| {
            let kind = match field.data_type() {
                DataType::Utf8View => PrimitiveType::String,
                DataType::BinaryView => PrimitiveType::Binary,
                DataType::Boolean => PrimitiveType::Boolean,
                DataType::Int8 => PrimitiveType::Byte,
                DataType::Int16 => PrimitiveType::Short,
                DataType::Int32 => PrimitiveType::Integer,
                DataType::Int64 => PrimitiveType::Long,
                DataType::Float32 => PrimitiveType::Float,
                DataType::Float64 => PrimitiveType::Double,
                DataType::Date32 => PrimitiveType::Date,
                DataType::Timestamp(_, _) => PrimitiveType::Timestamp,
                other => {
                    return Err(Error::UnsupportedType {
                        table: table.clone(),
                        column: field.name().clone(),
                        kind: other.to_string(),
                    });
                }
            };
            Ok(StructField::new(
                field.name(),
                DeltaType::Primitive(kind),
                field.is_nullable(),
            ))
        })
        .collect::<Result<_, _>>()?;
    StructType::try_new(fields).map_err(|e| Error::Table {
        action: "describe",
        table: table.clone(),
        source: Box::new(e.into()),
    })
}

/// The Arrow schema of the files of a table with this Delta schema. The inverse of
/// [`delta_schema`].
pub(crate) fn arrow_schema(table: &TableId, schema: &StructType) -> Result<SchemaRef, Error> {
    let fields = schema
        .fields()
        .map(|field| {
            let kind = match field.data_type() {
                DeltaType::Primitive(kind) => match kind {
                    PrimitiveType::String => DataType::Utf8View,
                    PrimitiveType::Binary => DataType::BinaryView,
                    PrimitiveType::Boolean => DataType::Boolean,
                    PrimitiveType::Byte => DataType::Int8,
                    PrimitiveType::Short => DataType::Int16,
                    PrimitiveType::Integer => DataType::Int32,
                    PrimitiveType::Long => DataType::Int64,
                    PrimitiveType::Float => DataType::Float32,
                    PrimitiveType::Double => DataType::Float64,
                    PrimitiveType::Date => DataType::Date32,
                    PrimitiveType::Timestamp => {
                        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
                    }
                    other => return Err(unsupported(table, field.name(), &other.to_string())),
                },
                other => return Err(unsupported(table, field.name(), &format!("{other}"))),
            };
            Ok(Field::new(field.name(), kind, true))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

fn unsupported(table: &TableId, column: &str, kind: &str) -> Error {
    Error::UnsupportedType {
        table: table.clone(),
        column: column.to_owned(),
        kind: kind.to_owned(),
    }
}
