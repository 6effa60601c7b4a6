//! Reads `system.quarantine`: landing input that is no row.
//!
//! A run adds an entry for input that it cannot read, and removes the entry once the file
//! is repaired, replaced or removed. A dropped entry stays, marked as dropped, so that
//! later runs do not report it again.
//!
//! There may be more entries than memory holds, so they are read as a stream.
//! [`crate::subjects::quarantine_writer`] writes them while files are read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use futures::StreamExt;

use crate::Error;
use query::Query;
use query::Session;
use query::landing::{DROPPED, Named, OPEN, QuarantineEntry, TableIntake, may_be_about_anybody};
use query::system;
use query::system::{long, text};

/// All entries, in order of table, file and offset, without their bytes.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(crate) async fn read(session: &Session) -> Result<Vec<QuarantineEntry>, Error> {
    let mut all = Vec::new();
    each_entry(session, LISTED, "", |entry| all.push(entry)).await?;
    all.sort_by(|a, b| {
        let place = |e: &QuarantineEntry| (e.table.clone(), e.file.clone(), e.offset, e.id.clone());
        place(a).cmp(&place(b))
    });
    Ok(all)
}

/// The quarantine, as far as a run needs it.
#[derive(Debug, Default)]
pub(crate) struct QuarantineState {
    /// How many places in files the open entries stand for.
    pub(crate) places: u64,
    /// Ids of dropped entries.
    pub(crate) dropped: Arc<HashSet<String>>,
    /// People named in open entries of person records.
    pub(crate) named: Named,
    /// People named in dropped entries of person records.
    pub(crate) named_in_dropped: Named,
    /// Files of person records with input that cannot be decoded as far as the person's
    /// name, so that the person is unknown. Paths are relative to the table's folder.
    pub(crate) undecodable: BTreeSet<String>,
}

/// Ids of dropped entries.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(crate) async fn dropped(session: &Session) -> Result<HashSet<String>, Error> {
    let mut ids = HashSet::new();
    let only = format!("where state = '{DROPPED}'");
    each_entry(session, "id, state", &only, |entry| {
        _ = ids.insert(entry.id)
    })
    .await?;
    Ok(ids)
}

/// Reads the state of the quarantine.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(crate) async fn state(session: &Session) -> Result<QuarantineState, Error> {
    let mut state = QuarantineState::default();
    let mut dropped = HashSet::new();
    let (mut files_without_names, mut files_with_names) = (BTreeSet::new(), BTreeSet::new());
    each_entry(session, LISTED, "", |entry| {
        match entry.is_open() {
            true => state.places += entry.places.unsigned_abs(),
            false => _ = dropped.insert(entry.id),
        };
    })
    .await?;
    state.dropped = Arc::new(dropped);
    let Some(records) = session.tables().project.roles().person_records() else {
        return Ok(state);
    };
    let (table, subject) = (&records.table, &records.subject);
    let only = format!("where table_name = '{table}'");
    each_entry(session, "*", &only, |entry| {
        if entry.is_misfit() {
            return;
        }
        if !entry.is_open() {
            state.named_in_dropped.take_in(&entry, subject);
            return;
        }
        let names_people = state.named.take_in(&entry, subject);
        if may_be_about_anybody(&entry, subject) {
            state.undecodable.insert(entry.file);
        } else if names_people {
            files_with_names.insert(entry.file);
        } else {
            files_without_names.insert(entry.file);
        }
    })
    .await?;
    // The records of a file without rows whose entries name nobody may be about anybody.
    files_without_names.retain(|file| !files_with_names.contains(file));
    if !files_without_names.is_empty() {
        let sql = format!(
            "select file from system.landing_files where table_name = '{table}' and rows = 0"
        );
        let mut batches = session.query(&sql).await?.stream()?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(Query::failed)?;
            for file in batch.column(0).as_string_view().iter().flatten() {
                if files_without_names.contains(file) {
                    state.undecodable.insert(file.to_owned());
                }
            }
        }
    }
    Ok(state)
}

/// Open entries of person records that name `person`.
pub(crate) async fn suspending(
    session: &Session,
    person: &str,
) -> Result<Vec<QuarantineEntry>, Error> {
    let mut entries = Vec::new();
    let Some(records) = session.tables().project.roles().person_records() else {
        return Ok(entries);
    };
    let only = format!(
        "where table_name = '{}' and state = '{OPEN}'",
        records.table
    );
    each_entry(session, "*", &only, |entry| {
        if Named::of(&entry, &records.subject).contains(person) {
            entries.push(entry);
        }
    })
    .await?;
    entries.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
    Ok(entries)
}

pub(crate) const ALL: &str = "select * from system.quarantine";

/// All columns except bytes, hash and people.
pub(crate) const LISTED: &str =
    "id, table_name, file, byte_offset, byte_length, line, reason, detail, state, places";

/// Calls `take` with each entry. `only` is a WHERE clause, or empty.
pub(crate) async fn each_entry(
    session: &Session,
    columns: &str,
    only: &str,
    mut take: impl FnMut(QuarantineEntry),
) -> Result<(), Error> {
    let sql = format!("select {columns} from system.quarantine {only}");
    let mut batches = session.query(&sql).await?.stream()?;
    while let Some(batch) = batches.next().await {
        let entries = entries_of(&batch.map_err(Query::failed)?);
        entries.into_iter().for_each(&mut take);
    }
    Ok(())
}

pub(crate) fn entries_of(batch: &RecordBatch) -> Vec<QuarantineEntry> {
    let column = |name: &str| batch.column_by_name(name);
    let text = |name: &str, row: usize| -> Option<String> {
        let values = column(name)?.as_string_view_opt()?;
        values.is_valid(row).then(|| values.value(row).to_owned())
    };
    let long = |name: &str, row: usize, otherwise: i64| -> i64 {
        let values = column(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let values = values.filter(|values| values.is_valid(row));
        values.map_or(otherwise, |values| values.value(row))
    };
    let bytes = |row: usize| -> Option<Vec<u8>> {
        let values = column("raw")?.as_binary_view_opt()?;
        values.is_valid(row).then(|| values.value(row).to_vec())
    };
    let entries = (0..batch.num_rows()).map(|row| QuarantineEntry {
        id: text("id", row).unwrap_or_default(),
        table: text("table_name", row).unwrap_or_default(),
        file: text("file", row).unwrap_or_default(),
        offset: long("byte_offset", row, 0),
        length: long("byte_length", row, 0),
        line: long("line", row, 0),
        reason: text("reason", row).unwrap_or_default(),
        detail: text("detail", row).unwrap_or_default(),
        state: text("state", row).unwrap_or_default(),
        places: long("places", row, 1),
        raw: bytes(row),
        hash: text("hash", row),
        subjects: text("subjects", row),
    });
    entries.collect()
}

/// Entries as rows of `system.quarantine`.
pub(crate) fn batch(entries: &[QuarantineEntry]) -> RecordBatch {
    let each = || entries.iter();
    let texts = |of: fn(&QuarantineEntry) -> Option<&str>| -> ArrayRef {
        Arc::new(each().map(of).collect::<StringViewArray>())
    };
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
        texts(|e| e.hash.as_deref()),
        long(each().map(|e| Some(e.places))),
        texts(|e| e.subjects.as_deref()),
    ];
    system::QUARANTINE.batch(columns)
}

/// The landing input that the session has read so far, without dropped places.
pub async fn read_so_far(session: &Session) -> BTreeMap<String, TableIntake> {
    let mut read = session.intake().tables();
    if read.values().any(|table| table.places > 0)
        // If the lake cannot be read, no entries count as dropped.
        && let Ok(dropped) = dropped(session).await
    {
        read.values_mut()
            .for_each(|table| table.leave_out(&dropped));
    }
    read
}
