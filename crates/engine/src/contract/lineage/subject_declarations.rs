//! Checks what a contract declares about the people in a model's rows: its `subject`,
//! `device` and `anonymous`. See `docs/decisions/0007-whose-rows-a-model-holds.md`.

use std::fmt::Write;

use catalog::{ColumnName, Model};

use super::parties::{Kind, Parties, Party};
use super::people::{RelationPeople, RowSource, RowSourceKind};
use crate::error::{Error, Refusal};
use query::redaction;

/// A broken rule, its line in the model's file, and what to do.
struct BrokenRule {
    line: u32,
    rule: String,
    advice: String,
}

/// A model, and the people in its rows.
pub(super) struct TracedModel<'a> {
    pub(super) model: &'a Model,
    /// The names of its columns.
    pub(super) names: &'a [&'a str],
    pub(super) parties: &'a Parties,
    pub(super) relation: &'a RelationPeople,
    /// The personal columns, by table and name, whose values are in its columns.
    pub(super) personal: &'a [(String, String)],
    /// Whether its rows are groups whose people can be counted.
    pub(super) is_grouped: bool,
}

/// Checks the declarations of a model's contract.
///
/// # Errors
/// [`Error::Refused`].
pub(super) fn check_declarations(traced: &TracedModel<'_>) -> Result<(), Error> {
    let model = traced.model;
    let broken_rule = match model.contract.anonymous {
        true => traced.check_anonymous(),
        false => {
            refuse_values_of_anybody(model, traced.personal)?;
            traced.check_subjects()
        }
    };
    match broken_rule {
        None => Ok(()),
        Some(broken_rule) => Err(broken_rule.in_file(&model.file)),
    }
}

/// What a model's contract must declare of people.
#[derive(Debug, Default)]
pub(crate) struct ProposedPeople {
    /// The column that names the person, if one must be declared.
    pub(crate) subject: Option<String>,
    /// The column that names the device, if one must be declared.
    pub(crate) device: Option<String>,
    /// The columns with personal values.
    pub(crate) personal: Vec<String>,
    /// Why no declaration would do.
    pub(crate) refused: Option<Error>,
}

/// How many columns are tried as `subject` or `device` of a model.
const CANDIDATES_MAX: usize = 8;

/// Finds the fewest declarations with which [`check_declarations`] accepts a model: none, a
/// person, a device, or both.
pub(super) fn propose_declarations(traced: &TracedModel<'_>) -> ProposedPeople {
    if let Err(refusal) = refuse_values_of_anybody(traced.model, traced.personal) {
        return ProposedPeople {
            refused: Some(refusal.into()),
            ..ProposedPeople::default()
        };
    }
    let candidates = |is_device: bool| -> Vec<(Option<Party>, Option<String>)> {
        let columns = traced.relation.columns.iter().zip(traced.names);
        let named = columns.filter_map(|(party, name)| Some(((*party)?, name)));
        let named = named
            .filter(|(party, _)| (traced.parties.kind(*party) == Kind::Device) == is_device)
            .map(|(party, name)| (Some(party), Some((*name).to_owned())));
        std::iter::once((None, None))
            .chain(named.take(CANDIDATES_MAX))
            .collect()
    };
    let mut broken_rule = None;
    for (device, device_name) in candidates(true) {
        for (subject, subject_name) in candidates(false) {
            let declared: Vec<Party> = [subject, device].into_iter().flatten().collect();
            match traced.check_rows(&declared) {
                None => {
                    return ProposedPeople {
                        subject: subject_name,
                        device: device_name,
                        ..ProposedPeople::default()
                    };
                }
                Some(rule) => broken_rule = broken_rule.or(Some(rule)),
            }
        }
    }
    ProposedPeople {
        refused: broken_rule.map(|rule| rule.in_file(&traced.model.file)),
        ..ProposedPeople::default()
    }
}

impl BrokenRule {
    fn in_file(self, file: &str) -> Error {
        Error::Refused(Refusal::Model {
            file: file.to_owned(),
            line: self.line,
            rule: self.rule,
            advice: self.advice,
        })
    }
}

impl TracedModel<'_> {
    /// An anonymous model must output groups.
    fn check_anonymous(&self) -> Option<BrokenRule> {
        let source = self.relation.sources.first();
        let source = source.filter(|_| !self.is_grouped)?;
        Some(BrokenRule {
            line: self.model.sql_line,
            rule: format!(
                "{} is anonymous by its contract, and its rows may be those of single people, from {}",
                self.model.name, source.table
            ),
            advice: "group the rows, with the column that names people going into the grouping and \
                   count(), sum(), avg() and the like coming out, nothing that lists values: groups \
                   of fewer than 5 people are refused; or take `anonymous` away"
                .to_owned(),
        })
    }

    /// A model that is not anonymous must declare columns that identify the people of all
    /// its rows.
    fn check_subjects(&self) -> Option<BrokenRule> {
        if self.relation.sources.is_empty() {
            return None;
        }
        match self.declared_parties() {
            Ok(declared) => self.check_rows(&declared),
            Err(broken_rule) => Some(broken_rule),
        }
    }

    /// The people of all rows must be identified by `declared`.
    fn check_rows(&self, declared: &[Party]) -> Option<BrokenRule> {
        let has_people = |source: &&RowSource| match source.kind {
            RowSourceKind::Record => {
                let mut personal = self.personal.iter();
                personal.any(|(table, _)| *table == source.table)
            }
            _ => true,
        };
        let mut sources = self.relation.sources.iter().filter(has_people);
        if let Some(source) = sources.find(|source| !self.is_source_checked(source, declared)) {
            return Some(self.missing_declaration(source, declared));
        }
        self.check_other_names(declared)
    }

    /// The parties of the columns that the contract declares as `subject` and `device`.
    fn declared_parties(&self) -> Result<Vec<Party>, BrokenRule> {
        let contract = &self.model.contract;
        let mut parties = Vec::new();
        for (key, declared, kind) in [
            ("subject", &contract.subject, Kind::Person),
            ("device", &contract.device, Kind::Device),
        ] {
            let Some(declared) = declared else { continue };
            match self.party_of(declared, kind) {
                Some(party) => parties.push(party),
                None => return Err(self.not_a_party(key, declared, kind)),
            }
        }
        Ok(parties)
    }

    fn is_source_checked(&self, source: &RowSource, declared: &[Party]) -> bool {
        let mut parties = source.parties.iter();
        match source.kind {
            RowSourceKind::Model => true,
            RowSourceKind::Landing | RowSourceKind::Record => {
                !source.is_combined
                    && parties.any(|party| self.parties.is_checked_by(*party, declared))
            }
            RowSourceKind::Derived => parties.any(|party| {
                self.parties.is_checked(*party, &[])
                    || !source.is_combined && self.parties.is_checked_by(*party, declared)
            }),
        }
    }

    /// No column may name people or devices that are not checked.
    fn check_other_names(&self, declared: &[Party]) -> Option<BrokenRule> {
        let columns = self.relation.columns.iter().zip(self.names);
        let mut columns = columns.filter_map(|(party, name)| Some(((*party)?, name)));
        let (party, name) =
            columns.find(|(party, _)| !self.parties.is_checked(*party, declared))?;
        let name = redaction::shown(name);
        let key = key_of(self.parties.kind(party));
        Some(BrokenRule {
            line: self.model.sql_line,
            rule: format!(
                "column `{name}` of {} names people or devices that nothing in the contract \
                 has checked",
                self.model.name
            ),
            advice: format!("add `{key} = \"{name}\"` to the contract, or leave the column out"),
        })
    }

    fn party_of(&self, declared: &ColumnName, kind: Kind) -> Option<Party> {
        let mut names = self.names.iter();
        let index = names.position(|name| *name == declared.as_str())?;
        let party = self.relation.columns.get(index).copied().flatten()?;
        let party_kind = self.parties.kind(party);
        (party_kind == kind || party_kind == Kind::Either).then_some(party)
    }

    /// A declared column does not name the people or devices of rows.
    fn not_a_party(&self, key: &str, declared: &ColumnName, kind: Kind) -> BrokenRule {
        let mut advice =
            "it must be the column of a table that names them, as it is or by subject(), \
                        lower(), trim()"
                .to_owned();
        let fits = |party: &Option<Party>| {
            party.is_some_and(|party| [kind, Kind::Either].contains(&self.parties.kind(party)))
        };
        let mut columns = self.relation.columns.iter().zip(self.names);
        let mut sources = self.relation.sources.iter();
        if let Some((_, name)) = columns.find(|(party, _)| fits(party)) {
            let _ = write!(advice, ": did you mean `{}`?", redaction::shown(name));
        } else if sources.all(|source| source.kind == RowSourceKind::Model) {
            let _ = write!(
                advice,
                "; rows of {} are checked there, so that `{key}` may be left out",
                table_names(self.relation)
            );
        }
        BrokenRule {
            line: declared.line,
            rule: format!(
                "{key} names `{declared}`, which does not say whose row of {} it is",
                self.model.name
            ),
            advice,
        }
    }

    /// No declaration identifies the people of a source's rows.
    fn missing_declaration(&self, source: &RowSource, declared: &[Party]) -> BrokenRule {
        let (model, table) = (self.model, &source.table);
        let mut columns = self.relation.columns.iter().zip(self.names);
        let naming_column = columns.find_map(|(party, name)| {
            let party = (*party)?;
            let mut parties = source.parties.iter();
            parties
                .any(|of_source| self.parties.is_checked_by(*of_source, &[party]))
                .then_some((party, *name))
        });
        let trusted = match source.kind {
            RowSourceKind::Landing => "; or read the trusted table, whose rows are checked there",
            _ => "",
        };
        let (rule, advice) = match (naming_column, &source.column) {
            _ if source.is_combined => (
                format!(
                    "rows of {} combine rows of several people, from {table}",
                    model.name
                ),
                format!(
                    "group by the column that says whose row it is{trusted}; or let nothing but \
                     groups of at least 5 people come out, and declare `anonymous = true`"
                ),
            ),
            (Some((party, name)), _) if declared.is_empty() => (
                format!(
                    "{} holds rows of people, from {table}, and its contract does not say whose they \
                     are",
                    model.name
                ),
                format!(
                    "add `{} = \"{}\"` to the contract",
                    key_of(self.parties.kind(party)),
                    redaction::shown(name)
                ),
            ),
            (_, column) => {
                let column = column.as_deref().map_or_else(
                    || "its column".to_owned(),
                    |column| format!("{table}.{}", redaction::shown(column)),
                );
                let others = match declared.is_empty() {
                    true => "",
                    false => " others than those named,",
                };
                (
                    format!(
                        "{} holds rows of people,{others} from {table}, and nothing in it says whose \
                         they are",
                        model.name
                    ),
                    format!(
                        "let the SELECT give {column} and name it as `subject` or `device` in the \
                         contract{trusted}; or join it to the same person's rows"
                    ),
                )
            }
        };
        BrokenRule {
            line: model.sql_line,
            rule,
            advice,
        }
    }
}

/// Refuses values that may be about anybody, since nothing identifies the person.
fn refuse_values_of_anybody(model: &Model, personal: &[(String, String)]) -> Result<(), Refusal> {
    const OF_ANYBODY: [(&str, &str); 3] = [
        ("system.quarantine", "raw"),
        ("system.quarantine", "hash"),
        ("system.landing_files", "who"),
    ];
    let mut personal = personal.iter();
    let found = personal.find(|(table, column)| OF_ANYBODY.contains(&(table, column)));
    let Some((table, column)) = found else {
        return Ok(());
    };
    Err(Refusal::ValuesOfAnybody {
        file: model.file.clone(),
        line: model.sql_line,
        model: model.name.to_string(),
        table: table.clone(),
        column: column.clone(),
    })
}

fn key_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Device => "device",
        Kind::Person | Kind::Either => "subject",
    }
}

fn table_names(relation: &RelationPeople) -> String {
    let mut tables: Vec<&str> = Vec::new();
    for source in &relation.sources {
        if !tables.contains(&source.table.as_str()) {
            tables.push(&source.table);
        }
    }
    tables.join(", ")
}
