//! SQL queries: what they can use, input and output formats, and that they only
//! read.

use std::fs;
use std::io::{BufRead, BufReader, Read};

use serde_json::json;

use crate::places::{DEMO, Landing, SMALL, contents, unchanged};
use crate::program::{count, finish, rows, stedi, value};

#[test]
fn user_and_timestamp_are_ordinary_names() {
    let dir = &SMALL.dir;
    for statement in [
        "select user, timestamp from accelerometer_landing order by user, timestamp limit 1",
        "select a.user, a.timestamp from accelerometer_trusted a where a.user is not null and timestamp > 0 limit 1",
        "select count(distinct user) as n, max(timestamp) as newest from accelerometer_trusted",
        "select user as who, min(timestamp) from accelerometer_landing group by user order by user limit 1",
        "select timestamp '2026-01-01' as t, date '2026-01-01' as d",
        "with user as (select 1 as timestamp) select timestamp from user",
    ] {
        assert_eq!(rows(dir, statement).len(), 1, "{statement}");
    }
    let row = &rows(
        dir,
        "select user, timestamp from accelerometer_trusted limit 1",
    )[0];
    assert!(
        row["user"].as_str().unwrap().contains('@'),
        "a column, not the session's user: {row}"
    );
    assert!(row["timestamp"].is_i64(), "{row}");
}

#[test]
fn hints_name_flags_and_verbs_of_the_command_line() {
    for (statement, says, hints) in [
        (
            "create table x as select 1",
            "only reading",
            "`stedi run` writes tables",
        ),
        ("set a = 1", "only reading", "`stedi run` writes tables"),
        (
            "select rpad('ab', 2000000000, 'ab')",
            "would make more than",
            "--memory",
        ),
        ("select * from nowhere", "no table", "`stedi tables`"),
        (
            "select * from step_trainer_landin",
            "no table",
            "did you mean `step_trainer_landing`? `stedi tables`",
        ),
    ] {
        stedi(&DEMO.dir, "sql -c")
            .arg(statement)
            .run()
            .ended(1)
            .says(says)
            .hints(hints);
    }
}

#[test]
fn every_table_is_there() {
    let dir = &SMALL.dir;
    for (table, expected) in [
        ("customer_landing", 40),
        ("landing.customer_landing", 40),
        ("Customer_Landing", 40),
        (
            "trusted.customer_trusted",
            count(dir, "select count(*) from customer_trusted"),
        ),
        (
            "step_trainer_curated",
            count(dir, "select count(*) from step_trainer_trusted"),
        ),
        ("system.runs", 6),
        ("system.quarantine", 0),
    ] {
        let found = count(dir, &format!("select count(*) from {table}"));
        assert_eq!(found, expected, "{table}");
    }
}

#[test]
fn system_tables_are_empty_before_the_first_run() {
    let dir = tempfile::tempdir().unwrap();
    for table in ["system.runs", "system.checks", "system.quarantine"] {
        assert_eq!(
            count(dir.path(), &format!("select count(*) from {table}")),
            0
        );
        let columns = stedi(dir.path(), "sql --format csv -c")
            .arg(format!("select * from {table}"))
            .run()
            .done()
            .out;
        assert!(columns.contains("table_name"), "{table}: {columns}");
    }
    assert!(contents(dir.path()).len() == 1, "asking makes no lake");
}

#[test]
fn one_answer_in_every_format() {
    let dir = &SMALL.dir;
    let statement = "select 1 as n, 'a,\"b' as t, cast(null as bigint) as nothing, 0.5 as x
                     union all select 2, 'é', 7, -1 order by n";
    let ask = |format: &str| {
        let call = stedi(dir, &format!("sql --format {format} -c")).arg(statement);
        call.run().done().silent()
    };
    let first = json!({"n": 1, "t": "a,\"b", "nothing": null, "x": 0.5});
    let second = json!({"n": 2, "t": "é", "nothing": 7, "x": -1.0});
    assert_eq!(
        ask("json").json(),
        json!([first, second]),
        "one array of objects"
    );
    assert_eq!(ask("json").out.lines().count(), 1);
    assert_eq!(ask("ndjson").json_lines(), [first, second]);
    assert_eq!(
        ask("csv").out,
        "n,t,nothing,x\n1,\"a,\"\"b\",,0.5\n2,é,7,-1.0\n"
    );
    let table = ask("table").out;
    for part in ["n", "t", "nothing", "a,\"b", "é", "0.5", "2 rows"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains('\u{1b}'), "{table:?}");
}

#[test]
fn an_answer_without_rows() {
    for (format, expected) in [("json", "[]\n"), ("ndjson", ""), ("csv", "n\n")] {
        let out = stedi(&SMALL.dir, &format!("sql --format {format} -c"))
            .arg("select 1 as n where false")
            .run()
            .done()
            .out;
        assert_eq!(out, expected, "{format}");
    }
}

#[test]
fn statements_from_argument_file_and_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ask.sql");
    let text = "-- two statements; with a semicolon in a comment\n\
                select 1 as a;\n/* and; here */ select 'x;y' as b;\n";
    fs::write(&file, text).unwrap();
    let expected = "{\"a\":1}\n{\"b\":\"x;y\"}\n";
    for (shows, call) in [
        ("-c", stedi(dir.path(), "sql --format ndjson -c").arg(text)),
        ("-f", stedi(dir.path(), "sql --format ndjson -f").arg(&file)),
        (
            "-f -",
            stedi(dir.path(), "sql --format ndjson -f -").input(text),
        ),
        (
            "standard input",
            stedi(dir.path(), "sql --format ndjson").input(text),
        ),
    ] {
        assert_eq!(call.run().done().silent().out, expected, "{shows}");
    }
    for (shows, call, says) in [
        (
            "nothing",
            stedi(dir.path(), "sql").input(" -- only this\n"),
            "no statement",
        ),
        ("empty", stedi(dir.path(), "sql -c").arg(""), "no statement"),
        (
            "no file",
            stedi(dir.path(), "sql -f nowhere.sql"),
            "nowhere.sql",
        ),
    ] {
        let outcome = call.run().ended(1).says(says);
        assert!(outcome.out.is_empty(), "{shows}: {outcome}");
    }
    // What stands behind a statement that fails is not run.
    let outcome = stedi(dir.path(), "sql --format ndjson -c")
        .arg("select 1 as a; select nothing_such; select 3 as c")
        .run()
        .ended(1)
        .says("nothing_such");
    assert_eq!(outcome.out, "{\"a\":1}\n");
}

#[test]
fn landing_tables_as_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in [
        (
            "customer/landing/a.json",
            "{\"EMAIL\":\"a@example.com\",\"LastUpdateDATE\":1,\"shareWithResearchAsOfDate\":-5}\n",
        ),
        (
            "customer/landing/deep/er/b.json",
            "{\"email\":\"b@example.com\",\"lastupdatedate\":2}\n{\"email\":\"b@example.com\",\"lastupdatedate\":2}",
        ),
        (
            "accelerometer/landing/a.json",
            "{\"USER\":\"a@example.com\",\"timeStamp\":3,\"X\":1,\"y\":0.5,\"z\":-2}\n",
        ),
        (
            "step_trainer/landing/a.json",
            "{\"serialnumber\":\"s\",\"SensorReadingTime\":4,\"extra\":[{\"a\":1}]}\n",
        ),
    ] {
        let path = dir.path().join("landing").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    assert_eq!(
        rows(
            dir.path(),
            "select email, lastupdatedate, sharewithresearchasofdate from customer_landing order by 2"
        ),
        [
            json!({"email": "a@example.com", "lastupdatedate": 1, "sharewithresearchasofdate": -5}),
            json!({"email": "b@example.com", "lastupdatedate": 2, "sharewithresearchasofdate": null}),
            json!({"email": "b@example.com", "lastupdatedate": 2, "sharewithresearchasofdate": null}),
        ]
    );
    assert_eq!(
        rows(dir.path(), "select * from accelerometer_landing"),
        [json!({"user": "a@example.com", "timestamp": 3, "x": 1.0, "y": 0.5, "z": -2.0})]
    );
    assert_eq!(
        rows(dir.path(), "select * from step_trainer_landing"),
        [json!({"sensorreadingtime": 4, "serialnumber": "s", "distancefromobject": null})]
    );
    assert!(!dir.path().join("lake").exists(), "asking makes no lake");
}

/// Table definitions as the Athena console writes them, as Glue's crawler prints
/// them, and short.
const TABLES_FOR_ATHENA: &str = r"
-- Written by the Athena console.
CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`people` (
  `customerName` string,
  `Email` string,
  `lastUpdateDate` bigint,
  `shareWithResearchAsOfDate` bigint COMMENT 'since when; absent = not'
)
COMMENT 'People; all of them'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'ignore.malformed.json' = 'FALSE',
  'dots.in.keys' = 'FALSE',
  'case.insensitive' = 'TRUE',
  'mapping' = 'TRUE'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat' OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://somebody-elses-bucket/customer/landing/'
TBLPROPERTIES ('classification' = 'json');

CREATE EXTERNAL TABLE `motions`(
  `sensorreadingtime` bigint COMMENT 'from deserializer',
  `serialnumber` string COMMENT 'from deserializer',
  `distancefromobject` int COMMENT 'from deserializer')
ROW FORMAT SERDE
  'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'paths'='distanceFromObject,sensorReadingTime,serialNumber')
STORED AS INPUTFORMAT
  'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT
  'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION
  's3://somebody-elses-bucket/step_trainer/landing'
TBLPROPERTIES (
  'CrawlerSchemaDeserializerVersion'='1.0',
  'averageRecordSize'='120',
  'classification'='json',
  'compressionType'='none',
  'objectCount'='3',
  'recordCount'='28680',
  'sizeKey'='3298200',
  'typeOfData'='file');

create external table phones (user string, timestamp timestamp, x float)
row format serde 'org.openx.data.jsonserde.JsonSerDe'
with serdeproperties ('ignore.malformed.json' = 'true')
location 's3://b/accelerometer/landing/';
";

#[test]
fn external_tables_as_athena_takes_them() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("tables.sql"),
        format!(
            "{TABLES_FOR_ATHENA}\n\
             select (select count(*) from people) as people,\n\
             (select count(sharewithresearchasofdate) from people) as agreed,\n\
             (select count(distancefromobject) from motions) as motions,\n\
             (select count(distinct user) from phones) as phones;\n"
        ),
    )
    .unwrap();
    let counts = stedi(dir.path(), "sql --format json -f tables.sql --landing")
        .arg(SMALL.dir.join("landing"))
        .run()
        .done()
        .json();
    let expected = rows(
        &SMALL.dir,
        "select (select count(*) from customer_landing) as people,
         (select count(sharewithresearchasofdate) from customer_landing) as agreed,
         (select count(*) from step_trainer_landing) as motions,
         (select count(distinct user) from accelerometer_landing) as phones",
    );
    assert_eq!(counts, json!(expected));

    // For the session alone.
    stedi(&SMALL.dir, "sql -c")
        .arg("select * from people")
        .run()
        .ended(1)
        .says("people");
}

#[test]
fn an_external_table_may_stand_for_one_of_the_projects() {
    let dir = tempfile::tempdir().unwrap();
    let statement = "create external table customer_landing (email string)
        row format serde 'org.openx.data.jsonserde.JsonSerDe'
        location 's3://b/customer/landing/';
        select * from customer_landing limit 1";
    let rows = stedi(dir.path(), "sql --format json --landing")
        .arg(SMALL.dir.join("landing"))
        .arg("-c")
        .arg(statement)
        .run()
        .done()
        .json();
    assert_eq!(rows[0].as_object().unwrap().len(), 1, "{rows}");
}

#[test]
fn what_an_external_table_cannot_have_is_told_with_its_line() {
    let table = |columns: &str, clauses: &str| {
        format!(
            "select 1 as one;\n\ncreate external table t (\n  {columns}\n)\n\
             row format serde 'org.openx.data.jsonserde.JsonSerDe'\n{clauses}\n\
             location 's3://b/customer/landing/';\nselect 2 as two;\n"
        )
    };
    for (shows, text, line, says) in [
        ("a type", table("a decimal(10,2)", ""), 4, "decimal"),
        ("a struct", table("a struct<b:string>", ""), 4, "struct"),
        (
            "partitions",
            table("a string", "partitioned by (day double)"),
            7,
            "PARTITIONED BY",
        ),
        (
            "a property that changes what is read",
            table("a string", "tblproperties ('skip.header.line.count' = '1')"),
            7,
            "skip.header.line.count",
        ),
        (
            "a mapping",
            table("a string", "with serdeproperties ('mapping.b' = 'a')"),
            7,
            "mapping.b",
        ),
    ] {
        // LOCATION stands before TBLPROPERTIES.
        let text = if text.contains("tblproperties") {
            text.replace("tblproperties ('skip.header.line.count' = '1')\nlocation 's3://b/customer/landing/'",
                "location 's3://b/customer/landing/' tblproperties ('skip.header.line.count' = '1')")
        } else {
            text
        };
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("t.sql"), &text).unwrap();
        let outcome = stedi(dir.path(), "sql --format ndjson -f t.sql").run();
        assert!([1, 2].contains(&outcome.code), "{shows}: {outcome}");
        let lower = outcome.err.to_lowercase();
        assert!(
            lower.contains(&format!("t.sql:{line}")),
            "{shows}: {outcome}"
        );
        assert!(lower.contains(&says.to_lowercase()), "{shows}: {outcome}");
        assert!(!outcome.out.contains("two"), "{shows}: {outcome}");
    }
}

#[test]
fn sql_only_reads() {
    let own = SMALL.copied();
    let before = contents(own.path());
    for statement in [
        "drop table customer_trusted",
        "drop view customer_trusted",
        "drop schema trusted",
        "insert into customer_trusted select * from customer_trusted",
        "insert into accelerometer_landing values ('a', 1, 1, 1, 1)",
        "delete from customer_trusted",
        "update customer_trusted set email = 'a'",
        "truncate table customer_trusted",
        "copy customer_trusted to 'out.csv'",
        "copy (select 1) to 'out.parquet'",
        "create table t as select 1",
        "create table customer_trusted (a int)",
        "create or replace table customer_trusted as select 1",
        "create or replace view customer_trusted as select 1",
        "create function f() returns int return 1",
        "create external table t stored as csv location '/etc/passwd'",
        "create external table t (a string) stored as csv location '/etc'",
        "set datafusion.execution.batch_size = 1",
        "reset datafusion.execution.batch_size",
        "alter table customer_trusted rename to c",
        "alter table customer_trusted add column c int",
        "merge into customer_trusted using customer_landing on true when matched then delete",
        "begin",
        "grant select on customer_trusted to public",
        "explain analyze insert into customer_trusted select * from customer_trusted",
        "explain analyze copy customer_trusted to 'out.csv'",
        "select * from '/etc/passwd'",
        "select * from 'landing/customer/landing/'",
        "load data inpath 'x' into table customer_trusted",
        "vacuum",
        "optimize customer_trusted",
    ] {
        let outcome = stedi(own.path(), "sql -c").arg(statement).run();
        let athena = statement.starts_with("create external");
        let code = if athena { [1, 2] } else { [1, 1] };
        assert!(code.contains(&outcome.code), "{statement}: {outcome}");
        assert!(outcome.err.starts_with("error: "), "{statement}: {outcome}");
        assert!(outcome.out.is_empty(), "{statement}: {outcome}");
        unchanged(&before, own.path(), statement);
    }
    stedi(own.path(), "sql -c")
        .arg("create table t as select 1")
        .run()
        .ended(1)
        .says("only read");
}

#[test]
fn a_typo_gets_the_near_name() {
    for (statement, says, hints) in [
        (
            "select count(*) from customer_trustd",
            "customer_trustd",
            "`customer_trusted`",
        ),
        (
            "select count(*) from custmer_landing",
            "custmer_landing",
            "`customer_landing`",
        ),
        (
            "select * from trusted.customer_trustd",
            "customer_trustd",
            "`trusted.customer_trusted`",
        ),
        ("select * from system.rnus", "system.rnus", "`system.runs`"),
        (
            "select emial from customer_trusted",
            "`emial` (line 1, column 8)",
            "`email`",
        ),
        (
            "select\n  c.emial\nfrom customer_trusted c",
            "(line 2, column",
            "`email`",
        ),
        ("select usr from accelerometer_landing", "`usr`", "`user`"),
        (
            "select 1 from customer_trusted where emal = 'x'",
            "`emal`",
            "`email`",
        ),
        ("select lowr(email) from customer_trusted", "lowr", "lower"),
        (
            "select * from curated.customer_trusted",
            "curated.customer_trusted",
            "curated.customer_curated",
        ),
    ] {
        stedi(&SMALL.dir, "sql -c")
            .arg(statement)
            .run()
            .ended(1)
            .says(says)
            .hints(hints);
    }
    stedi(&SMALL.dir, "sql -c")
        .arg("selec 1")
        .run()
        .ended(1)
        .says("selec")
        .says("line 1, column 1");
}

/// `stedi sql ... | head -1`
#[test]
fn a_closed_pipe_ends_quietly() {
    let long = "select a.* from accelerometer_landing a cross join (values (1), (2), (3), (4)) v";
    for (words, sql) in [
        ("sql --format csv -c", Some(long)),
        ("sql --format json -c", Some(long)),
        ("sql --format ndjson -c", Some(long)),
        (
            "sql --format table -c",
            Some("select * from accelerometer_landing limit 20000"),
        ),
        ("tables", None),
        ("verify", None),
        ("completions zsh", None),
        ("--help", None),
    ] {
        let call = stedi(&DEMO.dir, words);
        let call = match sql {
            Some(sql) => call.arg(sql),
            None => call,
        };
        let (mut child, line) = call.start();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = [0; 1];
        out.read_exact(&mut first).unwrap();
        drop(out);
        finish(child, line).done().silent();
    }
    // A pipe closed before the first byte.
    let (mut child, line) = stedi(&DEMO.dir, "sql --format csv -c").arg(long).start();
    drop(child.stdout.take());
    finish(child, line).done().silent();
}

#[test]
fn rows_come_before_the_query_has_ended() {
    let endless = "select a.user from accelerometer_landing a cross join accelerometer_landing b";
    for format in ["ndjson", "csv"] {
        let call = stedi(&DEMO.dir, &format!("sql --format {format} -c")).arg(endless);
        let (mut child, line) = call.start();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        assert!(first.contains("user"), "{format}: {first}");
        drop(out);
        finish(child, line).done();
    }
}

#[test]
fn the_run_time_is_the_one_given() {
    let now = value(&SMALL.dir, "select run_time()").as_i64().unwrap();
    assert!(now > 1_700_000_000_000, "{now}");
    let given = stedi(&SMALL.dir, "sql --now 1970-01-01T00:00:01Z --format csv -c")
        .arg("select run_time() as t")
        .run()
        .done()
        .out;
    assert_eq!(given, "t\n1000\n");
}

#[test]
fn tables_in_every_format() {
    let names = [
        "customer_landing",
        "accelerometer_landing",
        "step_trainer_landing",
        "customer_trusted",
        "accelerometer_trusted",
        "step_trainer_trusted",
        "customer_curated",
        "machine_learning_curated",
        "checks",
        "quarantine",
        "runs",
    ];
    let json = stedi(&SMALL.dir, "tables --format json")
        .run()
        .done()
        .silent()
        .json();
    let lines = stedi(&SMALL.dir, "tables --format ndjson")
        .run()
        .done()
        .json_lines();
    assert_eq!(json.as_array().unwrap(), &lines);
    let csv = stedi(&SMALL.dir, "tables --format csv").run().done().out;
    assert_eq!(csv.lines().count(), lines.len() + 1, "{csv}");
    assert!(
        csv.starts_with("zone,table,rows,counted,version,files,bytes,grain\n"),
        "{csv}"
    );
    let table = stedi(&SMALL.dir, "tables").run().done().out;
    for name in names {
        let entry = lines.iter().find(|entry| entry["table"] == name);
        let entry = entry.unwrap_or_else(|| panic!("{name}: {json}"));
        assert!(
            entry["grain"]
                .as_str()
                .is_some_and(|grain| grain.len() > 10),
            "{entry}"
        );
        assert!(csv.contains(&format!(",{name},")), "{name}: {csv}");
        assert!(table.contains(&format!(" {name} ")), "{name}: {table}");
    }
    let customers = lines
        .iter()
        .find(|entry| entry["table"] == "customer_trusted")
        .unwrap();
    assert_eq!(customers["zone"], "trusted");
    assert_eq!(customers["version"], 0);
    assert_eq!(
        customers["rows"],
        json!(count(&SMALL.dir, "select count(*) from customer_trusted"))
    );

    let empty = tempfile::tempdir().unwrap();
    let before = stedi(empty.path(), "tables --format json")
        .run()
        .done()
        .json();
    assert_eq!(
        before.as_array().unwrap().len(),
        lines.len(),
        "before the first run"
    );
    assert_eq!(contents(empty.path()).len(), 1, "asking makes no lake");
}

#[test]
fn describe_in_every_format() {
    let columns = [
        ("serialnumber", "string", true),
        ("sensorreadingtime", "bigint", false),
        ("distancefromobject", "bigint", false),
        ("user", "string", true),
        ("x", "double", false),
        ("y", "double", false),
        ("z", "double", false),
        ("same_owner", "boolean", false),
    ];
    let describe = |words: &str| stedi(&SMALL.dir, words).run().done().silent();
    let json = describe("describe machine_learning_curated --format json").json();
    let told: Vec<(&str, &str, bool)> = json["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            (
                column["column"].as_str().unwrap(),
                column["type"].as_str().unwrap(),
                column["personal"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, columns);
    assert_eq!(json["zone"], "curated");
    assert_eq!(
        json["reads"],
        json!([
            "accelerometer_trusted",
            "step_trainer_trusted",
            "system.device_owner"
        ])
    );
    let lines = describe("describe machine_learning_curated --format ndjson").json_lines();
    assert_eq!(json["columns"], json!(lines));
    let csv = describe("describe machine_learning_curated --format csv").out;
    let cells: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(cells[0], ["column", "type", "personal", "comment"]);
    for (line, (column, kind, personal)) in cells[1..].iter().zip(columns) {
        assert_eq!(line[..2], [column, kind], "{csv}");
        assert_eq!(line[2] == cells[1][2], personal, "{csv}");
    }
    let page = describe("describe machine_learning_curated").out;
    for part in [
        "One pair of",
        "two_people",
        "same_owner",
        "personal",
        "43",
        "rows",
    ]
    .iter()
    .filter(|part| **part != "43")
    {
        assert!(page.contains(part), "{part}: {page}");
    }

    assert_eq!(
        describe("describe step_trainer_curated --format json").json()["table"],
        "step_trainer_trusted"
    );
    assert_eq!(
        describe("describe customer_landing --format json").json()["zone"],
        "landing"
    );
    assert_eq!(
        describe("describe system.runs --format json").json()["rows"],
        6
    );
    for (words, says, hints) in [
        (
            "describe costumer_trusted",
            "costumer_trusted",
            "customer_trusted",
        ),
        ("describe system.rnus", "system.rnus", "system.runs"),
        ("history machine_learning", "machine_learning", ""),
        (
            "history customer_landing",
            "landing table",
            "trusted or curated",
        ),
    ] {
        stedi(&SMALL.dir, words)
            .run()
            .ended(1)
            .says(says)
            .hints(hints);
    }
    // Before the first run the SELECT tells the columns.
    let empty = tempfile::tempdir().unwrap();
    let before = stedi(
        empty.path(),
        "describe machine_learning_curated --format json",
    )
    .run()
    .done()
    .json();
    assert_eq!(before["columns"], json["columns"]);
    assert_eq!(before["rows"], json!(null));
    stedi(empty.path(), "history customer_trusted")
        .run()
        .ended(1)
        .says("customer_trusted")
        .hints("stedi run");
}

#[test]
fn history_in_every_format() {
    let history = |format: &str| {
        stedi(
            &SMALL.dir,
            &format!("history customer_trusted --format {format}"),
        )
        .run()
        .done()
        .silent()
    };
    let json = history("json").json();
    let entry = &json[0];
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert_eq!(entry["version"], 0);
    let trusted = count(&SMALL.dir, "select count(*) from customer_trusted");
    assert_eq!(entry["rows"], json!(trusted));
    assert_eq!(entry["rows_added"], json!(trusted));
    assert!(
        entry["timestamp"].as_str().unwrap().ends_with('Z'),
        "{entry}"
    );
    assert_eq!(json!(history("ndjson").json_lines()), json);
    let csv = history("csv").out;
    assert!(
        csv.starts_with("version,timestamp,") && csv.lines().count() == 2,
        "{csv}"
    );
    let table = history("table").out;
    assert!(
        table.contains("version") && table.contains("WRITE"),
        "{table}"
    );
}

#[test]
fn readings_of_many_files_are_each_counted_once() {
    let mut landing = Landing::default();
    for number in 0..2_000 {
        landing
            .accelerometer
            .push(json!({"user": format!("p{number}@example.com"), "timestamp": number}));
    }
    let dir = landing.laid_out();
    for copy in 0..20 {
        landing.write(dir.path(), &format!("{copy}.json"));
    }
    assert_eq!(
        rows(
            dir.path(),
            "select count(*) as n, count(distinct user) as people, sum(timestamp) as t from accelerometer_landing"
        ),
        [json!({"n": 42_000, "people": 2_000, "t": 21 * 1_999_000})]
    );
}

/// Schema queries of notebooks and drivers, also before the first run.
#[test]
fn the_schema_of_everything() {
    let columns = |dir: &std::path::Path, table: &str| {
        count(
            dir,
            &format!(
                "select count(distinct column_name) from information_schema.columns where table_name = '{table}'"
            ),
        )
    };
    let empty = tempfile::tempdir().unwrap();
    for (dir, table, expected) in [
        (empty.path(), "customer_landing", 10),
        (SMALL.dir.as_path(), "customer_landing", 10),
        (SMALL.dir.as_path(), "accelerometer_trusted", 5),
        (SMALL.dir.as_path(), "machine_learning_curated", 8),
    ] {
        assert_eq!(columns(dir, table), expected, "{table}");
        let shown = rows(dir, &format!("show columns from {table}"));
        assert_eq!(shown.len(), usize::try_from(expected).unwrap(), "{table}");
        let described = rows(dir, &format!("describe {table}"));
        assert_eq!(described.len(), shown.len(), "{table}");
    }
}

/// Names and statements as Athena takes them.
#[test]
fn what_athena_takes_is_taken() {
    for (statement, expected) in [
        (
            "show databases",
            "database_name\ncurated\nlanding\nprivacy\nstedi\nsystem\ntrusted\n",
        ),
        (
            "show tables in curated",
            "tab_name\ncustomer_curated\nmachine_learning_curated\ntraining_set\n",
        ),
        (
            "show tables like '*trusted'",
            "tab_name\naccelerometer_trusted\ncustomer_trusted\nstep_trainer_trusted\n",
        ),
        (
            "show columns in stedi.accelerometer_trusted",
            "column_name\nuser\ntimestamp\nx\ny\nz\n",
        ),
        (
            "describe accelerometer_trusted",
            "col_name,data_type\nuser,varchar\ntimestamp,bigint\nx,double\ny,double\nz,double\n",
        ),
        ("show partitions customer_landing", "partition\n"),
        ("use stedi", "database_name\nstedi\n"),
        (
            "select count(*) > 0 as n from stedi.customer_trusted",
            "n\ntrue\n",
        ),
        (
            "select count(*) > 0 as n from \"AwsDataCatalog\".\"stedi\".\"customer_trusted\"",
            "n\ntrue\n",
        ),
        (
            "select count(*) > 0 as n from customer_trusted order by 1 offset 0 limit 1",
            "n\ntrue\n",
        ),
    ] {
        let call = stedi(&SMALL.dir, "sql --format csv -c");
        let outcome = call.arg(statement).run().done();
        assert_eq!(outcome.out, expected, "{statement}");
    }
    for (statement, says, hints) in [
        (
            "show tables in nowhere",
            "no database `nowhere`",
            "curated, landing, privacy, stedi",
        ),
        (
            "use nowhere",
            "no database `nowhere`",
            "curated, landing, privacy, stedi",
        ),
        (
            "select count(*) from nowhere.customer_trusted",
            "no database `nowhere`",
            "the databases are",
        ),
        (
            "select email from customer_trusted where sharewithresearchasofdate <> ''",
            "`sharewithresearchasofdate` is a bigint",
            "IS NOT NULL",
        ),
    ] {
        let call = stedi(&SMALL.dir, "sql --format csv -c");
        call.arg(statement).run().ended(1).says(says).hints(hints);
    }
    let external = "create external table if not exists customer_trusted (email string) \
                    row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://x/y/';\n\
                    select count(*) > 0 as n from customer_trusted;";
    let outcome = stedi(&SMALL.dir, "sql --format csv -f -")
        .input(external)
        .run()
        .done();
    assert_eq!(outcome.out, "n\ntrue\n");
    outcome.says("customer_trusted exists already");
}

/// Views and prepared statements are the session's own.
#[test]
fn what_a_session_defines_for_itself() {
    let statements = "
        create view shared as select email from customer_trusted where email is not null;
        create or replace view shared as select email, registrationdate from customer_trusted;
        create view names (who) as select email from shared;
        select count(*) > 0 as n from names where who like '%@%';
        with names as (select 1 as who) select who from names;
        describe names;
        show views like 'n*';
        show create view names;
        prepare p from select ? + n as sum from (values (1)) t(n) where n < ?;
        execute p using 41, 1 + 1;
        deallocate prepare p;
        drop view names;
        drop view if exists names;
        show views;
    ";
    let outcome = stedi(&SMALL.dir, "sql --format csv -f -")
        .input(statements)
        .run()
        .done();
    assert_eq!(
        outcome.out,
        "n\ntrue\n\
         who\n1\n\
         col_name,data_type\nwho,varchar\n\
         view_name\nnames\n\
         create_view\ncreate view names (who) as select email from shared\n\
         sum\n42\n\
         view_name\nshared\n"
    );
    outcome
        .says("shared is a view of this session")
        .says("p is prepared")
        .says("names is removed")
        .says("there is no view names; nothing was done");
    for (statements, says, hints) in [
        (
            "create view customer_trusted as select 1",
            "there is a table `customer_trusted` already",
            "another name",
        ),
        (
            "create view v as select 1 as a; create view v as select 2 as a",
            "there is a view `v` already",
            "CREATE OR REPLACE VIEW",
        ),
        (
            "create view v as select * from nowhere; select * from v",
            "no table `nowhere`",
            "stedi tables",
        ),
        (
            "create view v as select 1 as a; select * from v version as of 1",
            "a view has no versions",
            "VERSION AS OF",
        ),
        ("drop view v", "no view `v`", "show views"),
        ("execute p", "no prepared statement `p`", "PREPARE"),
        (
            "prepare p from select ?; execute p",
            "takes 1 values, and 0 are given",
            "USING",
        ),
        (
            "prepare p from delete from customer_trusted",
            "only reading",
            "stedi run",
        ),
        (
            "unload (select 1) to 's3://a/b'",
            "only reading",
            "stedi export",
        ),
        (
            "msck repair table customer_trusted",
            "only reading",
            "leave it out",
        ),
        (
            "delete from customer_trusted",
            "only reading",
            "consent withdraw",
        ),
        (
            "drop table customer_trusted",
            "only reading",
            "stedi tables --drop",
        ),
        (
            "create table t as select 1 as a",
            "only reading",
            "write a model",
        ),
    ] {
        stedi(&SMALL.dir, "sql --format csv -f -")
            .input(statements)
            .run()
            .ended(1)
            .says(says)
            .hints(hints);
    }
    let dropped = "create external table mine (a string)
                   row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://x/mine/';
                   drop table mine;
                   show tables like 'mine';";
    let outcome = stedi(&SMALL.dir, "sql --format csv -f -")
        .input(dropped)
        .run()
        .done();
    assert_eq!(outcome.out, "tab_name\n");
    outcome.says("mine is removed");
}

const MINE: &str = "create external table steps_db.mine (a string)
row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://x/customer/landing/'
tblproperties ('owner'='me')";

/// Scripts for Athena begin by removing what they make.
#[test]
fn scripts_make_and_remove_tables_and_databases() {
    let statements = format!(
        "drop table if exists nope, steps_db.mine;
        create database if not exists steps_db;
        create schema steps_db;
        -- a comment
        DROP TABLE IF EXISTS mine;
        {MINE};
        {};
        select count(*) > 0 as n from steps_db.mine;
        select count(*) > 0 as n from landing.mine;
        show create table steps_db.mine;
        show tblproperties mine;
        use steps_db;
        drop table `steps_db`.`mine`;
        show tables like 'mine';
        drop database if exists steps_db cascade;
        drop database if exists steps_db;
        select 1 as n;",
        MINE.replace("table", "table if not exists")
    );
    let outcome = stedi(&SMALL.dir, "sql --format csv -f -")
        .input(&statements)
        .run()
        .done();
    let lines = MINE.lines().map(|line| match line.contains(',') {
        true => format!("\"{line}\"\n"),
        false => format!("{line}\n"),
    });
    let definition: String = lines.collect();
    assert_eq!(
        outcome.out,
        format!(
            "n\ntrue\nn\ntrue\ncreatetab_stmt\n{definition}prpt_name,prpt_value\nowner,me\n\
             database_name\nsteps_db\ntab_name\nn\n1\n"
        )
    );
    outcome
        .says("there is no table nope; nothing was done")
        .says("steps_db is a database of this session")
        .says("steps_db exists already; nothing was done")
        .says("mine is a table of this session")
        .says("mine is removed")
        .says("there is no database steps_db; nothing was done");
    let other = |name: &str| MINE.replace("steps_db.mine", name);
    for (statements, says, hints) in [
        (
            other("customer_trusted"),
            "a table `customer_trusted` exists already",
            "IF NOT EXISTS",
        ),
        (format!("{MINE}; {MINE}"), "exists already", "DROP TABLE"),
        (
            other("system.x"),
            "`system` has no external tables",
            "landing.x",
        ),
        (
            "drop table if exists customer_trusted".to_owned(),
            "only reading",
            "stedi tables --drop",
        ),
        (
            "drop table if exists system.consent".to_owned(),
            "only reading",
            "stedi",
        ),
        ("drop table nope".to_owned(), "only reading", "stedi"),
        (
            "drop database if exists trusted".to_owned(),
            "only reading",
            "stedi",
        ),
    ] {
        stedi(&SMALL.dir, "sql --format csv -f -")
            .input(&statements)
            .run()
            .ended(1)
            .says(says)
            .hints(hints);
    }
}

/// Statements from databases of other names, which the settings accept.
#[test]
fn databases_that_the_settings_name() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    let sql = |statement: &str| stedi(dir, "sql --format csv -c").arg(statement);
    let statement =
        "select count(*) > 0 as n from \"AwsDataCatalog\".\"Steps_DB\".\"customer_trusted\"";
    sql(statement).run().ended(1).hints("[sql] in stedi.toml");
    fs::write(
        dir.join("stedi.toml"),
        "[sql]\ndatabases = [\"steps_db\"]\n",
    )
    .unwrap();
    let answer = sql(statement).run().done();
    let answer = answer.says("note: the settings read database `steps_db`");
    assert_eq!(answer.out, "n\ntrue\n");
    let names = sql("show databases").run().done();
    assert!(names.out.contains("steps_db"), "{names}");
    sql("use steps_db").run().done();
    sql("select 1 from other.customer_trusted").run().ended(1);
    let listed = sql("show tables in other_db").env("STEDI_SQL_DATABASES", "x, other_db");
    assert!(listed.run().done().out.contains("customer_trusted"));
    fs::write(dir.join("stedi.toml"), "[sql]\ndatabase = [\"steps_db\"]\n").unwrap();
    sql("select 1").run().ended(2).says("stedi.toml:2");
}
