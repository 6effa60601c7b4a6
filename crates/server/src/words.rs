//! The words of a statement that a log may keep.

use std::collections::HashSet;

use catalog::Zone;
use engine::PersonalColumns;
use query::tables::{DEFAULT_SCHEMA, privacy_views};
use query::{Session, Setup, redaction, system};

use crate::audit_table;

/// Words that are no values: names of tables, columns, schemas and functions. Any other word
/// of a statement may be a name or a serial number that somebody wrote without its quotes.
#[derive(Debug)]
pub(crate) struct Words(HashSet<String>);

impl Words {
    /// The words of the project of `setup`.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub(crate) fn of(setup: &Setup, personal: &PersonalColumns) -> Result<Self, query::Error> {
        let session = Session::to_plan_in(setup)?;
        let zones = Zone::ALL.map(Zone::as_str).into_iter();
        let schemas = zones.chain([DEFAULT_SCHEMA, system::ZONE, privacy_views::ZONE]);
        let mut words: HashSet<String> = schemas.map(str::to_owned).collect();
        words.extend(personal.names().iter().map(|name| name.to_lowercase()));
        words.insert(audit_table::NAME.to_owned());
        let of_audit = audit_table::schema();
        words.extend(of_audit.fields().iter().map(|field| field.name().clone()));
        words.extend(session.functions().into_iter().map(|(name, _)| name));
        Ok(Self(words))
    }

    /// The statement without the values that it names.
    pub(crate) fn shape(&self, sql: &str) -> String {
        redaction::shape(sql, |word| {
            self.0.contains(word) || word.starts_with("pg_") || word == "information_schema"
        })
    }
}
