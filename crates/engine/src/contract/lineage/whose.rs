//! What a contract must say of whose rows a model holds, and what it may not
//! claim. See `docs/decisions/0007-whose-rows-a-model-holds.md`.

use std::fmt::Write;

use catalog::{ColumnName, Model};

use super::people::{Kind, Party, People, Relation, Source, SourceKind};
use crate::error::{Error, Refusal};
use query::redaction;

/// What is wrong, on which line of the model's file, and what to do.
struct BrokenRule {
    line: u32,
    rule: String,
    advice: String,
}

/// Whether a model says whose rows it holds, or need not.
///
/// `personal` are the columns of lists of what was done whose values come out;
/// `is_grouped` tells whether rows are of groups whose people can be counted.
///
/// # Errors
/// [`Error::Refused`].
pub(super) fn must_be_said(
    model: &Model,
    names: &[&str],
    people: &People<'_>,
    relation: &Relation,
    personal: &[(String, String)],
    is_grouped: bool,
) -> Result<(), Error> {
    let refusal = match model.contract.anonymous {
        true => claimed(model, relation, is_grouped),
        false => {
            refuse_values_of_anybody(model, personal)?;
            unsaid(model, names, people, relation, personal)
        }
    };
    match refusal {
        None => Ok(()),
        Some(refusal) => Err(Error::Refused(Refusal::Model {
            file: model.file.clone(),
            line: refusal.line,
            rule: refusal.rule,
            advice: refusal.advice,
        })),
    }
}

/// A table that its contract calls anonymous is one of groups.
fn claimed(model: &Model, relation: &Relation, is_grouped: bool) -> Option<BrokenRule> {
    let source = relation.sources.first().filter(|_| !is_grouped)?;
    Some(BrokenRule {
        line: model.sql_line,
        rule: format!(
            "{} is anonymous by its contract, and its rows may be those of single people, from {}",
            model.name, source.table
        ),
        advice: "group the rows, with the column that names people going into the grouping and \
               count(), sum(), avg() and the like coming out, nothing that lists values: groups \
               of fewer than 5 people are refused; or take `anonymous` away"
            .to_owned(),
    })
}

/// Refuses values that may be anybody's: nothing tells whose they are.
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

fn unsaid(
    model: &Model,
    names: &[&str],
    people: &People<'_>,
    relation: &Relation,
    personal: &[(String, String)],
) -> Option<BrokenRule> {
    if relation.sources.is_empty() {
        return None;
    }
    let contract = &model.contract;
    let mut said = Vec::new();
    for (key, declared, kind) in [
        ("subject", &contract.subject, Kind::Person),
        ("device", &contract.device, Kind::Device),
    ] {
        let Some(declared) = declared else { continue };
        match party_of(declared, names, people, relation, kind) {
            Some(party) => said.push(party),
            None => {
                return Some(not_a_name(
                    model, key, declared, names, people, relation, kind,
                ));
            }
        }
    }
    let concerned = |source: &&Source| match source.kind {
        SourceKind::Record => personal.iter().any(|(table, _)| *table == source.table),
        _ => true,
    };
    for source in relation.sources.iter().filter(concerned) {
        let mut own = source.parties.iter();
        let is_checked = match source.kind {
            SourceKind::Model => true,
            SourceKind::Landing | SourceKind::Record => {
                !source.crowd && own.any(|party| people.is_checked_by(*party, &said))
            }
            SourceKind::Derived => own.any(|party| {
                people.is_checked(*party, &[])
                    || !source.crowd && people.is_checked_by(*party, &said)
            }),
        };
        if !is_checked {
            return Some(missing(model, names, people, relation, source, &said));
        }
    }
    // A column that names others than those who are checked.
    let columns = relation.columns.iter().zip(names);
    for (party, name) in columns.filter_map(|(party, name)| Some(((*party)?, name))) {
        if !people.is_checked(party, &said) {
            let name = redaction::shown(name);
            let key = key_of(people.kind(party));
            return Some(BrokenRule {
                line: model.sql_line,
                rule: format!(
                    "column `{name}` of {} names people or devices that nothing in the contract \
                     has checked",
                    model.name
                ),
                advice: format!(
                    "add `{key} = \"{name}\"` to the contract, or leave the column out"
                ),
            });
        }
    }
    None
}

fn party_of(
    declared: &ColumnName,
    names: &[&str],
    people: &People<'_>,
    relation: &Relation,
    kind: Kind,
) -> Option<Party> {
    let place = names.iter().position(|name| *name == declared.as_str())?;
    let party = relation.columns.get(place).copied().flatten()?;
    let own = people.kind(party);
    (own == kind || own == Kind::Either).then_some(party)
}

fn not_a_name(
    model: &Model,
    key: &str,
    declared: &ColumnName,
    names: &[&str],
    people: &People<'_>,
    relation: &Relation,
    kind: Kind,
) -> BrokenRule {
    let mut hint = "it must be the column of a table that names them, as it is or by subject(), \
                    lower(), trim()"
        .to_owned();
    let fits = |party: &Option<Party>| {
        party.is_some_and(|party| [kind, Kind::Either].contains(&people.kind(party)))
    };
    let mut columns = relation.columns.iter().zip(names);
    if let Some((_, name)) = columns.find(|(party, _)| fits(party)) {
        let _ = write!(hint, ": did you mean `{}`?", redaction::shown(name));
    } else if relation
        .sources
        .iter()
        .all(|from| from.kind == SourceKind::Model)
    {
        let _ = write!(
            hint,
            "; rows of {} are checked there, so that `{key}` may be left out",
            tables(relation)
        );
    }
    BrokenRule {
        line: declared.line,
        rule: format!(
            "{key} names `{declared}`, which does not say whose row of {} it is",
            model.name
        ),
        advice: hint,
    }
}

/// Nobody says whose the rows of a source are.
fn missing(
    model: &Model,
    names: &[&str],
    people: &People<'_>,
    relation: &Relation,
    source: &Source,
    said: &[Party],
) -> BrokenRule {
    let table = &source.table;
    let mut columns = relation.columns.iter().zip(names);
    let named = columns.find_map(|(party, name)| {
        let party = (*party)?;
        let mut own = source.parties.iter();
        own.any(|own| people.is_checked_by(*own, &[party]))
            .then_some((party, *name))
    });
    let trusted = match source.kind {
        SourceKind::Landing => "; or read the trusted table, whose rows are checked there",
        _ => "",
    };
    let (message, hint) = match (named, &source.column) {
        _ if source.crowd => (
            format!(
                "rows of {} are made of several people's, from {table}",
                model.name
            ),
            format!(
                "group by the column that says whose row it is{trusted}; or let nothing but \
                 groups of at least 5 people come out, and declare `anonymous = true`"
            ),
        ),
        (Some((party, name)), _) if said.is_empty() => (
            format!(
                "{} holds rows of people, from {table}, and its contract does not say whose they \
                 are",
                model.name
            ),
            format!(
                "add `{} = \"{}\"` to the contract",
                key_of(people.kind(party)),
                redaction::shown(name)
            ),
        ),
        (_, column) => {
            let column = column.as_deref().map_or_else(
                || "its column".to_owned(),
                |column| format!("{table}.{}", redaction::shown(column)),
            );
            let who = if said.is_empty() {
                ""
            } else {
                " others than those named,"
            };
            (
                format!(
                    "{} holds rows of people,{who} from {table}, and nothing in it says whose \
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
        rule: message,
        advice: hint,
    }
}

fn key_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Device => "device",
        Kind::Person | Kind::Either => "subject",
    }
}

fn tables(relation: &Relation) -> String {
    let mut tables: Vec<&str> = Vec::new();
    for source in &relation.sources {
        if !tables.contains(&source.table.as_str()) {
            tables.push(&source.table);
        }
    }
    tables.join(", ")
}
