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
    pub files: u64,
    /// Rows, objects and bytes.
    pub tally: Tally,
    /// What could not be read.
    pub rejections: Vec<Rejection>,
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
    pub(crate) fn file_done(&self, table: &str) {
        self.tables
            .lock()
            .entry(table.to_owned())
            .or_default()
            .files += 1;
    }

    /// What was read, by table.
    pub fn tables(&self) -> BTreeMap<String, TableIntake> {
        self.tables.lock().clone()
    }
}
