//! What there is: the one catalog, its schemas and tables, types, and what this server does.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{
    SqlInfoData, SqlInfoDataBuilder, XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder,
};
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables, Nullable,
    Searchable, SqlInfo, SqlSupportedTransaction, XdbcDataType,
};
use tonic::Status;

use super::columns::plain;
use crate::desk::VisibleTable;

/// The name of the one catalog.
const CATALOG: &str = "stedi";

/// The one kind of table.
const TABLE: &str = "TABLE";

/// The schema of the project's tables, which is there before they are.
const SCHEMA: &str = query::tables::DEFAULT_SCHEMA;

/// What this server says about itself.
pub(super) static SQL_INFO: LazyLock<SqlInfoData> = LazyLock::new(|| {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "stedi");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
    info.append(SqlInfo::FlightSqlServerReadOnly, true);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    info.append(
        SqlInfo::FlightSqlServerTransaction,
        SqlSupportedTransaction::None as i32,
    );
    info.append(SqlInfo::FlightSqlServerCancel, true);
    info.append(SqlInfo::SqlDdlCatalog, false);
    info.append(SqlInfo::SqlDdlSchema, false);
    info.append(SqlInfo::SqlDdlTable, false);
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    built(info.build())
});

/// The types of columns.
pub(super) static TYPES: LazyLock<XdbcTypeInfoData> = LazyLock::new(|| {
    let mut types = XdbcTypeInfoDataBuilder::new();
    for (name, of, size, quote) in [
        ("boolean", XdbcDataType::XdbcBit, 1, None),
        ("integer", XdbcDataType::XdbcInteger, 32, None),
        ("bigint", XdbcDataType::XdbcBigint, 64, None),
        ("double", XdbcDataType::XdbcDouble, 53, None),
        ("decimal", XdbcDataType::XdbcDecimal, 38, None),
        ("varchar", XdbcDataType::XdbcVarchar, i32::MAX, Some("'")),
        (
            "varbinary",
            XdbcDataType::XdbcVarbinary,
            i32::MAX,
            Some("'"),
        ),
        ("date", XdbcDataType::XdbcDate, 10, Some("'")),
        ("timestamp", XdbcDataType::XdbcTimestamp, 26, Some("'")),
    ] {
        types.append(XdbcTypeInfo {
            type_name: name.to_owned(),
            data_type: of,
            column_size: Some(size),
            literal_prefix: quote.map(str::to_owned),
            literal_suffix: quote.map(str::to_owned),
            nullable: Nullable::NullabilityNullable,
            case_sensitive: quote.is_some(),
            searchable: Searchable::Full,
            local_type_name: Some(name.to_owned()),
            sql_data_type: of,
            ..XdbcTypeInfo::default()
        });
    }
    built(types.build())
});

fn built<T>(built: Result<T, FlightError>) -> T {
    built.unwrap_or_else(|error| unreachable!("these are constants: {error}"))
}

pub(super) fn catalogs(command: CommandGetCatalogs) -> Result<RecordBatch, FlightError> {
    let mut builder = command.into_builder();
    builder.append(CATALOG);
    builder.build()
}

/// The schemas of the tables that somebody may read.
pub(super) fn schemas(
    command: CommandGetDbSchemas,
    tables: &[VisibleTable],
) -> Result<RecordBatch, FlightError> {
    let of_tables = tables.iter().map(|table| table.schema.as_str());
    let schemas: BTreeSet<&str> = of_tables.chain([SCHEMA]).collect();
    let mut builder = command.into_builder();
    for schema in schemas {
        builder.append(CATALOG, schema);
    }
    builder.build()
}

pub(super) fn tables(
    command: CommandGetTables,
    tables: &[VisibleTable],
) -> Result<RecordBatch, FlightError> {
    let mut builder = command.into_builder();
    for table in tables {
        let columns = plain(&table.columns);
        builder.append(CATALOG, &table.schema, &table.table, TABLE, &columns)?;
    }
    builder.build()
}

pub(super) fn table_types(command: CommandGetTableTypes) -> Result<RecordBatch, FlightError> {
    let mut builder = command.into_builder();
    builder.append(TABLE);
    builder.build()
}

/// The columns of primary keys, of which there are none.
pub(super) fn primary_keys() -> Schema {
    Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_name", DataType::Utf8, true),
        Field::new("key_sequence", DataType::Int32, false),
    ])
}

/// A failure to list what there is.
pub(super) fn failed(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        error => Status::invalid_argument(error.to_string()),
    }
}
