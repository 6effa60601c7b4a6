//! Compares two lakes over the same landing files, and checks a lake after a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::arrivals::step::Source;
use crate::company::Company;
use crate::delta::{self, Rows};

/// Whether the ledger's totals over all runs equal those of one full run.
const LEDGER_TOTALS: bool = true;

/// System tables that must be equal in both lakes.
const DERIVED: [&str; 3] = ["system/consent", "system/device_owner", "system/quarantine"];

/// Maximum number of differing rows that are shown.
const SHOWN: usize = 6;

/// Compares all rows of `tables` and of derived system tables, and the ledger's
/// totals.
pub(crate) fn lakes(living: &Path, fresh: &Path, tables: &[String]) -> Result<(), String> {
    let mut faults = Vec::new();
    let all = tables.iter().map(String::as_str).chain(DERIVED);
    for table in all {
        let living = delta::read(living, table)?.unwrap_or_default();
        let fresh = delta::read(fresh, table)?.unwrap_or_default();
        if !living.columns.is_empty()
            && !fresh.columns.is_empty()
            && living.columns != fresh.columns
        {
            faults.push(format!(
                "{table}: columns {:?} instead of {:?}",
                living.columns, fresh.columns
            ));
        }
        faults.extend(difference(
            table,
            &living.counted(None),
            &fresh.counted(None),
        ));
    }
    if LEDGER_TOTALS {
        let names: BTreeSet<&str> = tables
            .iter()
            .filter_map(|table| Some(table.split_once('/')?.1))
            .chain(landing_tables())
            .collect();
        let living = totals(living, &names)?;
        let fresh = totals(fresh, &names)?;
        faults.extend(difference("totals of system/ledger", &living, &fresh));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults.join("\n")),
    }
}

/// The landing tables of all companies.
fn landing_tables<'a>() -> impl Iterator<Item = &'a str> {
    let companies = [Company::Stedi, Company::Gym].into_iter();
    companies.flat_map(|company| Source::ALL.map(|source| company.landing_table(source)))
}

/// Compares the results of the checks of the newest runs.
pub(crate) fn checks(living: &Path, fresh: &Path) -> Result<(), String> {
    let (Some(living), Some(fresh)) = (newest_checks(living)?, newest_checks(fresh)?) else {
        return Ok(());
    };
    difference("checks of the newest run", &living, &fresh).map_or(Ok(()), Err)
}

fn newest_checks(lake: &Path) -> Result<Option<BTreeMap<String, u64>>, String> {
    let number = |name: &str| name.strip_suffix(".json")?.parse::<u64>().ok();
    let entries = fs::read_dir(lake.join("system/release"));
    let entries = entries.into_iter().flatten().flatten();
    let newest = entries.max_by_key(|entry| number(&entry.file_name().to_string_lossy()));
    let text = newest.and_then(|entry| fs::read_to_string(entry.path()).ok());
    let release: Value = serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
    let Some(run) = release["state"]["run"].as_str() else {
        return Ok(None);
    };
    let mut rows = delta::read(lake, "system/checks")?.unwrap_or_default();
    let of_run: Vec<bool> = rows.of("run").map(|of| of == Some(run)).collect();
    let mut of_run = of_run.into_iter();
    rows.rows.retain(|_| of_run.next() == Some(true));
    let columns = ["table_name", "check_name", "verdict", "violations"];
    Ok(Some(rows.counted(Some(&columns))))
}

/// Row counts of `tables` and of derived system tables, and how devices found their
/// owners.
pub(crate) fn told(lake: &Path, tables: &[String]) -> Result<Vec<(String, u64)>, String> {
    let mut told = Vec::new();
    for table in tables.iter().map(String::as_str).chain(DERIVED) {
        let rows = delta::read(lake, table)?.unwrap_or_default();
        told.push((table.to_owned(), rows.rows.len() as u64));
        if table == "system/device_owner" {
            for evidence in rows.of("evidence") {
                told.push((format!("{table}: {}", evidence.unwrap_or("nobody's")), 1));
            }
            let ended = rows.of("valid_to").flatten().count();
            told.push((format!("{table}: passed on"), ended as u64));
        }
    }
    Ok(told)
}

/// Rows that one side has more often than the other, as text.
pub(crate) fn difference(
    table: &str,
    living: &BTreeMap<String, u64>,
    fresh: &BTreeMap<String, u64>,
) -> Option<String> {
    let more = |of: &BTreeMap<String, u64>, than: &BTreeMap<String, u64>| -> Vec<String> {
        let missing = of.iter().filter_map(|(row, count)| {
            let other = than.get(row).copied().unwrap_or_default();
            (*count > other).then(|| format!("{}x {row}", count - other))
        });
        missing.collect()
    };
    let (extra, missing) = (more(living, fresh), more(fresh, living));
    if extra.is_empty() && missing.is_empty() {
        return None;
    }
    let shown = |rows: &[String]| -> String {
        let rows = rows.iter().take(SHOWN);
        rows.map(|row| format!("\n      {row}")).collect()
    };
    Some(format!(
        "{table}: the living lake has {} rows that a full run has not{}\n   and lacks {}{}",
        extra.len(),
        shown(&extra),
        missing.len(),
        shown(&missing)
    ))
}

/// The sum of each count by step, table and source, over all runs. Groups with all
/// counts zero, and tables that the data product no longer has, are left out.
fn totals(lake: &Path, tables: &BTreeSet<&str>) -> Result<BTreeMap<String, u64>, String> {
    const KEY: [&str; 3] = ["step", "table_name", "source"];
    let ledger = delta::read(lake, "system/ledger")?.unwrap_or_default();
    let mut groups: BTreeMap<Vec<&str>, Vec<i64>> = BTreeMap::new();
    let counts: Vec<usize> = (0..ledger.columns.len())
        .filter(|place| {
            let name = ledger.columns[*place].as_str();
            name != "run" && !KEY.contains(&name)
        })
        .collect();
    for row in &ledger.rows {
        let text = |name: &str| -> &str {
            let value = ledger.place(name).and_then(|place| row[place].as_deref());
            value.unwrap_or_default()
        };
        if !tables.contains(text("table_name")) {
            continue;
        }
        let sums = groups
            .entry(KEY.map(text).to_vec())
            .or_insert_with(|| vec![0; counts.len()]);
        for (sum, place) in sums.iter_mut().zip(&counts) {
            let value = row[*place].as_deref().unwrap_or("0");
            *sum += value
                .parse::<i64>()
                .map_err(|error| format!("system/ledger: {value}: {error}"))?;
        }
    }
    let groups = groups
        .into_iter()
        .filter(|(_, sums)| sums.iter().any(|sum| *sum != 0));
    let words = groups.map(|(key, sums)| {
        let sums: Vec<String> = counts
            .iter()
            .zip(sums)
            .filter(|(_, sum)| *sum != 0)
            .map(|(place, sum)| format!("{}={sum}", ledger.columns[*place]))
            .collect();
        (format!("{key:?} {}", sums.join(" ")), 1)
    });
    Ok(words.collect())
}

/// Fails if a trusted or curated table has a row of a person whose consent is not
/// in force, or of a device whose owner's consent is not.
pub(crate) fn nobody_without_consent(
    company: Company,
    lake: &Path,
    tables: &[String],
    now: i64,
) -> Result<(), String> {
    let consent = delta::read(lake, "system/consent")?.unwrap_or_default();
    let owners = delta::read(lake, "system/device_owner")?.unwrap_or_default();
    let agreed: BTreeSet<String> = in_force(&consent, now);
    let owned: BTreeSet<&str> = owners
        .of("serialnumber")
        .zip(owners.of("subject"))
        .filter(|(_, subject)| subject.is_some_and(|subject| agreed.contains(subject)))
        .filter_map(|(serial, _)| serial)
        .collect();
    for table in tables {
        let rows = delta::read(lake, table)?
            .ok_or_else(|| format!("{table} is not there after a run of all tables"))?;
        let people = company.people();
        let people = people.iter().flat_map(|column| rows.of(column)).flatten();
        if let Some(person) = people.map(subject).find(|person| !agreed.contains(person)) {
            return Err(format!("{table}: a row of {person}, who does not agree"));
        }
        if company.device_tables().contains(&table.as_str())
            && let Some(serial) = rows
                .of(company.device())
                .flatten()
                .find(|serial| !owned.contains(serial))
        {
            return Err(format!(
                "{table}: a row of {serial}, whose owner does not agree"
            ));
        }
    }
    Ok(())
}

fn in_force(consent: &Rows, now: i64) -> BTreeSet<String> {
    let number = |value: Option<&str>| value.and_then(|value| value.parse::<i64>().ok());
    let mut agreed = BTreeSet::new();
    let times = consent.of("valid_from").zip(consent.of("valid_to"));
    let people = consent.of("subject").zip(consent.of("purpose"));
    for ((subject, purpose), (from, to)) in people.zip(times) {
        let holds =
            number(from).is_some_and(|from| from <= now) && number(to).is_none_or(|to| now < to);
        if purpose == Some("research") && holds {
            agreed.extend(subject.map(str::to_owned));
        }
    }
    agreed
}

fn subject(email: &str) -> String {
    email.trim().to_lowercase().replace("e\u{301}", "\u{e9}")
}
