//! Maintenance of a lake: compact, vacuum and drop, also beside readers and killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::places::{MANY, SMALL, append, contents, copy, log_entries, unchanged};
use crate::program::{count, finish, rows, stedi};
use crate::random::{Dice, setting};

/// A lake of several runs, each with new readings of one person's trainer.
fn several_runs() -> TempDir {
    let own = SMALL.copied();
    for run in 0..4 {
        one_more_run(own.path(), run);
    }
    own
}

fn one_more_run(dir: &Path, number: u64) {
    one_more_run_of("more.json", dir, number);
}

/// A run with one more reading of a device. If the file was read before, it has
/// changed, and everything is built anew.
fn one_more_run_of(file: &str, dir: &Path, number: u64) {
    let trainer = &rows(
        dir,
        "select serialnumber from step_trainer_trusted order by 1 limit 1",
    )[0]["serialnumber"];
    let reading = json!({
        "serialNumber": trainer,
        "sensorReadingTime": 1 + number,
        "distanceFromObject": 5,
    });
    append(
        dir,
        &format!("step_trainer/landing/{file}"),
        &format!("{reading}\n"),
    );
    stedi(dir, "run").run().done();
}

const TABLES: [&str; 12] = [
    "customer_trusted",
    "accelerometer_trusted",
    "step_trainer_trusted",
    "customer_curated",
    "machine_learning_curated",
    "training_set",
    "system.checks",
    "system.consent",
    "system.consent_register",
    "system.device_owner",
    "system.ledger",
    "system.runs",
];

/// All rows of all tables, sorted; read in one call, because many are compared.
fn all_rows(dir: &Path) -> Vec<String> {
    let all = TABLES.map(|table| format!("select '{table}' as of_table, * from {table}"));
    let listed = stedi(dir, "sql --format csv -c").arg(all.join(";")).run();
    let mut lines: Vec<String> = listed.done().out.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    assert!(lines.len() > 1000, "{}", lines.len());
    lines
}

/// Number of files of the newest version, as `stedi tables` reports it.
fn files(dir: &Path, table: &str) -> u64 {
    let told = stedi(dir, "describe --format json").arg(table).run();
    told.done().json()["files"].as_u64().unwrap()
}

fn log(dir: &Path, table: &str) -> PathBuf {
    dir.join("lake").join(table).join("_delta_log")
}

/// The actions of a table's newest log entry.
fn newest_entry(dir: &Path, table: &str) -> Vec<Value> {
    let entries = fs::read_dir(log(dir, table)).unwrap();
    let entries = entries.map(|entry| entry.unwrap().path());
    let newest = entries
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .max()
        .unwrap();
    let text = fs::read_to_string(newest).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn content(dir: &Path, table: &str) -> (Value, Value) {
    let entry = newest_entry(dir, table);
    let noted = &entry[0]["commitInfo"]["stedi"];
    (noted["content"].clone(), noted["rows"].clone())
}

fn state(dir: &Path) -> Value {
    let releases = fs::read_dir(dir.join("lake/system/release")).unwrap();
    let newest = releases.map(|release| release.unwrap().path()).max();
    let release: Value = serde_json::from_slice(&fs::read(newest.unwrap()).unwrap()).unwrap();
    assert_eq!(release["done"], true);
    release["state"].clone()
}

#[test]
fn merging_keeps_every_row_and_the_second_time_writes_nothing() {
    let own = several_runs();
    let dir = own.path();
    // What a new file feeds is beside what was there.
    one_more_run_of("other.json", dir, 9);
    stedi(dir, "consent grant --unknown --why one")
        .input("one@example.com")
        .run()
        .done();
    stedi(dir, "consent grant --unknown --why two")
        .input("two@example.com")
        .run()
        .done();
    let before = all_rows(dir);
    let noted = state(dir);
    let merged = [
        ("trusted/step_trainer_trusted", "step_trainer_trusted"),
        ("system/checks", "system.checks"),
        ("system/consent_register", "system.consent_register"),
        ("system/ledger", "system.ledger"),
        ("system/runs", "system.runs"),
    ];
    let contents_before = merged.map(|(path, _)| content(dir, path));
    let files_before = merged.map(|(_, name)| files(dir, name));
    assert!(files_before.iter().all(|files| *files > 1));

    let told = stedi(dir, "compact --format json").run().done().json();
    let told: BTreeMap<String, &Value> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|table| {
            let name = |key: &str| table[key].as_str().unwrap().to_owned();
            (format!("{}/{}", name("zone"), name("table")), table)
        })
        .collect();
    for (place, (path, name)) in merged.iter().enumerate() {
        let table = told[*path];
        assert_eq!(table["files_before"], files_before[place], "{table}");
        assert_eq!(table["files_after"], 1, "{table}");
        assert!(
            table["bytes"].as_u64() < table["bytes_before"].as_u64(),
            "{table}"
        );
        assert_eq!(files(dir, name), 1, "{name}");
        assert_eq!(content(dir, path), contents_before[place], "{path}");
        let entry = newest_entry(dir, path);
        assert_eq!(entry[0]["commitInfo"]["operation"], "OPTIMIZE", "{path}");
        for action in entry
            .iter()
            .filter_map(|action| action.get("add").or(action.get("remove")))
        {
            assert_eq!(action["dataChange"], false, "{path}: {action}");
        }
    }
    assert_eq!(all_rows(dir), before);
    assert_eq!(state(dir), noted, "what the next run shall know");

    let lake = contents(&dir.join("lake"));
    let again = stedi(dir, "compact --format json").run().done();
    assert_eq!(again.says("nothing to merge").json(), json!([]));
    unchanged(&lake, &dir.join("lake"), "merging again");
    stedi(dir, "verify").run().done();
    stedi(dir, "run").run().done().says("nothing new");
}

#[test]
fn personal_columns_have_no_statistics_after_merging_either() {
    let own = several_runs();
    for number in 0..12 {
        let who = format!("{number}@example.com");
        let grant = stedi(own.path(), "consent grant --unknown --why hidden-reason").input(&who);
        grant.run().done();
    }
    stedi(own.path(), "compact").run().done();
    let lake = own.path().join("lake");
    for table in ["system/consent_register", "curated/training_set"] {
        for action in newest_entry(own.path(), table) {
            let Some(add) = action.get("add") else {
                continue;
            };
            let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
            for bounds in ["minValues", "maxValues", "nullCount"] {
                for (column, bound) in stats[bounds].as_object().unwrap() {
                    assert!(bound.is_number(), "{table}: {bounds} of {column}: {bound}");
                }
            }
        }
    }
    for (path, bytes) in contents(&lake) {
        let is_rows = path.extension().is_some_and(|end| end == "parquet")
            && !path.parent().unwrap().ends_with("_delta_log");
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            is_rows || !text.contains("@example.com"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn tables_to_merge_by_name() {
    let own = several_runs();
    let dir = own.path();
    for (name, code, says) in [
        ("step_trainer_landing", 2, "landing table"),
        ("system.run", 1, "system.runs"),
        ("training_sets", 1, "training_set"),
        ("system.consent_register", 1, "no table"),
    ] {
        let lake = contents(&dir.join("lake"));
        stedi(dir, "compact").arg(name).run().ended(code).says(says);
        unchanged(&lake, &dir.join("lake"), name);
    }
    let ledger = files(dir, "system.ledger");
    stedi(dir, "compact system.runs TRAINING_SET").run().done();
    assert_eq!(files(dir, "system.runs"), 1);
    assert_eq!(files(dir, "training_set"), 1);
    assert_eq!(files(dir, "system.ledger"), ledger);
    let empty = tempfile::tempdir().unwrap();
    for words in ["compact", "vacuum", "vacuum --keep 0s"] {
        stedi(empty.path(), words)
            .run()
            .ended(2)
            .says("there is no lake");
        assert_eq!(contents(empty.path()).len(), 1, "{words}");
    }
}

/// Sets the age of an object of the lake to this many hours.
fn age(path: &Path, hours: u64) {
    let then = SystemTime::now() - Duration::from_secs(hours * 60 * 60);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(then).unwrap();
}

const TABLE: &str = "trusted/step_trainer_trusted";

/// A lake with a table of versions 0 to 4, each a day younger.
fn five_days() -> TempDir {
    let own = several_runs();
    for version in 0..5 {
        let entry = log(own.path(), TABLE).join(format!("{version:020}.json"));
        age(&entry, 24 * (5 - version) - 12);
    }
    own
}

#[test]
fn versions_stay_while_they_were_the_newest_within_the_time_kept() {
    if crate::long::is_left_out() {
        return;
    }
    let lake = five_days();
    let query =
        |version: u64| format!("select count(*) from step_trainer_trusted version as of {version}");
    let counts: Vec<u64> = (0..5).map(|v| count(lake.path(), &query(v))).collect();
    // Published 108, 84, 60, 36 and 12 hours ago.
    for (words, first) in [
        ("", 0),
        ("--keep 85h", 0),
        ("--keep 3d", 1),
        ("--keep 59h", 2),
        ("--keep 90m", 4),
        ("--keep 0s", 4),
    ] {
        let own = tempfile::tempdir().unwrap();
        let dir = own.path();
        copy(&lake.path().join("lake"), &dir.join("lake"));
        copy(&lake.path().join("landing"), &dir.join("landing"));
        for version in 0..5 {
            let entry = log(dir, TABLE).join(format!("{version:020}.json"));
            age(&entry, 24 * (5 - version) - 12);
        }
        let of_table = |told: Value| {
            let told = told.as_array().unwrap().clone();
            told.into_iter()
                .find(|row| row["table"] == "step_trainer_trusted")
        };
        let before = contents(&dir.join("lake"));
        let vacuum = format!("vacuum --format json {words}");
        let dry = stedi(dir, &format!("{vacuum} --dry-run")).run().done();
        unchanged(&before, &dir.join("lake"), words);
        let done = stedi(dir, &vacuum).run().done();
        assert_eq!(dry.json(), done.json(), "{words}");
        let told = of_table(done.json());
        assert_eq!(
            told.as_ref().map_or(0, |t| t["versions"].as_u64().unwrap()),
            first
        );
        if let Some(told) = told {
            let gone: u64 = before
                .iter()
                .filter(|(path, _)| {
                    path.starts_with(dir.join("lake").join(TABLE)) && !path.exists()
                })
                .map(|(_, bytes)| bytes.len() as u64)
                .sum();
            assert_eq!(told["bytes"], gone, "{words}");
        }

        let history = stedi(dir, "history step_trainer_trusted --format json").run();
        let versions: Vec<u64> = history
            .done()
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["version"].as_u64().unwrap())
            .collect();
        assert_eq!(versions, (first..5).rev().collect::<Vec<_>>(), "{words}");
        for version in 0..5 {
            if version >= first {
                assert_eq!(
                    count(dir, &query(version)),
                    counts[version as usize],
                    "{words}"
                );
                continue;
            }
            stedi(dir, "sql -c")
                .arg(query(version))
                .run()
                .ended(1)
                .says(&format!(
                    "no version {version} any more; it has {first} to 4"
                ))
                .hints("stedi vacuum");
        }
        if first > 0 {
            stedi(dir, "describe step_trainer_trusted --version 0")
                .run()
                .ended(1)
                .says("any more");
            stedi(dir, "sql --as-of 2001-01-01 -c")
                .arg("select count(*) from step_trainer_trusted")
                .run()
                .ended(1)
                .says("2001-01-01")
                .says("any more")
                .hints("stedi history");
        }
        let after = contents(&dir.join("lake"));
        let again = stedi(dir, &vacuum).run().done();
        assert_eq!(again.json(), json!([]), "{words}");
        unchanged(&after, &dir.join("lake"), words);
        stedi(dir, "verify").run().done();
        stedi(dir, "run").run().done().says("nothing new");
        one_more_run(dir, 9);
        assert_eq!(
            count(dir, "select count(*) from step_trainer_trusted"),
            counts[4] + 1
        );
    }
}

/// Another program may remove files without a log entry.
#[test]
fn a_version_whose_files_are_gone_is_gone() {
    let own = five_days();
    let dir = own.path();
    // A file beside those that stand, for the two to be merged.
    one_more_run_of("last.json", dir, 9);
    // The newest version needs no more what the one before it is made of.
    stedi(dir, "compact step_trainer_trusted").run().done();
    let entries = fs::read_dir(log(dir, TABLE)).unwrap();
    let versions = entries.filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".json")?.parse::<u64>().ok()
    });
    let newest = versions.max().unwrap();
    let entry = log(dir, TABLE).join(format!("{newest:020}.json"));
    let entry = fs::read_to_string(entry).unwrap();
    let removed = entry.lines().find_map(|line| {
        let action: Value = serde_json::from_str(line).unwrap();
        Some(action.get("remove")?["path"].as_str()?.to_owned())
    });
    fs::remove_file(dir.join("lake").join(TABLE).join(removed.unwrap())).unwrap();
    let before = newest - 1;
    let query = |of: &str| format!("select count(*) from step_trainer_trusted{of}");
    stedi(dir, "sql -c")
        .arg(query(&format!(" version as of {before}")))
        .run()
        .ended(1)
        .says(&format!("no version {before} any more"));
    for whole in [String::new(), format!(" version as of {newest}")] {
        assert!(count(dir, &query(&whole)) > 0, "{whole}");
    }
}

#[test]
fn what_the_dead_left_behind_goes_and_nothing_else() {
    let own = SMALL.copied();
    let dir = own.path();
    stedi(dir, "consent grant --unknown")
        .input("one@example.com")
        .run()
        .done();
    let lake = dir.join("lake");
    let id = |digit: &str| digit.repeat(32);
    let part = format!("part-{}-{}.parquet", id("a"), id("b"));
    // Where, how old in hours, whether it goes.
    for (name, hours, goes) in [
        (format!("trusted/customer_trusted/{part}"), 0, true),
        (format!("trusted/never_published/{part}"), 0, true),
        (
            "trusted/never_published/part-00000.parquet".to_owned(),
            9,
            false,
        ),
        ("trusted/customer_trusted/notes.txt".to_owned(), 900, false),
        (format!("elsewhere/customer_trusted/{part}"), 900, false),
        (format!("system/consent_register/{part}"), 0, false),
        (
            format!("system/consent_register/{}", part.replace('b', "c")),
            2,
            true,
        ),
        (
            "system/consent_register/_delta_log/1.json#1".to_owned(),
            0,
            false,
        ),
        (
            "system/consent_register/_delta_log/1.json#2".to_owned(),
            2,
            true,
        ),
        ("trusted/customer_trusted/x.parquet#1".to_owned(), 2, true),
        ("system/_probe/old".to_owned(), 2, true),
        ("system/_probe/new".to_owned(), 0, false),
        (
            "system/release/00000000000000000000.json".to_owned(),
            0,
            true,
        ),
    ] {
        let path = lake.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "1").unwrap();
        age(&path, hours);
        let before = contents(&lake);
        stedi(dir, "vacuum --dry-run").run().done();
        unchanged(&before, &lake, &name);
        stedi(dir, "vacuum").run().done();
        assert_eq!(!path.exists(), goes, "{name}");
        let _ = fs::remove_file(&path);
        let mut left = contents(&lake);
        left.retain(|path, _| path.is_file());
        for (other, _) in before
            .iter()
            .filter(|(other, bytes)| !bytes.is_empty() && **other != path)
        {
            assert!(
                left.contains_key(other),
                "{name}: {} went, too",
                other.display()
            );
        }
        for folder in ["trusted/never_published", "elsewhere", "system/_probe"] {
            let _ = fs::remove_dir_all(lake.join(folder));
        }
    }
    stedi(dir, "verify").run().done();
    for keep in ["7", "soon", "1.5h", ""] {
        stedi(dir, "vacuum --keep")
            .arg(keep)
            .run()
            .ended(2)
            .says("not a duration");
    }
}

fn kill(pid: u32) {
    let _ = Command::new("kill")
        .args(["-s", "KILL", &pid.to_string()])
        .output();
}

#[test]
fn a_lake_that_is_held_is_left_alone() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    fs::remove_file(dir.join("landing")).unwrap();
    std::os::unix::fs::symlink(MANY.dir.join("landing"), dir.join("landing")).unwrap();
    fs::create_dir_all(dir.join("lake/trusted/old/_delta_log")).unwrap();
    fs::write(
        dir.join("lake/trusted/old/_delta_log/00000000000000000000.json"),
        "{}",
    )
    .unwrap();
    let (child, line) = stedi(dir, "run").start();
    let patience = Instant::now();
    while !dir.join("lake/system/lock.json").exists() {
        assert!(
            patience.elapsed() < Duration::from_secs(20),
            "holds nothing"
        );
        sleep(Duration::from_millis(2));
    }
    for words in [
        "compact",
        "vacuum",
        "vacuum --dry-run",
        "tables --drop old --yes",
    ] {
        stedi(dir, words)
            .run()
            .ended(5)
            .says("locked by `stedi run`")
            .hints("--wait");
    }
    kill(child.id());
    let _ = finish(child, line);
    stedi(dir, "vacuum").run().done();
    stedi(dir, "tables --drop old --yes").run().done();
    assert!(!dir.join("lake/trusted/old").exists());
    stedi(dir, "verify")
        .arg("--landing")
        .arg(SMALL.dir.join("landing"))
        .run()
        .done();
}

/// Every file of the lake belongs to a retained version.
#[track_caller]
fn nothing_lies_about(lake: &Path, case: &str) {
    let log: String = log_entries(lake)
        .iter()
        .filter(|entry| entry.extension().is_some_and(|end| end == "json"))
        .map(|entry| fs::read_to_string(entry).unwrap())
        .collect();
    for path in contents(lake).into_keys() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains('#'), "{case}: {}", path.display());
        let is_data = name.starts_with("part-");
        assert!(!is_data || log.contains(name), "{case}: {}", path.display());
    }
}

/// If compact or vacuum is killed at any instant, the lake reads as before, and the
/// next lock holder finishes what was begun.
#[test]
fn killed_at_any_instant_the_next_finishes_it() {
    if crate::long::is_left_out() {
        return;
    }
    let lake = several_runs();
    let expected = all_rows(lake.path());
    let kills = setting("STEDI_TEST_KILLS", 24);
    let mut dice = Dice::of(setting("STEDI_TEST_SEED", 7));
    for kill_number in 0..kills {
        let own = tempfile::tempdir().unwrap();
        let dir = own.path();
        copy(&lake.path().join("lake"), &dir.join("lake"));
        std::os::unix::fs::symlink(lake.path().join("landing"), dir.join("landing")).unwrap();
        let first = if kill_number % 2 == 0 {
            "compact"
        } else {
            "vacuum --keep 0s"
        };
        if kill_number % 4 == 1 {
            stedi(dir, "compact").run().done();
        }
        let (child, line) = stedi(dir, first).start();
        sleep(Duration::from_micros(dice.below(250_000) as u64));
        kill(child.id());
        let outcome = finish(child, line);
        assert!([0, 137].contains(&outcome.code), "{outcome}");
        let case = format!("{first} killed, number {kill_number}");
        // A reader comes first, then anybody.
        assert_eq!(all_rows(dir), expected, "{case}");
        let next = *dice.one_of(&["run", "compact", "vacuum", "vacuum --keep 0s"]);
        let case = format!("{case}, then {next}");
        stedi(dir, next).run().done();
        assert_eq!(all_rows(dir), expected, "{case}");
        stedi(dir, "compact").run().done();
        stedi(dir, "vacuum --keep 0s").run().done();
        assert_eq!(all_rows(dir), expected, "{case}");
        nothing_lies_about(&dir.join("lake"), &case);
        stedi(dir, "run").run().done().says("nothing new");
    }
}

/// Readers of a retained version are not disturbed.
#[test]
fn readers_go_on_beside_merging_and_vacuuming() {
    let own = several_runs();
    let dir = own.path();
    let until = Instant::now() + Duration::from_secs(setting("STEDI_TEST_SECONDS", 6));
    let runs = count(dir, "select count(*) from system.runs");
    let trainer = count(dir, "select count(*) from step_trainer_trusted");
    let before = "select count(*) from step_trainer_trusted version as of 4";
    scope(|scope| {
        for statement in ["select count(*) from system.runs", before] {
            scope.spawn(move || {
                let mut read = 0;
                while Instant::now() < until {
                    let counted = count(dir, statement);
                    assert!([runs, trainer].contains(&counted), "{counted}");
                    read += 1;
                }
                assert!(read > 3, "{read}");
            });
        }
        scope.spawn(|| {
            let mut round = 0;
            while Instant::now() < until {
                // Consent is entered beside a holder, and must not be lost.
                stedi(dir, "consent grant --unknown")
                    .input(&format!("{round}@example.com"))
                    .run()
                    .done();
                round += 1;
                let entered = count(dir, "select count(*) from system.consent_register");
                assert_eq!(entered, round);
            }
        });
        while Instant::now() < until {
            stedi(dir, "compact --wait 9").run().done();
            stedi(dir, "vacuum --keep 1h").run().done();
        }
    });
    stedi(dir, "verify").run().done();
}

/// A lake with a table that the built-in project does not have; the project `p` has
/// it.
fn with_an_old_table() -> TempDir {
    let own = SMALL.with_own_lake();
    stedi(own.path(), "init p").run().done();
    fs::write(
        own.path().join("p/curated/old_pairs.sql"),
        "/*\ngrain = \"One person.\"\nsubject = \"email\"\npersonal = [\"email\"]\n*/\n\
         select c.email from customer_trusted c\n",
    )
    .unwrap();
    stedi(own.path(), "run --project p").run().done();
    own
}

#[test]
fn a_table_that_the_project_no_longer_has_is_named_and_can_be_dropped() {
    let own = with_an_old_table();
    let dir = own.path();
    let lake = dir.join("lake");
    for words in ["tables --project p", "run --project p"] {
        let told = stedi(dir, words).run().done();
        assert!(!told.err.contains("old_pairs"), "{told}");
    }
    for words in ["tables", "run", "plan"] {
        let told = stedi(dir, words).run().done();
        let named = told.err.matches("curated/old_pairs").count();
        assert_eq!(named, 1, "{told}");
        assert!(told.err.contains("stedi tables --drop old_pairs"), "{told}");
    }
    let before = contents(&lake);
    for (words, code, says) in [
        ("tables --drop old_pairs", 1, "not confirmed"),
        ("tables --yes --drop customer_trusted", 2, "the project has"),
        (
            "tables --yes --drop trusted.customer_trusted",
            2,
            "the project has",
        ),
        (
            "tables --yes --drop step_trainer_landing",
            2,
            "the project has",
        ),
        ("tables --yes --drop system.runs", 2, "is a system table"),
        ("tables --yes --drop system.release", 1, "no table"),
        ("tables --yes --drop trusted.old_pairs", 1, "no table"),
        ("tables --yes --drop old_pair", 1, "old_pairs"),
        ("tables --yes --drop ../landing", 1, "no table"),
        (
            "tables --yes --project p --drop old_pairs",
            2,
            "the project has",
        ),
    ] {
        stedi(dir, words).run().ended(code).says(says);
        unchanged(&before, &lake, words);
    }
    stedi(dir, "tables --yes --drop curated.old_pairs")
        .run()
        .done()
        .says("dropped curated/old_pairs");
    assert!(!lake.join("curated/old_pairs").exists());
    let told = stedi(dir, "tables").run().done();
    assert!(!told.err.contains("old_pairs"), "{told}");
    stedi(dir, "run").run().done().says("nothing new");
    stedi(dir, "run --project p").run().done();
    let people = count(dir, "select count(*) from customer_trusted");
    assert!(rows_of_old(dir) == Some(people));
}

/// Rows of the old table as its project reads it; `None` if the table was dropped.
fn rows_of_old(dir: &Path) -> Option<u64> {
    let told = stedi(dir, "sql --project p --format json -c")
        .arg("select count(*) as n from old_pairs")
        .run();
    match told.code {
        0 => told.json()[0]["n"].as_u64(),
        _ => {
            let told = told.ended(1).says("the lake has no table");
            assert!(told.out.is_empty());
            None
        }
    }
}

#[test]
fn a_drop_that_is_killed_leaves_the_table_whole_or_empty() {
    let lake = with_an_old_table();
    let whole = rows_of_old(lake.path());
    let mut dice = Dice::of(setting("STEDI_TEST_SEED", 7));
    for number in 0..setting("STEDI_TEST_KILLS", 24) {
        let own = tempfile::tempdir().unwrap();
        let dir = own.path();
        copy(&lake.path().join("lake"), &dir.join("lake"));
        copy(&lake.path().join("p"), &dir.join("p"));
        std::os::unix::fs::symlink(lake.path().join("landing"), dir.join("landing")).unwrap();
        let (child, line) = stedi(dir, "tables --yes --drop old_pairs").start();
        sleep(Duration::from_micros(dice.below(90_000) as u64));
        kill(child.id());
        let _ = finish(child, line);
        let left = rows_of_old(dir);
        assert!(
            left == whole || matches!(left, Some(0) | None),
            "{number}: {left:?}"
        );
        let again = stedi(dir, "tables --yes --drop old_pairs").run();
        match left {
            Some(_) => again.done().says("dropped "),
            None => again.says("old_pairs"),
        };
        stedi(dir, "run").run().done();
        assert!(!dir.join("lake/curated/old_pairs").exists(), "{number}");
        assert_eq!(rows_of_old(dir), None, "{number}");
    }
}
