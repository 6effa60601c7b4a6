//! Runs of some tables: which tables they leave unchanged, and which changes reach
//! every table.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::company::STEDI_TABLES;
use crate::during_runs::three;
use crate::equal;
use crate::places::{append, contents, copy, unchanged};
use crate::program::{Call, Outcome, count, stedi};

fn call(dir: &Path, words: &str) -> Call {
    stedi(dir, words).env("STEDI_KEY", &"7".repeat(64))
}

fn run(dir: &Path, words: &str, now: i64) -> Outcome {
    call(dir, &format!("run --now {now} {words}")).run()
}

/// A change between two runs, the second one at 2000.
type Happens = fn(&Path);

const LOSSES: [(&str, Happens); 6] = [
    ("withdrawn by hand", |dir| {
        let withdraw = stedi(dir, "consent withdraw --now 1500");
        withdraw.input("a@x.org").run().done();
    }),
    ("withdrawn by a record", |dir| {
        let record = json!({"email": "A@x.org", "serialNumber": "s-a@x.org", "lastUpdateDate": 20});
        append(dir, "customer/landing/b.json", &record.to_string());
    }),
    ("withdrawn by the same file", |dir| {
        let file = dir.join("landing/customer/landing/a.json");
        let text = fs::read_to_string(&file).unwrap();
        let without = text.replacen("\"shareWithResearchAsOfDate\":5", "\"phone2\":1", 1);
        assert_ne!(text, without);
        fs::write(&file, without).unwrap();
    }),
    ("ended with time", |_| {}),
    ("suspended by a record that cannot be read", |dir| {
        append(
            dir,
            "customer/landing/b.json",
            "{\"email\":\"a@x.org\",\"pho",
        );
    }),
    ("a device that others claim, too", |dir| {
        let record = json!({
            "email": "b@x.org", "serialNumber": "s-a@x.org", "lastUpdateDate": 20,
            "shareWithResearchAsOfDate": 5,
        });
        append(dir, "customer/landing/b.json", &record.to_string());
    }),
];

#[test]
fn a_loss_of_consent_reaches_every_table_whatever_is_selected() {
    if crate::long::is_left_out() {
        return;
    }
    let selects = [
        "customer_trusted",
        "accelerometer_trusted",
        "customer_trusted --full",
    ];
    for ((case, happens), select) in LOSSES.into_iter().zip(selects.into_iter().cycle()) {
        let dir = three();
        let dir = dir.path();
        if case == "ended with time" {
            let withdraw = stedi(
                dir,
                "consent withdraw --now 900 --at 1970-01-01T00:00:01.500Z",
            );
            withdraw.input("a@x.org").run().done();
        }
        run(dir, "", 1000).done();
        assert_eq!(count(dir, "select count(*) from customer_trusted"), 3);
        happens(dir);
        run(dir, &format!("--select {select}"), 2000).done();
        call(dir, "verify --quiet --now 2000").run().done();
        let register = "lake/system/consent_register";
        if dir.join(register).exists() {
            copy(
                &dir.join(register),
                &dir.join(register.replacen("lake", "fresh", 1)),
            );
        }
        run(dir, "--lake fresh", 2000).done();
        let tables = STEDI_TABLES.map(str::to_owned);
        equal::lakes(&dir.join("lake"), &dir.join("fresh"), &tables)
            .unwrap_or_else(|fault| panic!("{case}, {select}: {fault}"));
        let before = contents(&dir.join("lake"));
        run(dir, "", 2000).done().says("nothing new");
        unchanged(&before, &dir.join("lake"), case);
    }
}

/// Tables that do not exist yet are not built with the selected ones.
#[test]
fn what_was_never_built_is_not_taken_along() {
    let dir = three();
    let dir = dir.path();
    run(dir, "--select accelerometer_trusted", 1000).done();
    let withdraw = stedi(dir, "consent withdraw --now 1500");
    withdraw.input("a@x.org").run().done();
    run(dir, "--select customer_trusted", 2000)
        .done()
        .says("accelerometer_trusted");
    let left = count(
        dir,
        "select count(*) from accelerometer_trusted where user = 'a@x.org'",
    );
    assert_eq!(left, 0);
    for table in ["curated", "trusted/step_trainer_trusted"] {
        assert!(!dir.join("lake").join(table).exists(), "{table}");
    }
}

/// An edited model that is not selected is left unchanged if no person must be
/// removed from its table; an error in it does not matter.
#[test]
fn with_nothing_new_about_people_only_what_is_selected_is_built() {
    let dir = three();
    let dir = dir.path();
    run(dir, "", 1000).done();
    stedi(dir, "init p").run().done();
    let edit = |model: &str, more: &str| {
        let file = dir.join("p").join(model);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text + more).unwrap();
    };
    edit(
        "trusted/customer_trusted.sql",
        "where n.email <> 'b@x.org'\n",
    );
    edit(
        "curated/machine_learning_curated.sql",
        "where no_such_column = 1\n",
    );
    let curated = contents(&dir.join("lake/curated"));
    run(dir, "--project p --select customer_trusted", 2000).done();
    assert_eq!(count(dir, "select count(*) from customer_trusted"), 2);
    unchanged(&curated, &dir.join("lake/curated"), "not selected");
    // Once somebody withdraws, the fault is in the way of their rows.
    let withdraw = stedi(dir, "consent withdraw --now 1500");
    withdraw.input("a@x.org").run().done();
    run(dir, "--project p --select customer_trusted", 2000)
        .ended(2)
        .says("machine_learning_curated.sql");
}
