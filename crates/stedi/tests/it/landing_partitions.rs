//! Partition folders, the places of files, and locations that hold several sources.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::places::{Landing, contents, unchanged};
use crate::program::{rows, stedi};

/// Landing files by path and text.
fn landing(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in files {
        write(dir.path(), file, text);
    }
    dir
}

fn write(dir: &Path, file: &str, text: &str) {
    let path = dir.join("landing").join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const TABLE: &str = "create external table r (a int) partitioned by (dt date, site string)
    row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://b/r/';";

const FILES: &[(&str, &str)] = &[
    (
        "r/dt=2024-01-31/site=a/x.json",
        "{\"a\":1,\"dt\":\"1999-01-01\"}",
    ),
    ("r/dt=2024-01-31/site=b%20c%2Fd/x", "{\"a\":2}\n{\"a\":3}"),
    (
        "r/dt=2024-02-01/site=__HIVE_DEFAULT_PARTITION__/x",
        "{\"a\":4}",
    ),
    ("r/dt=soon/site=a/x", "{\"a\":5}"),
    ("r/x.json", "{\"a\":6}"),
];

#[test]
fn partition_columns_come_from_folders() {
    let dir = landing(FILES);
    let check = |statement: &str, expected: Value| {
        let found = stedi(dir.path(), "sql --format json -c")
            .arg(format!("{TABLE} {statement}"))
            .run()
            .done()
            .json();
        assert_eq!(found, expected, "{statement}");
    };
    let row = |a: i64, dt: Value, site: Value| json!({"a": a, "dt": dt, "site": site});
    let (january, february) = (json!("2024-01-31"), json!("2024-02-01"));
    check(
        "select * from r order by a",
        json!([
            row(1, january.clone(), json!("a")),
            row(2, january.clone(), json!("b c/d")),
            row(3, january.clone(), json!("b c/d")),
            row(4, february, Value::Null),
            row(5, Value::Null, json!("a")),
            row(6, Value::Null, Value::Null),
        ]),
    );
    for (statement, expected) in [
        ("select sum(a) n from r where dt = date '2024-01-31'", 6),
        ("select sum(a) n from r where site is null", 10),
        ("select sum(a) n from r where site = 'a' and a > 1", 5),
        (
            "select sum(a) n from r where dt < date '2024-02-01' or a = 6",
            12,
        ),
        ("select count(distinct site) n from r", 2),
        ("select count(*) n from r where dt = date '1999-01-01'", 0),
        (
            "select count(*) n from r x join r y on x.site = y.site and x.dt = y.dt",
            5,
        ),
    ] {
        check(statement, json!([{"n": expected}]));
    }
    check(
        "select site, a from r where a = 1",
        json!([{"site": "a", "a": 1}]),
    );
    check(
        "show partitions r",
        json!([
            {"partition": "dt=2024-01-31/site=a"},
            {"partition": "dt=2024-01-31/site=b c/d"},
            {"partition": "dt=2024-02-01/site=__HIVE_DEFAULT_PARTITION__"},
            {"partition": "dt=__HIVE_DEFAULT_PARTITION__/site=__HIVE_DEFAULT_PARTITION__"},
            {"partition": "dt=__HIVE_DEFAULT_PARTITION__/site=a"},
        ]),
    );
    check(
        "describe r",
        json!([
            {"col_name": "a", "data_type": "integer"},
            {"col_name": "dt", "data_type": "date"},
            {"col_name": "site", "data_type": "varchar"},
        ]),
    );
    // Only the files of the partition are read.
    let plan = stedi(dir.path(), "sql -c")
        .arg(format!(
            "{TABLE} explain select a from r where dt = date '2024-01-31'"
        ))
        .run()
        .done();
    assert!(plan.out.contains("files=2"), "{plan}");
    for statement in [
        "msck repair table r",
        "alter table r add if not exists partition (dt = '2024-01-31') location 's3://b/r/dt=2024-01-31/'",
        "ALTER TABLE `r` ADD PARTITION (dt='2024-01-31', site='a')",
    ] {
        stedi(dir.path(), "sql -c")
            .arg(format!("{TABLE} {statement}; select a from r limit 1"))
            .run()
            .done()
            .says("r: partitions are found by their folders; nothing was done");
    }
    for statement in [
        "alter table r drop partition (dt='2024-01-31')",
        "msck repair table s",
    ] {
        stedi(dir.path(), "sql -c")
            .arg(format!("{TABLE} {statement}"))
            .run()
            .ended(1);
    }
}

#[test]
fn the_place_of_a_file_is_a_hidden_column() {
    let dir = landing(FILES);
    let sql = |statement: &str| {
        stedi(dir.path(), "sql --format json -c")
            .arg(format!("{TABLE} {statement}"))
            .run()
    };
    let found = sql("select \"$path\", count(*) n, max(\"$file_size\") bytes from r where \"$PATH\" like '%/x' group by 1 order by 1")
        .done()
        .json();
    let place = |file: &str| {
        let landing = dir.path().join("landing").canonicalize().unwrap();
        landing.join(file).display().to_string()
    };
    assert_eq!(
        found,
        json!([
            {"$path": place("r/dt=2024-01-31/site=b%20c%2Fd/x"), "n": 2, "bytes": 15},
            {"$path": place("r/dt=2024-02-01/site=__HIVE_DEFAULT_PARTITION__/x"), "n": 1, "bytes": 7},
            {"$path": place("r/dt=soon/site=a/x"), "n": 1, "bytes": 7},
        ])
    );
    for (statement, expected) in [
        (
            "select count(*) n from r where \"$file_modified_time\" > timestamp '2020-01-01'",
            6,
        ),
        (
            "with r2 as (select \"$path\" p, a from r) select count(p) n from r2",
            6,
        ),
        (
            "select count(*) n from r where r.\"$path\" like '%/landing/r/x.json'",
            1,
        ),
        ("select count(*) n from (select t.\"$path\" from r t)", 6),
    ] {
        assert_eq!(
            sql(statement).done().json(),
            json!([{"n": expected}]),
            "{statement}"
        );
    }
    sql("select *, \"$path\" from r")
        .ended(1)
        .hints("list the columns");
}

/// A project of the shipped tables whose readings lie in folders by day, with a model
/// by day.
fn by_day() -> tempfile::TempDir {
    let mut landing = Landing::default();
    for person in ["a", "b"] {
        let email = format!("{person}@example.com");
        landing
            .customers
            .push(json!({"email": email, "lastUpdateDate": 1,
            "shareWithResearchAsOfDate": 1, "serialNumber": format!("s{person}")}));
        landing
            .step_trainer
            .push(json!({"serialNumber": format!("s{person}"), "sensorReadingTime": 1}));
    }
    let dir = landing.laid_out();
    stedi(dir.path(), "init lakehouse").run().done();
    let definition = dir
        .path()
        .join("lakehouse/landing/accelerometer_landing.sql");
    let text = fs::read_to_string(&definition).unwrap();
    let text = text.replace(
        "COMMENT 'One phone reading.'",
        "COMMENT 'One phone reading.'\nPARTITIONED BY (dt date, hour int)",
    );
    fs::write(&definition, text).unwrap();
    fs::write(
        dir.path().join("lakehouse/trusted/readings_by_day.sql"),
        "/*\ngrain = \"One person and day.\"\nsubject = \"user\"\npersonal = [\"user\"]\n*/\n\
         select a.user, a.dt, count(*) as readings\n\
         from accelerometer_landing a\n\
         join customer_trusted c on subject(c.email) = subject(a.user)\n\
         group by a.user, a.dt\n",
    )
    .unwrap();
    dir
}

const BY_DAY: &str = "select user, dt, readings from readings_by_day order by user, dt";

#[test]
fn new_partitions_are_new_files() {
    let dir = by_day();
    let reading = |person: &str, at: i64| {
        format!("{{\"user\":\"{person}@example.com\",\"timestamp\":{at}}}\n")
    };
    let folder = "accelerometer/landing";
    write(
        dir.path(),
        &format!("{folder}/dt=2024-01-31/hour=7/x"),
        &reading("a", 1),
    );
    write(
        dir.path(),
        &format!("{folder}/dt=2024-01-31/hour=8/x"),
        &reading("b", 1),
    );
    let run = |words: &str| {
        stedi(dir.path(), &format!("run --project lakehouse {words}"))
            .run()
            .done()
    };
    let by_day = |expected: &[(&str, &str, u64)]| {
        let expected = expected.iter().map(|(user, dt, readings)| {
            json!({"user": format!("{user}@example.com"), "dt": (!dt.is_empty()).then_some(dt), "readings": readings})
        });
        let found = stedi(dir.path(), "sql --project lakehouse --format json -c")
            .arg(BY_DAY)
            .run()
            .done()
            .json();
        assert_eq!(found, Value::Array(expected.collect()));
    };
    run("");
    by_day(&[("a", "2024-01-31", 1), ("b", "2024-01-31", 1)]);
    // A day and an hour more.
    write(
        dir.path(),
        &format!("{folder}/dt=2024-01-31/hour=9/x"),
        &reading("a", 2),
    );
    write(
        dir.path(),
        &format!("{folder}/dt=2024-02-01/hour=7/x"),
        &reading("a", 3),
    );
    let second = run("");
    assert!(!second.err.contains("built everything anew"), "{second}");
    by_day(&[
        ("a", "2024-01-31", 2),
        ("a", "2024-02-01", 1),
        ("b", "2024-01-31", 1),
    ]);
    // Outside of the folders of partitions: read, and said.
    write(dir.path(), &format!("{folder}/2024/x"), &reading("b", 4));
    write(
        dir.path(),
        &format!("{folder}/dt=2024-02-01/y"),
        "nothing at all",
    );
    run("").says("2024/x and 1 more in no folder of a partition");
    by_day(&[
        ("a", "2024-01-31", 2),
        ("a", "2024-02-01", 1),
        ("b", "2024-01-31", 1),
        ("b", "", 1),
    ]);
    let before = contents(&dir.path().join("lake"));
    run("").says("nothing new");
    unchanged(&before, &dir.path().join("lake"), "the same partitions");
    // A full run leaves the same.
    let content = "select table_name, reason, file from system.quarantine";
    assert_eq!(
        Value::from(rows(dir.path(), content)),
        json!([{"table_name": "accelerometer_landing", "reason": "garbage", "file": "dt=2024-02-01/y"}])
    );
    run("--full");
    by_day(&[
        ("a", "2024-01-31", 2),
        ("a", "2024-02-01", 1),
        ("b", "2024-01-31", 1),
        ("b", "", 1),
    ]);
}

#[test]
fn models_cannot_read_the_place_of_a_file() {
    let dir = by_day();
    let model = dir.path().join("lakehouse/trusted/readings_by_day.sql");
    let text = fs::read_to_string(&model).unwrap();
    fs::write(
        &model,
        text.replace("a.dt, count", "a.\"$path\" as dt, count"),
    )
    .unwrap();
    stedi(dir.path(), "plan --project lakehouse")
        .run()
        .ended(2)
        .says("readings_by_day.sql:6")
        .hints("stedi sql");
}

#[test]
fn a_location_of_several_sources_is_told() {
    let dir = landing(&[
        (
            "people/a.json",
            "{\"member_email\":\"a@example.com\",\"changed_at\":5,\"science_since\":5}",
        ),
        (
            "straps/2026/11/b",
            "{\"strap\":\"s\",\"at\":1}\n{\"strap\":\"s\",\"at\":2}",
        ),
    ]);
    let project = dir.path().join("gym");
    for (file, text) in [
        (
            "landing/members.sql",
            "create external table members (member_email string, changed_at bigint, science_since bigint)
             row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://gym/'
             tblproperties ('stedi.subject'='member_email', 'stedi.time'='changed_at',
               'stedi.consent.research'='science_since')",
        ),
        (
            "trusted/agreed.sql",
            "/*\ngrain = \"One person.\"\nsubject = \"member_email\"\npersonal = [\"member_email\"]\n*/
             select m.member_email from members m",
        ),
    ] {
        let path = project.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let run = stedi(dir.path(), "run --project gym").run().done();
    run.says("members: its LOCATION")
        .says("holds several folders (people, straps)");
    // Records of another source lack the required columns.
    let found = stedi(dir.path(), "sql --project gym --format json -c")
        .arg("select file, count(*) n from system.quarantine where reason = 'missing_field' group by 1")
        .run()
        .done()
        .json();
    assert_eq!(found, json!([{"file": "straps/2026/11/b", "n": 2}]));

    // Beside a table of people, another table over its files is refused.
    let other = project.join("landing/straps.sql");
    let text = "create external table straps (strap string, at bigint)
        row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://gym/straps/'
        tblproperties ('stedi.device'='strap', 'stedi.time'='at')";
    fs::write(other, text).unwrap();
    let run = stedi(dir.path(), "run --project gym").run().ended(4);
    run.hints("LOCATION of its own");
}
