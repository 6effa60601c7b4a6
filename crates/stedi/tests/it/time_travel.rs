//! Time travel: older versions of tables, by number and by time.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::places::{SMALL, append};
use crate::program::{count, stedi};

/// A lake with two versions, and an instant between them.
struct TwoVersions {
    dir: TempDir,
    before: u64,
    between: String,
    after: u64,
}

fn two_versions() -> TwoVersions {
    let dir = SMALL.copied();
    let before = count(dir.path(), "select count(*) from customer_trusted");
    // Commits tell their time in milliseconds.
    sleep(Duration::from_millis(10));
    let between = chrono_now(dir.path());
    sleep(Duration::from_millis(10));
    for number in 0..2 {
        let record = json!({
            "email": format!("new-{number}@example.com"),
            "lastUpdateDate": 5,
            "shareWithResearchAsOfDate": 5,
        });
        append(
            dir.path(),
            "customer/landing/new.json",
            &format!("{record}\n"),
        );
    }
    stedi(dir.path(), "run").run().done();
    TwoVersions {
        before,
        between,
        after: before + 2,
        dir,
    }
}

/// The program's clock, as RFC 3339.
fn chrono_now(dir: &std::path::Path) -> String {
    let text = stedi(dir, "sql --format csv -c")
        .arg("select to_iso8601(from_unixtime(run_time() / 1000.0)) as now")
        .run()
        .done()
        .out;
    text.lines().nth(1).unwrap().to_owned()
}

#[test]
fn older_versions_in_sql_and_by_flag() {
    let lake = two_versions();
    let dir = lake.dir.path();
    let (before, after, between) = (lake.before, lake.after, &lake.between);
    for (clause, expected) in [
        ("".to_owned(), after),
        (" version as of 0".to_owned(), before),
        (" VERSION AS OF 1".to_owned(), after),
        (" for version as of 0".to_owned(), before),
        (format!(" timestamp as of '{between}'"), before),
        (format!(" TIMESTAMP AS OF timestamp '{between}'"), before),
        (format!(" for timestamp as of '{between}'"), before),
        (format!(" for system_time as of '{between}'"), before),
        (
            format!(" FOR SYSTEM_TIME AS OF TIMESTAMP '{between}'"),
            before,
        ),
        (" timestamp as of '2999-01-01'".to_owned(), after),
    ] {
        let statement = format!("select count(*) from customer_trusted{clause}");
        assert_eq!(count(dir, &statement), expected, "{statement}");
    }
    let both = "select (select count(*) from customer_trusted version as of 1)
        - (select count(*) from trusted.customer_trusted version as of 0 as old) as new";
    assert_eq!(count(dir, both), 2, "two versions in one statement");
    let joined = "select count(*) from customer_trusted n
        left join customer_trusted version as of 0 o on o.email = n.email where o.email is null";
    assert_eq!(count(dir, joined), 2);

    let by_flag = |instant: &str| {
        stedi(dir, "sql --format csv -c")
            .arg("select count(*) as n from customer_trusted")
            .arg("--as-of")
            .arg(instant)
            .run()
            .done()
            .out
    };
    assert_eq!(by_flag(between), format!("n\n{before}\n"));
    assert_eq!(by_flag("2999-01-01"), format!("n\n{after}\n"));
}

#[test]
fn describe_and_history_of_two_versions() {
    let lake = two_versions();
    let dir = lake.dir.path();
    for (version, expected) in [
        ("", lake.after),
        (" --version 0", lake.before),
        (" --version 1", lake.after),
    ] {
        let words = format!("describe customer_trusted --format json{version}");
        let told = stedi(dir, &words).run().done().json();
        assert_eq!(told["rows"], json!(expected), "{words}");
    }
    let history = stedi(dir, "history customer_trusted --format json")
        .run()
        .done()
        .json();
    let versions: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["version"].as_i64().unwrap(),
                entry["rows"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        versions,
        [(1, lake.after), (0, lake.before)],
        "newest first"
    );
    assert!(history[0]["files_added"].as_u64().unwrap() > 0);
}

#[test]
fn versions_that_there_are_not() {
    let lake = two_versions();
    let dir = lake.dir.path();
    for (statement, says) in [
        (
            "select * from customer_trusted version as of 9",
            "no version 9",
        ),
        ("select * from customer_trusted version as of -1", "error: "),
        (
            "select * from customer_trusted version as of 'x'",
            "error: ",
        ),
        (
            "select * from customer_trusted timestamp as of 'long ago'",
            "instant",
        ),
        (
            "select * from customer_trusted timestamp as of '1999-01-01'",
            "1999-01-01",
        ),
        (
            "select * from customer_landing version as of 0",
            "customer_landing",
        ),
    ] {
        let outcome = stedi(dir, "sql -c")
            .arg(statement)
            .run()
            .ended(1)
            .says(says);
        assert!(outcome.out.is_empty(), "{outcome}");
    }
    stedi(dir, "describe customer_trusted --version 9")
        .run()
        .ended(1)
        .says("no version 9")
        .hints("stedi history");
    stedi(dir, "sql --as-of soon -c")
        .arg("select 1")
        .run()
        .ended(2)
        .says("soon")
        .hints("2026");
    stedi(dir, "sql --as-of 1999-01-01 -c")
        .arg("select * from customer_trusted")
        .run()
        .ended(1)
        .says("customer_trusted");
}
