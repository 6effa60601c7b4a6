//! `stedi history TABLE`: lists its versions.

use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use lake::Commit;
use serde::Serialize;

use crate::args::HistoryArgs;
use crate::failure::Ending;
use crate::output::{Field, put_list};
use crate::runtime::runtime;
use crate::settings::Settings;

/// One version as printed.
#[derive(Serialize)]
struct Entry {
    version: i64,
    timestamp: String,
    operation: String,
    run: Option<String>,
    rows: Option<u64>,
    rows_added: u64,
    files_added: u64,
    files_removed: u64,
}

impl From<Commit> for Entry {
    fn from(commit: Commit) -> Self {
        let instant = DateTime::from_timestamp_millis(commit.timestamp).unwrap_or_default();
        Self {
            version: commit.version,
            timestamp: instant.to_rfc3339_opts(SecondsFormat::Millis, true),
            operation: commit.operation,
            run: commit.commit_info.as_ref().map(|info| info.run.clone()),
            rows: commit.commit_info.as_ref().map(|info| info.rows),
            rows_added: commit.rows_added,
            files_added: commit.files_added,
            files_removed: commit.files_removed,
        }
    }
}

pub(crate) fn history(settings: &Settings, args: &HistoryArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let commits = runtime()?.block_on(engine::history(&setup, &args.table))?;
    let entries: Vec<Entry> = commits.into_iter().map(Entry::from).collect();
    let headings = [
        "version",
        "timestamp",
        "operation",
        "run",
        "rows",
        "rows_added",
        "files_added",
        "files_removed",
    ];
    put_list(settings, &headings, &entries, |entry| {
        vec![
            Field::Number(Some(entry.version)),
            Field::text(Some(&entry.timestamp)),
            Field::text(Some(&entry.operation)),
            Field::text(entry.run.as_deref()),
            Field::count(entry.rows),
            Field::count(entry.rows_added),
            Field::count(entry.files_added),
            Field::count(entry.files_removed),
        ]
    })?;
    Ok(Ending::Done)
}
