//! Repeated runs, and runs of some tables.

use std::fs;

use serde_json::{Value, json};

use crate::places::{DEMO, SMALL, append, contents, log_entries, unchanged};
use crate::program::{count, finish, rows, stedi};

#[test]
fn a_second_run_leaves_equal_tables_and_writes_nothing() {
    let own = DEMO.with_own_lake();
    let lake = own.path().join("lake");
    let before = contents(&lake);
    stedi(own.path(), "run --expect published")
        .run()
        .done()
        .says("nothing new");
    unchanged(&before, &lake, "second run");
    let small = SMALL.with_own_lake();
    let before = contents(&small.path().join("lake"));
    stedi(small.path(), "run --full").run().done();
    unchanged(&before, &small.path().join("lake"), "a full run");
}

#[test]
fn a_file_delivered_twice_changes_no_table() {
    let own = SMALL.copied();
    let lake = own.path().join("lake");
    for source in ["accelerometer", "step_trainer", "customer"] {
        let folder = own.path().join("landing").join(source).join("landing");
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
        fs::copy(file.path(), folder.join("again.json")).unwrap();
    }
    let models = ["trusted", "curated"];
    let before = models.map(|zone| contents(&lake.join(zone)));
    let run = stedi(own.path(), "run").run().done();
    run.says("took in 3 new files").says("nothing new");
    for (zone, before) in models.iter().zip(&before) {
        unchanged(before, &lake.join(zone), "run after a second delivery");
    }
}

#[test]
fn only_tables_with_new_rows_get_a_version() {
    let own = SMALL.copied();
    let lake = own.path().join("lake");
    let before = log_entries(&lake);
    let reading = rows(
        own.path(),
        "select s.serialnumber, s.sensorreadingtime from step_trainer_trusted s limit 1",
    );
    append(
        own.path(),
        "step_trainer/landing/new.json",
        &json!({
            "serialNumber": reading[0]["serialnumber"],
            "sensorReadingTime": 1,
            "distanceFromObject": 5,
        })
        .to_string(),
    );
    stedi(own.path(), "run").run().done();
    let new: Vec<String> = log_entries(&lake)
        .into_iter()
        .filter(|entry| !before.contains(entry))
        .map(|entry| {
            let table = entry.parent().unwrap().parent().unwrap();
            table.strip_prefix(&lake).unwrap().display().to_string()
        })
        .filter(|table| !table.starts_with("system/"))
        .collect();
    assert_eq!(new, ["trusted/step_trainer_trusted"]);
}

#[test]
fn select_builds_a_table_and_what_it_needs() {
    for (select, expected) in [
        ("customer_trusted", vec!["customer_trusted"]),
        (
            "accelerometer_trusted",
            vec!["accelerometer_trusted", "customer_trusted"],
        ),
        (
            "step_trainer_curated",
            vec![
                "accelerometer_trusted",
                "customer_curated",
                "customer_trusted",
                "step_trainer_trusted",
            ],
        ),
        (
            "customer_trusted,accelerometer_trusted",
            vec!["accelerometer_trusted", "customer_trusted"],
        ),
        (
            "customer_trusted accelerometer_trusted",
            vec!["accelerometer_trusted", "customer_trusted"],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let landing = SMALL.dir.join("landing");
        let run = stedi(dir.path(), "run --format json --landing")
            .arg(&landing)
            .arg("--select");
        let run = select.split(' ').fold(run, |run, name| run.arg(name));
        let report = run.run().done().json();
        let mut built: Vec<&str> = report["tables"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|table| table["zone"] != "landing")
            .filter_map(|table| table["table"].as_str())
            .collect();
        built.sort_unstable();
        assert_eq!(built, expected, "{select}");
        let lake = dir.path().join("lake");
        for table in ["trusted", "curated"]
            .iter()
            .flat_map(|zone| fs::read_dir(lake.join(zone)).into_iter().flatten())
        {
            let name = table.unwrap().file_name().into_string().unwrap();
            assert!(expected.contains(&name.as_str()), "{select}: {name}");
        }
    }
}

#[test]
fn select_asks_for_no_source_that_it_does_not_need() {
    let own = SMALL.copied();
    fs::remove_dir_all(own.path().join("landing/step_trainer")).unwrap();
    fs::remove_dir_all(own.path().join("landing/accelerometer")).unwrap();
    stedi(own.path(), "run --select customer_trusted")
        .run()
        .done();
}

#[test]
fn selected_tables_are_left_as_they_stand_where_nothing_is_new() {
    let own = SMALL.with_own_lake();
    let lake = own.path().join("lake");
    let before = contents(&lake);
    stedi(own.path(), "run --select customer_curated")
        .run()
        .done();
    unchanged(&before, &lake, "a run of one table");
}

#[test]
fn a_failed_expectation_publishes_nothing() {
    let own = SMALL.copied();
    let lake = own.path().join("lake");
    let before = contents(&lake);
    append(
        own.path(),
        "customer/landing/new.json",
        &json!({"email": "new@example.com", "lastUpdateDate": 1, "shareWithResearchAsOfDate": 1})
            .to_string(),
    );
    fs::write(
        own.path().join("expect.toml"),
        "[rows]\ncustomer_trusted = 7\n",
    )
    .unwrap();
    let run = stedi(own.path(), "run --format json --expect expect.toml").run();
    let run = run.ended(3).says("customer_trusted").says("7");
    unchanged(
        &before,
        &lake,
        "a run that came out otherwise than expected",
    );
    let report = run.json();
    let table = |name: &str| -> Value {
        let tables = report["tables"].as_array().unwrap();
        tables.iter().find(|t| t["table"] == name).unwrap().clone()
    };
    assert_eq!(table("customer_trusted")["verdict"], "fail");
    assert_eq!(table("customer_trusted")["expected"], 7);
    assert_eq!(table("customer_curated")["verdict"], "ok");
    assert_eq!(table("customer_curated")["expected"], Value::Null);

    stedi(own.path(), "verify --expect expect.toml")
        .run()
        .ended(3)
        .says("7");
}

/// `verify` reads every byte again, so it finds a torn table.
#[test]
fn two_runs_at_once_leave_a_whole_lake() {
    let dir = tempfile::tempdir().unwrap();
    let landing = SMALL.dir.join("landing");
    let start = || {
        let run = stedi(dir.path(), "run --landing").arg(&landing);
        run.start()
    };
    let runs: Vec<_> = (0..2).map(|_| start()).collect();
    let codes: Vec<i32> = runs
        .into_iter()
        .map(|(child, line)| {
            let outcome = finish(child, line);
            assert!([0, 5].contains(&outcome.code), "{outcome}");
            outcome.code
        })
        .collect();
    assert!(codes.contains(&0), "{codes:?}");
    stedi(dir.path(), "run --landing")
        .arg(&landing)
        .run()
        .done();
    let verify = stedi(dir.path(), "verify --format json --landing").arg(&landing);
    let verified = verify.run().done().json();
    let expected = stedi(&SMALL.dir, "verify --format json")
        .run()
        .done()
        .json();
    let counts = |report: &Value| -> Vec<(String, Value)> {
        let tables = report["tables"].as_array().unwrap();
        tables
            .iter()
            .map(|t| (t["table"].to_string(), t["rows"].clone()))
            .collect()
    };
    assert_eq!(counts(&verified), counts(&expected));
}

#[test]
fn what_a_run_did_is_on_record() {
    let dir = &SMALL.dir;
    let published = rows(
        dir,
        "select table_name, outcome, version, rows_out from system.runs order by table_name",
    );
    let names: Vec<&str> = published
        .iter()
        .filter_map(|row| row["table_name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "accelerometer_trusted",
            "customer_curated",
            "customer_trusted",
            "machine_learning_curated",
            "step_trainer_trusted",
            "training_set"
        ]
    );
    for row in &published {
        assert_eq!(row["outcome"], "published");
        assert_eq!(row["version"], 0);
        let table = row["table_name"].as_str().unwrap();
        let stands = count(dir, &format!("select count(*) from {table}"));
        assert_eq!(row["rows_out"], json!(stands), "{table}");
    }
    let checked = count(
        dir,
        "select count(*) from system.checks where verdict = 'ok' and check_name <> ''",
    );
    assert!(checked > 10);
}
