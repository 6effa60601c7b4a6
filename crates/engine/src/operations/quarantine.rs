//! `stedi quarantine`: lists entries, shows one, and marks entries as dropped.

use futures::StreamExt;
use lake::AsOf;
use query::landing::{QuarantineEntry, QuarantineSink};
use query::{Query, Session, Setup, system};

use crate::error::{Error, SettingsFault};
use crate::lock::LockedLake;
use crate::subjects::decisions;
use crate::subjects::quarantine::{ALL, LISTED, each_entry, entries_of, read};
use crate::subjects::quarantine_writer::QuarantineWriter;

/// All entries, in order of table, file and place, without their bytes.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub async fn quarantine(setup: &Setup) -> Result<Vec<QuarantineEntry>, Error> {
    read(&Session::open(setup)?).await
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

/// Marks entries as dropped, which nobody will mend; with `ids` empty, all open ones.
/// Gives the marked entries without their bytes.
///
/// # Errors
/// [`Error::Settings`] for an id that names no entry; nothing is changed then.
pub async fn drop_from_quarantine(
    setup: &Setup,
    ids: &[String],
) -> Result<Vec<QuarantineEntry>, Error> {
    let locked = LockedLake::acquire(setup, "quarantine drop").await?;
    let dropped = drop_entries(setup, &locked, ids).await;
    locked.unlock().await;
    dropped
}

async fn drop_entries(
    setup: &Setup,
    locked: &LockedLake,
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
    let published = locked.lake.version(&table, AsOf::Latest).await?;
    let writing = QuarantineWriter::begin(&locked.lake, &locked.run)?;
    let mut dropped = Vec::new();
    let mut batches = session.query(ALL).await?.stream()?;
    while let Some(batch) = batches.next().await {
        let mut entries = entries_of(&batch.map_err(Query::failed)?);
        for entry in entries.iter_mut().filter(|e| e.is_open() && named(e)) {
            entry.mark_dropped();
            dropped.push(QuarantineEntry {
                raw: None,
                ..entry.clone()
            });
        }
        writing.put(entries).await?;
    }
    if let Some(next) = writing.replace(published.as_ref()).await? {
        locked.lake.publish(next).await?;
    }
    // Should it not come to that, the next run writes the copy.
    if let Err(error) = decisions::write_dropped(&locked.lake, &dropped).await {
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
        _ => Err(Error::Settings(SettingsFault::AmbiguousEntry {
            id: id.to_owned(),
        })),
    }
}

fn no_such_entry(id: &str) -> Error {
    Error::Settings(SettingsFault::NoEntry {
        id: privacy::redact(id),
    })
}
