//! `stedi history TABLE`: its versions.

use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use comfy_table::Cell;
use lake::Commit;
use serde::Serialize;

use super::runtime;
use crate::args::{Format, HistoryArgs};
use crate::failure::Ending;
use crate::output::{Sheet, grouped, put, put_json};
use crate::settings::Settings;

/// One version, as it is printed.
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
            run: commit.origin.as_ref().map(|origin| origin.run.clone()),
            rows: commit.origin.as_ref().map(|origin| origin.rows),
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
    match settings.format.value {
        Format::Json => put_json(&entries)?,
        Format::Ndjson => {
            for entry in &entries {
                put_json(entry)?;
            }
        }
        Format::Csv => {
            let mut text = format!("{}\n", headings.join(","));
            for e in &entries {
                text += &format!(
                    "{},{},{},{},{},{},{},{}\n",
                    e.version,
                    e.timestamp,
                    e.operation,
                    e.run.as_deref().unwrap_or_default(),
                    e.rows.map(|rows| rows.to_string()).unwrap_or_default(),
                    e.rows_added,
                    e.files_added,
                    e.files_removed
                );
            }
            put(&text)?;
        }
        Format::Table => {
            let mut sheet = Sheet::new(settings, &headings, &[0, 4, 5, 6, 7]);
            for entry in &entries {
                let run = entry.run.as_deref().unwrap_or("-");
                sheet.row(vec![
                    Cell::new(entry.version),
                    Cell::new(&entry.timestamp),
                    Cell::new(&entry.operation),
                    Cell::new(&run[..run.len().min(8)]),
                    Cell::new(entry.rows.map_or_else(|| "-".to_owned(), grouped)),
                    Cell::new(grouped(entry.rows_added)),
                    Cell::new(grouped(entry.files_added)),
                    Cell::new(grouped(entry.files_removed)),
                ]);
            }
            put(&sheet.text())?;
        }
    }
    Ok(Ending::Done)
}
