//! The manifest of an export: what it holds and where it came from, so that the same
//! export can be made again and proved equal. It names tables and columns and holds
//! no value of them.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use query::sql_types;
use serde::{Deserialize, Serialize};

use super::ExportFormat;

/// What an export is, and of what. Times are RFC 3339, UTC, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout of this document; 1.
    pub manifest: u32,
    /// The table's own name.
    pub table: String,
    /// `landing`, `trusted`, `curated` or `system`.
    pub zone: String,
    /// One row of it, in words.
    pub grain: Option<String>,
    /// The lake's id.
    pub lake: Option<String>,
    /// The version exported; none for a landing table.
    pub version: Option<i64>,
    /// When that version was published.
    pub committed_at: Option<String>,
    /// The run that made it.
    pub run: Option<String>,
    /// The tables that the version was computed from, in order of zone and name.
    pub built_from: Vec<BuiltFrom>,
    /// What the run, or the export of a landing table, read of landing files.
    pub landing: Vec<LandingRead>,
    /// All rows.
    pub rows: u64,
    /// Names the rows as a multiset, whatever their order and format. Two
    /// exports with equal columns and content hold the same rows.
    pub content: String,
    /// In order.
    pub columns: Vec<ExportedColumn>,
    /// What the rows may be used for.
    pub policy: Policy,
    /// SHA-256 of the data product that the export was made with: every table's
    /// definition, in order of zone and name.
    pub models: String,
    /// Of all files.
    pub format: ExportFormat,
    /// The data files, in order.
    pub files: Vec<ExportedFile>,
    /// Which program made the export.
    pub program: String,
    /// When.
    pub made_at: String,
}

/// A version that another one was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltFrom {
    /// `trusted`, `curated` or `system`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// The version that stood then.
    pub version: i64,
    /// When it was published.
    pub committed_at: String,
    /// The run that made it.
    pub run: Option<String>,
    /// Its content, as its commit has it.
    pub content: Option<String>,
}

/// What was read of a landing table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandingRead {
    /// Bare name.
    pub table: String,
    /// Files.
    pub files: u64,
    /// Rows that were found in them.
    pub rows: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// Objects that could not be read and were left out.
    pub quarantined: u64,
}

/// A column of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedColumn {
    /// Lower case.
    pub column: String,
    /// SQL's name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds personal values.
    pub personal: bool,
}

/// What rows may be used for, and by whose leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What people agreed to; none where nobody was asked.
    pub purpose: Option<String>,
    /// Which consent the rows are under, in words.
    pub consent: String,
}

/// A data file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Its name, beside the manifest.
    pub file: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

impl Policy {
    /// Of a table of `zone`.
    pub(super) fn of(zone: &str) -> Self {
        match zone {
            "trusted" | "curated" => Self {
                purpose: Some("research".to_owned()),
                consent: "in force when the run began that built this version; \
                          whoever withdrew later may still be in it"
                    .to_owned(),
            },
            _ => Self {
                purpose: None,
                consent: "not asked for: this zone speaks of everyone".to_owned(),
            },
        }
    }
}

impl Manifest {
    /// The columns as the lake holds them; `None` for types that no table has.
    pub(super) fn schema(&self) -> Option<SchemaRef> {
        let fields = self.columns.iter().map(|column| {
            let kind = sql_types::named(&column.kind)?;
            Some(Field::new(&column.column, kind, true))
        });
        Some(Arc::new(Schema::new(fields.collect::<Option<Vec<_>>>()?)))
    }

    /// One line for each entry, ended by a line feed.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

/// An instant in a manifest.
pub(in crate::operations) fn instant(epoch_ms: i64) -> String {
    let instant = chrono::DateTime::from_timestamp_millis(epoch_ms).unwrap_or_default();
    instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
