//! The project: its landing tables, models, roles and published counts.
//! `project_reader` builds it from files.

use std::collections::{BTreeMap, BTreeSet};

use crate::errors::{ErrorKind, Errors};
use crate::expectations::{Expectations, parse_expectations};
use crate::landing_completion::{MissingColumn, Note, missing_columns};
use crate::landing_table::LandingTable;
use crate::model::Model;
use crate::names::{TableName, Zone};
use crate::roles::Roles;
use crate::suggest::nearest;

/// A data product without errors, as far as they can be found without planning
/// its SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    pub(crate) landing: Vec<LandingTable>,
    pub(crate) models: Vec<Model>,
    pub(crate) roles: Roles,
    pub(crate) notes: Vec<Note>,
    pub(crate) published: Option<Expectations>,
    /// Every name of a table, other names included, with the table's own name.
    pub(crate) names: BTreeMap<String, TableName>,
    /// The text of each table's file, by `zone/name`.
    pub(crate) definitions: BTreeMap<String, String>,
    /// Names of databases that no definition has and statements may use: see
    /// [`Project::accepting`].
    pub(crate) accepted_databases: BTreeSet<String>,
}

/// A table of the project.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Table<'a> {
    /// A landing table.
    Landing(&'a LandingTable),
    /// A trusted or curated table.
    Model(&'a Model),
}

impl<'a> Table<'a> {
    /// Its own name.
    pub fn name(self) -> &'a TableName {
        match self {
            Table::Landing(table) => &table.name,
            Table::Model(model) => &model.name,
        }
    }

    /// Its zone.
    pub fn zone(self) -> Zone {
        match self {
            Table::Landing(_) => Zone::Landing,
            Table::Model(model) => model.zone,
        }
    }
}

impl Project {
    /// The same project, whose tables statements may also find in databases of these names:
    /// people bring statements from where the tables lay in databases of other names.
    pub fn accepting(mut self, databases: impl IntoIterator<Item = String>) -> Self {
        let names = databases.into_iter().map(|name| name.to_lowercase());
        self.accepted_databases.extend(names);
        self
    }

    /// Whether a landing definition names the database, in lower case.
    pub fn declares_database(&self, name: &str) -> bool {
        let mut landing = self.landing.iter();
        landing.any(|table| table.database.as_deref() == Some(name))
    }

    /// The databases of [`Project::accepting`], in lower case.
    pub fn accepted_databases(&self) -> &BTreeSet<String> {
        &self.accepted_databases
    }

    /// The landing tables, by name.
    pub fn landing(&self) -> &[LandingTable] {
        &self.landing
    }

    /// What the authors of its files should know, in order of file and line.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The columns of shipped landing tables that the project's tables of the same name
    /// lack, of the tables that `model` reads.
    pub fn missing_columns(&self, model: &Model) -> Vec<MissingColumn> {
        missing_columns(&self.landing, &self.models, model)
    }

    /// What the columns of the landing tables mean.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The trusted and curated tables in build order: each after those it reads,
    /// otherwise by zone and name.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The table of that name or other name, with or without its zone before it.
    /// Letter case is ignored.
    pub fn find(&self, name: &str) -> Option<Table<'_>> {
        let name = name.to_lowercase();
        let (zone, bare) = match name.split_once('.') {
            Some((zone, bare)) => (Some(Zone::named(zone)?), bare),
            None => (None, name.as_str()),
        };
        let name = self.names.get(bare)?;
        let landing = self.landing.iter().find(|table| table.name == *name);
        let model = || self.models.iter().find(|model| model.name == *name);
        landing
            .map(Table::Landing)
            .or_else(|| model().map(Table::Model))
            .filter(|table| zone.is_none_or(|zone| table.zone() == zone))
    }

    /// The models among `names` (or other names) and every model that they need,
    /// in build order. Landing tables and unknown names need none.
    pub fn needed_for(&self, names: &[TableName]) -> Vec<&Model> {
        let mut needed: BTreeSet<&str> = names
            .iter()
            .filter_map(|name| self.find(name.as_str()))
            .map(|table| table.name().as_str())
            .collect();
        // In reverse build order, whatever needs a model comes before it.
        for model in self.models.iter().rev() {
            if needed.contains(model.name.as_str()) {
                needed.extend(model.reads.iter().map(|read| read.table.as_str()));
            }
        }
        let models = self.models.iter();
        models
            .filter(|model| needed.contains(model.name.as_str()))
            .collect()
    }

    /// The definition of every table: `zone/name` and the text of its file, with
    /// line feeds as line ends, sorted by name. It is the same wherever the project
    /// is and however its files were checked out.
    pub fn definitions(&self) -> impl Iterator<Item = (&str, &str)> {
        let definitions = self.definitions.iter();
        definitions.map(|(table, text)| (table.as_str(), text.as_str()))
    }

    /// The published row counts, if the project has any.
    pub fn published(&self) -> Option<&Expectations> {
        self.published.as_ref()
    }

    /// Parses row counts in the form of `published.toml` and replaces other names
    /// by the tables' own.
    ///
    /// # Errors
    /// As [`parse_expectations`], and tables that the project does not have.
    pub fn expectations(&self, path: &str, text: &str) -> Result<Expectations, Errors> {
        self.resolved(parse_expectations(path, text)?)
    }

    /// Every name of a table, other names included, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub(crate) fn resolved(&self, expectations: Expectations) -> Result<Expectations, Errors> {
        expectations.resolved(|written| match self.names.get(&written.to_lowercase()) {
            Some(name) => Ok(name.as_str()),
            None => Err(unknown_table(written, self.names())),
        })
    }
}

pub(crate) fn unknown_table<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> ErrorKind {
    ErrorKind::UnknownTable {
        name: written.to_owned(),
        near: nearest(written, names).map(str::to_owned),
    }
}
