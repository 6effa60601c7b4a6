//! Which Postgres type stands for which Arrow type.

use arrow::datatypes::{DataType, Schema};

/// A type of Postgres, as its catalog has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PgType {
    pub(super) oid: u32,
    pub(super) name: &'static str,
    /// The name that SQL has for it.
    pub(super) sql_name: &'static str,
    /// Bytes of a value; -1 where they differ.
    pub(super) bytes: i16,
    /// The type of arrays of it; 0 for arrays themselves.
    pub(super) array: u32,
    /// The letter of its kind in `pg_type.typcategory`.
    pub(super) category: char,
}

macro_rules! types {
    ($($constant:ident = $oid:literal, $name:literal, $sql_name:literal, $bytes:literal, $array:literal, $category:literal;)*) => {
        $(pub(super) const $constant: PgType = PgType {
            oid: $oid,
            name: $name,
            sql_name: $sql_name,
            bytes: $bytes,
            array: $array,
            category: $category,
        };)*

        /// All types that are not arrays.
        pub(super) const ALL: &[PgType] = &[$($constant),*];
    };
}

types! {
    BOOL = 16, "bool", "boolean", 1, 1000, 'B';
    BYTEA = 17, "bytea", "bytea", -1, 1001, 'U';
    CHAR = 18, "char", "\"char\"", 1, 1002, 'Z';
    NAME = 19, "name", "name", 64, 1003, 'S';
    INT8 = 20, "int8", "bigint", 8, 1016, 'N';
    INT2 = 21, "int2", "smallint", 2, 1005, 'N';
    INT4 = 23, "int4", "integer", 4, 1007, 'N';
    TEXT = 25, "text", "text", -1, 1009, 'S';
    OID = 26, "oid", "oid", 4, 1028, 'N';
    JSON = 114, "json", "json", -1, 199, 'U';
    FLOAT4 = 700, "float4", "real", 4, 1021, 'N';
    FLOAT8 = 701, "float8", "double precision", 8, 1022, 'N';
    UNKNOWN = 705, "unknown", "unknown", -2, 0, 'X';
    BPCHAR = 1042, "bpchar", "character", -1, 1014, 'S';
    VARCHAR = 1043, "varchar", "character varying", -1, 1015, 'S';
    DATE = 1082, "date", "date", 4, 1182, 'D';
    TIME = 1083, "time", "time without time zone", 8, 1183, 'D';
    TIMESTAMP = 1114, "timestamp", "timestamp without time zone", 8, 1115, 'D';
    TIMESTAMPTZ = 1184, "timestamptz", "timestamp with time zone", 8, 1185, 'D';
    INTERVAL = 1186, "interval", "interval", 16, 1187, 'T';
    NUMERIC = 1700, "numeric", "numeric", -1, 1231, 'N';
    UUID = 2950, "uuid", "uuid", 16, 2951, 'U';
    JSONB = 3802, "jsonb", "jsonb", -1, 3807, 'U';
}

/// The type of that number, if it is one of [`ALL`].
pub(super) fn of_oid(oid: u32) -> Option<PgType> {
    ALL.iter().find(|found| found.oid == oid).copied()
}

/// The type of the elements of an array type.
pub(super) fn element_of(array: u32) -> Option<PgType> {
    ALL.iter()
        .find(|found| found.array == array && array != 0)
        .copied()
}

/// The type of a column of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnType {
    pub(super) of: PgType,
    pub(super) is_array: bool,
    /// Digits of a decimal, packed as Postgres does; -1 for other types.
    pub(super) modifier: i32,
}

impl ColumnType {
    pub(super) fn oid(self) -> u32 {
        match self.is_array {
            true => self.of.array,
            false => self.of.oid,
        }
    }

    pub(super) fn bytes(self) -> i16 {
        match self.is_array {
            true => -1,
            false => self.of.bytes,
        }
    }
}

/// The type for values of an Arrow type. What Postgres has no type for is JSON.
pub(super) fn column_type(data_type: &DataType) -> ColumnType {
    let plain = |of| ColumnType {
        of,
        is_array: false,
        modifier: -1,
    };
    match data_type {
        DataType::Boolean => plain(BOOL),
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => plain(INT2),
        DataType::UInt16 | DataType::Int32 => plain(INT4),
        DataType::UInt32 | DataType::Int64 => plain(INT8),
        DataType::UInt64 | DataType::Decimal256(..) => plain(NUMERIC),
        DataType::Float16 | DataType::Float32 => plain(FLOAT4),
        DataType::Float64 => plain(FLOAT8),
        DataType::Decimal128(precision, scale) if *scale >= 0 => ColumnType {
            modifier: ((i32::from(*precision) << 16) | i32::from(*scale)) + 4,
            ..plain(NUMERIC)
        },
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => {
            plain(NUMERIC)
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => plain(BYTEA),
        DataType::Date32 | DataType::Date64 => plain(DATE),
        DataType::Time32(_) | DataType::Time64(_) => plain(TIME),
        DataType::Timestamp(_, None) => plain(TIMESTAMP),
        DataType::Timestamp(_, Some(_)) => plain(TIMESTAMPTZ),
        DataType::Interval(_) | DataType::Duration(_) => plain(INTERVAL),
        DataType::Dictionary(_, values) => column_type(values),
        DataType::List(field) | DataType::LargeList(field) => {
            let element = column_type(field.data_type());
            match element.is_array || element.of == JSON {
                true => plain(JSON),
                false => ColumnType {
                    is_array: true,
                    ..element
                },
            }
        }
        DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Struct(_)
        | DataType::Map(..)
        | DataType::Union(..) => plain(JSON),
        _ => plain(TEXT),
    }
}

/// The types of all columns.
pub(super) fn column_types(schema: &Schema) -> Vec<ColumnType> {
    let fields = schema.fields().iter();
    fields.map(|field| column_type(field.data_type())).collect()
}
