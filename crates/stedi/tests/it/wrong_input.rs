//! Wrong input: message, hint, exit code, and an unchanged lake, both for an
//! existing lake and for one that does not exist yet.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::places::{SMALL, contents, unchanged};
use crate::program::{BINARY, runs_as_root, stedi};

/// A change to a valid folder, and the output that the program must give.
struct Case {
    shows: &'static str,
    spoil: fn(&Path),
    words: &'static str,
    code: i32,
    says: &'static [&'static str],
    hints: &'static str,
}

fn cases() -> Vec<Case> {
    fn nothing(_: &Path) {}
    vec![
        Case {
            shows: "landing folder missing",
            spoil: |dir| fs::remove_dir_all(dir.join("landing")).unwrap(),
            words: "run",
            code: 1,
            says: &["landing", "does not exist"],
            hints: "--landing",
        },
        Case {
            shows: "another landing folder missing",
            spoil: nothing,
            words: "run --landing nowhere/at/all",
            code: 1,
            says: &["nowhere/at/all", "does not exist"],
            hints: "--landing",
        },
        Case {
            shows: "landing folder empty",
            spoil: |dir| {
                fs::remove_dir_all(dir.join("landing")).unwrap();
                fs::create_dir(dir.join("landing")).unwrap();
            },
            words: "run",
            code: 1,
            says: &["landing", "holds no file"],
            hints: "put JSON or Parquet files there",
        },
        Case {
            shows: "landing is a file",
            spoil: |dir| {
                fs::remove_dir_all(dir.join("landing")).unwrap();
                fs::write(dir.join("landing"), "{}").unwrap();
            },
            words: "run",
            code: 1,
            says: &["landing", "is a file"],
            hints: "folder",
        },
        Case {
            shows: "customers missing",
            spoil: |dir| fs::remove_dir_all(dir.join("landing/customer")).unwrap(),
            words: "run",
            code: 1,
            says: &["customer_landing", "customer/landing"],
            hints: "--landing",
        },
        Case {
            shows: "phone readings missing",
            spoil: |dir| fs::remove_dir_all(dir.join("landing/accelerometer")).unwrap(),
            words: "run",
            code: 1,
            says: &["accelerometer_landing", "accelerometer/landing"],
            hints: "--landing",
        },
        Case {
            shows: "trainer readings missing",
            spoil: |dir| fs::remove_dir_all(dir.join("landing/step_trainer")).unwrap(),
            words: "run",
            code: 1,
            says: &["step_trainer_landing", "step_trainer/landing"],
            hints: "--landing",
        },
        Case {
            shows: "a source with hidden files alone",
            spoil: |dir| {
                let folder = dir.join("landing/step_trainer/landing");
                fs::remove_dir_all(&folder).unwrap();
                fs::create_dir(&folder).unwrap();
                fs::write(folder.join("_SUCCESS"), "").unwrap();
                fs::write(folder.join(".a.json"), "{}").unwrap();
            },
            words: "run",
            code: 1,
            says: &["step_trainer_landing", "holds no file"],
            hints: "put JSON or Parquet files there",
        },
        Case {
            shows: "a file that is a circle of links",
            spoil: |dir| {
                symlink("loop.json", dir.join("landing/customer/landing/loop.json")).unwrap()
            },
            words: "run",
            code: 1,
            says: &["customer/landing"],
            hints: "reading is not permitted",
        },
        Case {
            // What it pointed at may have held a withdrawal.
            shows: "a file that is a link to nothing",
            spoil: |dir| {
                symlink("gone.json", dir.join("landing/customer/landing/link.json")).unwrap()
            },
            words: "run",
            code: 1,
            says: &["link.json"],
            hints: "the link is broken",
        },
        Case {
            shows: "a source that is a link to nothing",
            spoil: |dir| {
                fs::remove_dir_all(dir.join("landing/customer")).unwrap();
                symlink("gone", dir.join("landing/customer")).unwrap();
            },
            words: "run",
            code: 1,
            says: &["customer"],
            hints: "",
        },
        Case {
            shows: "lake where nobody can write",
            spoil: nothing,
            words: "run --lake /proc/stedi-lake",
            code: 1,
            says: &["/proc/stedi-lake"],
            hints: "--lake",
        },
        Case {
            shows: "lake where nobody can write, further down",
            spoil: nothing,
            words: "run --lake /sys/stedi/lake",
            code: 1,
            says: &["/sys/stedi/lake"],
            hints: "--lake",
        },
        Case {
            shows: "lake is a file",
            spoil: |dir| fs::write(dir.join("file"), "").unwrap(),
            words: "run --lake file",
            code: 1,
            says: &["file"],
            hints: "--lake",
        },
        Case {
            shows: "lake in landing",
            spoil: nothing,
            words: "run --lake landing/lake",
            code: 2,
            says: &["landing/lake", "overlap"],
            hints: "--lake",
        },
        Case {
            shows: "lake deep in landing",
            spoil: nothing,
            words: "run --lake landing/customer/landing/a/b",
            code: 2,
            says: &["overlap"],
            hints: "--lake",
        },
        Case {
            shows: "lake is landing",
            spoil: nothing,
            words: "run --lake landing",
            code: 2,
            says: &["overlap"],
            hints: "--lake",
        },
        Case {
            shows: "lake is landing, written otherwise",
            spoil: nothing,
            words: "run --lake ./landing/customer/../",
            code: 2,
            says: &["overlap"],
            hints: "--lake",
        },
        Case {
            shows: "landing in lake",
            spoil: nothing,
            words: "run --lake .",
            code: 2,
            says: &["overlap"],
            hints: "--lake",
        },
        Case {
            shows: "lake in landing by way of a link",
            spoil: |dir| symlink("landing", dir.join("elsewhere")).unwrap(),
            words: "run --lake elsewhere/lake",
            code: 2,
            says: &["elsewhere/lake"],
            hints: "--lake",
        },
        Case {
            shows: "lake is landing by way of a link",
            spoil: |dir| symlink("landing", dir.join("elsewhere")).unwrap(),
            words: "run --lake elsewhere",
            code: 2,
            says: &["elsewhere"],
            hints: "--lake",
        },
        Case {
            shows: "landing in lake by way of a link",
            spoil: |dir| symlink(".", dir.join("elsewhere")).unwrap(),
            words: "run --lake elsewhere",
            code: 2,
            says: &["elsewhere"],
            hints: "--lake",
        },
        Case {
            shows: "one as URL",
            spoil: |dir| {
                let toml = format!("lake = \"file://{}/landing\"", dir.display());
                fs::write(dir.join("stedi.toml"), toml).unwrap();
            },
            words: "run",
            code: 2,
            says: &["overlap"],
            hints: "--lake",
        },
        Case {
            shows: "a scheme nobody knows",
            spoil: nothing,
            words: "run --lake ftp://host/lake",
            code: 2,
            says: &["ftp://"],
            hints: "s3://",
        },
        Case {
            shows: "a table to select that there is not",
            spoil: nothing,
            words: "run --select customer_trustd",
            code: 2,
            says: &["customer_trustd"],
            hints: "`customer_trusted`",
        },
        Case {
            shows: "a landing table to select",
            spoil: nothing,
            words: "run --select customer_landing",
            code: 2,
            says: &["customer_landing"],
            hints: "trusted or curated",
        },
        Case {
            shows: "an instant that is none",
            spoil: nothing,
            words: "run --now yesterday",
            code: 2,
            says: &["now", "yesterday"],
            hints: "2026-",
        },
        Case {
            shows: "no file of expected counts",
            spoil: nothing,
            words: "run --expect nowhere.toml",
            code: 2,
            says: &["nowhere.toml"],
            hints: "published",
        },
        Case {
            shows: "a file of expected counts that is no TOML",
            spoil: |dir| fs::write(dir.join("e.toml"), "[rows]\ncustomer_trusted =\n").unwrap(),
            words: "run --expect e.toml",
            code: 2,
            says: &["e.toml:2"],
            hints: "",
        },
        Case {
            shows: "expected counts of a table that there is not",
            spoil: |dir| fs::write(dir.join("e.toml"), "[rows]\ncustomer_trustd = 1\n").unwrap(),
            words: "run --expect e.toml",
            code: 2,
            says: &["e.toml:2", "customer_trustd"],
            hints: "`customer_trusted`",
        },
        Case {
            shows: "an expected count that is none",
            spoil: |dir| fs::write(dir.join("e.toml"), "[rows]\ncustomer_trusted = -1\n").unwrap(),
            words: "run --expect e.toml",
            code: 2,
            says: &["e.toml:2", "customer_trusted"],
            hints: "",
        },
        Case {
            shows: "expected counts of nothing",
            spoil: |dir| fs::write(dir.join("e.toml"), "customer_trusted = 1\n").unwrap(),
            words: "run --expect e.toml",
            code: 2,
            says: &["e.toml:1", "customer_trusted"],
            hints: "",
        },
        Case {
            shows: "counts that are others",
            spoil: nothing,
            words: "run --expect published",
            code: 3,
            says: &["customer_trusted", "482"],
            hints: "",
        },
        Case {
            shows: "a settings file with an unknown key",
            spoil: |dir| fs::write(dir.join("stedi.toml"), "# mine\nlakee = \"x\"\n").unwrap(),
            words: "run",
            code: 2,
            says: &["stedi.toml:2", "lakee"],
            hints: "`lake`",
        },
        Case {
            shows: "a settings file that is no TOML",
            spoil: |dir| fs::write(dir.join("stedi.toml"), "lake = \n").unwrap(),
            words: "run",
            code: 2,
            says: &["stedi.toml:1"],
            hints: "",
        },
        Case {
            shows: "a setting of the wrong kind",
            spoil: |dir| fs::write(dir.join("stedi.toml"), "lake = 7\n").unwrap(),
            words: "run",
            code: 2,
            says: &["stedi.toml:1"],
            hints: "",
        },
        Case {
            shows: "a settings file that is not there",
            spoil: nothing,
            words: "run --config nowhere.toml",
            code: 2,
            says: &["nowhere.toml"],
            hints: "--config",
        },
        Case {
            shows: "a project folder that is not there",
            spoil: nothing,
            words: "run --project nowhere",
            code: 2,
            says: &["nowhere"],
            hints: "stedi init",
        },
        Case {
            shows: "a project folder that is none",
            spoil: |dir| fs::create_dir(dir.join("p")).unwrap(),
            words: "run --project p",
            code: 2,
            says: &["p"],
            hints: "stedi init",
        },
        Case {
            shows: "a format that is none",
            spoil: nothing,
            words: "run --format xml",
            code: 2,
            says: &["xml", "json"],
            hints: "",
        },
        Case {
            shows: "a flag that is none",
            spoil: nothing,
            words: "run --landnig x",
            code: 2,
            says: &["--landnig", "--landing"],
            hints: "",
        },
        Case {
            shows: "a flag without its value",
            spoil: nothing,
            words: "run --lake",
            code: 2,
            says: &["--lake"],
            hints: "",
        },
        Case {
            shows: "a memory that is no size",
            spoil: nothing,
            words: "run --memory lots",
            code: 2,
            says: &["lots"],
            hints: "512MB",
        },
    ]
}

#[test]
fn wrong_input_leaves_the_lake_that_stands() {
    cases().iter().for_each(|case| check(case, true));
}

#[test]
fn wrong_input_makes_no_lake() {
    cases().iter().for_each(|case| check(case, false));
    assert!(!Path::new("/proc/stedi-lake").exists() && !Path::new("/sys/stedi").exists());
}

#[track_caller]
fn check(case: &Case, lake_stands: bool) {
    let own = SMALL.copied();
    let dir = own.path();
    if !lake_stands {
        fs::remove_dir_all(dir.join("lake")).unwrap();
    }
    (case.spoil)(dir);
    let before = contents(dir);
    let mut outcome = stedi(dir, case.words).run();
    assert_eq!(outcome.code, case.code, "{}: {outcome}", case.shows);
    let error = outcome.err.lines().any(|line| line.starts_with("error: "));
    assert!(error, "{}: {outcome}", case.shows);
    for fragment in case.says {
        outcome = outcome.says(fragment);
    }
    if !case.hints.is_empty() {
        outcome = outcome.hints(case.hints);
    }
    SMALL.people.untold_by(&outcome);
    unchanged(&before, dir, case.shows);
}

/// Root ignores permissions: if the tests run as root, the program is called as
/// `nobody`.
#[test]
fn files_and_folders_without_the_right_to_use_them() {
    let can_call = || {
        let call = stedi(Path::new("/"), "--version")
            .without_rights()
            .try_start();
        call.is_ok_and(|(child, line)| crate::program::finish(child, line).code == 0)
    };
    if runs_as_root() && !can_call() {
        eprintln!("skipped: {BINARY} cannot be called by another user than root");
        return;
    }
    let mode = |path: &Path, bits: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    };
    type Case = (
        &'static str,
        fn(&Path, &dyn Fn(&Path, u32)),
        &'static str,
        &'static str,
    );
    let cases: [Case; 5] = [
        (
            "a landing file",
            |dir, mode| {
                let file = fs::read_dir(dir.join("landing/customer/landing"))
                    .unwrap()
                    .next();
                mode(&file.unwrap().unwrap().path(), 0o000);
            },
            "customer/landing",
            "is readable",
        ),
        (
            "a source's folder",
            |dir, mode| mode(&dir.join("landing/step_trainer/landing"), 0o000),
            "step_trainer/landing",
            "its permissions",
        ),
        (
            "the landing folder",
            |dir, mode| mode(&dir.join("landing"), 0o000),
            "landing",
            "permissions",
        ),
        (
            "the lake to be made",
            |dir, mode| {
                fs::remove_dir_all(dir.join("lake")).unwrap();
                mode(dir, 0o555);
            },
            "lake",
            "--lake",
        ),
        (
            "the lake to be written to",
            |dir, mode| {
                // Something new, so that something must be written.
                crate::places::append(
                    dir,
                    "customer/landing/new.json",
                    "{\"email\":\"n@example.com\",\"lastUpdateDate\":1,\"shareWithResearchAsOfDate\":1}\n",
                );
                for (path, _) in contents(&dir.join("lake")) {
                    if path.is_dir() {
                        mode(&path, 0o555);
                    }
                }
            },
            "lake",
            "is writable",
        ),
    ];
    for (shows, spoil, says, hints) in cases {
        let own = SMALL.copied();
        let dir = own.path().join("work");
        fs::create_dir(&dir).unwrap();
        for part in ["landing", "lake"] {
            fs::rename(own.path().join(part), dir.join(part)).unwrap();
        }
        mode(own.path(), 0o755);
        // Everything is nobody's own, so that rights alone decide.
        if runs_as_root() {
            let changed = Command::new("chown")
                .args(["-R", "65534:65534"])
                .arg(&dir)
                .status();
            assert!(changed.unwrap().success());
        }
        spoil(&dir, &mode);
        let before = contents(&dir);
        let outcome = stedi(&dir, "run").without_rights().run();
        unchanged(&before, &dir, shows);
        // So that the folder can be taken away again.
        let _ = Command::new("chmod")
            .args(["-R", "u+rwX"])
            .arg(&dir)
            .status();
        let outcome = outcome.ended(1).says(says).says("denied").hints(hints);
        SMALL.people.untold_by(&outcome);
    }
}

/// A pipe in the landing folder has no end to wait for.
#[test]
fn a_pipe_among_the_landing_files_is_not_waited_for() {
    let own = SMALL.copied();
    let pipe = own.path().join("landing/customer/landing/pipe.json");
    if !Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: mkfifo is not there");
        return;
    }
    let run = stedi(own.path(), "run").run();
    assert!([0, 1].contains(&run.code), "{run}");
    run.says("pipe.json");
}

#[test]
fn before_the_first_run() {
    let dir = tempfile::tempdir().unwrap();
    for (words, sql, code, says, hints) in [
        ("verify", "", 1, "customer_trusted", "stedi run"),
        (
            "sql -c",
            "select * from customer_trusted",
            1,
            "customer_trusted",
            "stedi run",
        ),
        (
            "sql -c",
            "select * from customer_landing",
            1,
            "landing",
            "--landing",
        ),
        (
            "history customer_trusted",
            "",
            1,
            "customer_trusted",
            "stedi run",
        ),
        ("run", "", 1, "does not exist", "stedi sample"),
    ] {
        let call = stedi(dir.path(), words);
        let call = if sql.is_empty() { call } else { call.arg(sql) };
        let outcome = call.run().ended(code).says(says).hints(hints);
        assert!(outcome.out.is_empty(), "{outcome}");
    }
    assert_eq!(contents(dir.path()).len(), 1);
}

#[test]
fn a_lake_can_be_verified_without_its_landing_files() {
    let verify = stedi(&SMALL.dir, "verify --landing nowhere --format json")
        .run()
        .done();
    let report = verify.json();
    let landing = report["tables"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["zone"] == "landing");
    for table in landing {
        assert!(
            table["rows"].is_null() && table["verdict"] == "warn",
            "{table}"
        );
    }
    stedi(&SMALL.dir, "verify --landing nowhere")
        .run()
        .done()
        .says("nowhere");
}

#[test]
fn a_lake_that_was_tampered_with_fails_verification() {
    // A table gone.
    let own = SMALL.with_own_lake();
    fs::remove_dir_all(own.path().join("lake/curated/customer_curated")).unwrap();
    stedi(own.path(), "verify")
        .run()
        .ended(3)
        .says("customer_curated");
    // A data file gone.
    let own = SMALL.with_own_lake();
    let table = own.path().join("lake/trusted/accelerometer_trusted");
    for entry in fs::read_dir(&table).unwrap().flatten() {
        if entry.path().is_file() {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let verify = stedi(own.path(), "verify").run();
    assert!([1, 3].contains(&verify.code), "{verify}");
    verify.says("accelerometer_trusted");
    // A run makes anew what can be made anew, and says so.
    let own = SMALL.with_own_lake();
    let log = own
        .path()
        .join("lake/trusted/customer_trusted/_delta_log/00000000000000000000.json");
    fs::write(&log, "{\"not\": \"a log\"").unwrap();
    let run = stedi(own.path(), "run").run();
    let run = run.done().says("customer_trusted").says("was damaged");
    SMALL.people.untold_by(&run);
    stedi(own.path(), "verify").run().done();
}
