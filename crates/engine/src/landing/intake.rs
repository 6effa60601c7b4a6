//! The account of what was read from landing files.

use std::collections::BTreeMap;

use landing::{Rejected, Tally};
use parking_lot::Mutex;

/// Everything read from landing files during one run or query, by table.
#[derive(Debug, Default)]
pub struct Intake {
    tables: Mutex<BTreeMap<String, TableIntake>>,
}

/// What was read of one landing table.
#[derive(Debug, Clone, Default)]
pub struct TableIntake {
    /// Files read to their end.
    pub files: Vec<FileIntake>,
    /// Rows, objects and bytes.
    pub tally: Tally,
    /// What could not be read.
    pub rejections: Vec<Rejection>,
}

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

/// A stretch of a file that is no row.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Path below the table's folder.
    pub file: String,
    /// As a person names the file.
    pub shown: String,
    /// Where, how long and why; its line counts from 1 in the file.
    pub rejected: Rejected,
}

impl TableIntake {
    /// Rows that the table has, whether they were asked for or not.
    pub fn rows(&self) -> u64 {
        self.tally.rows + self.tally.filtered
    }
}

impl Intake {
    /// Takes in what was read of a stretch of a file.
    pub(crate) fn add(&self, table: &str, tally: &Tally, rejections: Vec<Rejection>) {
        let mut tables = self.tables.lock();
        let intake = tables.entry(table.to_owned()).or_default();
        intake.tally.add(tally);
        intake.rejections.extend(rejections);
    }

    /// Notes that a file was read to its end.
    pub(crate) fn file_done(&self, table: &str, file: FileIntake) {
        let mut tables = self.tables.lock();
        tables.entry(table.to_owned()).or_default().files.push(file);
    }

    /// What was read, by table.
    pub fn tables(&self) -> BTreeMap<String, TableIntake> {
        self.tables.lock().clone()
    }
}
