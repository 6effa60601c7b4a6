//! What a reader should know before the figures. Each remark is something to be looked
//! at. They name no landing file: file names may hold personal values.

use std::collections::HashMap;

use catalog::Project;
use evidence::{Consent, Quarantined};
use lake::{Lake, Release};
use query::Session;
use query::landing::{Likeness, Source};

use super::account::Accounts;
use crate::contract::report::Report;
use crate::error::Error;
use crate::run::RunState;
use crate::subjects::landing_files::{self, KnownFile};

/// What the verification could not compute, and how landing differs from what the last
/// run read.
pub(super) fn of_verification(
    verified: &Report,
    accounts: &Accounts,
    quarantine: &[Quarantined],
) -> Vec<String> {
    let mut remarks = Vec::new();
    for what in &verified.unchecked {
        remarks.push(format!("landing files cannot be read now: {what}"));
    }
    let landing = verified.tables.iter();
    for table in landing.filter(|table| table.zone == "landing") {
        let name = &table.table;
        match (table.rows, accounts.landing_rows(name)) {
            (Some(now), Some(then)) if now != then => remarks.push(format!(
                "{name} has {now} rows now, and had {then} when the last run read it"
            )),
            (Some(now), None) if now > 0 => {
                remarks.push(format!("{name} has {now} rows now, and no run has read it"))
            }
            _ => {}
        }
    }
    let open = quarantine.iter().filter(|entry| !entry.is_dropped);
    let open = open.map(|entry| entry.places).sum::<u64>();
    match verified.quarantined.max(open) {
        0 => {}
        1 => remarks.push("landing input cannot be read in 1 place and was left out there".into()),
        places => remarks.push(format!(
            "landing input cannot be read in {places} places and was left out there"
        )),
    }
    remarks
}

/// Landing tables whose files are not those that the last run read.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(super) async fn of_landing(session: &Session) -> Result<Vec<String>, Error> {
    let mut known: HashMap<String, HashMap<String, KnownFile>> = HashMap::new();
    for file in landing_files::known(session).await? {
        let of_table = known.entry(file.table.clone()).or_default();
        of_table.insert(file.name.clone(), file);
    }
    let mut remarks = Vec::new();
    let tables = session.tables();
    for definition in tables.project.landing() {
        let name = definition.name.as_ref();
        let Some(read) = known.get(name) else {
            continue;
        };
        let source = match tables.landing_table(definition).list().await {
            Ok(source) => source,
            // What cannot be computed without them is a remark of its own.
            Err(query::Error::Landing(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let differing = differing(&source, read).await;
        if differing > 0 {
            remarks.push(format!(
                "landing files of {name} are not those that the last run read: {differing} came, changed or went"
            ));
        }
    }
    Ok(remarks)
}

/// How many files came, changed or went.
async fn differing(source: &Source, read: &HashMap<String, KnownFile>) -> usize {
    let (mut same, mut others) = (0, 0);
    for file in &source.files {
        let is_same = match read.get(&file.name).map(|known| known.compare(file)) {
            Some(Likeness::Same) => true,
            Some(Likeness::IfContentIs(hash)) => source.content_of(file).await == Ok(hash),
            Some(Likeness::Other) | None => false,
        };
        match is_same {
            true => same += 1,
            false => others += usize::from(!read.contains_key(&file.name)),
        }
    }
    // A file that changed is among those that were read.
    others + read.len().saturating_sub(same)
}

/// People of whom it is not known what they agreed to.
pub(super) fn of_people(consent: &Consent, undecodable_now: usize) -> Vec<String> {
    let mut remarks = Vec::new();
    if consent.suspended > 0 {
        remarks.push(format!(
            "no consent counts for people who are named in records that cannot be read: {}",
            consent.suspended
        ));
    }
    let undecodable = consent.undecodable.max(undecodable_now as u64);
    if undecodable > 0 {
        remarks.push(format!(
            "files of records that nobody can be told from, which may be withdrawals of unknown people: {undecodable}"
        ));
    }
    remarks
}

/// Tables that nobody builds any more, and a release without notes.
///
/// # Errors
/// [`Error::Lake`].
pub(super) async fn of_lake(
    lake: &Lake,
    project: &Project,
    last_run: Option<&RunState>,
) -> Result<Vec<String>, Error> {
    let mut remarks = Vec::new();
    let removed = crate::removed_tables::removed(project, lake).await?;
    let names: Vec<String> = removed.iter().map(ToString::to_string).collect();
    if !names.is_empty() {
        remarks.push(format!(
            "in the lake, and no longer in the project, so that no run removes people from them: {}",
            names.join(", ")
        ));
    }
    if last_run.is_none() {
        remarks.push("the release keeps no notes of its run: another program has written to the lake, or an older version of this one".to_owned());
    }
    Ok(remarks)
}

/// What is not known of a release whose run ended while publishing it.
pub(super) fn of_release(release: &Release) -> Option<String> {
    (!release.is_done).then(|| {
        "a run ended while it published this release: until the next run finishes it, tables \
         may be of two releases"
            .to_owned()
    })
}
