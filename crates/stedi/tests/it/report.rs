//! `stedi report`: a page of figures without personal values. `stedi tables` shows the
//! rows of landing tables as the last run read them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::people::People;
use crate::places::{DEMO, REFERENCE, SMALL, Shared, append, contents, unchanged};
use crate::program::{Call, Outcome, rows, stedi};

/// The figures, as programs get them.
#[track_caller]
fn figures(dir: &Path) -> Value {
    stedi(dir, "report --format json").run().done().json()
}

/// The page of each format.
fn pages(dir: &Path) -> [(&'static str, String); 3] {
    ["html", "md", "json"].map(|format| {
        let words = format!("report --now 1800000000000 --out - --as {format}");
        (format, stedi(dir, &words).run().done().silent().out)
    })
}

/// The entry of `list` whose `key` is `value`.
#[track_caller]
fn entry<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    let mut entries = list.as_array().unwrap().iter();
    let found = entries.find(|entry| entry[key] == value);
    found.unwrap_or_else(|| panic!("no {key} {value} in {list}"))
}

#[test]
fn counts_and_reasons_of_the_published_data() {
    for shared in [Some(&*DEMO), REFERENCE.as_ref()].into_iter().flatten() {
        let figures = figures(&shared.dir);
        assert_eq!(figures["verdict"], "ok");
        assert_eq!(figures["expected_from"], "lakehouse/published.toml");
        for (table, rows, left_out) in [
            ("customer_landing", 956, json!([])),
            ("accelerometer_landing", 81_273, json!([])),
            ("step_trainer_landing", 28_680, json!([])),
            ("customer_trusted", 482, json!([["no_consent", 474]])),
            (
                "accelerometer_trusted",
                40_981,
                json!([["no_consent", 40_292]]),
            ),
            (
                "step_trainer_trusted",
                14_460,
                json!([["no_owner", 14_220]]),
            ),
            ("customer_curated", 482, json!([])),
            ("machine_learning_curated", 43_681, json!([])),
            (
                "training_set",
                32_025,
                json!([["no_consent", 8_956], ["filtered", 2_700]]),
            ),
        ] {
            let found = entry(&figures["tables"], "table", table);
            assert_eq!(found["rows"], rows, "{table}");
            if table != "training_set" {
                assert_eq!(found["expected"], rows, "{table}");
            }
            let reasons = found["account"]["left_out"].as_array().unwrap().iter();
            let reasons: Vec<Value> = reasons
                .map(|reason| json!([reason["reason"], reason["rows"]]))
                .collect();
            assert_eq!(Value::from(reasons), left_out, "{table}");
        }
        for (table, people) in [
            ("customer_landing", 956),
            ("step_trainer_landing", 956),
            ("customer_trusted", 482),
            ("step_trainer_trusted", 482),
        ] {
            let subjects = &entry(&figures["tables"], "table", table)["subjects"];
            assert_eq!(subjects["count"], people, "{table}");
        }
        let research = entry(&figures["consent"]["purposes"], "purpose", "research");
        assert_eq!(research["in_force"], 482);
        let customers = entry(&figures["tables"], "table", "customer_landing");
        let agreed = entry(&customers["columns"], "column", "sharewithresearchasofdate");
        assert_eq!(agreed["nulls"], 474);
        let trusted = entry(&figures["tables"], "table", "customer_trusted");
        let agreed = entry(&trusted["columns"], "column", "sharewithresearchasofdate");
        assert_eq!(agreed["nulls"], 0);
        let edge = |from: &str, to: &str| {
            let mut edges = figures["edges"].as_array().unwrap().iter();
            let edge = edges.find(|edge| edge["from"] == from && edge["to"] == to);
            edge.unwrap()["rows"].clone()
        };
        for (from, to, rows) in [
            ("accelerometer_landing", "accelerometer_trusted", 81_273),
            ("customer_trusted", "accelerometer_trusted", 40_981),
            ("step_trainer_trusted", "machine_learning_curated", 14_460),
            ("accelerometer_trusted", "machine_learning_curated", 43_681),
        ] {
            assert_eq!(edge(from, to), rows, "{from} {to}");
        }
        let gate = figures["checks"].as_array().unwrap().iter();
        let gates = gate.filter(|check| check["action"] == "refuse");
        assert_eq!(gates.filter(|gate| gate["violations"] == 0).count(), 6);
        no_personal_value(shared);
    }
}

/// Neither a value of a customer record nor a birthday is on any page, nor in the text
/// of its graph.
#[track_caller]
fn no_personal_value(shared: &Shared) {
    let People { values } = &shared.people;
    assert!(values.len() > 100, "nothing to look for");
    let birthdays: Vec<String> = rows(
        &shared.dir,
        "select distinct birthday from customer_landing where birthday is not null",
    )
    .iter()
    .map(|row| row["birthday"].as_str().unwrap().to_owned())
    .filter(|birthday| birthday.len() > 4)
    .collect();
    assert!(birthdays.len() > 10, "{birthdays:?}");
    for (format, page) in pages(&shared.dir) {
        assert_eq!(shared.people.found_in(&page), None, "{format}");
        let found = birthdays.iter().find(|birthday| page.contains(*birthday));
        assert_eq!(found, None, "{format}");
        assert!(page.contains("customer_landing") || page.contains("customer\\_landing"));
    }
}

#[test]
fn a_page_is_one_file_that_loads_nothing() {
    let dir = &SMALL.dir;
    let own = tempfile::tempdir().unwrap();
    let file = own.path().join("page.html");
    fs::write(&file, stedi(dir, "report --out -").run().done().out).unwrap();
    let before = contents(&dir.join("lake"));
    let outcome = stedi(dir, "report --out").arg(&file).run().done();
    assert!(outcome.out.is_empty(), "{outcome}");
    outcome.says("everything holds");
    unchanged(&before, &dir.join("lake"), "report");
    assert_eq!(
        fs::read_dir(own.path()).unwrap().count(),
        1,
        "only the page"
    );
    let page = fs::read_to_string(&file).unwrap();
    well_formed(&page);
    for (fragment, expected) in [
        ("<!DOCTYPE html>", true),
        ("prefers-color-scheme: dark", true),
        ("@media print", true),
        ("<svg", true),
        ("<desc", true),
        ("customer_trusted", true),
        ("<script", false),
        ("<link", false),
        ("<img", false),
        ("src=", false),
        ("@import", false),
        ("url(", false),
        ("http:", false),
        ("https:", false),
    ] {
        assert_eq!(page.contains(fragment), expected, "{fragment}");
    }
    let links = page.split("href=\"").skip(1);
    assert!(links.clone().count() > 3);
    for link in links {
        assert!(link.starts_with("#table-"), "{:.40}", link);
    }
}

/// Every element is closed where HTML asks for it, and nested in its parent; every
/// internal link has its target.
#[track_caller]
fn well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        match tag {
            _ if tag.starts_with('!') || name == "meta" => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{rest:.80}"),
            "style" => rest = rest.split_once("</style>").unwrap().1,
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for link in page.split("href=\"#").skip(1) {
        let target = link.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn equal_lakes_give_equal_pages() {
    let dir = &SMALL.dir;
    let [first, second] = [pages(dir), pages(dir)];
    assert_eq!(first, second);
    let later = stedi(dir, "report --now 1800000000001 --out -")
        .run()
        .done();
    let differing = first[0].1.lines().zip(later.out.lines());
    assert_eq!(differing.filter(|(one, other)| one != other).count(), 1);
}

/// Values out of a model, of a contract and of a landing file are text on every page.
#[test]
fn hostile_texts_stay_texts() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    stedi(dir, "init p").run().done();
    let file = dir.join("p/trusted/accelerometer_trusted.sql");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replacen(
        "a.x,",
        "a.x, '<script>alert(1)</script>|`x`' as markup, chr(27) || '[31m' || chr(0) as control, \
         'ann@example.com' as address, '+49 170 1234567' as number, rpad('long ', 1000, 'long ') as long, \
         subject(a.user) like '%@%' as \"<b>|\",",
        1,
    );
    let text = text.replacen("grain = \"", "grain = \"<i>|ask bob@example.com ", 1);
    fs::write(&file, text).unwrap();
    stedi(dir, "run --project p").run().done();
    let page = |words: &str| {
        let words = format!("report --project p --out - {words}");
        stedi(dir, &words).run().done().out
    };
    let html = page("");
    well_formed(&html);
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;|`x`"));
    assert!(html.contains("&lt;i&gt;|ask (masked) "));
    let markdown = page("--as md");
    assert!(
        markdown.contains("\\<script\\>alert(1)\\</script\\>\\|\\`x\\`"),
        "{markdown}"
    );
    for (format, page) in [
        ("html", &html),
        ("md", &markdown),
        ("json", &page("--as json")),
    ] {
        for absent in [
            "ann@example.com",
            "bob@example.com",
            "1234567",
            "\u{1b}",
            "\0",
        ] {
            assert!(!page.contains(absent), "{format}: {absent:?}");
        }
        assert!(!page.contains(&"long ".repeat(30)), "{format}");
    }
    for (format, page) in [("html", &html), ("md", &markdown)] {
        assert!(page.contains("\\u001b"), "{format}");
    }
    // With another project, nobody knows what flows into the table's texts.
    let other = stedi(dir, "report --out -").run().done().out;
    assert!(other.contains("the next run builds accelerometer_trusted"));
    assert!(!other.contains("alert(1)"));
}

#[test]
fn what_cannot_be_read_is_counted_and_not_shown() {
    let own = SMALL.copied();
    let dir = own.path();
    let person = &rows(dir, "select email from customer_trusted limit 1")[0];
    let email = person["email"].as_str().unwrap();
    let bad = format!("{{\"email\":\"{email}\",\"lastUpdateDate\":\"x\"}}\n");
    append(dir, "customer/landing/bad-of-ann.json", &bad);
    stedi(dir, "run").run().done();
    let figures = figures(dir);
    assert_eq!(figures["quarantine"].as_array().unwrap().len(), 1);
    assert_eq!(figures["quarantine"][0]["places"], 1);
    assert_eq!(figures["consent"]["suspended"], 1);
    let trusted = entry(&figures["tables"], "table", "customer_trusted");
    assert_eq!(
        trusted["subjects"]["change"],
        json!({"since_version": 0, "entered": 0, "left": 1})
    );
    assert_eq!(trusted["versions"].as_array().unwrap().len(), 2);
    let check = entry(&figures["checks"], "check", "one_row_per_person");
    assert_eq!(check["in_runs"], json!([0, 0]));
    for (format, page) in pages(dir) {
        assert!(!page.contains(email), "{format}");
        assert!(!page.contains("bad-of-ann"), "{format}");
    }
}

#[test]
fn expectations_that_are_not_met() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    fs::write(dir.join("counts.toml"), "[rows]\ncustomer_trusted = 1\n").unwrap();
    let wrong = stedi(dir, "report --expect counts.toml --out r.html").run();
    wrong.ended(3).says("something does not hold");
    let page = fs::read_to_string(dir.join("r.html")).unwrap();
    assert!(page.contains("1 of 1 expected counts are not met"));
    // Where landing holds other rows, the published counts are about other data.
    assert_eq!(figures(dir)["expected_from"], Value::Null);
    stedi(dir, "report --expect published --out r.html")
        .run()
        .ended(3);
}

#[test]
fn places_and_lakes_that_give_no_page() {
    let own = SMALL.copied();
    let dir = own.path();
    fs::create_dir(dir.join("folder.html")).unwrap();
    std::os::unix::fs::symlink("/dev/null", dir.join("link.html")).unwrap();
    let before = contents(dir);
    let check = |words: &str, code: i32, says: &str, hint: &str| -> Outcome {
        let outcome = stedi(dir, words).run().ended(code).says(says).hints(hint);
        assert!(outcome.out.is_empty(), "{outcome}");
        unchanged(&before, dir, words);
        outcome
    };
    check("report", 2, "no file for the report", "--out report.html");
    check(
        "report --out page",
        2,
        "tells no format",
        ".html, .md or .json",
    );
    check("report --out page.pdf", 2, "tells no format", "--as");
    check("report --out folder.html", 2, "is a folder", "--out");
    check("report --out link.html", 2, "no regular file", "--out -");
    check("report --out lake/r.html", 2, "is in the lake", "outside");
    check(
        "report --out lake/new/r.html",
        2,
        "is in the lake",
        "outside",
    );
    check(
        "report --out landing/customer/landing/r.json",
        2,
        "is in the landing folder",
        "outside",
    );
    check(
        "report --out s3://bucket/r.html",
        2,
        "this machine",
        "local file",
    );
    check(
        "report --out nowhere/r.html",
        1,
        "cannot write nowhere/r.html",
        "create the folder",
    );
    check(
        "report --out r.html --lake none",
        2,
        "no lake at none",
        "`stedi run`",
    );
    check(
        "report --out r.html --expect none.toml",
        2,
        "none.toml",
        "--expect published",
    );
    let files = dir.join("lake/trusted/customer_trusted");
    let file = fs::read_dir(files).unwrap().flatten();
    let mut file = file.filter(|file| file.path().extension().is_some_and(|of| of == "parquet"));
    fs::remove_file(file.next().unwrap().path()).unwrap();
    let damaged = stedi(dir, "report --out r.html").run().ended(1);
    damaged
        .says("the lake is damaged: trusted.customer_trusted")
        .hints("stedi repair");
    assert!(!dir.join("r.html").exists());
}

#[test]
fn landing_files_out_of_reach() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    fs::remove_file(dir.join("landing")).unwrap();
    let figures = figures(dir);
    let customers = entry(&figures["tables"], "table", "customer_landing");
    assert_eq!(
        customers["preview"]["absent"],
        "its landing files cannot be read now"
    );
    assert!(customers["rows"].as_u64() > Some(0));
    assert_eq!(figures["verdict"], "warn");
}

#[test]
fn tables_shows_landing_rows_of_the_last_run() {
    let own = SMALL.copied();
    let dir = own.path();
    let landing = |call: Call| {
        let tables = call.run().done().json();
        let found = entry(&tables, "table", "customer_landing");
        (found["rows"].clone(), found["counted"].clone())
    };
    let tables = || stedi(dir, "tables --format json");
    let (rows, counted) = landing(tables());
    assert!(rows.as_u64() > Some(0), "{rows}");
    assert_eq!(counted, "last run");
    append(
        dir,
        "customer/landing/new.json",
        "{\"email\":\"new@example.com\",\"lastUpdateDate\":1}\n",
    );
    assert_eq!(landing(tables()).0, rows, "files of after the run");
    stedi(dir, "run").run().done();
    assert_eq!(
        landing(tables()).0.as_u64(),
        rows.as_u64().map(|rows| rows + 1)
    );
    assert_eq!(
        landing(tables().arg("--lake").arg("none")),
        (Value::Null, Value::Null)
    );
    let shown = stedi(dir, "tables").run().done().out;
    assert!(
        shown
            .lines()
            .any(|line| line.contains("customer_landing") && line.contains("last run"))
    );
}
