//! Reads the contract's TOML into a [`Contract`].

use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use super::{Checks, ColumnName, Contract, Duplicates};
use crate::errors::{Error, ErrorKind};
use crate::names::TableName;
use crate::text::Spot;
use crate::toml_source::{Entry, TomlSource};

impl Contract {
    /// The contract in a TOML document, and all its errors. With errors the
    /// contract holds what could be read.
    pub(crate) fn from_toml(
        source: TomlSource<'_>,
        document: &DeTable<'_>,
    ) -> (Contract, Vec<Error>) {
        let start = source.spot(0);
        let mut reader = ContractReader {
            source,
            errors: Vec::new(),
            contract: Contract {
                grain: String::new(),
                subject: None,
                device: None,
                personal: Vec::new(),
                anonymous: false,
                duplicates: Duplicates::default(),
                also: Vec::new(),
                checks: Checks::default(),
                line: start.line,
                also_spot: start,
            },
        };
        reader.contract(document);
        (reader.contract, reader.errors)
    }
}

const CONTRACT_KEYS: &[&str] = &[
    "grain",
    "subject",
    "device",
    "personal",
    "anonymous",
    "duplicates",
    "also",
    "checks",
];

/// Reads on after an error, so that one run shows all of them.
pub(super) struct ContractReader<'a> {
    pub(super) source: TomlSource<'a>,
    pub(super) errors: Vec<Error>,
    pub(super) contract: Contract,
}

impl<'a> ContractReader<'a> {
    fn contract(&mut self, document: &DeTable<'a>) {
        let mut has_grain = false;
        let mut personal_spot = self.source.spot(0);
        for entry in self.source.entries(document) {
            match entry.key {
                "grain" => {
                    has_grain = true;
                    match entry
                        .text()
                        .map(str::trim)
                        .filter(|grain| !grain.is_empty())
                    {
                        Some(grain) => self.contract.grain = grain.to_owned(),
                        None => self.errors.push(entry.bad("a sentence: what one row is")),
                    }
                }
                "subject" => {
                    self.contract.subject = self.column(&entry, entry.value, entry.value_spot);
                }
                "device" => {
                    self.contract.device = self.column(&entry, entry.value, entry.value_spot);
                }
                "personal" => {
                    personal_spot = entry.key_spot;
                    self.contract.personal = self.columns(&entry);
                }
                "anonymous" => match entry.value.as_bool() {
                    Some(anonymous) => self.contract.anonymous = anonymous,
                    None => self.errors.push(entry.bad("true or false")),
                },
                "duplicates" => match entry.text() {
                    Some("keep") => self.contract.duplicates = Duplicates::Keep,
                    Some("drop") => self.contract.duplicates = Duplicates::Drop,
                    _ => self.errors.push(entry.bad("\"keep\" or \"drop\"")),
                },
                "also" => self.also(&entry),
                "checks" => match entry.value.as_table() {
                    Some(checks) => self.checks(checks),
                    None => self.errors.push(entry.bad("a table such as `[checks]`")),
                },
                _ => self
                    .errors
                    .push(entry.unknown("the contract", CONTRACT_KEYS)),
            }
        }
        if !has_grain {
            let kind = ErrorKind::MissingKey {
                key: "grain",
                within: "the contract",
                says: "what one row is, for example \"One row per person.\"",
            };
            self.errors
                .push(self.source.error(self.source.spot(0), kind));
        }
        if self.contract.anonymous && !self.contract.personal.is_empty() {
            let kind = ErrorKind::PersonalInAnonymous;
            self.errors.push(self.source.error(personal_spot, kind));
        }
    }

    fn also(&mut self, entry: &Entry<'a, '_>) {
        const EXPECTED: &str = "a list of table names (lower-case letters, digits and underscores, with a letter first)";
        self.contract.also_spot = entry.key_spot;
        let Some(names) = entry.elements() else {
            return self.errors.push(entry.bad(EXPECTED));
        };
        for (name, spot) in names {
            match name.as_str().map(TableName::from_str) {
                Some(Ok(name)) => self.contract.also.push(name),
                _ => self.errors.push(entry.bad_at(spot, EXPECTED)),
            }
        }
    }

    fn columns(&mut self, entry: &Entry<'a, '_>) -> Vec<ColumnName> {
        let Some(elements) = entry.elements() else {
            self.errors.push(entry.bad("a list of columns"));
            return Vec::new();
        };
        elements
            .into_iter()
            .filter_map(|(value, spot)| self.column(entry, value, spot))
            .collect()
    }

    pub(super) fn column(
        &mut self,
        entry: &Entry<'a, '_>,
        value: &DeValue<'a>,
        spot: Spot,
    ) -> Option<ColumnName> {
        let column = value.as_str().and_then(|name| ColumnName::new(name, spot));
        if column.is_none() {
            self.errors.push(entry.bad_at(spot, "the name of a column"));
        }
        column
    }
}
