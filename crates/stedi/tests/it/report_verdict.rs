//! The verdict of `stedi report` is never better than that of `stedi verify`, and only an
//! earlier report is replaced.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::places::{SMALL, append, unchanged};
use crate::program::{rows, stedi};

const HOLDS: &str = "Everything holds";
const LOOK: &str = "Something is to be looked at";
const FAILS: &str = "Something does not hold";

/// What happens to a lake, how the program is called afterwards, how it ends, the page's
/// headline, and what the page says besides.
type Case = (
    &'static str,
    fn(&Path),
    &'static str,
    i32,
    &'static str,
    &'static str,
);

const CASES: [Case; 13] = [
    ("nothing", |_| {}, "", 0, HOLDS, "checks hold"),
    ("a withdrawal by hand", withdraw, "", 4, FAILS, "fail"),
    (
        "a withdrawal in landing",
        withdraw_in_landing,
        "",
        4,
        FAILS,
        "rows now, and had",
    ),
    ("before all consent", |_| {}, "--now 1000", 4, FAILS, "fail"),
    (
        "landing gone",
        |dir| fs::remove_dir_all(dir.join("landing")).unwrap(),
        "",
        0,
        LOOK,
        "landing files cannot be read now",
    ),
    (
        "landing gone and a withdrawal by hand",
        |dir| {
            withdraw(dir);
            fs::remove_dir_all(dir.join("landing")).unwrap();
        },
        "",
        4,
        FAILS,
        "landing files cannot be read now",
    ),
    (
        "a run that ended while publishing",
        |dir| {
            let file = dir.join("lake/system/release/00000000000000000001.json");
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains("\"done\":true"), "{text}");
            fs::write(&file, text.replace("\"done\":true", "\"done\":false")).unwrap();
        },
        "",
        0,
        LOOK,
        "tables may be of two releases",
    ),
    (
        "an input that is no row",
        |dir| {
            append(dir, "step_trainer/landing/bad.json", "no row\n");
        },
        "",
        0,
        LOOK,
        "1 place",
    ),
    (
        "a record that changed",
        change_a_record,
        "",
        0,
        LOOK,
        "landing files of customer_landing are not those that the last run read: 1 came",
    ),
    (
        "new rows",
        |dir| {
            append(
                dir,
                "customer/landing/new.json",
                "{\"email\":\"new@example.com\",\"lastUpdateDate\":1}\n",
            );
        },
        "",
        0,
        LOOK,
        "customer_landing has",
    ),
    (
        "a table that was never built",
        |dir| {
            let project = dir.join("p");
            stedi(dir, "init p").run().done();
            let text = fs::read_to_string(project.join("curated/customer_curated.sql")).unwrap();
            fs::write(project.join("curated/another_curated.sql"), text).unwrap();
        },
        "--project p",
        3,
        FAILS,
        "the next run builds",
    ),
    (
        "a table that nobody builds",
        |dir| {
            stedi(dir, "init p").run().done();
            fs::remove_file(dir.join("p/curated/training_set.sql")).unwrap();
        },
        "--project p",
        0,
        LOOK,
        "no run removes people from them: curated/training_set",
    ),
    (
        "an older version that cannot be read",
        damage_an_older_version,
        "",
        0,
        LOOK,
        "who entered or left customer_trusted since version 0 is unknown: ",
    ),
];

fn email(dir: &Path) -> String {
    let person = &rows(dir, "select email from customer_trusted limit 1")[0];
    person["email"].as_str().unwrap().to_owned()
}

fn withdraw(dir: &Path) {
    let email = email(dir);
    stedi(dir, "consent withdraw").input(&email).run().done();
}

fn change_a_record(dir: &Path) {
    let folder = dir.join("landing/customer/landing");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    let (name, changed) = ("\"customerName\": \"", "\"customerName\": \"X");
    assert!(text.contains(name), "{text:.300}");
    fs::write(file.path(), text.replacen(name, changed, 1)).unwrap();
}

/// Empties the files of `customer_trusted` that the newest version no longer has.
fn damage_an_older_version(dir: &Path) {
    withdraw(dir);
    stedi(dir, "run").run().done();
    let table = dir.join("lake/trusted/customer_trusted");
    let log = fs::read_to_string(table.join("_delta_log/00000000000000000001.json")).unwrap();
    let actions = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let removed = actions.filter_map(|action| Some(action["remove"]["path"].as_str()?.to_owned()));
    let removed: Vec<String> = removed.collect();
    assert!(!removed.is_empty(), "{log}");
    for file in removed {
        fs::write(table.join(file), "").unwrap();
    }
}

fn withdraw_in_landing(dir: &Path) {
    let email = email(dir);
    let record = format!("{{\"email\":\"{email}\",\"lastUpdateDate\":1750000000000}}\n");
    append(dir, "customer/landing/withdrawal.json", &record);
}

#[test]
fn the_verdict_is_not_better_than_that_of_verify() {
    for (case, change, words, code, headline, says) in CASES {
        let own = SMALL.copied();
        let dir = own.path();
        change(dir);
        let verified = stedi(dir, &format!("verify {words}")).run();
        assert_eq!(verified.code, code, "{case}: {verified}");
        let reported = stedi(dir, &format!("report {words} --out r.md")).run();
        assert_eq!(reported.code, code, "{case}: {reported}");
        let page = fs::read_to_string(dir.join("r.md")).unwrap();
        assert!(
            page.contains(&format!("{headline}.**")),
            "{case}: {page:.600}"
        );
        let says_it = page.replace('\\', "").contains(says);
        assert!(says_it, "{case}: {page:.2000}");
    }
}

#[test]
fn people_without_consent_are_those_of_now() {
    let own = SMALL.copied();
    let dir = own.path();
    let figures = || stedi(dir, "report --format json").run().json();
    let in_force = |figures: &Value| figures["consent"]["purposes"][2]["in_force"].as_u64();
    let before = figures();
    withdraw(dir);
    let after = figures();
    assert_eq!(after["consent"]["by_hand"], 1);
    assert_eq!(after["consent"]["purposes"][2]["purpose"], "research");
    assert_eq!(in_force(&after), in_force(&before).map(|people| people - 1));
    let gate = |table: &str, check: &str| {
        let checks = after["checks"].as_array().unwrap();
        let mut checks = checks.iter();
        let found = checks.find(|found| found["table"] == table && found["check"] == check);
        found
            .unwrap_or_else(|| panic!("no {check} of {table}"))
            .clone()
    };
    let trusted = gate("customer_trusted", "privacy: consent in force");
    assert_eq!(trusted["violations"], 1);
    assert_eq!(trusted["in_runs"], serde_json::json!([0]));
    let training = gate("training_set", "privacy: rows that may be there");
    assert_eq!(training["action"], "refuse");
    let page = stedi(dir, "report --out -").run().ended(4).out;
    let people = page.split("Whose rows each table holds").nth(1).unwrap();
    assert!(people.contains("training_set"));
}

/// Who is named only in input that is no row is in no figure, and a file of which nobody
/// can tell the rows is not passed over.
#[test]
fn input_that_is_no_row_is_not_counted_as_people() {
    let own = SMALL.copied();
    let dir = own.path();
    let landed = |figures: &Value| {
        let mut tables = figures["tables"].as_array().unwrap().iter();
        let found = tables.find(|table| table["table"] == "customer_landing");
        found.unwrap()["subjects"]["count"].clone()
    };
    let figures = || stedi(dir, "report --format json").run().done().json();
    let before = figures();
    assert_eq!(landed(&before), 40);
    append(
        dir,
        "customer/landing/bad.json",
        "{\"email\":\"nobody@example.com\",\"lastUpdateDate\":\"x\"}\n",
    );
    fs::write(
        dir.join("landing/step_trainer/landing/bad.json.gz"),
        "no archive",
    )
    .unwrap();
    stedi(dir, "run").run().done();
    let after = figures();
    assert_eq!(landed(&after), 40);
    assert_eq!(after["consent"]["people"], 40);
    let page = stedi(dir, "report --out - --as md").run().done().out;
    let of = |table: &str| {
        let mut lines = page.lines();
        let line = lines.find(|line| line.starts_with(&format!("- {table}: ")));
        line.unwrap().to_owned()
    };
    for (table, says, never) in [
        (
            "step_trainer_landing",
            "in 1 place input cannot be read and was left out.",
            "none was",
        ),
        (
            "customer_landing",
            "in 1 place input cannot be read and was left out.",
            "none was",
        ),
        (
            "accelerometer_landing",
            "none was left out.",
            "cannot be read",
        ),
    ] {
        let line = of(table);
        assert!(line.contains(says) && !line.contains(never), "{line}");
    }
}

#[test]
fn only_a_report_is_replaced() {
    let own = SMALL.copied();
    let dir = own.path();
    fs::write(
        dir.join("page.html"),
        "<!DOCTYPE html><html lang=\"en\"><p>mine",
    )
    .unwrap();
    fs::write(dir.join("stedi.toml"), "lake = \"lake\"\n").unwrap();
    fs::write(dir.join("key.json"), "{\"k\":1}").unwrap();
    fs::write(dir.join("README.md"), "# mine\n").unwrap();
    let before = crate::places::contents(dir);
    for words in [
        "report --out page.html",
        "report --out stedi.toml --as html",
        "report --out key.json",
        "report --out README.md",
    ] {
        let refused = stedi(dir, words).run().ended(2);
        refused.says("exists and is no report").hints("--yes");
        unchanged(&before, dir, words);
    }
    stedi(dir, "report --out page.html --yes").run().done();
    fs::write(dir.join("empty.md"), "").unwrap();
    for (file, first) in [
        ("page.html", "<!DOCTYPE html>"),
        ("empty.md", "<!-- stedi report -->\n"),
        ("new.md", "<!-- stedi report -->\n"),
        ("new.json", "{\"generator\":\"stedi report\","),
    ] {
        for _ in 0..2 {
            stedi(dir, "report --out").arg(file).run().done();
            let page = fs::read_to_string(dir.join(file)).unwrap();
            assert!(page.starts_with(first), "{file}");
        }
    }
    // Pages of one format take the place of those of another.
    stedi(dir, "report --out page.html --as md").run().done();
}
