//! Ctrl-C, SIGTERM, and kills at any instant.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::places::{DEMO, MANY, SMALL, Shared, contents, unchanged};
use crate::program::{count, finish, stedi};

/// A folder with much landing data and no lake.
fn much() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    symlink(MANY.dir.join("landing"), dir.path().join("landing")).unwrap();
    dir
}

pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn ctrl_c_ends_a_run_at_once_and_leaves_the_lake_as_it_was() {
    let dir = much();
    let small: &Shared = &SMALL;
    let lake = dir.path().join("lake");
    let tmp = dir.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    let tmp = tmp.display().to_string();
    for (shows, after_ms) in [
        ("at its beginning", 60),
        ("early on", 300),
        ("in the middle", 900),
    ] {
        // Over a lake that stands: another landing folder's.
        crate::places::copy(&small.dir.join("lake"), &lake);
        for stands in [true, false] {
            if !stands {
                fs::remove_dir_all(&lake).unwrap();
            }
            let before = contents(dir.path());
            let (child, line) = stedi(dir.path(), "run").env("TMPDIR", &tmp).start();
            sleep(Duration::from_millis(after_ms));
            let asked = Instant::now();
            signal(child.id(), "INT");
            let run = finish(child, line);
            let waited = asked.elapsed();
            let run = run.ended(130);
            // A second is what is promised; the machine is busy with the other
            // tests.
            assert!(
                waited < Duration::from_secs(3),
                "{shows}: {waited:?}: {run}"
            );
            // At its very beginning the signal ends the program as it would any other.
            assert!(
                after_ms < 100 || run.err.contains("interrupted"),
                "{shows}: {run}"
            );
            assert!(run.out.is_empty(), "{shows}: {run}");
            unchanged(&before, dir.path(), shows);
        }
    }
}

/// A publication that has begun is finished first, so there are two possible
/// results and nothing between them.
#[test]
fn ctrl_c_at_any_instant_leaves_the_old_lake_or_the_new_one() {
    let landing = SMALL.dir.join("landing");
    let mut ends = Vec::new();
    for after_ms in (20..500).step_by(60) {
        let dir = tempfile::tempdir().unwrap();
        let (child, line) = stedi(dir.path(), "run --landing").arg(&landing).start();
        sleep(Duration::from_millis(after_ms));
        let _ = Command::new("kill")
            .args(["-s", "INT", &child.id().to_string()])
            .output();
        let run = finish(child, line);
        match run.code {
            0 => {
                for table in TABLES {
                    let rows = rows_of(dir.path(), table);
                    assert_eq!(
                        rows,
                        rows_of(&SMALL.dir, table),
                        "{table} after {after_ms} ms: {run}"
                    );
                }
                let recorded = count(dir.path(), "select count(*) from system.runs");
                assert_eq!(recorded, 6, "after {after_ms} ms: {run}");
            }
            130 => assert_eq!(contents(dir.path()).len(), 1, "after {after_ms} ms: {run}"),
            _ => panic!("after {after_ms} ms: {run}"),
        }
        ends.push(run.code);
    }
    assert_eq!(ends.first(), Some(&130), "{ends:?}");
}

/// Spilled files hold personal rows: they disappear with the program, also if a
/// service manager or a closed terminal ends it.
#[test]
fn nothing_is_left_among_temporary_files() {
    let tmp = tempfile::tempdir().unwrap();
    let in_tmp = tmp.path().display().to_string();
    for (name, codes) in [
        ("INT", [130, 130]),
        ("TERM", [130, 143]),
        ("HUP", [130, 129]),
    ] {
        // Nobody reads the rows yet, so the program waits with what it spilled.
        let (child, line) = stedi(&DEMO.dir, "sql --memory 32MB --format csv -c")
            .arg(
                "select a.*, v.* from accelerometer_landing a
                 cross join (values (1), (2), (3), (4), (5), (6), (7), (8)) v
                 order by x, y, z, timestamp, user",
            )
            .env("TMPDIR", &in_tmp)
            .start();
        let patience = Instant::now();
        while !contents(tmp.path()).values().any(|file| !file.is_empty()) {
            assert!(
                patience.elapsed() < Duration::from_secs(20),
                "spills nothing"
            );
            sleep(Duration::from_millis(5));
        }
        signal(child.id(), name);
        let query = finish(child, line);
        assert!(codes.contains(&query.code), "SIG{name}: {query}");
        let left = contents(tmp.path());
        assert_eq!(left.len(), 1, "SIG{name}: {:?}", left.keys());
    }
}

/// A service manager ends the program with SIGTERM, a person with Ctrl-C.
#[test]
fn being_terminated_leaves_the_lake_as_it_was() {
    let dir = much();
    let before = contents(dir.path());
    for name in ["TERM", "HUP"] {
        let (child, line) = stedi(dir.path(), "run").start();
        sleep(Duration::from_millis(700));
        signal(child.id(), name);
        let run = finish(child, line);
        assert!([129, 130, 143].contains(&run.code), "SIG{name}: {run}");
        unchanged(&before, dir.path(), name);
    }
}

#[test]
fn ctrl_c_ends_a_query() {
    let endless = "select count(*) from accelerometer_landing a cross join accelerometer_landing b
        cross join accelerometer_landing c where a.x + b.x + c.x > 7";
    let (child, line) = stedi(&SMALL.dir, "sql -c").arg(endless).start();
    sleep(Duration::from_millis(400));
    let asked = Instant::now();
    signal(child.id(), "INT");
    let query = finish(child, line).ended(130);
    assert!(asked.elapsed() < Duration::from_secs(1), "{query}");
}

/// The next run finishes what a killed run left: all tables are complete, readable
/// at every moment, and in the end as if nothing had happened.
#[test]
fn a_killed_run_is_finished_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let landing = SMALL.dir.join("landing");
    let run = |dir: &std::path::Path| stedi(dir, "run --landing").arg(&landing);
    for after_ms in [50, 200, 350, 500] {
        let (child, line) = run(dir.path()).start();
        sleep(Duration::from_millis(after_ms));
        signal_if_alive(child.id());
        let _ = finish(child, line);
    }
    run(dir.path()).run().done();
    let verified = |dir: &std::path::Path| {
        let verify = stedi(dir, "verify --format json --landing").arg(&landing);
        let report = verify.run().done().json();
        let tables = report["tables"].as_array().unwrap().clone();
        tables
            .into_iter()
            .map(|table| (table["table"].clone(), table["rows"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(verified(dir.path()), verified(&SMALL.dir));
    let before = contents(&dir.path().join("lake"));
    run(dir.path()).run().done().says("nothing new");
    unchanged(&before, &dir.path().join("lake"), "the run after");
}

const TABLES: [&str; 5] = [
    "customer_trusted",
    "accelerometer_trusted",
    "customer_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
];

fn rows_of(dir: &std::path::Path, table: &str) -> u64 {
    count(dir, &format!("select count(*) from {table}"))
}

fn signal_if_alive(pid: u32) {
    let _ = Command::new("kill")
        .args(["-s", "KILL", &pid.to_string()])
        .output();
}
