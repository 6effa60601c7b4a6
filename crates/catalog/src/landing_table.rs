//! A landing table: the columns and the place of a set of JSON files, as
//! [`parse_external_table`](crate::parse_external_table) reads them. The engine
//! builds the table's reader from it.

use std::collections::BTreeMap;

use crate::column::Column;
use crate::names::TableName;
use crate::table_roles::TableRoles;

/// The property that names the topics of a broker whose messages are records of a table.
pub(crate) const TOPIC: &str = "stedi.topic";

/// A landing table, as its `CREATE EXTERNAL TABLE` statement defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandingTable {
    /// The table's name.
    pub name: TableName,
    /// The database that the statement names, in lower case; `None` for the name of a
    /// zone or of the system tables.
    pub database: Option<String>,
    /// Whether the statement does nothing where a table of that name exists.
    pub if_not_exists: bool,
    /// Its columns, in order, those of `PARTITIONED BY` last. JSON keys match the
    /// others in any letter case.
    pub columns: Vec<Column>,
    /// The place of its files as written; see [`LandingTable::path`].
    pub location: String,
    /// The table properties, as written.
    pub properties: BTreeMap<String, String>,
    /// The COMMENT of the table.
    pub comment: Option<String>,
    /// The file, as the caller named it.
    pub file: String,
    /// The line where the statement begins, from 1.
    pub line: u32,
    /// The line of its LOCATION.
    pub location_line: u32,
    /// Whether JSON keys match columns only if they are spelled alike, letter case
    /// included.
    pub has_exact_keys: bool,
    pub(crate) roles: TableRoles,
    pub(crate) personal: Vec<String>,
    pub(crate) required: Vec<String>,
    /// Number of partition columns.
    pub(crate) partitions: usize,
}

impl LandingTable {
    /// The place of the files. For a `file:` location, which
    /// [is absolute](Self::is_absolute), it is the path in the file system, such
    /// as `/data/customer`. Otherwise it is a path below the landing folder,
    /// without `/` at either end: an `s3://` location loses its bucket, and
    /// `/customer/landing/` becomes `customer/landing`. Empty means the landing
    /// folder itself.
    pub fn path(&self) -> &str {
        match split_location(&self.location) {
            Location::Absolute(path) | Location::Relative(path) => path,
            Location::Unknown => &self.location,
        }
    }

    /// Whether the location is a path in the file system rather than one below
    /// the landing folder.
    pub fn is_absolute(&self) -> bool {
        matches!(split_location(&self.location), Location::Absolute(_))
    }

    /// The columns whose values are in the files' records.
    pub fn data_columns(&self) -> &[Column] {
        &self.columns[..self.columns.len() - self.partitions]
    }

    /// The columns whose values are in the names of folders, such as
    /// `dt=2024-01-31/`.
    pub fn partition_columns(&self) -> &[Column] {
        &self.columns[self.columns.len() - self.partitions..]
    }

    /// The columns with personal values, from the property `stedi.personal`
    /// (`'stedi.personal'='email,phone'`). Without the property all text columns
    /// are personal, except those that a shipped table of the same name has and does
    /// not declare personal: its author did not know that it would matter. Columns
    /// that name people or devices by their [roles](crate::Roles) are always personal.
    pub fn personal(&self) -> &[String] {
        &self.personal
    }

    /// The columns without which an object is not a row, from the property
    /// `stedi.required`, and those that a row needs for its
    /// [roles](crate::Roles): its subject or device, and its time.
    pub fn required(&self) -> &[String] {
        &self.required
    }

    /// The topic filters of a broker whose messages are records of the table, from the
    /// property `stedi.topic`, where white space stands between them. None unless the
    /// property is there; it is not checked what they are.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        let topics = self.properties.get(TOPIC).map(String::as_str);
        topics.unwrap_or_default().split_whitespace()
    }

    /// What its columns mean.
    pub fn roles(&self) -> &TableRoles {
        &self.roles
    }

    /// The column of that name; letter case is ignored.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let name = name.to_lowercase();
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A parsed location.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Location<'a> {
    /// A path in the file system, from its root.
    Absolute(&'a str),
    /// A path below the landing folder.
    Relative(&'a str),
    /// A location with an unknown scheme.
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
