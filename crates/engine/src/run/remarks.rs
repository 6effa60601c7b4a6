//! What a run has to say about its input, and what it refuses.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::landing::{Source, TableIntake};
use crate::{Error, ledger};

/// Words about landing files that are not as they were read, and about what
/// became of what they fed.
pub(super) fn remark_on(changed: &[String], became: &str) -> Option<String> {
    let first = changed.first()?;
    let more = match changed.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "{first}{more} changed or went after it was read; what it fed {became}"
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
            let others = source.other_files - 1;
            let more = if others > 0 {
                format!(" and {others} more")
            } else {
                String::new()
            };
            Some(format!(
                "{}: {example}{more} left aside, as only *.json, *.json.gz and *.json.zst are read",
                source.table
            ))
        })
        .collect();
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
    warnings.sort();
    warnings
}

/// Words for joins that gave more rows than they read, and for rows that nobody
/// can account for.
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
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
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

pub(super) fn refuse_malformed(intake: &BTreeMap<String, TableIntake>) -> Result<(), Error> {
    let stretches: u64 = intake
        .values()
        .map(|table| table.rejections.len() as u64)
        .sum();
    let Some(first) = intake.values().find_map(|table| table.rejections.first()) else {
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
