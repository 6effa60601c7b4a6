//! Landing files and lake in a bucket of a real S3 server.
//!
//! Faults of the store are tested in `object_store_faults`, kills in
//! `object_store_killed`.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bucket::{Bucket, KEY};
use crate::places::SMALL;
use crate::program::{Call, Outcome, finish, stedi};
use crate::proxy::{Fault, Proxy};
use crate::stopping::signal;

const TABLES: [&str; 8] = [
    "customer_trusted",
    "accelerometer_trusted",
    "customer_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
    "training_set",
    "system.consent",
    "system.device_owner",
];

/// The rows of each table as lines, sorted.
pub(crate) type Rows = BTreeMap<&'static str, Vec<String>>;

/// The rows of every table, read by one call: `sql`, without its statements.
#[track_caller]
pub(crate) fn rows_by_table(sql: Call) -> Rows {
    let statements =
        TABLES.map(|table| format!("select '{table}' as begins; select * from {table}"));
    let read = sql.arg(statements.join(";")).run().done();
    let mut rows = Rows::new();
    for part in read.out.split("begins\n").skip(1) {
        let (table, lines) = part.split_once('\n').unwrap();
        let table = TABLES.into_iter().find(|of| *of == table).unwrap();
        let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        lines.sort();
        rows.insert(table, lines);
    }
    assert_eq!(rows.len(), TABLES.len(), "{read}");
    rows
}

/// The tables that a run over the small sample makes on a disk.
pub(crate) static EXPECTED: LazyLock<Rows> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let landing = SMALL.dir.join("landing");
    let on_disk = |words: &str| stedi(dir.path(), words).env("STEDI_KEY", KEY);
    on_disk("run --landing").arg(&landing).run().done();
    let sql = on_disk("sql --format csv --landing");
    rows_by_table(sql.arg(&landing).arg("-c"))
});

/// Fails unless the lake in `bucket` has the rows `expected`.
#[track_caller]
pub(crate) fn holds(bucket: &Bucket, expected: &Rows, case: &str) {
    let sql = bucket.stedi("sql --format csv -c");
    let rows = rows_by_table(sql);
    for (table, expected) in expected {
        let found = &rows[table];
        let (have, want) = (found.len(), expected.len());
        assert!(
            found == expected,
            "{case}: {table}: {have} rows of {want}, or others"
        );
    }
}

/// A run over `bucket`'s landing files into its lake.
pub(crate) fn run(bucket: &Bucket) -> Call {
    bucket.stedi("run")
}

#[test]
fn from_a_bucket_into_a_bucket() {
    let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
        return;
    };
    run(&bucket).run().done();
    holds(&bucket, &EXPECTED, "after a run");

    // With nothing new, nothing is written.
    let before = bucket.contents("");
    run(&bucket).run().done().says("nothing new");
    bucket.unchanged(&before, "", "with nothing new");

    // What there is to know of it.
    let people = bucket.count("select count(*) from customer_trusted");
    let verify = bucket.stedi("verify --format json").run().done().json();
    let tables = verify["tables"].as_array().unwrap();
    let trusted = tables.iter().find(|t| t["table"] == "customer_trusted");
    assert_eq!(trusted.unwrap()["rows"], people);
    let doctor = bucket.stedi("doctor").run().done();
    assert!(doctor.out.contains("conditional PUT is atomic"), "{doctor}");
    let history = bucket.stedi("history customer_trusted --format json");
    assert_eq!(history.run().done().json().as_array().unwrap().len(), 1);

    // A bad line is quarantined, a new person comes in, and the version before
    // stays readable.
    let person = json!({
        "email": "new@example.com",
        "lastUpdateDate": 5,
        "shareWithResearchAsOfDate": 5,
    });
    bucket.put(
        "landing/customer/landing/new.json",
        format!("{person}\n{{\"email\n"),
    );
    run(&bucket).run().done();
    for (statement, expected) in [
        ("select count(*) from customer_trusted", people + 1),
        (
            "select count(*) from customer_trusted version as of 0",
            people,
        ),
        (
            "select count(*) from customer_trusted version as of 1",
            people + 1,
        ),
        ("select count(*) from system.quarantine", 1),
    ] {
        assert_eq!(bucket.count(statement), expected, "{statement}");
    }
    let quarantine = bucket.stedi("quarantine list").run().done();
    assert!(quarantine.out.contains("new.json"), "{quarantine}");

    // A person withdraws.
    bucket
        .stedi("consent withdraw")
        .input("new@example.com")
        .run()
        .done();
    run(&bucket).run().done();
    assert_eq!(
        bucket.count("select count(*) from customer_trusted"),
        people
    );

    // Rows leave it for another place in the bucket.
    let out = bucket.url("out");
    let export = "export accelerometer_trusted --personal --format json --to";
    let manifest = bucket.stedi(export).arg(&out).run().done().json();
    let count = bucket.count("select count(*) from accelerometer_trusted");
    assert_eq!(manifest["rows"], count);
    let check = bucket.stedi("export --format json --check").arg(&out);
    check.run().done();
}

#[test]
fn from_one_kind_of_place_into_the_other() {
    let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
        return;
    };
    let local_landing = SMALL.dir.join("landing").display().to_string();
    let local_lake = bucket.dir().join("local").display().to_string();
    for (landing, lake) in [
        (&local_landing, &bucket.url("lake")),
        (&bucket.url("landing"), &local_lake),
    ] {
        let call = |words: &str| {
            bucket
                .stedi(words)
                .env("STEDI_LANDING", landing)
                .env("STEDI_LAKE", lake)
        };
        call("run").run().done();
        let rows = rows_by_table(call("sql --format csv -c"));
        assert!(rows == *EXPECTED, "from {landing} into {lake}");
    }
}

/// A wrong setting, the message, and the hint.
type Wrong = (
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const WRONG: [Wrong; 8] = [
    (
        &[("STEDI_LAKE", "s3://no-such-bucket/lake")],
        "there is no bucket of that name",
        "AWS_ENDPOINT",
    ),
    (
        &[("AWS_SECRET_ACCESS_KEY", "not-the-secret-at-all")],
        "the store refused the key",
        "AWS_SECRET_ACCESS_KEY",
    ),
    (
        &[("AWS_ACCESS_KEY_ID", "nobody-we-know")],
        "the store refused the key",
        "AWS_ACCESS_KEY_ID",
    ),
    (
        &[
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            // Where a machine in a cloud would be told its own.
            ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9"),
        ],
        "there are no credentials",
        "AWS_ACCESS_KEY_ID",
    ),
    (
        &[("AWS_ENDPOINT", "http://127.0.0.1:9")],
        "the store cannot be reached",
        "AWS_ENDPOINT",
    ),
    (
        &[("AWS_ALLOW_HTTP", "false")],
        "http:// is not allowed",
        "AWS_ALLOW_HTTP",
    ),
    (
        &[("AWS_ENDPOINT", "127.0.0.1:9")],
        "AWS_ENDPOINT is not a URL",
        "http",
    ),
    (&[("AWS_TIMEOUT", "soon")], "soon", "AWS_"),
];

#[test]
fn what_is_said_of_a_store_that_cannot_be_used() {
    let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
        return;
    };
    run(&bucket).run().done();
    let secret = bucket.server().secret.clone();
    let untold = |outcome: &Outcome| {
        for secret in [secret.as_str(), "not-the-secret-at-all", KEY] {
            let told = outcome.err.contains(secret) || outcome.out.contains(secret);
            assert!(!told, "a secret is told: {outcome}");
        }
    };
    for (settings, message, hint) in WRONG {
        let calls = ["run", "tables", "doctor"].map(|words| {
            let call = bucket.stedi(words).env("AWS_MAX_ATTEMPTS", "4");
            let call = settings.iter().fold(call, |call, (name, value)| {
                if value.is_empty() {
                    call.without(name)
                } else {
                    call.env(name, value)
                }
            });
            (words, call.start())
        });
        for (words, (child, line)) in calls {
            let outcome = finish(child, line);
            untold(&outcome);
            if words == "doctor" {
                let outcome = outcome.ended(1);
                assert!(outcome.out.contains(message), "{settings:?}: {outcome}");
            } else {
                assert!([1, 2].contains(&outcome.code), "{settings:?}: {outcome}");
                outcome.says(message).hints(hint);
            }
        }
    }
}

#[test]
fn landing_files_that_cannot_be_had() {
    let Some(bucket) = Bucket::empty() else {
        return;
    };
    for (landing, message, hint) in [
        (bucket.url("nowhere"), "holds no file for", "--landing"),
        (
            "s3://no-such-bucket/landing".to_owned(),
            "there is no bucket of that name",
            "AWS_ENDPOINT",
        ),
    ] {
        let call = run(&bucket).env("STEDI_LANDING", &landing);
        call.run().ended(1).says(message).hints(hint);
        assert!(
            bucket.contents("lake").is_empty(),
            "{landing}: a lake is left"
        );
    }
}

#[test]
fn ctrl_c_over_a_bucket_leaves_the_lake_as_it_was() {
    let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
        return;
    };
    run(&bucket).run().done();
    let person = json!({
        "email": "new@example.com",
        "lastUpdateDate": 5,
        "shareWithResearchAsOfDate": 5,
    });
    bucket.put("landing/customer/landing/new.json", format!("{person}\n"));
    let before = bucket.contents("lake");
    // Slow enough that every instant is before publication.
    let slow = Proxy::new(bucket.server(), |_| {
        Some(Fault::Late(Duration::from_millis(60)))
    });
    for after_ms in [150, 300, 500] {
        let call = bucket.stedi_at(&slow.endpoint(), "run");
        let (child, line) = call.start();
        sleep(Duration::from_millis(after_ms));
        let asked = Instant::now();
        signal(child.id(), "INT");
        let run = finish(child, line).ended(130);
        let waited = asked.elapsed();
        assert!(waited < Duration::from_secs(3), "{waited:?}: {run}");
        bucket.unchanged(&before, "lake", &format!("after {after_ms} ms"));
    }
    run(&bucket).run().done();
}

/// Two runs create a lake at the same time: each expects to be the first.
#[test]
fn two_runs_at_once_over_a_bucket() {
    let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
        return;
    };
    let both = [run(&bucket).start(), run(&bucket).start()];
    let codes = both.map(|(child, line)| finish(child, line).code);
    assert!(codes.contains(&0), "{codes:?}");
    assert!(codes.iter().all(|code| [0, 5].contains(code)), "{codes:?}");
    run(&bucket).run().done();
    holds(&bucket, &EXPECTED, "after two at once");
}
