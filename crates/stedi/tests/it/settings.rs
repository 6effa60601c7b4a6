//! Precedence of settings: flag, environment variable, file, default.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::places::{DEMO, SMALL, contents, unchanged};
use crate::program::stedi;

/// A finding of `doctor` on `what`, and its source.
fn finding(report: &Value, what: &str) -> (String, String) {
    let findings = report.as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["what"] == what);
    let finding = finding.unwrap_or_else(|| panic!("{what}: {report}"));
    (
        finding["found"].as_str().unwrap().to_owned(),
        finding["origin"].as_str().unwrap_or_default().to_owned(),
    )
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    struct Case {
        what: &'static str,
        flag: (&'static str, &'static str),
        variable: (&'static str, &'static str),
        file: (&'static str, &'static str),
        /// The finding by default, by file, by variable, by flag.
        found: [&'static str; 4],
    }
    let dir = tempfile::tempdir().unwrap();
    stedi(dir.path(), "init by-file").run().done();
    stedi(dir.path(), "init by-variable").run().done();
    stedi(dir.path(), "init by-flag").run().done();
    for case in [
        Case {
            what: "landing",
            flag: ("--landing", "by-flag"),
            variable: ("STEDI_LANDING", "by-variable"),
            file: ("landing", "by-file"),
            found: ["./landing", "by-file", "by-variable", "by-flag"],
        },
        Case {
            what: "lake",
            flag: ("--lake", "flag-lake"),
            variable: ("STEDI_LAKE", "variable-lake"),
            file: ("lake", "file-lake"),
            found: ["./lake", "file-lake", "variable-lake", "flag-lake"],
        },
        Case {
            what: "project",
            flag: ("--project", "by-flag"),
            variable: ("STEDI_PROJECT", "by-variable"),
            file: ("project", "by-file"),
            found: ["built-in", "by-file", "by-variable", "by-flag"],
        },
        Case {
            what: "now",
            flag: ("--now", "1970-01-01T00:00:03Z"),
            variable: ("STEDI_NOW", "2000"),
            file: ("now", "1970-01-01T00:00:01Z"),
            found: ["clock", "1000", "2000", "3000"],
        },
        Case {
            what: "memory",
            flag: ("--memory", "96MB"),
            variable: ("STEDI_MEMORY", "64MB"),
            file: ("memory", "32MB"),
            found: ["MiB", "32 MiB", "64 MiB", "96 MiB"],
        },
        Case {
            what: "key",
            flag: ("--key-file", "flag-key"),
            variable: ("STEDI_KEY_FILE", "variable-key"),
            file: ("key_file", "file-key"),
            found: ["stedi/keys", "file-key", "variable-key", "flag-key"],
        },
        Case {
            what: "format",
            flag: ("--format", "json"),
            variable: ("STEDI_FORMAT", "json"),
            file: ("format", "json"),
            found: ["json", "json", "json", "json"],
        },
    ] {
        for (given, expected) in case.found.iter().enumerate() {
            let toml = dir.path().join("stedi.toml");
            let _ = fs::remove_file(&toml);
            if given >= 1 {
                fs::write(&toml, format!("{} = \"{}\"\n", case.file.0, case.file.1)).unwrap();
            }
            let mut call = stedi(dir.path(), "doctor");
            if case.what != "format" {
                call = call.arg("--format").arg("json");
            } else if given == 0 {
                // The default is the table; the next cases must differ from it.
                let table = call.run().out;
                assert!(
                    table.contains("format") && !table.starts_with('['),
                    "{table}"
                );
                continue;
            }
            if given >= 2 {
                call = call.env(case.variable.0, case.variable.1);
            }
            if given >= 3 {
                call = call.arg(case.flag.0).arg(case.flag.1);
            }
            let report = call.run().json();
            let (found, origin) = finding(&report, case.what);
            assert!(
                found.contains(expected),
                "{} ({given} given): {found}",
                case.what
            );
            let wanted = ["default", "stedi.toml", case.variable.0, "flag"][given];
            assert!(
                origin.contains(wanted),
                "{} ({given} given): from {origin}",
                case.what
            );
        }
    }
}

#[test]
fn an_empty_variable_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let report = stedi(dir.path(), "doctor --format json")
        .env("STEDI_LAKE", "")
        .run()
        .json();
    assert_eq!(finding(&report, "lake").1, "default");
}

#[test]
fn another_settings_file_and_paths_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    let toml = dir.path().join("etc/mine.toml");
    fs::write(&toml, "landing = \"data\"\nlake = \"tables\"\n").unwrap();
    stedi(dir.path(), "sample etc/data --customers 20")
        .run()
        .done();
    stedi(dir.path(), "run --config etc/mine.toml").run().done();
    assert!(
        dir.path().join("etc/tables/trusted").is_dir(),
        "beside the file"
    );
    stedi(dir.path(), "verify")
        .env("STEDI_CONFIG", "etc/mine.toml")
        .run()
        .done();
    // A settings file in the folder is taken without being named.
    stedi(&dir.path().join("etc"), "verify --config mine.toml")
        .run()
        .done();
    fs::rename(&toml, dir.path().join("etc/stedi.toml")).unwrap();
    stedi(&dir.path().join("etc"), "verify").run().done();
}

#[test]
fn folders_may_be_urls() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("my lake, 100%");
    let url = |path: &Path| {
        let text = path.display().to_string();
        format!("file://{}", text.replace('%', "%25").replace(' ', "%20"))
    };
    stedi(dir.path(), "run --landing")
        .arg(url(&SMALL.dir.join("landing")))
        .arg("--lake")
        .arg(url(&place))
        .run()
        .done();
    assert!(place.join("trusted/customer_trusted").is_dir());
    stedi(dir.path(), "verify --landing")
        .arg(SMALL.dir.join("landing"))
        .arg("--lake")
        .arg(&place)
        .run()
        .done();
}

#[test]
fn doctor_finds_a_good_place_good_and_changes_nothing() {
    let own = SMALL.copied();
    let before = contents(own.path());
    let doctor = stedi(own.path(), "doctor").run().done();
    for part in [
        "stedi",
        "datafusion",
        "delta",
        "landing",
        "lake",
        "default",
        "ok",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(doctor.out.contains(part), "{part}: {doctor}");
    }
    assert!(!doctor.out.contains("fail"), "{doctor}");
    unchanged(&before, own.path(), "doctor");
    let report = stedi(own.path(), "doctor --format json")
        .run()
        .done()
        .json();
    assert!(finding(&report, "lake").0.contains("atomic"), "{report}");

    // Where there is nothing yet, nothing is made.
    let empty = tempfile::tempdir().unwrap();
    let doctor = stedi(empty.path(), "doctor").run().done();
    assert!(doctor.out.contains("lake"), "{doctor}");
    assert_eq!(contents(empty.path()).len(), 1, "doctor makes no lake");
}

#[test]
fn doctor_ends_with_1_where_something_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for words in [
        "doctor --lake file",
        "doctor --project nowhere",
        "doctor --lake ftp://x/y",
    ] {
        let doctor = stedi(dir.path(), words).run().ended(1);
        assert!(doctor.out.contains("fail"), "{doctor}");
    }
}

#[test]
fn quiet_leaves_data_and_errors() {
    let own = SMALL.with_own_lake();
    let run = stedi(own.path(), "run -q").run().done().silent();
    assert!(run.out.contains("customer_trusted"), "{run}");
    stedi(own.path(), "run --quiet --landing nowhere")
        .run()
        .ended(1)
        .says("nowhere");
    stedi(own.path(), "run --quiet --verbose").run().ended(2);
}

/// The smallest allowed memory is enough for a small lake: the rest is spilled.
#[test]
fn little_memory_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    stedi(dir.path(), "run --memory 32MB --landing")
        .arg(DEMO.dir.join("landing"))
        .run()
        .done();
    let sorted = stedi(&DEMO.dir, "sql --memory 32MB --format csv -c")
        .arg("select * from accelerometer_landing order by x, y, z, timestamp, user")
        .run()
        .done();
    assert_eq!(sorted.out.lines().count(), 81_274);
}
