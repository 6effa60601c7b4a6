//! A landing table: what the JSON files under one place hold.

use std::collections::BTreeMap;
use std::fmt;

use crate::names::TableName;

/// A landing table, as its `CREATE EXTERNAL TABLE` statement defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandingTable {
    /// The table's name.
    pub name: TableName,
    /// Its columns, in order. JSON keys match them in any letter case.
    pub columns: Vec<Column>,
    /// Where its files lie, as written: see [`LandingTable::path`].
    pub location: String,
    /// The table properties, as written.
    pub properties: BTreeMap<String, String>,
    /// What the statement says about the table.
    pub comment: Option<String>,
    /// The file, as the caller named it.
    pub file: String,
    /// The line where the statement begins, from 1.
    pub line: u32,
    /// The line of its LOCATION.
    pub location_line: u32,
    pub(crate) personal: Vec<String>,
    pub(crate) required: Vec<String>,
}

/// A column of a landing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, in lower case.
    pub name: String,
    /// What its values are.
    pub kind: ColumnType,
    /// What the statement says about it.
    pub comment: Option<String>,
    /// The line where it stands, from 1.
    pub line: u32,
}

/// What the values of a landing column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Text: `string`, and `varchar(n)` and `char(n)`, whose length is not
    /// looked at.
    String,
    /// 64-bit integers.
    Bigint,
    /// 32-bit integers; also what is declared `smallint` or `tinyint`.
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

impl LandingTable {
    /// Where the files lie. With [`is_absolute`](Self::is_absolute), which only
    /// a `file:` location is, the path in the file system, as `/data/customer`.
    /// Otherwise the path below the landing folder, with `/` between its parts
    /// and none around them: an `s3://` location loses its bucket, and
    /// `/customer/landing/` is the same as `customer/landing`. Empty means the
    /// landing folder itself.
    pub fn path(&self) -> &str {
        match split_location(&self.location) {
            Location::Absolute(path) | Location::Relative(path) => path,
            Location::Unknown => &self.location,
        }
    }

    /// Whether the location is a place of its own, not one below the landing
    /// folder.
    pub fn is_absolute(&self) -> bool {
        matches!(split_location(&self.location), Location::Absolute(_))
    }

    /// The columns with personal values, from the property `stedi.personal`
    /// (`'stedi.personal'='email,phone'`). Without it, every text column: a
    /// statement that does not say was written by someone who did not know that
    /// it would be asked. The columns that name people and devices by their
    /// [roles](crate::Roles) are always among them.
    pub fn personal(&self) -> &[String] {
        &self.personal
    }

    /// The columns without which an object is no row, from the property
    /// `stedi.required`, and those that a row needs for its
    /// [roles](crate::Roles): its subject or device, and its time.
    pub fn required(&self) -> &[String] {
        &self.required
    }

    /// The column of that name, in any letter case.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let name = name.to_lowercase();
        self.columns.iter().find(|column| column.name == name)
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

/// A location taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Location<'a> {
    /// A path in the file system, from its root.
    Absolute(&'a str),
    /// A path below the landing folder.
    Relative(&'a str),
    /// A scheme that is none of ours.
    Unknown,
}

pub(crate) fn split_location(location: &str) -> Location<'_> {
    let (scheme, rest) = match location.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        // `file:/data`, as Hadoop writes it.
        None => match location.strip_prefix("file:/") {
            Some(_) => ("file".to_owned(), &location["file:".len()..]),
            None => return Location::Relative(location.trim_matches('/')),
        },
    };
    match scheme.as_str() {
        "s3" | "s3a" | "s3n" => {
            let path = rest.split_once('/').map_or("", |(_bucket, path)| path);
            Location::Relative(path.trim_matches('/'))
        }
        "file" => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            match path.trim_end_matches('/') {
                "" => Location::Absolute("/"),
                path => Location::Absolute(path),
            }
        }
        _ => Location::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_become_paths() {
        let check = |location: &str, expected: Location<'_>| {
            assert_eq!(split_location(location), expected, "{location}");
        };
        check(
            "s3://bucket/customer/landing/",
            Location::Relative("customer/landing"),
        );
        check("S3A://bucket/customer//", Location::Relative("customer"));
        check("s3n://bucket", Location::Relative(""));
        check("customer/landing", Location::Relative("customer/landing"));
        check("/customer/landing/", Location::Relative("customer/landing"));
        check(
            "file:///data/customer/",
            Location::Absolute("/data/customer"),
        );
        check("file:/data/customer/", Location::Absolute("/data/customer"));
        check("file://localhost/data", Location::Absolute("/data"));
        check("file:///", Location::Absolute("/"));
        check("hdfs://node/data", Location::Unknown);
    }
}
