//! The clock of a run: every time function returns the start of the run, and tables
//! that depend on the time follow it.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::company::STEDI_TABLES;
use crate::during_runs::three;
use crate::places::append;
use crate::program::{Outcome, stedi};

fn run(dir: &Path, now: i64) -> Outcome {
    stedi(dir, &format!("run --project p --now {now}")).run()
}

fn verify(dir: &Path, now: i64) -> Outcome {
    stedi(dir, &format!("verify --project p --now {now}")).run()
}

/// Writes the data product to `p`.
fn project(dir: &Path) {
    stedi(dir, "init p").run().done();
}

fn edit(dir: &Path, model: &str, from: &str, to: &str) {
    let file = dir.join("p").join(model);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{model}: {from}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn every_function_that_asks_for_the_time_gives_the_start_of_the_run() {
    let dir = three();
    for asks in [
        "now() = to_timestamp_millis(run_time())",
        "now () = to_timestamp_millis(run_time())",
        "NOW( ) = to_timestamp_millis(run_time())",
        "current_timestamp = to_timestamp_millis(run_time())",
        "Current_Timestamp = to_timestamp_millis(run_time())",
        "current_timestamp() = to_timestamp_millis(run_time())",
        "current_date = cast(to_timestamp_millis(run_time()) as date)",
        "TODAY () = cast(to_timestamp_millis(run_time()) as date)",
        "current_time = cast(to_timestamp_millis(run_time()) as time)",
    ] {
        let asked = format!("select {asks} as same, run_time() as at");
        let call = stedi(dir.path(), "sql --format json --now 1655564376361 -c").arg(&asked);
        let found = call.run().done().json();
        assert_eq!(
            found,
            json!([{"same": true, "at": 1_655_564_376_361_i64}]),
            "{asks}"
        );
    }
}

/// Checks of readings whose result changes with the time, at about 5000, in several
/// spellings.
#[test]
fn a_check_that_asks_for_the_time_is_asked_again_when_it_has_moved() {
    if crate::long::is_left_out() {
        return;
    }
    for condition in [
        "RUN_TIME ( ) > 5000",
        "now () > to_timestamp_millis(5000)",
        "current_timestamp > to_timestamp_millis(5000)",
    ] {
        let dir = three();
        let dir = dir.path();
        project(dir);
        let check = format!(
            "[[checks.sql]]\nname = \"not_too_late\"\nviolations = \"select user from accelerometer_trusted where timestamp = 100 and {condition}\"\n"
        );
        edit(
            dir,
            "trusted/accelerometer_trusted.sql",
            "*/",
            &format!("\n{check}*/"),
        );
        run(dir, 1000).done();
        run(dir, 2000).done().says("nothing new");
        for now in [6000, 7000] {
            run(dir, now).ended(3).says("not_too_late");
            verify(dir, now).ended(3);
        }
        // Back again, with a file that is new and one that is new too late.
        let reading = json!({"user": "a@x.org", "timestamp": 900, "x": 1, "y": 1, "z": 1});
        append(dir, "accelerometer/landing/b.json", &reading.to_string());
        run(dir, 6000).ended(3).says("not_too_late");
        run(dir, 3000).done().says("took in 1 new file");
        verify(dir, 3000).done();
        run(dir, 6000).ended(3).says("not_too_late");
    }
}

/// Models whose rows depend on the time in more ways than by consent.
#[test]
fn a_model_that_asks_for_the_time_is_built_again_when_it_has_moved() {
    for condition in [
        "a.timestamp > run_time() - 1000",
        "to_timestamp_millis(a.timestamp) > now () - interval '1 second'",
        "cast(to_timestamp_millis(a.timestamp + 86400000) as date) > today() and run_time() < 1100",
    ] {
        let dir = three();
        let dir = dir.path();
        project(dir);
        let model = format!(
            "/*\ngrain = \"One late reading.\"\nsubject = \"user\"\npersonal = [\"user\"]\n*/\n\
             select a.user, a.timestamp from accelerometer_trusted a where {condition}\n"
        );
        fs::write(dir.join("p/curated/late.sql"), model).unwrap();
        let held = || {
            let asked = "select count(*) as n from late";
            let call = stedi(dir, "sql --project p --format json -c").arg(asked);
            call.run().done().json()
        };
        for (now, expected) in [(1000, 18), (1200, 0), (1010, 18)] {
            run(dir, now).done();
            assert_eq!(held(), json!([{"n": expected}]), "{condition} at {now}");
        }
    }
}

/// Comments in a statement do not change how it is run.
#[test]
fn a_comment_changes_nothing_of_how_a_model_is_run() {
    let dir = three();
    let dir = dir.path();
    project(dir);
    for model in STEDI_TABLES {
        edit(
            dir,
            &format!("{model}.sql"),
            "*/\n",
            "*/\n-- What now() is not.\n",
        );
    }
    run(dir, 1000).done();
    // Time alone, and time with a file.
    run(dir, 2000).done().says("nothing new");
    let reading = json!({"user": "a@x.org", "timestamp": 900, "x": 1, "y": 1, "z": 1});
    append(dir, "accelerometer/landing/b.json", &reading.to_string());
    run(dir, 3000).done().says("took in 1 new file");
    let withdraw = stedi(dir, "consent withdraw --now 3500");
    withdraw.input("a@x.org").run().done();
    run(dir, 4000)
        .done()
        .says("took in what is new about people");
    verify(dir, 4000).done();
}
