//! The landing table that a statement defines.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::properties::{PERSONAL, REQUIRED, check_serde_property, check_table_property};
use super::statement::StatementParts;
use crate::errors::{Error, ErrorKind, Errors};
use crate::landing_table::{Column, ColumnType, LandingTable, Location, split_location};
use crate::names::TableName;
use crate::roles::{PlacedProperty, read_roles};
use crate::suggest::nearest;
use crate::text::Spot;

impl StatementParts {
    /// The table, unless something about it cannot be honoured.
    pub(super) fn settle(self, file: &str, mut errors: Vec<Error>) -> Result<LandingTable, Errors> {
        let mut error = |spot: Spot, kind: ErrorKind| errors.push(Error::at(file, spot, kind));

        let name = TableName::from_str(&self.name.0);
        if name.is_err() {
            let stem = self.name.0.clone();
            error(self.name.1, ErrorKind::FileName { stem });
        }
        let mut names = BTreeSet::new();
        for (column, spot) in &self.columns {
            if !names.insert(column.name.as_str()) {
                let name = column.name.clone();
                error(*spot, ErrorKind::ColumnTwice { name });
            }
        }
        for property in &self.serde_properties {
            if let Err(kind) = check_serde_property(property, &names) {
                error(property.spot, kind);
            }
        }
        let mut classified_json = false;
        for property in &self.properties {
            match check_table_property(property) {
                Ok(()) => classified_json |= property.key.eq_ignore_ascii_case("classification"),
                Err(kind) => error(property.spot, kind),
            }
        }
        if self.serde.is_none() && !self.stored_as_json && !classified_json {
            let kind = ErrorKind::Clause {
                clause: "a table without ROW FORMAT SERDE, which is delimited text to Athena,"
                    .into(),
                instead: "add `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`",
            };
            error(self.spot, kind);
        }

        let location = self
            .location
            .filter(|(location, _)| !location.trim().is_empty());
        match &location {
            None => error(self.spot, ErrorKind::NoLocation),
            Some((location, spot)) => {
                let reason = match split_location(location) {
                    Location::Unknown => Some("of its scheme"),
                    _ if location.split('/').any(|part| part == "..") => Some("of its `..`"),
                    _ => None,
                };
                if let Some(reason) = reason {
                    error(*spot, ErrorKind::Location { reason });
                }
            }
        }

        let mut listed = |key: &str| -> Option<Vec<String>> {
            let property = self.properties.iter().find(|p| p.key == key)?;
            let listed = property
                .value
                .split(',')
                .map(|name| name.trim().to_lowercase());
            let listed: Vec<_> = listed.filter(|name| !name.is_empty()).collect();
            for name in &listed {
                if !names.contains(name.as_str()) {
                    let kind = ErrorKind::UnknownColumn {
                        name: name.clone(),
                        within: format!("`{key}`"),
                        near: nearest(name, names.iter().copied()).map(str::to_owned),
                    };
                    error(property.spot, kind);
                }
            }
            Some(listed)
        };
        let personal = listed(PERSONAL);
        let mut required = listed(REQUIRED).unwrap_or_default();
        let text_columns = || {
            let columns = self.columns.iter().map(|(column, _)| column);
            let texts = columns.filter(|column| column.kind == ColumnType::String);
            texts.map(|column| column.name.clone()).collect()
        };
        let mut personal: Vec<String> = personal.unwrap_or_else(text_columns);
        let properties: Vec<PlacedProperty<'_>> = self
            .properties
            .iter()
            .map(|p| (p.key.as_str(), p.value.as_str(), p.spot))
            .collect();
        let columns: Vec<&Column> = self.columns.iter().map(|(column, _)| column).collect();
        let (roles, faults) = read_roles(&properties, &columns);
        for (spot, kind) in faults {
            error(spot, kind);
        }
        add_missing(&mut personal, roles.personal());
        add_missing(&mut required, roles.required());

        match (name, location) {
            (Ok(name), Some((location, location_spot))) if errors.is_empty() => Ok(LandingTable {
                name,
                columns: self.columns.into_iter().map(|(column, _)| column).collect(),
                location,
                properties: self
                    .properties
                    .into_iter()
                    .map(|p| (p.key, p.value))
                    .collect(),
                comment: self.comment,
                file: file.to_owned(),
                line: self.spot.line,
                location_line: location_spot.line,
                personal,
                required,
            }),
            _ => Err(errors.into()),
        }
    }
}

/// Adds the names that are not there.
fn add_missing<'a>(names: &mut Vec<String>, more: impl Iterator<Item = &'a str>) {
    for name in more {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}
