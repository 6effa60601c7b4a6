//! Finds damage in a lake, and mends the register of consent.
//!
//! A table that follows from landing files, models and the key is damaged, and built
//! again, where its log cannot be opened, where a file that it names is missing or has
//! another size, or where its rows are not the published ones. Rows are read where an
//! object of the table is younger than the last release, and of every table at
//! [`Depth::All`]. What people decided is restored from its copies: see
//! [`crate::subjects::decisions`].
//!
//! Deliberately absent: older versions. Losing one makes no answer of today wrong,
//! and `stedi history` shows which are left.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use lake::{DataFile, Inspection, Release, TableId, Version};
use query::system::{self, CONSENT_REGISTER, Definition, LANDING_FILES, QUARANTINE};
use query::{Session, Setup, Snapshot};

use crate::commit_note::{CommitNote, RegisterState, positions};
use crate::content::{self, Content};
use crate::contract::report::{CheckKind, CheckReport, Verdict};
use crate::damage::{Damage, INTACT};
use crate::error::{Error, Refusal};
use crate::subjects::decisions::{self, Decisions};
use crate::system_rows::{self, WriteMode};
use crate::write::rewrite::{layout_of, read};

/// How many tables are inspected at the same time.
const TABLES_AT_ONCE: usize = 8;

/// How often a commit to the register is retried while people are entered into it.
const TRIES: u32 = 20;

/// How often a copy that an entry lacks is looked for again, and after how long.
const COPY_TRIES: u32 = 3;
const COPY_PATIENCE: Duration = Duration::from_millis(100);

/// Which tables have their rows read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Tables with an object younger than the last release.
    Touched,
    /// All tables.
    All,
}

/// A session that reads all tables of the lake as one release left them.
///
/// # Errors
/// [`Error::Lake`] where the store does not answer.
pub(crate) async fn session_of_one_release(setup: &Setup) -> Result<Session, Error> {
    let session = Session::open(setup)?;
    let tables = session.tables();
    let snapshot = Snapshot::newest(&tables.lake, &tables.of_lake()).await?;
    Ok(session.at(snapshot))
}

/// Everything that is broken in the lake of `setup`. Every row is read.
///
/// # Errors
/// [`Error::Lake`] where the store does not answer.
pub async fn damages(setup: &Setup) -> Result<Vec<Damage>, Error> {
    let session = session_of_one_release(setup).await?;
    Ok(Integrity::of_all(&session).await?.damages)
}

const REBUILT: &str = "built anew from landing";
const STARTED: &str = "begun again; what can be read of it is kept";
const COPIED: &str = "made whole from its copies";
const REWRITTEN: &str = "written again";

/// A table that is not as it was published.
#[derive(Debug)]
struct Damaged {
    /// As far as its log can be opened.
    version: Option<Version>,
    /// Its files that hold what the log counts.
    readable: Vec<DataFile>,
}

impl Damaged {
    /// The files of the newest version that do not hold what the log counts.
    fn lost_files(&self) -> impl Iterator<Item = &DataFile> {
        let files = self.version.iter().flat_map(|version| &version.files);
        files.filter(|file| self.readable.iter().all(|read| read.name != file.name))
    }

    /// How many entries a register that is damaged had and has no more, as far as
    /// its log can be believed. An entry is a file of one row until files are
    /// merged; of what was there at the last run there is better knowledge. Files
    /// of other tables hold no entries: an entry of another log names them.
    fn entries_lost(
        &self,
        remembered: &RegisterState,
        copied: u64,
        of_others: &BTreeSet<String>,
    ) -> u64 {
        let lost = self.lost_files();
        let own = lost.filter(|file| !of_others.contains(&file.name));
        let rows = own.map(|file| file.rows);
        let rows: u64 = match remembered.content.is_empty() {
            true => rows.sum(),
            false => rows.filter(|rows| *rows == 1).sum(),
        };
        rows.saturating_sub(copied)
    }
}

/// What was found of a lake.
#[derive(Debug, Default)]
pub(crate) struct Integrity {
    tables: BTreeMap<TableId, Damaged>,
    /// Everything that is broken, in words.
    pub(crate) damages: Vec<Damage>,
    /// The newest release is lost or damaged.
    is_release_lost: bool,
    /// Objects were written after the last release and are intact. The next run
    /// need not read them again.
    pub(crate) is_touched: bool,
    /// The register of consent with all entries that are known.
    register: Option<RecordBatch>,
    /// How many entries of the register are lost.
    pub(crate) lost_entries: u64,
    /// Whether there were entries cannot be known.
    are_entries_unknown: bool,
    /// Of the newest release, or of a table that a later one wrote.
    generation: u64,
    decisions: Decisions,
    /// Readable rows of damaged system tables.
    salvaged: BTreeMap<&'static str, RecordBatch>,
}

impl Integrity {
    /// Looks at `tables` of the lake of `session`, of which `release` is the
    /// newest, and at what people decided.
    ///
    /// # Errors
    /// [`Error::Lake`] where the store does not answer.
    pub(crate) async fn of(
        session: &Session,
        tables: &[TableId],
        release: Option<&Release>,
        depth: Depth,
    ) -> Result<Self, Error> {
        let lake = &session.tables().lake;
        let mut found = Self::default();
        let register = CONSENT_REGISTER.id();
        let since = lake.released_at().await?;
        // Before the table, which is written first.
        found.decisions = Decisions::read(lake).await?;
        let looked_at = tables.iter().chain([&register]);
        let looked_at: BTreeSet<&TableId> = looked_at.collect();
        let looks = looked_at.into_iter().map(|table| async move {
            let found = match session.tables().snapshot().fixed(table).cloned() {
                Some(version) => lake.inspect_version(version, since).await?,
                None => lake.inspect(table, since).await?,
            };
            let is_read = depth == Depth::All || found.is_modified;
            let found = read_and_compare(session, found, is_read).await?;
            Ok::<_, Error>((table.clone(), found))
        });
        let looks: Vec<_> = stream::iter(looks)
            .buffered(TABLES_AT_ONCE)
            .try_collect()
            .await?;
        // A table that a later run wrote than the newest release tells of entries
        // that the release does not know.
        let mut noted = CommitNote::of_release(release);
        let versions = looks
            .iter()
            .filter_map(|(_, (looked, _))| looked.version.as_ref());
        for by_table in versions.filter_map(CommitNote::of_version) {
            if by_table.generation > noted.generation {
                noted = by_table;
            }
        }
        found.generation = noted.generation;
        let remembered = &noted.register;
        let mut is_published = false;
        let mut is_register_there = false;
        for (table, (looked, readable)) in looks {
            let of_run = table.zone != system::ZONE || table == LANDING_FILES.id();
            is_published |= of_run && (looked.version.is_some() || !looked.faults.is_empty());
            found.is_touched |= looked.is_modified && table != register;
            let mut faults = looked.faults;
            let damaged = Damaged {
                version: looked.version,
                readable,
            };
            if table == QUARANTINE.id() && faults.is_empty() {
                faults.extend(found.undropped(session, &damaged).await?);
            }
            if faults.is_empty() && table != register {
                continue;
            }
            if table == register {
                let is_damaged = !faults.is_empty();
                is_register_there = is_damaged || damaged.version.is_some();
                found
                    .compare_register(session, damaged, is_damaged, remembered)
                    .await?;
            } else {
                found.tables.insert(table.clone(), damaged);
            }
            let remedy = match &table {
                table if *table == register => COPIED,
                table if *table == system::RUNS.id() || *table == system::CHECKS.id() => STARTED,
                _ => REBUILT,
            };
            for what in faults {
                found.note(format!("{}.{}", table.zone, table.name), what, remedy);
            }
        }
        found.salvage(session).await?;
        let fault = match release {
            Some(release) if release.is_damaged => {
                Some(format!("number {} cannot be read", release.number))
            }
            None if is_published => Some("the newest one is missing".to_owned()),
            _ => None,
        };
        if let Some(fault) = fault {
            found.is_release_lost = true;
            found.note("system/release".to_owned(), fault, REWRITTEN);
            if is_published
                && !is_register_there
                && found.lost_entries == 0
                && found.decisions.have_no_register_copy()
            {
                found.are_entries_unknown = true;
                found.note(
                    CONSENT_REGISTER.full_name(),
                    "it, its copies and the release that tells of entries are all missing"
                        .to_owned(),
                    "to be brought back from a backup",
                );
            }
        }
        for name in found.decisions.damaged.clone() {
            found.note(
                format!("system/decisions/{name}"),
                "is not as it was written".to_owned(),
                REWRITTEN,
            );
        }
        Ok(found)
    }

    fn note(&mut self, object: String, what: String, remedy: &'static str) {
        self.damages.push(Damage {
            object,
            what,
            remedy,
        });
    }

    /// Notes that the object is broken which makes the folder a lake.
    pub(crate) fn note_marker(&mut self) {
        self.note(
            "system/lake.json".to_owned(),
            "is missing or cannot be read".to_owned(),
            REWRITTEN,
        );
    }

    /// The whole lake of a session, every row of it. Tables that are pinned are
    /// looked at as they are pinned.
    ///
    /// # Errors
    /// As [`Integrity::of`].
    pub(crate) async fn of_all(session: &Session) -> Result<Self, Error> {
        let tables = session.tables();
        let release = tables.lake.newest_release().await?;
        let all = tables.of_lake();
        let mut found = Self::of(session, &all, release.as_ref(), Depth::All).await?;
        if release.is_some() && !tables.lake.has_marker().await? {
            found.note_marker();
        }
        Ok(found)
    }

    /// Damages as checks that failed, one for each object.
    pub(crate) fn as_checks(&self) -> Vec<CheckReport> {
        let mut checks: Vec<CheckReport> = Vec::new();
        for damage in &self.damages {
            let models = damage.object.strip_prefix("trusted.");
            let models = models.or_else(|| damage.object.strip_prefix("curated."));
            let table = models.unwrap_or(&damage.object).to_owned();
            match checks.iter_mut().find(|check| check.table == table) {
                Some(check) => check.violations += 1,
                None => checks.push(CheckReport {
                    table,
                    check: INTACT.to_owned(),
                    verdict: Verdict::Fail,
                    violations: 1,
                    kind: CheckKind::Contract,
                }),
            }
        }
        checks
    }

    /// Whether every table must be built from all its input.
    pub(crate) fn requires_full_build(&self) -> bool {
        // Of a register that was mended, what was taken in of it cannot be told.
        self.is_release_lost || !self.tables.is_empty() || self.is_register_broken()
    }

    /// Whether a table is not as it was published.
    pub(crate) fn is_damaged(&self, table: &TableId) -> bool {
        self.tables.contains_key(table)
    }

    /// Damaged tables whose log cannot be opened: they begin again.
    pub(crate) fn unopened(&self) -> impl Iterator<Item = &TableId> {
        let tables = self.tables.iter();
        tables
            .filter(|(_, damaged)| damaged.version.is_none())
            .map(|(table, _)| table)
    }

    /// What is left of a damaged system table, to be kept beside what comes.
    pub(crate) fn salvaged(&self, table: &Definition) -> Option<&RecordBatch> {
        self.salvaged.get(table.name())
    }

    /// Compares the register with its copies.
    async fn compare_register(
        &mut self,
        session: &Session,
        found: Damaged,
        is_damaged: bool,
        remembered: &RegisterState,
    ) -> Result<(), Error> {
        let read = rows_in(session, &CONSENT_REGISTER, &found).await?;
        let copied = self.decisions.missing_from(&read)?;
        let known = decisions::concat_rows(&CONSENT_REGISTER, &[read, copied.clone()])?;
        self.lost_entries = remembered.missing_from(&known);
        // Entries are numbered as they come; those that the last run knew were
        // compared with what it remembers.
        if is_damaged || found.version.is_none() {
            let later: Vec<i64> = positions(&known)
                .filter(|at| *at >= remembered.end)
                .collect();
            let last = later.iter().max().map_or(remembered.end, |last| last + 1);
            let numbered = (last - remembered.end).unsigned_abs();
            let lost = numbered.saturating_sub(later.len() as u64);
            let names: BTreeSet<String> =
                found.lost_files().map(|file| file.name.clone()).collect();
            let mut of_others = BTreeSet::new();
            if !names.is_empty() {
                let tables = session.tables();
                let register = CONSENT_REGISTER.id();
                let all = tables.of_lake();
                let others = all.iter().filter(|table| **table != register);
                of_others = tables.lake.data_files_in(others, &names).await?;
            }
            let copied = copied.num_rows() as u64;
            let lost = lost.max(found.entries_lost(remembered, copied, &of_others));
            self.lost_entries = self.lost_entries.max(lost);
        }
        let object = CONSENT_REGISTER.full_name();
        if copied.num_rows() > 0 && !is_damaged {
            let what = format!(
                "it lacks entries that its copies hold: {}",
                copied.num_rows()
            );
            self.note(object.clone(), what, COPIED);
        }
        if self.lost_entries > 0 {
            let what = format!(
                "entries stand neither in it nor in its copies: {}",
                self.lost_entries
            );
            self.note(object, what, "to be brought back from a backup");
        }
        if self.decisions.damaged.is_empty() {
            let uncopied = self.uncopied(session, &known).await?;
            if uncopied > 0 {
                self.note(
                    "system/decisions".to_owned(),
                    format!("it lacks copies of entries of the register of consent: {uncopied}"),
                    REWRITTEN,
                );
            }
        }
        self.register = Some(known);
        Ok(())
    }

    /// How many of the `known` entries have no copy.
    async fn uncopied(&self, session: &Session, known: &RecordBatch) -> Result<usize, Error> {
        let mut uncopied = self.decisions.count_uncopied(known)?;
        // Somebody may be between an entry and its copy.
        for _ in 0..COPY_TRIES {
            if uncopied == 0 {
                break;
            }
            tokio::time::sleep(COPY_PATIENCE).await;
            let now = Decisions::read(&session.tables().lake).await?;
            uncopied = now.count_uncopied(known)?;
        }
        Ok(uncopied)
    }

    /// What is wrong with a quarantine that can be read: entries are open that
    /// somebody has dropped.
    async fn undropped(&self, session: &Session, found: &Damaged) -> Result<Option<String>, Error> {
        let dropped = self.decisions.dropped.iter();
        let dropped: BTreeSet<&str> = dropped.map(|entry| entry.id.as_str()).collect();
        if dropped.is_empty() {
            return Ok(None);
        }
        let rows = rows_in(session, &QUARANTINE, found).await?;
        let entries = crate::subjects::quarantine::entries_of(&rows);
        let open = entries
            .iter()
            .filter(|entry| entry.is_open() && dropped.contains(entry.id.as_str()));
        let open = open.count();
        Ok((open > 0).then(|| format!("entries are open that were dropped: {open}")))
    }

    async fn salvage(&mut self, session: &Session) -> Result<(), Error> {
        for table in [&system::RUNS, &system::CHECKS, &QUARANTINE] {
            let Some(damaged) = self.tables.get(&table.id()) else {
                continue;
            };
            let rows = rows_in(session, table, damaged).await?;
            self.salvaged.insert(table.name(), rows);
        }
        if let Some(rows) = self.salvaged.remove(QUARANTINE.name()) {
            let mut entries = crate::subjects::quarantine::entries_of(&rows);
            // What was dropped stays dropped, also where nothing else is known of it.
            let dropped = self.decisions.dropped.iter();
            let dropped: BTreeMap<&str, _> =
                dropped.map(|entry| (entry.id.as_str(), entry)).collect();
            entries.retain(|entry| !dropped.contains_key(entry.id.as_str()));
            entries.extend(dropped.into_values().cloned());
            self.salvaged.insert(
                QUARANTINE.name(),
                crate::subjects::quarantine::batch(&entries),
            );
        }
        Ok(())
    }

    /// Lets damaged system tables mean their readable rows, so that readers do not
    /// meet the damage.
    pub(crate) fn shield(&self, session: &Session) -> Result<(), Error> {
        let tables = session.tables();
        for table in system::all().filter(|table| self.tables.contains_key(&table.id())) {
            let none = table.empty();
            let left = self.salvaged.get(table.name()).unwrap_or(&none);
            tables.put_derived(table, left)?;
        }
        Ok(())
    }

    /// The same for the register of consent, where the caller does not mend it.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) fn shield_register(&self, session: &Session) -> Result<(), Error> {
        match self.register.as_ref().filter(|_| self.is_register_broken()) {
            Some(register) => Ok(session.tables().put_derived(&CONSENT_REGISTER, register)?),
            None => Ok(()),
        }
    }

    fn is_register_broken(&self) -> bool {
        let name = CONSENT_REGISTER.full_name();
        self.damages.iter().any(|damage| damage.object == name)
    }

    /// The refusal to go on without entries that are lost.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub(crate) fn refuse_lost_entries(&self) -> Result<(), Error> {
        if self.are_entries_unknown {
            return Err(Refusal::RegisterLost.into());
        }
        if self.lost_entries == 0 {
            return Ok(());
        }
        Err(Refusal::EntriesLost {
            entries: self.lost_entries,
        }
        .into())
    }

    /// Makes the register of consent whole from its copies, where it is not.
    ///
    /// # Errors
    /// [`Error::Lake`].
    pub(crate) async fn mend_register(&self, session: &Session) -> Result<(), Error> {
        let lake = &session.tables().lake;
        // Files of the caller's run go, should it publish nothing.
        let run = uuid::Uuid::new_v4().simple().to_string();
        if !self.is_register_broken() {
            return Ok(());
        }
        let id = CONSENT_REGISTER.id();
        for _ in 0..TRIES {
            // Somebody may have been entered meanwhile.
            let copies = Decisions::read(lake).await?;
            let found = lake.inspect(&id, None).await?;
            let (found, readable) = read_and_compare(session, found, true).await?;
            let damaged = Damaged {
                version: found.version.clone(),
                readable,
            };
            let read = rows_in(session, &CONSENT_REGISTER, &damaged).await?;
            let copied = copies.missing_from(&read)?;
            let rows = decisions::concat_rows(&CONSENT_REGISTER, &[read, copied.clone()])?;
            if found.faults.is_empty() && copied.num_rows() == 0 {
                return Ok(());
            }
            if found.version.is_none() {
                lake.remove_log(&id).await?;
            }
            let how = WriteMode::Rebuild;
            let Some(next) = system_rows::stage(&CONSENT_REGISTER, lake, &run, &rows, how).await?
            else {
                return Ok(());
            };
            match lake.publish_after(found.version.as_ref(), &next).await {
                Ok(_) => return Ok(()),
                Err(lake::Error::Conflict { .. }) => lake.discard(&next.files).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(lake::Error::Conflict { table: id }.into())
    }

    /// Writes copies of decisions that have none.
    ///
    /// # Errors
    /// [`Error::Lake`].
    pub(crate) async fn complete_copies(&self, session: &Session) -> Result<(), Error> {
        let none = CONSENT_REGISTER.empty();
        let register = self.register.as_ref().unwrap_or(&none);
        let quarantined = crate::subjects::quarantine::read(session).await?;
        let lake = &session.tables().lake;
        self.decisions.complete(lake, register, &quarantined).await
    }

    /// What tables' logs note of a run that publishes now.
    pub(crate) fn noted(&self) -> CommitNote {
        CommitNote {
            generation: self.generation + 1,
            register: self.remembered(),
        }
    }

    /// What the next run shall know of the register.
    pub(crate) fn remembered(&self) -> RegisterState {
        let known = self.register.as_ref().filter(|rows| rows.num_rows() > 0);
        known.map_or_else(RegisterState::default, |rows| {
            let mut content = Content::default();
            content.add(content::hashes(rows));
            RegisterState {
                count: rows.num_rows() as u64,
                end: positions(rows).max().map_or(0, |last| last + 1),
                content: content.to_text(),
            }
        })
    }
}

/// What was found of a table, and those of its files that hold what the log
/// counts. With `is_read`, all rows are read and compared with what was published.
async fn read_and_compare(
    session: &Session,
    mut found: Inspection,
    is_read: bool,
) -> Result<(Inspection, Vec<DataFile>), Error> {
    let Some(version) = &found.version else {
        return Ok((found, Vec::new()));
    };
    let lost = &found.damaged_files;
    let there = version
        .files
        .iter()
        .filter(|file| !lost.contains(&file.name));
    let mut readable: Vec<DataFile> = there.cloned().collect();
    if !is_read && found.faults.is_empty() {
        return Ok((found, readable));
    }
    let mut content = Content::default();
    let mut faults = Vec::new();
    let mut whole = Vec::new();
    for file in readable {
        let read = catch_panic(content_of(session, version, &file)).await;
        match read.unwrap_or_else(|| Ok(Err("cannot be read".to_owned())))? {
            Ok(of_file) => {
                content.merge(of_file);
                whole.push(file);
            }
            Err(fault) => faults.push(format!("file {} {fault}", file.name)),
        }
    }
    readable = whole;
    // What another program wrote says nothing of its rows; of a model's table it
    // is told otherwise, by what the last run remembers.
    if faults.is_empty() && found.faults.is_empty() {
        match &version.commit_info {
            Some(commit_info) if commit_info.content != content.to_text() => {
                faults.push("its rows are not those that were published".to_owned());
            }
            None if version.table.zone == system::ZONE => {
                faults.push("another program has written to it".to_owned());
            }
            _ => {}
        }
    }
    found.faults.extend(faults);
    Ok((found, readable))
}

/// How many tasks read files that may be garbled.
static DAMAGED_FILE_READERS: AtomicUsize = AtomicUsize::new(0);

/// Whether files that may be garbled are being read. The Parquet library may panic
/// on one; the panic is caught and reported as damage, so its message need not be
/// shown.
pub fn is_reading_damaged_files() -> bool {
    DAMAGED_FILE_READERS.load(Ordering::Relaxed) > 0
}

struct DamagedFileReader;

impl DamagedFileReader {
    fn begin() -> Self {
        DAMAGED_FILE_READERS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for DamagedFileReader {
    fn drop(&mut self) {
        DAMAGED_FILE_READERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `None` where the work panicked.
async fn catch_panic<T>(work: impl Future<Output = T>) -> Option<T> {
    let _reader = DamagedFileReader::begin();
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

/// The rows of a file; in words what is wrong with it.
async fn content_of(
    session: &Session,
    version: &Version,
    file: &DataFile,
) -> Result<Result<Content, String>, Error> {
    let layout = layout_of(version)?;
    let (mut content, mut rows) = (Content::default(), 0);
    let failed = |error| match Error::execution(&version.table.name, error) {
        error @ (Error::Query(query::Error::Store { .. }) | Error::Lake(_)) => Err(error),
        _ => Ok(Err("cannot be read".to_owned())),
    };
    let mut batches = match read(session, &layout, file, None, None).await {
        Ok(batches) => batches,
        Err(error) => return failed(error),
    };
    while let Some(batch) = batches.next().await {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return failed(error),
        };
        rows += batch.num_rows() as u64;
        content.add(content::hashes(&batch));
    }
    Ok(match rows == file.rows {
        true => Ok(content),
        false => Err(format!(
            "holds {rows} rows where the log says {}",
            file.rows
        )),
    })
}

/// All rows of a system table that can be read.
async fn rows_in(
    session: &Session,
    table: &Definition,
    damaged: &Damaged,
) -> Result<RecordBatch, Error> {
    let Some(version) = &damaged.version else {
        return Ok(table.empty());
    };
    // Its log may be another table's.
    let schema = table.schema();
    if version.schema.index_of(schema.field(0).name()).is_err() {
        return Ok(table.empty());
    }
    let layout = layout_of(version)?;
    let mut all = Vec::new();
    for file in &damaged.readable {
        let batches = async {
            read(session, &layout, file, None, None)
                .await?
                .try_collect()
                .await
        };
        let batches: Option<Result<Vec<RecordBatch>, _>> = catch_panic(batches).await;
        let Some(Ok(batches)) = batches else { continue };
        for batch in batches {
            let schema = table.schema();
            let columns =
                schema
                    .fields()
                    .iter()
                    .map(|field| match batch.column_by_name(field.name()) {
                        Some(column) => arrow::compute::cast(column, field.data_type()),
                        None => Ok(arrow::array::new_null_array(
                            field.data_type(),
                            batch.num_rows(),
                        )),
                    });
            let columns: Result<Vec<_>, _> = columns.collect();
            let rows = columns.and_then(|columns| RecordBatch::try_new(schema, columns));
            all.push(rows.map_err(|error| Error::execution(table.full_name(), error.into()))?);
        }
    }
    decisions::concat_rows(table, &all)
}
