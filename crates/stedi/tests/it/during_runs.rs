//! Changes during a run: entries, dropped tables, replaced files, a rotated key.
//! Each counts in this run or in the next one, whenever it came. A run notes
//! exactly what it has read.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::company::STEDI_TABLES;
use crate::equal;
use crate::places::{DEMO, Landing, MANY, append, copy};
use crate::program::{count, finish, rows, stedi};

/// Tables that name people, and the column of the name.
const NAMING: [(&str, &str); 4] = [
    ("customer_trusted", "email"),
    ("accelerometer_trusted", "user"),
    ("customer_curated", "email"),
    ("machine_learning_curated", "user"),
];

/// Landing data of enough people for a run of several seconds.
fn much() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(MANY.dir.join("landing"), dir.path().join("landing")).unwrap();
    dir
}

/// People who consent, in the order of their withdrawals.
fn agreeing(dir: &Path) -> Vec<String> {
    let landing = rows(
        dir,
        "select distinct lower(email) as email from customer_landing \
         where sharewithresearchasofdate > 0 order by 1 limit 400",
    );
    let emails = landing.iter().filter_map(|row| row["email"].as_str());
    emails.map(str::to_owned).collect()
}

fn withdraw(dir: &Path, email: &str) {
    stedi(dir, "consent withdraw --quiet")
        .input(email)
        .run()
        .done();
}

/// Number of people who withdraw early in a run, one after another. Nobody
/// withdraws later: a later entry would make the next run find the earlier ones.
const WITHDRAWALS: usize = 5;

/// Makes people withdraw during a run. Returns those who did.
fn withdrawing_during(
    dir: &Path,
    (run, line): (Child, String),
    people: &mut impl Iterator<Item = String>,
) -> Vec<String> {
    let gone: Vec<String> = people.take(WITHDRAWALS).collect();
    for person in &gone {
        withdraw(dir, person);
    }
    finish(run, line).done();
    gone
}

/// Fails if one of `people` is in a table that names people.
#[track_caller]
fn all_are_gone(dir: &Path, people: &[String], case: &str) {
    let names: Vec<String> = people.iter().map(|email| format!("'{email}'")).collect();
    let names = names.join(", ");
    for (table, column) in NAMING {
        let left = count(
            dir,
            &format!("select count(*) from {table} where lower(trim({column})) in ({names})"),
        );
        assert_eq!(left, 0, "{case}: {table}");
    }
}

#[test]
fn a_withdrawal_at_any_instant_of_a_run_counts_in_the_next() {
    if crate::long::is_left_out() {
        return;
    }
    let dir = much();
    let dir = dir.path();
    let mut people = agreeing(dir).into_iter();
    for (case, words) in [
        ("a first run", "run --quiet"),
        ("a full run", "run --full --quiet"),
        ("a run that takes in what was withdrawn", "run --quiet"),
    ] {
        let gone = withdrawing_during(dir, stedi(dir, words).start(), &mut people);
        stedi(dir, "run --quiet").run().done();
        all_are_gone(dir, &gone, case);
    }
    stedi(dir, "run").run().done().says("nothing new");
    stedi(dir, "verify --quiet").run().done();
}

/// Files are appended to, rewritten with the same length and time, or replaced
/// while a run reads them.
#[test]
fn landing_files_that_change_during_a_run_are_read_by_the_next() {
    if crate::long::is_left_out() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    copy(&DEMO.dir.join("landing"), &dir.join("landing"));
    let records = dir.join("landing/customer/landing");
    let mut files: Vec<_> = fs::read_dir(&records)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let file = files.last().unwrap();
    for (case, words) in [
        ("a first run", "run --quiet"),
        ("a full run", "run --full --quiet"),
        ("a run with one file more", "run --quiet"),
    ] {
        append(
            dir,
            &format!("accelerometer/landing/{}.json", words.len()),
            "",
        );
        let (mut run, line) = stedi(dir, words).start();
        let mut changes = 0_i64;
        while run.try_wait().unwrap().is_none() {
            changes += 1;
            let text = fs::read_to_string(file).unwrap();
            let modified = fs::metadata(file).unwrap().modified().unwrap();
            // Of one length, so that length and time tell nothing.
            let lines = text.lines().filter(|line| !line.is_empty());
            let mut lines: Vec<String> = lines.map(str::to_owned).collect();
            let last = lines.pop().unwrap();
            let mut record: Value = serde_json::from_str(&last).unwrap();
            let phone = format!("{:0width$}", changes % 10, width = 12);
            record["phone"] = json!(phone);
            let changed = record.to_string();
            lines.push(changed);
            let changed = lines.join("\n") + "\n";
            match changes % 3 {
                0 => fs::write(file, &changed).unwrap(),
                1 => {
                    let aside = dir.join("aside");
                    fs::write(&aside, &changed).unwrap();
                    fs::rename(&aside, file).unwrap();
                }
                _ => append(
                    dir,
                    &format!(
                        "customer/landing/{}",
                        file.file_name().unwrap().to_string_lossy()
                    ),
                    "\n",
                ),
            }
            fs::File::options()
                .append(true)
                .open(file)
                .unwrap()
                .set_modified(modified)
                .unwrap();
            std::thread::sleep(Duration::from_millis(40));
        }
        // It may have met a file that was shorter than listed.
        let outcome = finish(run, line);
        assert!([0, 1].contains(&outcome.code), "{case}: {outcome}");
        let key = "7".repeat(64);
        stedi(dir, "run --quiet")
            .env("STEDI_KEY", &key)
            .run()
            .done();
        let fresh = dir.join(format!("fresh-{}", words.len()));
        stedi(dir, "run --quiet --lake")
            .arg(&fresh)
            .env("STEDI_KEY", &key)
            .run()
            .done();
        let tables = STEDI_TABLES.map(str::to_owned);
        if let Err(faults) = equal::lakes(&dir.join("lake"), &fresh, &tables) {
            panic!("{case}, {changes} changes: {faults}");
        }
        fs::remove_dir_all(&fresh).unwrap();
    }
}

/// Adds a person with a trainer, a phone and consent.
fn person(landing: &mut Landing, name: &str) {
    landing.customers.push(json!({
        "email": name, "customerName": "N", "phone": "1", "serialNumber": format!("s-{name}"),
        "registrationDate": 1, "lastUpdateDate": 10, "shareWithResearchAsOfDate": 5,
    }));
    for at in 100..106 {
        landing.accelerometer.push(json!({
            "user": name, "timestamp": at, "x": 1.0, "y": 2.0, "z": 3.0,
        }));
        landing.step_trainer.push(json!({
            "serialNumber": format!("s-{name}"), "sensorReadingTime": at, "distanceFromObject": 1,
        }));
    }
}

/// Three people who consent.
pub(crate) fn three() -> TempDir {
    let mut landing = Landing::default();
    for name in ["a@x.org", "b@x.org", "c@x.org"] {
        person(&mut landing, name);
    }
    landing.laid_out()
}

/// The same length and modification time, other content.
#[test]
fn a_file_whose_length_and_time_are_kept_is_known_by_its_inode() {
    let dir = three();
    let dir = dir.path();
    let file = dir.join("landing/customer/landing/a.json");
    stedi(dir, "run").run().done();
    let text = fs::read_to_string(&file).unwrap();
    let without = text.replacen(
        "\"shareWithResearchAsOfDate\":5",
        "\"shareWithResearchAsOfDate\":0",
        1,
    );
    assert_eq!(without.len(), text.len());
    assert_ne!(without, text);
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    let set_back = || {
        let file = fs::File::options().append(true).open(&file).unwrap();
        file.set_modified(modified).unwrap();
    };
    // Written in place; put in its place; and what changes nothing.
    for (case, other, people, says) in [
        ("written in place", Some((&without, false)), 2, "a.json"),
        ("put in its place", Some((&text, true)), 3, "a.json"),
        (
            "of equal content in place",
            Some((&text, false)),
            3,
            "nothing new",
        ),
        (
            "of equal content put there",
            Some((&text, true)),
            3,
            "nothing new",
        ),
        ("with other rights", None, 3, "nothing new"),
    ] {
        match other {
            Some((content, true)) => {
                let aside = dir.join("aside");
                fs::write(&aside, content).unwrap();
                fs::rename(&aside, &file).unwrap();
            }
            Some((content, false)) => fs::write(&file, content).unwrap(),
            None => {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        set_back();
        let run = stedi(dir, "run").run().done();
        assert!(run.err.contains(says), "{case}: {run}");
        let found = count(dir, "select count(*) from customer_trusted");
        assert_eq!(found, people, "{case}");
    }
    // Another file that arrives lets the lake note what it knows again.
    append(
        dir,
        "accelerometer/landing/b.json",
        &json!({"user": "a@x.org", "timestamp": 200, "x": 1.0, "y": 1.0, "z": 1.0}).to_string(),
    );
    stedi(dir, "run").run().done().says("took in 1 new file");
    let noted = rows(
        dir,
        "select file, tag from system.landing_files where table_name = 'customer_landing'",
    );
    let inode = {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(&file).unwrap().ino().to_string()
    };
    let tag = noted[0]["tag"].as_str().unwrap();
    assert!(tag.split(' ').any(|word| word == inode), "{tag}: {inode}");
    stedi(dir, "run").run().done().says("nothing new");
}

/// A key is rotated during a run: the run notes the key that it used, so the next
/// one makes new pseudonyms.
#[test]
fn a_key_that_changes_during_a_run_is_used_by_the_next() {
    let dir = three();
    let dir = dir.path();
    let call = |words: &str| stedi(dir, &format!("{words} --quiet --key-file key"));
    call("run").run().done();
    for round in 0..4_u64 {
        let reading = json!({
            "user": "a@x.org", "timestamp": 200 + round, "x": 1.0, "y": 1.0, "z": 1.0,
        });
        append(
            dir,
            &format!("accelerometer/landing/more-{round}.json"),
            &reading.to_string(),
        );
        let words = if round % 2 == 0 { "run" } else { "run --full" };
        let (run, line) = call(words).start();
        std::thread::sleep(Duration::from_millis(60 * round));
        call("key rotate").run().done();
        finish(run, line).done();
        call("run").run().done();
        let fresh = format!("fresh-{round}");
        call(&format!("run --lake {fresh}")).run().done();
        let tables = STEDI_TABLES.map(str::to_owned);
        equal::lakes(&dir.join("lake"), &dir.join(&fresh), &tables)
            .unwrap_or_else(|faults| panic!("round {round}: {faults}"));
    }
}
