//! Checks TBLPROPERTIES and SERDEPROPERTIES: which take effect, which only
//! inform, and which are refused. `table` calls it for each property.

use std::collections::BTreeSet;

use super::statement::Property;
use crate::errors::ErrorKind;
use crate::landing_table::TOPIC;
use crate::suggest::nearest;
use crate::table_roles::ROLE_PROPERTIES;

pub(super) fn check_serde_property(
    property: &Property,
    columns: &BTreeSet<&str>,
) -> Result<(), ErrorKind> {
    let cannot = |instead| Err(refused(property, instead));
    let key = property.key.to_lowercase();
    let value = property.value.trim().to_lowercase();
    if let Some(column) = mapped_column(&key) {
        return match columns.contains(column) {
            true if value.is_empty() => cannot("write the JSON key that the column reads"),
            true => Ok(()),
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
        (CASE_INSENSITIVE, "true" | "false") => Ok(()),
        (CASE_INSENSITIVE, _) => cannot("write `true` or `false`"),
        ("dots.in.keys", "false") => Ok(()),
        ("dots.in.keys", _) => {
            cannot("dots in keys have no meaning: write `false`, or leave it out")
        }
        // Athena's console writes it; the SerDe itself knows only `mapping.<column>`.
        ("mapping", "true" | "false") => Ok(()),
        ("mapping", _) => cannot("leave it out"),
        // These are about writing; landing files are never written.
        ("explicit.null" | "serialization.format", _) => Ok(()),
        // Glue's crawler writes it: the keys that it saw.
        ("paths", _) => Ok(()),
        // The reader takes objects out of arrays wherever they are.
        ("strip.outer.array", "true" | "false") => Ok(()),
        ("timestamp.formats", _) => cannot(
            "times are read in ISO form and as epoch numbers: leave it out, or declare the column `string`",
        ),
        _ => Err(ErrorKind::UnknownProperty {
            key: property.key.clone(),
            within: "SERDEPROPERTIES",
            near: nearest(&key, SERDE_PROPERTIES.iter().copied()).map(str::to_owned),
            known: &[],
        }),
    }
}

/// The column of a property `mapping.COLUMN`, whose value is the JSON key that the
/// column reads. `key` is in lower case.
pub(super) fn mapped_column(key: &str) -> Option<&str> {
    key.strip_prefix("mapping.")
}

/// The SerDe's property that says whether keys match columns in any letter case.
pub(super) const CASE_INSENSITIVE: &str = "case.insensitive";

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
        (key, _) if is_meant_for_stedi(key) => {
            let known = STEDI_PROPERTIES
                .iter()
                .map(|known| &known[STEDI_PREFIX.len()..]);
            let near = nearest(after_prefix(key), known);
            Err(ErrorKind::UnknownProperty {
                key: property.key.clone(),
                within: "TBLPROPERTIES",
                near: near.map(|near| format!("{STEDI_PREFIX}{near}")),
                known: STEDI_PROPERTIES,
            })
        }
        ("classification", "json" | "ion" | "parquet") => Ok(()),
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
        // All others only inform, as in Athena: crawlers' counts, times of change,
        // notes of people and tools.
        _ => Ok(()),
    }
}

/// Whether a property that is none of this program's is most likely one misspelt.
/// As it would have no effect, nobody would notice.
fn is_meant_for_stedi(key: &str) -> bool {
    let prefix = STEDI_PREFIX.trim_end_matches('.');
    let head = &key[..key.len() - after_prefix(key).len()];
    let head = head.trim_end_matches(SEPARATORS);
    head == prefix || {
        let known = STEDI_PROPERTIES
            .iter()
            .map(|known| &known[STEDI_PREFIX.len()..]);
        nearest(head, [prefix].into_iter()).is_some() && nearest(after_prefix(key), known).is_some()
    }
}

/// What stands behind the first separator.
fn after_prefix(key: &str) -> &str {
    key.split_once(SEPARATORS).map_or("", |(_, rest)| rest)
}

const SEPARATORS: [char; 3] = ['.', '_', '-'];

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
    TOPIC,
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
    "strip.outer.array",
];
