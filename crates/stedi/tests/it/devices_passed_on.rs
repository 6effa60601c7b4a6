//! A device that is passed on from a person without consent to a person with
//! consent.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::places::Landing;
use crate::program::{Outcome, count, stedi};

/// The time from which the second person owns the device.
const PASSED_ON: i64 = 50_000;

/// The device `d` reports with the phone of `a@x.org`, then with that of `b@x.org`.
/// With `first_agrees` both consent, else only the second one.
fn landing(first_agrees: bool) -> Landing {
    let record = |who: &str, agrees: bool| {
        json!({
            "customerName": who, "email": format!("{who}@x.org"), "phone": "1",
            "birthday": "1950-01-01", "serialNumber": format!("box of {who}"),
            "registrationDate": 50, "lastUpdateDate": 100,
            "shareWithResearchAsOfDate": agrees.then_some(100),
        })
    };
    let instants = || (0..80_i64).map(|i| (if i < 40 { "a" } else { "b" }, 10_000 + 1_000 * i));
    Landing {
        customers: vec![record("a", first_agrees), record("b", true)],
        accelerometer: instants()
            .map(|(who, at)| json!({"user": format!("{who}@x.org"), "timestamp": at, "x": 1.0, "y": 0.5, "z": 1.0}))
            .collect(),
        step_trainer: instants()
            .map(|(_, at)| json!({"serialNumber": "d", "sensorReadingTime": at, "distanceFromObject": at / 1_000}))
            .collect(),
    }
}

/// A folder with the model `m`, which selects `columns` with `condition`.
fn laid_out(first_agrees: bool, columns: &str, condition: &str) -> TempDir {
    let dir = landing(first_agrees).laid_out();
    stedi(dir.path(), "init p").run().done();
    fs::remove_file(dir.path().join("p/curated/training_set.sql")).unwrap();
    let model = format!(
        "/*\ngrain = \"One.\"\ndevice = \"serialnumber\"\npersonal = [\"serialnumber\"]\n*/\n\
         select {columns} from step_trainer_landing where {condition}\n"
    );
    fs::write(dir.path().join("p/curated/m.sql"), model).unwrap();
    dir
}

fn call(dir: &Path, words: &str) -> Outcome {
    stedi(dir, &format!("{words} --project p --now 1000000")).run()
}

#[test]
fn readings_of_an_owner_who_does_not_agree_are_refused() {
    let all = "serialnumber, sensorreadingtime, distancefromobject";
    let later = format!("sensorreadingtime >= {PASSED_ON}");
    let earlier = format!("sensorreadingtime < {PASSED_ON}");
    for (first_agrees, columns, condition, refused) in [
        (false, all, "true", 40),
        (false, all, earlier.as_str(), 40),
        (false, all, later.as_str(), 0),
        // No time tells whose the readings are.
        (
            false,
            "serialnumber, distancefromobject",
            later.as_str(),
            40,
        ),
        (true, "serialnumber, distancefromobject", "true", 0),
    ] {
        let case = format!("{first_agrees}: select {columns} where {condition}");
        let dir = laid_out(first_agrees, columns, condition);
        let outcome = call(dir.path(), "run --format json");
        let code = if refused > 0 { 4 } else { 0 };
        assert_eq!(outcome.code, code, "{case}: {outcome}");
        let report = outcome.json();
        let mut checks = report["checks"].as_array().unwrap().iter();
        let found = checks.find(|found| {
            found["table"] == "m" && found["check"] == "privacy: owner's consent at the time"
        });
        let found = found.map_or(0, |found| found["violations"].as_u64().unwrap());
        assert_eq!(found, refused, "{case}: {outcome}");
        if refused == 0 {
            let trusted = "select count(*) from step_trainer_trusted";
            let readings = if first_agrees { 80 } else { 40 };
            assert_eq!(count(dir.path(), trusted), readings, "{case}");
            call(dir.path(), "verify").done();
        }
    }
}

#[test]
fn a_first_owner_who_withdraws_takes_their_readings_along() {
    let columns = "serialnumber, sensorreadingtime, distancefromobject";
    let dir = laid_out(true, columns, "true");
    call(dir.path(), "run").done();
    let withdrawal = "--now 1000000 consent withdraw --at 900000";
    let violations = || {
        let sql = "select table_name, device, rows, reason from privacy.violations \
                   where device is not null order by table_name";
        let call = stedi(dir.path(), "sql --project p --now 1000000 --format json -c").arg(sql);
        call.run().done().json()
    };
    assert_eq!(violations(), json!([]));
    stedi(dir.path(), withdrawal).input("a@x.org").run().done();
    let of =
        |table: &str| json!({"table_name": table, "device": "d", "rows": 40, "reason": "ended"});
    assert_eq!(violations(), json!([of("m"), of("step_trainer_trusted")]));
    call(dir.path(), "run").ended(4);
}
