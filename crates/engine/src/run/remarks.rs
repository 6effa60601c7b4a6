//! Warnings and refusals of a run about its input: files left aside, unknown
//! fields, joins that multiply rows, files that cannot be decoded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use query::landing::{Source, TableIntake, fault_of};

use super::work::Work;
use crate::contract::report::Report;
use crate::error::{Error, Refusal};
use crate::subjects::quarantine::QuarantineState;
use crate::write::ledger;

/// The warning about landing files that changed or went after they were read;
/// `became` says what happened to their rows.
pub(super) fn changed_files_warning(changed: &[String], became: &str) -> Option<String> {
    let files = and_more(changed.first()?, changed.len() as u64 - 1);
    Some(format!(
        "{files} changed or went after it was read; what it fed {became}"
    ))
}

pub(super) fn warnings(
    sources: &HashMap<String, Arc<Source>>,
    intake: &BTreeMap<String, TableIntake>,
) -> Vec<String> {
    let mut warnings: Vec<String> = sources
        .values()
        .filter_map(|source| {
            let example = source.other_example.as_ref()?;
            let files = and_more(example, source.other_files - 1);
            Some(format!(
                "{}: {files} left aside: names that begin with `.` or `_` are no input, nor is what is neither a file nor a folder",
                source.table
            ))
        })
        .collect();
    warnings.extend(sources.values().filter_map(|source| unreadable(source)));
    warnings.extend(
        sources
            .values()
            .filter(|source| source.files.is_empty())
            .map(|source| {
                format!(
                    "{}: {} holds no file; it is read as a table without rows",
                    source.table, source.location
                )
            }),
    );
    warnings.extend(
        sources
            .values()
            .filter_map(|source| mixed_sources(source, sources)),
    );
    warnings.extend(sources.values().filter_map(|source| {
        let example = source.unpartitioned_example.as_ref()?;
        let files = and_more(example, source.unpartitioned_files - 1);
        Some(format!(
            "{}: {files} in no folder of a partition, such as `dt=2024-01-31/`; the partition columns that its folders do not name are null",
            source.table
        ))
    }));
    warnings.extend(intake.iter().filter_map(|(table, read)| {
        let unknown = read.tally.unknown;
        let names: Vec<&str> = read.tally.unknown_fields.keys().map(|name| field_name(name)).collect();
        (unknown > 0).then(|| {
            format!(
                "{table}: {unknown} values stand in fields that the table does not have ({}); they were left aside",
                shown(&names)
            )
        })
    }));
    warnings.extend(intake.iter().filter_map(|(table, read)| {
        let misfits = &read.tally.misfits;
        let columns: Vec<&str> = misfits.keys().map(String::as_str).collect();
        (!columns.is_empty()).then(|| {
            let count: u64 = misfits.values().sum();
            let values = if count == 1 { "value does" } else { "values do" };
            format!(
                "{table}: {count} {values} not fit the type of the column ({}); the rows were kept, \
                 with null there",
                shown(&columns)
            )
        })
    }));
    warnings.sort();
    warnings
}

/// The warning about entries of a landing table that cannot be read.
pub(crate) fn unreadable(source: &Source) -> Option<String> {
    let first = fault_of(source.unreadable.first()?);
    let more = match source.unreadable.len() - 1 {
        0 => String::new(),
        1 => ", nor 1 other entry".to_owned(),
        more => format!(", nor {more} other entries"),
    };
    Some(format!(
        "{}: {first}{more}; what cannot be read is left out until it can, and what was read of it before stays",
        source.table
    ))
}

/// The warning about a location that holds the files of several sources.
fn mixed_sources(source: &Source, sources: &HashMap<String, Arc<Source>>) -> Option<String> {
    let (table, own) = (&source.table, source.location.prefix());
    let is_inside = |other: &&Arc<Source>| {
        let other = &other.location;
        other.overlaps(&source.location)
            && other.prefix() != own
            && other.prefix().prefix_matches(own)
    };
    let inside: BTreeSet<&str> = sources
        .values()
        .filter(is_inside)
        .map(|other| other.table.as_str())
        .collect();
    let what = match inside.is_empty() {
        false => {
            let names: Vec<&str> = inside.into_iter().collect();
            format!("the files of {}", names.join(", "))
        }
        true => {
            let folders: Vec<&str> = source.folders().into_iter().collect();
            if !source.is_whole_landing || folders.len() < 2 {
                return None;
            }
            format!("several folders ({})", shown(&folders))
        }
    };
    Some(format!(
        "{table}: its LOCATION, {}, holds {what}; all of it is read as {table}: give the table a folder of its own",
        source.location
    ))
}

/// Warnings about joins that multiply rows, and about ledger entries that do not
/// balance.
pub(super) fn remarks(table: &str, entries: &[ledger::Entry]) -> Vec<String> {
    let faults = entries
        .iter()
        .filter(|entry| !entry.balances())
        .map(|entry| {
            format!(
                "{table}: the ledger's {} of {} does not balance, which is a fault in this program",
                entry.step, entry.source
            )
        });
    let joins = entries
        .iter()
        .filter(|entry| entry.step == "join" && entry.fan_out > 0);
    joins
        .map(|join| {
            format!(
                "{table}: the join with {} multiplies rows: {} came of {} with a partner",
                join.source,
                join.rows_out,
                join.rows_out - join.fan_out
            )
        })
        .chain(faults)
        .collect()
}

/// The first few names, and how many more there are.
fn shown(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let first = names
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    and_more(&first, names.len().saturating_sub(SHOWN) as u64)
}

/// An example, and how many more there are.
fn and_more(first: &str, more: u64) -> String {
    match more {
        0 => first.to_owned(),
        more => format!("{first} and {more} more"),
    }
}

/// An unknown field's name comes from the data: what does not look like a name
/// given by a programmer is not shown.
fn field_name(name: &str) -> &str {
    let plain = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name } else { "***" }
}

impl Work {
    /// Files of customer records of which nobody can tell whom they name: those
    /// that were read, and otherwise those that were `known`.
    pub(super) fn undecodable(
        &self,
        known: &QuarantineState,
        intake: &BTreeMap<String, TableIntake>,
    ) -> Vec<String> {
        let records = self.setup.project.roles().person_records();
        let records = records.map_or("", |records| records.table.as_ref());
        let read = intake.get(records);
        let was_read = |name: &str| {
            let mut files = read.iter().flat_map(|read| &read.files);
            files.any(|file| file.name == name)
        };
        let shown = |name: &String| match self.sources.get(records) {
            Some(source) => source.location.display(&source.location.child(name)),
            None => name.clone(),
        };
        let before = known.undecodable.iter();
        let before = before.filter(|name| !was_read(name)).map(shown);
        let read = read.iter().flat_map(|read| &read.undecodable);
        before.chain(read.cloned()).collect()
    }
}

/// Publishes nothing where a file of customer records cannot be decoded.
///
/// # Errors
/// [`Error::Refused`].
pub(super) fn refuse_undecodable(report: &Report) -> Result<(), Error> {
    let Some(first) = report.undecodable.first() else {
        return Ok(());
    };
    Err(Error::Refused(Refusal::Undecodable {
        first: first.clone(),
        more: report.undecodable.len() - 1,
    }))
}

pub(super) fn refuse_malformed(intake: &BTreeMap<String, TableIntake>) -> Result<(), Error> {
    let stretches: u64 = intake.values().map(|table| table.places).sum();
    let Some(first) = intake.values().find_map(|table| table.examples.first()) else {
        return Ok(());
    };
    let rejected = &first.rejected;
    Err(Error::Malformed {
        stretches,
        first: format!(
            "{}, line {}, byte {}: {}",
            first.shown, rejected.line, rejected.offset, rejected.detail
        ),
    })
}
