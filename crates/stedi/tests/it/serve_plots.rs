//! The plots of tables: that their figures are right, and for whom they are.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::places::{DEMO, DEMO_COUNTS, SMALL};
use crate::program::stedi;
use crate::served::{Served, add_user, own_place};

fn plots(served: &Served, of: &str, token: Option<&str>) -> Value {
    let (table, asked) = of.split_once('?').unwrap_or((of, ""));
    let answer = served.get(&format!("/api/v1/tables/{table}/plots?{asked}"), token);
    assert_eq!(answer.status, 200, "{of}: {}", answer.text());
    answer.json()
}

fn sum(counts: &Value) -> u64 {
    let counts = counts.as_array().unwrap().iter();
    counts.map(|count| count.as_u64().unwrap()).sum()
}

/// All rows that a histogram accounts for.
fn rows_of(histogram: &Value) -> u64 {
    let others = ["nulls", "not_finite", "outside"];
    let others = others.map(|name| histogram[name].as_u64().unwrap());
    sum(&histogram["counts"]) + others.iter().sum::<u64>()
}

/// The figures of one column.
fn column<'p>(plots: &'p Value, name: &str) -> &'p Value {
    let mut columns = plots["distributions"]["ready"].as_array().unwrap().iter();
    let found = columns.find(|column| column["column"] == name);
    &found.unwrap_or_else(|| panic!("{name} is not in {plots}"))["values"]
}

/// Every row is in exactly one bar, or its absence has a reason.
fn check_sums(plots: &Value) {
    let rows = plots["rows"].as_u64().unwrap();
    if let Some(histogram) = plots["over_time"]["ready"].get("histogram") {
        assert_eq!(rows_of(histogram), rows, "{plots}");
    }
    for column in plots["distributions"]["ready"].as_array().unwrap() {
        let values = &column["values"];
        if let Some(histogram) = values.get("histogram") {
            assert_eq!(rows_of(histogram), rows, "{column}");
            let steps = histogram["counts"].as_array().unwrap().len();
            assert!(steps <= 24, "{column}");
        }
        if let Some(few) = values.get("few") {
            let told = few["values"].as_array().unwrap().iter();
            let told: u64 = told.map(|value| value[1].as_u64().unwrap()).sum();
            let others = few["others"].as_u64().unwrap() + few["nulls"].as_u64().unwrap();
            assert_eq!(told + others, rows, "{column}");
        }
    }
    if let Some(per_party) = plots["per_party"].get("ready") {
        let parties = sum(&per_party["histogram"]["counts"]);
        assert_eq!(json!(parties), per_party["parties"], "{plots}");
    }
    if let Some(readings) = plots["readings"].get("ready") {
        let points = readings["points"].as_array().unwrap();
        let drawn: u64 = points
            .iter()
            .map(|point| point["rows"].as_u64().unwrap())
            .sum();
        let all = drawn + readings["undated"].as_u64().unwrap();
        assert_eq!(json!(all), readings["rows"], "{plots}");
        assert!(points.len() <= 240, "{plots}");
    }
}

#[test]
fn bars_and_points_account_for_every_row() {
    let served = Served::of(&DEMO.dir, "");
    for (table, rows) in DEMO_COUNTS {
        let found = plots(&served, table, None);
        assert_eq!(found["rows"], rows, "{table}");
        check_sums(&found);
    }
    for table in [
        "system.runs",
        "system.ledger",
        "system.consent",
        "system.checks",
    ] {
        check_sums(&plots(&served, table, None));
    }
    // The figures are those that statements give.
    let trainer = plots(&served, "step_trainer_trusted", None);
    let per_device = &trainer["per_party"]["ready"];
    assert_eq!(per_device["parties"], 482);
    assert_eq!(per_device["median"], 30);
    let sql = "select min(distancefromobject), max(distancefromobject), count(*) filter (where distancefromobject >= 210 and distancefromobject < 220) from step_trainer_trusted";
    let told = served.rows(sql, None).unwrap();
    let distance = &column(&trainer, "distancefromobject")["histogram"];
    assert_eq!(
        (&distance["low"], &distance["step"]),
        (&json!(200.0), &json!(10.0))
    );
    assert_eq!(told[0][0].as_f64(), distance["least"].as_f64());
    assert_eq!(told[0][1].as_f64(), distance["greatest"].as_f64());
    assert_eq!(told[0][2], distance["counts"][1]);
    let sql = "select n from (select serialnumber, count(*) as n from machine_learning_curated group by 1) as per order by n desc offset 2 limit 1";
    let told = served.rows(sql, None).unwrap();
    let third = plots(
        &served,
        "machine_learning_curated?by=serialnumber&rank=3",
        None,
    );
    let readings = &third["readings"]["ready"];
    assert_eq!(readings["rows"], told[0][0]);
    assert_eq!(
        readings["of"],
        json!({"column": "serialnumber", "rank": 3, "of": 482})
    );
    // A rank beyond the last one is the last one.
    let last = plots(&served, "training_set?rank=9007199254740991", None);
    assert_eq!(last["readings"]["ready"]["of"]["rank"], 464);
    check_sums(&last);
}

/// What each plot is of follows from the roles of landing fields, not from names.
#[test]
fn plots_fit_to_the_data() {
    let served = Served::of(&DEMO.dir, "");
    for (table, time, measure, parties, series) in [
        (
            "step_trainer_landing",
            "sensorreadingtime",
            "instant",
            "serialnumber",
            "distancefromobject",
        ),
        (
            "accelerometer_landing",
            "timestamp",
            "instant",
            "user",
            "x y z",
        ),
        (
            "customer_landing",
            "lastupdatedate",
            "instant",
            "email serialnumber",
            "",
        ),
        (
            "machine_learning_curated",
            "sensorreadingtime",
            "instant",
            "user serialnumber",
            "distancefromobject x y z",
        ),
        (
            "training_set",
            "elapsed_ms",
            "elapsed",
            "subject",
            "distancefromobject x y z",
        ),
    ] {
        let found = plots(&served, table, None);
        let over_time = &found["over_time"]["ready"];
        assert_eq!(over_time["column"], time, "{table}");
        assert_eq!(over_time["histogram"]["measure"], measure, "{table}");
        let names: Vec<&str> = parties.split(' ').collect();
        assert_eq!(found["parties"], json!(names), "{table}");
        let drawn = found["readings"]["ready"]["series"].as_array();
        let drawn: Vec<&str> = drawn
            .into_iter()
            .flatten()
            .map(|of| of["column"].as_str().unwrap())
            .collect();
        assert_eq!(drawn.join(" "), series, "{table}");
    }
    let pairs = plots(&served, "machine_learning_curated", None);
    let sources = pairs["readings"]["ready"]["series"].as_array().unwrap();
    assert_eq!(sources[0]["source"], "step_trainer_landing");
    assert_eq!(sources[1]["source"], "accelerometer_landing");
    let page = served
        .get("/tables/machine_learning_curated/plots", None)
        .text();
    assert!(page.contains("step_trainer_landing and accelerometer_landing on one time axis"));
}

/// Of each role and table: whether there are plots, by which columns people and devices are
/// told apart, and which columns there are.
#[test]
fn plots_show_what_the_role_sees() {
    let own = own_place();
    let tokens = [
        ("sci", add_user(own.path(), "sci", "--role scientist")),
        ("eng", add_user(own.path(), "eng", "--role engineer")),
        ("off", add_user(own.path(), "off", "--role privacy-officer")),
        (
            "see",
            add_user(own.path(), "see", "--role engineer --sees-personal"),
        ),
    ];
    let served = Served::with(&SMALL.dir, own, "");
    let cases = "
        customer_landing          sci 404
        customer_landing          eng email,serialnumber customername:personal phone:personal birthday:personal registrationdate:histogram
        customer_landing          off email,serialnumber customername:personal phone:personal birthday:personal registrationdate:histogram
        customer_landing          see email,serialnumber customername:personal phone:personal birthday:personal registrationdate:histogram
        customer_curated          sci - registrationdate:histogram email:gone birthday:gone serialnumber:gone
        customer_curated          eng email,serialnumber email:personal birthday:personal
        customer_curated          see email,serialnumber email:personal birthday:personal
        machine_learning_curated  sci - x:histogram same_owner:few user:gone serialnumber:gone
        machine_learning_curated  eng user,serialnumber user:personal serialnumber:personal
        machine_learning_curated  off user,serialnumber user:personal serialnumber:personal
        machine_learning_curated  see user,serialnumber user:personal serialnumber:personal
        training_set              sci subject subject:many x:histogram
        training_set              eng subject subject:many x:histogram
        system.consent            sci 404
        system.consent            eng - subject:personal purpose:few
        system.consent            off - subject:personal purpose:few
        system.quarantine         off - raw:gone
    ";
    for line in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (table, who, expected) = (
            words.next().unwrap(),
            words.next().unwrap(),
            words.next().unwrap(),
        );
        let (_, token) = tokens.iter().find(|(name, _)| *name == who).unwrap();
        // What the page shows are the figures of the API.
        let doors = ["/api/v1/tables", "/tables"].into_iter();
        let doors = doors.take(if ["sci", "see"].contains(&who) { 2 } else { 1 });
        let ask = |path: &str| {
            let answer = served.get(&format!("{path}/{table}/plots"), Some(token));
            assert_eq!(
                answer.status,
                if expected == "404" { 404 } else { 200 },
                "{line}"
            );
            let text = answer.text();
            assert_eq!(SMALL.people.found_in(&text), None, "{line}");
            assert!(!text.contains("masked-"), "{line}: {text}");
            assert!(who != "sci" || !text.contains("_landing"), "{line}: {text}");
            answer
        };
        let answers: Vec<_> = doors.map(ask).collect();
        if expected == "404" {
            continue;
        }
        let found = answers[0].json();
        let parties: Vec<&str> = expected.split(',').filter(|name| *name != "-").collect();
        assert_eq!(found["parties"], json!(parties), "{line}");
        for (name, kind) in words.map(|word| word.split_once(':').unwrap()) {
            let columns = found["distributions"]["ready"].as_array().unwrap();
            let own = columns.iter().find(|column| column["column"] == name);
            let values = own.map(|column| &column["values"]);
            match kind {
                "gone" => assert_eq!(own, None, "{line}"),
                kind => assert!(values.unwrap().get(kind).is_some(), "{line}: {own:?}"),
            }
        }
    }
    // A column that does not exist for the role picks nobody.
    let found = plots(
        &served,
        "machine_learning_curated?by=user&rank=2",
        Some(&tokens[0].1),
    );
    assert_eq!(found["per_party"], Value::Null);
    assert_eq!(found["readings"]["ready"]["of"], Value::Null);
    let audit = served.audit();
    assert_eq!(SMALL.people.found_in(&audit), None);
    assert!(audit.contains("\"door\":\"page\"") && audit.contains("grouping sets"));
}

/// A name that is hard to quote, in SQL and in HTML.
const HARD: &str = "we\"ird <b>&'x";

fn landing_table(table: &str, columns: &str, roles: &str) -> String {
    format!(
        "CREATE EXTERNAL TABLE {table} ({columns})
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://x/{table}/'{roles};"
    )
}

const ODD: &str = "/*\ngrain = \"One row.\"\n*/
select n,
    case when n = 1 then nan() when n = 2 then infinity() when n = 3 then -infinity()
        when n = 4 then 1e308 when n = 5 then -1e308 else n * 0.5e0 end as wild,
    nan() as no_number,
    big,
    n % 2 = 0 as even,
    case when n < 4 then 'rare' when n < 40 then 'common' when n < 80 then '<script>' end as word,
    cast(from_unixtime(1700000000 + n * 86400) as timestamp) as at_time,
    cast(from_unixtime(1700000000 + n * 86400) as date) as on_day,
    case when n = 7 then date '9999-12-31' when n = 8 then date '0001-01-01'
        else cast(from_unixtime(1700000000 + n * 86400) as date) end as far_day,
    n % 3 as \"we\"\"ird <b>&'x\"
from weather";

/// A lake of what tables should not hold and do.
fn odd() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path: &Path = &dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let roles = " TBLPROPERTIES ('stedi.device' = 'strap', 'stedi.time' = 'at')";
    let hard = format!("`strap` string, `at` bigint, `{HARD}` double, `nothing` double");
    write(
        "p/landing/straps.sql",
        &landing_table("straps", &hard, roles),
    );
    for name in ["nobody", "single"] {
        let columns = "`strap` string, `at` bigint, `v` double";
        write(
            &format!("p/landing/{name}.sql"),
            &landing_table(name, columns, roles),
        );
    }
    let columns = "`n` bigint, `big` bigint, `word` string";
    write(
        "p/landing/weather.sql",
        &landing_table("weather", columns, ""),
    );
    write("p/curated/odd.sql", ODD);
    let (mut straps, mut weather) = (String::new(), String::new());
    for place in 0..60_i64 {
        let at = match place {
            10 => 1_700_000_000,         // seconds
            11 => 1_700_000_000_000_000, // microseconds: the year 55840
            12 => 0,
            13 => -9_000_000_000_000_000,
            place => 1_700_000_000_000 + place * 1000,
        };
        let value = (place % 7 > 0).then_some(place as f64 / 2.0);
        let row = json!({"strap": format!("S{}", place % 4), "at": at, HARD: value});
        writeln!(straps, "{row}").unwrap();
    }
    for n in 0..100_i64 {
        let row = json!({"n": n, "big": i64::MAX - n, "word": format!("w{n}")});
        writeln!(weather, "{row}").unwrap();
    }
    write("landing/straps/a.json", &straps);
    write("landing/weather/a.json", &weather);
    write("landing/nobody/a.json", "\n");
    write(
        "landing/single/a.json",
        "{\"strap\":\"S\",\"at\":1700000000000,\"v\":1.5}\n",
    );
    stedi(dir.path(), "run --project p").run().done();
    dir
}

#[test]
fn odd_values_are_counted_and_told() {
    let dir = odd();
    let served = Served::of(dir.path(), "--project p");
    for table in ["straps", "nobody", "single", "weather", "odd"] {
        check_sums(&plots(&served, table, None));
        let page = served.get(&format!("/tables/{table}/plots"), None);
        assert_eq!(page.status, 200, "{table}");
        let text = page.text();
        for never in ["<script>", "<b>&'x", "NaN%", "inf%", "rare<"] {
            assert!(!text.contains(never), "{table}: {never}: {text}");
        }
    }
    let straps = plots(&served, "straps", None);
    let over_time = &straps["over_time"]["ready"]["histogram"];
    assert_eq!(
        (&over_time["outside"], &over_time["step"]),
        (&json!(4), &json!(1000.0))
    );
    assert_eq!(column(&straps, HARD)["histogram"]["nulls"], 9);
    assert_eq!(*column(&straps, "nothing"), json!("none"));
    let page = served.get("/tables/straps/plots", None).text();
    assert!(page.contains("4 before 2001 or after 2099"), "{page}");

    let odd = plots(&served, "odd", None);
    let wild = &column(&odd, "wild")["histogram"];
    assert_eq!((&wild["not_finite"], sum(&wild["counts"])), (&json!(3), 97));
    assert_eq!(column(&odd, "no_number")["histogram"]["not_finite"], 100);
    let word = &column(&odd, "word")["few"];
    let told = json!({"values": [["<script>", 40], ["common", 36]], "others": 4, "nulls": 20});
    assert_eq!(*word, told);
    for name in ["at_time", "on_day", "far_day"] {
        assert_eq!(
            column(&odd, name)["histogram"]["measure"],
            "instant",
            "{name}"
        );
    }
    assert_eq!(
        *column(&odd, HARD),
        json!({"histogram": {
            "measure": "number", "low": 0.0, "step": 1.0, "is_whole": true, "least": 0.0,
            "greatest": 2.0, "counts": [34, 33, 33], "nulls": 0, "not_finite": 0, "outside": 0,
        }})
    );

    let none = plots(&served, "nobody", None);
    assert_eq!(
        (&none["rows"], &none["readings"]),
        (&json!(0), &Value::Null)
    );
    let page = served.get("/tables/nobody/plots", None).text();
    assert!(page.contains("no row to draw"), "{page}");
    let single = plots(&served, "single", None);
    assert_eq!(
        single["readings"]["ready"]["points"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_figure_that_cannot_be_gathered_is_said_to_be_missing() {
    let served = Served::of(&DEMO.dir, "--max-rows 3");
    let found = plots(&served, "training_set", None);
    for figure in ["over_time", "distributions", "per_party", "readings"] {
        let message = &found[figure]["failed"]["message"];
        assert_eq!(*message, "there are more than 3 rows", "{figure}: {found}");
    }
    let page = served.get("/tables/training_set/plots", None);
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("These figures are missing"),
        "{}",
        page.text()
    );
}
