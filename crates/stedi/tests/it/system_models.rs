//! Models over system tables: after each run they equal the result of a full run.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::during_runs::three;
use crate::places::{append, contents, unchanged};
use crate::program::{Outcome, rows, stedi};

/// Models, and the statement whose rows each must have after every run.
const MODELS: [(&str, &str, &str); 3] = [
    (
        "entry",
        "grain = \"One entry by hand of a person who agrees.\"\nsubject = \"subject\"\npersonal = [\"subject\"]",
        "select r.subject, r.act, r.purpose, r.valid_from from system.consent_register r \
         join customer_trusted c on subject(c.email) = r.subject",
    ),
    (
        "unread",
        "grain = \"One stretch of input that could not be read.\"",
        "select q.table_name, q.reason, q.byte_offset, q.byte_length, q.state from system.quarantine q",
    ),
    (
        "unread_by_table",
        "grain = \"One table of the unread input.\"",
        "select u.table_name, count(*) as n from unread u group by u.table_name",
    ),
];

fn begin() -> tempfile::TempDir {
    let dir = three();
    stedi(dir.path(), "init p").run().done();
    for (name, contract, select) in MODELS {
        let file = dir.path().join(format!("p/curated/{name}.sql"));
        fs::write(file, format!("/*\n{contract}\n*/\n{select}\n")).unwrap();
    }
    dir
}

fn run(dir: &Path, words: &str) -> Outcome {
    stedi(dir, &format!("run --project p --now 2000 {words}")).run()
}

/// The rows of a statement, sorted.
#[track_caller]
fn sorted(dir: &Path, statement: &str) -> Vec<String> {
    let document = stedi(dir, "sql --project p --now 2000 --format json -c")
        .arg(statement)
        .run()
        .done()
        .json();
    let rows = document.as_array().unwrap().iter();
    let mut rows: Vec<String> = rows.map(Value::to_string).collect();
    rows.sort();
    rows
}

/// Fails unless every model equals its statement. Returns their row counts.
#[track_caller]
fn models_are_fresh(dir: &Path, case: &str) -> Vec<usize> {
    let mut rows = Vec::new();
    for (name, _, select) in MODELS {
        let held = sorted(dir, &format!("select * from {name}"));
        assert_eq!(held, sorted(dir, select), "{case}: {name}");
        rows.push(held.len());
    }
    rows
}

fn consent(dir: &Path, act: &str, email: &str) {
    let entry = stedi(dir, &format!("consent {act} --now 1500"));
    entry.input(email).run().done();
}

/// A change before a run.
type Happens = fn(&Path);

#[test]
fn after_each_run_they_are_as_built_anew() {
    if crate::long::is_left_out() {
        return;
    }
    let dir = begin();
    let dir = dir.path();
    append(
        dir,
        "accelerometer/landing/0.json",
        "{\"user\":\"a@x.org\",\n",
    );
    let cases: [(&str, Happens, usize, usize); 8] = [
        ("a first run", |_| {}, 1, 0),
        ("a grant", |dir| consent(dir, "grant", "a@x.org"), 1, 1),
        (
            "more that cannot be read",
            |dir| append(dir, "step_trainer/landing/1.json", "nothing\n"),
            2,
            1,
        ),
        (
            "both",
            |dir| {
                append(dir, "accelerometer/landing/1.json", "{\"x\":1}\n");
                consent(dir, "grant", "b@x.org");
            },
            3,
            2,
        ),
        (
            "an entry dropped",
            |dir| {
                let id = rows(dir, "select id from system.quarantine limit 1");
                let id = id[0]["id"].as_str().unwrap().to_owned();
                stedi(dir, "quarantine drop").arg(id).run().done();
            },
            3,
            2,
        ),
        (
            "a withdrawal",
            |dir| consent(dir, "withdraw", "a@x.org"),
            3,
            1,
        ),
        (
            "a file mended",
            |dir| {
                let file = dir.join("landing/step_trainer/landing/1.json");
                fs::write(file, "\n").unwrap();
            },
            2,
            1,
        ),
        (
            "a withdrawal of the last",
            |dir| consent(dir, "withdraw", "b@x.org"),
            2,
            0,
        ),
    ];
    for (case, happens, unread, entries) in cases {
        happens(dir);
        run(dir, "").done();
        let rows = models_are_fresh(dir, case);
        assert_eq!(rows[..2], [entries, unread], "{case}");
        let before = contents(&dir.join("lake"));
        run(dir, "").done().says("nothing new");
        run(dir, "--full").done().says("nothing new");
        unchanged(&before, &dir.join("lake"), case);
    }
    stedi(dir, "verify --project p --now 2000 --quiet")
        .run()
        .done();
}
