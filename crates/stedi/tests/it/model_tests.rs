//! `stedi test`: the data product's own tests, and their format.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::places::contents;
use crate::program::{Outcome, stedi};

/// A folder with the data product in `p`.
fn project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    stedi(dir.path(), "init p").run().done();
    dir
}

/// Replaces all tests of `table`, a path such as `trusted/customer_trusted`, by
/// `text`, and runs them.
fn test_of(dir: &Path, table: &str, text: &str) -> Outcome {
    fs::write(dir.join(format!("p/{table}.test.sql")), text).unwrap();
    let name = table.rsplit('/').next().unwrap();
    stedi(dir, &format!("test {name} --project p --format json")).run()
}

/// Replaces `from`, which must be there, in a file of the product.
fn edit(dir: &Path, file: &str, from: &str, to: &str) {
    let path = dir.join("p").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} in {file}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_shipped_product_passes_its_own_tests() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = stedi(dir.path(), "test --format json").run().done();
    let document = outcome.json();
    assert_eq!(document["failed"], 0, "{outcome}");
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(document["passed"], cases.len(), "{outcome}");
    for table in [
        "customer_trusted",
        "accelerometer_trusted",
        "step_trainer_trusted",
        "customer_curated",
        "machine_learning_curated",
        "training_set",
    ] {
        let own = cases.iter().filter(|case| case["table"] == table).count();
        assert!(own >= 3, "{table} has {own} tests");
    }
    // Neither a lake nor anything else is left.
    assert!(contents(dir.path()).len() <= 1, "{outcome}");
    // `stedi init` writes them out.
    let written = project();
    let file = "trusted/customer_trusted.test.sql";
    assert_eq!(
        fs::read_to_string(written.path().join("p").join(file)).unwrap(),
        fs::read_to_string(format!(
            "{}/../../lakehouse/{file}",
            env!("CARGO_MANIFEST_DIR")
        ))
        .unwrap()
    );
    stedi(written.path(), "test --project p --case")
        .arg("REFUSED")
        .run()
        .done()
        .says("2 tests passed");
}

/// A part that is removed from a model, and the test that fails then.
struct Mutation {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// The beginning of the title of a failing case.
    fails: &'static str,
    /// A missing or extra row.
    row: &'static str,
}

const fn mutation(
    file: &'static str,
    from: &'static str,
    to: &'static str,
    fails: &'static str,
    row: &'static str,
) -> Mutation {
    Mutation {
        file,
        from,
        to,
        fails,
        row,
    }
}

#[test]
fn a_condition_less_makes_a_test_fail_that_says_which_row() {
    if crate::long::is_left_out() {
        return;
    }
    const CUSTOMER: &str = "trusted/customer_trusted.sql";
    const PHONE: &str = "trusted/accelerometer_trusted.sql";
    const TRAINER: &str = "trusted/step_trainer_trusted.sql";
    const CURATED: &str = "curated/customer_curated.sql";
    const PAIRS: &str = "curated/machine_learning_curated.sql";
    const TRAINING: &str = "curated/training_set.sql";
    let mutations = [
        // Nobody's consent is in force either: the ledger tells the difference.
        mutation(
            CUSTOMER,
            "where subject(email) <> ''",
            "",
            "A blank address",
            "filtered",
        ),
        mutation(
            CUSTOMER,
            "where purpose = 'research'",
            "where true",
            "Consent to show",
            "ada@example.com",
        ),
        mutation(
            CUSTOMER,
            "and valid_from <= run_time()",
            "",
            "Consent that was dated",
            "ada@example.com",
        ),
        mutation(
            CUSTOMER,
            "and valid_from <= run_time()",
            "and valid_from < run_time()",
            "Consent in force",
            "now@example.com",
        ),
        mutation(
            CUSTOMER,
            "and (valid_to is null or valid_to > run_time())",
            "",
            "A newer record",
            "ada@example.com",
        ),
        mutation(
            CUSTOMER,
            "join in_force c on",
            "left join in_force c on",
            "Consent in force",
            "zero@example.com",
        ),
        mutation(
            CUSTOMER,
            "order by lastupdatedate desc,",
            "order by lastupdatedate,",
            "A person has one row",
            "Ada New",
        ),
        mutation(
            CUSTOMER,
            "registrationdate desc,",
            "registrationdate,",
            "Of records that are equally new",
            "1643673600000",
        ),
        mutation(
            CUSTOMER,
            ") = 1\n),\n\nin_force",
            ") >= 1\n),\n\nin_force",
            "A person has one row",
            "Ada Old",
        ),
        mutation(
            CUSTOMER,
            "c.subject = n.subject",
            "c.subject = n.email",
            "A person has one row",
            "Ada New",
        ),
        mutation(
            PHONE,
            "join customer_trusted c on subject(c.email) = subject(a.user)",
            "",
            "Readings of people",
            "bob@example.com",
        ),
        mutation(
            PHONE,
            "subject(c.email) = subject(a.user)",
            "c.email = a.user",
            "Addresses match",
            "ADA@EXAMPLE.COM",
        ),
        mutation(
            PHONE,
            "duplicates = \"drop\"",
            "",
            "One of equal readings",
            "1.0",
        ),
        mutation(
            TRAINER,
            "join customer_curated c on subject(c.email) = o.subject",
            "",
            "Readings of a device",
            "B",
        ),
        mutation(
            TRAINER,
            "on o.serialnumber = s.serialnumber",
            "on true",
            "Readings of a device",
            "Z",
        ),
        mutation(
            TRAINER,
            "and (o.valid_from is null or s.sensorreadingtime >= o.valid_from)",
            "",
            "A device passed on",
            "21",
        ),
        mutation(
            TRAINER,
            "and (o.valid_to is null or s.sensorreadingtime < o.valid_to)",
            "",
            "A device passed on",
            "40",
        ),
        mutation(
            TRAINER,
            "duplicates = \"drop\"",
            "",
            "One of equal readings",
            "10",
        ),
        mutation(
            CURATED,
            "left semi join accelerometer_trusted a on subject(a.user) = subject(c.email)",
            "",
            "A person in customer_trusted",
            "bob@example.com",
        ),
        mutation(
            CURATED,
            "left semi join accelerometer_trusted",
            "join accelerometer_trusted",
            "Many readings",
            "ada@example.com",
        ),
        mutation(
            CURATED,
            "coalesce(d.serialnumber, s.serialnumber)",
            "c.serialnumber",
            "The serial number",
            "WRONG",
        ),
        mutation(
            CURATED,
            "coalesce(d.serialnumber, s.serialnumber)",
            "d.serialnumber",
            "A device that never reported",
            "SILENT",
        ),
        mutation(
            CURATED,
            "where c.claimants = 1",
            "",
            "A device that never reported",
            "SHARED",
        ),
        mutation(
            CURATED,
            "left anti join system.device_owner o on o.serialnumber = c.serialnumber",
            "",
            "A device that reports",
            "A",
        ),
        mutation(
            CURATED,
            "order by last_reading desc nulls last",
            "order by last_reading",
            "Of two devices",
            "NEW",
        ),
        mutation(
            CURATED,
            "and valid_to is null",
            "",
            "A device passed on",
            "D",
        ),
        mutation(
            PAIRS,
            "d.owner = subject(a.user) as same_owner",
            "true as same_owner",
            "Readings are paired",
            "bob@example.com",
        ),
        mutation(
            PAIRS,
            "d.sensorreadingtime = a.timestamp",
            "d.owner = subject(a.user)",
            "Readings are paired",
            "bob@example.com",
        ),
        mutation(
            PAIRS,
            "d.owner = subject(a.user) as same_owner",
            "d.owner = a.user as same_owner",
            "The owner's spelling",
            "ADA@example.com",
        ),
        mutation(
            TRAINING,
            "where m.same_owner and",
            "where",
            "A pair of two people",
            "2.0",
        ),
        mutation(
            TRAINING,
            "and m.sensorreadingtime >= c.valid_from",
            "",
            "A pair is in if",
            "9.0",
        ),
        mutation(
            TRAINING,
            "and (c.valid_to is null or m.sensorreadingtime < c.valid_to)",
            "",
            "A pair is in if",
            "20.0",
        ),
        mutation(
            TRAINING,
            "and c.purpose = 'research'",
            "",
            "Consent to show",
            "1.0",
        ),
        mutation(
            TRAINING,
            "c.subject = subject(m.user)",
            "true",
            "A pair of",
            "1.0",
        ),
        mutation(
            TRAINING,
            "min(sensorreadingtime)",
            "max(sensorreadingtime)",
            "A pair of one person",
            "-1000",
        ),
        mutation(
            TRAINING,
            "pseudonym(p.person)",
            "pseudonym('everybody')",
            "A pair of one person",
            "1000",
        ),
    ];
    let dir = project();
    let mut survivors = Vec::new();
    for mutation in &mutations {
        let path = dir.path().join("p").join(mutation.file);
        let before = fs::read_to_string(&path).unwrap();
        edit(dir.path(), mutation.file, mutation.from, mutation.to);
        let table = mutation.file.split(['/', '.']).nth(1).unwrap();
        let outcome = stedi(
            dir.path(),
            &format!("test {table} --project p --format json --case"),
        )
        .arg(mutation.fails)
        .run();
        fs::write(&path, before).unwrap();
        let shown = format!("{} to {:?}: {}", mutation.from, mutation.to, mutation.file);
        if outcome.code != 3 {
            survivors.push(format!(
                "{shown}: exit code {}\n{}",
                outcome.code, outcome.err
            ));
            continue;
        }
        let document = outcome.json();
        let cases = document["cases"].as_array().unwrap();
        let case = cases.iter().find(|case| {
            case["verdict"] == "fail" && case["title"].as_str().unwrap().starts_with(mutation.fails)
        });
        let rows = case.map(|case| {
            let findings = case["findings"].as_array().unwrap();
            let rows = findings.iter().map(|finding| finding["rows"].to_string());
            rows.collect::<String>()
        });
        if !rows
            .as_ref()
            .is_some_and(|rows| rows.contains(mutation.row))
        {
            survivors.push(format!(
                "{shown}: no {:?} in {rows:?}\n{}",
                mutation.row, outcome.err
            ));
        }
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n\n"));
}

#[test]
fn a_test_that_fails_says_where_and_which_rows() {
    if crate::long::is_left_out() {
        return;
    }
    let dir = project();
    edit(
        dir.path(),
        "trusted/accelerometer_trusted.sql",
        "subject(c.email) = subject(a.user)",
        "c.email = a.user",
    );
    let outcome = stedi(dir.path(), "test accelerometer_trusted --project p")
        .run()
        .ended(3);
    let shown = outcome
        .says("error: p/trusted/accelerometer_trusted.test.sql:")
        .says(": Addresses match in any letter case")
        .says("accelerometer_trusted lacks 2 rows")
        .says("missing    ADA@EXAMPLE.COM")
        .says("3 of 6 tests passed");
    assert!(shown.out.contains("fail"), "{shown}");
    // A gate that holds the run back does not hide the rows.
    let dir = project();
    edit(
        dir.path(),
        "trusted/customer_trusted.sql",
        "and valid_from <= run_time()",
        "",
    );
    stedi(dir.path(), "test customer_trusted --project p")
        .run()
        .ended(3)
        .says("the run published nothing: check privacy: consent in force of customer_trusted failed for 1 row")
        .says("extra  ada@example.com");
}

#[test]
fn files_of_tests_that_are_wrong() {
    let dir = project();
    let head = "-- test: t\n";
    let path = "trusted/accelerometer_trusted";
    for (text, line, says, hints) in [
        ("", "1:1", "no test in this file", "-- test: what it shows"),
        ("now 1;", "1:1", "before the first test", "-- test:"),
        (
            "-- test:\nexpect accelerometer_trusted empty;",
            "1:1",
            "without a title",
            "what the test shows",
        ),
        (
            "-- tset: t\nexpect accelerometer_trusted empty;",
            "1:1",
            "`-- tset:` means nothing",
            "-- test:",
        ),
        (
            "-- test: t\nnow 1;",
            "1:1",
            "expects nothing",
            "expect TABLE",
        ),
        (
            "-- test: t\nnow 1\n-- test: u\nexpect accelerometer_trusted empty;",
            "2:1",
            "never ended",
            "`;`",
        ),
        (
            "-- test: t\nexpect accelerometer_trusted empty",
            "2:1",
            "never ended",
            "`;`",
        ),
        (
            "-- test: t\ngivn customer_landing json $$ $$;",
            "2:1",
            "no statement `givn`",
            "`given`",
        ),
        (
            "-- test: t\ninsert into customer_landing values (1);",
            "2:1",
            "no statement `insert`",
            "given TABLE",
        ),
        (
            "-- test: t\ngiven customer_landin (email) values ('a');",
            "2:",
            "unknown table `customer_landin`",
            "customer_landing",
        ),
        (
            "-- test: t\ngiven customer_trusted (email) values ('a');",
            "2:7",
            "built by a run",
            "landing rows",
        ),
        (
            "-- test: t\ngiven customer_landing (emial) values ('a');",
            "2:24",
            "unknown column `emial`",
            "`email`",
        ),
        (
            "-- test: t\ngiven customer_landing values ('a');",
            "2:24",
            "expected `(` and columns",
            "given TABLE (column",
        ),
        (
            "-- test: t\ngiven customer_landing json 'x';",
            "2:29",
            "expected `$$`",
            "$$",
        ),
        (
            "-- test: t\ngiven customer_landing json $$ {;",
            "2:1",
            "`$$` is never closed",
            "",
        ),
        (
            "-- test: t\ngiven customer_landing (email) values ('a);",
            "2:1",
            "`'` is never closed",
            "",
        ),
        (
            "-- test: t\ngrant reserch to 'a@b';",
            "2:7",
            "not `reserch`",
            "",
        ),
        (
            "-- test: t\ngrant research from 'a@b';",
            "2:16",
            "expected `to`",
            "grant research to",
        ),
        (
            "-- test: t\nexpect acelerometer_trusted empty;",
            "2:",
            "unknown table `acelerometer_trusted`",
            "accelerometer_trusted",
        ),
        (
            "-- test: t\nexpect accelerometer_trusted;",
            "2:29",
            "expected",
            "expect TABLE",
        ),
        (
            "-- test: t\nexpect accelerometer_trusted empty now;",
            "2:36",
            "expected `;`, found `now`",
            "expect TABLE",
        ),
        (
            "-- test: t\nexpect ledger accelerometer_trusted rows_in 3;",
            "2:45",
            "expected `=`",
            "expect ledger",
        ),
        (
            "-- test: t\nexpect refused by consent;",
            "2:19",
            "expected a check's name",
            "expect refused by",
        ),
    ] {
        let outcome = test_of(dir.path(), path, text).ended(2);
        let place = format!("p/{path}.test.sql:{line}");
        let outcome = outcome.says(&place).says(says);
        assert!(outcome.out.is_empty(), "{text}: {outcome}");
        if !hints.is_empty() {
            assert!(outcome.err.contains("hint: "), "{text}: {outcome}");
            let outcome = outcome.says(hints);
            drop(outcome);
        }
    }
    // What only a run or a plan can tell.
    for (text, line, says, hints) in [
        (
            "now 'noon';\nexpect accelerometer_trusted empty;",
            2,
            "`noon` is no instant",
            "2026-11-20",
        ),
        (
            "expect accelerometer_trusted (usr) values ('a');",
            2,
            "no column `usr`",
            "`user`",
        ),
        (
            "expect accelerometer_trusted (user, x) values ('a');",
            2,
            "rows of 1 values, and 2 columns are named",
            "each row a value",
        ),
        (
            "expect accelerometer_trusted (user)\nas select user from customer_landing;",
            3,
            "user",
            "",
        ),
        (
            "expect (\nselect usr from accelerometer_trusted) empty;",
            3,
            "no column `usr`",
            "",
        ),
        (
            "expect system.consnt empty;",
            2,
            "there is no table `system.consnt`",
            "system.consent",
        ),
        (
            "expect ledger accelerometer_trusted no_consnt = 1;",
            2,
            "no count `no_consnt`",
            "`no_consent`",
        ),
        (
            "given customer_landing (email) values ('a', 1);\nexpect accelerometer_trusted empty;",
            2,
            "2 values",
            "",
        ),
        (
            "given model trusted.m as select 1;\nexpect accelerometer_trusted empty;",
            2,
            "no contract",
            "",
        ),
    ] {
        let outcome = test_of(dir.path(), path, &format!("{head}{text}")).ended(2);
        let document = outcome.json();
        assert_eq!(document["wrong"], 1, "{text}: {outcome}");
        let finding = &document["cases"][0]["findings"][0];
        assert_eq!(finding["line"], line, "{text}: {outcome}");
        let message = finding["message"].as_str().unwrap();
        assert!(message.contains(says), "{text}: {outcome}");
        let hint = finding["hint"].as_str().unwrap_or_default();
        assert!(hint.contains(hints), "{text}: {outcome}");
    }
    fs::write(
        dir.path().join("p/trusted/nothing.test.sql"),
        "-- test: t\n",
    )
    .unwrap();
    stedi(dir.path(), "test --project p")
        .run()
        .ended(2)
        .says("p/trusted/nothing.test.sql: tests of `nothing`, which is no table");
    // A run does not look at tests.
    stedi(dir.path(), "describe customer_trusted --project p")
        .run()
        .done();
}

/// Expectations that do not hold, and their messages.
#[test]
fn expectations_that_are_not_met() {
    if crate::long::is_left_out() {
        return;
    }
    let dir = project();
    let given = "-- test: t\n\
                 now 1000;\n\
                 given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values ('ada@example.com', 100, 100);\n\
                 given accelerometer_landing (user, timestamp, x) values ('ada@example.com', 200, 1.0), ('ada@example.com', 300, null), ('ada@example.com', 200, 1.0);\n";
    let path = "trusted/accelerometer_trusted";
    for (text, code, says) in [
        (
            "expect accelerometer_trusted (timestamp, x) values (300, null), (200, 1);",
            0,
            "",
        ),
        (
            "expect accelerometer_trusted (timestamp, x) values (200, 1.0);",
            3,
            "has 1 row too many",
        ),
        (
            "expect accelerometer_trusted (timestamp) values (200), (200), (300);",
            3,
            "lacks 1 row",
        ),
        (
            "expect accelerometer_trusted (timestamp, x) values (300, 0.0), (200, 1.0);",
            3,
            "lacks 1 row and has 1 row too many",
        ),
        (
            "expect accelerometer_trusted (timestamp) values (200), (300), (400);",
            3,
            "lacks 1 row",
        ),
        (
            "expect accelerometer_trusted empty;",
            3,
            "accelerometer_trusted is not empty",
        ),
        (
            "expect accelerometer_trusted as select 200 as timestamp union all select 300;",
            0,
            "",
        ),
        (
            "expect trusted.accelerometer_trusted (\"timestamp\") values (200), (300);",
            0,
            "",
        ),
        (
            "expect (select timestamp from accelerometer_trusted order by timestamp) in order (t) values (200), (300);",
            0,
            "",
        ),
        (
            "expect (select timestamp from accelerometer_trusted order by timestamp) in order (t) values (300), (200);",
            3,
            "in another order",
        ),
        (
            "expect (select count(*) as n from accelerometer_trusted) (n) values (2);",
            0,
            "",
        ),
        (
            "expect (select user from accelerometer_trusted where x > 5) empty;",
            0,
            "",
        ),
        (
            "expect system.consent (subject, purpose, valid_from) values ('ada@example.com', 'research', 100);",
            0,
            "",
        ),
        (
            "expect ledger accelerometer_trusted rows_in = 3, duplicate = 1, rows_out = 2;",
            0,
            "",
        ),
        (
            "expect ledger accelerometer_trusted rows_in = 3, duplicate = 0, rows_out = 2;",
            3,
            "the ledger counts otherwise for accelerometer_trusted",
        ),
        (
            "expect refused;",
            3,
            "the run was not refused: every check passed",
        ),
        (
            "expect failed by 'not_null(user)' of accelerometer_trusted;",
            3,
            "the run was not failed by check not_null(user) of accelerometer_trusted",
        ),
        (
            "expect accelerometer_trusted (x) values (1.0), (null);\nrun full;\nexpect accelerometer_trusted (x) values (1.0), (null);\nexpect ledger accelerometer_trusted rows_in = 3, duplicate = 1;",
            0,
            "",
        ),
        ("now 50;\nexpect accelerometer_trusted empty;", 0, ""),
        (
            "withdraw research from 'ada@example.com' at 500;\nexpect accelerometer_trusted empty;",
            0,
            "",
        ),
        (
            "given model trusted.all_readings as\n/*\ngrain = \"One reading.\"\nsubject = \"user\"\npersonal = [\"user\"]\n[checks]\nnot_null = [\"x\"]\n*/\nselect user, timestamp, x from accelerometer_landing;\nexpect failed by 'not_null(x)' of all_readings, 1 row;\nexpect accelerometer_trusted empty;",
            0,
            "",
        ),
        (
            "given model trusted.all_readings as\n/*\ngrain = \"One reading.\"\nsubject = \"user\"\npersonal = [\"user\"]\n[checks]\nnot_null = { columns = [\"x\"], action = \"warn\" }\n*/\nselect user, timestamp, x from accelerometer_landing;\nexpect warned by 'not_null(x)' of all_readings, 1 row;\nexpect warned by 'not_null(x)', 2 rows;",
            3,
            "for 1 row, not for 2",
        ),
        (
            "given model trusted.nobody as\n/*\ngrain = \"One reading.\"\n*/\nselect x from accelerometer_landing;\nexpect refused;",
            0,
            "",
        ),
        (
            "given model trusted.nobody as\n/*\ngrain = \"One reading.\"\n*/\nselect x from accelerometer_landing;\nexpect accelerometer_trusted empty;",
            3,
            "the run ended early",
        ),
    ] {
        let outcome = test_of(dir.path(), path, &format!("{given}{text}"));
        assert_eq!(outcome.code, code, "{text}: {outcome}");
        assert!(outcome.err.contains(says), "{text}: {outcome}");
    }
}

#[test]
fn which_tests_are_run() {
    let dir = project();
    for (words, code, says) in [
        ("test training_set --project p", 0, "tests passed"),
        ("test step_trainer_curated --project p", 0, "tests passed"),
        (
            "test trainig_set --project p",
            2,
            "there is no table `trainig_set`",
        ),
        (
            "test customer_landing --project p",
            2,
            "customer_landing has no tests",
        ),
    ] {
        stedi(dir.path(), words).run().ended(code).says(says);
    }
    for zone in ["trusted", "curated"] {
        for entry in fs::read_dir(dir.path().join("p").join(zone))
            .unwrap()
            .flatten()
        {
            if entry.path().to_string_lossy().ends_with(".test.sql") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }
    stedi(dir.path(), "test --project p")
        .run()
        .done()
        .says("no tests")
        .hints(".test.sql");
}

/// A landing table with its own location is read from the test's rows, never from
/// that location.
#[test]
fn landing_tables_that_lie_elsewhere() {
    let dir = project();
    let elsewhere = dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let record = r#"{"email": "real@example.com", "lastUpdateDate": 1672531200000, "shareWithResearchAsOfDate": 1672531200000}"#;
    fs::write(elsewhere.join("a.json"), record).unwrap();
    edit(
        dir.path(),
        "landing/customer_landing.sql",
        "s3://stedi/customer/landing/",
        &format!("file://{}/", elsewhere.display()),
    );
    let text = "-- test: t\n\
                given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values ('ada@example.com', 1672531200000, 1672531200000);\n\
                expect customer_trusted (email) values ('ada@example.com');\n";
    test_of(dir.path(), "trusted/customer_trusted", text).done();
}
