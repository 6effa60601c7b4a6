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

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use futures::StreamExt;
use lake::{AsOf, DataFile, Lake, Layout, Publication, RemovedFiles, Version};
use landing::{Raw, Reason, Rejected};
use serde::Serialize;
use tokio::sync::Mutex;
use xxhash_rust::xxh3::Xxh3;

use crate::consent::{Named, RECORDS};
use crate::hold::Held;
use crate::rows::{self, Content};
use crate::system::{self, long, text};
use crate::{Error, Query, Session, Setup, decisions};

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

const OPEN: &str = "open";
const DROPPED: &str = "dropped";

/// Ends the details of an entry that names more people than are kept.
const NAMES_MORE: &str = "; it names more people than are kept";

impl QuarantineEntry {
    pub(crate) fn of(table: &str, file: &str, rejected: &Rejected) -> Self {
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

    /// Somebody said that it may go.
    pub(crate) fn drop(&mut self) {
        self.state = DROPPED.to_owned();
    }

    /// Whether it may stand for records of people whom nobody can tell: the rest
    /// of a file that cannot be unpacked, or more people than are kept.
    pub(crate) fn hides_people(&self) -> bool {
        let rest = [Reason::Unpackable, Reason::CompressionRatio];
        self.table == RECORDS
            && (rest.iter().any(|reason| reason.as_str() == self.reason)
                || self.detail.ends_with(NAMES_MORE))
    }

    fn bytes(&self) -> usize {
        const FIXED: usize = 256;
        let raw = self.raw.as_ref().map_or(0, Vec::len);
        FIXED + raw + self.subjects.as_ref().map_or(0, String::len)
    }
}

/// All entries, in order of table, file and place, without their bytes.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Execution`].
pub async fn quarantine(setup: &Setup) -> Result<Vec<QuarantineEntry>, Error> {
    read(&Session::open(setup)?).await
}

/// All entries, in order of table, file and place, without their bytes.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Execution`].
pub(crate) async fn read(session: &Session) -> Result<Vec<QuarantineEntry>, Error> {
    let mut all = Vec::new();
    each_entry(session, LISTED, "", |entry| all.push(entry)).await?;
    all.sort_by(|a, b| {
        let place = |e: &QuarantineEntry| (e.table.clone(), e.file.clone(), e.offset, e.id.clone());
        place(a).cmp(&place(b))
    });
    Ok(all)
}

/// The one entry whose id begins with `id`, with its bytes.
///
/// # Errors
/// [`Error::Settings`] if there is none, or several.
pub async fn quarantine_entry(setup: &Setup, id: &str) -> Result<QuarantineEntry, Error> {
    let session = Session::open(setup)?;
    let mut entries = Vec::new();
    each_entry(&session, LISTED, "", |entry| {
        if entry.id.starts_with(id) && entries.len() < 2 {
            entries.push(entry);
        }
    })
    .await?;
    let found = find(&entries, id)?.id.clone();
    let mut whole = None;
    // It is hexadecimal, and becomes part of a statement.
    let only = format!("where id = '{found}'");
    each_entry(&session, "*", &only, |entry| whole = Some(entry)).await?;
    whole.ok_or_else(|| no_such_entry(id))
}

/// Marks entries as dropped: nobody will mend them. Gives those that were marked,
/// without their bytes; with `ids` empty, all that were open.
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
    let named = |entry: &QuarantineEntry| {
        ids.is_empty() || ids.iter().any(|id| entry.id.starts_with(id.as_str()))
    };
    let mut entries = Vec::new();
    each_entry(&session, LISTED, "", |entry| {
        if !ids.is_empty() && named(&entry) {
            entries.push(entry);
        }
    })
    .await?;
    for id in ids {
        find(&entries, id)?;
    }
    let table = system::QUARANTINE.id();
    let standing = held.lake.version(&table, AsOf::Latest).await?;
    let writing = Writing::begin(&held.lake, &held.run)?;
    let mut dropped = Vec::new();
    let mut batches = session.query(ALL).await?.stream()?;
    while let Some(batch) = batches.next().await {
        let mut entries = entries_of(&batch.map_err(Query::failed)?);
        for entry in entries.iter_mut().filter(|e| e.is_open() && named(e)) {
            entry.drop();
            dropped.push(QuarantineEntry {
                raw: None,
                ..entry.clone()
            });
        }
        writing.put(entries).await?;
    }
    if let Some(next) = writing.in_place_of(standing.as_ref()).await? {
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
fn find<'a>(entries: &'a [QuarantineEntry], id: &str) -> Result<&'a QuarantineEntry, Error> {
    let mut fitting = entries.iter().filter(|entry| entry.id.starts_with(id));
    match (fitting.next(), fitting.next()) {
        (Some(entry), None) if !id.is_empty() => Ok(entry),
        (None, _) => Err(no_such_entry(id)),
        _ => Err(Error::Settings {
            message: format!("several entries have an id that begins with `{id}`"),
            hint: "give more of it".to_owned(),
        }),
    }
}

fn no_such_entry(id: &str) -> Error {
    Error::Settings {
        message: format!("nothing in quarantine has the id `{}`", privacy::redact(id)),
        hint: "`stedi quarantine list` shows the ids".to_owned(),
    }
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
/// [`Error::Lake`] or [`Error::Execution`].
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
/// [`Error::Lake`] or [`Error::Execution`].
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
    let records = format!("where table_name = '{RECORDS}'");
    each_entry(session, "*", &records, |entry| {
        if !entry.is_open() {
            standing.named_in_dropped.take_in(&entry);
            return;
        }
        let names = standing.named.take_in(&entry);
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
            "select file from system.landing_files where table_name = '{RECORDS}' and rows = 0"
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
    let only = format!("where table_name = '{RECORDS}' and state = '{OPEN}'");
    each_entry(session, "*", &only, |entry| {
        if Named::of(&entry).contains(person) {
            entries.push(entry);
        }
    })
    .await?;
    entries.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
    Ok(entries)
}

const ALL: &str = "select * from system.quarantine";

/// All columns but bytes and people.
const LISTED: &str =
    "id, table_name, file, byte_offset, byte_length, line, reason, detail, state, places";

/// Reads entries one by one.
async fn each_entry(
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

    /// Takes further entries in.
    pub(crate) async fn put(&self, entries: Vec<QuarantineEntry>) -> Result<(), Error> {
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
            commit_info: system::noted(&self.run, written.rows, written.content),
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

    async fn write(&self, state: &mut State) -> Result<(), Error> {
        let entries = std::mem::take(&mut state.held);
        state.held_bytes = 0;
        if entries.is_empty() {
            return Ok(());
        }
        let batch = batch(&entries);
        state.content.add(rows::hashes(&batch));
        state.rows += entries.len() as u64;
        let begin = || self.lake.writer(&self.layout, &self.run);
        let writer = state.writer.get_or_insert_with(begin);
        Ok(writer.write(&batch).await?)
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
