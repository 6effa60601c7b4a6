//! An entry of `system.quarantine`: landing input that could not be read.

use async_trait::async_trait;
use landing::{Raw, Reason, Rejected};
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

/// Takes entries while files are read.
#[async_trait]
pub trait QuarantineSink: std::fmt::Debug + Send + Sync {
    /// Takes further entries in.
    ///
    /// # Errors
    /// Those of the lake that they are written to.
    async fn put(&self, entries: Vec<QuarantineEntry>) -> Result<(), lake::Error>;
}

/// A stretch of landing input that could not be read, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineEntry {
    /// Names the entry: of table, file, place and bytes.
    pub id: String,
    /// Landing table.
    pub table: String,
    /// Path below the table's folder.
    pub file: String,
    /// First byte, in the file as it is unpacked.
    pub offset: i64,
    /// Bytes; of a range, of all its stretches.
    pub length: i64,
    /// From 1.
    pub line: i64,
    /// One of a few words, such as `truncated`.
    pub reason: String,
    /// More words; never a value from the data.
    pub detail: String,
    /// `open`, or `dropped` once somebody said that it may go.
    pub state: String,
    /// Stretches that it stands for: 1, or those of a range.
    pub places: i64,
    /// The bytes, up to 64 KiB.
    #[serde(skip)]
    pub raw: Option<Vec<u8>>,
    /// SHA-256 of longer ones; of a range, what tells it from another.
    #[serde(skip)]
    pub hash: Option<String>,
    /// E-mails found in bytes of a customer record that are not kept, one a
    /// line.
    #[serde(skip)]
    pub subjects: Option<String>,
}

/// The state of an entry that waits for a decision.
pub const OPEN: &str = "open";
/// The state of an entry that somebody dropped.
pub const DROPPED: &str = "dropped";

/// Ends the details of an entry that names more people than are kept.
const NAMES_MORE: &str = "; it names more people than are kept";

impl QuarantineEntry {
    /// The entry of a stretch that the reader rejected.
    pub fn of(table: &str, file: &str, rejected: &Rejected) -> Self {
        let (raw, hash) = match &rejected.raw {
            Raw::Bytes(bytes) => (Some(bytes.clone()), None),
            Raw::Hash(hash) => (None, Some(hash.clone())),
            Raw::Sum(sum) => (None, Some(format!("{sum:032x}"))),
        };
        let mut id = Xxh3::new();
        for part in [
            table.as_bytes(),
            file.as_bytes(),
            &rejected.offset.to_le_bytes(),
        ] {
            id.update(part);
            id.update(&[0]);
        }
        id.update(raw.as_deref().unwrap_or_default());
        id.update(hash.as_deref().unwrap_or_default().as_bytes());
        let long = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut detail = rejected.detail.clone();
        if matches!(rejected.raw, Raw::Sum(_)) {
            detail = format!(
                "{} stretches as far as byte {}, of which the first: {detail}",
                rejected.places, rejected.end
            );
        }
        if rejected.found.is_cut {
            detail.push_str(NAMES_MORE);
        }
        let subjects: Vec<&str> = rejected.found.texts.iter().map(String::as_str).collect();
        Self {
            id: format!("{:016x}", id.digest()),
            table: table.to_owned(),
            file: file.to_owned(),
            offset: long(rejected.offset),
            length: long(rejected.length),
            line: long(rejected.line),
            reason: rejected.kind.as_str().to_owned(),
            detail,
            state: OPEN.to_owned(),
            places: long(rejected.places),
            raw,
            hash,
            subjects: (!subjects.is_empty()).then(|| subjects.join("\n")),
        }
    }

    /// Whether it still waits for somebody.
    pub fn is_open(&self) -> bool {
        self.state == OPEN
    }

    /// Whether it is a value of a row that was kept. What the row says of its person
    /// is known.
    pub fn is_misfit(&self) -> bool {
        self.reason == Reason::Misfit.as_str()
    }

    /// Somebody said that it may go.
    pub fn mark_dropped(&mut self) {
        self.state = DROPPED.to_owned();
    }

    /// Whether it may stand for records of people whose names cannot be known: the rest of
    /// a file that cannot be unpacked, or more people than are kept. The entry must be of a
    /// table of person records.
    pub fn hides_people(&self) -> bool {
        let rest = [Reason::Unpackable, Reason::CompressionRatio];
        rest.iter().any(|reason| reason.as_str() == self.reason)
            || self.detail.ends_with(NAMES_MORE) && !self.is_misfit()
    }

    /// Whether it is a record that stops before its end.
    pub fn is_truncated(&self) -> bool {
        self.reason == Reason::Truncated.as_str()
    }

    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        const FIXED: usize = 256;
        let raw = self.raw.as_ref().map_or(0, Vec::len);
        FIXED + raw + self.subjects.as_ref().map_or(0, String::len)
    }
}
