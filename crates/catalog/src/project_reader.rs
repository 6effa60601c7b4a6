//! Builds a [`Project`] from its files and reports all errors at once. Each file
//! is parsed on its own; then names are resolved between files, and the models
//! are put into build order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use crate::contract::{Action, Rule};
use crate::errors::{Error, ErrorKind, Errors};
use crate::expectations::{Expectations, parse_expectations};
use crate::landing_completion::complete;
use crate::landing_file::parse_landing_file;
use crate::landing_table::LandingTable;
use crate::model::{Model, ReadBy, Reference, parse_model};
use crate::names::{SYSTEM, TableName, Zone};
use crate::order::build_order;
use crate::project::{Project, unknown_table};
use crate::project_files::{SourceFile, is_ignored, list, read_file};
use crate::reads::TableRead;
use crate::roles::Roles;
use crate::suggest::nearest;
use crate::text::Spot;

const PUBLISHED: &str = "published.toml";

impl Project {
    /// Parses a project whose files are in memory. `.slt` and README files are
    /// ignored.
    ///
    /// # Errors
    /// All errors in the files.
    pub fn parse(files: Vec<SourceFile>) -> Result<Project, Errors> {
        let mut draft = Draft::default();
        for file in &files {
            draft.add(file);
        }
        draft.finish()
    }

    /// Reads a project from a folder: its `landing/*.sql`, `trusted/*.sql`,
    /// `curated/*.sql` and `published.toml`. `.slt`, README and hidden files are
    /// ignored.
    ///
    /// # Errors
    /// All errors in the files; any other file or folder; a folder that does not
    /// exist or has no `landing` folder.
    pub fn read(dir: &Path) -> Result<Project, Errors> {
        let shown = dir.display().to_string();
        if !dir.is_dir() {
            return Err(Error::whole(&shown, ErrorKind::NoProject).into());
        }
        if !dir.join(Zone::Landing.as_str()).is_dir() {
            return Err(Error::whole(&shown, ErrorKind::NotAProject).into());
        }
        let mut files = Vec::new();
        let mut errors = Vec::new();
        for entry in list(dir, &mut errors) {
            let zone = Zone::ALL
                .into_iter()
                .find(|zone| zone.as_str() == entry.name);
            match (entry.is_dir, zone) {
                (true, Some(_)) => {
                    for file in list(&entry.path, &mut errors) {
                        match file.is_dir {
                            true => errors.push(file.stray()),
                            false => read_file(&file, &mut files, &mut errors),
                        }
                    }
                }
                (true, None) => errors.push(entry.stray()),
                (false, _) if entry.name == PUBLISHED => {
                    read_file(&entry, &mut files, &mut errors);
                }
                (false, _) if is_ignored(&entry.name) => {}
                (false, _) => errors.push(entry.stray()),
            }
        }
        match Project::parse(files) {
            Ok(project) => Errors::unless_empty(project, errors),
            Err(more) => Err(errors.into_iter().chain(more).collect::<Vec<_>>().into()),
        }
    }
}

/// A project while its files are being parsed.
#[derive(Default)]
struct Draft {
    landing: Vec<LandingTable>,
    models: Vec<(Model, Vec<(TableRead, ReadBy)>)>,
    published: Option<Expectations>,
    names: BTreeMap<String, Claim>,
    definitions: BTreeMap<String, String>,
    /// Whether a contract could not be read: other names may be missing, and an
    /// unknown table may be one of them.
    names_missing: bool,
    errors: Vec<Error>,
}

/// The table that claims a name. Tables with a broken file claim theirs too, so
/// that models which read them cause no errors of their own.
struct Claim {
    table: TableName,
    zone: Zone,
    file: String,
}

impl Draft {
    fn add(&mut self, file: &SourceFile) {
        let parts: Vec<&str> = file.path.split(['/', '\\']).collect();
        let name = parts.last().copied().unwrap_or_default();
        let folder = parts.len().checked_sub(2).map(|at| parts[at]);
        let zone = Zone::ALL
            .into_iter()
            .find(|zone| Some(zone.as_str()) == folder);
        match (zone, name.strip_suffix(".sql")) {
            _ if is_ignored(name) => {}
            (None, _) if name == PUBLISHED => match parse_expectations(&file.path, &file.text) {
                Ok(expectations) => self.published = Some(expectations),
                Err(errors) => self.errors.extend(errors),
            },
            (Some(Zone::Landing), Some(stem)) => self.add_landing_file(file, stem),
            (Some(zone), Some(stem)) => match TableName::from_str(stem) {
                Ok(name) => self.add_table(file, zone, name),
                Err(_) => {
                    let stem = stem.to_owned();
                    let kind = ErrorKind::FileName { stem };
                    self.errors.push(Error::whole(&file.path, kind));
                }
            },
            _ => {
                let kind = ErrorKind::Stray { what: "file" };
                self.errors.push(Error::whole(&file.path, kind));
            }
        }
    }

    fn add_table(&mut self, file: &SourceFile, zone: Zone, name: TableName) {
        // The file claims the table's own name, the contract's `also` its other names.
        if let Err(kind) = self.claim(&name, &name, zone, &file.path) {
            self.errors.push(Error::whole(&file.path, kind));
            return;
        }
        let text = file.text.replace("\r\n", "\n");
        self.definitions.insert(format!("{zone}/{name}"), text);
        let parsed = parse_model(&file.path, zone, name.clone(), &file.text);
        self.errors.extend(parsed.errors);
        match parsed.also {
            Some((also, spot)) => {
                for other in also {
                    if let Err(kind) = self.claim(&other, &name, zone, &file.path) {
                        self.errors.push(Error::at(&file.path, spot, kind));
                    }
                }
            }
            None => self.names_missing = true,
        }
        self.models.extend(parsed.model);
    }

    /// Adds the tables of a landing file, which may be called otherwise.
    fn add_landing_file(&mut self, file: &SourceFile, stem: &str) {
        let zone = Zone::Landing;
        match parse_landing_file(file) {
            Ok(tables) => {
                for defined in tables {
                    let name = defined.table.name.clone();
                    if let Err(kind) = self.claim(&name, &name, zone, &file.path) {
                        let line = defined.table.line;
                        let spot = Spot { line, column: 1 };
                        self.errors.push(Error::at(&file.path, spot, kind));
                        continue;
                    }
                    self.definitions
                        .insert(format!("{zone}/{name}"), defined.text);
                    self.landing.push(defined.table);
                }
            }
            Err(errors) => {
                self.errors.extend(errors);
                // Which tables it defines is not known.
                self.names_missing = true;
                if let Ok(name) = TableName::from_str(stem) {
                    _ = self.claim(&name, &name, zone, &file.path);
                }
            }
        }
    }

    fn claim(
        &mut self,
        name: &TableName,
        table: &TableName,
        zone: Zone,
        file: &str,
    ) -> Result<(), ErrorKind> {
        if let Some(claim) = self.names.get(name.as_str()) {
            return Err(ErrorKind::NameTaken {
                name: name.to_string(),
                first: claim.file.clone(),
            });
        }
        let claim = Claim {
            table: table.clone(),
            zone,
            file: file.to_owned(),
        };
        self.names.insert(name.to_string(), claim);
        Ok(())
    }

    fn finish(mut self) -> Result<Project, Errors> {
        let mut models = Vec::new();
        for (mut model, reads) in std::mem::take(&mut self.models) {
            let errors = self.resolve(&mut model, reads);
            self.errors.extend(errors);
            models.push(model);
        }
        let models = in_order(models).unwrap_or_else(|errors| {
            self.errors.extend(errors);
            Vec::new()
        });
        self.landing.sort_by(|a, b| a.name.cmp(&b.name));
        let (notes, errors) = complete(&mut self.landing, &models);
        self.errors.extend(errors);
        self.errors.extend(second_person_records(&self.landing));
        let names = self.names.into_iter();
        let mut project = Project {
            roles: Roles::of_project(&self.landing),
            notes,
            landing: self.landing,
            models,
            published: None,
            names: names.map(|(name, claim)| (name, claim.table)).collect(),
            definitions: self.definitions,
            accepted_databases: BTreeSet::new(),
        };
        match self.published.map(|published| project.resolved(published)) {
            Some(Ok(published)) => project.published = Some(published),
            Some(Err(errors)) => self.errors.extend(errors),
            None => {}
        }
        if self.names_missing {
            self.errors
                .retain(|error| !matches!(error.kind, ErrorKind::UnknownTable { .. }));
        }
        Errors::unless_empty(project, self.errors)
    }

    /// Resolves the names of the tables that a model reads to their own names.
    fn resolve(&self, model: &mut Model, reads: Vec<(TableRead, ReadBy)>) -> Vec<Error> {
        let mut errors = Vec::new();
        for (read, by) in reads {
            let parts: Vec<&str> = read.parts.iter().map(String::as_str).collect();
            errors.extend(self.add_read(model, &parts, by, read.spot).err());
        }
        let mut checks = std::mem::take(&mut model.contract.checks);
        for check in checks.iter_mut() {
            let by = match check.action {
                Action::LeaveOut => ReadBy::LeaveOut,
                Action::Fail | Action::Warn | Action::Report => ReadBy::Check,
            };
            if let (Some(table), Some(column)) =
                (check.rule.system_table(), check.rule.columns().first())
            {
                let (line, column) = (column.line, column.column);
                let parts: Vec<&str> = table.split('.').collect();
                let read = self.add_read(model, &parts, by, Spot { line, column });
                errors.extend(read.err());
            }
            if let Rule::References { table, to, .. } = &mut check.rule {
                let (line, column) = (to.line, to.column);
                let spot = Spot { line, column };
                let parts: Vec<&str> = table.split('.').collect();
                match self.add_read(model, &parts, by, spot) {
                    Ok(found) => *table = found,
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                }
                // The columns of landing tables are known here; those of models
                // only to the engine.
                let landing = self.landing.iter().find(|landing| landing.name == **table);
                if let Some(landing) = landing
                    && landing.column(to).is_none()
                {
                    let columns = landing.columns.iter().map(|column| column.name.as_str());
                    let kind = ErrorKind::UnknownColumn {
                        name: to.to_string(),
                        within: format!("`{table}`"),
                        near: nearest(to, columns).map(str::to_owned),
                    };
                    errors.push(Error::at(&model.file, spot, kind));
                }
            }
        }
        model.contract.checks = checks;
        errors
    }

    /// Whether a landing definition names that database.
    fn declares(&self, database: &str) -> bool {
        let mut names = self
            .landing
            .iter()
            .filter_map(|table| table.database.as_deref());
        names.any(|name| name.eq_ignore_ascii_case(database))
    }

    /// Adds a table to those that a model reads, and returns its own name.
    fn add_read(
        &self,
        model: &mut Model,
        parts: &[&str],
        by: ReadBy,
        spot: Spot,
    ) -> Result<String, Error> {
        let at_spot = |kind| Error::at(&model.file, spot, kind);
        let (table, zone) = self.meaning(parts).map_err(at_spot)?;
        let itself = zone.is_some() && model.name == *table;
        if itself && by != ReadBy::Check {
            return Err(at_spot(ErrorKind::ReadsItself { name: table }));
        }
        let known = |read: &Reference| read.table == table && read.by == by;
        if !itself && !model.reads.iter().any(known) {
            model.reads.push(Reference {
                table: table.clone(),
                zone,
                by,
                line: spot.line,
                column: spot.column,
            });
        }
        Ok(table)
    }

    /// Resolves a name in SQL to the table's own name and its zone (`None` for a
    /// system table).
    fn meaning(&self, parts: &[&str]) -> Result<(String, Option<Zone>), ErrorKind> {
        let unknown = || {
            let names = self.names.keys().map(String::as_str);
            let written = parts.join(".");
            let mut kind = unknown_table(parts.last().copied().unwrap_or_default(), names);
            if let ErrorKind::UnknownTable { name, .. } = &mut kind {
                *name = written;
            }
            kind
        };
        // Athena's names begin with a catalog and a database; the DDL says which.
        let parts = match parts {
            [catalog, rest @ ..] if catalog.eq_ignore_ascii_case("awsdatacatalog") => rest,
            parts => parts,
        };
        let parts = match parts {
            [database, name] if self.declares(database) => &[*name][..],
            parts => parts,
        };
        let (zone, name) = match parts {
            [name] => (None, name.to_lowercase()),
            [zone, name] if zone.eq_ignore_ascii_case(SYSTEM) => {
                return Ok((format!("{SYSTEM}.{}", name.to_lowercase()), None));
            }
            [zone, name] => (
                Some(Zone::named(zone).ok_or_else(unknown)?),
                name.to_lowercase(),
            ),
            _ => return Err(unknown()),
        };
        let claim = self.names.get(&name).ok_or_else(unknown)?;
        match zone {
            Some(written) if written != claim.zone => Err(ErrorKind::WrongZone {
                name,
                written,
                actual: claim.zone,
            }),
            _ => Ok((claim.table.to_string(), Some(claim.zone))),
        }
    }
}

/// Every table but the first of `landing` that declares a consent.
fn second_person_records(landing: &[LandingTable]) -> Vec<Error> {
    let declares = |table: &&LandingTable| table.roles().has_consent();
    let mut records = landing.iter().filter(declares);
    let Some(first) = records.next() else {
        return Vec::new();
    };
    records
        .map(|second| {
            let spot = Spot {
                line: second.line,
                column: 1,
            };
            let kind = ErrorKind::SecondPersonRecords {
                first: first.name.to_string(),
            };
            Error::at(&second.file, spot, kind)
        })
        .collect()
}

/// The models in build order, or the cycles between them.
fn in_order(mut models: Vec<Model>) -> Result<Vec<Model>, Vec<Error>> {
    let key = |model: &Model| (model.zone, model.name.to_string());
    let reads = models
        .iter()
        .map(|model| {
            let read = model
                .reads
                .iter()
                .filter_map(|read| Some((read.zone?, read.table.clone())));
            (key(model), read.collect::<BTreeSet<_>>())
        })
        .collect::<BTreeMap<_, _>>();
    match build_order(&reads) {
        Ok(order) => {
            let rank: BTreeMap<_, _> = order.into_iter().zip(0usize..).collect();
            models.sort_by_key(|model| rank.get(&key(model)).copied());
            Ok(models)
        }
        Err(cycles) => Err(cycles
            .iter()
            .filter_map(|cycle| {
                let first = models
                    .iter()
                    .find(|model| Some(&key(model)) == cycle.first())?;
                let names = cycle.iter().map(|(_, name)| name.clone());
                let path: Vec<String> = names.chain([first.name.to_string()]).collect();
                let to_next = first.reads.iter().find(|read| read.table == path[1])?;
                let (line, column) = (to_next.line, to_next.column);
                let spot = Spot { line, column };
                Some(Error::at(&first.file, spot, ErrorKind::Cycle { path }))
            })
            .collect()),
    }
}
