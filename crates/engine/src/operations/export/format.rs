//! The formats that an export can have.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an export's files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Parquet as the lake's own files: text and personal columns carry no
    /// statistics.
    Parquet,
    /// RFC 4180 with a header, UTF-8. A null is nothing, an empty text `""`,
    /// bytes are hexadecimal digits.
    Csv,
    /// One JSON object per line, nulls spelled out, bytes as hexadecimal digits.
    Ndjson,
}

impl ExportFormat {
    /// The ending of its files' names; also its own name.
    pub fn as_str(self) -> &'static str {
        match self {
            ExportFormat::Parquet => "parquet",
            ExportFormat::Csv => "csv",
            ExportFormat::Ndjson => "ndjson",
        }
    }

    /// The format that a file's name ends with.
    pub(super) fn of_ending(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        [Self::Parquet, Self::Csv, Self::Ndjson]
            .into_iter()
            .find(|format| ending.eq_ignore_ascii_case(format.as_str()))
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
