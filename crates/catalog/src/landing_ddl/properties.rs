//! Checks TBLPROPERTIES and SERDEPROPERTIES: which take effect, which only
//! inform, and which are refused. `table` calls it for each property.

use std::collections::BTreeSet;

use super::statement::Property;
use crate::errors::ErrorKind;
use crate::roles::ROLE_PROPERTIES;
use crate::suggest::nearest;

pub(super) fn check_serde_property(
    property: &Property,
    columns: &BTreeSet<&str>,
) -> Result<(), ErrorKind> {
    let cannot = |instead| Err(refused(property, instead));
    let key = property.key.to_lowercase();
    let value = property.value.trim().to_lowercase();
    if let Some(column) = key.strip_prefix("mapping.") {
        return match columns.contains(column) {
            true if value == column => Ok(()),
            true => cannot("give the column the name of the JSON key: letter case is ignored"),
            false => Err(ErrorKind::UnknownColumn {
                name: column.to_owned(),
                within: format!("`{}`", property.key),
                near: nearest(column, columns.iter().copied()).map(str::to_owned),
            }),
        };
    }
    match (key.as_str(), value.as_str()) {
        // Read by our own reader, which keeps what it cannot read in quarantine
        // either way.
        ("ignore.malformed.json", "true" | "false") => Ok(()),
        ("ignore.malformed.json", _) => {
            cannot("`true` or `false`; both put what cannot be read into quarantine")
        }
        ("case.insensitive", "true") => Ok(()),
        ("case.insensitive", _) => {
            cannot("keys match columns in any letter case: write `true`, or leave it out")
        }
        ("dots.in.keys", "false") => Ok(()),
        ("dots.in.keys", _) => {
            cannot("dots in keys have no meaning: write `false`, or leave it out")
        }
        // Athena's console writes it; the SerDe itself knows only `mapping.<column>`.
        ("mapping", "true" | "false") => Ok(()),
        ("mapping", _) => cannot("leave it out"),
        // These are about writing; landing files are never written.
        ("explicit.null", "true" | "false") | ("serialization.format", "1") => Ok(()),
        ("explicit.null" | "serialization.format", _) => cannot("leave it out"),
        // Glue's crawler writes it: the keys it saw, which are the columns.
        ("paths", paths) => {
            let paths: BTreeSet<&str> = paths.split(',').map(str::trim).collect();
            match &paths == columns {
                true => Ok(()),
                false => cannot("list all columns and nothing else, or leave it out"),
            }
        }
        _ => Err(ErrorKind::UnknownProperty {
            key: property.key.clone(),
            within: "SERDEPROPERTIES",
            near: nearest(&key, SERDE_PROPERTIES.iter().copied()).map(str::to_owned),
            known: &[],
        }),
    }
}

/// A property whose value has no meaning here, and what to write instead.
fn refused(property: &Property, instead: &'static str) -> ErrorKind {
    ErrorKind::Property {
        key: property.key.clone(),
        value: property.value.clone(),
        instead,
    }
}

/// Whether each value of a template stands behind its column's name: `dt=${dt}/`.
fn names_columns(template: &str) -> bool {
    template.split('/').all(|folder| {
        let Some((before, value)) = folder.split_once("${") else {
            return true;
        };
        let column = value.strip_suffix('}').unwrap_or_default();
        before.strip_suffix('=') == Some(column) && !column.is_empty()
    })
}

pub(super) fn check_table_property(property: &Property) -> Result<(), ErrorKind> {
    let cannot = |instead| Err(refused(property, instead));
    let key = property.key.to_lowercase();
    let value = property.value.trim().to_lowercase();
    match (key.as_str(), value.as_str()) {
        _ if STEDI_PROPERTIES.contains(&property.key.as_str()) => Ok(()),
        (key, _) if key.starts_with(STEDI_PREFIX) => {
            let known = STEDI_PROPERTIES
                .iter()
                .map(|known| &known[STEDI_PREFIX.len()..]);
            let near = nearest(&key[STEDI_PREFIX.len()..], known);
            Err(ErrorKind::UnknownProperty {
                key: property.key.clone(),
                within: "TBLPROPERTIES",
                near: near.map(|near| format!("{STEDI_PREFIX}{near}")),
                known: STEDI_PROPERTIES,
            })
        }
        ("classification", "json" | "parquet") => Ok(()),
        ("classification", _) => {
            cannot("landing files are JSON or Parquet: write `json` or `parquet`, or leave it out")
        }
        ("has_encrypted_data", "false") => Ok(()),
        ("has_encrypted_data", _) => cannot("client-side encrypted files cannot be read"),
        // No effect: the reader detects compression by each file's bytes and name.
        (
            "compressiontype" | "compression_type" | "parquet.compress" | "parquet.compression",
            "none" | "uncompressed" | "gzip" | "zstd" | "snappy" | "zip",
        ) => Ok(()),
        ("compressiontype" | "compression_type", _) => {
            cannot("files may be plain, or packed with gzip, zip, Snappy or Zstandard")
        }
        ("parquet.compress" | "parquet.compression", _) => {
            cannot("pages may be plain, or packed with gzip, Snappy or Zstandard")
        }
        ("skip.header.line.count", "0") => Ok(()),
        ("skip.header.line.count", _) => cannot("JSON files have no header lines: leave it out"),
        // Partitions are found by their folders, whatever the projection says.
        ("storage.location.template", template) if names_columns(template) => Ok(()),
        ("storage.location.template", _) => cannot(
            "partitions are folders such as `dt=2024-01-31/`: leave PARTITIONED BY out; files in other folders are read as well",
        ),
        (key, _) if key.starts_with("projection.") => Ok(()),
        ("external", "true") => Ok(()),
        ("external", _) => cannot("landing tables are external: write `TRUE`, or leave it out"),
        ("typeofdata", "file") => Ok(()),
        ("typeofdata", _) => cannot("landing tables are files"),
        (key, _) if INFORMATIONAL.contains(&key) => Ok(()),
        _ => {
            let known = INFORMATIONAL.iter().chain(TABLE_PROPERTIES).copied();
            Err(ErrorKind::UnknownProperty {
                key: property.key.clone(),
                within: "TBLPROPERTIES",
                near: nearest(&key, known).map(str::to_owned),
                known: &[],
            })
        }
    }
}

/// The property that lists the personal columns.
pub(super) const PERSONAL: &str = "stedi.personal";
/// The property that lists the required columns: an object without them is not
/// a row.
pub(super) const REQUIRED: &str = "stedi.required";

/// The prefix of this program's own properties.
const STEDI_PREFIX: &str = "stedi.";

/// This program's own properties.
const STEDI_PROPERTIES: &[&str] = &[
    PERSONAL,
    REQUIRED,
    ROLE_PROPERTIES[0],
    ROLE_PROPERTIES[1],
    ROLE_PROPERTIES[2],
    ROLE_PROPERTIES[3],
    ROLE_PROPERTIES[4],
    ROLE_PROPERTIES[5],
];

/// The properties of the SerDe, for suggestions.
const SERDE_PROPERTIES: &[&str] = &[
    "case.insensitive",
    "dots.in.keys",
    "explicit.null",
    "ignore.malformed.json",
    "mapping",
    "paths",
    "serialization.format",
];

/// Other table properties that take effect, for suggestions.
const TABLE_PROPERTIES: &[&str] = &[
    "classification",
    "compressionType",
    "external",
    "has_encrypted_data",
    "typeOfData",
];

/// Table properties that only inform, such as crawlers' counts and times of
/// change. In lower case.
const INFORMATIONAL: &[&str] = &[
    "averagerecordsize",
    "bucketing_version",
    "column_stats_accurate",
    "comment",
    "crawlerschemadeserializerversion",
    "crawlerschemaserializerversion",
    "created_by",
    "created_at",
    "exclusions",
    "last_modified_by",
    "last_modified_time",
    "notes",
    "numfiles",
    "numrows",
    "objectcount",
    "rawdatasize",
    "recordcount",
    "sizekey",
    "totalsize",
    "transient_lastddltime",
    "updated_by_crawler",
];
