//! What one statement may take, and what is said of one that takes more.

use std::time::Duration;

use crate::fault::{Fault, Kind};

/// What one statement may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From its submission to its last row.
    pub time: Duration,
    /// Bytes that its sorts, joins and aggregations may use.
    pub memory_bytes: usize,
    /// Rows of its result.
    pub rows: u64,
    /// Statements that are computed at once.
    pub running: usize,
    /// Statements that wait for their turn; more are turned away.
    pub waiting: usize,
}

pub(super) fn out_of_time(time: Duration) -> Fault {
    let seconds = time.as_secs();
    Fault::new(Kind::Limit, format!("it took longer than {seconds} s"))
        .with_hint("ask for less at once")
}

pub(super) fn too_many_rows(rows_max: u64) -> Fault {
    Fault::new(Kind::Limit, format!("there are more than {rows_max} rows"))
        .with_hint("narrow the statement, or take a whole table with `stedi export`")
}
