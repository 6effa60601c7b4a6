//! Lakes that older programs made, kept in `tests/lakes`: this program opens them, reads
//! them and runs on. `tests/lakes/make.sh COMMIT` makes one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::company::Company;
use crate::equal;
use crate::places::append;
use crate::program::{Call, stedi, value};

/// The key of pseudonyms that the lakes were made with.
const KEY: &str = "5555555555555555555555555555555555555555555555555555555555555555";

/// When the program that made the lakes was told of a withdrawal.
const ENTERED: i64 = 1_700_000_001_000;

/// After the last run of the program that made the lakes.
const NOW: i64 = 1_700_000_003_000;

fn archives() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/lakes");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .collect()
}

fn call(dir: &Path, words: &str) -> Call {
    stedi(dir, &format!("{words} --now {NOW}")).env("STEDI_KEY", KEY)
}

#[test]
fn lakes_of_older_programs_are_opened_and_run_on() {
    let archives = archives();
    assert!(!archives.is_empty());
    for archive in archives {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let unpacked = Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(dir)
            .status();
        assert!(unpacked.unwrap().success(), "{}", archive.display());

        // Read, before this program writes anything.
        call(dir, "verify").run().done();
        let sql = "select count(*) from accelerometer_trusted";
        let before = value(dir, sql);
        assert_ne!(before, 0, "{}", archive.display());
        let runs = value(dir, "select count(distinct run) from system.runs");
        assert_eq!(runs, 2, "{}", archive.display());

        // Run on: with nothing new, with a new reading, and after a withdrawal is lifted.
        call(dir, "run").run().done();
        call(dir, "verify").run().done();
        append(
            dir,
            "accelerometer/landing/new.json",
            "{\"user\":\"nobody@example.org\",\"timestamp\":1,\"x\":0,\"y\":0,\"z\":0}\n",
        );
        call(dir, "run").run().done();
        call(dir, "verify").run().done();
        assert_eq!(value(dir, sql), before, "{}", archive.display());

        // It is what a lake of this program would be, with the same entry by hand.
        let person = value(dir, "select distinct subject from system.consent_register");
        stedi(
            dir,
            &format!("consent withdraw --lake fresh --now {ENTERED}"),
        )
        .input(person.as_str().unwrap())
        .run()
        .done();
        call(dir, "run --lake fresh").run().done();
        let tables = Company::Stedi.tables().map(str::to_owned);
        equal::lakes(&dir.join("lake"), &dir.join("fresh"), &tables)
            .unwrap_or_else(|fault| panic!("{}: {fault}", archive.display()));
    }
}
