//! The input of a run, found before a row is read: landing files, the key of
//! pseudonyms, and whether models ask whose a device is.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use catalog::{Model, Roles};
use query::landing::{LandingTable, Source, SourceFile};
use query::{LandingFault, Session, Setup, system};

use super::options::{MissingTables, ReadableFiles, RunOptions};
use crate::contract::planning::Planned;
use crate::contract::subject_columns::{self, SubjectKind};
use crate::error::{Error, Refusal, SettingsFault};
use crate::subjects::landing_files;

/// Refuses a lake and a landing folder that overlap: a run would read what it wrote.
pub(super) fn refuse_overlap(setup: &Setup) -> Result<(), Error> {
    if !setup.landing.overlaps(&setup.lake) {
        return Ok(());
    }
    Err(Error::Settings(SettingsFault::Overlap {
        lake: setup.lake.to_string(),
        landing: setup.landing.to_string(),
    }))
}

/// Lists the files of every landing table that will be read, so that a missing
/// one is said before anything begins. A file that no run has read yet is left out
/// unless the options call it readable.
///
/// A table without a file is one without rows, if no run has read any of it, and if its
/// folder is there or the options say so. That nothing at all is there is an error.
pub(super) async fn sources(
    session: &Session,
    planned: &[Planned],
    options: &RunOptions,
) -> Result<HashMap<String, Arc<Source>>, Error> {
    let mut needed: BTreeSet<&str> = planned
        .iter()
        .flat_map(|planned| planned.landing.keys().map(String::as_str))
        .collect();
    let roles = session.tables().project.roles();
    needed.extend(roles.person_records().map(|records| records.table.as_ref()));
    if reads_owners(planned) {
        needed.extend(readings(roles));
    }
    let mut sources = HashMap::new();
    for table in session.tables().project.landing() {
        if needed.contains(table.name.as_ref()) {
            let source = list(session, table, options.missing).await?;
            let is_of_records = roles.person_records();
            let is_of_records = is_of_records.is_some_and(|records| records.table == table.name);
            // It may hold a withdrawal.
            if let Some(fault) = source.fault().filter(|_| is_of_records) {
                return Err(fault.into());
            }
            sources.insert(table.name.to_string(), Arc::new(source));
        }
    }
    leave_out(session, &mut sources, &options.readable).await?;
    refuse_gone(session, &sources).await?;
    for source in planned.iter().flat_map(|planned| planned.landing.keys()) {
        if let Some(source) = sources.get(source) {
            must_name_people(session, &sources, source).await?;
        }
    }
    restore(session, &sources);
    Ok(sources)
}

async fn list(
    session: &Session,
    table: &catalog::LandingTable,
    missing: MissingTables,
) -> Result<Source, Error> {
    let provider = session.tables().landing_table(table);
    match provider.list().await {
        Err(query::Error::Landing(LandingFault::NoFile { .. }))
            if missing == MissingTables::Empty =>
        {
            Ok(provider.without_files()?)
        }
        listed => Ok(listed?),
    }
}

/// Leaves files out that are not `readable`, unless a run has read them already: what
/// became of those is for the run to find out.
async fn leave_out(
    session: &Session,
    sources: &mut HashMap<String, Arc<Source>>,
    readable: &ReadableFiles,
) -> Result<(), Error> {
    let is_left_out = |source: &Source, file: &SourceFile| !readable.contains(&source.table, file);
    let mut all = sources.values();
    // Almost always all are readable, and nothing need be looked up.
    if !all.any(|source| source.files.iter().any(|file| is_left_out(source, file))) {
        return Ok(());
    }
    let known = landing_files::names(session).await?;
    for source in sources.values_mut() {
        let known = known.get(&source.table);
        let is_kept = |file: &SourceFile| {
            known.is_some_and(|known| known.contains(&file.name)) || !is_left_out(source, file)
        };
        let files = source.files.iter().filter(|file| is_kept(file)).cloned();
        let files: Vec<SourceFile> = files.collect();
        *source = Arc::new(Source {
            files,
            ..Source::clone(source)
        });
    }
    Ok(())
}

/// Refuses a table without a file of which runs have read some: its place may be out of
/// reach for a while. Likewise where no table has a file.
async fn refuse_gone(
    session: &Session,
    sources: &HashMap<String, Arc<Source>>,
) -> Result<(), Error> {
    let is_empty = |source: &Source| source.files.is_empty();
    if !sources.values().any(|source| is_empty(source)) {
        return Ok(());
    }
    let known = landing_files::names(session).await?;
    let is_nothing_there = sources.values().all(|source| is_empty(source));
    for table in session.tables().project.landing() {
        let Some(source) = sources.get(table.name.as_ref()) else {
            continue;
        };
        let known = known.get(&source.table).into_iter().flatten();
        let is_gone = known
            .into_iter()
            .any(|name| source.unreadable_at(name).is_none());
        if is_empty(source) && (is_gone || is_nothing_there) {
            return Err(source.no_file(table).into());
        }
    }
    Ok(())
}

/// The tables that owners of devices are derived from, beside person records.
pub(super) fn readings(roles: &Roles) -> impl Iterator<Item = &str> {
    let readings = roles
        .device_readings()
        .iter()
        .chain(roles.person_readings());
    readings.map(|readings| readings.table.as_ref())
}

/// A table over the files of one that holds people's rows, however its location
/// is written, has the column that says whose they are: the gate then asks every
/// model for it.
async fn must_name_people(
    session: &Session,
    sources: &HashMap<String, Arc<Source>>,
    source: &Source,
) -> Result<(), Error> {
    let project = &session.tables().project;
    let tables = project.landing();
    let own = tables.iter().find(|t| t.name.as_ref() == source.table);
    let Some(own) = own else {
        return Ok(());
    };
    let party = landing_files::party(project, &source.table);
    for table in tables {
        let Some(other) = landing_files::party(project, table.name.as_ref()) else {
            continue;
        };
        let (column, _) = other;
        // By the same column, or without a role of its own that would count in its place.
        let names_them = match party {
            Some(party) => party == other,
            None => own.column(column).is_some(),
        };
        if names_them {
            continue;
        }
        let known = match sources.get(table.name.as_ref()) {
            Some(known) => Some(Arc::clone(known)),
            // One that is not there shares no files.
            None => {
                let listed = session.tables().landing_table(table).list().await;
                listed.ok().map(Arc::new)
            }
        };
        if known.is_some_and(|known| share_files(source, &known)) {
            return Err(Error::Refused(Refusal::NobodyNamed {
                table: own.name.to_string(),
                other: table.name.to_string(),
                column: column.to_string(),
            }));
        }
    }
    Ok(())
}

/// Whether two tables are read from the same files, links followed.
fn share_files(one: &Source, other: &Source) -> bool {
    if one.location.overlaps(&other.location) {
        return true;
    }
    let files = |source: &Source| -> BTreeSet<(u64, u64)> {
        let paths = source.files.iter();
        let paths = paths.filter_map(|file| source.location.file(&file.path));
        let metas = paths.filter_map(|path| std::fs::metadata(path).ok());
        metas.map(|meta| (meta.dev(), meta.ino())).collect()
    };
    !files(one).is_disjoint(&files(other))
}

/// Whether the run must derive owners of devices: a model reads them, or has rows of
/// devices.
pub(super) fn reads_owners(planned: &[Planned]) -> bool {
    ask_for_owners(planned.iter().map(|planned| &planned.model))
}

/// As [`reads_owners`], of models that are not planned.
pub(super) fn ask_for_owners<'a>(mut models: impl Iterator<Item = &'a Model>) -> bool {
    let table = owners_table();
    let claims = system::DEVICE_CLAIM.full_name();
    models.any(|model| {
        let by_device = subject_columns::columns(model).any(|(by, _)| by == SubjectKind::Device);
        let reads = |table: &str| model.reads().iter().any(|read| read.table == table);
        by_device || reads(&table) || reads(&claims)
    })
}

/// What models call the table of owners.
pub(super) fn owners_table() -> String {
    system::DEVICE_OWNER.full_name()
}

/// Lets landing tables mean all rows of the listed files.
pub(super) fn restore(session: &Session, sources: &HashMap<String, Arc<Source>>) {
    for table in sources.keys() {
        restore_one(session, sources, table);
    }
}

/// As [`restore`], of one table.
pub(super) fn restore_one(session: &Session, sources: &HashMap<String, Arc<Source>>, table: &str) {
    if let Some(provider) = listed(session, sources, table) {
        session.tables().put(table, Arc::new(provider));
    }
}

/// A landing table that means the files that were listed.
pub(super) fn listed(
    session: &Session,
    sources: &HashMap<String, Arc<Source>>,
    table: &str,
) -> Option<LandingTable> {
    let tables = session.tables();
    let mut landing = tables.project.landing().iter();
    let definition = landing.find(|known| known.name.as_ref() == table)?;
    let source = Arc::clone(sources.get(table)?);
    let provider = tables.landing_table(definition).with_source(source);
    Some(match landing_files::party(&tables.project, table) {
        Some((column, of_people)) => provider.noting(column, of_people),
        None => provider,
    })
}

/// Refuses a missing key before a row is read.
pub(super) async fn provide_key(session: &Session, planned: &[Planned]) -> Result<(), Error> {
    for planned in planned {
        session.provide_key_for(&planned.model.sql).await?;
    }
    Ok(())
}
