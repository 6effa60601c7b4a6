//! Checks the parts of a statement against each other and builds the
//! [`LandingTable`] that they define.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::properties::{
    CASE_INSENSITIVE, PERSONAL, REQUIRED, check_serde_property, check_table_property, mapped_column,
};
use super::statement::{Property, StatementParts};
use crate::column::{Column, ColumnSource, ColumnType};
use crate::errors::{Error, ErrorKind, Errors};
use crate::landing_table::{LandingTable, Location, split_location};
use crate::names::TableName;
use crate::suggest::nearest;
use crate::table_roles::{PlacedProperty, TableRoles, read_roles};
use crate::text::Spot;

/// The table that a statement defines.
///
/// # Errors
/// The parser's `errors` and everything found here.
pub(super) fn landing_table(
    mut parts: StatementParts,
    file: &str,
    errors: Vec<Error>,
) -> Result<LandingTable, Errors> {
    let mut faults = Faults { file, errors };
    let name = TableName::from_str(&parts.name.0);
    if name.is_err() {
        let stem = parts.name.0.clone();
        faults.add(parts.name.1, ErrorKind::FileName { stem });
    }
    faults.check_columns(parts.columns.iter().chain(&parts.partition_columns));
    faults.map_columns(&parts.serde_properties, &mut parts.columns);
    let has_exact_keys = parts.serde_properties.iter().any(|property| {
        property.key.eq_ignore_ascii_case(CASE_INSENSITIVE)
            && property.value.trim().eq_ignore_ascii_case("false")
    });
    let columns: Vec<&Column> = parts.columns.iter().map(|(column, _)| column).collect();
    faults.check_properties(&parts, &columns);
    let location = parts
        .location
        .as_ref()
        .filter(|(location, _)| !location.trim().is_empty());
    faults.check_location(parts.spot, location);
    let all = parts.columns.iter().chain(&parts.partition_columns);
    let all: Vec<&Column> = all.map(|(column, _)| column).collect();
    let roles = faults.roles(&parts.properties, &columns);
    let personal = faults.personal(&roles, &parts.properties, &all);
    let required = faults.required(&roles, &parts.properties, &columns);

    match (name, location.cloned()) {
        (Ok(name), Some((location, location_spot))) if faults.errors.is_empty() => {
            let partitions = parts.partition_columns.len();
            let columns = parts.columns.into_iter().chain(parts.partition_columns);
            let columns = columns.map(|(column, _)| column);
            let properties = parts.properties.into_iter().map(|p| (p.key, p.value));
            Ok(LandingTable {
                name,
                database: parts.database,
                if_not_exists: parts.if_not_exists,
                columns: columns.collect(),
                partitions,
                location,
                properties: properties.collect(),
                comment: parts.comment,
                file: file.to_owned(),
                line: parts.spot.line,
                location_line: location_spot.line,
                has_exact_keys,
                roles,
                personal,
                required,
            })
        }
        _ => Err(faults.errors.into()),
    }
}

/// Everything that is wrong with one statement.
struct Faults<'a> {
    file: &'a str,
    errors: Vec<Error>,
}

impl Faults<'_> {
    fn add(&mut self, spot: Spot, kind: ErrorKind) {
        self.errors.push(Error::at(self.file, spot, kind));
    }

    fn check_columns<'a>(&mut self, columns: impl Iterator<Item = &'a (Column, Spot)>) {
        let mut names = BTreeSet::new();
        for (column, spot) in columns {
            if !names.insert(column.name.as_str()) {
                let name = column.name.clone();
                self.add(*spot, ErrorKind::ColumnTwice { name });
            }
        }
    }

    /// Sets the JSON keys of columns that the SerDe maps. No two columns may read one
    /// key.
    fn map_columns(&mut self, properties: &[Property], columns: &mut [(Column, Spot)]) {
        for property in properties {
            let key = property.key.to_lowercase();
            let json_key = property.value.trim();
            let mapped = mapped_column(&key)
                .and_then(|name| columns.iter_mut().find(|(column, _)| column.name == name));
            if let Some((column, _)) = mapped
                && !json_key.is_empty()
            {
                column.source = match column.name == json_key {
                    true => ColumnSource::Name,
                    false => ColumnSource::Key(json_key.to_owned()),
                };
            }
        }
        for (at, (column, spot)) in columns.iter().enumerate() {
            let twin = columns[..at]
                .iter()
                .find(|(other, _)| other.json_key().eq_ignore_ascii_case(column.json_key()));
            if let Some((other, _)) = twin
                && other.name != column.name
            {
                let kind = ErrorKind::JsonKeyTwice {
                    key: column.json_key().to_owned(),
                    first: other.name.clone(),
                    second: column.name.clone(),
                };
                self.add(*spot, kind);
            }
        }
    }

    fn check_properties(&mut self, parts: &StatementParts, columns: &[&Column]) {
        let names: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        for property in &parts.serde_properties {
            if let Err(kind) = check_serde_property(property, &names) {
                self.add(property.spot, kind);
            }
        }
        let mut classified_json = false;
        for property in &parts.properties {
            match check_table_property(property) {
                Ok(()) => classified_json |= property.key.eq_ignore_ascii_case("classification"),
                Err(kind) => self.add(property.spot, kind),
            }
        }
        if parts.serde.is_none() && !parts.stored_as_json && !classified_json {
            let kind = ErrorKind::Clause {
                clause: "a table without ROW FORMAT SERDE, which is delimited text to Athena,"
                    .into(),
                instead: "add `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`",
            };
            self.add(parts.spot, kind);
        }
    }

    fn check_location(&mut self, statement: Spot, location: Option<&(String, Spot)>) {
        let Some((location, spot)) = location else {
            return self.add(statement, ErrorKind::NoLocation);
        };
        let reason = match split_location(location) {
            Location::Unknown => "unknown scheme",
            _ if location.split('/').any(|part| part == "..") => "it contains `..`",
            _ => return,
        };
        self.add(*spot, ErrorKind::Location { reason });
    }

    /// What the properties declare that the columns mean.
    fn roles(&mut self, properties: &[Property], columns: &[&Column]) -> TableRoles {
        let placed: Vec<PlacedProperty<'_>> = properties
            .iter()
            .map(|p| (p.key.as_str(), p.value.as_str(), p.spot))
            .collect();
        let (roles, role_faults) = read_roles(&placed, columns);
        for (spot, kind) in role_faults {
            self.add(spot, kind);
        }
        let is_mapped = |name: &String| {
            let mut columns = columns.iter();
            columns.any(|column| column.name == *name && column.source != ColumnSource::Name)
        };
        // People in broken records are looked for behind the key of that name.
        if roles.has_consent()
            && let Some(subject) = roles.subject.as_ref().filter(|name| is_mapped(name))
            && let Some(column) = columns.iter().find(|column| column.name == *subject)
        {
            let spot = Spot {
                line: column.line,
                column: 1,
            };
            let column = subject.clone();
            self.add(spot, ErrorKind::MappedSubject { column });
        }
        roles
    }

    /// The personal columns, as declared and as the roles of columns need it.
    fn personal(
        &mut self,
        roles: &TableRoles,
        properties: &[Property],
        columns: &[&Column],
    ) -> Vec<String> {
        let declared = self.listed_columns(PERSONAL, properties, columns);
        let mut personal = declared.unwrap_or_else(|| {
            let texts = columns.iter().filter(|c| c.kind == ColumnType::String);
            let texts = texts.filter(|column| !roles.is_number(&column.name));
            texts.map(|column| column.name.clone()).collect()
        });
        add_missing(&mut personal, roles.personal());
        personal
    }

    /// The required columns, as declared and as the roles of columns need it. A partition
    /// column is not one of them: its value is not in a row.
    fn required(
        &mut self,
        roles: &TableRoles,
        properties: &[Property],
        columns: &[&Column],
    ) -> Vec<String> {
        let declared = self.listed_columns(REQUIRED, properties, columns);
        let mut required = declared.unwrap_or_default();
        add_missing(&mut required, roles.required());
        required
    }

    /// The columns that a property lists, in lower case; `None` without the
    /// property.
    fn listed_columns(
        &mut self,
        key: &str,
        properties: &[Property],
        columns: &[&Column],
    ) -> Option<Vec<String>> {
        let property = properties.iter().find(|property| property.key == key)?;
        let names = property.value.split(',');
        let names = names.map(|name| name.trim().to_lowercase());
        let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        for name in &names {
            if !columns.iter().any(|column| column.name == *name) {
                let known = columns.iter().map(|column| column.name.as_str());
                let kind = ErrorKind::UnknownColumn {
                    name: name.clone(),
                    within: format!("`{key}`"),
                    near: nearest(name, known).map(str::to_owned),
                };
                self.add(property.spot, kind);
            }
        }
        Some(names)
    }
}

/// Adds the names that are not in the list yet.
fn add_missing<'a>(names: &mut Vec<String>, more: impl Iterator<Item = &'a str>) {
    for name in more {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}
