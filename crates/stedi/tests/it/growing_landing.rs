//! Helpers for tests in which runs are killed, meet each other, or find no free
//! space: a landing folder that grows by batches of files, and what must hold of
//! its lake at every instant.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::company::{Company, STEDI_TABLES};
use crate::delta::{self, Log, Rows};
use crate::equal;
use crate::places::{Landing, contents};
use crate::program::{Call, stedi};
use crate::random::Dice;

/// Start time of every run.
const NOW: i64 = 100_000;

/// Files of a lake that belong to no table.
const KNOWN: [&str; 2] = ["system/lake.json", "system/lock.json"];

/// The folder of the newest release, which is its only object.
const RELEASES: &str = "system/release";

/// `stedi WORDS` in a folder with `landing` and the lake `lake`.
pub(crate) fn on_lake(dir: &Path, lake: &str, words: &str) -> Call {
    let words = format!("{words} --quiet --landing landing --lake {lake} --now {NOW}");
    stedi(dir, &words).env("STEDI_KEY", &"7".repeat(64))
}

/// Whether people change their consent in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Minds {
    /// Nobody does: rows are added, and none are removed.
    Made,
    /// People withdraw their consent, and some give it again.
    Change,
}

/// Delivers the `number`th batch: one person with a device, readings that complete
/// earlier ones, and a file that is delivered twice.
pub(crate) fn deliver(dir: &Path, number: usize, minds: Minds) {
    let mut dice = Dice::of(number as u64);
    let updated = 1_000 + number as i64;
    let record = |person: usize, agrees: bool| {
        json!({
            "email": format!("p{person}@x.org"),
            "serialNumber": format!("device-{person}"),
            "registrationDate": person,
            "lastUpdateDate": updated,
            "shareWithResearchAsOfDate": agrees.then_some(500),
        })
    };
    let mut batch = Landing::default();
    batch.customers.push(record(number, number % 4 != 3));
    if minds == Minds::Change && number > 0 && dice.percent(60) {
        let person = dice.below(number);
        batch.customers.push(record(person, dice.percent(40)));
    }
    let instant = |person: usize, reading: i64| 2_000 + person as i64 * 7 + reading * 10;
    let mut people = vec![(number, 0..6)];
    if number > 0 {
        // Of somebody who is known: later readings.
        people.push((dice.below(number), 6..9));
    }
    for (person, readings) in people {
        for reading in readings {
            batch.accelerometer.push(json!({
                "user": format!("p{person}@x.org"),
                "timestamp": instant(person, reading),
                "x": reading, "y": 0, "z": person,
            }));
            batch.step_trainer.push(json!({
                "serialNumber": format!("device-{person}"),
                "sensorReadingTime": instant(person, reading),
                "distanceFromObject": reading,
            }));
        }
    }
    // Each file is there at once, as somebody may be reading.
    let name = format!("{number:04}.json");
    let again = format!("{number:04}-again.json");
    let staging = dir.join("staging");
    batch.write(&staging, &name);
    let sources = ["customer", "accelerometer", "step_trainer"];
    let place = |root: &Path, source: &str, name: &str| {
        let folder = root.join("landing").join(source).join("landing");
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    };
    let mut files: Vec<(&str, &str)> = sources.iter().map(|of| (*of, name.as_str())).collect();
    if number % 5 == 4 {
        let source = *dice.one_of(&sources);
        let from = format!("{:04}.json", dice.below(number));
        fs::copy(place(dir, source, &from), place(&staging, source, &again)).unwrap();
        files.push((source, &again));
    }
    for (source, name) in files {
        fs::rename(place(&staging, source, name), place(dir, source, name)).unwrap();
    }
}

/// What holds for readers at every instant: no row is doubled, and no curated row
/// exists without the trusted rows that it is made of.
pub(crate) fn consistent(lake: &Path) -> Result<(), String> {
    let mut tables = Vec::new();
    for table in STEDI_TABLES {
        let rows = delta::read(lake, table)?.unwrap_or_default();
        if let Some((row, _)) = rows.counted(None).iter().find(|(_, count)| **count > 1)
            && table != "curated/training_set"
        {
            return Err(format!("{table}: doubled: {row}"));
        }
        tables.push(rows);
    }
    let [customers, phones, trainers, curated, pairs, training] = &tables[..] else {
        unreachable!("as many as there are tables");
    };
    part_of(
        "customer_curated",
        curated,
        &["email"],
        customers,
        &["email"],
    )?;
    let of_phone = ["user", "sensorreadingtime", "x", "y", "z"];
    let phone = ["user", "timestamp", "x", "y", "z"];
    part_of("machine_learning_curated", pairs, &of_phone, phones, &phone)?;
    let trainer = ["serialnumber", "sensorreadingtime", "distancefromobject"];
    part_of(
        "machine_learning_curated",
        pairs,
        &trainer,
        trainers,
        &trainer,
    )?;
    if training.rows.len() > phones.rows.len() {
        return Err("training_set has more rows than there are trusted readings".to_owned());
    }
    Ok(())
}

/// For each row, a row of `other` must have the same values in `columns`.
fn part_of(
    table: &str,
    rows: &Rows,
    columns: &[&str],
    other: &Rows,
    of_other: &[&str],
) -> Result<(), String> {
    let values = |rows: &Rows, columns: &[&str]| -> Vec<Vec<Option<String>>> {
        let places: Vec<Option<usize>> = columns.iter().map(|name| rows.place(name)).collect();
        let of = |row: &Vec<Option<String>>| -> Vec<Option<String>> {
            let values = places.iter().map(|place| row[(*place)?].clone());
            values.collect()
        };
        rows.rows.iter().map(of).collect()
    };
    let known: BTreeSet<_> = values(other, of_other).into_iter().collect();
    let mut own = values(rows, columns).into_iter();
    match own.find(|row| !known.contains(row)) {
        Some(row) => Err(format!("{table}: {row:?} has no trusted row")),
        None => Ok(()),
    }
}

/// Files that belong to no version of any table and to no log.
pub(crate) fn orphans(lake: &Path) -> Result<Vec<PathBuf>, String> {
    let releases = fs::read_dir(lake.join(RELEASES)).into_iter().flatten();
    if releases.count() > 1 {
        return Err(format!("several releases lie in {RELEASES}"));
    }
    let mut logs = Vec::new();
    for table in delta::tables(lake) {
        if let Some(log) = Log::read(&lake.join(&table))? {
            logs.push((table, log));
        }
    }
    let is_known = |file: &Path| {
        let name = file
            .strip_prefix(lake)
            .unwrap_or(file)
            .display()
            .to_string();
        let in_log = |name: &str| {
            let number = name.split('.').next().unwrap_or_default();
            name == "_last_checkpoint"
                || number.parse::<u64>().is_ok()
                    && (name.ends_with(".json") || name.ends_with(".checkpoint.parquet"))
                    && !name.contains('#')
        };
        let of_table = logs.iter().find_map(|(table, log)| {
            let below = name.strip_prefix(table.as_str())?.strip_prefix('/')?;
            Some(match below.strip_prefix("_delta_log/") {
                Some(entry) => in_log(entry),
                None => log.ever.contains(below),
            })
        });
        let of_release = name.strip_prefix(RELEASES).is_some_and(|name| {
            let number = name.trim_start_matches('/').strip_suffix(".json");
            number.is_some_and(|number| number.parse::<u64>().is_ok())
        });
        // Copies of what people decided belong to no table.
        let is_copy = name.starts_with("system/decisions/") && name.ends_with(".parquet");
        of_table.unwrap_or(of_release) || is_copy || KNOWN.contains(&name.as_str())
    };
    let files = contents(lake).into_keys().filter(|path| path.is_file());
    Ok(files.filter(|file| !is_known(file)).collect())
}

/// Completes a run. Then the lake must equal a fresh one: the same rows in every
/// table, and another run writes nothing.
pub(crate) fn settle(dir: &Path) -> Result<(), String> {
    let fresh = format!("fresh-{}", std::process::id());
    for lake in ["lake", fresh.as_str()] {
        let outcome = on_lake(dir, lake, "run").run();
        if outcome.code != 0 {
            return Err(outcome.to_string());
        }
    }
    let tables = STEDI_TABLES.map(str::to_owned);
    equal::lakes(&dir.join("lake"), &dir.join(&fresh), &tables)?;
    fs::remove_dir_all(dir.join(&fresh)).map_err(|error| error.to_string())?;
    equal::nobody_without_consent(Company::Stedi, &dir.join("lake"), &tables, NOW)?;
    let before = contents(&dir.join("lake"));
    let outcome = on_lake(dir, "lake", "run").run();
    if outcome.code != 0 {
        return Err(outcome.to_string());
    }
    if contents(&dir.join("lake")) != before {
        return Err("a run with nothing new wrote something".to_owned());
    }
    Ok(())
}
