//! `stedi export`: the rows of a table in files, and the manifest that proves it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value, json};

use crate::places::{DEMO, Landing, SMALL, append, contents, unchanged};
use crate::program::{Outcome, count, finish, rows, stedi};

fn manifest(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Exports and returns the manifest that the program prints.
#[track_caller]
fn exported(dir: &Path, words: &str) -> Value {
    stedi(dir, &format!("export --format json {words}"))
        .run()
        .done()
        .json()
}

#[track_caller]
fn checked(dir: &Path, path: &str) -> Outcome {
    stedi(dir, "export --format json --check").arg(path).run()
}

/// The verdict on each compared item.
fn verdicts(outcome: &Outcome) -> BTreeMap<String, String> {
    let document = outcome.json();
    let findings = document["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings
        .map(|finding| (text(&finding["what"]), text(&finding["verdict"])))
        .collect()
}

/// Rows as a multiset.
fn sorted(rows: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut rows: Vec<String> = rows.into_iter().map(|row| row.to_string()).collect();
    rows.sort();
    rows
}

fn rows_of_parquet(path: &Path) -> Vec<Value> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let value = |field: &Field| match field {
        Field::Null => Value::Null,
        Field::Long(value) => json!(value),
        Field::Int(value) => json!(value),
        Field::Double(value) => json!(value),
        Field::Bool(value) => json!(value),
        Field::Str(value) => json!(value),
        other => panic!("{other:?}"),
    };
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        let columns = row.get_column_iter();
        Value::Object(
            columns
                .map(|(name, field)| (name.clone(), value(field)))
                .collect(),
        )
    });
    rows.collect()
}

/// The rows of a CSV file. Fields must not have quotes; those of the sample have
/// none.
fn rows_of_csv(path: &Path, manifest: &Value) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(!text.contains('"'), "the test reads no quotes");
    let mut lines = text.split_terminator("\r\n");
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let columns = manifest["columns"].as_array().unwrap();
    let row = |line: &str| {
        let values = line.split(',').zip(columns).map(|(value, column)| {
            match column["type"].as_str().unwrap() {
                _ if value.is_empty() => Value::Null,
                "string" => json!(value),
                "boolean" => json!(value.parse::<bool>().unwrap()),
                "double" => json!(value.parse::<f64>().unwrap()),
                _ => json!(value.parse::<i64>().unwrap()),
            }
        });
        let named = names.iter().map(ToString::to_string).zip(values);
        Value::Object(named.collect::<Map<_, _>>())
    };
    lines.map(row).collect()
}

#[test]
fn every_format_holds_the_rows_of_the_table() {
    let lake = SMALL.with_own_lake();
    let dir = lake.path();
    for table in [
        "customer_curated",
        "machine_learning_curated",
        "customer_landing",
    ] {
        let truth = rows(dir, &format!("select * from {table}"));
        assert!(truth.iter().any(|row| row.to_string().contains("null")) || table.starts_with('m'));
        let truth = sorted(truth);
        let mut content = Vec::new();
        for format in ["parquet", "csv", "ndjson"] {
            let to = format!("{table}-{format}");
            let told = exported(dir, &format!("{table} --to {to} --as {format} --personal"));
            assert_eq!(told, manifest(&dir.join(&to).join("manifest.json")));
            assert_eq!(told["rows"], json!(truth.len()), "{to}");
            assert_eq!(told["format"], format);
            assert_eq!(told["files"][0]["file"], format!("{table}.{format}"));
            let file = dir.join(&to).join(format!("{table}.{format}"));
            let read = match format {
                "parquet" => rows_of_parquet(&file),
                "csv" => rows_of_csv(&file, &told),
                _ => {
                    let text = fs::read_to_string(&file).unwrap();
                    text.lines()
                        .map(|line| serde_json::from_str(line).unwrap())
                        .collect()
                }
            };
            assert_eq!(sorted(read), truth, "{to}");
            content.push(told["content"].clone());
            let check = checked(dir, &to).ended(0);
            let lake = if table.ends_with("landing") {
                "warn"
            } else {
                "ok"
            };
            assert_eq!(verdicts(&check)["lake"], lake, "{check}");
            SMALL.people.untold_by(&check);
            let names = contents(&dir.join(&to)).into_keys();
            assert_eq!(names.count(), 3, "the folder, a file and the manifest");
        }
        assert!(
            content.windows(2).all(|two| two[0] == two[1]),
            "{content:?}"
        );
    }
}

#[test]
fn awkward_values_and_a_table_without_rows() {
    let landing = Landing {
        customers: vec![
            json!({"email": "a@example.com", "lastUpdateDate": 1, "customerName": "", "phone": "1,\"2\"\r\n3",
                "shareWithResearchAsOfDate": 9_007_199_254_740_993_i64}),
            json!({"email": "b@example.com", "lastUpdateDate": 2, "birthday": "null"}),
        ],
        ..Landing::default()
    };
    let own = landing.laid_out();
    let dir = own.path();
    stedi(dir, "run").run().done();
    for format in ["parquet", "csv", "ndjson"] {
        for (table, expected) in [("customer_landing", 2), ("accelerometer_trusted", 0)] {
            let to = format!("{table}.{format}");
            let told = exported(dir, &format!("{table} --to {to} --personal"));
            assert_eq!(told["rows"], json!(expected), "{to}");
            assert!(dir.join(format!("{to}.manifest.json")).is_file(), "{to}");
            let check = checked(dir, &to).ended(0);
            assert_eq!(verdicts(&check)["content"], "ok", "{check}");
        }
    }
    let csv = fs::read_to_string(dir.join("customer_landing.csv")).unwrap();
    assert!(
        csv.contains("\r\n\"\",a@example.com,\"1,\"\"2\"\"\r\n3\",,,,1,9007199254740993,,\r\n"),
        "{csv}"
    );
    let lines = fs::read_to_string(dir.join("customer_landing.ndjson")).unwrap();
    assert!(
        lines.contains("\"sharewithresearchasofdate\":9007199254740993,"),
        "{lines}"
    );
    assert!(lines.contains("\"phone\":null"), "{lines}");
}

#[test]
fn an_export_made_again_is_the_same_and_an_older_version_is_another() {
    let own = SMALL.copied();
    let dir = own.path();
    let words = "customer_trusted --personal --now 2026-11-21 --to";
    let first = exported(dir, &format!("{words} first"));
    let record =
        json!({"email": "new@example.com", "lastUpdateDate": 5, "shareWithResearchAsOfDate": 5});
    append(dir, "customer/landing/new.json", &format!("{record}\n"));
    stedi(dir, "run").run().done();
    let newest = exported(dir, &format!("{words} newest"));
    let again = exported(dir, &format!("{words} again --version 0"));
    assert_eq!(first, again, "to the last byte of the manifest");
    for name in ["customer_trusted.parquet", "manifest.json"] {
        let bytes = |folder: &str| fs::read(dir.join(folder).join(name)).unwrap();
        assert_eq!(bytes("first"), bytes("again"), "{name}");
    }
    assert_eq!(
        (&again["version"], &newest["version"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(newest["rows"], json!(again["rows"].as_u64().unwrap() + 1));
    assert_ne!(newest["content"], again["content"]);
    for path in ["first", "again", "newest", "newest/manifest.json"] {
        let check = checked(dir, path).ended(0);
        assert_eq!(verdicts(&check)["lake"], "ok", "{check}");
    }
    // What was built from what, at that time and not now.
    let built = |words: &str| {
        let told = exported(dir, words);
        let built = told["built_from"].as_array().unwrap().clone();
        let version = |of: &Value| {
            (
                of["table"].as_str().unwrap().to_owned(),
                of["version"].clone(),
            )
        };
        let versions: BTreeMap<_, _> = built.iter().map(version).collect();
        assert!(!told["landing"].as_array().unwrap().is_empty());
        assert_eq!(told["policy"]["purpose"], "research");
        versions
    };
    let old = built("customer_curated --version 0 --personal --to old");
    assert_eq!(old["customer_trusted"], json!(0));
    assert_eq!(old["accelerometer_trusted"], json!(0));
    assert!(old.contains_key("consent"));

    // Elsewhere the files can be checked, and the lake's rows cannot.
    let elsewhere = stedi(dir, "export --check first --lake nowhere --format json")
        .run()
        .ended(0);
    assert_eq!(verdicts(&elsewhere)["lake"], "warn");
}

#[test]
fn the_hash_of_the_models_follows_their_text() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    let hash = |words: &str| {
        exported(dir, &format!("customer_trusted --personal {words}"))["models"].clone()
    };
    let built_in = hash("--to a");
    stedi(dir, "init lakehouse").run().done();
    assert_eq!(
        hash("--to b --project lakehouse"),
        built_in,
        "the same, written out"
    );
    let file = dir.join("lakehouse/trusted/customer_trusted.sql");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    assert_eq!(
        hash("--to c --project lakehouse"),
        built_in,
        "checked out elsewhere"
    );
    fs::write(&file, text + "\n-- a word\n").unwrap();
    assert_ne!(hash("--to d --project lakehouse"), built_in);
}

#[test]
fn what_is_refused() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    fs::create_dir(dir.join("full")).unwrap();
    fs::write(dir.join("full/x"), "x").unwrap();
    fs::write(dir.join("there.csv"), "x").unwrap();
    fs::create_dir_all(dir.join("cut/.unfinished")).unwrap();
    let before = contents(dir);
    for (words, code, says) in [
        (
            "customer_trusted --to out",
            4,
            "trusted.customer_trusted is not exported: its columns customername, email, phone",
        ),
        (
            "machine_learning_curated --to out",
            4,
            "machine_learning_curated",
        ),
        ("customer_landing --to out", 4, "customer_landing"),
        ("step_trainer_landing --to out", 4, "step_trainer_landing"),
        (
            "system.quarantine --to out",
            4,
            "its columns file, raw, hash, subjects are personal",
        ),
        (
            "system.consent --to out",
            4,
            "its column subject is personal",
        ),
        ("customer_trusted --version 0 --to out", 4, "personal"),
        ("customer_trusted --personal --to full", 2, "not empty"),
        (
            "customer_trusted --personal --to there.csv",
            2,
            "there already",
        ),
        (
            "customer_trusted --personal --to there.csv/",
            2,
            "it is a file",
        ),
        ("customer_trusted --personal --to cut", 2, "cut short"),
        ("customer_trusted --personal --to lake/out", 2, "lake"),
        ("customer_trusted --personal --to lake", 2, "lake"),
        ("customer_trusted --personal --to ./lake/x.csv", 2, "lake"),
        ("customer_trusted --personal --to landing/out", 2, "landing"),
        ("customer_trusted --personal --to .", 2, "overlap"),
        (
            "customer_trusted --personal --to x.csv --as parquet",
            2,
            "x.csv",
        ),
        ("customer_trusted --personal --to ftp://x/y", 2, "ftp"),
        ("customer_trusted --personal --to x --as json", 2, "json"),
        ("customer_trusted --personal", 2, "--to"),
        ("--to x", 2, "TABLE"),
        (
            "customer_landing --personal --version 0 --to x",
            2,
            "no versions",
        ),
        (
            "customer_trusted --personal --version 9 --to x",
            1,
            "no version 9",
        ),
        (
            "customer_trusted --personal --version -1 --to x",
            1,
            "no version -1",
        ),
        ("customer_trustd --personal --to x", 1, "customer_trustd"),
        ("system.nothing --to x", 1, "system.nothing"),
        (
            "customer_trusted --personal --to /proc/no/out",
            1,
            "cannot write",
        ),
        ("--check nothing", 1, "no manifest"),
        ("--check full", 1, "no manifest"),
        ("customer_trusted --check full", 2, "--check"),
    ] {
        let outcome = stedi(dir, &format!("export {words}"))
            .run()
            .ended(code)
            .says(says);
        assert!(outcome.out.is_empty(), "{outcome}");
        SMALL.people.untold_by(&outcome);
        unchanged(&before, dir, words);
    }
    stedi(dir, "export customer_trusted --to out")
        .run()
        .ended(4)
        .hints("--personal");
    // Tables without personal columns go out as they are.
    let told = exported(dir, "training_set --to set");
    assert_eq!(
        told["rows"],
        json!(count(dir, "select count(*) from training_set"))
    );
    checked(dir, "set").ended(0);
    for table in ["system.runs", "system.ledger", "system.checks"] {
        let told = exported(dir, &format!("{table} --to {table}"));
        let rows = count(dir, &format!("select count(*) from {table}"));
        assert_eq!(told["rows"], json!(rows), "{table}");
        assert_eq!(told["policy"]["purpose"], Value::Null);
        checked(dir, table).ended(0);
    }
}

#[test]
fn nothing_personal_beside_the_data() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    for table in [
        "customer_trusted",
        "machine_learning_curated",
        "customer_landing",
        "system.consent",
    ] {
        let outcome = stedi(dir, &format!("export {table} --personal --to out/{table}"))
            .run()
            .done();
        SMALL.people.untold_by(&outcome);
        assert_eq!(SMALL.people.found_in(&outcome.out), None, "{outcome}");
        let file = dir
            .join("out")
            .join(table)
            .join(format!("{}.parquet", table.trim_start_matches("system.")));
        let reader = SerializedFileReader::new(fs::File::open(file).unwrap()).unwrap();
        let told = manifest(&dir.join("out").join(table).join("manifest.json"));
        assert_eq!(SMALL.people.found_in(&told.to_string()), None);
        for group in reader.metadata().row_groups() {
            for (chunk, column) in group
                .columns()
                .iter()
                .zip(told["columns"].as_array().unwrap())
            {
                let personal = column["personal"] == true || column["type"] == "string";
                assert!(
                    !personal || chunk.statistics().is_none(),
                    "{table}: {column}"
                );
            }
        }
    }
}

#[test]
fn what_was_changed_is_found() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    for format in ["parquet", "csv", "ndjson"] {
        let name = format!("customer_trusted.{format}");
        type Change = fn(&Path, &str);
        let changes: [(&str, Change, &[&str]); 6] = [
            (
                "a byte",
                |at, name| {
                    let mut bytes = fs::read(at.join(name)).unwrap();
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    fs::write(at.join(name), bytes).unwrap();
                },
                &["FILE"],
            ),
            (
                "its end",
                |at, name| {
                    let bytes = fs::read(at.join(name)).unwrap();
                    fs::write(at.join(name), &bytes[..bytes.len() - 9]).unwrap();
                },
                &["FILE", "rows"],
            ),
            (
                "the file",
                |at, name| fs::remove_file(at.join(name)).unwrap(),
                &["FILE", "rows"],
            ),
            (
                "a file more",
                |at, name| {
                    fs::copy(at.join(name), at.join(format!("more.{name}"))).unwrap();
                },
                &["files"],
            ),
            (
                "the rows told",
                |at, _| {
                    let mut told = manifest(&at.join("manifest.json"));
                    told["rows"] = json!(7);
                    fs::write(at.join("manifest.json"), told.to_string()).unwrap();
                },
                &["rows", "lake"],
            ),
            (
                "the content told",
                |at, _| {
                    let mut told = manifest(&at.join("manifest.json"));
                    told["content"] = json!("1-00");
                    fs::write(at.join("manifest.json"), told.to_string()).unwrap();
                },
                &["content", "lake"],
            ),
        ];
        for (position, (shows, change, fails)) in changes.into_iter().enumerate() {
            let to = format!("{format}-{position}");
            exported(
                dir,
                &format!("customer_trusted --personal --as {format} --to {to}"),
            );
            checked(dir, &to).ended(0);
            change(&dir.join(&to), &name);
            let check = checked(dir, &to).ended(3);
            let verdicts = verdicts(&check);
            for what in fails {
                let what = if *what == "FILE" { name.as_str() } else { what };
                assert_eq!(verdicts[what], "fail", "{shows}, {what}: {check}");
            }
            SMALL.people.untold_by(&check);
        }
    }
    // Rows and their hashes changed together: the content tells.
    exported(dir, "customer_trusted --personal --to x.ndjson");
    exported(dir, "customer_curated --personal --to y.ndjson --version 0");
    let (x, y) = (dir.join("x.ndjson"), dir.join("x.ndjson.manifest.json"));
    let text = fs::read_to_string(&x).unwrap();
    let kept: Vec<&str> = text.lines().skip(1).collect();
    fs::write(&x, kept.join("\n") + "\n").unwrap();
    let mut told = manifest(&y);
    let sum = Command::new("sha256sum").arg(&x).output().unwrap().stdout;
    told["files"][0]["sha256"] = json!(String::from_utf8_lossy(&sum[..64]));
    told["files"][0]["bytes"] = json!(fs::metadata(&x).unwrap().len());
    told["rows"] = json!(kept.len());
    fs::write(&y, told.to_string()).unwrap();
    let check = checked(dir, "x.ndjson").ended(3);
    let verdicts = verdicts(&check);
    assert_eq!(
        (verdicts["x.ndjson"].as_str(), verdicts["rows"].as_str()),
        ("ok", "ok"),
        "{check}"
    );
    assert_eq!(
        (verdicts["content"].as_str(), verdicts["lake"].as_str()),
        ("fail", "fail"),
        "{check}"
    );

    for (text, says) in [("", "manifest"), ("{}", "manifest"), ("[1]", "manifest")] {
        fs::write(&y, text).unwrap();
        checked(dir, "x.ndjson").ended(1).says(says);
    }
    told["files"][0]["file"] = json!("../secret");
    fs::write(&y, told.to_string()).unwrap();
    checked(dir, "x.ndjson").ended(1).says("manifest");
}

/// A stopped export is complete, or it is no export.
#[test]
fn an_export_that_is_stopped_at_any_instant_is_whole_or_none() {
    let lake = DEMO.dir.join("lake");
    let (mut whole, mut none) = (0, 0);
    for (position, after_ms) in (10..400).step_by(30).enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let name = if position % 2 == 0 { "INT" } else { "KILL" };
        let (child, line) = stedi(
            dir.path(),
            "export machine_learning_curated --personal --as ndjson --to out --lake",
        )
        .arg(&lake)
        .start();
        sleep(Duration::from_millis(after_ms));
        let _ = Command::new("kill")
            .args(["-s", name, &child.id().to_string()])
            .output();
        let outcome = finish(child, line);
        let out = dir.path().join("out");
        if out.join("manifest.json").exists() {
            whole += 1;
            let check = stedi(dir.path(), "export --check out --lake")
                .arg(&lake)
                .run();
            check.done();
            continue;
        }
        none += 1;
        assert_ne!(outcome.code, 0, "{outcome}");
        assert!(
            !out.join("machine_learning_curated.ndjson").exists(),
            "{outcome}"
        );
        stedi(dir.path(), "export --check out --lake")
            .arg(&lake)
            .run()
            .ended(1)
            .says("no manifest");
        if outcome.code == 130 && outcome.err.contains("interrupted") {
            assert_eq!(contents(dir.path()).len(), 1, "nothing is left: {outcome}");
        }
    }
    assert!(none > 0, "{whole} were whole");
}
