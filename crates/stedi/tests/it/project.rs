//! The data product as files: written, edited, and refused if it is wrong.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::places::{SMALL, contents, unchanged};
use crate::program::{count, rows, stedi};

/// A folder with landing data, a lake, and the edited data product in `p`.
fn edited(file: &str, from: &str, to: &str) -> TempDir {
    let own = SMALL.with_own_lake();
    stedi(own.path(), "init p").run().done();
    if !file.is_empty() {
        edit(&own.path().join("p").join(file), from, to);
    }
    own
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from:?} is not in {}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// The first line, from 1, with `fragment`.
fn line_of(path: &Path, fragment: &str) -> usize {
    let text = fs::read_to_string(path).unwrap();
    1 + text
        .lines()
        .position(|line| line.contains(fragment))
        .unwrap_or_else(|| panic!("{fragment:?} is not in {}", path.display()))
}

#[test]
fn init_writes_what_the_binary_carries() {
    let dir = tempfile::tempdir().unwrap();
    stedi(dir.path(), "init")
        .run()
        .done()
        .hints("--project lakehouse");
    let carried = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
    let relative = |root: &Path| -> Vec<_> {
        contents(root)
            .into_iter()
            .map(|(path, bytes)| (path.strip_prefix(root).unwrap().to_owned(), bytes))
            .collect()
    };
    assert!(relative(&dir.path().join("lakehouse")) == relative(&carried));

    let before = contents(dir.path());
    stedi(dir.path(), "init")
        .run()
        .ended(1)
        .says("already exists")
        .hints("another folder");
    unchanged(&before, dir.path(), "init onto a project");
}

#[test]
fn a_lake_and_a_data_product_keep_apart() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    let before = contents(&dir.join("lake"));
    for target in [
        "lake",
        "lake/x",
        "lake/trusted",
        "./lake/../lake/a/b",
        "lake/trusted/customer_trusted",
    ] {
        let init = stedi(dir, "init").arg(target).run().ended(1);
        init.says("lake").hints("outside");
        unchanged(&before, &dir.join("lake"), target);
    }
    // Beside it is where it belongs.
    stedi(dir, "init lakehouse").run().done();
    // And the other way around.
    let before = contents(&dir.join("lakehouse"));
    for call in [
        "run --lake lakehouse",
        "run --lake lakehouse --project lakehouse",
    ] {
        stedi(dir, call).run().ended(2).hints("--lake");
        unchanged(&before, &dir.join("lakehouse"), call);
    }
}

#[test]
fn an_unedited_project_is_the_built_in_one() {
    let own = edited("", "", "");
    let before = contents(&own.path().join("lake"));
    for words in ["run --project p", "run --project .", "verify --project p"] {
        if words.ends_with('.') {
            fs::rename(own.path().join("p"), own.path().join("lakehouse")).unwrap();
        }
        stedi(own.path(), words).run().done();
        unchanged(&before, &own.path().join("lake"), words);
        if words.ends_with('.') {
            fs::rename(own.path().join("lakehouse"), own.path().join("p")).unwrap();
        }
    }
}

#[test]
fn a_changed_select_needs_no_rust() {
    let own = edited(
        "trusted/accelerometer_trusted.sql",
        "select a.user, a.timestamp, a.x, a.y, a.z",
        "select a.user, a.timestamp, a.x, a.y, a.z, a.x * 2 as twice",
    );
    let file = own.path().join("p/trusted/accelerometer_trusted.sql");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + "where a.x > 0\n").unwrap();
    let expected = count(
        own.path(),
        "select count(*) from accelerometer_trusted where x > 0",
    );
    stedi(own.path(), "run --project p")
        .run()
        .done()
        .says("accelerometer_trusted");
    // The columns are the lake's, so the project need not be named to ask.
    let found = rows(
        own.path(),
        "select count(*) as n, min(twice) as least from accelerometer_trusted",
    );
    assert_eq!(found, [json!({"n": expected, "least": 2.0})]);
    let old = count(
        own.path(),
        "select count(*) from accelerometer_trusted version as of 0",
    );
    assert!(old > expected, "the old version has its own rows");
    let columns = stedi(
        own.path(),
        "describe accelerometer_trusted --version 0 --format ndjson",
    )
    .run()
    .done()
    .json_lines();
    assert_eq!(columns.len(), 5, "and its own columns");
}

const PEOPLE_PER_YEAR: &str = r#"/*
grain = "One year of birth of people who agreed."
personal = ["year"]
[checks]
not_null = ["year"]
unique = ["year"]
[checks.accepted]
people = { min = 1 }
[[checks.sql]]
name = "nobody_from_tomorrow"
violations = "select year from people_per_year where year > 2100"
*/
select cast(split_part(birthday, '-', 1) as int) as year, count(*) as people
from customer_trusted
group by 1
"#;

#[test]
fn a_table_with_checks_needs_no_rust() {
    let own = edited("", "", "");
    let file = own.path().join("p/curated/people_per_year.sql");
    fs::write(&file, PEOPLE_PER_YEAR).unwrap();
    let run = stedi(own.path(), "run --project p --format json")
        .run()
        .done();
    let report = run.json();
    let checks: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["table"] == "people_per_year")
        .filter_map(|check| check["check"].as_str())
        .collect();
    assert_eq!(checks.len(), 4, "{checks:?}");
    assert!(checks.contains(&"nobody_from_tomorrow"), "{checks:?}");
    let ask = |sql: &str| {
        let call = stedi(own.path(), "sql --project p --format json -c").arg(sql);
        call.run().done().json()[0]["n"].clone()
    };
    assert_eq!(
        ask("select sum(people) as n from people_per_year"),
        ask("select count(*) as n from customer_trusted")
    );
    let told = stedi(
        own.path(),
        "describe people_per_year --project p --format json",
    )
    .run()
    .done()
    .json();
    assert_eq!(told["reads"], json!(["customer_trusted"]));
    stedi(own.path(), "verify --project p").run().done();
}

#[test]
fn a_check_that_fails_publishes_nothing() {
    let own = edited(
        "trusted/accelerometer_trusted.sql",
        "*/",
        "[[checks.sql]]\nname = \"no_wild_swings\"\nviolations = \"select user from accelerometer_trusted where x > 0\"\n*/",
    );
    // A change besides, which must not be seen either.
    edit(
        &own.path().join("p/curated/machine_learning_curated.sql"),
        "    a.z,",
        "    -a.z as z,",
    );
    let lake = own.path().join("lake");
    let before = contents(&lake);
    let run = stedi(own.path(), "run --project p --format json")
        .run()
        .ended(3);
    let run = run.says("no_wild_swings").says("accelerometer_trusted");
    SMALL.people.untold_by(&run);
    unchanged(&before, &lake, "a failed check");
    let report = run.json();
    let check = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["check"] == "no_wild_swings");
    let check = check.unwrap();
    assert_eq!(check["verdict"], "fail");
    let violations = count(
        own.path(),
        "select count(*) from accelerometer_trusted where x > 0",
    );
    assert_eq!(
        check["violations"],
        json!(violations),
        "the old version is still served"
    );
    let verdict = |name: &str| {
        let tables = report["tables"].as_array().unwrap();
        tables.iter().find(|t| t["table"] == name).unwrap()["verdict"].clone()
    };
    assert_eq!(verdict("accelerometer_trusted"), "fail");
    assert_eq!(verdict("customer_trusted"), "ok");

    let shown = stedi(own.path(), "run --project p").run().ended(3);
    assert!(shown.out.contains("fail"), "{shown}");
    unchanged(&before, &lake, "a failed check, once more");

    // On what stands, the same contract fails, too.
    stedi(own.path(), "verify --project p")
        .run()
        .ended(3)
        .says("no_wild_swings");

    // And where there was no lake there is none.
    let fresh = own.path().join("fresh");
    stedi(own.path(), "run --project p --lake fresh")
        .run()
        .ended(3);
    assert!(!fresh.exists(), "{:?}", contents(&fresh).keys());
}

#[test]
fn a_check_may_warn_or_report_instead() {
    for (action, says) in [("warn", true), ("report", false)] {
        let own = edited(
            "trusted/accelerometer_trusted.sql",
            "*/",
            &format!(
                "[[checks.sql]]\nname = \"swings\"\nviolations = \"select user from accelerometer_trusted where x > 0\"\naction = \"{action}\"\n*/"
            ),
        );
        let run = stedi(own.path(), "run --project p --format json")
            .run()
            .done();
        assert_eq!(run.err.contains("swings"), says, "{action}: {run}");
        let report = run.json();
        let check = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["check"] == "swings");
        let verdict = if says { "warn" } else { "ok" };
        assert_eq!(check.unwrap()["verdict"], verdict, "{action}");
    }
}

/// A wrong project is refused before anything runs; the message has problem, place
/// and hint.
#[test]
fn a_wrong_project_is_told_with_file_and_line() {
    struct Case {
        shows: &'static str,
        file: &'static str,
        from: &'static str,
        to: &'static str,
        /// The text of the line that the message must name; empty for the whole
        /// file.
        line: &'static str,
        says: &'static str,
        hints: &'static str,
    }
    let accelerometer = "trusted/accelerometer_trusted.sql";
    let cases = [
        Case {
            shows: "an unknown key",
            file: accelerometer,
            from: "duplicates =",
            to: "duplicate =",
            line: "duplicate =",
            says: "`duplicate`",
            hints: "`duplicates`",
        },
        Case {
            shows: "an unknown check",
            file: accelerometer,
            from: "not_null =",
            to: "not_nul =",
            line: "not_nul =",
            says: "`not_nul`",
            hints: "`not_null`",
        },
        Case {
            shows: "a value that it cannot take",
            file: accelerometer,
            from: "duplicates = \"drop\"",
            to: "duplicates = \"burn\"",
            line: "burn",
            says: "duplicates",
            hints: "",
        },
        Case {
            shows: "no grain",
            file: accelerometer,
            from: "grain = ",
            to: "# grain = ",
            line: "/*",
            says: "`grain`",
            hints: "`grain`",
        },
        Case {
            shows: "a contract that is no TOML",
            file: accelerometer,
            from: "subject = \"user\"",
            to: "subject = user",
            line: "subject = user",
            says: "",
            hints: "",
        },
        Case {
            shows: "no contract",
            file: accelerometer,
            from: "/*",
            to: "select 1 /*",
            line: "",
            says: "contract",
            hints: "grain",
        },
        Case {
            shows: "an unknown column in the SELECT",
            file: accelerometer,
            from: "a.timestamp",
            to: "a.timestmp",
            line: "a.timestmp",
            says: "`timestmp`",
            hints: "`timestamp`",
        },
        Case {
            shows: "an unknown column on a later line",
            file: accelerometer,
            from: "(c.email)",
            to: "(c.emial)",
            line: "c.emial",
            says: "`emial`",
            hints: "`email`",
        },
        Case {
            shows: "an unknown table in the SELECT",
            file: accelerometer,
            from: "join customer_trusted",
            to: "join customer_trusty",
            line: "customer_trusty",
            says: "`customer_trusty`",
            hints: "`customer_trusted`",
        },
        Case {
            shows: "an unknown column in the contract: personal",
            file: accelerometer,
            from: "personal = [\"user\"]",
            to: "personal = [\"usr\"]",
            line: "personal",
            says: "`usr`",
            hints: "`user`",
        },
        Case {
            shows: "an unknown column in the contract: subject",
            file: accelerometer,
            from: "subject = \"user\"",
            to: "subject = \"usr\"",
            line: "subject",
            says: "`usr`",
            hints: "`user`",
        },
        Case {
            shows: "an unknown column in the contract: not_null",
            file: accelerometer,
            from: "not_null = [\"user\"",
            to: "not_null = [\"usr\"",
            line: "not_null",
            says: "`usr`",
            hints: "`user`",
        },
        Case {
            shows: "an unknown column in the contract: references",
            file: "curated/customer_curated.sql",
            from: "\"customer_trusted.email\"",
            to: "\"customer_trusted.emial\"",
            line: "references",
            says: "emial",
            hints: "email",
        },
        Case {
            shows: "an unknown table in the contract: references",
            file: "curated/customer_curated.sql",
            from: "\"customer_trusted.email\"",
            to: "\"customer_trustd.email\"",
            line: "references",
            says: "customer_trustd",
            hints: "customer_trusted",
        },
        Case {
            shows: "an unknown column in a check's SQL",
            file: "trusted/customer_trusted.sql",
            from: "group by 1 having",
            to: "group by emial having",
            line: "violations",
            says: "emial",
            hints: "email",
        },
        Case {
            shows: "SQL with a typo",
            file: accelerometer,
            from: "select a.user",
            to: "selct a.user",
            line: "selct",
            says: "selct",
            hints: "`select`",
        },
        Case {
            shows: "no SELECT at all",
            file: accelerometer,
            from: "select a.user, a.timestamp, a.x, a.y, a.z\nfrom",
            to: "delete from",
            line: "delete",
            says: "",
            hints: "SELECT",
        },
        Case {
            shows: "a star that could let a column leak",
            file: accelerometer,
            from: "a.user, a.timestamp, a.x, a.y, a.z",
            to: "a.*",
            line: "a.*",
            says: "`*`",
            hints: "list the columns",
        },
        Case {
            shows: "a second statement",
            file: accelerometer,
            from: "from accelerometer_landing a",
            to: "from accelerometer_landing a; \ndrop table customer_trusted; select 1 from customer_trusted a",
            line: "drop table",
            says: "second statement",
            hints: "own file",
        },
        Case {
            shows: "a cycle",
            file: accelerometer,
            from: "from accelerometer_landing",
            to: "from machine_learning_curated",
            line: "from machine_learning_curated",
            says: "a cycle: ",
            hints: "remove one of these reads",
        },
        Case {
            shows: "a table that reads itself",
            file: accelerometer,
            from: "from accelerometer_landing",
            to: "from accelerometer_trusted",
            line: "from accelerometer_trusted",
            says: "reads itself",
            hints: "",
        },
        Case {
            shows: "a landing column of no known type",
            file: "landing/customer_landing.sql",
            from: "`email` string",
            to: "`email` strng",
            line: "`email`",
            says: "`strng`",
            hints: "string",
        },
        Case {
            shows: "a landing clause that is not supported",
            file: "landing/customer_landing.sql",
            from: "ROW FORMAT",
            to: "PARTITIONED BY (`day` double)\nROW FORMAT",
            line: "PARTITIONED",
            says: "PARTITIONED BY",
            hints: "",
        },
        Case {
            shows: "a landing property that nobody knows",
            file: "landing/customer_landing.sql",
            from: "'stedi.personal'",
            to: "'stedi.personl'",
            line: "stedi.personl",
            says: "`stedi.personl`",
            hints: "`stedi.personal`",
        },
        Case {
            shows: "a published count of a table that there is not",
            file: "published.toml",
            from: "customer_curated =",
            to: "customer_curate =",
            line: "customer_curate =",
            says: "`customer_curate`",
            hints: "`customer_curated`",
        },
        Case {
            shows: "a type that a table cannot hold",
            file: accelerometer,
            from: "a.x,",
            to: "make_array(a.x) as x,",
            line: "",
            says: "x",
            hints: "cast",
        },
    ];
    for case in cases {
        let own = edited(case.file, case.from, case.to);
        let lake = own.path().join("lake");
        let before = contents(own.path());
        let run = stedi(own.path(), "run --project p").run();
        let place = match case.line {
            "" => format!("p/{}", case.file),
            line => format!(
                "p/{}:{}:",
                case.file,
                line_of(&own.path().join("p").join(case.file), line)
            ),
        };
        assert_eq!(run.code, 2, "{}: {run}", case.shows);
        let told = run
            .err
            .lines()
            .any(|line| line.contains(&place) && line.contains(case.says));
        assert!(
            told,
            "{}: no line with {place} and {:?}: {run}",
            case.shows, case.says
        );
        if !case.hints.is_empty() {
            assert!(
                run.err
                    .lines()
                    .any(|line| line.contains("hint: ") && line.contains(case.hints)),
                "{}: {run}",
                case.shows
            );
        }
        assert!(run.out.is_empty(), "{}: {run}", case.shows);
        unchanged(&before, own.path(), case.shows);
        // Whoever asks meets the same message, or is not hindered by it.
        let ask = stedi(own.path(), "verify --project p").run();
        assert!([0, 2].contains(&ask.code), "{}: {ask}", case.shows);
        unchanged(&before, own.path(), case.shows);

        fs::remove_dir_all(&lake).unwrap();
        stedi(own.path(), "run --project p").run().ended(2);
        assert!(!lake.exists(), "{}: no lake comes to be", case.shows);
    }
}

#[test]
fn files_that_a_project_cannot_have() {
    type Case = (&'static str, fn(&Path), &'static str, &'static str);
    let cases: [Case; 5] = [
        (
            "two files for one table",
            |p| {
                fs::copy(
                    p.join("trusted/accelerometer_trusted.sql"),
                    p.join("curated/accelerometer_trusted.sql"),
                )
                .unwrap();
            },
            "accelerometer_trusted.sql",
            "a name of its own",
        ),
        (
            "a table with another's other name",
            |p| {
                fs::copy(
                    p.join("trusted/accelerometer_trusted.sql"),
                    p.join("curated/step_trainer_curated.sql"),
                )
                .unwrap();
            },
            "step_trainer_curated",
            "a name of its own",
        ),
        (
            "a name that is none",
            |p| {
                fs::copy(
                    p.join("trusted/accelerometer_trusted.sql"),
                    p.join("trusted/My Table.sql"),
                )
                .unwrap();
            },
            "My Table",
            "lower-case",
        ),
        (
            "another file",
            |p| fs::write(p.join("trusted/notes.txt"), "").unwrap(),
            "notes.txt",
            "landing/",
        ),
        (
            "another zone",
            |p| {
                fs::create_dir(p.join("gold")).unwrap();
                fs::write(p.join("gold/a.sql"), "select 1").unwrap();
            },
            "gold",
            "landing/",
        ),
    ];
    for (shows, spoil, says, hints) in cases {
        let own = edited("", "", "");
        spoil(&own.path().join("p"));
        let before = contents(own.path());
        let run = stedi(own.path(), "run --project p")
            .run()
            .ended(2)
            .says(says)
            .hints(hints);
        assert!(run.out.is_empty(), "{shows}: {run}");
        unchanged(&before, own.path(), shows);
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let own = edited(
        "trusted/accelerometer_trusted.sql",
        "duplicates =",
        "duplicate =",
    );
    edit(
        &own.path().join("p/curated/customer_curated.sql"),
        "grain =",
        "grian =",
    );
    edit(
        &own.path().join("p/landing/customer_landing.sql"),
        "`phone` string",
        "`phone` strng",
    );
    stedi(own.path(), "run --project p")
        .run()
        .ended(2)
        .says("accelerometer_trusted.sql")
        .says("customer_curated.sql")
        .says("customer_landing.sql");
}
