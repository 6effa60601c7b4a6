//! The project: every table of it, known to the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::errors::{ErrorKind, Errors};
use crate::expectations::{Expectations, parse_expectations};
use crate::landing_table::LandingTable;
use crate::model::Model;
use crate::names::{TableName, Zone};
use crate::roles::Roles;
use crate::suggest::nearest;

/// The data product, read and found sound as far as that can be seen without
/// planning its SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    pub(crate) landing: Vec<LandingTable>,
    pub(crate) models: Vec<Model>,
    pub(crate) roles: Roles,
    pub(crate) published: Option<Expectations>,
    /// Every name in use, other names too, with the table it means.
    pub(crate) names: BTreeMap<String, TableName>,
    /// The text of every table's file, by `zone/name`.
    pub(crate) definitions: BTreeMap<String, String>,
}

/// A table of the project.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Table<'a> {
    /// What arrived.
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
    /// The landing tables, by name.
    pub fn landing(&self) -> &[LandingTable] {
        &self.landing
    }

    /// What the columns of the landing tables mean.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The trusted and curated tables in an order in which they can be built:
    /// each after those it reads, otherwise by zone and name.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The table of that name or other name, in any letter case, with or
    /// without its zone before it.
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

    /// The models among `names` (other names too) and every model that these
    /// need, in build order. Landing tables and unknown names need none.
    pub fn needed_for(&self, names: &[TableName]) -> Vec<&Model> {
        let mut needed: BTreeSet<&str> = names
            .iter()
            .filter_map(|name| self.find(name.as_str()))
            .map(|table| table.name().as_str())
            .collect();
        // Backwards, everything that needs a model has been seen before it.
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

    /// Every table's definition, as `zone/name` and the text of its file with
    /// lines ended by a line feed, in order of the former: the same wherever the
    /// project lies and however its files were checked out.
    pub fn definitions(&self) -> impl Iterator<Item = (&str, &str)> {
        let definitions = self.definitions.iter();
        definitions.map(|(table, text)| (table.as_str(), text.as_str()))
    }

    /// The published row counts, if the project has any.
    pub fn published(&self) -> Option<&Expectations> {
        self.published.as_ref()
    }

    /// Row counts in a file of the form of `published.toml`, with every table's
    /// own name in place of other ones.
    ///
    /// # Errors
    /// As [`parse_expectations`]; and for a table that is not in the project.
    pub fn expectations(&self, path: &str, text: &str) -> Result<Expectations, Errors> {
        self.resolved(parse_expectations(path, text)?)
    }

    /// Every name of a table, other names too, in alphabetical order.
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
