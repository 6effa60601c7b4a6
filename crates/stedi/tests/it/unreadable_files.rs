//! Landing entries that cannot be read: each is named and counted, none holds up the
//! others, and what a run read of one before stays. Where one may hold a withdrawal,
//! nothing is published until it can be read.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::places::{Landing, contents, unchanged};
use crate::program::{count, runs_as_root, stedi};

const READING: &str = "{\"user\":\"a@example.com\",\"timestamp\":7,\"x\":1,\"y\":1,\"z\":1}\n";

fn laid_out() -> TempDir {
    let landing = Landing {
        customers: vec![json!({
            "email": "a@example.com", "serialNumber": "s", "lastUpdateDate": 1,
            "registrationDate": 1, "shareWithResearchAsOfDate": 1,
        })],
        accelerometer: vec![json!({
            "user": "a@example.com", "timestamp": 5, "x": 1.0, "y": 1.0, "z": 1.0,
        })],
        step_trainer: vec![json!({
            "serialNumber": "s", "sensorReadingTime": 5, "distanceFromObject": 1,
        })],
    };
    landing.laid_out()
}

fn folder(dir: &Path, source: &str) -> PathBuf {
    dir.join("landing").join(source).join("landing")
}

/// An entry that cannot be read, how a message names it, and how it is mended.
struct Case {
    make: fn(&Path),
    says: &'static str,
    mend: fn(&Path),
    /// Rows that are read once it is mended.
    rows: u64,
}

fn named(folder: &Path, name: &[u8]) -> PathBuf {
    folder.join(OsStr::from_bytes(name))
}

fn rename(folder: &Path, name: &[u8]) {
    fs::rename(named(folder, name), folder.join("renamed")).unwrap();
}

const CASES: [Case; 9] = [
    Case {
        make: |at| symlink("gone", at.join("link.json")).unwrap(),
        says: "link.json: No such file",
        mend: |at| fs::write(at.join("gone"), "").unwrap(),
        rows: 0,
    },
    Case {
        make: |at| symlink("loop.json", at.join("loop.json")).unwrap(),
        says: "loop.json: Too many levels",
        mend: |at| {
            fs::remove_file(at.join("loop.json")).unwrap();
            fs::write(at.join("loop.json"), READING).unwrap();
        },
        rows: 1,
    },
    Case {
        make: |at| fs::write(named(at, b"b\nc.json"), READING).unwrap(),
        says: "b\\x0ac.json: its name",
        mend: |at| rename(at, b"b\nc.json"),
        rows: 1,
    },
    Case {
        make: |at| fs::write(named(at, b"b\xff.json"), READING).unwrap(),
        says: "b\\xff.json: its name",
        mend: |at| rename(at, b"b\xff.json"),
        rows: 1,
    },
    Case {
        make: |at| fs::write(named(at, b"b\x1b[2J"), READING).unwrap(),
        says: "b\\x1b[2J: its name",
        mend: |at| rename(at, b"b\x1b[2J"),
        rows: 1,
    },
    Case {
        make: |at| {
            fs::create_dir(named(at, b"d\xfe")).unwrap();
            fs::write(named(at, b"d\xfe/a.json"), READING).unwrap();
        },
        says: "d\\xfe: its name",
        mend: |at| rename(at, b"d\xfe"),
        rows: 1,
    },
    Case {
        make: |at| {
            let fifo = Command::new("mkfifo").arg(at.join("fifo")).status();
            assert!(fifo.unwrap().success());
        },
        says: "fifo left aside",
        mend: |at| fs::remove_file(at.join("fifo")).unwrap(),
        rows: 0,
    },
    Case {
        make: |at| drop(UnixListener::bind(at.join("socket")).unwrap()),
        says: "socket left aside",
        mend: |at| fs::remove_file(at.join("socket")).unwrap(),
        rows: 0,
    },
    Case {
        make: |at| {
            fs::write(at.join("closed.json"), READING).unwrap();
            let none = fs::Permissions::from_mode(0o000);
            fs::set_permissions(at.join("closed.json"), none).unwrap();
        },
        says: "closed.json: Permission denied",
        mend: |at| {
            let all = fs::Permissions::from_mode(0o644);
            fs::set_permissions(at.join("closed.json"), all).unwrap();
        },
        rows: 1,
    },
];

/// The superuser can read every file.
fn is_out_of_question(case: &Case) -> bool {
    runs_as_root() && case.says.contains("Permission")
}

#[test]
fn an_entry_that_cannot_be_read_holds_up_no_other() {
    for case in CASES {
        if is_out_of_question(&case) {
            eprintln!("skipped: {} needs a user who is not root", case.says);
            continue;
        }
        let dir = laid_out();
        let dir = dir.path();
        let at = folder(dir, "accelerometer");
        stedi(dir, "run").run().done();
        (case.make)(&at);
        fs::write(at.join("beside.json"), READING.replace(":7", ":8")).unwrap();
        let run = stedi(dir, "run").run().done().says(case.says);
        assert!(!run.err.contains("a@example.com"), "{run}");
        assert!(!run.err.contains('\x1b'), "{run}");
        let trusted = "select count(*) from accelerometer_trusted";
        assert_eq!(count(dir, trusted), 2, "{}", case.says);
        let run = stedi(dir, "run").run().done();
        run.says("nothing new").says(case.says);
        if case.says.contains(": ") {
            let doctor = stedi(dir, "doctor").run();
            assert!(doctor.out.contains(case.says), "{doctor}");
            stedi(dir, "verify").run().done().says(case.says);
        }
        (case.mend)(&at);
        let run = stedi(dir, "run").run().done();
        assert!(!run.err.contains(case.says), "{run}");
        assert_eq!(count(dir, trusted), 2 + case.rows, "{}", case.says);
        stedi(dir, "run").run().done().says("nothing new");
    }
}

/// What cannot be read of person records may be a withdrawal.
#[test]
fn an_entry_of_person_records_stops_publication() {
    for case in CASES {
        if is_out_of_question(&case) || !case.says.contains(": ") {
            continue;
        }
        let dir = laid_out();
        let dir = dir.path();
        let at = folder(dir, "customer");
        stedi(dir, "run").run().done();
        (case.make)(&at);
        let beside = folder(dir, "accelerometer").join("beside.json");
        fs::write(beside, READING).unwrap();
        let before = contents(&dir.join("lake"));
        stedi(dir, "run").run().ended(1).says(case.says);
        unchanged(&before, &dir.join("lake"), case.says);
        let name = case.says.split(':').next().unwrap();
        for entry in fs::read_dir(&at).unwrap().flatten() {
            let is_own = entry.file_name() != "a.json";
            let is_folder = entry.file_type().unwrap().is_dir();
            match (is_own, is_folder) {
                (true, true) => fs::remove_dir_all(entry.path()).unwrap(),
                (true, false) => fs::remove_file(entry.path()).unwrap(),
                (false, _) => {}
            }
        }
        let run = stedi(dir, "run").run().done();
        assert!(!run.err.contains(name), "{run}");
    }
}

/// A file that was read and cannot be read any more: its rows are there as long as nobody
/// needs to read them again.
#[test]
fn what_was_read_before_stays() {
    let dir = laid_out();
    let dir = dir.path();
    let at = folder(dir, "accelerometer");
    fs::write(at.join("known.json"), READING).unwrap();
    stedi(dir, "run").run().done();
    fs::rename(at.join("known.json"), dir.join("kept")).unwrap();
    symlink("gone", at.join("known.json")).unwrap();
    let trusted = "select count(*) from accelerometer_trusted";
    for words in ["run", "run --changed keep"] {
        let run = stedi(dir, words).run().done().says("known.json: No such");
        run.says("stays").says("nothing new");
        assert_eq!(count(dir, trusted), 2, "{words}");
    }
    let before = contents(&dir.join("lake"));
    let run = stedi(dir, "run --full").run().ended(1);
    run.says("known.json: No such").hints("link is broken");
    unchanged(&before, &dir.join("lake"), "a full run");
    // A query over the files would lack its rows.
    let sql = stedi(dir, "sql -c").arg("select count(*) from accelerometer_landing");
    sql.run().ended(1).says("known.json: No such");
    fs::remove_file(at.join("known.json")).unwrap();
    fs::rename(dir.join("kept"), at.join("known.json")).unwrap();
    stedi(dir, "run").run().done().says("nothing new");
    stedi(dir, "run --full").run().done();
    assert_eq!(count(dir, trusted), 2);
}

/// The folder of a table is not there, or cannot be listed: that is no entry.
#[test]
fn a_folder_that_cannot_be_listed_stops_a_run() {
    if runs_as_root() {
        eprintln!("skipped: root can list every folder");
        return;
    }
    for below in ["", "/2026"] {
        let dir = laid_out();
        let dir = dir.path();
        let at = PathBuf::from(format!("{}{below}", folder(dir, "accelerometer").display()));
        fs::create_dir_all(&at).unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o000)).unwrap();
        let run = stedi(dir, "run").run();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
        run.ended(1).says("Permission denied").says("accelerometer");
        stedi(dir, "run").run().done();
    }
}

/// A table without a file is one without rows, once its folder is there.
#[test]
fn a_table_of_which_nothing_came_yet() {
    let empty = |dir: &Path, source: &str| fs::remove_file(folder(dir, source).join("a.json"));
    let dir = laid_out();
    let dir = dir.path();
    empty(dir, "step_trainer").unwrap();
    empty(dir, "customer").unwrap();
    let run = stedi(dir, "run").run().done();
    run.says("step_trainer_landing: ./landing/step_trainer/landing holds no file")
        .says("customer_landing: ./landing/customer/landing holds no file");
    for (table, expected) in [
        ("accelerometer_landing", 1),
        ("step_trainer_landing", 0),
        ("accelerometer_trusted", 0),
        ("machine_learning_curated", 0),
    ] {
        let sql = format!("select count(*) from {table}");
        assert_eq!(count(dir, &sql), expected, "{table}");
    }
    stedi(dir, "run").run().done().says("nothing new");
    stedi(dir, "verify").run().done();
    // What comes then is new, not everything.
    let other = laid_out();
    for source in ["customer", "step_trainer"] {
        let file = folder(dir, source).join("later.json");
        fs::copy(folder(other.path(), source).join("a.json"), file).unwrap();
    }
    stedi(dir, "run").run().done();
    let trusted = "select count(*) from accelerometer_trusted";
    assert_eq!(count(dir, trusted), 1);
    // All files of a table gone at once: its place may be out of reach.
    for source in ["customer", "step_trainer"] {
        fs::rename(folder(dir, source).join("later.json"), dir.join("away")).unwrap();
        stedi(dir, "run").run().ended(1).says("holds no file");
        fs::rename(dir.join("away"), folder(dir, source).join("later.json")).unwrap();
    }
    stedi(dir, "run").run().done().says("nothing new");
}
