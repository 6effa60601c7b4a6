//! What a run reads and builds, found before it begins.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use catalog::Model;

use super::RunOptions;
use crate::gate::By;
use crate::landing::{LandingTable, Source};
use crate::models::Planned;
use crate::{Error, Session, Setup, consent, devices, gate, landing_files, system};

/// Landing and lake must not lie in each other: a run would read what it wrote.
pub(super) fn apart(setup: &Setup) -> Result<(), Error> {
    if !setup.landing.overlaps(&setup.lake) {
        return Ok(());
    }
    Err(Error::Settings {
        message: format!(
            "the lake ({}) and the landing folder ({}) lie in each other or are the same",
            setup.lake, setup.landing
        ),
        hint: "give the lake a folder of its own with --lake".to_owned(),
    })
}

pub(super) fn selected<'a>(
    setup: &'a Setup,
    options: &RunOptions,
) -> Result<Vec<&'a Model>, Error> {
    let project = &setup.project;
    if options.select.is_empty() {
        return Ok(project.models().iter().collect());
    }
    let mut names = Vec::new();
    for name in &options.select {
        match project.find(name.as_ref()) {
            Some(catalog::Table::Model(model)) => names.push(model.name.clone()),
            Some(catalog::Table::Landing(_)) => {
                return Err(Error::Settings {
                    message: format!(
                        "{name} is a landing table, which a run reads and does not build"
                    ),
                    hint: "select a trusted or curated table".to_owned(),
                });
            }
            None => {
                let near = catalog::nearest(name.as_ref(), project.names());
                return Err(Error::Settings {
                    message: format!("there is no table `{name}` to select"),
                    hint: near.map_or_else(
                        || "`stedi tables` lists what there is".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    ),
                });
            }
        }
    }
    Ok(project.needed_for(&names))
}

/// Lists the files of every landing table that will be read, so that a missing
/// one is said before anything begins.
pub(super) async fn sources(
    session: &Session,
    planned: &[Planned],
) -> Result<HashMap<String, Arc<Source>>, Error> {
    let mut needed: BTreeSet<&str> = planned
        .iter()
        .flat_map(|planned| planned.landing.keys().map(String::as_str))
        .collect();
    needed.extend(consent::records(session).map(|table| table.name.as_ref()));
    if reads_owners(planned) {
        needed.extend([devices::DEVICES.0, devices::PHONES.0]);
    }
    let mut sources = HashMap::new();
    for table in session.tables().project.landing() {
        if needed.contains(table.name.as_ref()) {
            let provider = session.tables().landing_table(table);
            sources.insert(table.name.to_string(), Arc::new(provider.list().await?));
        }
    }
    restore(session, &sources);
    Ok(sources)
}

/// Whether any model asks whose a device is, or must be asked.
pub(super) fn reads_owners(planned: &[Planned]) -> bool {
    let table = owners_table();
    let claims = system::DEVICE_CLAIM.full_name();
    let mut models = planned.iter().map(|planned| &planned.model);
    models.any(|model| {
        let by_device = matches!(gate::column(model), Some((By::Device, _)));
        let reads = |table: &str| model.reads().iter().any(|read| read.table == table);
        by_device || reads(&table) || reads(&claims)
    })
}

/// What models call the table of owners.
pub(super) fn owners_table() -> String {
    system::DEVICE_OWNER.full_name()
}

/// Lets landing tables mean the files that were listed, and all their rows.
pub(super) fn restore(session: &Session, sources: &HashMap<String, Arc<Source>>) {
    for table in sources.keys() {
        restore_one(session, sources, table);
    }
}

/// Likewise one of them.
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
    Some(match landing_files::whose(table) {
        Some((column, of_people)) => provider.noting(column, of_people),
        None => provider,
    })
}
