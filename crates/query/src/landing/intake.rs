//! The account of what was read from landing files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use catalog::{Roles, TableName};
use landing::{Raw, Rejected, Tally};
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use super::named_people::{Named, may_be_about_anybody};
use super::quarantine_entry::{QuarantineEntry, QuarantineSink};
use super::source::SourceFile;
use crate::Error;

/// Everything read from landing files during one run or query, by table. Each
/// file counts once, however often it is read.
#[derive(Debug, Default)]
pub struct Intake {
    /// The table of person records, and its column that names the person.
    records: Option<(TableName, String)>,
    tables: Mutex<BTreeMap<String, TableIntake>>,
    booked: Mutex<HashMap<u64, Booked>>,
    /// Quarantine entries that somebody dropped: decided, and told no more.
    dropped: Mutex<Arc<HashSet<String>>>,
    /// Where entries are written, in a run.
    writing: Mutex<Option<Arc<dyn QuarantineSink>>>,
}

/// What was read of one landing table.
#[derive(Debug, Clone, Default)]
pub struct TableIntake {
    /// Files read to their end.
    pub files: Vec<FileIntake>,
    /// Rows, objects and bytes.
    pub tally: Tally,
    /// Places that could not be read, but for those that somebody dropped.
    pub places: u64,
    /// Where some of them are, in order, without their bytes.
    pub examples: Vec<Example>,
    /// People named in them, in the table of customer records.
    pub named: Arc<Named>,
    /// Files of customer records of which nobody can tell whom they name.
    pub undecodable: BTreeSet<String>,
}

/// A place that could not be read.
#[derive(Debug, Clone)]
pub struct Example {
    /// Names its entry in the quarantine.
    pub id: String,
    /// As a person names the file.
    pub shown: String,
    /// Where and why; its line counts from 1 in the file.
    pub rejected: Rejected,
}

/// How many of a table's places are kept as examples.
const EXAMPLES_MAX: usize = 1000;

/// What was read of one file.
#[derive(Debug, Clone)]
pub struct FileIntake {
    /// Path below the table's folder.
    pub name: String,
    /// As it lies.
    pub bytes: u64,
    /// Tells the file from another one of its name and size.
    pub tag: String,
    /// Rows, objects and bytes.
    pub tally: Tally,
    /// Whose rows it holds, as hashes in order; `None` where nobody asked.
    pub who: Option<Vec<u64>>,
}

/// How much of a file is in the account.
#[derive(Debug, Default)]
struct Booked {
    /// Bytes, as unpacked.
    bytes: u64,
    /// Quarantine entries.
    entries: u64,
    /// What is only known at the end of the file.
    is_done: bool,
    /// Any of it is open, and names somebody.
    is_open: bool,
    names: bool,
}

/// A file's part of the account.
fn key(table: &str, file: &str) -> u64 {
    xxh3_64(format!("{table}/{file}").as_bytes())
}

impl TableIntake {
    /// Rows that the table has, whether they were asked for or not.
    pub fn rows(&self) -> u64 {
        self.tally.rows + self.tally.filtered
    }

    /// Without what somebody dropped, where that was not known before.
    pub fn leave_out(&mut self, dropped: &HashSet<String>) {
        let is_dropped = |example: &Example| dropped.contains(&example.id);
        let decided = self.examples.iter().filter(|e| is_dropped(e));
        self.places -= decided.map(|e| e.rejected.places).sum::<u64>();
        self.examples.retain(|example| !is_dropped(example));
    }
}

impl Intake {
    /// An empty account for a project with these roles.
    pub fn new(roles: &Roles) -> Self {
        let records = roles.person_records();
        Self {
            records: records.map(|records| (records.table.clone(), records.subject.clone())),
            ..Self::default()
        }
    }

    /// The column that names the person, in a table of person records.
    fn subject_of(&self, table: &str) -> Option<&str> {
        let (records, subject) = self.records.as_ref()?;
        (*records == *table).then_some(subject)
    }

    /// For a run, which knows what was dropped and keeps what it cannot read.
    pub fn begin(&self, dropped: Arc<HashSet<String>>, writing: Option<Arc<dyn QuarantineSink>>) {
        *self.dropped.lock() = dropped;
        *self.writing.lock() = writing;
    }

    /// Takes in what was read of a stretch of a file that ends at `end`; `at_end`
    /// is what becomes known with the file's last byte. Tells whether it was new.
    pub fn add(&self, table: &str, file: &str, tally: &Tally, end: u64, at_end: bool) -> bool {
        let mut booked = self.booked.lock();
        let booked = booked.entry(key(table, file)).or_default();
        let is_new = match at_end {
            true => !std::mem::replace(&mut booked.is_done, true),
            false => booked.bytes < end,
        };
        if is_new {
            booked.bytes = end;
            let mut tables = self.tables.lock();
            tables.entry(table.to_owned()).or_default().tally.add(tally);
        }
        is_new
    }

    /// Takes in what could not be read of a file, in order: its entries from
    /// number `first` on.
    pub async fn reject(
        &self,
        table: &str,
        file: &SourceFile,
        first: u64,
        rejected: Vec<Rejected>,
    ) -> Result<(), Error> {
        let dropped = Arc::clone(&self.dropped.lock());
        let subject = self.subject_of(table);
        let mut entries = Vec::new();
        {
            let mut booked = self.booked.lock();
            let booked = booked.entry(key(table, &file.name)).or_default();
            let mut tables = self.tables.lock();
            let intake = tables.entry(table.to_owned()).or_default();
            let known = booked.entries.saturating_sub(first) as usize;
            booked.entries = booked.entries.max(first + rejected.len() as u64);
            for rejected in rejected.into_iter().skip(known) {
                let mut entry = QuarantineEntry::of(table, &file.name, &rejected);
                if dropped.contains(&entry.id) {
                    entry.mark_dropped();
                } else {
                    intake.note(subject, file, &entry, rejected, booked);
                }
                entries.push(entry);
            }
        }
        let writing = self.writing.lock().clone();
        match writing {
            Some(writing) => Ok(writing.put(entries).await?),
            None => Ok(()),
        }
    }

    /// Notes that a file was read to its end.
    pub fn file_done(&self, table: &str, file: FileIntake, shown: &str) {
        let booked = self.booked.lock();
        let mut tables = self.tables.lock();
        let intake = tables.entry(table.to_owned()).or_default();
        if self.subject_of(table).is_some()
            && file.tally.rows + file.tally.filtered == 0
            && let Some(booked) = booked.get(&key(table, &file.name))
            && booked.is_open
            && !booked.names
        {
            intake.undecodable.insert(shown.to_owned());
        }
        intake.files.push(file);
    }

    /// Bytes read of a table so far, as unpacked.
    pub fn bytes_of(&self, table: &str) -> u64 {
        let tables = self.tables.lock();
        tables.get(table).map_or(0, |read| read.tally.bytes())
    }

    /// What was read, by table.
    pub fn tables(&self) -> BTreeMap<String, TableIntake> {
        self.tables.lock().clone()
    }
}

impl TableIntake {
    fn note(
        &mut self,
        subject: Option<&str>,
        file: &SourceFile,
        entry: &QuarantineEntry,
        mut rejected: Rejected,
        booked: &mut Booked,
    ) {
        self.places += rejected.places;
        booked.is_open |= !entry.is_misfit();
        if let Some(subject) = subject {
            booked.names |= Arc::make_mut(&mut self.named).take_in(entry, subject);
            if may_be_about_anybody(entry, subject) {
                self.undecodable.insert(file.shown.clone());
            }
        }
        if self.examples.len() < EXAMPLES_MAX {
            rejected.raw = Raw::Bytes(Vec::new());
            self.examples.push(Example {
                id: entry.id.clone(),
                shown: file.shown.clone(),
                rejected,
            });
        }
    }
}
