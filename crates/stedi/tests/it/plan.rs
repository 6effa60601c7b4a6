//! `stedi plan` reports what the next run does.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::places::{SMALL, contents, unchanged};
use crate::program::{count, rows, stedi};

fn people(dir: &Path, table: &Value) -> Option<u64> {
    let column = match table["table"].as_str().unwrap() {
        "customer_trusted" | "customer_curated" => "subject(email)",
        "accelerometer_trusted" | "machine_learning_curated" => "subject(user)",
        "step_trainer_trusted" => "serialnumber",
        _ => return None,
    };
    let name = table["table"].as_str().unwrap();
    Some(count(
        dir,
        &format!("select count(distinct {column}) from {name}"),
    ))
}

/// Plans, runs, and compares the two. Returns the plan.
#[track_caller]
fn check(dir: &Path, what: &str) -> Vec<Value> {
    let before = contents(dir);
    let plan = stedi(dir, "plan --format json").run().done().json();
    unchanged(&before, dir, "a plan");
    let plan = plan.as_array().unwrap().clone();
    let stood = dir.join("lake/trusted").exists();
    let mut then = Vec::new();
    for table in &plan {
        let people = if stood {
            people(dir, table)
        } else {
            people_of_none(table)
        };
        then.push(people);
    }
    stedi(dir, "run").run().done();
    for (table, people_before) in plan.iter().zip(then) {
        let name = table["table"].as_str().unwrap();
        let rows = count(dir, &format!("select count(*) from {name}"));
        assert_eq!(table["rows"], rows, "{what}: {table}");
        let now = table["rows_now"].as_u64().unwrap_or(0);
        let moved = |kind: &str| table[kind].as_u64().unwrap_or(0);
        assert_eq!(
            now + moved("rows_entering") - moved("rows_leaving"),
            rows,
            "{what}: {table}"
        );
        let Some(people_before) = people_before else {
            assert_eq!(table["people_entering"], Value::Null, "{what}: {table}");
            continue;
        };
        assert_eq!(
            people_before + moved("people_entering") - moved("people_leaving"),
            people(dir, table).unwrap(),
            "{what}: {table}"
        );
    }
    let again = stedi(dir, "plan --format json").run().done().json();
    for table in again.as_array().unwrap() {
        assert_eq!(table["change"], "nothing", "{what}: {table}");
        assert_eq!(table["rows_entering"], 0, "{what}: {table}");
    }
    plan
}

fn people_of_none(table: &Value) -> Option<u64> {
    (table["table"] != "training_set").then_some(0)
}

#[test]
fn numbers_of_a_plan_are_those_of_the_run() {
    let own = SMALL.copied();
    let dir = own.path();
    fs::remove_dir_all(dir.join("lake")).unwrap();
    let first = check(dir, "the first run");
    assert!(
        first.iter().all(|table| table["change"] == "new"),
        "{first:?}"
    );

    // One person withdraws, another one comes.
    let gone = rows(
        dir,
        "select email from customer_curated order by email limit 1",
    );
    let email = gone[0]["email"].as_str().unwrap();
    stedi(dir, "consent withdraw")
        .input(&format!("{email}\n"))
        .run()
        .done();
    fs::write(
        dir.join("landing/customer/landing/new.json"),
        json!({
            "email": "newcomer@example.com",
            "lastUpdateDate": 1_655_564_000_000_i64,
            "shareWithResearchAsOfDate": 1_655_564_000_000_i64,
        })
        .to_string(),
    )
    .unwrap();
    let then = check(dir, "one leaves, one comes");
    let customers = &then[0];
    assert_eq!(customers["table"], "customer_trusted");
    for (kind, expected) in [
        ("rows_entering", 1),
        ("rows_leaving", 1),
        ("people_entering", 1),
        ("people_leaving", 1),
    ] {
        assert_eq!(customers[kind], expected, "{customers}");
    }
    let training = then
        .iter()
        .find(|table| table["table"] == "training_set")
        .unwrap();
    assert_eq!(training["rows_entering"], 0, "{training}");
    assert!(training["rows_leaving"].as_u64() > Some(0), "{training}");
}

#[test]
fn a_plan_that_would_fail_says_so() {
    let own = SMALL.with_own_lake();
    stedi(own.path(), "init p").run().done();
    let file = own.path().join("p/trusted/accelerometer_trusted.sql");
    let text = fs::read_to_string(&file).unwrap();
    let select = text.replace(
        "join customer_trusted c on subject(c.email) = subject(a.user)",
        "",
    );
    fs::write(&file, select).unwrap();
    let before = contents(&own.path().join("lake"));
    stedi(
        own.path(),
        "plan --project p --select accelerometer_trusted",
    )
    .run()
    .ended(4)
    .says("privacy: consent in force")
    .says("would publish nothing");
    unchanged(&before, &own.path().join("lake"), "a plan that fails");
}
