//! The published counts of the reference data and of the built-in sample.

use serde_json::{Value, json};

use crate::places::{DEMO, REFERENCE, SMALL, contents};
use crate::program::{count, rows, stedi};

const PUBLISHED: [(&str, &str, u64); 8] = [
    ("landing", "customer_landing", 956),
    ("landing", "accelerometer_landing", 81_273),
    ("landing", "step_trainer_landing", 28_680),
    ("trusted", "customer_trusted", 482),
    ("trusted", "accelerometer_trusted", 40_981),
    ("trusted", "step_trainer_trusted", 14_460),
    ("curated", "customer_curated", 482),
    ("curated", "machine_learning_curated", 43_681),
];

/// Checks both data sets that must have the published counts.
fn both(check: impl Fn(&std::path::Path)) {
    check(&DEMO.dir);
    if let Some(reference) = REFERENCE.as_ref() {
        check(&reference.dir);
    }
}

#[test]
fn every_table_has_the_published_rows() {
    both(|dir| {
        let counts: Vec<String> = PUBLISHED
            .iter()
            .map(|(zone, table, _)| format!("(select count(*) from {zone}.{table}) as {table}"))
            .collect();
        let counted = rows(dir, &format!("select {}", counts.join(", ")));
        for (_, table, expected) in PUBLISHED {
            assert_eq!(counted[0][table], json!(expected), "{table}");
        }
    });
}

#[test]
fn pairs_of_one_owner_are_told_from_pairs_of_two_people() {
    both(|dir| {
        let by_owner = rows(
            dir,
            "select same_owner, count(*) as pairs from machine_learning_curated group by 1 order by 1",
        );
        assert_eq!(
            by_owner,
            [
                json!({"same_owner": false, "pairs": 2_700}),
                json!({"same_owner": true, "pairs": 40_981}),
            ]
        );
    });
}

#[test]
fn readings_of_the_owner_under_consent() {
    both(|dir| {
        let under_consent = rows(
            dir,
            "select count(*) as readings, count(distinct lower(trim(c.email))) as people
             from machine_learning_curated m
             join customer_trusted c on lower(trim(c.email)) = lower(trim(m.user))
             where m.same_owner and m.sensorreadingtime >= c.sharewithresearchasofdate",
        );
        assert_eq!(under_consent, [json!({"readings": 32_025, "people": 464})]);
        let before = count(
            dir,
            "select count(*) from accelerometer_trusted a
             join customer_trusted c on lower(trim(c.email)) = lower(trim(a.user))
             where a.timestamp < c.sharewithresearchasofdate",
        );
        assert_eq!(before, 8_956);
    });
}

#[test]
fn verify_knows_the_published_counts_and_reports_pairs_of_two_people() {
    both(|dir| {
        let before = contents(&dir.join("lake"));
        let outcome = stedi(dir, "verify --expect published --format json")
            .run()
            .done();
        let report = outcome.json();
        check_document(&report, true);
        let checks = report["checks"].as_array().unwrap();
        let two_people: Vec<&Value> = checks
            .iter()
            .filter(|check| check["violations"] == json!(2_700))
            .collect();
        assert_eq!(two_people.len(), 1, "{checks:?}");
        assert_eq!(two_people[0]["table"], "machine_learning_curated");
        assert_eq!(two_people[0]["verdict"], "ok", "reported, not failed");
        crate::places::unchanged(&before, &dir.join("lake"), "verify");

        let shown = stedi(dir, "verify").run().done().out;
        assert!(shown.contains("2,700"), "{shown}");
    });
}

#[test]
fn run_prints_one_json_document() {
    let Some(reference) = REFERENCE.as_ref() else {
        return;
    };
    let text = std::fs::read_to_string(reference.dir.join("run.json")).unwrap();
    check_document(&serde_json::from_str(&text).unwrap(), true);

    let own = reference.with_own_lake();
    let outcome = stedi(own.path(), "run --format json").run().done();
    check_document(&outcome.json(), false);
}

/// `{"tables":[{"zone","table","rows","expected","verdict","seconds"}],"checks":[...]}`
#[track_caller]
fn check_document(report: &Value, expecting: bool) {
    assert_eq!(keys(report), ["checks", "tables"]);
    let tables = report["tables"].as_array().unwrap();
    // The training set is ours: nobody published a count of it.
    assert_eq!(tables.len(), PUBLISHED.len() + 1);
    let training = tables.iter().find(|entry| entry["table"] == "training_set");
    assert_eq!(training.unwrap()["rows"], json!(32_025));
    assert_eq!(training.unwrap()["expected"], Value::Null);
    for (zone, table, rows) in PUBLISHED {
        let entry = tables.iter().find(|entry| entry["table"] == table);
        let entry = entry.unwrap_or_else(|| panic!("{table} is missing: {report}"));
        assert_eq!(
            keys(entry),
            ["expected", "rows", "seconds", "table", "verdict", "zone"]
        );
        assert_eq!(entry["zone"], zone, "{table}");
        assert_eq!(entry["rows"], json!(rows), "{table}");
        let expected = if expecting { json!(rows) } else { Value::Null };
        assert_eq!(entry["expected"], expected, "{table}");
        assert_eq!(entry["verdict"], "ok", "{table}");
        assert!(entry["seconds"].as_f64().is_some_and(|s| s >= 0.0));
    }
    let checks = report["checks"].as_array().unwrap();
    assert!(!checks.is_empty());
    for check in checks {
        for key in ["table", "check", "verdict"] {
            assert!(check[key].is_string(), "{key} of {check}");
        }
    }
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn demo_ends_with_the_counts_and_says_what_to_try_next() {
    let out = std::fs::read_to_string(DEMO.dir.join("out")).unwrap();
    for heading in ["zone", "table", "rows", "expected", "verdict", "seconds"] {
        assert!(out.contains(heading), "{heading}: {out}");
    }
    for (zone, table, rows) in PUBLISHED {
        let rows = with_commas(rows);
        let line = out
            .lines()
            .find(|line| line.contains(&format!(" {table} ")));
        let line = line.unwrap_or_else(|| panic!("{table}: {out}"));
        assert!(line.contains(zone), "{line}");
        assert_eq!(line.matches(&rows).count(), 2, "rows and expected: {line}");
    }
    let err = std::fs::read_to_string(DEMO.dir.join("err")).unwrap();
    assert!(
        err.contains("try next") && err.contains("stedi sql"),
        "{err}"
    );
}

#[test]
fn run_ends_with_a_table_of_counts() {
    let out = std::fs::read_to_string(SMALL.dir.join("out")).unwrap();
    for (zone, table, _) in PUBLISHED {
        let rows = count(&SMALL.dir, &format!("select count(*) from {table}"));
        let line = out
            .lines()
            .find(|line| line.contains(&format!(" {table} ")));
        let line = line.unwrap_or_else(|| panic!("{table}: {out}"));
        for part in [zone, " - ", "ok", &with_commas(rows)] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert!(!out.contains('\u{1b}'), "no colour where nobody sees it");
}

fn with_commas(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}

#[test]
fn demo_takes_a_fresh_folder_alone() {
    let dir = tempfile::tempdir().unwrap();
    stedi(dir.path(), "demo --customers 20 --quiet")
        .run()
        .done();
    assert!(dir.path().join("stedi-demo/lake").is_dir());
    // The second time it says what to do with the folder of the first.
    stedi(dir.path(), "demo --customers 20")
        .run()
        .done()
        .says("stedi-demo is there from an earlier demo")
        .says("goes to stedi-demo-2")
        .hints("cd stedi-demo")
        .hints("rm -r stedi-demo");
    assert!(dir.path().join("stedi-demo-2/lake").is_dir());
    let before = contents(dir.path());
    stedi(dir.path(), "demo stedi-demo")
        .run()
        .ended(1)
        .says("stedi-demo is not empty")
        .hints("fresh folder")
        .hints("cd stedi-demo")
        .hints("rm -r stedi-demo");
    crate::places::unchanged(&before, dir.path(), "demo on an occupied folder");
}

#[test]
fn the_sample_is_the_same_for_the_same_seed_and_another_for_another() {
    let dir = tempfile::tempdir().unwrap();
    let sources = |name: &str| -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let root = dir.path().join(name);
        contents(&root)
            .into_iter()
            .map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_owned(), bytes))
            .collect()
    };
    stedi(dir.path(), "sample one").run().done();
    let demo = DEMO.dir.join("landing");
    let of_demo: Vec<_> = contents(&demo)
        .into_iter()
        .map(|(path, bytes)| (path.strip_prefix(&demo).unwrap().to_owned(), bytes))
        .collect();
    assert!(sources("one") == of_demo, "the default sample is demo's");
    stedi(dir.path(), "sample two --customers 50 --seed 2")
        .run()
        .done();
    stedi(dir.path(), "sample three --customers 50 --seed 2")
        .run()
        .done();
    stedi(dir.path(), "sample four --customers 50 --seed 3")
        .run()
        .done();
    assert!(sources("two") == sources("three"));
    assert!(sources("two") != sources("four"));

    let before = contents(dir.path());
    stedi(dir.path(), "sample two")
        .run()
        .ended(1)
        .says("two/customer/landing");
    stedi(dir.path(), "sample five --customers 0")
        .run()
        .ended(2)
        .hints("ask for 1 to");
    crate::places::unchanged(&before, dir.path(), "refused samples");
}

#[test]
fn another_seed_has_the_published_counts_too() {
    let dir = tempfile::tempdir().unwrap();
    stedi(dir.path(), "sample landing --seed 42").run().done();
    stedi(dir.path(), "run --expect published").run().done();
}

#[test]
fn the_sample_is_plainly_synthetic() {
    for value in &DEMO.people.values {
        if let Some((_, domain)) = value.split_once('@') {
            assert!(
                ["example.com", "example.net", "example.org"].contains(&domain),
                "{value}"
            );
        }
    }
}
