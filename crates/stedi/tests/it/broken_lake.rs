//! Damage to a lake: each object of a small lake is damaged in five ways.
//!
//! After any damage, the next run makes every table right, or ends with a plain
//! message. It never reports "nothing new" over a lake that `stedi verify` finds
//! broken. A sample of all cases is played to save time; `STEDI_TEST_FAULTS=all`
//! plays every one, a number plays that many.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::places::{SMALL, append, contents, copy};
use crate::program::{count, rows, stedi};
use crate::random::Dice;

/// Number of cases that are played by default.
const CASES: usize = 32;

/// A kind of damage to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Delete,
    Truncate,
    Empty,
    Garble,
    /// Replaced by another object of its kind.
    Swap,
}

const WAYS: [Way; 5] = [
    Way::Delete,
    Way::Truncate,
    Way::Empty,
    Way::Garble,
    Way::Swap,
];

/// A lake of three runs, with a withdrawal and a dropped quarantine entry; and a
/// copy with another withdrawal that no run has read.
struct Prepared {
    _dir: TempDir,
    /// Path of each lake, and the rows of its tables after a run.
    lakes: [(PathBuf, Vec<String>); 2],
    /// People whose addresses must never be printed.
    people: Vec<String>,
}

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("taken-in");
    fs::create_dir(&own).unwrap();
    call(&own, "sample landing --customers 8 --seed 3").done();
    for bad in 0..2 {
        let record = format!("{{\"email\":\"nobody{bad}@x.org\",\"lastUpdateDate\":\n");
        append(&own, &format!("customer/landing/bad{bad}.json"), &record);
    }
    call(&own, "run").done();
    let entries = call(&own, "quarantine list --format json").done().json();
    let id = entries[0]["id"].as_str().unwrap().to_owned();
    call(&own, &format!("quarantine drop {id}")).done();
    let people: Vec<String> = rows(&own, "select email from customer_trusted order by email")
        .iter()
        .map(|row| row["email"].as_str().unwrap().to_owned())
        .collect();
    withdraw(&own, &people[0]);
    call(&own, "run").done();
    call(&own, "sample more --customers 2 --seed 9").done();
    for source in ["customer", "accelerometer", "step_trainer"] {
        let folder = |of: &str| own.join(of).join(source).join("landing");
        for file in fs::read_dir(folder("more")).unwrap().flatten() {
            let name = format!("new-{}", file.file_name().to_string_lossy());
            fs::copy(file.path(), folder("landing").join(name)).unwrap();
        }
    }
    call(&own, "run").done();
    let pending = dir.path().join("pending");
    copy(&own, &pending);
    withdraw(&pending, &people[1]);
    let expected = |from: &Path| {
        let after = tempfile::tempdir().unwrap();
        copy(from, after.path());
        call(after.path(), "run").done();
        all_rows(after.path())
    };
    let lakes = [own, pending].map(|lake| {
        let rows = expected(&lake);
        (lake, rows)
    });
    assert_ne!(lakes[0].1, lakes[1].1);
    Prepared {
        _dir: dir,
        lakes,
        people,
    }
});

/// With a fixed key, because pseudonyms are compared between lakes.
fn call(dir: &Path, words: &str) -> crate::program::Outcome {
    stedi(dir, words).env("STEDI_KEY", &"5".repeat(64)).run()
}

/// With the key of the lake.
fn plain(dir: &Path, words: &str) -> crate::program::Outcome {
    stedi(dir, words).run()
}

fn withdraw(dir: &Path, email: &str) {
    stedi(dir, "consent withdraw").input(email).run().done();
}

/// Rows of all tables, except columns that name runs.
fn all_rows(dir: &Path) -> Vec<String> {
    const TABLES: [&str; 11] = [
        "customer_trusted",
        "accelerometer_trusted",
        "step_trainer_trusted",
        "customer_curated",
        "machine_learning_curated",
        "training_set",
        "system.consent",
        "system.consent_register",
        "system.device_claim",
        "system.device_owner",
        "system.quarantine",
    ];
    let mut all: Vec<String> = TABLES
        .iter()
        .map(|table| format!("select '{table}' as of_table, * from {table}"))
        .collect();
    all.push(
        "select step, table_name, source, sum(rows_in), sum(rows_out) from system.ledger \
         group by 1, 2, 3 having sum(rows_in) <> 0 or sum(rows_out) <> 0"
            .to_owned(),
    );
    all.push("select table_name, file, bytes, rows from system.landing_files".to_owned());
    let listed = stedi(dir, "sql --format csv -c").arg(all.join(";")).run();
    let mut lines: Vec<String> = listed.done().out.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn objects(lake: &Path) -> Vec<PathBuf> {
    let files = contents(lake).into_keys().filter(|path| path.is_file());
    files
        .map(|path| path.strip_prefix(lake).unwrap().to_owned())
        .collect()
}

/// The kind of an object. Only objects of the same kind replace one another.
fn kind(object: &Path) -> (&str, Option<&std::ffi::OsStr>) {
    let text = object.to_str().unwrap();
    match (
        text.contains("_delta_log"),
        text.starts_with("system/decisions"),
    ) {
        (true, _) => ("log", object.extension()),
        (_, true) => ("decisions", None),
        _ => ("other", object.extension()),
    }
}

/// Damages an object; `false` if this damage is not possible.
fn damage(lake: &Path, object: &Path, way: Way, dice: &mut Dice) -> bool {
    let path = lake.join(object);
    let size = fs::metadata(&path).unwrap().len();
    let set_len = |bytes| {
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(bytes).unwrap();
    };
    match way {
        Way::Delete => fs::remove_file(&path).unwrap(),
        Way::Truncate => set_len(size * 2 / 3),
        Way::Empty => set_len(0),
        Way::Garble => {
            let mut bytes = fs::read(&path).unwrap();
            for _ in 0..(bytes.len() / 60).max(3) {
                let at = dice.below(bytes.len());
                bytes[at] = dice.below(256) as u8;
            }
            fs::write(&path, bytes).unwrap();
        }
        Way::Swap => {
            let mut others = objects(lake);
            others.retain(|other| other != object && kind(other) == kind(object));
            if others.is_empty() {
                return false;
            }
            let other = lake.join(&others[dice.below(others.len())]);
            let aside = lake.with_extension("aside");
            fs::rename(&path, &aside).unwrap();
            fs::rename(&other, &path).unwrap();
            fs::rename(&aside, &other).unwrap();
        }
    }
    true
}

/// Messages about a broken lake must not contain this.
const NOT_PLAIN: [&str; 8] = [
    "panicked",
    "a bug in this program",
    "acktrace",
    "Some(",
    "Error {",
    "RUST_",
    "Kernel error",
    "Generic ",
];

fn play(of: usize, object: &Path, way: Way) {
    let prepared = &*PREPARED;
    let (dir, expected) = &prepared.lakes[of];
    let case = format!("{way:?} {} of lake {of}", object.display());
    let own = tempfile::tempdir().unwrap();
    copy(&dir.join("lake"), &own.path().join("lake"));
    std::os::unix::fs::symlink(dir.join("landing"), own.path().join("landing")).unwrap();
    let mut dice = Dice::of(case.bytes().map(u64::from).sum());
    if !damage(&own.path().join("lake"), object, way, &mut dice) {
        return;
    }
    let mut run = call(own.path(), "run");
    let is_nothing_new = run.err.contains("nothing new");
    if is_nothing_new {
        let verified = call(own.path(), "verify");
        assert_eq!(
            verified.code, 0,
            "{case}: nothing new over a broken lake: {verified}"
        );
    }
    if run.code != 0 {
        assert!(run.err.starts_with("error: "), "{case}: {run}");
        run = call(own.path(), "repair");
    }
    for told in NOT_PLAIN
        .iter()
        .copied()
        .chain(prepared.people.iter().map(String::as_str))
    {
        assert!(!run.err.contains(told), "{case}: tells {told}: {run}");
    }
    assert_eq!(run.code, 0, "{case}: {run}");
    let found = all_rows(own.path());
    let of = |these: &[String], others: &[String]| {
        let these = these.iter().filter(|row| !others.contains(row));
        these.take(3).cloned().collect::<Vec<_>>()
    };
    let (more, less) = (of(&found, expected), of(expected, &found));
    assert!(
        found == *expected,
        "{case}: has {more:?}, lacks {less:?}: {run}"
    );
    call(own.path(), "run").done().says("nothing new");
}

#[test]
fn a_lake_that_was_damaged_anywhere_becomes_right() {
    if crate::long::is_left_out() {
        return;
    }
    let mut cases: Vec<(usize, PathBuf, Way)> = Vec::new();
    for (of, (dir, _)) in PREPARED.lakes.iter().enumerate() {
        for object in objects(&dir.join("lake")) {
            cases.extend(WAYS.map(|way| (of, object.clone(), way)));
        }
    }
    let wanted = match std::env::var("STEDI_TEST_FAULTS").as_deref() {
        Ok("all") => cases.len(),
        Ok(number) => number.parse().unwrap(),
        Err(_) => CASES,
    };
    // A stride that shares no factor with the five ways meets all of them.
    let mut stride = (cases.len() / wanted.min(cases.len())).max(1);
    if stride > 1 && stride.is_multiple_of(WAYS.len()) {
        stride += 1;
    }
    let cases: Vec<_> = cases.into_iter().step_by(stride).collect();
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((of, object, way)) = cases.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    // One fault does not hide those that follow.
                    if catch_unwind(|| play(*of, object, *way)).is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert_eq!(failed, 0, "of {} cases, so many failed", cases.len());
}

/// A data file of the newest version of a table.
fn data_file(dir: &Path, table: &str) -> PathBuf {
    let log = dir.join("lake").join(table).join("_delta_log");
    let newest = fs::read_dir(&log).unwrap().flatten();
    let newest = newest
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"));
    let text = fs::read_to_string(newest.max().unwrap()).unwrap();
    let actions = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut added = actions.filter_map(|action| Some(action["add"]["path"].as_str()?.to_owned()));
    dir.join("lake")
        .join(table)
        .join(added.next_back().unwrap())
}

#[test]
fn verify_names_what_is_missing_and_repair_brings_it_back() {
    let own = SMALL.with_own_lake();
    let readings = count(own.path(), "select count(*) from accelerometer_trusted");
    plain(own.path(), "repair")
        .done()
        .says("nothing is damaged");
    let file = data_file(own.path(), "trusted/accelerometer_trusted");
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    fs::remove_file(&file).unwrap();
    plain(own.path(), "verify")
        .ended(3)
        .says(&format!(
            "error: trusted.accelerometer_trusted: file {name} is missing"
        ))
        .hints("stedi repair");
    let told = plain(own.path(), "repair --dry-run --format json")
        .ended(3)
        .json();
    assert_eq!(told[0]["object"], "trusted.accelerometer_trusted");
    plain(own.path(), "repair")
        .done()
        .says("published accelerometer_trusted");
    plain(own.path(), "verify").done();
    assert_eq!(
        count(own.path(), "select count(x) from accelerometer_trusted"),
        readings
    );
}

/// Damage to tables that can be rebuilt does not delay a withdrawal.
#[test]
fn a_withdrawal_takes_effect_whatever_is_broken() {
    for (table, way) in [
        ("curated/machine_learning_curated", Way::Delete),
        ("system/ledger", Way::Garble),
        ("system/device_owner", Way::Delete),
        ("system/landing_files", Way::Empty),
        ("system/quarantine", Way::Delete),
    ] {
        let prepared = &*PREPARED;
        let own = tempfile::tempdir().unwrap();
        copy(&prepared.lakes[0].0, own.path());
        let file = data_file(own.path(), table);
        let lake = own.path().join("lake");
        let object = file.strip_prefix(&lake).unwrap();
        damage(&lake, object, way, &mut Dice::of(1));
        withdraw(own.path(), &prepared.people[1]);
        call(own.path(), "run").done();
        let left = "select count(*) from machine_learning_curated where \"user\" = ";
        let email = &prepared.people[1];
        assert_eq!(count(own.path(), &format!("{left}'{email}'")), 0, "{table}");
        call(own.path(), "verify").done();
    }
}

#[test]
fn the_register_is_made_whole_from_its_copies_and_never_passed_over() {
    let prepared = &*PREPARED;
    let person = &prepared.people[0];
    let trusted = format!("select count(*) from customer_trusted where email = '{person}'");
    let register = Path::new("system/consent_register");
    let copies = Path::new("system/decisions");
    for (gone, code) in [
        (&[register][..], 0),
        (&[copies], 0),
        (&[register, copies], 4),
    ] {
        let own = tempfile::tempdir().unwrap();
        copy(&prepared.lakes[0].0, own.path());
        for folder in gone {
            fs::remove_dir_all(own.path().join("lake").join(folder)).unwrap();
        }
        let run = call(own.path(), "run").ended(code);
        assert_eq!(count(own.path(), &trusted), 0, "{gone:?}");
        if code == 4 {
            let run = run.says("1 entry of the consent register is lost");
            run.hints("--accept-lost-entries");
            call(own.path(), "run --full").ended(4);
            call(own.path(), "repair").ended(4);
            // Somebody enters it again, and says so.
            withdraw(own.path(), person);
            call(own.path(), "repair --accept-lost-entries").done();
            assert_eq!(count(own.path(), &trusted), 0);
            call(own.path(), "run").done();
            continue;
        }
        let entries = "select count(*) from system.consent_register";
        assert_eq!(count(own.path(), entries), 1, "{gone:?}");
        assert!(own.path().join("lake").join(copies).exists(), "{gone:?}");
        call(own.path(), "verify").done();
    }
}

/// A log entry about files of another table says nothing about consent entries.
#[test]
fn a_log_entry_of_another_table_is_not_a_lost_consent() {
    let prepared = &*PREPARED;
    for (number, other) in [
        (0, "trusted/customer_trusted"),
        (0, "system/device_owner"),
        (1, "system/ledger"),
        (1, "system/runs"),
        (1, "curated/customer_curated"),
    ] {
        let own = tempfile::tempdir().unwrap();
        copy(&prepared.lakes[1].0, own.path());
        let entry = |table: &str| {
            let log = own.path().join("lake").join(table).join("_delta_log");
            log.join(format!("{number:020}.json"))
        };
        let (of_register, of_other) = (entry("system/consent_register"), entry(other));
        let aside = own.path().join("aside");
        fs::rename(&of_register, &aside).unwrap();
        fs::rename(&of_other, &of_register).unwrap();
        fs::rename(&aside, &of_other).unwrap();
        call(own.path(), "run").done();
        assert_eq!(
            all_rows(own.path()),
            prepared.lakes[1].1,
            "{number} {other}"
        );
        call(own.path(), "verify").done();
    }
    // Files of one row each, as entries are.
    let own = tempfile::tempdir().unwrap();
    copy(&prepared.lakes[1].0, own.path());
    let entry = |table: &str, number: u32| {
        let log = own.path().join("lake").join(table).join("_delta_log");
        log.join(format!("{number:020}.json"))
    };
    let mut lines = String::new();
    for table in ["trusted/customer_trusted", "curated/customer_curated"] {
        let text = fs::read_to_string(entry(table, 2)).unwrap();
        let added = text.lines().filter(|line| line.starts_with("{\"add\""));
        for line in added {
            assert!(line.contains("numRecords\\\":1}"), "{line}");
            lines += &format!("{line}\n");
        }
    }
    fs::write(entry("system/consent_register", 1), lines).unwrap();
    call(own.path(), "run").done();
    assert_eq!(all_rows(own.path()), prepared.lakes[1].1);
}

/// A withdrawal works even if the register is broken.
#[test]
fn a_withdrawal_is_taken_while_the_register_is_broken() {
    let prepared = &*PREPARED;
    let own = tempfile::tempdir().unwrap();
    copy(&prepared.lakes[0].0, own.path());
    fs::remove_file(data_file(own.path(), "system/consent_register")).unwrap();
    withdraw(own.path(), &prepared.people[1]);
    call(own.path(), "run").done();
    for person in &prepared.people[..2] {
        let trusted = format!("select count(*) from customer_trusted where email = '{person}'");
        assert_eq!(count(own.path(), &trusted), 0);
    }
    assert_eq!(
        count(own.path(), "select count(*) from system.consent_register"),
        2
    );
}

/// A lake that was moved, or restored from a backup, is read completely once, not
/// again.
#[test]
fn a_lake_that_was_copied_is_whole() {
    let own = SMALL.with_own_lake();
    let before: BTreeMap<PathBuf, Vec<u8>> = contents(&own.path().join("lake"));
    for _ in 0..2 {
        plain(own.path(), "run").done().says("nothing new");
        crate::places::unchanged(&before, &own.path().join("lake"), "a copied lake");
    }
    plain(own.path(), "repair")
        .done()
        .says("nothing is damaged");
}

/// Another program may have removed rows in a valid Delta commit.
#[test]
fn rows_that_another_program_took_away_come_back() {
    for table in ["trusted/step_trainer_trusted", "system/landing_files"] {
        let own = SMALL.copied();
        let all = format!(
            "select count(*) from {}",
            match table.split_once('/').unwrap() {
                ("system", name) => format!("system.{name}"),
                (_, name) => name.to_owned(),
            }
        );
        let before = count(own.path(), &all);
        let file = data_file(own.path(), table);
        let name = file.file_name().unwrap().to_str().unwrap();
        let entry = format!(
            "{{\"commitInfo\":{{\"timestamp\":1,\"operation\":\"DELETE\",\"engineInfo\":\"other\"}}}}\n{{\"remove\":{{\"path\":\"{name}\",\"dataChange\":true,\"deletionTimestamp\":1}}}}\n"
        );
        let log = own.path().join("lake").join(table).join("_delta_log");
        let entries = fs::read_dir(&log).unwrap().count();
        fs::write(log.join(format!("{entries:020}.json")), entry).unwrap();
        let run = plain(own.path(), "run").done();
        assert!(!run.err.contains("nothing new"), "{table}: {run}");
        assert_eq!(count(own.path(), &all), before, "{table}");
        plain(own.path(), "verify").done();
    }
}

/// A program that can write to the lake's folder must not control which tables a
/// run empties.
#[test]
fn the_lock_is_no_link() {
    let own = SMALL.with_own_lake();
    let precious = own.path().join("precious");
    fs::write(&precious, "kept").unwrap();
    let lock = own.path().join("lake/system/lock.json");
    std::os::unix::fs::symlink(&precious, &lock).unwrap();
    for words in ["run", "vacuum", "compact"] {
        plain(own.path(), words)
            .ended(1)
            .says("is not a regular file");
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
    fs::remove_file(&lock).unwrap();
    plain(own.path(), "run").done();
}

/// An uncommitted file of another program is removed only after a week.
#[test]
fn vacuum_leaves_fresh_files_of_other_programs() {
    let own = SMALL.copied();
    let table = own.path().join("lake/trusted/customer_trusted");
    let theirs = table.join("part-00000-3b1c2a52-0000-4000-8000-000000000000-c000.snappy.parquet");
    for (days, stays) in [(0, true), (6, true), (8, false)] {
        fs::write(&theirs, "rows").unwrap();
        let age = std::time::Duration::from_secs(days * 24 * 60 * 60 + 60);
        let written = std::time::SystemTime::now() - age;
        let file = File::options().append(true).open(&theirs).unwrap();
        file.set_modified(written).unwrap();
        plain(own.path(), "vacuum").done();
        assert_eq!(theirs.exists(), stays, "{days} days old");
    }
}

/// A limit on the size of files ends in an error like any other.
#[test]
fn a_file_that_may_not_grow_is_an_error() {
    let own = SMALL.copied();
    fs::remove_dir_all(own.path().join("lake")).unwrap();
    let limited = stedi(own.path(), "run").limited("ulimit -f 1").run();
    let limited = limited.ended(1);
    assert!(limited.err.contains("error: "), "{limited}");
    plain(own.path(), "run").done();
}
