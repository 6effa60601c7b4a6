//! `system.quarantine`: landing input that is no row, until somebody has
//! mended it or said that it may go.
//!
//! A run puts in what it could not read, and takes out what it could: an entry
//! goes when its file was mended, replaced or taken away. An entry that was
//! dropped stays, marked, so that later runs do not bring it up again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use lake::AsOf;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use crate::hold::Held;
use crate::landing::{Rejection, TableIntake};
use crate::system::{self, Rows, long, text};
use crate::{Error, Query, Session, Setup, decisions};

/// A stretch of landing input that could not be read.
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
    /// Bytes.
    pub length: i64,
    /// From 1.
    pub line: i64,
    /// One of a few words, such as `truncated`.
    pub reason: String,
    /// More words; never a value from the data.
    pub detail: String,
    /// `open`, or `dropped` once somebody said that it may go.
    pub state: String,
    /// The bytes, up to 64 KiB.
    #[serde(skip)]
    pub raw: Option<Vec<u8>>,
    /// SHA-256 of longer ones.
    #[serde(skip)]
    pub hash: Option<String>,
}

const OPEN: &str = "open";
const DROPPED: &str = "dropped";

impl QuarantineEntry {
    pub(crate) fn of(table: &str, rejection: &Rejection) -> Self {
        let rejected = &rejection.rejected;
        let (raw, hash) = match &rejected.raw {
            landing::Raw::Bytes(bytes) => (Some(bytes.clone()), None),
            landing::Raw::Hash(hash) => (None, Some(hash.clone())),
        };
        let mut id = Xxh3::new();
        for part in [
            table.as_bytes(),
            rejection.file.as_bytes(),
            &rejected.offset.to_le_bytes(),
        ] {
            id.update(part);
            id.update(&[0]);
        }
        id.update(raw.as_deref().unwrap_or_default());
        id.update(hash.as_deref().unwrap_or_default().as_bytes());
        let long = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            id: format!("{:016x}", id.digest()),
            table: table.to_owned(),
            file: rejection.file.clone(),
            offset: long(rejected.offset),
            length: long(rejected.length),
            line: long(rejected.line),
            reason: rejected.kind.as_str().to_owned(),
            detail: rejected.detail.clone(),
            state: OPEN.to_owned(),
            raw,
            hash,
        }
    }

    /// Whether it still waits for somebody.
    pub fn is_open(&self) -> bool {
        self.state == OPEN
    }
}

/// All entries, in order of table, file and place.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Execution`].
pub async fn quarantine(setup: &Setup) -> Result<Vec<QuarantineEntry>, Error> {
    read(&Session::open(setup)?).await
}

/// Marks entries as dropped: nobody will mend them. Gives those that were
/// marked; with `ids` empty, all that were open.
///
/// # Errors
/// [`Error::Settings`] for an id that names no entry; nothing is changed then.
pub async fn drop_from_quarantine(
    setup: &Setup,
    ids: &[String],
) -> Result<Vec<QuarantineEntry>, Error> {
    let held = Held::take(setup, "quarantine drop").await?;
    let dropped = drop_held(setup, &held, ids).await;
    held.let_go().await;
    dropped
}

async fn drop_held(
    setup: &Setup,
    held: &Held,
    ids: &[String],
) -> Result<Vec<QuarantineEntry>, Error> {
    let session = Session::open(setup)?;
    let mut entries = read(&session).await?;
    for id in ids {
        find(&entries, id)?;
    }
    let mut dropped = Vec::new();
    for entry in entries.iter_mut().filter(|entry| entry.is_open()) {
        if ids.is_empty() || ids.iter().any(|id| entry.id.starts_with(id.as_str())) {
            entry.state = DROPPED.to_owned();
            dropped.push(entry.clone());
        }
    }
    let table = system::QUARANTINE.id();
    let standing = held.lake.version(&table, AsOf::Latest).await?;
    let rows = Rows::InPlaceOf(standing.as_ref());
    let entries = batch(&entries);
    let next = system::QUARANTINE.stage(&held.lake, &held.run, &entries, rows);
    if let Some(next) = next.await? {
        held.lake.publish(next).await?;
    }
    // Should it not come to that, the next run writes the copy.
    if let Err(error) = decisions::write_dropped(&held.lake, &dropped).await {
        tracing::debug!(%error, "could not write a copy of what was dropped");
    }
    Ok(dropped)
}

/// The one entry whose id begins with `id`.
///
/// # Errors
/// [`Error::Settings`] if there is none, or several.
pub fn find<'a>(entries: &'a [QuarantineEntry], id: &str) -> Result<&'a QuarantineEntry, Error> {
    let mut fitting = entries.iter().filter(|entry| entry.id.starts_with(id));
    match (fitting.next(), fitting.next()) {
        (Some(entry), None) if !id.is_empty() => Ok(entry),
        (None, _) => Err(Error::Settings {
            message: format!("nothing in quarantine has the id `{}`", privacy::redact(id)),
            hint: "`stedi quarantine list` shows the ids".to_owned(),
        }),
        _ => Err(Error::Settings {
            message: format!("several entries have an id that begins with `{id}`"),
            hint: "give more of it".to_owned(),
        }),
    }
}

/// What the table holds after a run: what it could not read, and what is `known`
/// of files that it did not read. Dropped entries stay dropped.
pub(crate) fn after_run(
    known: &[QuarantineEntry],
    intake: &BTreeMap<String, TableIntake>,
    was_read: impl Fn(&str, &str) -> bool,
) -> Vec<QuarantineEntry> {
    let dropped: BTreeSet<&str> = known
        .iter()
        .filter(|entry| !entry.is_open())
        .map(|entry| entry.id.as_str())
        .collect();
    let mut entries: Vec<QuarantineEntry> = known
        .iter()
        .filter(|entry| !was_read(&entry.table, &entry.file))
        .cloned()
        .collect();
    for (table, read) in intake {
        entries.extend(read.rejections.iter().map(|rejection| {
            let mut entry = QuarantineEntry::of(table, rejection);
            if dropped.contains(entry.id.as_str()) {
                entry.state = DROPPED.to_owned();
            }
            entry
        }));
    }
    entries
}

pub(crate) async fn read(session: &Session) -> Result<Vec<QuarantineEntry>, Error> {
    let query = session
        .query("select * from system.quarantine order by table_name, file, byte_offset, id")
        .await?;
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    Ok(batches.iter().flat_map(entries_of).collect())
}

pub(crate) fn entries_of(batch: &RecordBatch) -> Vec<QuarantineEntry> {
    let column = |name: &str| batch.column_by_name(name);
    let text = |name: &str, row: usize| -> Option<String> {
        let values = column(name)?.as_string_view_opt()?;
        values.is_valid(row).then(|| values.value(row).to_owned())
    };
    let long = |name: &str, row: usize| -> i64 {
        let values = column(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        values.map_or(0, |values| values.value(row))
    };
    let bytes = |row: usize| -> Option<Vec<u8>> {
        let values = column("raw")?.as_binary_view_opt()?;
        values.is_valid(row).then(|| values.value(row).to_vec())
    };
    (0..batch.num_rows())
        .map(|row| QuarantineEntry {
            id: text("id", row).unwrap_or_default(),
            table: text("table_name", row).unwrap_or_default(),
            file: text("file", row).unwrap_or_default(),
            offset: long("byte_offset", row),
            length: long("byte_length", row),
            line: long("line", row),
            reason: text("reason", row).unwrap_or_default(),
            detail: text("detail", row).unwrap_or_default(),
            state: text("state", row).unwrap_or_default(),
            raw: bytes(row),
            hash: text("hash", row),
        })
        .collect()
}

/// Entries as rows of the table.
pub(crate) fn batch(entries: &[QuarantineEntry]) -> RecordBatch {
    let each = || entries.iter();
    let columns: Vec<ArrayRef> = vec![
        text(each().map(|e| e.id.as_str())),
        text(each().map(|e| e.table.as_str())),
        text(each().map(|e| e.file.as_str())),
        long(each().map(|e| Some(e.offset))),
        long(each().map(|e| Some(e.length))),
        long(each().map(|e| Some(e.line))),
        text(each().map(|e| e.reason.as_str())),
        text(each().map(|e| e.detail.as_str())),
        text(each().map(|e| e.state.as_str())),
        Arc::new(
            each()
                .map(|e| e.raw.as_deref())
                .collect::<BinaryViewArray>(),
        ),
        Arc::new(
            each()
                .map(|e| e.hash.as_deref())
                .collect::<StringViewArray>(),
        ),
    ];
    system::QUARANTINE.batch(columns)
}
