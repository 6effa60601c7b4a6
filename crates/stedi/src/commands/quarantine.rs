//! `stedi quarantine`: manages landing input that could not be read.

use std::io::Write;

use anyhow::Result;
use engine::{QuarantineEntry, RunOptions, drop_from_quarantine};

use super::run;
use super::run_report::show_report;
use crate::args::QuarantineCommand;
use crate::failure::{Ending, Failure};
use crate::output::{Field, Out, grouped, put_list, say};
use crate::runtime::runtime;
use crate::settings::Settings;

pub(crate) fn quarantine(settings: &Settings, command: &QuarantineCommand) -> Result<Ending> {
    match command {
        QuarantineCommand::List { all } => list(settings, *all),
        QuarantineCommand::Show { id } => show(settings, id),
        QuarantineCommand::Retry => retry(settings),
        QuarantineCommand::Drop { ids, .. } => drop_entries(settings, ids),
    }
}

fn entries(settings: &Settings) -> Result<Vec<QuarantineEntry>> {
    let setup = settings.setup()?;
    Ok(runtime()?.block_on(engine::quarantine(&setup))?)
}

fn list(settings: &Settings, all: bool) -> Result<Ending> {
    let mut entries = entries(settings)?;
    entries.retain(|entry| all || entry.is_open());
    let headings = [
        "id", "table", "file", "line", "offset", "length", "places", "reason", "state", "detail",
    ];
    put_list(settings, &headings, &entries, |entry| {
        vec![
            Field::text(Some(&entry.id)),
            Field::text(Some(&entry.table)),
            Field::text(Some(&entry.file)),
            Field::Number(Some(entry.line)),
            Field::Number(Some(entry.offset)),
            Field::Number(Some(entry.length)),
            Field::Number(Some(entry.places)),
            Field::text(Some(&entry.reason)),
            Field::text(Some(&entry.state)),
            Field::text(Some(&entry.detail)),
        ]
    })?;
    Ok(Ending::Done)
}

fn show(settings: &Settings, id: &str) -> Result<Ending> {
    let setup = settings.setup()?;
    let entry = runtime()?.block_on(engine::quarantine_entry(&setup, id))?;
    if entry.places > 1 {
        return Err(Failure::failed(
            format!(
                "the entry stands for {} places, whose bytes were too many to keep: {}",
                grouped(entry.places.unsigned_abs()),
                entry.detail
            ),
            format!("read {} from byte {}", entry.file, entry.offset),
        ));
    }
    let Some(raw) = &entry.raw else {
        let hash = entry.hash.as_deref().unwrap_or_default();
        return Err(Failure::failed(
            format!(
                "the entry has {} bytes, too many to keep; their SHA-256 is {hash}",
                grouped(entry.length.unsigned_abs())
            ),
            format!("read {} from byte {}", entry.file, entry.offset),
        ));
    };
    let mut out = Out::stdout();
    out.write_all(raw)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(Ending::Done)
}

fn retry(settings: &Settings) -> Result<Ending> {
    let setup = settings.setup()?;
    let before = entries(settings)?
        .iter()
        .filter(|entry| entry.is_open())
        .count();
    let options = RunOptions {
        undecodable: run::undecodable(settings, None),
        ..RunOptions::default()
    };
    let report = run::execute(settings, &setup, &options)?;
    let ending = show_report(settings, &setup.project, &report)?;
    let after = entries(settings)?
        .iter()
        .filter(|entry| entry.is_open())
        .count();
    say(
        settings,
        &format!(
            "{} entries before, {} now",
            grouped(before as u64),
            grouped(after as u64)
        ),
    );
    Ok(ending)
}

fn drop_entries(settings: &Settings, ids: &[String]) -> Result<Ending> {
    let setup = settings.setup()?;
    let dropped = runtime()?.block_on(drop_from_quarantine(&setup, ids))?;
    say(
        settings,
        &format!("dropped {} entries", grouped(dropped.len() as u64)),
    );
    Ok(Ending::Done)
}
