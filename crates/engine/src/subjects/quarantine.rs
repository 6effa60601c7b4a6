//! `system.quarantine`: landing input that is no row, until somebody has
//! mended it or said that it may go.
//!
//! A run puts in what it could not read, and takes out what it could: an entry
//! goes when its file was mended, replaced or taken away. An entry that was
//! dropped stays, marked, so that later runs do not bring it up again.
//!
//! However much there is of it: entries are written while files are read
//! ([`Writing`]) and read as a stream, and the reader puts what is too much of
//! one file into ranges.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use futures::StreamExt;
use lake::{DataFile, Lake, Layout, Publication, RemovedFiles, Version};
use tokio::sync::Mutex;

use crate::Error;
use crate::content;
use crate::content::Content;
use crate::system_rows;
use query::Query;
use query::Session;
use query::landing::{DROPPED, Named, OPEN, QuarantineEntry, QuarantineSink, TableIntake};
use query::system;
use query::system::{long, text};

/// All entries, in order of table, file and place, without their bytes.
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

/// What stands in quarantine, as far as a run needs to know it.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Places of open entries.
    pub(crate) places: u64,
    /// Ids of entries that somebody dropped.
    pub(crate) dropped: Arc<HashSet<String>>,
    /// People named in open entries of customer records.
    pub(crate) named: Named,
    /// People named in dropped ones.
    pub(crate) named_in_dropped: Named,
    /// Files of customer records, each below its folder, of which nobody can tell
    /// whom they name.
    pub(crate) undecodable: BTreeSet<String>,
}

/// Ids of entries that somebody dropped.
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

/// What stands in quarantine.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(crate) async fn standing(session: &Session) -> Result<Standing, Error> {
    let mut standing = Standing::default();
    let mut dropped = HashSet::new();
    let (mut nameless, mut naming) = (BTreeSet::new(), BTreeSet::new());
    each_entry(session, LISTED, "", |entry| {
        match entry.is_open() {
            true => standing.places += entry.places.unsigned_abs(),
            false => _ = dropped.insert(entry.id),
        };
    })
    .await?;
    standing.dropped = Arc::new(dropped);
    let Some(records) = session.tables().project.roles().person_records() else {
        return Ok(standing);
    };
    let (table, subject) = (&records.table, &records.subject);
    let only = format!("where table_name = '{table}'");
    each_entry(session, "*", &only, |entry| {
        if !entry.is_open() {
            standing.named_in_dropped.take_in(&entry, subject);
            return;
        }
        let names = standing.named.take_in(&entry, subject);
        if entry.hides_people() {
            standing.undecodable.insert(entry.file);
        } else if names {
            naming.insert(entry.file);
        } else {
            nameless.insert(entry.file);
        }
    })
    .await?;
    nameless.retain(|file| !naming.contains(file));
    if !nameless.is_empty() {
        let sql = format!(
            "select file from system.landing_files where table_name = '{table}' and rows = 0"
        );
        let mut batches = session.query(&sql).await?.stream()?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(Query::failed)?;
            for file in batch.column(0).as_string_view().iter().flatten() {
                if nameless.contains(file) {
                    standing.undecodable.insert(file.to_owned());
                }
            }
        }
    }
    Ok(standing)
}

/// Open entries of customer records that name `person`.
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

/// All columns but bytes and people.
pub(crate) const LISTED: &str =
    "id, table_name, file, byte_offset, byte_length, line, reason, detail, state, places";

/// Reads entries one by one.
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

/// Entries as rows of the table.
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

/// Entries on their way into files that no version names yet. Few of them are
/// held at a time.
pub(crate) struct Writing {
    lake: Lake,
    run: String,
    layout: Layout,
    state: Mutex<State>,
}

struct State {
    writer: Option<lake::FileWriter>,
    files: Vec<DataFile>,
    is_kept: bool,
    held: Vec<QuarantineEntry>,
    held_bytes: usize,
    content: Content,
    rows: u64,
}

/// What is held before it is written.
const HELD_BYTES_MAX: usize = 4 << 20;

/// What was written.
struct Written {
    files: Vec<DataFile>,
    content: Content,
    rows: u64,
}

impl Writing {
    /// Begins to write for `run`.
    pub(crate) fn begin(lake: &Lake, run: &str) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            lake: lake.clone(),
            run: run.to_owned(),
            layout: system::QUARANTINE.layout()?,
            state: Mutex::new(State {
                writer: None,
                files: Vec::new(),
                is_kept: false,
                held: Vec::new(),
                held_bytes: 0,
                content: Content::default(),
                rows: 0,
            }),
        }))
    }

    /// Takes in what stands of tables that were not read, once.
    pub(crate) async fn keep(
        &self,
        session: &Session,
        was_read: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        if std::mem::replace(&mut self.state.lock().await.is_kept, true) {
            return Ok(());
        }
        let mut batches = session.query(ALL).await?.stream()?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(Query::failed)?;
            let mut entries = entries_of(&batch);
            entries.retain(|entry| !was_read(&entry.table));
            self.put(entries).await?;
        }
        Ok(())
    }

    /// What makes the entries all there are; `None` where `standing` holds the
    /// same already.
    pub(crate) async fn in_place_of(
        &self,
        standing: Option<&Version>,
    ) -> Result<Option<Publication>, Error> {
        let written = self.finish().await?;
        let same = match standing.map(|standing| &standing.commit_info) {
            Some(Some(standing)) => standing.content == written.content.to_text(),
            Some(None) => false,
            // A table that would be empty need not be made.
            None => written.rows == 0,
        };
        if same {
            self.lake.discard(&written.files).await;
            return Ok(None);
        }
        self.publication(written, RemovedFiles::All).map(Some)
    }

    /// What makes the entries all there are, whatever stands: it is damaged.
    pub(crate) async fn anew(&self) -> Result<Option<Publication>, Error> {
        let written = self.finish().await?;
        self.publication(written, RemovedFiles::All).map(Some)
    }

    /// What adds the entries to those of `standing`; `None` where there are none.
    pub(crate) async fn beside(
        &self,
        session: &Session,
        standing: Option<&Version>,
    ) -> Result<Option<Publication>, Error> {
        let Some(version) = standing else {
            return self.in_place_of(None).await;
        };
        if self.state.lock().await.rows_put() == 0 {
            return Ok(None);
        }
        // What an older program wrote lacks columns, and is written again.
        let before = version.commit_info.as_ref();
        let before = before.and_then(|info| Content::from_text(&info.content));
        let before = before.filter(|_| version.schema == system::QUARANTINE.schema());
        let Some(before) = before else {
            self.keep(session, |_| false).await?;
            return self.in_place_of(standing).await;
        };
        let mut written = self.finish().await?;
        written.content.merge(before);
        written.rows += version.rows();
        self.publication(written, RemovedFiles::None).map(Some)
    }

    fn publication(&self, written: Written, removed: RemovedFiles) -> Result<Publication, Error> {
        let table = &system::QUARANTINE;
        Ok(Publication {
            layout: self.layout.clone(),
            description: system::grain(table.name()).unwrap_or_default().to_owned(),
            commit_info: system_rows::commit_info(&self.run, written.rows, written.content),
            files: written.files,
            removed,
            changes_rows: true,
        })
    }

    /// Files with all entries so far.
    pub(crate) async fn files(&self) -> Result<Vec<DataFile>, Error> {
        let mut state = self.state.lock().await;
        self.write(&mut state).await?;
        if let Some(writer) = state.writer.take() {
            let files = writer.finish().await?;
            state.files.extend(files);
        }
        Ok(state.files.clone())
    }

    async fn write(&self, state: &mut State) -> Result<(), lake::Error> {
        let entries = std::mem::take(&mut state.held);
        state.held_bytes = 0;
        if entries.is_empty() {
            return Ok(());
        }
        let batch = batch(&entries);
        state.content.add(content::hashes(&batch));
        state.rows += entries.len() as u64;
        let begin = || self.lake.writer(&self.layout, &self.run);
        let writer = state.writer.get_or_insert_with(begin);
        writer.write(&batch).await
    }

    async fn finish(&self) -> Result<Written, Error> {
        let files = self.files().await?;
        let state = self.state.lock().await;
        Ok(Written {
            files,
            content: state.content,
            rows: state.rows,
        })
    }
}

#[async_trait]
impl QuarantineSink for Writing {
    async fn put(&self, entries: Vec<QuarantineEntry>) -> Result<(), lake::Error> {
        let mut state = self.state.lock().await;
        for entry in entries {
            state.held_bytes += entry.bytes();
            state.held.push(entry);
            if state.held_bytes > HELD_BYTES_MAX {
                self.write(&mut state).await?;
            }
        }
        Ok(())
    }
}

impl State {
    fn rows_put(&self) -> u64 {
        self.rows + self.held.len() as u64
    }
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writing")
    }
}

/// What was read from landing files so far, without places that somebody dropped
/// from quarantine.
pub async fn read_so_far(session: &Session) -> BTreeMap<String, TableIntake> {
    let mut read = session.intake().tables();
    if read.values().any(|table| table.places > 0)
        // A lake that cannot be read has nothing to say about it.
        && let Ok(dropped) = dropped(session).await
    {
        read.values_mut()
            .for_each(|table| table.leave_out(&dropped));
    }
    read
}
