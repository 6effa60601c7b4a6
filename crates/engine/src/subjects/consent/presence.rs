//! Finds out whether a person is known, before consent is entered by hand. An entry for a
//! mistyped address, or one with extra characters, would have no effect.

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;
use landing::KeySet;

use super::register;
use crate::Error;
use crate::subjects::landing_files;
use crate::subjects::quarantine;
use query::Session;
use query::landing::{Hashes, Likeness, Source, hash};

/// The source that names a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownBy {
    /// A person record.
    Record,
    /// A reading of a person's own device, such as a phone.
    Reading,
    /// An entry by hand.
    Entry,
    /// A record that cannot be read and lies in quarantine.
    Quarantine,
}

impl KnownBy {
    /// For messages.
    pub fn as_str(self) -> &'static str {
        match self {
            KnownBy::Record => "a person record",
            KnownBy::Reading => "a reading",
            KnownBy::Entry => "an entry by hand",
            KnownBy::Quarantine => "a record in quarantine",
        }
    }
}

/// The first source that names `person`, a subject; `None` if none does.
///
/// Files that earlier runs read are looked up in `system.landing_files`; only newer files
/// are read. If landing cannot be reached, the earlier files must do.
pub(super) async fn known_by(session: &Session, person: &str) -> Result<Option<KnownBy>, Error> {
    let roles = session.tables().project.roles();
    let records = roles.person_records().into_iter();
    let records = records.map(|table| (&table.table, &table.subject, KnownBy::Record));
    let readings = roles.person_readings().iter();
    let readings = readings.map(|table| (&table.table, &table.name, KnownBy::Reading));
    let tables: Vec<_> = records
        .chain(readings)
        .map(|(table, column, by)| (table.as_ref(), column.as_str(), by))
        .collect();
    let known_files = landing_files::known(session).await?;
    let wanted = Hashes::from_iter([hash(person)]);
    for (table, _, by) in &tables {
        let mut files = known_files.iter().filter(|file| file.table == *table);
        if files.any(|file| file.keys.is_some() && file.may_hold(&wanted)) {
            return Ok(Some(*by));
        }
    }
    let rows = register::rows(session).await?;
    if rows.iter().any(|row| row.subject == person) {
        return Ok(Some(KnownBy::Entry));
    }
    if !quarantine::suspending(session, person).await?.is_empty() {
        return Ok(Some(KnownBy::Quarantine));
    }
    for (table, column, by) in tables {
        let mut definitions = session.tables().project.landing().iter();
        let Some(definition) = definitions.find(|known| known.name.as_ref() == table) else {
            continue;
        };
        let source = match session.tables().landing_table(definition).list().await {
            Ok(source) => source,
            Err(query::Error::Landing(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let unchanged: HashSet<&str> = known_files
            .iter()
            .filter(|file| file.table == table && file.keys.is_some())
            .filter(|file| {
                source
                    .files
                    .iter()
                    .any(|now| now.name == file.name && matches!(file.compare(now), Likeness::Same))
            })
            .map(|file| file.name.as_str())
            .collect();
        let mut files = source.files.clone();
        files.retain(|file| !unchanged.contains(file.name.as_str()));
        if files.is_empty() {
            continue;
        }
        let source = Arc::new(Source { files, ..source });
        match has_rows(session, &source, (table, column), person).await {
            Ok(true) => return Ok(Some(by)),
            Ok(false) | Err(Error::Query(query::Error::Landing(_))) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether landing files hold a row of the person.
async fn has_rows(
    session: &Session,
    source: &Arc<Source>,
    (table, column): (&str, &str),
    person: &str,
) -> Result<bool, Error> {
    let keys: Arc<dyn KeySet> = Arc::new(OnePerson(person.to_owned()));
    for mut stream in session
        .landing_streams(source, table, &[column], Some(keys))
        .await?
    {
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|error| Error::execution(table, error))?;
            if batch.num_rows() > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// A key set of one person.
struct OnePerson(String);

impl KeySet for OnePerson {
    fn contains(&self, text: &str) -> bool {
        privacy::normalize_subject(text) == self.0
    }
}

/// Does not print the name.
impl std::fmt::Debug for OnePerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnePerson(***)")
    }
}
