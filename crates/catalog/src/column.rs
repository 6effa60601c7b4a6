//! The columns of landing tables: names, types, and where their values are in JSON.

use std::fmt;

/// A column of a landing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, in lower case.
    pub name: String,
    /// The type of its values in SQL.
    pub kind: ColumnType,
    /// The type that the definition declares. Times and dates of consent may be
    /// declared otherwise than SQL has them: see [`Roles`](crate::Roles).
    pub declared: ColumnType,
    /// Where its values are in a JSON object.
    pub source: ColumnSource,
    /// The COMMENT of the column.
    pub comment: Option<String>,
    /// Its line, from 1.
    pub line: u32,
}

/// Where the values of a column are in a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnSource {
    /// Behind the key of its name.
    Name,
    /// Behind this key.
    Key(String),
    /// Nowhere: the definition lacks the column, models read it, and it is null in
    /// all rows.
    Nowhere,
}

/// The type of a landing column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Text: `string`, `varchar(n)` and `char(n)`. The length is ignored.
    String,
    /// 64-bit integers.
    Bigint,
    /// 32-bit integers; also `smallint` and `tinyint`.
    Int,
    /// 32-bit floating point numbers.
    Float,
    /// 64-bit floating point numbers.
    Double,
    /// Days.
    Date,
    /// Instants.
    Timestamp,
    /// True or false.
    Boolean,
}

impl Column {
    /// The JSON key that its values stand behind. Of a column that no key fills, its
    /// name.
    pub fn json_key(&self) -> &str {
        match &self.source {
            ColumnSource::Key(key) => key,
            ColumnSource::Name | ColumnSource::Nowhere => &self.name,
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ColumnType::String => "string",
            ColumnType::Bigint => "bigint",
            ColumnType::Int => "int",
            ColumnType::Float => "float",
            ColumnType::Double => "double",
            ColumnType::Date => "date",
            ColumnType::Timestamp => "timestamp",
            ColumnType::Boolean => "boolean",
        })
    }
}
